//! Parsing the values of settings, with the reasons for a refusal in Redis's words.

use std::path::{Path, PathBuf};

use super::error::{Reason, os_text};
use super::types::{OutputBufferLimit, SavePoint};
use super::value::Value;

/// Most addresses that `bind` takes, as in Redis.
const ADDRESSES_MAX: usize = 16;

pub(super) const WRONG_COUNT: &str = "wrong number of arguments";

pub(super) fn utf8(word: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(word).map_err(|_| "argument must be valid UTF-8".into())
}

pub(super) fn parse_flag(word: &[u8]) -> Result<Value, Reason> {
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

pub(super) fn parse_integer(word: &[u8], min: i64, max: i64) -> Result<i64, Reason> {
    let number = strict_integer(word).ok_or("argument couldn't be parsed into an integer")?;
    in_bounds(number, min, max)
}

pub(super) fn in_bounds<T: PartialOrd + std::fmt::Display>(
    number: T,
    min: T,
    max: T,
) -> Result<T, Reason> {
    if number < min || number > max {
        return Err(format!("argument must be between {min} and {max} inclusive").into());
    }
    Ok(number)
}

pub(super) fn parse_octal(word: &[u8], max: i64) -> Result<Value, Reason> {
    let digits = std::str::from_utf8(word).unwrap_or_default();
    let number = i64::from_str_radix(digits, 8)
        .map_err(|_| "argument couldn't be parsed as an octal number")?;
    if number < 0 || number > max {
        return Err(format!("argument must be between 0 and {max:o} inclusive").into());
    }
    Ok(Value::Integer(number))
}

pub(super) fn parse_power_of_two(word: &[u8], max: i64) -> Result<Value, Reason> {
    let number = parse_integer(word, 1, max)?;
    if number.count_ones() != 1 {
        return Err(format!("argument must be a power of two between 1 and {max}").into());
    }
    Ok(Value::Integer(number))
}

/// Bytes with an optional unit. No digits at all mean 0, as in Redis; what exceeds 64 bits is refused, where
/// Redis takes a wrapped or clamped number.
pub(crate) fn parse_memory(word: &[u8]) -> Option<u64> {
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

pub(super) fn parse_memory_or_percent(word: &[u8]) -> Result<Value, Reason> {
    let percent = word.strip_suffix(b"%").and_then(strict_integer);
    match (parse_memory(word), percent) {
        (Some(bytes), _) => in_bounds(bytes, 0, i64::MAX as u64).map(Value::Memory),
        (None, Some(percent @ 0..=100)) => Ok(Value::Percent(percent as u8)),
        (None, Some(101..)) => Err("percentage argument must be less or equal to 100".into()),
        _ => Err("argument must be a memory or percent value".into()),
    }
}

pub(super) fn find_choice(choices: &[&'static str], word: &[u8]) -> Result<&'static str, Reason> {
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
pub(super) const SHUTDOWN_OPTIONS: [&str; 5] = ["default", "save", "nosave", "now", "force"];

pub(super) fn parse_shutdown(words: &[&[u8]]) -> Result<Value, Reason> {
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
pub(super) fn parse_dir(path: &str, current: &Value) -> Result<Value, Reason> {
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

pub(super) fn parse_addresses(words: &[&[u8]]) -> Result<Value, Reason> {
    if words.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    let addresses: Result<Vec<String>, Reason> =
        words.iter().map(|word| parse_address(word)).collect();
    addresses.map(Value::List)
}

/// Blanks separate addresses where they are shown, so none may hold one.
fn parse_address(word: &[u8]) -> Result<String, Reason> {
    if word.is_empty() || word.contains(&b' ') {
        return Err("Invalid bind address".into());
    }
    utf8(word).map(str::to_owned)
}

pub(super) fn parse_save(words: &[&[u8]]) -> Result<Value, Reason> {
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

pub(super) fn parse_limits(words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
    let Value::Limits(mut limits) = *current else {
        return Err(WRONG_COUNT.into());
    };
    if words == [b""] {
        return Ok(Value::Limits(limits));
    }
    if !words.len().is_multiple_of(4) {
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

pub(super) fn parse_replicaof(words: &[&[u8]]) -> Result<Value, Reason> {
    let [host, port] = words else {
        return Err(WRONG_COUNT.into());
    };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Text(String::new()));
    }
    let port: u16 = utf8(port)?.parse().map_err(|_| "Invalid master port")?;
    Ok(Value::Text(format!("{} {port}", utf8(host)?)))
}

pub(super) fn parse_oom_scores(words: &[&[u8]]) -> Result<Value, Reason> {
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

pub(super) fn parse_percentiles(words: &[&[u8]]) -> Result<Value, Reason> {
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
