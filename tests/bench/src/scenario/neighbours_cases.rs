//! What happens beside the small keys of `neighbours`: the operations and the collections they need.

use crate::batch::{Batch, no_error};
use crate::client::encode;
use crate::collections::CollectionType::{self, Hash, List, Set, SortedSet, Stream};
use crate::error::Result;
use crate::keys::KeySpace;
use crate::servers::Server;

/// What all keys begin with: one cluster slot, so one shard.
pub(super) const HASH_TAG: &str = "{tag}";
const VALUE_BYTES: usize = 8;
/// Commands per write while collections are built.
const BATCH: usize = 500;

/// One kind of operation beside the small keys.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The command's name, or `none`.
    pub(super) operation: &'static str,
    /// The name of the type, or nothing.
    pub(super) collection: &'static str,
    work: Work,
}

#[derive(Debug, Clone, Copy)]
enum Work {
    /// Nothing: what the small keys see by themselves.
    None,
    /// Takes a collection away; each operation has its own.
    Remove(CollectionType),
    /// Reads all of one: the words behind the key, and how many values an element is in the reply.
    Read(CollectionType, &'static str, u64),
    /// Unites two sets that have half of their members in common, always into the same key.
    Unite,
}

/// Type, name, the command that reads all of it, its words behind the key, values per element.
const TYPES: [(CollectionType, &str, &str, &str, u64); 5] = [
    (Set, "set", "SMEMBERS", "", 1),
    (Hash(VALUE_BYTES), "hash", "HGETALL", "", 2),
    (SortedSet, "sorted set", "ZRANGE", "0 -1", 1),
    (List, "list", "LRANGE", "0 -1", 1),
    (Stream, "stream", "XRANGE", "- +", 1),
];

/// All cases, the one without operations first.
pub(super) fn all() -> Vec<Case> {
    let mut cases = vec![case("none", "", Work::None)];
    for operation in ["DEL", "UNLINK"] {
        cases.extend(TYPES.map(|(of, name, ..)| case(operation, name, Work::Remove(of))));
    }
    cases.extend(TYPES.map(|(of, name, command, range, values)| {
        case(command, name, Work::Read(of, range, values))
    }));
    cases.push(case("SUNIONSTORE", "set", Work::Unite));
    cases
}

fn case(operation: &'static str, collection: &'static str, work: Work) -> Case {
    Case {
        operation,
        collection,
        work,
    }
}

impl Case {
    /// Builds what `count` operations on collections of so many elements need.
    ///
    /// # Errors
    /// `BenchError`
    pub(super) fn build(&self, server: &Server, elements: u64, count: u64) -> Result<()> {
        let mut batch = Batch::new(server.client()?, BATCH, no_error);
        match self.work {
            Work::None => Ok(()),
            Work::Remove(of) => of.build(&mut batch, &keys("big", count)?, 0..elements),
            Work::Read(of, ..) => of.build(&mut batch, &keys("big", 1)?, 0..elements),
            Work::Unite => {
                let second = elements / 2..elements / 2 + elements;
                Set.build(&mut batch, &keys("big", 1)?, 0..elements)?;
                Set.build(&mut batch, &keys("two", 1)?, second)
            }
        }
    }

    /// The encoded operations.
    ///
    /// # Errors
    /// `BenchError`
    pub(super) fn operations(&self, count: u64) -> Result<Vec<Vec<u8>>> {
        let key = |prefix, number| -> Result<String> {
            let name = keys(prefix, count)?.name(number);
            Ok(String::from_utf8_lossy(&name).into_owned())
        };
        let words = |number| -> Result<Option<String>> {
            let operation = self.operation;
            Ok(match self.work {
                Work::None => None,
                Work::Remove(_) => Some(format!("{operation} {}", key("big", number)?)),
                Work::Read(_, range, _) => Some(format!("{operation} {} {range}", key("big", 0)?)),
                Work::Unite => {
                    let [to, one, two] = [key("all", 0)?, key("big", 0)?, key("two", 0)?];
                    Some(format!("{operation} {to} {one} {two}"))
                }
            })
        };
        let words: Result<Vec<Option<String>>> = (0..count).map(words).collect();
        Ok(words?.iter().flatten().map(|words| encode(words)).collect())
    }

    /// The first line of the reply to each operation.
    pub(super) fn reply(&self, elements: u64) -> String {
        match self.work {
            Work::None => String::new(),
            Work::Remove(_) => ":1".into(),
            Work::Read(_, _, values) => format!("*{}", elements * values),
            Work::Unite => format!(":{}", elements / 2 + elements),
        }
    }
}

fn keys(kind: &str, count: u64) -> Result<KeySpace> {
    KeySpace::new(count, 16, &format!("{HASH_TAG}:{kind}:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(operation: &str, count: u64) -> Vec<String> {
        let cases = all();
        let case = cases
            .iter()
            .find(|case| case.operation == operation)
            .unwrap();
        let operations = case.operations(count).unwrap();
        operations
            .into_iter()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect()
    }

    #[test]
    fn removals_have_a_collection_each_and_reads_share_one() {
        let removals = sent("UNLINK", 3);
        assert_eq!(removals.len(), 3);
        assert!(removals[2].ends_with("$16\r\n{tag}:big:000002\r\n"));
        let reads = sent("ZRANGE", 2);
        assert_eq!(reads[0], reads[1]);
        assert!(reads[0].ends_with("{tag}:big:000000\r\n$1\r\n0\r\n$2\r\n-1\r\n"));
        assert!(sent("none", 3).is_empty());
        assert!(sent("SUNIONSTORE", 1)[0].starts_with("*4\r\n"));
    }

    #[test]
    fn replies_tell_that_all_elements_were_there() {
        let reply = |operation| {
            let cases = all();
            let case = cases.iter().find(|case| case.operation == operation);
            case.unwrap().reply(1000)
        };
        assert_eq!(reply("DEL"), ":1");
        assert_eq!(
            (reply("HGETALL"), reply("XRANGE")),
            ("*2000".into(), "*1000".into())
        );
        assert_eq!(reply("SUNIONSTORE"), ":1500");
    }
}
