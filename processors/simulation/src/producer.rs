//! Producers and the operator: they send, they may send again, and they know of each command whether it arrived for
//! certain or perhaps.
//!
//! Invariant: a command is acknowledged only once its record is known to be appended and durable.

use crate::auditor::{Sent, content_of};
use crate::post::Letter;
use hoga_core::Topic;
use hoga_topics::{Ack, Log, LogError, TopicPartition, Writer, partitioner};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Command {
    to: TopicPartition,
    letter: Letter,
    /// Where it is known to stand.
    offsets: Vec<u64>,
    acknowledged: bool,
}

/// All that write without a channel.
pub(crate) struct Producers {
    writer: Box<dyn Writer>,
    commands: BTreeMap<u32, Command>,
    acks: Vec<Ack>,
}

impl Producers {
    pub fn new(log: &dyn Log) -> Result<Self, LogError> {
        Ok(Self { writer: log.writer()?, commands: BTreeMap::new(), acks: Vec::new() })
    }

    /// Sends a command for the first time.
    pub fn post(&mut self, log: &dyn Log, number: u32, letter: Letter) -> Result<(), LogError> {
        let partition = match letter.topic {
            Topic::Control => 0,
            topic => partitioner::partition(letter.key.as_bytes(), log.partitions(topic)),
        };
        let to = TopicPartition::new(letter.topic, partition);
        self.commands.insert(number, Command { to, letter, offsets: Vec::new(), acknowledged: false });
        self.send(number)
    }

    /// Sends a command, or sends it again; nothing if there is none of that number.
    pub fn send(&mut self, number: u32) -> Result<(), LogError> {
        let Some(command) = self.commands.get(&number) else { return Ok(()) };
        let Command { to, letter, .. } = command;
        self.writer.send(*to, letter.key.as_bytes(), &letter.value, None, u64::from(number))?;
        self.writer.flush()
    }

    /// Takes answers, and notes what is durable by now.
    pub fn look(&mut self, log: &dyn Log) -> Result<(), LogError> {
        self.acks.clear();
        self.writer.acks(&mut self.acks)?;
        for Ack { token, offset } in &self.acks {
            let command = self.commands.get_mut(&(*token as u32)).expect("it was sent");
            command.offsets.extend(offset);
        }
        for command in self.commands.values_mut().filter(|command| !command.offsets.is_empty()) {
            let durable = log.bounds(command.to)?.durable_end;
            command.acknowledged |= command.offsets.iter().any(|offset| *offset < durable);
            if command.acknowledged {
                command.offsets.clear();
            }
        }
        Ok(())
    }

    /// The log's computer crashed: what was not durable is not known to be anywhere.
    pub fn crashed(&mut self, log: &dyn Log) -> Result<(), LogError> {
        self.writer = log.writer()?;
        self.commands.values_mut().for_each(|command| command.offsets.clear());
        Ok(())
    }

    /// What was sent, for the auditor.
    pub fn sent(&self) -> Vec<Sent> {
        let sent = self.commands.values().map(|command| Sent {
            content: content_of(&command.letter.value),
            topic: command.letter.topic,
            acknowledged: command.acknowledged,
        });
        sent.collect()
    }

    /// How many commands were sent.
    pub fn count(&self) -> usize {
        self.commands.len()
    }
}
