//! What the kernel says about a process: CPU time and resident memory.
//!
//! The total comes from the scheduler's own nanosecond clock (`task/*/schedstat`), user and system
//! time from `stat`, whose ticks are 10 ms; the split of the total is the split of those ticks. On
//! most kernels the split itself is sampled by the timer interrupt, so user time alone is less
//! certain than the total: use the split of several rounds together.

use std::fs;
use std::time::Duration;

use crate::error::{BenchError, Doing, Result};

/// CPU time of a process since it began, all threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// Time on a core by the scheduler's clock; 0 where the kernel keeps none.
    scheduled: Duration,
    user: Duration,
    system: Duration,
}

/// CPU time between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CpuUsed {
    /// User and system time.
    pub(crate) total: Duration,
    /// User time alone.
    pub(crate) user: Duration,
}

impl std::ops::AddAssign for CpuUsed {
    fn add_assign(&mut self, other: CpuUsed) {
        self.total += other.total;
        self.user += other.user;
    }
}

impl CpuTime {
    /// Reads the CPU time of process `pid`.
    ///
    /// # Errors
    /// `BenchError::Io` when there is no such process.
    pub(crate) fn of(pid: u32) -> Result<CpuTime> {
        let (user_ticks, system_ticks) = parse_stat_times(&read(&format!("/proc/{pid}/stat"))?)
            .ok_or_else(|| BenchError::Usage(format!("/proc/{pid}/stat has another form")))?;
        let tick = Duration::from_secs(1) / ticks_per_second();
        Ok(CpuTime {
            scheduled: scheduled_time(pid).unwrap_or_default(),
            user: tick * user_ticks,
            system: tick * system_ticks,
        })
    }

    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: CpuTime) -> CpuUsed {
        let user = self.user.saturating_sub(earlier.user);
        let ticked = user + self.system.saturating_sub(earlier.system);
        let scheduled = self.scheduled.saturating_sub(earlier.scheduled);
        let total = if scheduled.is_zero() {
            ticked
        } else {
            scheduled
        };
        let user = if ticked.is_zero() {
            Duration::ZERO
        } else {
            total.mul_f64(user.as_secs_f64() / ticked.as_secs_f64())
        };
        CpuUsed { total, user }
    }
}

/// Resident memory of process `pid` in bytes.
///
/// # Errors
/// `BenchError::Io` when there is no such process.
pub(crate) fn rss_bytes(pid: u32) -> Result<u64> {
    // `smaps_rollup` counts pages exactly; `statm` may lag by some pages per thread.
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    if let Some(bytes) = rollup.ok().and_then(|text| parse_kib_field(&text, "Rss:")) {
        return Ok(bytes);
    }
    let status = read(&format!("/proc/{pid}/status"))?;
    parse_kib_field(&status, "VmRSS:")
        .ok_or_else(|| BenchError::Usage(format!("/proc/{pid}/status names no VmRSS")))
}

/// The most memory process `pid` has had resident since [`reset_peak_rss`], or since it began.
///
/// # Errors
/// `BenchError::Io` when there is no such process.
pub(crate) fn peak_rss_bytes(pid: u32) -> Result<u64> {
    let status = read(&format!("/proc/{pid}/status"))?;
    parse_kib_field(&status, "VmHWM:")
        .ok_or_else(|| BenchError::Usage(format!("/proc/{pid}/status names no VmHWM")))
}

/// Begins anew to look for the peak (proc(5), `clear_refs`).
///
/// # Errors
/// `BenchError::Io` when there is no such process, or it is somebody else's.
pub(crate) fn reset_peak_rss(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").doing(|| format!("write to {path}"))
}

/// Memory that the machine can still give out, in bytes.
///
/// # Errors
/// `BenchError::Io` without a proc file system.
pub(crate) fn memory_available_bytes() -> Result<u64> {
    parse_kib_field(&read("/proc/meminfo")?, "MemAvailable:")
        .ok_or_else(|| BenchError::Usage("/proc/meminfo names no MemAvailable".into()))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).doing(|| format!("read {path}"))
}

fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second())
        .unwrap_or(100)
        .max(1)
}

/// Sums the run time of all threads; `None` where the kernel does not keep it.
fn scheduled_time(pid: u32) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread may end between the listing and the reading; what it used is then small.
        let path = task.ok()?.path().join("schedstat");
        total += fs::read_to_string(path)
            .ok()
            .and_then(|text| parse_schedstat(&text))
            .unwrap_or_default();
    }
    Some(total)
}

/// The first field of `schedstat`: nanoseconds on a core.
fn parse_schedstat(text: &str) -> Option<Duration> {
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// User and system ticks, the fields 14 and 15 of `/proc/PID/stat` (proc(5)).
fn parse_stat_times(text: &str) -> Option<(u32, u32)> {
    // The command name (field 2) may hold spaces and parentheses, so count from its end.
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn parse_kib_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_any_command_name() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 100 0 0 0 1234 567 8 9 20 0 4 0 100 0 0";
        assert_eq!(parse_stat_times(stat), Some((1234, 567)));
        assert_eq!(parse_stat_times("77 (cut) S 1"), None);
        assert_eq!(parse_stat_times(""), None);
    }

    #[test]
    fn schedstat_gives_nanoseconds() {
        assert_eq!(
            parse_schedstat("67241 3003820 2\n"),
            Some(Duration::from_nanos(67241))
        );
        assert_eq!(parse_schedstat(""), None);
    }

    #[test]
    fn sizes_are_read_by_name() {
        let status = "Name:\tx\nVmRSS:\t    1024 kB\nRssAnon:\t 5 kB\n";
        assert_eq!(parse_kib_field(status, "VmRSS:"), Some(1024 * 1024));
        assert_eq!(parse_kib_field(status, "VmHWM:"), None);
    }

    #[test]
    fn the_total_is_split_as_the_ticks_are() {
        let time = |scheduled, user, system| CpuTime {
            scheduled: Duration::from_millis(scheduled),
            user: Duration::from_millis(user),
            system: Duration::from_millis(system),
        };
        let used = time(1403, 400, 1000).since(time(3, 100, 100));
        assert_eq!(used.total, Duration::from_millis(1400));
        assert_eq!(used.user, Duration::from_millis(350));
        let unscheduled = time(0, 400, 1000).since(time(0, 100, 100));
        assert_eq!(unscheduled.total, Duration::from_millis(1200));
        assert_eq!(unscheduled.user, Duration::from_millis(300));
        assert_eq!(time(5, 5, 5).since(time(5, 5, 5)), CpuUsed::default());
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        assert!(rss_bytes(pid).unwrap() > 100_000);
        assert!(peak_rss_bytes(pid).unwrap() >= 100_000);
        assert!(CpuTime::of(pid).is_ok());
        assert!(memory_available_bytes().unwrap() > 0);
    }
}
