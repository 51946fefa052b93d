//! What admission must pass on and what becomes a dead letter; the same for the operator's commands of control.
//! By docs/machines.md.
//!
//! Left out on purpose: limits that no script reaches (10,000 instruments, 4,096 remembered command ids).

use super::accept::Taken;
use super::expected::{Expected, channel};
use hoga_core::records::{DeadLetter, InstrumentListing, RecordKind};
use hoga_core::{Decimal, MachineKind, Record, Topic};
use std::collections::{BTreeMap, BTreeSet};

/// 38 digits.
const GREATEST: i128 = 10i128.pow(38) - 1;
/// The last millisecond of the year 9999.
const LAST_TIME: i64 = 253_402_300_799_999;

/// What a partition of `orders` demands.
pub(crate) fn admission(partition: u32, taken: &Taken, expected: &mut Expected) {
    let channel = channel(MachineKind::Admission, partition);
    match &taken.record {
        Some(Record::Clock(_)) => {}
        Some(record) if is_command(record, &taken.key) => {
            expected.demand(channel, taken.offset, Topic::Accounts, record.clone());
        }
        _ => expected.demand(channel, taken.offset, Topic::DeadLetters, letter(Topic::Orders, partition, taken)),
    }
}

fn letter(topic: Topic, partition: u32, taken: &Taken) -> DeadLetter {
    let first = |bytes: &[u8], most: usize| bytes[..bytes.len().min(most)].to_vec();
    DeadLetter {
        topic: topic.name().into(),
        partition,
        offset: taken.offset,
        reason: String::new(),
        key: first(&taken.key, 256),
        value: first(&taken.value, 4_096),
    }
}

/// Whether a record is a well-formed command of a member.
fn is_command(record: &Record, key: &[u8]) -> bool {
    let fits = |value: Option<Decimal>| value.is_none_or(|value| value.0 > 0 && value.0 <= GREATEST);
    let (account, ids, valid_until, rest) = match record {
        Record::PlaceOrder(r) => {
            let symbol = r.symbol.as_str();
            let well = !symbol.is_empty()
                && symbol.len() <= 24
                && symbol.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"._/-".contains(&b));
            let numbers = fits(r.price) && fits(r.quantity) && fits(r.amount);
            (&r.account, vec![&r.client_order_id], r.valid_until, well && numbers)
        }
        Record::AmendOrder(r) => {
            let ids = vec![&r.client_order_id, &r.orig_client_order_id];
            (&r.account, ids, r.valid_until, fits(r.price) && fits(r.quantity))
        }
        Record::ReduceOrder(r) => {
            (&r.account, vec![&r.client_order_id, &r.orig_client_order_id], r.valid_until, fits(Some(r.quantity)))
        }
        Record::CancelOrder(r) => (&r.account, vec![&r.client_order_id, &r.orig_client_order_id], r.valid_until, true),
        _ => return false,
    };
    let name = account.as_str();
    let named = (1..=36).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && key == name.as_bytes();
    let identified = ids
        .iter()
        .all(|id| (1..=36).contains(&id.as_str().len()) && id.as_str().bytes().all(|b| (b'!'..=b'~').contains(&b)));
    named && identified && (1..=LAST_TIME).contains(&valid_until.0) && rest
}

/// What the operator has listed.
#[derive(Debug, Default)]
pub(crate) struct Control {
    seen: BTreeMap<String, (RecordKind, Vec<u8>)>,
    assets: BTreeMap<String, u8>,
    schedules: BTreeSet<String>,
    instruments: BTreeMap<String, InstrumentListing>,
}

impl Control {
    /// What the partition of `control` demands.
    pub fn take(&mut self, taken: &Taken, expected: &mut Expected) {
        let channel = channel(MachineKind::Control, 0);
        let Some(record) = &taken.record else { return };
        let id = match record {
            Record::AssetListing(r) => &r.command_id,
            Record::FeeSchedule(r) => &r.command_id,
            Record::InstrumentListing(r) => &r.command_id,
            Record::PhaseChange(r) => &r.command_id,
            Record::RulesVersion(r) => &r.command_id,
            _ => return,
        };
        let before = self.seen.get(id.as_str());
        if before == Some(&taken.content) {
            return;
        }
        if before.is_some() || !self.allows(record) {
            let letter = letter(Topic::Control, 0, taken);
            return expected.demand(channel, taken.offset, Topic::DeadLetters, letter);
        }
        self.seen.insert(id.to_string(), taken.content.clone());
        self.list(record);
        if !matches!(record, Record::PhaseChange(_)) {
            expected.demand_everywhere(channel, taken.offset, Topic::Accounts, record);
        }
        if matches!(record, Record::PhaseChange(_) | Record::InstrumentListing(_)) {
            expected.demand(channel, taken.offset, Topic::Books, record.clone());
        } else {
            expected.demand_everywhere(channel, taken.offset, Topic::Books, record);
        }
        expected.demand(channel, taken.offset, Topic::Instruments, record.clone());
    }

    fn allows(&self, record: &Record) -> bool {
        match record {
            Record::AssetListing(r) => {
                r.digits <= 10 && self.assets.get(r.asset.as_str()).is_none_or(|digits| *digits == r.digits)
            }
            Record::FeeSchedule(r) => r.maker_fee_ppm <= 100_000 && r.taker_fee_ppm <= 100_000,
            Record::InstrumentListing(r) => self.allows_listing(r),
            Record::PhaseChange(r) => self.instruments.contains_key(r.symbol.as_str()),
            Record::RulesVersion(r) => r.version == 1,
            _ => false,
        }
    }

    fn allows_listing(&self, listing: &InstrumentListing) -> bool {
        let known = |asset: &str| self.assets.contains_key(asset);
        let fixed = |l: &InstrumentListing| (l.base.clone(), l.quote.clone(), l.tick, l.lot);
        let before = self.instruments.get(listing.symbol.as_str());
        known(listing.base.as_str())
            && known(listing.quote.as_str())
            && self.schedules.contains(listing.fee_schedule.as_str())
            && before.is_none_or(|before| fixed(before) == fixed(listing))
    }

    fn list(&mut self, record: &Record) {
        match record {
            Record::AssetListing(r) => {
                self.assets.insert(r.asset.to_string(), r.digits);
            }
            Record::FeeSchedule(r) => {
                self.schedules.insert(r.name.to_string());
            }
            Record::InstrumentListing(r) => {
                self.instruments.insert(r.symbol.to_string(), r.clone());
            }
            _ => {}
        }
    }
}
