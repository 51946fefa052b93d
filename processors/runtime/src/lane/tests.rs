//! Delivery, as scripts: what is emitted, which answers come, what is sent and what counts as delivered.

use super::*;
use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Topic};
use hoga_topics::Ack;

/// Remembers the numbers that were sent, with their sequences.
#[derive(Default)]
struct Sent(Vec<(u64, u64)>);

impl Writer for Sent {
    fn send(
        &mut self,
        _: TopicPartition,
        key: &[u8],
        value: &[u8],
        _: Option<Timestamp>,
        token: u64,
    ) -> Result<(), LogError> {
        assert_eq!(key, b"key");
        let number = hoga_schemas::open(value).unwrap().origin.unwrap().number;
        self.0.push((number, token & ((1 << SEQUENCE_BITS) - 1)));
        Ok(())
    }
    fn flush(&mut self) -> Result<(), LogError> {
        Ok(())
    }
    fn acks(&mut self, _: &mut Vec<Ack>) -> Result<(), LogError> {
        Ok(())
    }
    fn in_flight(&self) -> usize {
        0
    }
}

fn lane(accepted: u64) -> Lane {
    let counter = Counter { number: accepted, hash: accepted * 11 };
    Lane::new(TopicPartition::new(Topic::Books, 0), 3, false, Delivered { counter, offset: 10 })
}

fn emit(lane: &mut Lane, number: u64, hash: u64, writer: &mut Sent) -> Result<bool, Mismatch> {
    let (cause, counter) = (number * 100, Counter { number, hash });
    let origin = Origin { machine: MachineKind::Holds, partition: 0, epoch: 5, cause, number, hash };
    let (kind, time) = (RecordKind::Clock, Timestamp(0));
    lane.emit(origin, &Emitted { lane: 3, key: b"key", kind, content: b"content", cause, counter, time }, writer)
}

/// Emits 1 to 3, gives the answers (sequence, offset; -1: unknown), and tells what was sent again, the number
/// delivered and its offset.
fn check(answers: &[(u64, i64)], again: &[u64], delivered: (u64, u64)) {
    let (mut lane, mut writer) = (lane(0), Sent::default());
    for number in 1..=3 {
        assert!(emit(&mut lane, number, number * 11, &mut writer).unwrap());
    }
    for (sequence, offset) in answers {
        lane.answer(*sequence, u64::try_from(*offset).ok(), &mut writer).unwrap();
    }
    let sent: Vec<u64> = writer.0[3..].iter().map(|(number, _)| *number).collect();
    assert_eq!(sent, again, "sent again after {answers:?}");
    let Delivered { counter, offset } = lane.delivered();
    assert_eq!((counter.number, offset), delivered, "delivered after {answers:?}");
    assert_eq!(counter.hash, counter.number * 11);
    assert_eq!(lane.first_cause(), (counter.number < 3).then_some((counter.number + 1) * 100));
    assert_eq!(lane.owed().0 as u64, 3 - counter.number);
}

#[test]
fn answers_in_order_deliver() {
    check(&[(0, 11), (1, 12), (2, 13)], &[], (3, 13));
    check(&[(1, 12), (2, 13)], &[], (0, 10));
    check(&[(1, 12), (2, 13), (0, 11)], &[], (3, 13));
}

#[test]
fn an_unknown_offset_sends_again_from_the_first_undelivered() {
    check(&[(0, 11), (1, -1)], &[2, 3], (1, 11));
    check(&[(0, -1)], &[1, 2, 3], (0, 10));
    check(&[(0, 11), (2, -1)], &[], (1, 11));
    check(&[(0, 11), (2, -1), (1, 12)], &[3], (2, 12));
}

#[test]
fn an_offset_before_the_predecessors_sends_again() {
    check(&[(0, 20), (1, 19)], &[2, 3], (1, 20));
    check(&[(0, 9)], &[1, 2, 3], (0, 10));
}

#[test]
fn an_answer_to_an_earlier_sending_is_ignored() {
    // 3 stands at 13, but before the second sending of 2: no reader took it there.
    check(&[(0, 11), (1, -1), (2, 13)], &[2, 3], (1, 11));
    check(&[(0, 11), (1, -1), (2, 13), (3, 14), (4, 15)], &[2, 3], (3, 15));
}

#[test]
fn what_readers_accepted_is_checked_and_not_sent() {
    let (mut lane, mut writer) = (lane(2), Sent::default());
    assert!(!emit(&mut lane, 1, 999, &mut writer).unwrap(), "only the last hash is known");
    assert!(matches!(emit(&mut lane, 2, 23, &mut writer), Err(Mismatch::Diverged { accepted: 22 })));
    assert!(!emit(&mut lane, 2, 22, &mut writer).unwrap());
    assert!(emit(&mut lane, 3, 33, &mut writer).unwrap());
    assert_eq!(writer.0, [(3, 0)]);
}

#[test]
fn the_buffer_keeps_the_bytes_of_what_is_owed() {
    let (mut lane, mut writer) = (lane(0), Sent::default());
    for number in 1..=5_000 {
        emit(&mut lane, number, number * 11, &mut writer).unwrap();
    }
    for sequence in 0..4_990 {
        lane.answer(sequence, Some(11 + sequence), &mut writer).unwrap();
    }
    assert!(lane.buffer.len() < 1 << 18, "{} bytes", lane.buffer.len());
    writer.0.clear();
    lane.answer(4_990, None, &mut writer).unwrap();
    let numbers: Vec<u64> = writer.0.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (4_991..=5_000).collect::<Vec<_>>());
}

#[test]
fn a_buffer_that_never_empties_does_not_grow_and_is_not_moved_for_little() {
    let (mut lane, mut writer) = (lane(0), Sent::default());
    emit(&mut lane, 1, 11, &mut writer).unwrap();
    let one = lane.owed().1;
    emit(&mut lane, 2, 22, &mut writer).unwrap();
    emit(&mut lane, 3, 33, &mut writer).unwrap();
    lane.answer(0, Some(11), &mut writer).unwrap();
    lane.answer(1, Some(12), &mut writer).unwrap();
    assert_eq!((lane.owed(), lane.head), ((1, one), 2 * one));
    for number in 4..20_000 {
        emit(&mut lane, number, number * 11, &mut writer).unwrap();
        lane.answer(number - 2, Some(9 + number), &mut writer).unwrap();
        let (records, bytes) = lane.owed();
        assert!(records == 1 && bytes < 2 * one, "{records} records, {bytes} bytes, the first has {one}");
        assert!(lane.buffer.len() < (1 << 17) + 3 * one, "{} bytes for {one}", lane.buffer.len());
    }
    // Half full of what is owed, nothing is moved.
    let many = (1 << 18) / one as u64;
    let begun = lane.next_sequence;
    for number in 20_000..20_000 + many {
        emit(&mut lane, number, number * 11, &mut writer).unwrap();
    }
    let end = lane.buffer.len();
    for sequence in begun - 1..begun + many / 3 {
        lane.answer(sequence, Some(100_000 + sequence), &mut writer).unwrap();
        assert_eq!(lane.buffer.len(), end, "after {sequence} of {begun} and {many}");
    }
}
