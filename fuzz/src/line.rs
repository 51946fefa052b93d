//! Target `line`: a line that is given to `hoga produce`.
//!
//! What parses is a record that can be written, and has the form that admission asks for: it passes a member's command
//! on, and control judges an operator's. What does not parse says so in a message of bounded length.

use crate::record::comes_back;
use hoga_core::machine::{Body, Effects, Input, Machine, Topic};
use hoga_core::{ClientId, MachineKind, Record, Settings, Timestamp, machines};
use hoga_ingest::commands::{Defaults, VALID_FOR_MS, parse_command};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Parses the bytes as a line, if they are text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut next_id = || ClientId::unchecked("given");
    let mut defaults = Defaults { now: NOW, valid_for_ms: VALID_FOR_MS, next_id: &mut next_id };
    match parse_command(1, text, &mut defaults) {
        Ok(record) => passes(&record),
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 2_000, "{} bytes of message for {} of line: {message}", message.len(), text.len());
        }
    }
}

fn passes(record: &Record) {
    let value = hoga_schemas::encode(record);
    let frame = hoga_schemas::open(&value).expect("it was sealed just now");
    assert_eq!(comes_back(&frame).as_ref(), Some(record));
    let kind = match record {
        Record::PlaceOrder(_) | Record::AmendOrder(_) | Record::ReduceOrder(_) | Record::CancelOrder(_) => {
            MachineKind::Admission
        }
        // Holds judges these two, and refuses what it does not know.
        Record::Deposit(_) | Record::Withdrawal(_) => MachineKind::Holds,
        _ => MachineKind::Control,
    };
    let key = record.account().map(|account| account.as_str()).unwrap_or_default().as_bytes();
    let input = Input { offset: 1, time: NOW, append_time: NOW, key, value: &value, body: Body::Record(record) };
    let mut effects = Effects::default();
    machines::new(kind, 0, &Settings::default()).apply(&input, &mut effects).expect("producers stop no machine");
    if kind == MachineKind::Admission {
        let [effect] = effects.as_slice() else { panic!("{record:?} brought {effects:?}") };
        assert_eq!((effect.topic, &effect.record), (Topic::Accounts, record), "admission passes it on as it is");
    }
}
