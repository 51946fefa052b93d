//! What a process counts, as Prometheus text (format 0.0.4): one family for each number, one line for each machine.
//!
//! Invariants:
//! 1. Names are `hoga_` and what is counted, with the unit; counters end in `_total`, and begin again at 0 with the
//!    process, as Prometheus expects.
//! 2. Families and lines come in a fixed order, so that two scrapes can be compared.

#[cfg(feature = "kafka")]
pub mod kafka;
mod page;

pub use page::Page;

use hoga_runtime::{MachinePhase, MachineStatus};

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One number of a machine; none where it has none yet.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    of: fn(&MachineStatus) -> Option<u64>,
}

const FAMILIES: &[Family] = &[
    gauge("hoga_machine_next_offset", "The next offset of the machine's input", |s| Some(s.next_offset)),
    gauge("hoga_machine_epoch", "The epoch of the machine's owner: its claim's offset in owners", |s| s.epoch),
    counter("hoga_machine_applied_records_total", "Accepted records applied, replayed ones too", |s| {
        Some(s.counts.applied)
    }),
    counter("hoga_machine_emitted_records_total", "Effects written", |s| Some(s.counts.emitted)),
    counter("hoga_machine_resent_records_total", "Effects written more than once", |s| Some(s.counts.resent)),
    counter("hoga_machine_stale_records_total", "Input dropped: of former owners", |s| Some(s.counts.dropped.stale)),
    counter("hoga_machine_repeated_records_total", "Input dropped: seen before", |s| Some(s.counts.dropped.repeats)),
    counter("hoga_machine_early_records_total", "Input dropped: its predecessor was missing", |s| {
        Some(s.counts.dropped.ahead)
    }),
    counter("hoga_machine_forged_records_total", "Input dropped: nobody may have written it", |s| {
        Some(s.counts.dropped.forged)
    }),
    counter("hoga_machine_refused_clocks_total", "Clocks too far from their append time", |s| {
        Some(s.alarms.refused_clocks)
    }),
    counter("hoga_machine_snapshots_total", "Snapshots written", |s| Some(s.counts.snapshots)),
    counter("hoga_machine_failed_snapshots_total", "Snapshots that could not be written", |s| {
        Some(s.counts.snapshots_failed)
    }),
    counter("hoga_machine_held_back_steps_total", "Steps without reading, because a bound was reached", |s| {
        Some(s.counts.held_back)
    }),
    gauge("hoga_machine_parked_channels", "Input channels that wait for a missing record for too long", |s| {
        Some(s.alarms.parked.len() as u64)
    }),
];

/// The label of each phase.
const PHASES: [&str; 6] = ["following", "claiming", "restoring", "running", "draining", "stopped"];

const fn gauge(name: &'static str, help: &'static str, of: fn(&MachineStatus) -> Option<u64>) -> Family {
    Family { name, kind: "gauge", help, of }
}

const fn counter(name: &'static str, help: &'static str, of: fn(&MachineStatus) -> Option<u64>) -> Family {
    Family { name, kind: "counter", help, of }
}

/// All families of these machines.
pub fn machines(page: &mut Page, statuses: &[MachineStatus]) {
    for Family { name, kind, help, of } in FAMILIES {
        page.family(name, kind, help);
        for status in statuses {
            if let Some(value) = of(status) {
                page.line(name, &labels(status), value);
            }
        }
    }
    let name = "hoga_machine_phase";
    page.family(name, "gauge", "1 for the phase that the machine is in, 0 for the others");
    for status in statuses {
        for phase in PHASES {
            let labels = format!("{},phase=\"{phase}\"", labels(status));
            page.line(name, &labels, u64::from(phase == label(&status.phase)));
        }
    }
}

/// What is running.
pub fn build(page: &mut Page) {
    let name = "hoga_build_info";
    page.family(name, "gauge", "1; the version is a label");
    page.line(name, concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), 1);
}

fn label(phase: &MachinePhase) -> &'static str {
    match phase {
        MachinePhase::Following { .. } => PHASES[0],
        MachinePhase::Claiming => PHASES[1],
        MachinePhase::Restoring { .. } => PHASES[2],
        MachinePhase::Running => PHASES[3],
        MachinePhase::Draining => PHASES[4],
        MachinePhase::Stopped { .. } => PHASES[5],
    }
}

fn labels(status: &MachineStatus) -> String {
    format!("machine=\"{}\",partition=\"{}\"", status.kind, status.partition)
}
