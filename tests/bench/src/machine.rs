//! The machine under the measurement: pinning, file limits, and how quiet it is.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::{BenchError, Doing, Result};
use crate::load::{Nanos, Schedule, latency_histogram};

/// Pins the calling thread (and what it starts from now on) to `cores`.
///
/// # Errors
/// `BenchError::Io` when the machine has no such core.
pub(crate) fn pin_to(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        if core >= CpuSet::MAX_CPU {
            return Err(BenchError::Usage(format!("no core {core}")));
        }
        set.set(core);
    }
    sched_setaffinity(None, &set).doing(|| format!("pin to cores {cores:?}"))
}

/// Raises the limit of open files to at least `wanted`, for this process and those it starts.
///
/// # Errors
/// `BenchError::Usage` when the hard limit is lower.
pub(crate) fn allow_open_files(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum.map(|maximum| maximum.max(wanted)),
    };
    setrlimit(Resource::Nofile, raised).map_err(|error| {
        BenchError::Usage(format!(
            "{wanted} open files are not allowed here ({error}); raise `ulimit -n`"
        ))
    })
}

/// Spins on each of `cores` with nothing to do and records how late each moment of a fixed rate was
/// noticed; one histogram per core.
///
/// This is the latency that a perfect server of no cost would show on this machine now: what the
/// hypervisor, the kernel and neighbours take away. The rate is that of the load it stands beside.
///
/// # Errors
/// `BenchError::Io` when the machine has no such core.
pub(crate) fn idle_hiccups(
    cores: &[usize],
    rate: f64,
    time: Duration,
) -> Result<Vec<Histogram<u64>>> {
    // Threads of their own, so that the caller keeps its own pinning.
    let spinning: Vec<_> = cores
        .iter()
        .map(|&core| std::thread::spawn(move || spin(core, rate, time)))
        .collect();
    let panicked = |_| Err(BenchError::Usage("the idle loop panicked".into()));
    spinning
        .into_iter()
        .map(|thread| thread.join().unwrap_or_else(panicked))
        .collect()
}

fn spin(core: usize, rate: f64, time: Duration) -> Result<Histogram<u64>> {
    pin_to(&[core])?;
    let mut hiccups = latency_histogram();
    let mut schedule = Schedule::new(rate, (rate * time.as_secs_f64()) as u64);
    let began = Instant::now();
    while schedule.peek().is_some() {
        let now = began.elapsed().as_nanos() as Nanos;
        while let Some(due) = schedule.take_due(now) {
            hiccups.saturating_record(now - due);
        }
    }
    Ok(hiccups)
}
