//! The order in which elements come.

use protocol::parse_f64_without_underflow;

use super::options::SortOptions;
use super::runs::{Runs, Weight};
use crate::command::CommandError;

/// What the elements are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The place in which they lie; whether the last one comes first.
    Place { is_reversed: bool },
    /// Their own bytes, or the number that these spell.
    Own { alphabetic: bool },
    /// The bytes of what a pattern stands for, or the number that these spell.
    Other { alphabetic: bool },
}

impl Order {
    /// What `options` say; `is_reversed` is for what is not sorted.
    pub(super) fn new<T: AsRef<[u8]>>(options: &SortOptions<T>, is_reversed: bool) -> Self {
        let alphabetic = options.alphabetic;
        match options.weights() {
            _ if options.unsorted => Order::Place { is_reversed },
            None => Order::Own { alphabetic },
            Some(_) => Order::Other { alphabetic },
        }
    }
}

/// Elements on their way into their order.
#[derive(Debug)]
pub(super) struct Sorting {
    order: Order,
    runs: Runs,
    added: u64,
    /// What is to be a number and is none; said once all have been looked up, as in Redis: those that are missing are
    /// announced.
    failure: Option<CommandError>,
}

impl Sorting {
    pub(super) fn new(order: Order, descending: bool) -> Self {
        let descending = descending && !matches!(order, Order::Place { .. });
        Self {
            order,
            runs: Runs::new(descending),
            added: 0,
            failure: None,
        }
    }

    /// Takes an element; `look_up` says what the pattern stands for with it.
    ///
    /// # Errors
    /// If it is to be a number itself and is none.
    pub(super) fn add(
        &mut self,
        element: &[u8],
        look_up: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<(), CommandError> {
        let value;
        let weight = match self.order {
            Order::Place { is_reversed } => {
                let place = self.added as f64;
                Weight::Number(if is_reversed { -place } else { place })
            }
            Order::Own { alphabetic: true } => Weight::Own,
            Order::Own { alphabetic: false } => Weight::Number(number(element)?),
            Order::Other { alphabetic: true } => {
                value = look_up(element);
                Weight::Other(value.as_deref())
            }
            Order::Other { alphabetic: false } => {
                let number = look_up(element).map_or(Ok(0.0), |value| number(&value));
                Weight::Number(number.unwrap_or_else(|error| {
                    self.failure = Some(error);
                    0.0
                }))
            }
        };
        self.added += 1;
        self.runs.push(element, weight);
        Ok(())
    }

    /// Ends the adding.
    ///
    /// # Errors
    /// If what was looked up is to be a number and is none.
    pub(super) fn check(&mut self) -> Result<(), CommandError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// The next element in order, once all have been added.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        self.runs.next()
    }

    /// Memory of the elements that have not all been taken.
    pub(super) fn memory_bytes(&self) -> usize {
        self.runs.memory_bytes()
    }
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
