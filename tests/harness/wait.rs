//! Waiting for conditions instead of for guessed times, and what depends on the run.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

/// How long a condition may take before the test fails. Generous, because it is only reached by
/// a failure: a loaded machine must not turn a right server into a red test.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(2);

/// Waits until `condition` holds.
///
/// # Panics
/// When it has not held within half a minute; `what` names it.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_until_some(what, || condition().then_some(()));
}

/// Waits until `probe` finds something, and returns it.
///
/// # Panics
/// When it has found nothing within half a minute; `what` names it.
#[track_caller]
pub fn wait_until_some<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "still waiting: {what}");
        std::thread::sleep(INTERVAL);
    }
}

/// `long` under `tests/run --long` (which sets `NUTHATCH_LONG=1`), else `short`.
pub fn long_or<T>(long: T, short: T) -> T {
    match std::env::var_os("NUTHATCH_LONG") {
        Some(value) if value != "0" => long,
        _ => short,
    }
}

/// Says that a test cannot run on this machine. `tests/run` repeats it at its end: it reads the
/// file that `NUTHATCH_SKIPS` names.
///
/// # Panics
/// When that file cannot be written.
pub fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("NUTHATCH_SKIPS") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .expect("a file");
        // One write, so that lines of several tests do not mix.
        file.write_all(format!("{reason}\n").as_bytes())
            .expect("a file that can be written");
    }
}
