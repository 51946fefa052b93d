//! The computer that figures are of, and what this process took of it. Linux tells both in /proc; elsewhere they are
//! left out.

use serde::Serialize;
use std::fs;
use std::time::Duration;

/// Linux counts a process's time in hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// A computer.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Whether this process gets it in pages of 2 MB: the system gives them to all, or to who asks, and glibc does.
    pub huge_pages: bool,
    /// Operating system and its version.
    pub system: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
        let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib / 1_024,
            huge_pages: fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").is_ok_and(|choice| {
                let asks = || asks_for_huge_pages(&std::env::var("GLIBC_TUNABLES").unwrap_or_default());
                choice.contains("[always]") || (choice.contains("[madvise]") && asks())
            }),
            system: format!("{} {}", std::env::consts::OS, version.trim()),
        }
    }
}

/// Whether these tunables of glibc ask for pages of 2 MB.
fn asks_for_huge_pages(tunables: &str) -> bool {
    tunables.split(':').any(|tunable| tunable == "glibc.malloc.hugetlb=1")
}

/// This process's time on a core so far, all threads together.
pub fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may hold blanks; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// The most memory that this process has had, in MiB.
pub fn highest_memory_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn pages_of_2_mb_are_asked_for_by_a_tunable_of_glibc() {
        let asks = ["glibc.malloc.hugetlb=1", "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1"];
        assert!(asks.into_iter().all(asks_for_huge_pages));
        assert!(!["", "glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=12"].into_iter().any(asks_for_huge_pages));
    }

    #[test]
    fn time_on_a_core_grows_with_work() {
        let before = cpu_time();
        let mut sum = 0_u64;
        while cpu_time() == before {
            sum = (0..100_000_u64).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(highest_memory_mib() > 0 && Machine::here().memory_mib > 0, "{:?}", Machine::here());
    }
}
