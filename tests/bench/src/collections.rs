//! Collections of every type, built element by element from their numbers.
//!
//! Members, fields and list elements are 16 bytes, `member:` and nine digits, the same for every type
//! and server; requests name them with `member:__rand:N:9__`. Scores and places are scattered, so that
//! no index is built in its own order, which would pack it better than use does.

use std::ops::Range;

use crate::batch::Batch;
use crate::error::{BenchError, Result};
use crate::keys::KeySpace;
use crate::random::Random;

/// How many elements one command adds.
const ELEMENTS_PER_COMMAND: u64 = 100;
/// Scores of sorted sets lie below this.
const SCORES: u64 = 1_000_000;
/// Points of geo sets lie from these degrees over this many of them: 148 km by 222 km.
const LONGITUDE_FROM: f64 = 1.5;
const LATITUDE_FROM: f64 = 47.5;
const DEGREES: f64 = 2.0;

/// The type of a collection, as its elements are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CollectionType {
    /// Elements in the order of their numbers.
    List,
    /// Members.
    Set,
    /// Fields with values of this many bytes.
    Hash(usize),
    /// The fields `field0`, `field1` … with values of eight bytes: a short record.
    Record,
    /// Members with scattered scores.
    SortedSet,
    /// Entries `1-0` (of number 0), `2-0` … with two fields each.
    Stream,
    /// Members that are counted.
    HyperLogLog,
    /// Members at scattered places.
    Geo,
}

impl CollectionType {
    /// Adds the elements of these numbers to each of `keys` and checks that they are there.
    ///
    /// # Errors
    /// `BenchError`, also when the server counts other elements than were added.
    pub(crate) fn build(
        self,
        batch: &mut Batch,
        keys: &KeySpace,
        numbers: Range<u64>,
    ) -> Result<()> {
        for key in 0..keys.count {
            self.add(batch, &keys.name(key), numbers.clone())?;
        }
        batch.flush()?;
        let last = keys.name(keys.count.saturating_sub(1));
        let count = format!(
            "{} {}",
            self.count_command(),
            String::from_utf8_lossy(&last)
        );
        let counted = batch.client().integer(&count)?;
        let elements = numbers.end - numbers.start;
        // A HyperLogLog estimates, with a standard error of 0.81 %; ten times that is a fault.
        let tolerance = if self == CollectionType::HyperLogLog {
            elements / 12 + 1
        } else {
            0
        };
        if counted.unsigned_abs().abs_diff(elements) > tolerance {
            return Err(BenchError::UnexpectedReply {
                command: count,
                reply: format!("{counted} after adding {elements}"),
            });
        }
        Ok(())
    }

    /// Adds elements to `key`; the last of them may still wait in `batch`.
    fn add(self, batch: &mut Batch, key: &[u8], numbers: Range<u64>) -> Result<()> {
        if self == CollectionType::Stream {
            return add_entries(batch, key, numbers);
        }
        for first in numbers.clone().step_by(ELEMENTS_PER_COMMAND as usize) {
            let mut added = Vec::new();
            for number in first..numbers.end.min(first + ELEMENTS_PER_COMMAND) {
                self.push_element(&mut added, number);
            }
            let mut arguments = vec![self.add_command().as_bytes(), key];
            arguments.extend(added.iter().map(Vec::as_slice));
            batch.push(&arguments)?;
        }
        Ok(())
    }

    fn push_element(self, arguments: &mut Vec<Vec<u8>>, number: u64) {
        let mut scatter = Random::new(number);
        match self {
            CollectionType::Hash(value_bytes) => {
                arguments.extend([member(number), scatter.letters(value_bytes)]);
            }
            CollectionType::Record => {
                arguments.extend([format!("field{number}").into_bytes(), scatter.letters(8)]);
            }
            CollectionType::SortedSet => {
                let score = scatter.below(SCORES).to_string().into_bytes();
                arguments.extend([score, member(number)]);
            }
            CollectionType::Geo => {
                let longitude = LONGITUDE_FROM + scatter.unit() * DEGREES;
                let latitude = LATITUDE_FROM + scatter.unit() * DEGREES;
                let place = [longitude, latitude].map(|degrees| format!("{degrees:.6}"));
                arguments.extend(place.map(String::into_bytes));
                arguments.push(member(number));
            }
            _ => arguments.push(member(number)),
        }
    }

    fn add_command(self) -> &'static str {
        match self {
            CollectionType::List => "RPUSH",
            CollectionType::Set => "SADD",
            CollectionType::Hash(_) | CollectionType::Record => "HSET",
            CollectionType::SortedSet => "ZADD",
            CollectionType::Stream => "XADD",
            CollectionType::HyperLogLog => "PFADD",
            CollectionType::Geo => "GEOADD",
        }
    }

    fn count_command(self) -> &'static str {
        match self {
            CollectionType::List => "LLEN",
            CollectionType::Set => "SCARD",
            CollectionType::Hash(_) | CollectionType::Record => "HLEN",
            CollectionType::SortedSet | CollectionType::Geo => "ZCARD",
            CollectionType::Stream => "XLEN",
            CollectionType::HyperLogLog => "PFCOUNT",
        }
    }
}

fn add_entries(batch: &mut Batch, key: &[u8], numbers: Range<u64>) -> Result<()> {
    for number in numbers {
        let id = format!("{}-0", number + 1).into_bytes();
        let value = member(number);
        batch.push(&[b"XADD", key, &id, b"field1", &value, b"field2", &value])?;
    }
    Ok(())
}

/// The 16 bytes of element `number`.
fn member(number: u64) -> Vec<u8> {
    format!("member:{number:09}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(of: CollectionType, numbers: std::ops::Range<u64>) -> Vec<String> {
        let mut arguments = Vec::new();
        for number in numbers {
            of.push_element(&mut arguments, number);
        }
        arguments
            .into_iter()
            .map(|argument| String::from_utf8(argument).unwrap())
            .collect()
    }

    #[test]
    fn elements_are_sixteen_bytes_with_what_their_type_adds() {
        assert_eq!(elements(CollectionType::Set, 7..8), ["member:000000007"]);
        let hash = elements(CollectionType::Hash(8), 7..8);
        assert_eq!((hash[0].len(), hash[1].len()), (16, 8));
        let record = elements(CollectionType::Record, 7..8);
        assert_eq!((record[0].as_str(), record[1].len()), ("field7", 8));
        let sorted = elements(CollectionType::SortedSet, 0..2);
        assert!(sorted[0].parse::<u64>().unwrap() < SCORES && sorted[1].len() == 16);
        let geo = elements(CollectionType::Geo, 7..8);
        let longitude = geo[0].parse::<f64>().unwrap() - LONGITUDE_FROM;
        let latitude = geo[1].parse::<f64>().unwrap() - LATITUDE_FROM;
        assert!((0.0..DEGREES).contains(&longitude) && (0.0..DEGREES).contains(&latitude));
    }

    #[test]
    fn scores_come_in_no_order_and_are_the_same_each_time() {
        let scores = |_| -> Vec<u64> {
            let words = elements(CollectionType::SortedSet, 0..100);
            words
                .iter()
                .step_by(2)
                .map(|score| score.parse().unwrap())
                .collect()
        };
        let first = scores(());
        assert!(!first.is_sorted() && first == scores(()));
    }
}
