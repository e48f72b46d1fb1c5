//! Values of settings between their text and the typed field: kinds and their formatting.

use std::path::PathBuf;

use super::error::Reason;
use super::line::quote;
use super::parse::*;
use super::types::{KeyspaceEvents, OutputBufferLimit, OutputBufferLimits, SavePoint};

/// A parsed value. Which variant a directive has is fixed by its [`Kind`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Flag(bool),
    Integer(i64),
    /// Bytes.
    Memory(u64),
    Percent(u8),
    Choice(&'static str),
    Choices(Vec<&'static str>),
    Text(String),
    Secret(Vec<u8>),
    List(Vec<String>),
    Dir(PathBuf),
    Save(Vec<SavePoint>),
    Limits(OutputBufferLimits),
    Events(KeyspaceEvents),
    Numbers(Vec<i64>),
    Percentiles(Vec<f64>),
}

/// What a directive accepts and how its value is printed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `yes` or `no`.
    Flag,
    /// A decimal integer in Redis's strict form: no sign but `-`, no blanks, no leading zeros.
    Integer { min: i64, max: i64 },
    /// As `Integer` for what is accepted, then brought into `low..=high` (`hz`).
    Clamped { max: i64, low: i64, high: i64 },
    /// File permissions in octal.
    Octal { max: i64 },
    /// A power of two up to `max`.
    PowerOfTwo { max: i64 },
    /// Bytes, with the units `b k kb m mb g gb`: `1k` is 1000, `1kb` is 1024.
    Memory { min: u64, max: u64 },
    /// As `Memory`, or a percentage of `maxmemory` such as `10%`.
    MemoryOrPercent,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// Some of the options of SHUTDOWN.
    Shutdown,
    /// UTF-8 text that passes the check.
    Text(fn(&str) -> Result<(), Reason>),
    /// Any bytes; never logged.
    Secret,
    /// An existing directory; kept as an absolute path.
    Dir,
    /// Addresses to listen on.
    Addresses,
    /// Pairs of seconds and changes.
    Save,
    /// Groups of class, hard limit, soft limit, soft seconds; classes not named keep their limits.
    OutputBufferLimits,
    /// Letters of `notify-keyspace-events`.
    KeyspaceEvents,
    /// `host port` or `no one`.
    ReplicaOf,
    /// Three integers from -2000 to 2000.
    OomScores,
    /// Numbers from 0 to 100.
    Percentiles,
}

impl Kind {
    /// Whether the directive takes all words of its line; the others take exactly one.
    pub(super) fn takes_words(&self) -> bool {
        matches!(
            self,
            Kind::Shutdown
                | Kind::Addresses
                | Kind::Save
                | Kind::OutputBufferLimits
                | Kind::ReplicaOf
                | Kind::OomScores
                | Kind::Percentiles
        )
    }

    /// The value that `words` stand for; `current` is the value so far, which some kinds only change in part.
    ///
    /// # Errors
    /// The reason in Redis's words.
    pub(super) fn parse(&self, words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
        if self.takes_words() {
            return self.parse_words(words, current);
        }
        let [word] = words else {
            return Err(WRONG_COUNT.into());
        };
        match *self {
            Kind::Flag => parse_flag(word),
            Kind::Integer { min, max } => parse_integer(word, min, max).map(Value::Integer),
            Kind::Clamped { max, low, high } => {
                parse_integer(word, 0, max).map(|number| Value::Integer(number.clamp(low, high)))
            }
            Kind::Octal { max } => parse_octal(word, max),
            Kind::PowerOfTwo { max } => parse_power_of_two(word, max),
            Kind::Memory { min, max } => {
                let bytes = parse_memory(word).ok_or("argument must be a memory value")?;
                in_bounds(bytes, min, max).map(Value::Memory)
            }
            Kind::MemoryOrPercent => parse_memory_or_percent(word),
            Kind::Choice(choices) => find_choice(choices, word).map(Value::Choice),
            Kind::Text(check) => {
                let text = utf8(word)?;
                check(text)?;
                Ok(Value::Text(text.to_owned()))
            }
            Kind::Secret => Ok(Value::Secret(word.to_vec())),
            Kind::Dir => parse_dir(utf8(word)?, current),
            Kind::KeyspaceEvents => std::str::from_utf8(word)
                .ok()
                .and_then(KeyspaceEvents::parse)
                .map(Value::Events)
                .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            _ => unreachable!("kinds that take several words are parsed above"),
        }
    }

    fn parse_words(&self, words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
        // Several words may come as one: `--save "900 1"`.
        let split: Vec<&[u8]> = match words {
            [word] if word.contains(&b' ') => word
                .split(|byte| *byte == b' ')
                .filter(|part| !part.is_empty())
                .collect(),
            words => words.to_vec(),
        };
        let words = split.as_slice();
        // One empty word stands for none: `save ""`.
        let none = matches!(words, [] | [[]]);
        match self {
            Kind::Shutdown => parse_shutdown(words),
            Kind::Addresses if none => Ok(Value::List(Vec::new())),
            Kind::Addresses => parse_addresses(words),
            Kind::Save if none => Ok(Value::Save(Vec::new())),
            Kind::Save => parse_save(words),
            Kind::OutputBufferLimits if words.is_empty() => Ok(current.clone()),
            Kind::OutputBufferLimits => parse_limits(words, current),
            Kind::ReplicaOf => parse_replicaof(words),
            Kind::OomScores => parse_oom_scores(words),
            Kind::Percentiles if none => Ok(Value::Percentiles(Vec::new())),
            Kind::Percentiles => parse_percentiles(words),
            _ => unreachable!("kinds that take one word are parsed by the caller"),
        }
    }

    /// `value` as `CONFIG GET` prints it.
    pub(super) fn format(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::Secret(bytes) => bytes.clone(),
            Value::Integer(number) if matches!(self, Kind::Octal { .. }) => {
                format!("{number:o}").into_bytes()
            }
            other => other.to_text().into_bytes(),
        }
    }

    /// `value` as it stands in a configuration file, one element per line.
    pub(super) fn file_forms(&self, value: &Value) -> Vec<Vec<u8>> {
        match value {
            Value::Memory(bytes) => vec![memory_form(*bytes).into_bytes()],
            Value::Text(_) if matches!(self, Kind::ReplicaOf) => vec![self.format(value)],
            Value::Text(_) | Value::Secret(_) | Value::Dir(_) | Value::Events(_) => {
                vec![quote(&self.format(value))]
            }
            Value::Save(points) if !points.is_empty() => points
                .iter()
                .map(|point| point_text(point).into_bytes())
                .collect(),
            Value::Limits(limits) => limit_classes(limits)
                .map(|(class, limit)| {
                    let class = if class == "slave" { "replica" } else { class };
                    let (hard, soft) =
                        (memory_form(limit.hard_bytes), memory_form(limit.soft_bytes));
                    format!("{class} {hard} {soft} {}", limit.soft_seconds).into_bytes()
                })
                .to_vec(),
            _ => {
                let text = self.format(value);
                vec![if text.is_empty() {
                    b"\"\"".to_vec()
                } else {
                    text
                }]
            }
        }
    }
}

impl Value {
    fn to_text(&self) -> String {
        match self {
            Value::Flag(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Memory(bytes) => bytes.to_string(),
            Value::Percent(percent) => format!("{percent}%"),
            Value::Choice(word) => (*word).to_owned(),
            Value::Choices(words) => words.join(" "),
            Value::Text(text) => text.clone(),
            Value::Secret(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::List(words) => words.join(" "),
            Value::Dir(path) => path.to_string_lossy().into_owned(),
            Value::Save(points) => points.iter().map(point_text).collect::<Vec<_>>().join(" "),
            Value::Limits(limits) => limit_classes(limits)
                .map(|(class, limit)| {
                    format!(
                        "{class} {} {} {}",
                        limit.hard_bytes, limit.soft_bytes, limit.soft_seconds
                    )
                })
                .join(" "),
            Value::Events(events) => events.letters(),
            Value::Numbers(numbers) => numbers
                .iter()
                .map(i64::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Value::Percentiles(numbers) => numbers
                .iter()
                .map(|number| trimmed(*number))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

/// Six decimals without trailing zeros, as Redis prints percentiles.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn point_text(point: &SavePoint) -> String {
    format!("{} {}", point.seconds, point.changes)
}

fn limit_classes(limits: &OutputBufferLimits) -> [(&'static str, OutputBufferLimit); 3] {
    [
        ("normal", limits.normal),
        ("slave", limits.replica),
        ("pubsub", limits.pubsub),
    ]
}

/// `bytes` with the largest binary unit that divides it.
fn memory_form(bytes: u64) -> String {
    let units = [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)];
    match units
        .iter()
        .find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size))
    {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}
