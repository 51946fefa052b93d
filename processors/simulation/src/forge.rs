//! What somebody writes into a trusted topic who should not, and how trusted topics are damaged.

use crate::auditor::running_hash;
use crate::run::Run;
use crate::script::{Forgery, Spoiling};
use hoga_core::records::{BookAnswer, BookOutcome, FeeSchedule, HeldCancel, Reason};
use hoga_core::{AccountId, ClientId, Decimal, MachineKind, OrderId, Record, Symbol, Topic};
use hoga_schemas::Origin;
use hoga_topics::TopicPartition;

/// A record that machines of that input would act on.
fn bait(topic: Topic) -> Record {
    let (account, symbol) = (AccountId::unchecked("a1"), Symbol::unchecked("KRW-BTC"));
    let order_id = OrderId::new(0, 1);
    if topic == Topic::Accounts {
        let (client_order_id, reason) = (None, Some(Reason::Requested));
        let (outcome, price, quantity, leaves) = (BookOutcome::Canceled, None, None, Decimal::ZERO);
        return BookAnswer { account, order_id, client_order_id, symbol, outcome, reason, price, quantity, leaves }
            .into();
    }
    HeldCancel { order_id, account, client_order_id: ClientId::unchecked("forged"), symbol }.into()
}

/// Writes what readers must drop.
pub(crate) fn forge(run: &Run, at: TopicPartition, forgery: Forgery) {
    if forgery == Forgery::NoOrigin {
        return write(run, at, None);
    }
    let Some((origin, accepted)) = next(run, at) else { return };
    let forged = match forgery {
        Forgery::NoOrigin => unreachable!("written above"),
        Forgery::OldEpoch => Origin { epoch: origin.epoch.saturating_sub(1), ..origin },
        Forgery::FutureEpoch => Origin { epoch: origin.epoch + 1_000_000, ..origin },
        Forgery::FarNumber => Origin { number: origin.number + 1_000, ..origin },
        Forgery::OldNumber => Origin { number: origin.number - 1, hash: accepted, ..origin },
        Forgery::WrongTopic => Origin { machine: MachineKind::TickCandles, ..origin },
    };
    // An owner before the first there never was, and of a channel that is empty there is no number to repeat.
    if forged.epoch != origin.epoch || forged.number > 0 && forged != origin {
        write(run, at, Some(forged));
    }
}

/// Damages a topic so that its machine must stop.
pub(crate) fn spoil(run: &Run, at: TopicPartition, spoiling: Spoiling) {
    match spoiling {
        Spoiling::NoRecord => append(run, at, b"", b"this is no record"),
        Spoiling::WrongHash => {
            let Some((origin, _)) = next(run, at) else { return };
            // Nothing but the hash tells: its machine would take it and go on.
            let schedule = FeeSchedule {
                command_id: ClientId::unchecked("forged"),
                name: ClientId::unchecked("forged"),
                maker_fee_ppm: 0,
                taker_fee_ppm: 0,
            };
            let (key, value) = sealed(schedule.into(), Some(Origin { hash: !origin.hash, ..origin }));
            append(run, at, key.as_bytes(), &value);
        }
    }
}

/// The origin with which readers would accept the bait as the next record of some channel, and the hash before it.
fn next(run: &Run, at: TopicPartition) -> Option<(Origin, u64)> {
    let channels = run.auditor.channels(at).filter_map(|(channel, progress)| {
        let (number, hash) = progress.last();
        Some((channel, progress.epoch?, number, hash))
    });
    let ((machine, partition), epoch, number, before) = channels.last()?;
    let (key, value) = sealed(bait(at.topic), None);
    let frame = hoga_schemas::open(&value).expect("it was just encoded");
    let hash = running_hash(before, &frame, 0, key.as_bytes());
    Some((Origin { machine, partition, epoch, cause: 0, number: number + 1, hash }, before))
}

fn sealed(record: Record, origin: Option<Origin>) -> (String, Vec<u8>) {
    let (mut content, mut value) = (Vec::new(), Vec::new());
    hoga_schemas::encode_content(&record, &mut content);
    hoga_schemas::seal(record.kind(), origin.as_ref(), &content, &mut value);
    (record.account().map_or(String::new(), ToString::to_string), value)
}

fn write(run: &Run, at: TopicPartition, origin: Option<Origin>) {
    let (key, value) = sealed(bait(at.topic), origin);
    append(run, at, key.as_bytes(), &value);
}

fn append(run: &Run, at: TopicPartition, key: &[u8], value: &[u8]) {
    run.log.append_foreign(at, key, Some(value), run.now).expect("the partition is there");
}
