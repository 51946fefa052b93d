//! Admission: judges the form of what stands in `orders`, the open inbox, before anything trusts it.
//!
//! Reads `orders`; writes `accounts` (what is well formed, unchanged) and `dead-letters` (everything else).
//!
//! Invariants:
//! 1. It never stops: whatever a producer writes is passed on, or becomes one dead letter that says what is wrong,
//!    where it stands and what to do.
//! 2. What it passes on is one of the four commands; its names keep their rules, its key is its account, its
//!    valid-until is a time, its numbers are above zero and at most 38 digits.
//! 3. Its judgement depends on the one record alone: no time, no accounts, no instruments.
//!
//! Left out on purpose: business rules. An unknown symbol, a price off tick, a command that is late, and also a price
//! on a market order, are refused by holds with an event, because a client that waits for an answer reads events, not
//! dead letters. Repeats pass: holds knows the ids. Clocks of recorded logs are the driver's to pass on.

use crate::dead_letter::dead_letter;
use crate::ids::{AccountId, ClientId, NameError};
use crate::machine::{Body, Effects, Input, Machine, MachineKind, Stop, Topic};
use crate::money::Decimal;
use crate::records::{PlaceOrder, Record, RecordKind};
use crate::time::{MAX_TIME, Timestamp};
use serde::{Deserialize, Serialize};

/// Why a record of `orders` is not passed on, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are no record.
    #[error("not a record: {0}; send Avro in the Confluent framing with a schema of this release (docs/topics.md)")]
    Malformed(String),
    /// A record, but no command.
    #[error(
        "a {0} does not belong into orders: send PlaceOrder, AmendOrder, ReduceOrder or CancelOrder here, deposits and \
         withdrawals to accounts, listings and phases to control"
    )]
    NotACommand(RecordKind),
    /// A name breaks its rule.
    #[error("{field}: {error}")]
    Name {
        /// The field.
        field: &'static str,
        /// The rule that it breaks.
        error: NameError,
    },
    /// The key, which decides the partition, is not the account: the account's commands would lose their order.
    #[error("the record's key is {key:?} and its account {account}: send it again with the account as its key")]
    Key {
        /// The key as text, cut to 64 characters.
        key: String,
        /// The account.
        account: AccountId,
    },
    /// The valid-until is no time.
    #[error(
        "valid_until {0} is out of range: give milliseconds since 1970 in UTC, above 0 and before the year 10000, \
         at most 10 minutes ahead"
    )]
    ValidUntil(Timestamp),
    /// A number is not above zero or too long.
    #[error("{field} {value} is out of range: give a number above 0 with at most 28 digits before the point")]
    Number {
        /// The field.
        field: &'static str,
        /// Its value.
        value: Decimal,
    },
}

/// What admission counts; all that it remembers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Commands passed on.
    pub admitted: u64,
    /// Dead letters written.
    pub dead: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Admission {
    partition: u32,
    counts: Counts,
}

impl Admission {
    /// The machine of a partition of `orders`.
    pub fn new(partition: u32) -> Self {
        Self { partition, counts: Counts::default() }
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Machine for Admission {
    fn kind(&self) -> MachineKind {
        MachineKind::Admission
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        let outcome = match &input.body {
            Body::Record(Record::Clock(_)) => return Ok(()),
            Body::Record(record) => judge(record, input.key).map(|()| *record),
            Body::Malformed { reason } => Err(Refusal::Malformed((*reason).to_owned())),
        };
        match outcome {
            Ok(command) => {
                self.counts.admitted += 1;
                effects.emit(Topic::Accounts, command.clone());
            }
            Err(refusal) => {
                self.counts.dead += 1;
                let letter = dead_letter(self.kind(), self.partition, input, refusal.to_string());
                effects.emit(Topic::DeadLetters, letter);
            }
        }
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.counts).expect("counts always encode")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.counts = postcard::from_bytes(bytes).map_err(|error| format!("state of admission: {error}"))?;
        Ok(())
    }
}

fn judge(record: &Record, key: &[u8]) -> Result<(), Refusal> {
    match record {
        Record::PlaceOrder(r) => {
            judge_head(key, &r.account, &r.client_order_id, None, r.valid_until)?;
            judge_place(r)
        }
        Record::AmendOrder(r) => {
            judge_head(key, &r.account, &r.client_order_id, Some(&r.orig_client_order_id), r.valid_until)?;
            number("price", r.price)?;
            number("quantity", r.quantity)
        }
        Record::ReduceOrder(r) => {
            judge_head(key, &r.account, &r.client_order_id, Some(&r.orig_client_order_id), r.valid_until)?;
            number("quantity", Some(r.quantity))
        }
        Record::CancelOrder(r) => {
            judge_head(key, &r.account, &r.client_order_id, Some(&r.orig_client_order_id), r.valid_until)
        }
        other => Err(Refusal::NotACommand(other.kind())),
    }
}

/// What is common to the four commands.
fn judge_head(
    key: &[u8],
    account: &AccountId,
    client_order_id: &ClientId,
    orig_client_order_id: Option<&ClientId>,
    valid_until: Timestamp,
) -> Result<(), Refusal> {
    name("account", account.check())?;
    name("client_order_id", client_order_id.check())?;
    if let Some(id) = orig_client_order_id {
        name("orig_client_order_id", id.check())?;
    }
    if key != account.as_str().as_bytes() {
        let key = String::from_utf8_lossy(key).chars().take(64).collect();
        return Err(Refusal::Key { key, account: account.clone() });
    }
    if valid_until.0 <= 0 || valid_until > MAX_TIME {
        return Err(Refusal::ValidUntil(valid_until));
    }
    Ok(())
}

fn judge_place(order: &PlaceOrder) -> Result<(), Refusal> {
    name("symbol", order.symbol.check())?;
    number("price", order.price)?;
    number("quantity", order.quantity)?;
    number("amount", order.amount)
}

fn name(field: &'static str, outcome: Result<(), NameError>) -> Result<(), Refusal> {
    outcome.map_err(|error| Refusal::Name { field, error })
}

fn number(field: &'static str, value: Option<Decimal>) -> Result<(), Refusal> {
    match value {
        Some(value) if !value.is_positive() || !value.in_range() => Err(Refusal::Number { field, value }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
