//! Values of settings between their text and the typed field: kinds, parsing, formatting.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::error::{Reason, os_text};
use super::line::quote;
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

/// Most addresses that `bind` takes, as in Redis.
const ADDRESSES_MAX: usize = 16;

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

const WRONG_COUNT: &str = "wrong number of arguments";

fn utf8(word: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(word).map_err(|_| "argument must be valid UTF-8".into())
}

fn parse_flag(word: &[u8]) -> Result<Value, Reason> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(Value::Flag(true))
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(Value::Flag(false))
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

/// An integer in the one form in which Redis prints it.
fn strict_integer(word: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == word).then_some(number)
}

fn parse_integer(word: &[u8], min: i64, max: i64) -> Result<i64, Reason> {
    let number = strict_integer(word).ok_or("argument couldn't be parsed into an integer")?;
    in_bounds(number, min, max)
}

fn in_bounds<T: PartialOrd + std::fmt::Display>(number: T, min: T, max: T) -> Result<T, Reason> {
    if number < min || number > max {
        return Err(format!("argument must be between {min} and {max} inclusive").into());
    }
    Ok(number)
}

fn parse_octal(word: &[u8], max: i64) -> Result<Value, Reason> {
    let digits = std::str::from_utf8(word).unwrap_or_default();
    let number = i64::from_str_radix(digits, 8)
        .map_err(|_| "argument couldn't be parsed as an octal number")?;
    if number < 0 || number > max {
        return Err(format!("argument must be between 0 and {max:o} inclusive").into());
    }
    Ok(Value::Integer(number))
}

fn parse_power_of_two(word: &[u8], max: i64) -> Result<Value, Reason> {
    let number = parse_integer(word, 1, max)?;
    if number.count_ones() != 1 {
        return Err(format!("argument must be a power of two between 1 and {max}").into());
    }
    Ok(Value::Integer(number))
}

/// Bytes with an optional unit. No digits at all mean 0, as in Redis; what exceeds 64 bits is refused, where
/// Redis takes a wrapped or clamped number.
fn parse_memory(word: &[u8]) -> Option<u64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = word.split_at(digits);
    let number: u64 = match number {
        [] => 0,
        _ => std::str::from_utf8(number).ok()?.parse().ok()?,
    };
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1024,
        b"m" => 1000 * 1000,
        b"mb" => 1024 * 1024,
        b"g" => 1000 * 1000 * 1000,
        b"gb" => 1024 * 1024 * 1024,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn parse_memory_or_percent(word: &[u8]) -> Result<Value, Reason> {
    let percent = word.strip_suffix(b"%").and_then(strict_integer);
    match (parse_memory(word), percent) {
        (Some(bytes), _) => in_bounds(bytes, 0, i64::MAX as u64).map(Value::Memory),
        (None, Some(percent @ 0..=100)) => Ok(Value::Percent(percent as u8)),
        (None, Some(101..)) => Err("percentage argument must be less or equal to 100".into()),
        _ => Err("argument must be a memory or percent value".into()),
    }
}

fn find_choice(choices: &[&'static str], word: &[u8]) -> Result<&'static str, Reason> {
    choices
        .iter()
        .find(|choice| word.eq_ignore_ascii_case(choice.as_bytes()))
        .copied()
        .ok_or_else(|| {
            format!(
                "argument(s) must be one of the following: {}",
                choices.join(", ")
            )
            .into()
        })
}

/// The options in the order in which Redis prints them.
const SHUTDOWN_OPTIONS: [&str; 5] = ["default", "save", "nosave", "now", "force"];

fn parse_shutdown(words: &[&[u8]]) -> Result<Value, Reason> {
    if words.is_empty() {
        find_choice(&SHUTDOWN_OPTIONS, b"")?;
    }
    let mut given = Vec::new();
    for word in words {
        given.push(find_choice(&SHUTDOWN_OPTIONS, word)?);
    }
    if given.contains(&"save") && given.contains(&"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    let mut options: Vec<&str> = SHUTDOWN_OPTIONS[1..].to_vec();
    options.retain(|option| given.contains(option));
    Ok(Value::Choices(if options.is_empty() {
        vec!["default"]
    } else {
        options
    }))
}

/// `path` relative to the current value, which is absolute: each `dir` line counts from the one before it.
fn parse_dir(path: &str, current: &Value) -> Result<Value, Reason> {
    let base = match current {
        Value::Dir(base) => base.as_path(),
        _ => Path::new(""),
    };
    // An empty path would join to the base itself; the operating system refuses it, and so do we.
    let joined = if path.is_empty() {
        PathBuf::new()
    } else {
        base.join(path)
    };
    let absolute = joined.canonicalize().map_err(|error| os_text(&error))?;
    // Listing proves that it is a directory, and one that this process may use.
    std::fs::read_dir(&absolute).map_err(|error| os_text(&error))?;
    Ok(Value::Dir(absolute))
}

fn parse_addresses(words: &[&[u8]]) -> Result<Value, Reason> {
    if words.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    let addresses: Result<Vec<String>, Reason> = words
        .iter()
        .map(|word| utf8(word).map(str::to_owned))
        .collect();
    addresses.map(Value::List)
}

fn parse_save(words: &[&[u8]]) -> Result<Value, Reason> {
    let number = |word: &[u8]| {
        std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let points: Option<Vec<SavePoint>> = words
        .chunks(2)
        .map(|pair| match pair {
            [seconds, changes] => {
                let (seconds, changes) = (number(seconds)?, number(changes)?);
                (seconds > 0).then_some(SavePoint { seconds, changes })
            }
            _ => None,
        })
        .collect();
    points
        .map(Value::Save)
        .ok_or_else(|| "Invalid save parameters".into())
}

fn parse_limits(words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
    let Value::Limits(mut limits) = *current else {
        return Err(WRONG_COUNT.into());
    };
    if words == [b""] {
        return Ok(Value::Limits(limits));
    }
    if words.len() % 4 != 0 {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in words.chunks_exact(4) {
        let class = match group[0].to_ascii_lowercase().as_slice() {
            b"normal" => &mut limits.normal,
            b"slave" | b"replica" => &mut limits.replica,
            b"pubsub" => &mut limits.pubsub,
            _ => {
                return Err("Invalid client class specified in buffer limit configuration.".into());
            }
        };
        *class = parse_limit(group)
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(Value::Limits(limits))
}

fn parse_limit(group: &[&[u8]]) -> Option<OutputBufferLimit> {
    let seconds: u64 = std::str::from_utf8(group[3]).ok()?.parse().ok()?;
    Some(OutputBufferLimit {
        hard_bytes: parse_memory(group[1])?,
        soft_bytes: parse_memory(group[2])?,
        soft_seconds: seconds,
    })
}

fn parse_replicaof(words: &[&[u8]]) -> Result<Value, Reason> {
    let [host, port] = words else {
        return Err(WRONG_COUNT.into());
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Text(String::new()));
    }
    let port: u16 = utf8(port)?.parse().map_err(|_| "Invalid master port")?;
    Ok(Value::Text(format!("{} {port}", utf8(host)?)))
}

fn parse_oom_scores(words: &[&[u8]]) -> Result<Value, Reason> {
    if words.len() != 3 {
        return Err(WRONG_COUNT.into());
    }
    let scores: Option<Vec<i64>> = words
        .iter()
        .map(|word| {
            std::str::from_utf8(word)
                .ok()?
                .parse()
                .ok()
                .filter(|score| (-2000..=2000).contains(score))
        })
        .collect();
    scores.map(Value::Numbers).ok_or_else(|| {
        "Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into()
    })
}

fn parse_percentiles(words: &[&[u8]]) -> Result<Value, Reason> {
    let mut numbers = Vec::with_capacity(words.len());
    for word in words {
        let number: Option<f64> = std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok());
        let number = number
            .filter(|number| !number.is_nan())
            .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&number) {
            return Err(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                    .into(),
            );
        }
        numbers.push(number);
    }
    Ok(Value::Percentiles(numbers))
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
        .find(|(_, size)| bytes > 0 && bytes % size == 0)
    {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}

/// Accepts any text.
pub(super) fn any_text(_: &str) -> Result<(), Reason> {
    Ok(())
}

/// A check for a file name without a directory, which `$what` names in the reason.
macro_rules! base_name {
    ($name:ident, $option:literal, $what:literal, $may_be_empty:literal) => {
        pub(super) fn $name(text: &str) -> Result<(), Reason> {
            if text.is_empty() && !$may_be_empty {
                return Err(concat!($option, " can't be empty").into());
            }
            if text.contains('/') {
                return Err(concat!($option, " can't be a path, just a ", $what).into());
            }
            Ok(())
        }
    };
}
base_name!(rdb_name, "dbfilename", "filename", true);
base_name!(aof_name, "appendfilename", "filename", false);
base_name!(aof_dir_name, "appenddirname", "dirname", false);

/// A host name that other nodes announce.
pub(super) fn host_name(text: &str) -> Result<(), Reason> {
    if text.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
    {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into());
    }
    Ok(())
}

/// A process title whose `{variables}` are known.
pub(super) fn title_template(text: &str) -> Result<(), Reason> {
    const VARIABLES: [&str; 7] = [
        "title",
        "listen-addr",
        "server-mode",
        "port",
        "tls-port",
        "unixsocket",
        "config-file",
    ];
    let known = |part: &str| {
        part.split_once('}')
            .is_some_and(|(name, _)| VARIABLES.contains(&name))
    };
    if text.split('{').skip(1).all(known) {
        Ok(())
    } else {
        Err(Cow::Borrowed(
            "template format is invalid or contains unknown variables",
        ))
    }
}
