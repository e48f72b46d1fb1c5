//! Glob patterns against a matcher that is slow and plain.
//!
//! Claims: `glob_match` and `glob_match_ignoring_case` never panic, and answer what a table over all
//! pairs of pattern elements and places in the text answers. Run, from `storage/`:
//!
//! ```sh
//! cargo +nightly fuzz run glob -- -max_len=64 -max_total_time=60
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::glob::{glob_match, glob_match_ignoring_case};

/// Longer patterns might have more stars than Redis follows, and the table would grow large.
const PATTERN_BYTES_MAX: usize = 200;

fuzz_target!(|data: &[u8]| {
    let [cut, data @ ..] = data else { return };
    let (pattern, text) = data.split_at(usize::from(*cut).min(data.len()).min(PATTERN_BYTES_MAX));
    let elements = elements(pattern);
    let what = || format!("{} on {}", pattern.escape_ascii(), text.escape_ascii());
    for (found, fold) in [
        (glob_match(pattern, text), exactly as fn(u8) -> u8),
        (glob_match_ignoring_case(pattern, text), lowered),
    ] {
        assert_eq!(found, model(&elements, text, fold), "{}", what());
    }
});

fn exactly(byte: u8) -> u8 {
    byte
}

fn lowered(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

enum Element {
    Star,
    AnyByte,
    Literal(u8),
    Class { negated: bool, members: Vec<Member> },
}

enum Member {
    Literal(u8),
    Escaped(u8),
    /// The bounds as they stand in the pattern.
    Range(u8, u8),
}

fn elements(pattern: &[u8]) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        let next = pattern.get(at + 1).copied();
        elements.push(match (pattern[at], next) {
            (b'*', _) => Element::Star,
            (b'?', _) => Element::AnyByte,
            (b'[', _) => {
                let (class, end) = class(pattern, at + 1);
                at = end;
                class
            }
            (b'\\', Some(escaped)) => {
                at += 1;
                Element::Literal(escaped)
            }
            (literal, _) => Element::Literal(literal),
        });
        at += 1;
    }
    elements
}

/// The class whose members begin at `at`, and where it ends: at its bracket or behind the pattern.
fn class(pattern: &[u8], mut at: usize) -> (Element, usize) {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut members = Vec::new();
    while at < pattern.len() {
        let byte = |ahead: usize| pattern.get(at + ahead).copied();
        match (pattern[at], byte(1), byte(2)) {
            (b'\\', Some(escaped), _) => {
                members.push(Member::Escaped(escaped));
                at += 2;
            }
            (b']', _, _) => break,
            (first, Some(b'-'), Some(last)) => {
                members.push(Member::Range(first, last));
                at += 3;
            }
            (literal, _, _) => {
                members.push(Member::Literal(literal));
                at += 1;
            }
        }
    }
    (Element::Class { negated, members }, at)
}

fn model(elements: &[Element], text: &[u8], fold: fn(u8) -> u8) -> bool {
    if text.is_empty() {
        return elements.is_empty();
    }
    // Which beginnings of the text the elements so far match, by their length.
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    for element in elements {
        let before = matched.clone();
        for len in 0..=text.len() {
            matched[len] = match element {
                Element::Star => before[..=len].contains(&true),
                _ => len > 0 && before[len - 1] && is_one(element, text[len - 1], fold),
            };
        }
    }
    matched[text.len()]
}

fn is_one(element: &Element, byte: u8, fold: fn(u8) -> u8) -> bool {
    match element {
        Element::Star | Element::AnyByte => true,
        Element::Literal(literal) => fold(*literal) == fold(byte),
        Element::Class { negated, members } => {
            members.iter().any(|member| is_member(member, byte, fold)) != *negated
        }
    }
}

fn is_member(member: &Member, byte: u8, fold: fn(u8) -> u8) -> bool {
    match *member {
        Member::Literal(literal) => fold(literal) == fold(byte),
        Member::Escaped(literal) => literal == byte,
        Member::Range(first, last) => {
            let (first, last) = (first.cast_signed(), last.cast_signed());
            let low = fold(first.min(last).cast_unsigned()).cast_signed();
            let high = fold(first.max(last).cast_unsigned()).cast_signed();
            (low..=high).contains(&fold(byte).cast_signed())
        }
    }
}
