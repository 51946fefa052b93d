//! How a stored file is framed: magic, layout version, the content, and a checksum of all of it.
//!
//! Invariant: any cut and any flipped bit is noticed.

use xxhash_rust::xxh3::xxh3_64;

const LAYOUT_AT: usize = 8;
/// Magic and layout.
const PREFIX: usize = LAYOUT_AT + 4;
const CHECKSUM: usize = 8;

/// A kind of file, in the layout that this release writes and reads.
pub(crate) struct Kind {
    /// What it is called in messages.
    pub name: &'static str,
    pub magic: &'static [u8; LAYOUT_AT],
    pub layout: u32,
}

impl Kind {
    /// A file's bytes, of what `write` puts behind what it is given.
    pub fn seal(&self, write: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let mut out = Vec::with_capacity(1_024);
        out.extend_from_slice(self.magic);
        out.extend_from_slice(&self.layout.to_le_bytes());
        let mut out = write(out);
        let checksum = xxh3_64(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The content of a file, or what is wrong with it.
    pub fn open<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], String> {
        let (body, checksum) = bytes
            .split_last_chunk::<CHECKSUM>()
            .filter(|(body, _)| body.len() >= PREFIX)
            .ok_or_else(|| format!("{} bytes are no {}: torn", bytes.len(), self.name))?;
        if !body.starts_with(self.magic) {
            return Err(format!("it does not begin as a {} does", self.name));
        }
        let layout = u32::from_le_bytes(body[LAYOUT_AT..PREFIX].try_into().expect("four bytes"));
        if layout != self.layout {
            return Err(format!("it has layout {layout}, this release reads {}", self.layout));
        }
        let (found, expected) = (xxh3_64(body), u64::from_le_bytes(*checksum));
        if found != expected {
            return Err(format!("its checksum is {found:016x}, it says {expected:016x}: torn or damaged"));
        }
        Ok(&body[PREFIX..])
    }
}

/// That every cut and every flipped bit of these bytes is noticed.
#[cfg(test)]
pub(crate) fn check_damage<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, String>) {
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bad).is_err(), "bit {bit}");
    }
}
