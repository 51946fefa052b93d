//! A machine replayed in memory from its input's beginning, without writing: for `hoga hash` and for comparing a
//! live machine with what its input says. Where the beginning is cut, from the oldest usable snapshot on.

use crate::engine::{Counter, Engine};
use crate::error::DriverError;
use crate::snapshot::Snapshot;
use crate::snapshot::usable::StoredSnapshots;
use hoga_core::Machine;
use hoga_core::machine::state_hash;
use hoga_topics::owners::Owners;
use hoga_topics::{AcceptedReader, Arrival, Log, ReaderPosition, TopicPartition, Visibility};

/// Records read at a time.
const BATCH: usize = 1_024;

/// A machine as its input makes it.
#[derive(Debug)]
pub struct Replayed<M> {
    /// The input offset where it began: 0, or a snapshot's.
    pub from: u64,
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
///
/// # Errors
/// When the input cannot be read, or the machine cannot go on.
pub fn replay<M: Machine>(
    log: &dyn Log,
    machine: M,
    partition: u32,
    until: Option<u64>,
) -> Result<Replayed<M>, DriverError> {
    run(log, Engine::new(log, machine, partition), partition, ReaderPosition::default(), until)
}

/// As [`replay`], but of an input whose beginning is cut from the oldest usable snapshot on; `owners` says which are
/// usable.
///
/// # Errors
/// As [`replay`]; [`DriverError::MissingInput`] where no snapshot stands at or past the cut.
pub fn replay_kept<M: Machine>(
    snapshots: &StoredSnapshots,
    owners: &Owners,
    machine: M,
    partition: u32,
    until: Option<u64>,
) -> Result<Replayed<M>, DriverError> {
    let (log, kind) = (&*snapshots.log, machine.kind());
    let input = TopicPartition::new(kind.input(), partition);
    let start = log.bounds(input)?.start;
    let mut engine = Engine::new(log, machine, partition);
    if start == 0 {
        return run(log, engine, partition, ReaderPosition::default(), until);
    }
    let kept = |offset: u64| offset >= start && until.is_none_or(|until| offset <= until);
    let oldest = snapshots.usable(owners, kind, partition)?.find(|(offset, _)| kept(*offset));
    let missing = || DriverError::MissingInput { machine: kind, input, from: 0, start };
    let (_, Snapshot { header, state }) = oldest.ok_or_else(missing)?;
    engine.load(header.engine, &state).map_err(|why| {
        let offset = header.input.offset;
        tracing::warn!(machine = %kind, %input, offset, "the snapshot does not load: {why}");
        missing()
    })?;
    run(log, engine, partition, header.input, until)
}

/// Applies the input up to an offset, and writes nothing. False: it was given up before.
pub(crate) fn read_up_to<M: Machine>(
    log: &dyn Log,
    input: TopicPartition,
    engine: &mut Engine<M>,
    reader: &mut AcceptedReader,
    until: u64,
    given_up: impl Fn() -> bool,
) -> Result<bool, DriverError> {
    let mut arrival = Arrival::new(log, input);
    while reader.position() < until {
        if given_up() {
            return Ok(false);
        }
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
    Ok(true)
}

fn run<M: Machine>(
    log: &dyn Log,
    mut engine: Engine<M>,
    partition: u32,
    position: ReaderPosition,
    until: Option<u64>,
) -> Result<Replayed<M>, DriverError> {
    let input = TopicPartition::new(engine.machine().kind().input(), partition);
    let end = log.bounds(input)?.end;
    let until = until.unwrap_or(end).min(end);
    let from = position.offset;
    let mut reader = AcceptedReader::open(log, input, position, Visibility::Written)?;
    read_up_to(log, input, &mut engine, &mut reader, until, || false)?;
    let outputs = engine.routes().lanes().iter().copied().zip(engine.state().counters.iter().copied()).collect();
    let (next_offset, state_hash) = (reader.position(), state_hash(engine.machine()));
    Ok(Replayed { from, next_offset, state_hash, machine: engine.into_machine(), outputs })
}
