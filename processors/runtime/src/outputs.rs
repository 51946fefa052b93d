//! All lanes of an owner: what it emits, with its epoch, and what is still owed.

use crate::driver::token;
use crate::engine::{Counter, Emitted};
use crate::error::DriverError;
use crate::lane::{Delivered, Lane, Mismatch};
use hoga_core::records::MarkOutput;
use hoga_core::{MachineKind, Topic};
use hoga_schemas::Origin;
use hoga_topics::{LogError, TopicPartition, Writer};

/// An owner's output partitions.
pub(crate) struct Outputs {
    machine: MachineKind,
    input: TopicPartition,
    epoch: u64,
    lanes: Vec<Lane>,
    pub emitted: u64,
}

impl Outputs {
    /// The lanes of an owner, each as far as readers have accepted it at the claim.
    pub fn new(
        machine: MachineKind,
        input: TopicPartition,
        epoch: u64,
        recorded: bool,
        learned: &[(TopicPartition, Delivered)],
    ) -> Self {
        // A lane's index shares the upper bits of a token with what is no lane.
        assert!((learned.len() as u64) < token::FIRST, "{} outputs are too many", learned.len());
        let lanes = learned.iter().enumerate();
        let lanes = lanes.map(|(index, (to, delivered))| Lane::new(*to, index, recorded, *delivered)).collect();
        Self { machine, input, epoch, lanes, emitted: 0 }
    }

    /// Checks or sends one effect.
    pub fn emit(&mut self, effect: &Emitted<'_>, writer: &mut dyn Writer) -> Result<(), DriverError> {
        let Counter { number, hash } = effect.counter;
        let (machine, partition, epoch, cause) = (self.machine, self.input.partition, self.epoch, effect.cause);
        let origin = Origin { machine, partition, epoch, cause, number, hash };
        let lane = &mut self.lanes[effect.lane];
        match lane.emit(origin, effect, writer) {
            Ok(sent) => {
                self.emitted += u64::from(sent);
                Ok(())
            }
            Err(Mismatch::Log(error)) => Err(error.into()),
            Err(Mismatch::Diverged { accepted }) => Err(self.diverged(effect.lane, effect.counter, cause, accepted)),
        }
    }

    fn diverged(&self, lane: usize, replayed: Counter, cause: u64, accepted: u64) -> DriverError {
        DriverError::Diverged {
            machine: self.machine,
            input: self.input,
            output: self.lanes[lane].to(),
            number: replayed.number,
            cause,
            accepted,
            replayed: replayed.hash,
        }
    }

    /// Checks the counters of a loaded snapshot, whose next input offset is `next`: all that it counted is accepted,
    /// and where nothing more is, under the same hash.
    pub fn check_start(&self, counters: &[Counter], next: u64) -> Result<(), DriverError> {
        for (index, (lane, counter)) in self.lanes.iter().zip(counters).enumerate() {
            let accepted = lane.accepted();
            if accepted.number < counter.number {
                let what = format!(
                    "a usable snapshot at {next} says that {} records of {}/{} are delivered, readers find {}",
                    counter.number, self.machine, self.input.partition, accepted.number
                );
                let (machine, input, output) = (self.machine, self.input, lane.to());
                return Err(DriverError::LostOutput { machine, input, output, what });
            }
            if accepted.number == counter.number && accepted.hash != counter.hash {
                return Err(self.diverged(index, *counter, next.saturating_sub(1), accepted.hash));
            }
        }
        Ok(())
    }

    /// Checks that no channel is ahead of what the whole input, up to `end`, replayed to.
    pub fn check_replayed(&self, counters: &[Counter], end: u64) -> Result<(), DriverError> {
        for (lane, counter) in self.lanes.iter().zip(counters) {
            let accepted = lane.accepted().number;
            if accepted > counter.number {
                let what = format!("{} holds {accepted} of its effects, replay gives {}", lane.to(), counter.number);
                return Err(DriverError::LostInput { machine: self.machine, input: self.input, end, what });
            }
        }
        Ok(())
    }

    /// Takes the answer to a sending of `lane`.
    pub fn answer(
        &mut self,
        lane: usize,
        sequence: u64,
        offset: Option<u64>,
        writer: &mut dyn Writer,
    ) -> Result<(), LogError> {
        self.lanes[lane].answer(sequence, offset, writer)
    }

    /// The offset before which all effects of the input are delivered, if the input was applied up to `position`.
    pub fn delivered_before(&self, position: u64) -> u64 {
        self.lanes.iter().filter_map(Lane::first_cause).min().unwrap_or(position)
    }

    /// How much is undelivered: records and bytes.
    pub fn owed(&self) -> (usize, usize) {
        self.lanes.iter().map(Lane::owed).fold((0, 0), |sum, owed| (sum.0 + owed.0, sum.1 + owed.1))
    }

    /// Behind what this owner delivered last to each partition of a topic.
    pub fn known_ends(&self, topic: Topic) -> impl Iterator<Item = (u32, u64)> {
        let to = self.lanes.iter().filter(move |lane| lane.to().topic == topic);
        to.map(|lane| (lane.to().partition, lane.delivered().offset + 1))
    }

    /// Records that were sent more than once.
    pub fn resent(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.resent).sum()
    }

    /// What a mark says of each channel.
    pub fn mark(&self) -> Vec<MarkOutput> {
        let output = |lane: &Lane| {
            let (TopicPartition { topic, partition }, Delivered { counter, offset }) = (lane.to(), lane.delivered());
            MarkOutput { topic, partition, number: counter.number, offset, hash: counter.hash }
        };
        self.lanes.iter().map(output).collect()
    }
}
