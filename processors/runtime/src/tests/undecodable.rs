//! A record whose frame is whole and whose content does not decode: what producers sent becomes a dead letter, in a
//! trusted topic it stops the machine.

use super::world::World;
use hoga_core::records::{DeadLetter, RecordKind};
use hoga_core::{MachineKind, Record, Topic, machines};
use hoga_topics::{AcceptedBody, TopicPartition};
use std::sync::Arc;

/// Nothing of what a record of this kind has to say.
pub fn hollow(kind: RecordKind) -> Vec<u8> {
    let mut value = Vec::new();
    hoga_schemas::seal(kind, None, &[0xff], &mut value);
    value
}

fn dead_letters(world: &World) -> Vec<DeadLetter> {
    let mut reader = world
        .cuts
        .reader(&world.log, TopicPartition::new(Topic::DeadLetters, 0), hoga_topics::Visibility::Written)
        .unwrap();
    let mut found = Vec::new();
    while let Some(accepted) = reader.read().unwrap() {
        let AcceptedBody::Record(frame) = accepted.body else { continue };
        if let Record::DeadLetter(letter) = hoga_schemas::decode(&frame).unwrap() {
            found.push(letter);
        }
    }
    found
}

#[test]
fn from_producers_it_is_a_dead_letter_and_in_a_trusted_topic_it_stops_its_machine() {
    let mut world = World::plain();
    world.kinds = MachineKind::ALL;
    world.factory = Arc::new(machines::new);
    let mut node = world.start();
    world.settle(&mut node);
    let (orders, accounts) = (TopicPartition::new(Topic::Orders, 0), TopicPartition::new(Topic::Accounts, 0));
    let offset = world.log.append_foreign(orders, b"key", Some(&hollow(RecordKind::PlaceOrder)), world.now).unwrap();
    world.settle(&mut node);
    let [letter] = &dead_letters(&world)[..] else { panic!("one dead letter is due") };
    assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), ("orders", 0, offset));
    assert_eq!((&letter.key[..], &letter.value), (&b"key"[..], &hollow(RecordKind::PlaceOrder)));

    let offset = world.log.append_foreign(accounts, b"key", Some(&hollow(RecordKind::Deposit)), world.now).unwrap();
    let why = world.until_stopped(&mut node);
    assert!(why.contains(&format!("accounts/0: the value at offset {offset}")), "{why}");
}
