//! What a process has used, as `/proc` has it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What a process has used up to an instant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time of all its threads, the kernel's work for it included.
    pub(super) cpu: Duration,
    /// Times that a thread of it gave up its core, or had to.
    pub(super) switches: u64,
    /// Memory it has now.
    pub(super) resident_bytes: u64,
}

impl Usage {
    /// Of a process; `None` where it has gone or may not be looked at.
    pub(super) fn of(pid: u32) -> Option<Usage> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let pages: u64 = fs::read_to_string(folder.join("statm")).ok()?.split(' ').nth(1)?.parse().ok()?;
        let mut usage = Usage { resident_bytes: pages * page_bytes(), ..Usage::default() };
        for task in fs::read_dir(folder.join("task")).ok()?.flatten() {
            // A thread may end while it is looked at; what it used is then missing, as it would be a moment later.
            let Ok(times) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            let nanoseconds = times.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
            usage.cpu += Duration::from_nanos(nanoseconds);
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
            usage.switches += switches.filter_map(|line| line.split('\t').nth(1)?.parse::<u64>().ok()).sum::<u64>();
        }
        Some(usage)
    }

    /// What was used since `before`; memory as it is now.
    pub(super) fn since(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            switches: self.switches.saturating_sub(before.switches),
            resident_bytes: self.resident_bytes,
        }
    }
}

/// Processor time of the calling thread.
pub(super) fn thread_cpu() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(times.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// Lets this process have as many files open as it may; how many that is.
pub(super) fn allow_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // An administrator may have more than the limit says: as many as 100,000 connections need.
    let wanted = limit.maximum.map(|maximum| maximum.max(1 << 18));
    if setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum: wanted }).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time() {
        let before = Usage::of(std::process::id()).unwrap();
        let begun = thread_cpu();
        let mut sum = 0_u64;
        while thread_cpu() - begun < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let used = Usage::of(std::process::id()).unwrap().since(before);
        assert!(used.cpu >= Duration::from_millis(15), "{used:?}");
        assert!(used.resident_bytes > 1 << 20, "{used:?}");
        assert!(Usage::of(u32::MAX).is_none());
    }
}
