//! `# CPU`: processor time of the process, and of the threads that run commands.

use std::sync::atomic::Ordering;

use storage::Unit;

use super::text::Text;
use crate::server::Server;
use crate::stats::{Chore, DoneBy, UpkeepNanos, WINDOWS};

/// Ticks per second of the times in `/proc`.
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// User and system time, of the process and of its children that have ended, in ticks; `None` where the system does not
/// tell.
fn ticks() -> Option<[u64; 4]> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    parse(&stat)
}

/// The process's user and system time so far, in milliseconds.
pub(crate) fn process_ms() -> [u64; 2] {
    let [user, system, ..] = ticks().unwrap_or_default();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    [user, system].map(|ticks| ticks * 1_000 / per_second)
}

/// The first two of the same for a thread.
fn ticks_of_thread(thread: i32) -> Option<[u64; 2]> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
    parse(&stat).map(|[user, system, ..]| [user, system])
}

/// Fields 14 to 17 of `/proc/PID/stat`. The name of the process, which may hold anything, ends at the last bracket.
fn parse(stat: &str) -> Option<[u64; 4]> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11).map(|field| field.parse().ok());
    let mut next = || fields.next().flatten();
    Some([next()?, next()?, next()?, next()?])
}

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    let [user, system, user_children, system_children] = ticks().unwrap_or_default();
    let seconds = |ticks: u64| format!("{:.6}", ticks as f64 / ticks_per_second());
    text.field("used_cpu_sys", seconds(system));
    text.field("used_cpu_user", seconds(user));
    text.field("used_cpu_sys_children", seconds(system_children));
    text.field("used_cpu_user_children", seconds(user_children));
    // What Redis's main thread does, the workers do here, all of them.
    let workers = server.boards.iter();
    // Relaxed: a figure.
    let threads = workers.map(|board| board.thread.load(Ordering::Relaxed));
    let [user, system] = threads
        .filter_map(ticks_of_thread)
        .fold([0, 0], |[user, system], [more_user, more_system]| {
            [user + more_user, system + more_system]
        });
    text.field("used_cpu_sys_main_thread", seconds(system));
    text.field("used_cpu_user_main_thread", seconds(user));
    write_upkeep(text, server);
}

/// The time that workers spend on expiry, eviction and housekeeping, in seconds and in percent of one processor: in the
/// background, and where commands wait for it because they need memory. Nothing is in two of these figures but in their
/// sum, `used_cpu_background`.
fn write_upkeep(text: &mut Text, server: &Server) {
    let spent = server.stats.upkeep();
    let seconds = |nanos: u64| format!("{:.6}", nanos as f64 / 1e9);
    text.field(
        "used_cpu_background",
        seconds(spent.all(DoneBy::Background)),
    );
    for (name, by, chore) in PARTS {
        text.field(
            format_args!("used_cpu_{name}"),
            seconds(spent.of(by, chore)),
        );
    }
    for (at, window) in WINDOWS.iter().enumerate() {
        let totals = server.stats.window(at);
        let percent = |some: &dyn Fn(&UpkeepNanos) -> u64| format!("{:.2}", totals.percent(some));
        text.field(
            format_args!("background_cpu_percent_{window}s"),
            percent(&|nanos| nanos.all(DoneBy::Background)),
        );
        for (name, by, chore) in PARTS {
            text.field(
                format_args!("{name}_cpu_percent_{window}s"),
                percent(&|nanos| nanos.of(by, chore)),
            );
        }
    }
}

/// What is told apart.
const PARTS: [(&str, DoneBy, Chore); 7] = [
    ("background_expiry", DoneBy::Background, Chore::Expiry),
    ("background_eviction", DoneBy::Background, Chore::Eviction),
    (
        "background_maintenance",
        DoneBy::Background,
        Chore::Maintenance,
    ),
    ("background_other", DoneBy::Background, Chore::Other),
    ("commands_expiry", DoneBy::Command, Chore::Expiry),
    ("commands_eviction", DoneBy::Command, Chore::Eviction),
    ("commands_maintenance", DoneBy::Command, Chore::Maintenance),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_process_does_not_confuse() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 98 0 0 0 12 34 5 6 20 0 1 0 100 0";
        assert_eq!(parse(stat), Some([12, 34, 5, 6]));
        assert_eq!(parse("7 (x) S 1"), None);
    }
}
