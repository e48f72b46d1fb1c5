//! `LATENCY DOCTOR`: what the latency monitor has seen, in words.

use std::fmt::Write;

use crate::config::Config;
use crate::latency::LatencyEvent;

/// What there is to say about `events`.
pub(super) fn report(events: &[(&'static str, LatencyEvent)], config: &Config) -> String {
    let threshold_ms = config.latency_monitor_threshold_ms;
    if threshold_ms <= 0 {
        return "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on; then this \
                report tells of everything that took at least that long.\n"
            .to_owned();
    }
    if events.is_empty() {
        return format!(
            "Nothing has taken {threshold_ms} milliseconds or longer since the monitor was reset.\n"
        );
    }
    let mut text = format!("Events that took at least {threshold_ms} milliseconds:\n\n");
    for (at, (name, event)) in events.iter().enumerate() {
        let _ = writeln!(text, "{}. {name}: {}", at + 1, summary(event));
    }
    text.push('\n');
    if events.iter().any(|(name, _)| *name == "command") {
        text.push_str("- Some commands are slow by themselves. SLOWLOG GET shows which");
        let micros = config.slowlog_log_slower_than_us;
        if micros < 0 || micros > threshold_ms.saturating_mul(1_000) {
            let _ = write!(
                text,
                ", once slowlog-log-slower-than is {threshold_ms}000 or lower (it is {micros})"
            );
        }
        text.push_str(". KEYS, and reads of very long values, are the usual ones.\n");
    }
    if events.iter().any(|(name, _)| *name == "fast-command") {
        text.push_str(
            "- Commands that take next to no time were slow: look for other processes that use the processor, for \
             swapping, and for a virtual machine that does not get its share.\n",
        );
    }
    for (event, advice) in ADVICE {
        if events.iter().any(|(name, _)| name == event) {
            text.push_str(advice);
        }
    }
    text
}

/// What there is to say about events that the server brings about by itself.
const ADVICE: &[(&str, &str)] = &[
    (
        "eviction-cycle",
        "- Making room for new keys took long. INFO cpu tells how much of the time goes there; a larger maxmemory, or \
         fewer new keys at once, makes it less. Where eviction-del is not among the events it was not the keys: pages \
         were being emptied, or others held the locks.\n",
    ),
    (
        "eviction-del",
        "- Evicting up to 64 keys took long, although large values are freed later and in steps: look for other processes \
         that use the processor, and for swapping.\n",
    ),
    (
        "expire-cycle",
        "- Removing keys that had expired took long: many expire at the same moment. Spreading their times to live a \
         little makes that moment longer and each cycle shorter.\n",
    ),
];

fn summary(event: &LatencyEvent) -> String {
    let spikes = event.history.len() as u64;
    let sum: u64 = event.history.iter().map(|spike| spike.1).sum();
    let mean = sum.checked_div(spikes).unwrap_or(0);
    let off = event
        .history
        .iter()
        .map(|spike| spike.1.abs_diff(mean))
        .sum::<u64>()
        .checked_div(spikes)
        .unwrap_or(0);
    let first = event.history.front().map_or(0, |spike| spike.0);
    let last = event.history.back().map_or(0, |spike| spike.0);
    let period = (last - first) as f64 / spikes.max(1) as f64;
    format!(
        "{spikes} latency spikes (average {mean} ms, mean deviation {off} ms, period {period:.2} sec). \
         Worst all time event {} ms.",
        event.max_ms
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_was_seen() {
        let mut config = Config::default();
        assert!(report(&[], &config).contains("is off"));
        config.latency_monitor_threshold_ms = 100;
        assert!(report(&[], &config).contains("Nothing has taken 100"));
        let event = LatencyEvent {
            history: [(10, 100), (20, 300)].into(),
            max_ms: 400,
        };
        let text = report(&[("command", event)], &config);
        assert!(text.contains(
            "1. command: 2 latency spikes (average 200 ms, mean deviation 100 ms, period 5.00 sec)"
        ));
        assert!(text.contains("Worst all time event 400 ms."));
        assert!(text.contains("SLOWLOG GET shows which. KEYS"));
        for (event, advice) in ADVICE {
            let text = report(&[(event, LatencyEvent::default())], &config);
            assert!(text.contains(advice) && text.contains(event));
        }
    }
}
