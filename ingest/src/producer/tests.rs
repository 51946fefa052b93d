//! The producer over a log that loses records and acknowledgements.

use super::*;
use hoga_core::records::CancelOrder;
use hoga_core::{AccountId, ClientId};
use hoga_topics::memory::{Clock, Fault, FaultRates, SeededFaults, Sent};
use hoga_topics::{MemoryLog, MemoryOptions, Visibility};
use std::collections::BTreeSet;

fn cancel(number: u64) -> Record {
    CancelOrder {
        account: AccountId::unchecked(&format!("a{}", number % 7)),
        client_order_id: ClientId::unchecked(&format!("c{number}")),
        valid_until: Timestamp(1),
        orig_client_order_id: ClientId::unchecked("o"),
    }
    .into()
}

fn log(rates: Option<FaultRates>) -> MemoryLog {
    let faults = rates.map(|rates| Box::new(SeededFaults::new(5, rates)) as Box<_>);
    MemoryLog::new(MemoryOptions { faults, ..MemoryOptions::default() })
}

fn lossy() -> FaultRates {
    FaultRates { lose: 100, lose_ack: 100, ..FaultRates::default() }
}

/// The values of `orders` and how many stand there.
fn standing(log: &MemoryLog) -> (BTreeSet<Vec<u8>>, usize) {
    let mut records = Vec::new();
    for partition in 0..log.partitions(Topic::Orders) {
        let at = TopicPartition::new(Topic::Orders, partition);
        log.reader(at, 0, Visibility::Durable).unwrap().poll(10_000, &mut records).unwrap();
    }
    let count = records.len();
    (records.into_iter().map(|record| record.value.unwrap().to_vec()).collect(), count)
}

#[test]
fn every_record_stands_by_its_key_once_it_is_finished() {
    let log = log(None);
    let mut producer = Producer::new(&log, ProducerOptions { max_in_flight: 3, ..Default::default() }).unwrap();
    for number in 0..100 {
        let record = cancel(number);
        let to = producer.send(Topic::Orders, &record, None).unwrap();
        let account = record.account().unwrap().as_str().as_bytes();
        assert_eq!(to.partition, partitioner::partition(account, 4));
        assert!(producer.waiting.len() <= 3);
    }
    let sent = producer.finish().unwrap();
    assert_eq!(sent, super::Sent { taken: 100, acknowledged: 100, resent: 0 });
    let (values, count) = standing(&log);
    assert_eq!((values.len(), count), (100, 100));
}

#[test]
fn what_is_not_known_goes_again_and_carries_the_same_identity() {
    let log = log(Some(lossy()));
    let mut producer = Producer::new(&log, ProducerOptions::default()).unwrap();
    let expected: BTreeSet<_> = (0..500).map(|number| hoga_schemas::encode(&cancel(number))).collect();
    for number in 0..500 {
        producer.send(Topic::Orders, &cancel(number), None).unwrap();
    }
    let sent = producer.finish().unwrap();
    assert!(sent.resent > 50 && sent.acknowledged == 500, "{sent:?}");
    let (values, count) = standing(&log);
    assert_eq!(values, expected, "nothing is lost and a repeat has the same bytes");
    assert!(count > 500, "a lost acknowledgement leaves a repeat: {count}");
}

#[test]
fn who_needs_the_order_is_told_instead() {
    let log = log(Some(lossy()));
    let mut producer = Producer::new(&log, ProducerOptions { resend: false, ..Default::default() }).unwrap();
    let sent = (0..500).try_for_each(|number| producer.send(Topic::Orders, &cancel(number), None).map(|_| ()));
    let error = sent.and_then(|()| producer.finish().map(|_| ())).unwrap_err();
    assert!(matches!(error, ProduceError::Unknown { .. }), "{error}");
}

#[test]
fn a_log_that_does_not_answer_ends_in_a_timeout() {
    let never = |_: &Sent<'_>| Fault::DelayAck { ms: 1 };
    let (clock, faults) = (Clock::Set(Timestamp(0)), Some(Box::new(never) as Box<_>));
    let log = MemoryLog::new(MemoryOptions { clock, faults, ..MemoryOptions::default() });
    let options = ProducerOptions { timeout: Duration::from_millis(5), ..Default::default() };
    let mut producer = Producer::new(&log, options).unwrap();
    producer.send(Topic::Orders, &cancel(1), None).unwrap();
    let error = producer.settle().unwrap_err();
    assert!(matches!(error, ProduceError::Timeout { waiting: 1, .. }), "{error}");
    log.set_time(Timestamp(1));
    assert_eq!(producer.finish().unwrap().acknowledged, 1, "it was only late");
}
