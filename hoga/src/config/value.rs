//! Settings as text and back.
//!
//! Invariant: `parse(show(v))` is `v`.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A setting's value as text.
pub trait Value: Sized {
    /// Reads it; an error says what it has to be.
    fn parse(text: &str) -> Result<Self, String>;
    /// Writes it.
    fn show(&self) -> String;
}

macro_rules! number {
    ($($ty:ty),+) => {
        $(impl Value for $ty {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("a whole number from {} to {} is needed", <$ty>::MIN, <$ty>::MAX))
            }
            fn show(&self) -> String {
                self.to_string()
            }
        })+
    };
}
number!(u16, u32, u64, i32, i64);

impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for Option<String> {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Some(text.to_owned()))
    }
    fn show(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

impl Value for Option<u16> {
    fn parse(text: &str) -> Result<Self, String> {
        u16::parse(text).map(Some)
    }
    fn show(&self) -> String {
        self.as_ref().map(u16::show).unwrap_or_default()
    }
}

impl Value for Option<PathBuf> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a path is needed".into());
        }
        Ok(Some(PathBuf::from(text)))
    }
    fn show(&self) -> String {
        self.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

impl Value for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "an address with a port is needed, for example 127.0.0.1:7070".into())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Option<SocketAddr> {
    fn parse(text: &str) -> Result<Self, String> {
        SocketAddr::parse(text).map(Some)
    }
    fn show(&self) -> String {
        self.as_ref().map(Value::show).unwrap_or_default()
    }
}

/// Intervals in milliseconds, written `1m,15m,1h,1d`.
impl Value for Vec<i64> {
    fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(|item| parse_interval(item.trim())).collect()
    }
    fn show(&self) -> String {
        self.iter().map(|ms| show_interval(*ms)).collect::<Vec<_>>().join(",")
    }
}

const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

fn parse_interval(text: &str) -> Result<i64, String> {
    let needed = || format!("{text:?} is no interval; write a number and ms, s, m, h or d, for example 15m");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: i64 = count.parse().map_err(|_| needed())?;
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(needed)?;
    count.checked_mul(*unit_ms).filter(|ms| *ms > 0).ok_or_else(needed)
}

fn show_interval(ms: i64) -> String {
    let (name, unit_ms) = UNITS.iter().find(|(_, unit_ms)| ms % unit_ms == 0).expect("the last unit divides all");
    format!("{}{name}", ms / unit_ms)
}
