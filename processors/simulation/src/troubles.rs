//! The faults of a script on their way into the log: each waits for the next record to its partition.

use crate::script::Trouble;
use hoga_topics::TopicPartition;
use hoga_topics::memory::{Fault, Faults, Sent};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

/// What waits, shared by the run and its log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles(Arc<Mutex<BTreeMap<TopicPartition, VecDeque<Trouble>>>>);

impl Troubles {
    /// The next record to `at` that no fault waits for meets with this one.
    pub fn add(&self, at: TopicPartition, trouble: Trouble) {
        self.0.lock().expect("nobody panics with it").entry(at).or_default().push_back(trouble);
    }

    /// From here on all goes well.
    pub fn end(&self) {
        self.0.lock().expect("nobody panics with it").clear();
    }
}

impl Faults for Troubles {
    fn decide(&mut self, sent: &Sent<'_>) -> Fault {
        let mut waiting = self.0.lock().expect("nobody panics with it");
        match waiting.get_mut(&sent.to).and_then(VecDeque::pop_front) {
            None => Fault::None,
            Some(Trouble::Lose) => Fault::Lose,
            Some(Trouble::LoseAck) => Fault::LoseAck,
            Some(Trouble::Repeat) => Fault::Repeat,
            Some(Trouble::Late(ms)) => Fault::Late { ms },
            Some(Trouble::DelayAck(ms)) => Fault::DelayAck { ms },
        }
    }
}
