//! Keys go to partitions as Java's default partitioner sends them, so that Java, librdkafka (`murmur2_random`) and
//! hoga agree on where an account or a symbol lives.
//!
//! Source: Apache Kafka, `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey`.
//!
//! Left out on purpose: what Java does with records that have no key (sticky batches). In hoga a record without a key
//! goes to a partition that its writer names.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The partition of a key among `partitions`, which is at least 1.
pub fn partition(key: &[u8], partitions: u32) -> u32 {
    assert!(partitions > 0, "a topic has at least one partition");
    to_positive(murmur2(key)) % partitions
}

/// Java masks the sign bit rather than take the absolute value, which `i32::MIN` has not.
fn to_positive(hash: u32) -> u32 {
    hash & 0x7fff_ffff
}

/// MurmurHash2 as Kafka has it: 32 bits, fixed seed, little-endian words.
fn murmur2(data: &[u8]) -> u32 {
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own UtilsTest.testMurmur2.
    #[test]
    fn murmur2_is_kafkas() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn a_negative_hash_loses_its_sign_bit() {
        assert_eq!(partition(b"21", 4), ((-973_932_308_i32) & 0x7fff_ffff) as u32 % 4);
        assert_eq!(partition(b"abc", 10), 7);
        assert_eq!(partition(b"", 1), 0);
    }
}
