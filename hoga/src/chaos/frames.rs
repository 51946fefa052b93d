//! What is done to each Kafka frame: pure, from a schedule's seed, the connection and the frame's place on it.
//!
//! Invariants:
//! 1. The same seed, connection, direction and place give the same fate.
//! 2. Only requests whose repeat the protocol allows are repeated: of produce, fetch, list-offsets and metadata.

use hoga_simulation::Random;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A request, with its API key.
    ToBroker(i16),
    /// An answer.
    ToClient,
}

/// What becomes of a frame. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It goes on a little later, and what comes behind it too.
    Delay(u64),
    /// It goes on much later.
    HoldBack(u64),
    /// It goes twice; the first answer is lost.
    Repeat,
    /// It goes on, and the connection is cut when its answer comes.
    CutBeforeAnswer,
}

impl Fate {
    /// Its name in totals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Delay(_) => "delayed",
            Self::HoldBack(_) => "held back",
            Self::Repeat => "repeated",
            Self::CutBeforeAnswer => "cut off",
        }
    }
}

/// Produce, fetch, list-offsets, metadata: <https://kafka.apache.org/protocol#protocol_api_keys>
const REPEATABLE: std::ops::RangeInclusive<i16> = 0..=3;

/// The fate of the `place`-th frame of a connection. A schedule of its own character: some mostly delay, some cut.
pub fn fate(seed: u64, connection: u64, way: Way, place: u64) -> Fate {
    let side = u64::from(way == Way::ToClient);
    let mixed =
        seed ^ connection.wrapping_mul(0xa076_1d64_78bd_642f) ^ (place * 2 + side).wrapping_mul(0xe703_7ed1_a0b4_28db);
    let (mut random, mut character) = (Random::new(mixed), Random::new(seed));
    let [delays, holds, repeats, cuts] =
        [character.below(200), character.below(6), character.below(80), character.below(4)];
    let (pick, extent) = (random.below(1_000), random.bits());
    match way {
        _ if pick < delays => Fate::Delay(1 + extent % 60),
        _ if pick < delays + holds => Fate::HoldBack(300 + extent % 2_500),
        Way::ToBroker(api) if pick < delays + holds + repeats && REPEATABLE.contains(&api) => Fate::Repeat,
        Way::ToBroker(_) if pick >= 1_000 - cuts => Fate::CutBeforeAnswer,
        _ => Fate::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_seed_gives_the_same_fates_and_many_seeds_give_all() {
        let fates = |seed| (0..2_000).map(|place| fate(seed, 3, Way::ToBroker(0), place)).collect::<Vec<_>>();
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
        let mut counts = BTreeMap::<&str, u64>::new();
        (0..50).flat_map(fates).for_each(|fate| *counts.entry(fate.name()).or_default() += 1);
        assert_eq!(counts.len(), 5, "{counts:?}");
        assert!(counts["passed"] > 50 * 1_000, "{counts:?}");
    }

    #[test]
    fn answers_are_only_late_and_what_may_not_be_repeated_is_not() {
        for place in 0..20_000 {
            let answer = fate(place, 1, Way::ToClient, place);
            assert!(matches!(answer, Fate::Pass | Fate::Delay(_) | Fate::HoldBack(_)), "{answer:?}");
            assert_ne!(fate(place, 1, Way::ToBroker(22), place), Fate::Repeat, "init-producer-id");
        }
    }
}
