//! The auditor sees what must not be: a run that is right up to here, and then one record that should not stand there.

use super::*;
use crate::generate;
use crate::run::Run;
use crate::script::Act;
use hoga_core::records::{BookAnswer, BookOutcome, Mark, MarkOutput};
use hoga_core::{AccountId, ClientId, Decimal, Symbol};
use hoga_schemas::Origin;

const ACCOUNTS: TopicPartition = TopicPartition::new(Topic::Accounts, 0);
const OWNERS: TopicPartition = TopicPartition::new(Topic::Owners, 0);

/// A market that is listed, open and funded.
fn healthy() -> Run {
    let script = generate(0);
    let mut run = Run::new(&script.setup).unwrap();
    let setup = script.acts.iter().take_while(|act| !matches!(act, Act::Sync));
    for act in setup.chain([&Act::Settle]) {
        run.act(act).unwrap();
    }
    run.auditor.look().unwrap();
    run
}

/// Appends what somebody should not have, and what the auditor says to it.
#[track_caller]
fn check(at: TopicPartition, expect: &str, plant: impl FnOnce(&Run) -> (String, Vec<u8>)) {
    let mut run = healthy();
    let (key, value) = plant(&run);
    run.log.append_foreign(at, key.as_bytes(), Some(&value), run.now).unwrap();
    let found = run.auditor.look().err().map(|finding| finding.to_string());
    let spoilt: Vec<String> = run.auditor.spoilt().map(|(.., why)| why.to_owned()).collect();
    let said = found.unwrap_or_else(|| spoilt.join(" "));
    assert!(said.contains(expect), "expected {expect:?}, got {said:?}");
}

/// The next origin of a channel there, its hash fitting `record`, and the hash of the number before.
fn next(run: &Run, record: &Record) -> (Origin, u64) {
    let machine = MachineKind::Matching;
    let progress = run.auditor.progress(ACCOUNTS, (machine, 0)).unwrap();
    let (last, before) = progress.last();
    let plain = hoga_schemas::encode(record);
    let hash = running_hash(before, &hoga_schemas::open(&plain).unwrap(), 0, b"a1");
    (Origin { machine, partition: 0, epoch: progress.epoch.unwrap(), cause: 0, number: last + 1, hash }, before)
}

fn sealed(record: &Record, origin: Option<Origin>) -> (String, Vec<u8>) {
    let (mut content, mut value) = (Vec::new(), Vec::new());
    hoga_schemas::encode_content(record, &mut content);
    hoga_schemas::seal(record.kind(), origin.as_ref(), &content, &mut value);
    ("a1".into(), value)
}

fn answer() -> Record {
    Record::BookAnswer(BookAnswer {
        account: AccountId::unchecked("a1"),
        order_id: OrderId::new(0, 1),
        client_order_id: Some(ClientId::unchecked("c1")),
        symbol: Symbol::unchecked("KRW-BTC"),
        outcome: BookOutcome::Canceled,
        reason: None,
        price: None,
        quantity: None,
        leaves: Decimal::ZERO,
    })
}

#[test]
fn an_effect_without_a_cause_is_found() {
    // It is also an answer to an order that never was.
    check(ACCOUNTS, "is not known here", |run| {
        let (origin, _) = next(run, &answer());
        sealed(&answer(), Some(origin))
    });
    check(TopicPartition::new(Topic::Executions, 0), "nothing in its input demands it", |run| {
        let progress = run.auditor.progress(TopicPartition::new(Topic::Executions, 0), (MachineKind::Matching, 0));
        let epoch = progress.unwrap().epoch.unwrap();
        let record = execution();
        let plain = hoga_schemas::encode(&record);
        let hash = running_hash(0, &hoga_schemas::open(&plain).unwrap(), 0, b"KRW-BTC");
        let origin = Origin { machine: MachineKind::Matching, partition: 0, epoch, cause: 0, number: 1, hash };
        ("KRW-BTC".into(), sealed(&record, Some(origin)).1)
    });
}

fn execution() -> Record {
    let (maker_account, taker_account) = (AccountId::unchecked("a1"), AccountId::unchecked("a2"));
    Record::Execution(hoga_core::records::Execution {
        symbol: Symbol::unchecked("KRW-BTC"),
        trade_id: hoga_core::TradeId::new(0, 1),
        time: Timestamp(1),
        price: Decimal::from_int(1),
        quantity: Decimal::from_int(1),
        taker_side: hoga_core::records::Side::Buy,
        maker_order_id: OrderId::new(0, 1),
        taker_order_id: OrderId::new(0, 2),
        maker_account,
        taker_account,
        maker_fee: Decimal::ZERO,
        taker_fee: Decimal::ZERO,
    })
}

#[test]
fn a_hash_that_does_not_fit_spoils_the_partition() {
    check(ACCOUNTS, "its content gives", |run| {
        let (origin, _) = next(run, &answer());
        sealed(&answer(), Some(Origin { hash: origin.hash ^ 1, ..origin }))
    });
    check(ACCOUNTS, "", |_| ("a1".into(), b"no record".to_vec()));
}

#[test]
fn what_readers_drop_is_no_finding() {
    for change in [
        |origin: Origin| Origin { epoch: origin.epoch + 1, ..origin },
        |origin: Origin| Origin { number: origin.number + 5, ..origin },
        |origin: Origin| Origin { machine: MachineKind::Candles, ..origin },
    ] {
        let mut run = healthy();
        let (origin, _) = next(&run, &answer());
        let (key, value) = sealed(&answer(), Some(change(origin)));
        run.log.append_foreign(ACCOUNTS, key.as_bytes(), Some(&value), run.now).unwrap();
        run.auditor.look().unwrap();
        assert_eq!(run.auditor.spoilt().count(), 0);
    }
}

#[test]
fn two_contents_under_one_number_are_found() {
    let at = TopicPartition::new(Topic::Accounts, 0);
    check(at, "has two contents", |run| {
        let machine = MachineKind::Control;
        let epoch = run.auditor.progress(at, (machine, 0)).unwrap().epoch.unwrap();
        sealed(&answer(), Some(Origin { machine, partition: 0, epoch, cause: 0, number: 1, hash: 7 }))
    });
}

#[test]
fn a_mark_that_says_too_much_is_found() {
    check(OWNERS, "readers have", |run| {
        let (machine, partition) = (MachineKind::Control, 0);
        let epoch = run.auditor.claims.newest((machine, partition)).unwrap();
        let output = MarkOutput { topic: Topic::Accounts, partition: 0, number: 1_000, offset: 5, hash: 1 };
        let mark = Mark { machine, partition, epoch, next_offset: 1, outputs: vec![output] };
        (String::new(), hoga_schemas::encode(&Record::Mark(mark)))
    });
    check(OWNERS, "its input demands", |run| {
        let (machine, partition) = (MachineKind::Control, 0);
        let epoch = run.auditor.claims.newest((machine, partition)).unwrap();
        let output = MarkOutput { topic: Topic::Accounts, partition: 0, number: 0, offset: 5, hash: 0 };
        let mark = Mark { machine, partition, epoch, next_offset: 3, outputs: vec![output] };
        (String::new(), hoga_schemas::encode(&Record::Mark(mark)))
    });
}
