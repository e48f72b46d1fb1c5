//! `LATENCY GRAPH`: an event's spikes as columns of characters.

use std::fmt::Write;

use crate::latency::LatencyEvent;

/// Spikes drawn, and characters above one another.
const COLUMNS_MAX: usize = 80;
const ROWS: usize = 4;
/// Heights that one character can show: low, middle, high.
const CHARS: [char; 3] = ['_', 'o', '#'];

/// A heading with the extremes, then the columns, then how long ago each spike was.
pub(super) fn draw(name: &str, event: &LatencyEvent, now_seconds: i64) -> String {
    let all: Vec<(i64, u64)> = event.history.iter().copied().collect();
    let shown = &all[all.len().saturating_sub(COLUMNS_MAX)..];
    let high = shown.iter().map(|spike| spike.1).max().unwrap_or(0);
    let low = shown.iter().map(|spike| spike.1).min().unwrap_or(0);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{name} - high {high} ms, low {low} ms (all time high {} ms)",
        event.max_ms
    );
    text.push_str(&"-".repeat(COLUMNS_MAX));
    text.push('\n');
    for row in (0..ROWS).rev() {
        text.extend(
            shown
                .iter()
                .map(|spike| character(height(spike.1, low, high), row)),
        );
        text.push('\n');
    }
    text.push('\n');
    let labels: Vec<String> = shown
        .iter()
        .map(|spike| ago(now_seconds - spike.0))
        .collect();
    let longest = labels.iter().map(String::len).max().unwrap_or(0);
    for row in 0..longest {
        text.extend(
            labels
                .iter()
                .map(|label| label.as_bytes().get(row).map_or(' ', |&byte| byte as char)),
        );
        text.push('\n');
    }
    text
}

/// The height of a spike in thirds of a character, at least one.
fn height(ms: u64, low: u64, high: u64) -> usize {
    let steps = (ROWS * CHARS.len() - 1) as u64;
    let range = high - low;
    1 + ((ms - low) * steps).checked_div(range).unwrap_or(steps / 2) as usize
}

fn character(height: usize, row: usize) -> char {
    match height.saturating_sub(row * CHARS.len()) {
        0 => ' ',
        thirds => CHARS[thirds.min(CHARS.len()) - 1],
    }
}

fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_spike_reaches_the_top_and_the_lowest_stays_at_the_bottom() {
        let event = LatencyEvent {
            history: [(100, 10), (160, 40), (4_000, 25)].into(),
            max_ms: 90,
        };
        let text = draw("command", &event, 4_001);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "command - high 40 ms, low 10 ms (all time high 90 ms)"
        );
        assert_eq!(lines[1].len(), COLUMNS_MAX);
        assert_eq!(lines[2], " # ");
        assert_eq!(lines[5], "_##");
        assert_eq!(&lines[7..], ["111", "hhs"]);
    }

    #[test]
    fn equal_spikes_and_long_histories_are_drawn() {
        let event = LatencyEvent {
            history: (0..160).map(|second| (second, 7)).collect(),
            max_ms: 7,
        };
        let text = draw("command", &event, 160);
        assert!(text.lines().skip(2).all(|line| line.len() <= COLUMNS_MAX));
    }
}
