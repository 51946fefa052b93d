//! What a run of faults does, round by round: pure, from a seed and how many of each are wanted.
//!
//! Invariants:
//! 1. The same seed and plan give the same acts in the same order.
//! 2. Every fail point comes once before any comes twice.

use super::occasion::{Occasion, occasion};
use hoga_runtime::FailPoint;
use hoga_simulation::Random;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Machines that run in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Admission, control and tick-candles.
    Front,
    /// Holds.
    Holds,
    /// Matching.
    Matching,
    /// Candles.
    Candles,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Front, Self::Holds, Self::Matching, Self::Candles];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Holds => "holds",
            Self::Matching => "matching",
            Self::Candles => "candles",
        }
    }
}

/// One of the two processes of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// What it runs.
    pub kind: Kind,
    /// Which of the two: 0 wants the lower half of the partitions, 1 the upper.
    pub half: usize,
}

impl Who {
    /// All processes.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().flat_map(|kind| (0..2).map(move |half| Self { kind, half }))
    }

    /// The other process of the kind.
    pub fn partner(self) -> Self {
        Self { half: 1 - self.half, ..self }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.name(), ["a", "b"][self.half])
    }
}

/// What sorts of acts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// kill -9 of a process at a random moment.
    Kill,
    /// A process kills itself at a fail point.
    Point,
    /// SIGSTOP until another has taken over, then SIGCONT.
    Late,
    /// kill -9 of a broker.
    BrokerKill,
    /// SIGSTOP of a broker, then SIGCONT.
    BrokerPause,
    /// A broker ends in order, in the middle of producing, and starts again: where there are more, others lead.
    BrokerRestart,
    /// A schedule of delayed, held back, repeated and cut off Kafka frames.
    Frames,
}

impl Sort {
    /// All, with their names in a plan.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Kill, "kill"),
        (Self::Point, "point"),
        (Self::Late, "late"),
        (Self::BrokerKill, "broker-kill"),
        (Self::BrokerPause, "broker-pause"),
        (Self::BrokerRestart, "broker-restart"),
        (Self::Frames, "frames"),
    ];

    /// Whether brokers have to be this run's to touch.
    pub fn is_of_brokers(self) -> bool {
        matches!(self, Self::BrokerKill | Self::BrokerPause | Self::BrokerRestart)
    }
}

/// How many of each sort.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan(pub BTreeMap<Sort, u64>);

impl Plan {
    /// Every fail point once, and some of the rest.
    pub fn usual(brokers: bool, frames: bool) -> Self {
        let points = FailPoint::ALL.len() as u64;
        let mut plan = BTreeMap::from([(Sort::Kill, 12), (Sort::Point, points), (Sort::Late, 6)]);
        if brokers {
            plan.extend([(Sort::BrokerKill, 3), (Sort::BrokerPause, 2), (Sort::BrokerRestart, 2)]);
        }
        if frames {
            plan.insert(Sort::Frames, 10);
        }
        Self(plan)
    }

    /// How many acts it has.
    pub fn acts(&self) -> u64 {
        self.0.values().sum()
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut plan = BTreeMap::new();
        for part in text.split(',') {
            let (name, count) = part.split_once('=').ok_or_else(|| format!("{part:?} is not SORT=COUNT"))?;
            let sort = Sort::ALL.iter().find(|(_, known)| *known == name).map(|(sort, _)| *sort);
            let known: Vec<_> = Sort::ALL.iter().map(|(_, name)| *name).collect();
            let sort = sort.ok_or_else(|| format!("{name:?} is none of {}", known.join(", ")))?;
            let count = count.parse().map_err(|_| format!("{count:?} is not a count"))?;
            if plan.insert(sort, count).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        Ok(Self(plan))
    }
}

/// What is done in one round. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// See [`Sort::Kill`].
    Kill { who: Who },
    /// See [`Sort::Point`]; it is passed so often first.
    Point { who: Who, point: FailPoint, passes: u64 },
    /// See [`Sort::Late`]; so long after it was replaced it wakes.
    Late { who: Who, asleep_ms: u64 },
    /// See [`Sort::BrokerKill`]; the number picks one of those that there are. So long it is away.
    BrokerKill { pick: u64, away_ms: u64 },
    /// See [`Sort::BrokerPause`].
    BrokerPause { pick: u64, ms: u64 },
    /// See [`Sort::BrokerRestart`].
    BrokerRestart { pick: u64 },
    /// See [`Sort::Frames`].
    Frames { seed: u64, ms: u64 },
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { who } => write!(f, "kill -9 of {who}"),
            Self::Point { who, point, passes } => write!(f, "{who} kills itself at {point}:{passes}"),
            Self::Late { who, asleep_ms } => write!(f, "{who} wakes {asleep_ms} ms after it was replaced"),
            Self::BrokerKill { away_ms, .. } => write!(f, "kill -9 of a broker, away for {away_ms} ms"),
            Self::BrokerPause { ms, .. } => write!(f, "a broker stands still for {ms} ms"),
            Self::BrokerRestart { .. } => f.write_str("a broker ends in order and starts again"),
            Self::Frames { seed, ms } => write!(f, "schedule {seed:016x} of Kafka frames for {ms} ms"),
        }
    }
}

/// The acts of a run, without end.
pub struct Schedule {
    random: Random,
    plan: Plan,
    /// What is left of the plan, the next last.
    deck: Vec<Sort>,
    /// Fail points that did not come since all came.
    points: Vec<FailPoint>,
}

impl Schedule {
    /// By this seed.
    pub fn new(seed: u64, plan: Plan) -> Self {
        Self { random: Random::new(seed), plan, deck: Vec::new(), points: Vec::new() }
    }

    /// The next act, and for how long orders flow undisturbed before it. `None`: the plan is empty.
    pub fn next(&mut self) -> Option<(u64, Act)> {
        if self.deck.is_empty() {
            let sorts = self.plan.0.iter().flat_map(|(sort, count)| (0..*count).map(|_| *sort));
            self.deck = sorts.collect();
            shuffle(&mut self.deck, &mut self.random);
        }
        let sort = self.deck.pop()?;
        Some((300 + self.random.below(1_200), self.act(sort)))
    }

    fn act(&mut self, sort: Sort) -> Act {
        let random = &mut self.random;
        match sort {
            Sort::Kill => Act::Kill { who: who(random, &Kind::ALL) },
            Sort::Point => {
                let point = self.point();
                let (kinds, most) = at_work(point);
                let who = who(&mut self.random, kinds);
                Act::Point { who, point, passes: self.random.below(most + 1) }
            }
            Sort::Late => Act::Late { who: who(random, &Kind::ALL), asleep_ms: random.below(2_000) },
            Sort::BrokerKill => Act::BrokerKill { pick: random.bits(), away_ms: random.below(3_000) },
            Sort::BrokerPause => Act::BrokerPause { pick: random.bits(), ms: 500 + random.below(6_000) },
            Sort::BrokerRestart => Act::BrokerRestart { pick: random.bits() },
            Sort::Frames => Act::Frames { seed: random.bits(), ms: 3_000 + random.below(3_000) },
        }
    }

    fn point(&mut self) -> FailPoint {
        if self.points.is_empty() {
            self.points = FailPoint::ALL.to_vec();
            shuffle(&mut self.points, &mut self.random);
        }
        self.points.pop().expect("there are fail points")
    }
}

fn who(random: &mut Random, kinds: &[Kind]) -> Who {
    let kind = kinds[random.below(kinds.len() as u64) as usize];
    Who { kind, half: random.below(2) as usize }
}

/// Where a point is met within seconds, and how often it may be passed first so that it still is.
fn at_work(point: FailPoint) -> (&'static [Kind], u64) {
    use FailPoint::{
        AfterAppend, AfterClock, AfterRead, BeforeAppend, BeforeGivingAway, Following, GivenAway, HandingOver,
        InAppend, SnapshotBegun, SnapshotDeleted, SnapshotDeleting, SnapshotDurable, SnapshotWitnessed,
        SnapshotWritten,
    };
    const FED: [Kind; 3] = [Kind::Front, Kind::Holds, Kind::Matching];
    match point {
        AfterRead | BeforeAppend | InAppend | AfterAppend => (&FED, 200),
        AfterClock => (&[Kind::Holds, Kind::Matching, Kind::Candles], 5),
        // Holds reads most, and so comes to its next snapshot first.
        SnapshotBegun | SnapshotDurable | SnapshotWitnessed | SnapshotWritten | SnapshotDeleting | SnapshotDeleted => {
            (&[Kind::Holds], 1)
        }
        Following => (&FED, 10),
        HandingOver => (&FED, 3),
        // Said once: by the next time others have taken over.
        BeforeGivingAway | GivenAway => (&Kind::ALL, 0),
        point if occasion(point) == Occasion::Work => (&Kind::ALL, 3),
        _ => (&Kind::ALL, 1),
    }
}

fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for last in (1..list.len()).rev() {
        list.swap(last, random.below(last as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn acts(seed: u64, plan: &Plan, count: usize) -> Vec<(u64, Act)> {
        let mut schedule = Schedule::new(seed, plan.clone());
        (0..count).map(|_| schedule.next().expect("the plan has acts")).collect()
    }

    #[test]
    fn a_seed_gives_the_same_acts_and_another_seed_others() {
        let plan = Plan::usual(true, true);
        assert_eq!(acts(7, &plan, 200), acts(7, &plan, 200));
        assert_ne!(acts(7, &plan, 200), acts(8, &plan, 200));
    }

    #[test]
    fn a_plan_is_kept_to_and_every_point_comes_before_any_comes_again() {
        let plan: Plan = "kill=20,point=60,late=10,broker-kill=5,broker-pause=3,frames=50".parse().expect("a plan");
        assert_eq!(plan.acts(), 148);
        let acts = acts(3, &plan, 148);
        let count = |is: fn(&Act) -> bool| acts.iter().filter(|(_, act)| is(act)).count();
        assert_eq!(count(|act| matches!(act, Act::Late { .. })), 10);
        assert_eq!(count(|act| matches!(act, Act::BrokerKill { .. })), 5);
        assert_eq!(count(|act| matches!(act, Act::BrokerRestart { .. })), 0);
        assert_eq!(count(|act| matches!(act, Act::Frames { .. })), 50);
        let points = acts.iter().filter_map(|(_, act)| match act {
            Act::Point { point, .. } => Some(*point),
            _ => None,
        });
        let points: Vec<_> = points.collect();
        for all in points.chunks_exact(FailPoint::ALL.len()) {
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), FailPoint::ALL.len());
        }
    }

    #[test]
    fn a_plan_that_is_none_is_refused() {
        for (text, why) in [
            ("kills=3", "\"kills\" is none of kill, point, late,"),
            ("kill", "\"kill\" is not SORT=COUNT"),
            ("kill=x", "\"x\" is not a count"),
            ("kill=1,kill=2", "kill is given twice"),
        ] {
            let error = text.parse::<Plan>().expect_err(text);
            assert!(error.starts_with(why), "{error}");
        }
        assert_eq!(Schedule::new(1, Plan::default()).next(), None);
    }
}
