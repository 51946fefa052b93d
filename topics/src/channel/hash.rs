//! The running hash of a channel: what writer and reader compute alike.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes hashed without an allocation; nearly every record fits.
const ON_STACK: usize = 1_024;
/// Schema id, cause, key length.
const HEADER: usize = 4 + 8 + 4;

/// The hash of a channel after a record: XXH3-64 of schema id (u32), cause (u64), key length (u32), all little endian,
/// then key and content, seeded with the hash before it (0 before the first). Epoch and number are left out: who
/// writes a record again writes the same hash.
pub fn running_hash(previous: u64, schema_id: u32, cause: u64, key: &[u8], content: &[u8]) -> u64 {
    let size = HEADER + key.len() + content.len();
    if size <= ON_STACK {
        let mut bytes = [0; ON_STACK];
        return hash_in(&mut bytes[..size], previous, schema_id, cause, key, content);
    }
    hash_in(&mut vec![0; size], previous, schema_id, cause, key, content)
}

fn hash_in(bytes: &mut [u8], previous: u64, schema_id: u32, cause: u64, key: &[u8], content: &[u8]) -> u64 {
    let key_len = u32::try_from(key.len()).expect("a key is far below 4 GiB: the log's record limit");
    bytes[0..4].copy_from_slice(&schema_id.to_le_bytes());
    bytes[4..12].copy_from_slice(&cause.to_le_bytes());
    bytes[12..HEADER].copy_from_slice(&key_len.to_le_bytes());
    bytes[HEADER..HEADER + key.len()].copy_from_slice(key);
    bytes[HEADER + key.len()..].copy_from_slice(content);
    xxh3_64_with_seed(bytes, previous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_the_size_of_the_buffer_does_not() {
        let base = running_hash(0, 7, 9, b"key", b"content");
        assert_eq!(base, running_hash(0, 7, 9, b"key", b"content"));
        for other in [
            running_hash(1, 7, 9, b"key", b"content"),
            running_hash(0, 8, 9, b"key", b"content"),
            running_hash(0, 7, 8, b"key", b"content"),
            running_hash(0, 7, 9, b"keyc", b"ontent"),
            running_hash(0, 7, 9, b"key", b"Content"),
        ] {
            assert_ne!(base, other);
        }
        let long = vec![5; ON_STACK];
        let mut plain = Vec::new();
        plain.extend(7u32.to_le_bytes());
        plain.extend(9u64.to_le_bytes());
        plain.extend(3u32.to_le_bytes());
        plain.extend(b"key");
        plain.extend(&long);
        assert_eq!(running_hash(3, 7, 9, b"key", &long), xxh3_64_with_seed(&plain, 3));
    }
}
