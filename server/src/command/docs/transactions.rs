//! Transactions.

use super::Doc;
use super::argument::key;

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "discard",
        "2.0.0",
        "O(N) where N is the number of queued commands",
        "Drops the queued commands of a transaction.",
    )
    .categories(&["@transaction"]),
    Doc::new(
        "exec",
        "1.2.0",
        "Depends on the queued commands",
        "Runs the queued commands of a transaction as one.",
    )
    .categories(&["@transaction"]),
    Doc::new(
        "multi",
        "1.2.0",
        "O(1)",
        "Begins a transaction: what follows is queued.",
    )
    .categories(&["@transaction"]),
    Doc::new("unwatch", "2.2.0", "O(1)", "Ends the watching of keys.")
        .categories(&["@transaction"]),
    Doc::new(
        "watch",
        "2.2.0",
        "O(1) per key",
        "Watches keys: the next transaction runs only if none of them changes.",
    )
    .categories(&["@transaction"])
    .arguments(&[key("key", 0).multiple()]),
];
