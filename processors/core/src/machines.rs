//! All machines by their kind, for whoever drives them.

use crate::admission::Admission;
use crate::book::Matching;
use crate::candles::Candles;
use crate::control::Control;
use crate::holds::Holds;
use crate::machine::{Machine, MachineKind};
use crate::records::CandleSource;
use crate::settings::Settings;

/// The machine of that kind for a partition of its input, in its first state. Panics on settings that do not pass
/// [`Settings::check`].
pub fn new(kind: MachineKind, partition: u32, settings: &Settings) -> Box<dyn Machine> {
    match kind {
        MachineKind::Admission => Box::new(Admission::new(partition)),
        MachineKind::Control => Box::new(Control::new(partition)),
        MachineKind::Holds => Box::new(Holds::new(partition, settings)),
        MachineKind::Matching => Box::new(Matching::new(partition, settings)),
        MachineKind::Candles => Box::new(Candles::new(CandleSource::Executions, partition, settings)),
        MachineKind::TickCandles => Box::new(Candles::new(CandleSource::Ticks, partition, settings)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_gives_its_machine_and_an_empty_state_loads() {
        for kind in MachineKind::ALL {
            let mut machine = new(*kind, 3, &Settings::default());
            assert_eq!(machine.kind(), *kind);
            assert!(!machine.has_backlog());
            let state = new(*kind, 3, &Settings::default()).save();
            machine.load(&state).expect("an empty state loads");
            assert_eq!(machine.save(), state, "{kind}");
        }
    }
}
