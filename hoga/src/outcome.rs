//! Waits for what becomes of one command of the operator.
//!
//! Reads, from where the topics ended before the command was sent: `journal` and `order-events` in the account's
//! partition for money, `instruments` and `dead-letters` for listings.
//!
//! Invariant: an outcome is told only once it is durable. It is read without a channel table: whoever wrote it had
//! read the command at its offset, and machines are deterministic, so even an owner that has lost its claim tells the truth.

use crate::exit::Failure;
use crate::reading;
use crate::stop::Stop;
use hoga_core::records::{LedgerAccount, Reason};
use hoga_core::{AccountId, ClientId, Record, Topic};
use hoga_topics::{Log, LogRecord, Reader, TopicPartition, Visibility, catalogue, partitioner};
use std::time::{Duration, Instant};

/// The topics that tell what became of a command, from before it was sent.
pub struct Watch {
    readers: Vec<(TopicPartition, Box<dyn Reader>)>,
}

/// What names a command in its outcome.
pub enum Asked<'a> {
    /// A deposit or withdrawal.
    Money(&'a AccountId, &'a ClientId),
    /// A command in `control`.
    Control(&'a ClientId),
}

impl Asked<'_> {
    /// The command's names; `None` for commands of members, whose outcome is an order's life.
    pub fn of(record: &Record) -> Option<Asked<'_>> {
        Some(match record {
            Record::Deposit(r) => Asked::Money(&r.account, &r.client_id),
            Record::Withdrawal(r) => Asked::Money(&r.account, &r.client_id),
            Record::AssetListing(r) => Asked::Control(&r.command_id),
            Record::InstrumentListing(r) => Asked::Control(&r.command_id),
            Record::FeeSchedule(r) => Asked::Control(&r.command_id),
            Record::PhaseChange(r) => Asked::Control(&r.command_id),
            Record::RulesVersion(r) => Asked::Control(&r.command_id),
            _ => return None,
        })
    }
}

impl Watch {
    /// Begins to watch; call it before the command is sent.
    pub fn start(log: &dyn Log, asked: &Asked<'_>) -> Result<Self, Failure> {
        let places = match asked {
            Asked::Money(account, _) => [Topic::Journal, Topic::OrderEvents].map(|topic| {
                TopicPartition::new(topic, partitioner::partition(account.as_str().as_bytes(), log.partitions(topic)))
            }),
            Asked::Control(_) => [Topic::Instruments, Topic::DeadLetters].map(|topic| TopicPartition::new(topic, 0)),
        };
        let mut readers = Vec::new();
        for at in places {
            readers.push((at, log.reader(at, log.bounds(at)?.end, Visibility::Durable)?));
        }
        Ok(Self { readers })
    }

    /// Waits for the outcome of the command that stands in `sent`: what was done, in words.
    pub fn wait(
        &mut self,
        log: &dyn Log,
        asked: &Asked<'_>,
        sent: TopicPartition,
        timeout: Duration,
        stop: &Stop,
    ) -> Result<String, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = log.signal().version();
            if let Some(outcome) = self.poll(asked)? {
                return outcome;
            }
            stop.check(&format!("the command stands in {sent} and will be done"))?;
            if Instant::now() >= deadline {
                return Err(Failure::TimedOut(format!(
                    "no outcome of the command in {sent} within {} s; it stands there and will be done: is `hoga up` (or `hoga run`) at work? look with `hoga tail` or wait longer with --answer-timeout-s",
                    timeout.as_secs()
                )));
            }
            log.signal().wait(seen, Duration::from_millis(50));
        }
    }

    fn poll(&mut self, asked: &Asked<'_>) -> Result<Option<Result<String, Failure>>, Failure> {
        let mut batch: Vec<LogRecord> = Vec::new();
        for (at, reader) in &mut self.readers {
            batch.clear();
            reader.poll(512, &mut batch)?;
            for stored in &batch {
                let Ok(frame) = hoga_schemas::open(stored.value.as_deref().unwrap_or_default()) else { continue };
                let outcome = judge(&reading::decode(*at, stored.offset, &frame)?, asked);
                if outcome.is_some() {
                    return Ok(outcome);
                }
            }
        }
        Ok(None)
    }
}

/// The outcome that a record tells; `None` if it is about something else.
fn judge(record: &Record, asked: &Asked<'_>) -> Option<Result<String, Failure>> {
    match (record, asked) {
        (Record::JournalEntry(entry), Asked::Money(account, id)) => {
            let ours = entry.client_id.as_ref() == Some(*id) && entry.account == **account;
            let posting = entry.postings.iter().find(|posting| posting.ledger == LedgerAccount::Member);
            posting.filter(|_| ours).map(|posting| {
                let (kind, amount, asset, balance) = (entry.kind, posting.amount, &posting.asset, posting.balance);
                Ok(format!("{kind}: {account} {amount} {asset}, balance {balance} {asset}"))
            })
        }
        (Record::CommandRefused(refused), Asked::Money(account, id)) => {
            let ours = refused.client_id == **id && refused.account == **account;
            ours.then(|| Err(refusal(refused.reason, refused.detail.as_deref())))
        }
        (Record::DeadLetter(letter), Asked::Control(id)) => {
            let refused = hoga_schemas::open(&letter.value).and_then(|frame| hoga_schemas::decode(&frame)).ok()?;
            let ours = matches!(Asked::of(&refused), Some(Asked::Control(found)) if found == *id);
            ours.then(|| Err(Failure::Refused(letter.reason.clone())))
        }
        (listed, Asked::Control(id)) => match Asked::of(listed) {
            Some(Asked::Control(found)) if found == *id => {
                Some(Ok(format!("{} {}: done", listed.kind(), catalogue::key_of(Topic::Instruments, listed))))
            }
            _ => None,
        },
        _ => None,
    }
}

fn refusal(reason: Reason, detail: Option<&str>) -> Failure {
    Failure::Refused(match detail {
        Some(detail) => format!("refused: {reason}: {detail}"),
        None => format!("refused: {reason}"),
    })
}
