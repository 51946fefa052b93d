//! Times for people: `2026-11-21T09:30:00.250Z`, and back.
//!
//! Left out on purpose: names of zones and leap seconds; a zone is its distance from UTC.

use super::{MAX_TIME, Timestamp};
use std::fmt;
use std::str::FromStr;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time: 2026-11-21T09:30:00Z, 2026-11-21T18:30:00.250+09:00, or milliseconds since 1970 are")]
pub struct TimeError(String);

/// A time as ISO 8601 in UTC, to the millisecond.
#[derive(Debug, Clone, Copy)]
pub struct Iso(Timestamp);

impl Timestamp {
    /// As ISO 8601 in UTC.
    pub fn iso(self) -> Iso {
        Iso(self)
    }
}

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0.0.div_euclid(DAY_MS), self.0.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (ms / HOUR_MS, ms / MINUTE_MS % 60);
        let (second, thousandths) = (ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let time = match text.parse::<i64>() {
            Ok(ms) => Some(ms),
            Err(_) => iso_ms(text),
        };
        let time = time.filter(|ms| (0..=MAX_TIME.0).contains(ms));
        time.map(Timestamp).ok_or_else(|| TimeError(text.chars().take(64).collect()))
    }
}

fn iso_ms(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, zone_ms) = zone(rest)?;
    let mut clock = clock.splitn(3, ':');
    let (hour, minute) = (digits(clock.next()?)?, digits(clock.next()?)?);
    let (second, fraction) =
        clock.next().map_or(Some(("0", "0")), |text| text.split_once('.').or(Some((text, "0"))))?;
    let second = digits(second)?;
    let is_day = (1..=9_999).contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    if !is_day || hour > 23 || minute > 59 || second > 59 || fraction.len() > 3 {
        return None;
    }
    let thousandths = digits(fraction)? * [0, 100, 10, 1][fraction.len()];
    let days = days_from_civil(year, month, day);
    Some(days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * 1_000 + thousandths - zone_ms)
}

/// The time of day, and the zone's distance from UTC.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let ms = hours * HOUR_MS + minutes * MINUTE_MS;
    let signed = if text.as_bytes()[at] == b'-' { -ms } else { ms };
    (hours <= 18 && minutes <= 59).then_some((&text[..at], signed))
}

fn digits(text: &str) -> Option<i64> {
    let good = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { text.parse().ok() } else { None }
}

fn month_days(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

/// Days from 1970-01-01, after Howard Hinnant's `days_from_civil`.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day, after Howard Hinnant's `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let (era, day_of_era) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for ms in [0, 1, 951_782_400_000, 1_709_164_800_250, 1_795_289_400_250, MAX_TIME.0] {
            let text = Timestamp(ms).iso().to_string();
            assert_eq!(text.parse(), Ok(Timestamp(ms)), "{text}");
        }
        assert_eq!(Timestamp(951_782_400_000).iso().to_string(), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn every_day_has_its_date() {
        let mut before = (1969, 12, 31);
        for day in 0..=MAX_TIME.0 / DAY_MS {
            let (year, month, date) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, date), day);
            let follows = match before {
                (y, 12, 31) => (year, month, date) == (y + 1, 1, 1),
                (y, m, d) => (year, month, date) == (y, m, d + 1) || (d >= 28 && (year, month, date) == (y, m + 1, 1)),
            };
            assert!(follows, "{year}-{month}-{date} after {before:?}");
            before = (year, month, date);
        }
        assert_eq!(before, (9_999, 12, 31));
    }

    #[test]
    fn zones_seconds_and_milliseconds_may_be_given() {
        for text in ["2026-11-21T18:30:00+09:00", "2026-11-21T09:30Z", "2026-11-21 09:30:00.000z", "1795253400000"] {
            assert_eq!(text.parse(), Ok(Timestamp(1_795_253_400_000)), "{text}");
        }
        assert_eq!("2026-11-21T09:30:00.25Z".parse(), Ok(Timestamp(1_795_253_400_250)));
        for text in ["2026-11-20T23:30:00-10:00", "2026-11-21T15:15+05:45", "2026-11-21T06:00-03:30"] {
            assert_eq!(text.parse(), Ok(Timestamp(1_795_253_400_000)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "now", "-1", "2026-11-21", "2026-11-21T09:30", "2026-02-30T00:00Z", "2026-13-01T00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        for text in [
            "2026-11-21T00009:30Z",
            "2026-11-21T24:00Z",
            "2026-11-21T09:60Z",
            "2026-11-21T09:30:00.1234Z",
            "2026-11-21T09:30+99:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
