//! HyperLogLog commands.

use super::Doc;
use super::argument::{key, string};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "pfadd",
        "2.8.9",
        "O(1) per element",
        "Adds elements to a HyperLogLog, which is created if there is none.",
    )
    .categories(&["@hyperloglog"])
    .arguments(&[key("key", 0), string("element").optional().multiple()]),
    Doc::new(
        "pfcount",
        "2.8.9",
        "O(1) for one key, O(N) for N keys, with large constants unless the count of the only one is known",
        "Estimates how many different elements were added to one or more HyperLogLogs.",
    )
    .categories(&["@hyperloglog"])
    .key_notes(&["RW because it may change the internal representation of the key, and propagate to replicas"])
    .arguments(&[key("key", 0).multiple()]),
    Doc::new(
        "pfdebug",
        "2.8.9",
        "N/A",
        "Shows the registers of a HyperLogLog.",
    )
    .categories(&["@hyperloglog"])
    .system()
    .arguments(&[string("subcommand"), key("key", 0)]),
    Doc::new(
        "pfmerge",
        "2.8.9",
        "O(N) for N keys, with large constants",
        "Adds to one HyperLogLog what was added to others.",
    )
    .categories(&["@hyperloglog"])
    .arguments(&[
        key("destkey", 0),
        key("sourcekey", 1).optional().multiple(),
    ]),
    Doc::new(
        "pfselftest",
        "2.8.9",
        "N/A",
        "Tests whether HyperLogLogs work on this machine.",
    )
    .categories(&["@hyperloglog"])
    .system(),
];
