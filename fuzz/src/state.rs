//! Target `state`: the first byte says which machine, the rest is a saved state of it.
//!
//! What loads is saved and loaded again: equal states have equal bytes. What does not load changes nothing.

use hoga_core::{Machine, MachineKind, Settings, machines};
use std::sync::LazyLock;

static SETTINGS: LazyLock<Settings> = LazyLock::new(Settings::default);

/// The partition that all machines here are of.
pub const PARTITION: u32 = 0;

/// Loads the bytes as a state of the machine of their first byte.
pub fn run(data: &[u8]) {
    let Some((first, state)) = data.split_first() else { return };
    loads(MachineKind::ALL[usize::from(*first) % MachineKind::ALL.len()], state);
}

/// Loads a state; whether it loaded.
pub(crate) fn loads(kind: MachineKind, state: &[u8]) -> bool {
    let mut machine = new(kind);
    if let Err(why) = machine.load(state) {
        assert!(why.len() < 2_000, "a message is for people: {why}");
        assert!(machine.save() == new(kind).save(), "{kind}: a state that does not load changes nothing");
        return false;
    }
    let saved = machine.save();
    let mut again = new(kind);
    again.load(&saved).unwrap_or_else(|why| panic!("{kind}: what it saved does not load: {why}"));
    assert!(again.save() == saved, "{kind}: saved again it differs");
    assert_eq!(again.has_backlog(), machine.has_backlog(), "{kind}");
    true
}

fn new(kind: MachineKind) -> Box<dyn Machine> {
    machines::new(kind, PARTITION, &SETTINGS)
}
