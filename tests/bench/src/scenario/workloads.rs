//! What `types` sends: one row per command, with small and with big collections.
//!
//! Keys are drawn evenly from all of a row's collections. Elements are the 16 bytes of
//! [`crate::collections`], values the same 16 letters. *Small* collections stay within the limits up to
//! which Redis keeps them compact (128 elements of 64 bytes; a list node of 8 KiB), also once the
//! measurement has added its elements; *big* ones are far beyond. `HGETALL` reads ten fields both
//! times; there the values of 100 bytes are what makes the hash big.

use super::types::Size;
use crate::client::Value;
use crate::collections::CollectionType::{
    self, Geo, Hash, HyperLogLog, List, Set, SortedSet, Stream,
};

/// One command of `types`, and the collections it works on.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) command: &'static str,
    /// As the [`Mix`](crate::commands::Mix) reads it, with four more words: `__present__` is one of the
    /// collection's elements, `__any__` is one of them or, as often, one that was not added;
    /// `__count__` is their number, `__half__` half of it, and `__radius__` a distance in kilometres
    /// within which about thirty of them lie.
    request: &'static str,
    /// What one such request must answer, so that nothing is measured that finds nothing.
    pub(super) answer: Answer,
    /// Whether it adds or removes: then the collections are built anew for each measurement, and a
    /// measurement is a number of requests, so that they end alike on every server.
    pub(super) changes: bool,
    small: Filled,
    big: Filled,
}

/// Collections that are there before the measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) of: CollectionType,
    pub(super) keys: u64,
    /// In each of them.
    pub(super) elements: u64,
}

/// The shape of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A string or a number.
    One,
    /// An array of so many.
    Many(usize),
    /// So many entries of one stream.
    Entries(usize),
}

const fn filled(of: CollectionType, keys: u64, elements: u64) -> Filled {
    Filled { of, keys, elements }
}

/// The commands, by type.
pub(super) const WORKLOADS: [Workload; 17] = [
    Workload {
        command: "LPUSH",
        request: "LPUSH __key__ __data__",
        answer: Answer::One,
        changes: true,
        small: filled(List, 10_000, 50),
        big: filled(List, 100, 10_000),
    },
    Workload {
        command: "RPOP",
        request: "RPOP __key__",
        answer: Answer::One,
        changes: true,
        small: filled(List, 10_000, 120),
        big: filled(List, 100, 12_000),
    },
    Workload {
        command: "LRANGE 0 99",
        request: "LRANGE __key__ 0 99",
        answer: Answer::Many(100),
        changes: false,
        small: filled(List, 1000, 200),
        big: filled(List, 100, 10_000),
    },
    Workload {
        command: "SADD",
        request: "SADD __key__ __any__",
        answer: Answer::One,
        changes: true,
        small: filled(Set, 10_000, 50),
        big: filled(Set, 100, 10_000),
    },
    Workload {
        command: "SISMEMBER",
        request: "SISMEMBER __key__ __any__",
        answer: Answer::One,
        changes: false,
        small: filled(Set, 10_000, 100),
        big: filled(Set, 100, 10_000),
    },
    Workload {
        command: "SPOP",
        request: "SPOP __key__",
        answer: Answer::One,
        changes: true,
        small: filled(Set, 10_000, 120),
        big: filled(Set, 100, 12_000),
    },
    Workload {
        command: "HSET",
        request: "HSET __key__ __any__ __data__",
        answer: Answer::One,
        changes: true,
        small: filled(Hash(16), 10_000, 50),
        big: filled(Hash(16), 100, 10_000),
    },
    Workload {
        command: "HGET",
        request: "HGET __key__ __present__",
        answer: Answer::One,
        changes: false,
        small: filled(Hash(16), 10_000, 100),
        big: filled(Hash(16), 100, 10_000),
    },
    Workload {
        command: "HGETALL",
        request: "HGETALL __key__",
        answer: Answer::Many(20),
        changes: false,
        small: filled(Hash(16), 100_000, 10),
        big: filled(Hash(100), 100_000, 10),
    },
    Workload {
        command: "ZADD",
        request: "ZADD __key__ __rand:1000000__ __any__",
        answer: Answer::One,
        changes: true,
        small: filled(SortedSet, 10_000, 50),
        big: filled(SortedSet, 100, 10_000),
    },
    Workload {
        command: "ZRANGE 0 99",
        request: "ZRANGE __key__ 0 99",
        answer: Answer::Many(100),
        changes: false,
        small: filled(SortedSet, 1000, 120),
        big: filled(SortedSet, 100, 10_000),
    },
    Workload {
        command: "ZRANK",
        request: "ZRANK __key__ __present__",
        answer: Answer::One,
        changes: false,
        small: filled(SortedSet, 10_000, 100),
        big: filled(SortedSet, 100, 10_000),
    },
    Workload {
        command: "ZRANGEBYSCORE LIMIT 0 10",
        request: "ZRANGEBYSCORE __key__ __rand:500000__ +inf LIMIT 0 10",
        answer: Answer::Many(10),
        changes: false,
        small: filled(SortedSet, 10_000, 100),
        big: filled(SortedSet, 100, 10_000),
    },
    Workload {
        command: "XADD MAXLEN ~",
        request: "XADD __key__ MAXLEN ~ __count__ * field1 __data__ field2 __data__",
        answer: Answer::One,
        changes: true,
        small: filled(Stream, 10_000, 50),
        big: filled(Stream, 1000, 1000),
    },
    Workload {
        command: "XREAD COUNT 10",
        request: "XREAD COUNT 10 STREAMS __key__ __half__-0",
        answer: Answer::Entries(10),
        changes: false,
        small: filled(Stream, 10_000, 50),
        big: filled(Stream, 1000, 1000),
    },
    Workload {
        command: "PFADD",
        request: "PFADD __key__ element:__rand:1000000000__",
        answer: Answer::One,
        changes: true,
        small: filled(HyperLogLog, 10_000, 50),
        big: filled(HyperLogLog, 100, 5000),
    },
    Workload {
        command: "GEOSEARCH COUNT 10 ASC",
        request: "GEOSEARCH __key__ FROMLONLAT 2.__rand:1000000__ 48.__rand:1000000__ \
                  BYRADIUS __radius__ km ASC COUNT 10",
        answer: Answer::Many(10),
        changes: false,
        small: filled(Geo, 1000, 100),
        big: filled(Geo, 10, 10_000),
    },
];

impl Workload {
    /// The collections of that size.
    pub(super) fn filled(&self, size: Size) -> Filled {
        match size {
            Size::Small => self.small,
            Size::Big => self.big,
        }
    }

    /// The request over collections of that size, as the [`Mix`](crate::commands::Mix) reads it.
    pub(super) fn request(&self, size: Size) -> String {
        let elements = self.filled(size).elements;
        let member = |below: u64| format!("member:__rand:{below}:9__");
        // Points lie over 148 km by 222 km, evenly.
        let radius = (148.0 * 222.0 * 30.0 / (std::f64::consts::PI * elements as f64)).sqrt();
        self.request
            .replace("__present__", &member(elements))
            .replace("__any__", &member(elements * 2))
            .replace("__count__", &elements.to_string())
            .replace("__half__", &(elements / 2).to_string())
            .replace("__radius__", &format!("{radius:.1}"))
    }
}

impl Answer {
    /// Whether `reply` has this shape.
    pub(super) fn fits(self, reply: &Value) -> bool {
        match (self, reply) {
            (Answer::One, Value::Bulk(_) | Value::Integer(_)) => true,
            (Answer::Many(count), Value::Array(values)) => values.len() == count,
            (Answer::Entries(count), Value::Array(streams)) => {
                let [Value::Array(stream)] = streams.as_slice() else {
                    return false;
                };
                matches!(stream.as_slice(), [_, Value::Array(entries)] if entries.len() == count)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::CollectionType::Record;
    use crate::commands::Mix;
    use crate::keys::KeySpace;

    #[test]
    fn every_request_can_be_sent() {
        for workload in &WORKLOADS {
            for size in [Size::Small, Size::Big] {
                let request = workload.request(size);
                let left = request.replace("__key__", "").replace("__data__", "");
                assert_eq!(
                    left.matches("__").count(),
                    left.matches("__rand:").count() * 2
                );
                let keys = KeySpace::new(workload.filled(size).keys, 16, "key:").unwrap();
                assert!(Mix::new(&[request], &keys, 16).is_ok(), "{left}");
            }
        }
    }

    #[test]
    fn small_collections_stay_within_the_limits_of_compact_ones() {
        for workload in &WORKLOADS {
            let (small, big) = (workload.small, workload.big);
            let doubles = workload.changes && workload.request.contains("__any__");
            let grown = small.elements * if doubles { 2 } else { 1 };
            match small.of {
                List => assert!(grown <= 200),
                Hash(16) | Set | SortedSet | Geo => assert!(grown <= 128),
                Stream | HyperLogLog => assert!(grown <= 100),
                Hash(_) | Record => panic!("{}: another small hash", workload.command),
            }
            assert!(big.elements > small.elements || big.of == Hash(100));
        }
    }

    #[test]
    fn radius_and_members_follow_the_number_of_elements() {
        let request = |command| {
            let workload = WORKLOADS.iter().find(|row| row.command == command).unwrap();
            workload.request(Size::Small)
        };
        assert_eq!(request("SADD"), "SADD __key__ member:__rand:100:9__");
        assert!(request("GEOSEARCH COUNT 10 ASC").contains("BYRADIUS 56.0 km"));
        assert_eq!(
            request("XREAD COUNT 10"),
            "XREAD COUNT 10 STREAMS __key__ 25-0"
        );
    }

    #[test]
    fn answers_are_told_apart() {
        let ten = Value::Array(vec![Value::Integer(1); 10]);
        let entries = Value::Array(vec![Value::Array(vec![Value::Bulk(vec![]), ten.clone()])]);
        assert!(Answer::Many(10).fits(&ten) && Answer::Entries(10).fits(&entries));
        assert!(!Answer::Many(9).fits(&ten) && !Answer::Entries(10).fits(&ten));
        assert!(Answer::One.fits(&Value::Integer(0)) && !Answer::One.fits(&Value::Null));
        assert!(!Answer::One.fits(&Value::Simple("OK".into())));
    }
}
