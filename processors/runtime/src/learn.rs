//! What readers have accepted of a new owner's channels: the claim is copied into every output partition and read
//! there, from the newest mark on.
//!
//! Invariants:
//! 1. A channel is known once its owner read its own claim's copy: behind it readers take nothing of former owners.
//! 2. What is learned is what a reader from offset 0 has accepted at that copy: the same table judges.
//! 3. A copy whose answer was lost is sent again, as often as it takes.
//! 4. Of an output that is cut behind the mark what is left counts: less is then known than readers have accepted, and
//!    what is written again they drop as repeats, by number.
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
    ChannelKey, ChannelTable, Log, LogRecord, ReadError, Reader, TimeMode, TopicPartition, Verdict, Visibility, Writer,
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
    copy_sent: bool,
    /// Where the own copy stands, and how far readers have come there.
    learned: Option<Delivered>,
}

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

    /// Sends copies that are due and reads on; whether anything was done. `token` makes a copy's token of its lane.
    pub fn step(
        &mut self,
        writer: &mut dyn Writer,
        mode: TimeMode,
        token: impl Fn(usize) -> u64,
    ) -> Result<bool, DriverError> {
        let mut worked = false;
        for (lane, output) in self.outputs.iter_mut().enumerate().filter(|(_, output)| output.learned.is_none()) {
            if !output.copy_sent {
                // A copy has no time of its own: in a recorded log it must not look like a record of any day.
                let time = (mode == TimeMode::Recorded).then_some(Timestamp(0));
                writer.send(output.to, self.key.as_bytes(), &self.copy, time, token(lane))?;
                output.copy_sent = true;
                worked = true;
            }
        }
        writer.flush()?;
        for output in self.outputs.iter_mut().filter(|output| output.learned.is_none()) {
            worked |= output.read(self.owner, &mut self.batch)?;
        }
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
        let mut table = ChannelTable::default();
        let bounds = log.bounds(to)?;
        let mut from = bounds.start;
        if let Some((epoch, output)) = marked {
            let behind = output.offset + 1;
            if behind > bounds.end {
                let what = format!("a mark names its offset {}, it ends at {}", output.offset, bounds.end);
                let (machine, input) = (owner.machine, owner.input);
                return Err(DriverError::LostOutput { machine, input, output: to, what });
            }
            from = from.max(behind);
            let offset = (output.number > 0).then_some(output.offset);
            let (number, hash) = (output.number, output.hash);
            table.seed(owner.channel(), Channel { epoch: Some(epoch), number, hash, offset, parked_at: None });
        }
        let reader = log.reader(to, from, Visibility::Written)?;
        Ok(Self { to, reader, table, copy_sent: false, learned: None })
    }

    fn read(&mut self, owner: Owner, batch: &mut Vec<LogRecord>) -> Result<bool, DriverError> {
        batch.clear();
        self.reader.poll(BATCH, batch)?;
        for record in batch.iter() {
            let Some(Ok(frame)) = record.value.as_deref().map(hoga_schemas::open) else { continue };
            let of_channel = frame.origin.as_ref().map_or(frame.kind == RecordKind::Claim, |origin| {
                origin.machine == owner.machine && origin.partition == owner.input.partition
            });
            if of_channel && self.judge(owner, record, &frame)? {
                break;
            }
        }
        Ok(!batch.is_empty())
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
