//! Bytes as text: ASCII by a look at a few words, all else by the standard library.
//!
//! Names are ASCII and most have less than seventeen bytes, of which the standard library looks at each by itself:
//! half the time of reading an order.
//!
//! Invariant: what is text and what is not, and up to where it is, are as [`std::str::from_utf8`] has them.

use super::MORE;
use std::str::Utf8Error;

/// The text that the bytes are.
#[inline(always)]
#[expect(unsafe_code, reason = "nothing safe makes text of bytes that were seen to be ASCII without a second look")]
pub(super) fn of(bytes: &[u8]) -> Result<&str, Utf8Error> {
    if is_short_ascii(bytes) {
        // SAFETY: every byte is below 0x80, and such bytes are UTF-8, each a character of its own.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes)
}

/// Whether these are at most sixteen bytes, all below 0x80. Two words that may overlap hold them all.
#[inline(always)]
fn is_short_ascii(bytes: &[u8]) -> bool {
    let all = match (bytes.len(), bytes) {
        (8..=16, _) => word(bytes.first_chunk()) | word(bytes.last_chunk()),
        (4..=7, _) => half(bytes.first_chunk()) | half(bytes.last_chunk()),
        (_, [first, second, third]) => u64::from(first | second | third),
        (_, [first, second]) => u64::from(first | second),
        (_, [only]) => u64::from(*only),
        (_, []) => 0,
        _ => return false,
    };
    all & MORE == 0
}

/// Eight bytes; where there are fewer, one that is no ASCII.
#[inline(always)]
fn word(chunk: Option<&[u8; 8]>) -> u64 {
    chunk.map_or(MORE, |bytes| u64::from_le_bytes(*bytes))
}

#[inline(always)]
fn half(chunk: Option<&[u8; 4]>) -> u64 {
    chunk.map_or(MORE, |bytes| u64::from(u32::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::of;

    /// Each on the heap and no longer than it is, so that valgrind sees a byte that is read before or after it.
    fn judged_alike(bytes: Vec<u8>) {
        let bytes = bytes.into_boxed_slice();
        assert_eq!(of(&bytes), std::str::from_utf8(&bytes), "{bytes:x?}");
    }

    #[test]
    fn text_is_what_the_standard_library_says_it_is() {
        for len in 0..40 {
            let ascii: Vec<u8> = (0..len as u8).map(|at| b' ' + at).collect();
            judged_alike(ascii.clone());
            for at in 0..len {
                for byte in [0, 0x7f, 0x80, 0xbf, 0xc3, 0xff] {
                    let mut bytes = ascii.clone();
                    bytes[at] = byte;
                    judged_alike(bytes);
                }
                for wide in ["\u{e9}", "\u{d638}", "\u{1f600}"] {
                    let mut bytes = ascii.clone();
                    bytes.splice(at..at, wide.bytes());
                    judged_alike(bytes.clone());
                    bytes.truncate(at + wide.len() - 1);
                    judged_alike(bytes);
                }
            }
        }
    }
}
