//! What readers have accepted of a new owner's channels: the claim is copied into every output partition and read
//! there, from the newest mark on.
//!
//! Invariants:
//! 1. A channel is known once its owner read its own claim's copy: behind it readers take nothing of former owners.
//! 2. What is learned is what a reader from offset 0 has accepted at that copy: the same table judges.
//! 3. A copy whose answer was lost is sent again, as often as it takes.
//! 4. Where an output is cut behind the mark, or while it is read, copies of claims may be gone, and who is still heard
//!    there is not known: what the mark says counts alone. What is then written again readers drop, by number.
//! 5. In a recorded log a copy has the time of the record before it, so that no partition's time jumps: for that the
//!    output is read to its end before the copy is sent. In an empty partition it is the least time there is.
//!
//! Left out on purpose: records of other channels, whatever they are: their readers judge them.

use crate::engine::Counter;
use crate::error::DriverError;
use crate::lane::Delivered;
use hoga_core::records::{Claim, Mark, MarkOutput, RecordKind};
use hoga_core::{MachineKind, Record, Timestamp};
use hoga_schemas::Frame;
use hoga_topics::channel::Channel;
use hoga_topics::{
    ChannelKey, ChannelTable, Log, LogError, LogRecord, ReadError, Reader, TimeMode, TopicPartition, Verdict,
    Visibility, Writer,
};

/// Records read from an output in one step.
const BATCH: usize = 4_096;

/// Who learns: the channel, its epoch, its input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub machine: MachineKind,
    pub input: TopicPartition,
    pub epoch: u64,
}

impl Owner {
    fn channel(&self) -> ChannelKey {
        ChannelKey { machine: self.machine, partition: self.input.partition }
    }
}

/// One output partition.
struct Output {
    to: TopicPartition,
    reader: Box<dyn Reader>,
    table: ChannelTable,
    /// What the newest mark says of the channel.
    marked: Channel,
    /// Something behind the mark was cut.
    is_cut: bool,
    copy_sent: bool,
    /// In a recorded log: where the output ended at first, and the newest time read.
    recorded: Option<Recorded>,
    /// Where the own copy stands, and how far readers have come there.
    learned: Option<Delivered>,
}

/// What gives a copy its time.
#[derive(Debug, Clone, Copy)]
struct Recorded {
    end: u64,
    newest: Timestamp,
}

/// The least time of a recorded log: at 0 Kafka would take its own.
const LEAST_TIME: Timestamp = Timestamp(1);

/// Learning all outputs of an owner.
pub(crate) struct Learning {
    owner: Owner,
    copy: Vec<u8>,
    key: String,
    outputs: Vec<Output>,
    batch: Vec<LogRecord>,
}

impl Learning {
    /// Begins at the newest mark that counts, or at the beginning.
    pub fn new(
        log: &dyn Log,
        owner: Owner,
        process: &str,
        outputs: &[TopicPartition],
        mark: Option<&Mark>,
    ) -> Result<Self, DriverError> {
        let claim = Claim {
            machine: owner.machine,
            partition: owner.input.partition,
            replaces: None,
            epoch: Some(owner.epoch),
            process: process.into(),
        };
        let outputs = outputs.iter().map(|to| {
            let marked = mark.and_then(|mark| Some((mark.epoch, find(mark, *to)?)));
            Output::new(log, owner, *to, marked)
        });
        Ok(Self {
            owner,
            copy: hoga_schemas::encode(&Record::Claim(claim)),
            key: hoga_topics::catalogue::machine_key(owner.machine, owner.input.partition),
            outputs: outputs.collect::<Result<_, _>>()?,
            batch: Vec::new(),
        })
    }

    /// Reads on and sends copies that are due; whether anything was done. `token` makes a copy's token of its lane.
    pub fn step(
        &mut self,
        log: &dyn Log,
        writer: &mut dyn Writer,
        token: impl Fn(usize) -> u64,
    ) -> Result<bool, DriverError> {
        let mut worked = false;
        for (lane, output) in self.outputs.iter_mut().enumerate().filter(|(_, output)| output.learned.is_none()) {
            worked |= output.read(log, self.owner, &mut self.batch)?;
            if output.is_copy_due() {
                let time = output.recorded.map(|recorded| recorded.newest);
                writer.send(output.to, self.key.as_bytes(), &self.copy, time, token(lane))?;
                output.copy_sent = true;
                worked = true;
            }
        }
        writer.flush()?;
        Ok(worked)
    }

    /// A copy's answer.
    pub fn answer(&mut self, lane: usize, offset: Option<u64>) {
        if offset.is_none() {
            self.outputs[lane].copy_sent = false;
        }
    }

    /// All outputs with how far readers have accepted them, once all are known.
    pub fn learned(&self) -> Option<Vec<(TopicPartition, Delivered)>> {
        self.outputs.iter().map(|output| Some((output.to, output.learned?))).collect()
    }
}

fn find(mark: &Mark, to: TopicPartition) -> Option<&MarkOutput> {
    mark.outputs.iter().find(|output| output.topic == to.topic && output.partition == to.partition)
}

impl Output {
    fn new(
        log: &dyn Log,
        owner: Owner,
        to: TopicPartition,
        marked: Option<(u64, &MarkOutput)>,
    ) -> Result<Self, DriverError> {
        let bounds = log.bounds(to)?;
        let is_recorded = log.time_mode() == TimeMode::Recorded;
        let recorded = is_recorded.then_some(Recorded { end: bounds.end, newest: LEAST_TIME });
        let (mut from, mut behind, mut standing) = (bounds.start, 0, Channel::default());
        if let Some((epoch, output)) = marked {
            behind = output.offset + 1;
            if behind > bounds.end {
                let what = format!("a mark names its offset {}, it ends at {}", output.offset, bounds.end);
                let (machine, input) = (owner.machine, owner.input);
                return Err(DriverError::LostOutput { machine, input, output: to, what });
            }
            // The marked record itself tells its time; a table that knows it takes it for a repeat.
            from = from.max(if is_recorded { output.offset } else { behind });
            let offset = (output.number > 0).then_some(output.offset);
            let (number, hash) = (output.number, output.hash);
            standing = Channel { epoch: Some(epoch), number, hash, offset, parked_at: None };
        }
        let mut table = ChannelTable::default();
        table.seed(owner.channel(), standing);
        let reader = log.reader(to, from, Visibility::Written)?;
        let is_cut = bounds.start > behind;
        Ok(Self { to, reader, table, marked: standing, is_cut, copy_sent: false, recorded, learned: None })
    }

    fn is_copy_due(&self) -> bool {
        let is_read = self.recorded.is_none_or(|recorded| self.reader.position() >= recorded.end);
        self.learned.is_none() && !self.copy_sent && is_read
    }

    fn read(&mut self, log: &dyn Log, owner: Owner, batch: &mut Vec<LogRecord>) -> Result<bool, DriverError> {
        batch.clear();
        match self.reader.poll(BATCH, batch) {
            Err(LogError::Cut { start, .. }) => {
                self.begin_again(log, owner, start)?;
                return Ok(true);
            }
            polled => polled?,
        }
        if let (Some(recorded), Some(last)) = (&mut self.recorded, batch.last()) {
            recorded.newest = last.time.max(LEAST_TIME);
        }
        for record in batch.iter() {
            let Some(Ok(frame)) = record.value.as_deref().map(hoga_schemas::open) else { continue };
            let of_channel = frame.origin.as_ref().map_or(frame.kind == RecordKind::Claim, |origin| {
                !self.is_cut && origin.machine == owner.machine && origin.partition == owner.input.partition
            });
            if of_channel && self.judge(owner, record, &frame)? {
                break;
            }
        }
        Ok(!batch.is_empty())
    }

    /// Reads on where the output begins now. The own copy may be gone: another is sent.
    fn begin_again(&mut self, log: &dyn Log, owner: Owner, start: u64) -> Result<(), DriverError> {
        match log.reader(self.to, start, Visibility::Written) {
            Ok(reader) => {
                self.reader = reader;
                self.table = ChannelTable::default();
                self.table.seed(owner.channel(), self.marked);
                self.is_cut = true;
                self.copy_sent = false;
                Ok(())
            }
            // Cut once more: the old reader will tell again where.
            Err(LogError::Cut { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Judges a record as every reader does; whether it was the own claim's copy.
    fn judge(&mut self, owner: Owner, record: &LogRecord, frame: &Frame<'_>) -> Result<bool, DriverError> {
        match self.table.accept(self.to.topic, record.offset, &record.key, frame) {
            Verdict::Claim { channel, .. } if channel == owner.channel() => {
                let channel = *self.table.channel(channel).expect("its claim was just read");
                if channel.epoch != Some(owner.epoch) {
                    return Ok(false);
                }
                let counter = Counter { number: channel.number, hash: channel.hash };
                self.learned = Some(Delivered { counter, offset: channel.offset.unwrap_or(record.offset) });
                Ok(true)
            }
            Verdict::Diverged { expected, found } => Err(ReadError::Diverged {
                partition: self.to,
                offset: record.offset,
                channel: owner.channel(),
                number: frame.origin.map_or(0, |origin| origin.number),
                expected,
                found,
            }
            .into()),
            _ => Ok(false),
        }
    }
}
