//! The order in which elements come.

use std::cmp::Ordering;

use protocol::parse_f64_without_underflow;

use super::options::SortOptions;
use super::pattern::Pattern;
use crate::command::CommandError;

/// What an element is sorted by.
#[derive(Debug)]
pub(super) enum Weight {
    Number(f64),
    /// Its own bytes.
    Own,
    /// The bytes of what the pattern stands for; what is missing comes first.
    Other(Option<Vec<u8>>),
}

impl Weight {
    /// The weight of an element without a pattern.
    ///
    /// # Errors
    /// If it is to be a number and is none.
    pub(super) fn of_element(element: &[u8], alphabetic: bool) -> Result<Self, CommandError> {
        if alphabetic {
            Ok(Weight::Own)
        } else {
            number(element).map(Weight::Number)
        }
    }
}

/// The order of two elements with their weights.
pub(super) fn compare(
    (weight, element): (&Weight, &[u8]),
    (other_weight, other): (&Weight, &[u8]),
) -> Ordering {
    match (weight, other_weight) {
        (Weight::Number(one), Weight::Number(two)) => {
            // Of the same number, the elements themselves say, so that the order is always the same.
            let order = one.partial_cmp(two).unwrap_or(Ordering::Equal);
            order.then_with(|| element.cmp(other))
        }
        (Weight::Other(one), Weight::Other(two)) => one.cmp(two),
        _ => element.cmp(other),
    }
}

/// What a pattern stands for with an element.
type LookUp<'l> = dyn FnMut(&Pattern<'_>, &[u8]) -> Option<Vec<u8>> + 'l;

/// The elements that are to be answered, in their order. `look_up` says what a pattern stands for with an element.
///
/// # Errors
/// If something is to be a number and is none.
pub(super) fn sort(
    elements: Vec<Vec<u8>>,
    options: &SortOptions<'_>,
    look_up: &mut LookUp<'_>,
) -> Result<Vec<Vec<u8>>, CommandError> {
    let range = options.range(elements.len());
    if options.unsorted {
        return Ok(cut(elements, range));
    }
    let mut weighted = Vec::with_capacity(elements.len());
    let mut failure = None;
    for element in elements {
        let weight = match &options.by {
            None => Weight::of_element(&element, options.alphabetic)?,
            Some(by) => {
                let value = look_up(by, &element);
                match value {
                    _ if options.alphabetic => Weight::Other(value),
                    Some(value) => {
                        // As in Redis all are looked up even so: those that are missing are announced.
                        let number = number(&value);
                        Weight::Number(number.unwrap_or_else(|error| {
                            failure = Some(error);
                            0.0
                        }))
                    }
                    None => Weight::Number(0.0),
                }
            }
        };
        weighted.push((weight, element));
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    weighted.sort_by(|(weight, element), (other_weight, other)| {
        let order = compare((weight, element), (other_weight, other));
        if options.descending {
            order.reverse()
        } else {
            order
        }
    });
    let sorted = weighted.into_iter().map(|(_, element)| element).collect();
    Ok(cut(sorted, range))
}

fn cut(mut elements: Vec<Vec<u8>>, range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    elements.truncate(range.end);
    elements.drain(..range.start);
    elements
}

fn number(text: &[u8]) -> Result<f64, CommandError> {
    // As C's strtod, which stops at a NUL byte, skips spaces and reads nothing as zero.
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    if text.is_empty() {
        return Ok(0.0);
    }
    parse_f64_without_underflow(text.trim_ascii_start()).ok_or(CommandError::Line(
        "ERR One or more scores can't be converted into double",
    ))
}
