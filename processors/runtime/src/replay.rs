//! A machine replayed in memory from its input's beginning, without writing: for `hoga hash` and for comparing a
//! live machine with what its input says.

use crate::engine::{Counter, Engine};
use crate::error::DriverError;
use hoga_core::Machine;
use hoga_core::machine::state_hash;
use hoga_topics::{AcceptedReader, Arrival, Log, ReaderPosition, TopicPartition, Visibility};

/// Records read at a time.
const BATCH: usize = 1_024;

/// A machine as its input makes it.
#[derive(Debug)]
pub struct Replayed<M> {
    /// The next input offset.
    pub next_offset: u64,
    /// The hash of the machine's state there.
    pub state_hash: u64,
    /// The machine.
    pub machine: M,
    /// How many effects it gave for each output partition, and their running hash.
    pub outputs: Vec<(TopicPartition, Counter)>,
}

/// Replays `machine`, new and of input `partition`, up to the offset `until` or to the input's end. The input must be
/// there from offset 0.
pub fn replay<M: Machine>(
    log: &dyn Log,
    machine: M,
    partition: u32,
    until: Option<u64>,
) -> Result<Replayed<M>, DriverError> {
    let input = TopicPartition::new(machine.kind().input(), partition);
    let end = log.bounds(input)?.end;
    let until = until.unwrap_or(end).min(end);
    let mut reader = AcceptedReader::open(log, input, ReaderPosition::default(), Visibility::Written)?;
    let mut engine = Engine::new(log, machine, partition);
    let mut arrival = Arrival::new(log, input);
    while reader.position() < until {
        let left = usize::try_from(until - reader.position()).unwrap_or(BATCH);
        if reader.fill(left.min(BATCH))? == 0 {
            arrival.wait(reader.position())?;
            continue;
        }
        arrival.came();
        while let Some(accepted) = reader.read_filled_before(until)? {
            engine.apply(&accepted, &mut |_| Ok(()))?;
        }
    }
    let outputs = engine.routes().lanes().iter().copied().zip(engine.state().counters.iter().copied()).collect();
    let (next_offset, state_hash) = (reader.position(), state_hash(engine.machine()));
    Ok(Replayed { next_offset, state_hash, machine: engine.into_machine(), outputs })
}
