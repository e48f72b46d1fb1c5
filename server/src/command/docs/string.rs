//! String commands.

use super::Doc;
use super::argument::{block, double, integer, key, one_of, string, token, unix_time};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "append",
        "2.0.0",
        "O(1) amortized, in the length of what is there; O(N) in what is appended",
        "Adds bytes to the end of a string, creating the key if needed.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), string("value")]),
    Doc::new(
        "decr",
        "1.0.0",
        "O(1)",
        "Subtracts one from the integer at a key; an absent key counts as 0.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "decrby",
        "1.0.0",
        "O(1)",
        "Subtracts a number from the integer at a key; an absent key counts as 0.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), integer("decrement")]),
    Doc::new(
        "delex",
        "8.4.0",
        "O(1); O(N) in the length of the string when digests are compared",
        "Deletes a key, provided that its string compares as asked.",
    )
    .categories(&["@string"])
    .arguments(&[
        key("key", 0),
        one_of(
            "condition",
            &[
                string("ifeq-value").after("IFEQ"),
                string("ifne-value").after("IFNE"),
                string("ifdeq-digest").after("IFDEQ"),
                string("ifdne-digest").after("IFDNE"),
            ],
        )
        .optional(),
    ]),
    Doc::new(
        "delifeq",
        "9.0.0",
        "O(1)",
        "Deletes a key, provided that it holds a given string.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), string("value")]),
    Doc::new(
        "digest",
        "8.4.0",
        "O(N) where N is the length of the string",
        "Returns the XXH3 digest of the string at a key.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0)]),
    Doc::new("get", "1.0.0", "O(1)", "Reads the string at a key.")
        .categories(&["@string"])
        .arguments(&[key("key", 0)]),
    Doc::new(
        "getdel",
        "6.2.0",
        "O(1)",
        "Reads the string at a key and deletes the key.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "getex",
        "6.2.0",
        "O(1)",
        "Reads the string at a key and sets or removes its expire time.",
    )
    .categories(&["@string"])
    .key_notes(&["RW and UPDATE because it changes the TTL"])
    .arguments(&[
        key("key", 0),
        one_of(
            "expiration",
            &[
                integer("seconds").after("EX"),
                integer("milliseconds").after("PX"),
                unix_time("unix-time-seconds").after("EXAT"),
                unix_time("unix-time-milliseconds").after("PXAT"),
                token("persist", "PERSIST"),
            ],
        )
        .optional(),
    ]),
    Doc::new(
        "getrange",
        "2.4.0",
        "O(N) where N is the length of the reply",
        "Reads a part of the string at a key.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), integer("start"), integer("end")]),
    Doc::new(
        "getset",
        "1.0.0",
        "O(1)",
        "Stores a string and returns what was there before.",
    )
    .categories(&["@string"])
    .deprecated("6.2.0", "`SET` with the `GET` argument")
    .arguments(&[key("key", 0), string("value")]),
    Doc::new(
        "incr",
        "1.0.0",
        "O(1)",
        "Adds one to the integer at a key; an absent key counts as 0.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "incrby",
        "1.0.0",
        "O(1)",
        "Adds a number to the integer at a key; an absent key counts as 0.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), integer("increment")]),
    Doc::new(
        "incrbyfloat",
        "2.6.0",
        "O(1)",
        "Adds a decimal number to the number at a key; an absent key counts as 0.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), double("increment")]),
    Doc::new(
        "increx",
        "8.8.0",
        "O(1)",
        "Adds to the number at a key within bounds, and sets its expire time.",
    )
    .categories(&["@string"])
    .arguments(&[
        key("key", 0),
        one_of(
            "increment",
            &[
                integer("integer").after("BYINT"),
                double("float").after("BYFLOAT"),
            ],
        )
        .optional(),
        double("lower-bound").after("LBOUND").optional(),
        double("upper-bound").after("UBOUND").optional(),
        token("saturate", "SATURATE").optional(),
        one_of(
            "expiration",
            &[
                integer("seconds").after("EX"),
                integer("milliseconds").after("PX"),
                unix_time("unix-time-seconds").after("EXAT"),
                unix_time("unix-time-milliseconds").after("PXAT"),
                token("persist", "PERSIST"),
            ],
        )
        .optional(),
        token("enx", "ENX").optional(),
    ]),
    Doc::new(
        "lcs",
        "7.0.0",
        "O(N*M) where N and M are the lengths of the strings",
        "Finds the longest sequence of bytes that two strings have in common.",
    )
    .categories(&["@string"])
    .arguments(&[
        key("key1", 0),
        key("key2", 0),
        token("len", "LEN").optional(),
        token("idx", "IDX").optional(),
        integer("min-match-len").after("MINMATCHLEN").optional(),
        token("withmatchlen", "WITHMATCHLEN").optional(),
    ]),
    Doc::new(
        "mget",
        "1.0.0",
        "O(N) where N is the number of keys",
        "Reads the strings at several keys as of one moment.",
    )
    .categories(&["@string"])
    .tips(&["request_policy:multi_shard"])
    .arguments(&[key("key", 0).multiple()]),
    Doc::new(
        "mset",
        "1.0.1",
        "O(N) where N is the number of keys",
        "Stores strings at several keys at one moment.",
    )
    .categories(&["@string"])
    .tips(&[
        "request_policy:multi_shard",
        "response_policy:all_succeeded",
    ])
    .arguments(&[block("data", &[key("key", 0), string("value")]).multiple()]),
    Doc::new(
        "msetex",
        "8.4.0",
        "O(N) where N is the number of keys",
        "Stores strings at several keys with one condition and one expire time.",
    )
    .categories(&["@string"])
    .tips(&[
        "request_policy:multi_shard",
        "response_policy:all_succeeded",
    ])
    .arguments(&[
        integer("numkeys"),
        block("data", &[key("key", 0), string("value")]).multiple(),
        one_of("condition", &[token("nx", "NX"), token("xx", "XX")]).optional(),
        one_of(
            "expiration",
            &[
                integer("seconds").after("EX"),
                integer("milliseconds").after("PX"),
                unix_time("unix-time-seconds").after("EXAT"),
                unix_time("unix-time-milliseconds").after("PXAT"),
                token("keepttl", "KEEPTTL"),
            ],
        )
        .optional(),
    ]),
    Doc::new(
        "msetnx",
        "1.0.1",
        "O(N) where N is the number of keys",
        "Stores strings at several keys, provided that none of the keys exists.",
    )
    .categories(&["@string"])
    .arguments(&[block("data", &[key("key", 0), string("value")]).multiple()]),
    Doc::new(
        "psetex",
        "2.6.0",
        "O(1)",
        "Stores a string with a time to live in milliseconds.",
    )
    .categories(&["@string"])
    .deprecated("2.6.12", "`SET` with the `PX` argument")
    .arguments(&[key("key", 0), integer("milliseconds"), string("value")]),
    Doc::new(
        "set",
        "1.0.0",
        "O(1)",
        "Stores a string at a key, whatever was there.",
    )
    .categories(&["@string"])
    .key_notes(&["RW and ACCESS due to the optional `GET` argument"])
    .history(&[
        ("2.6.12", "Options `EX`, `PX`, `NX`, `XX`."),
        ("6.0.0", "Option `KEEPTTL`."),
        ("6.2.0", "Options `GET`, `EXAT`, `PXAT`."),
        ("7.0.0", "`NX` and `GET` go together."),
        (
            "8.1.0",
            "Option `IFEQ` (Valkey; Redis 8.4.0, with `IFNE`, `IFDEQ`, `IFDNE`).",
        ),
    ])
    .arguments(&[
        key("key", 0),
        string("value"),
        one_of(
            "condition",
            &[
                token("nx", "NX").since("2.6.12"),
                token("xx", "XX").since("2.6.12"),
                string("ifeq-value").after("IFEQ").since("8.4.0"),
                string("ifne-value").after("IFNE").since("8.4.0"),
                string("ifdeq-digest").after("IFDEQ").since("8.4.0"),
                string("ifdne-digest").after("IFDNE").since("8.4.0"),
            ],
        )
        .optional(),
        token("get", "GET").since("6.2.0").optional(),
        one_of(
            "expiration",
            &[
                integer("seconds").after("EX").since("2.6.12"),
                integer("milliseconds").after("PX").since("2.6.12"),
                unix_time("unix-time-seconds").after("EXAT").since("6.2.0"),
                unix_time("unix-time-milliseconds")
                    .after("PXAT")
                    .since("6.2.0"),
                token("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ]),
    Doc::new(
        "setex",
        "2.0.0",
        "O(1)",
        "Stores a string with a time to live in seconds.",
    )
    .categories(&["@string"])
    .deprecated("2.6.12", "`SET` with the `EX` argument")
    .arguments(&[key("key", 0), integer("seconds"), string("value")]),
    Doc::new(
        "setnx",
        "1.0.0",
        "O(1)",
        "Stores a string, provided that the key does not exist.",
    )
    .categories(&["@string"])
    .deprecated("2.6.12", "`SET` with the `NX` argument")
    .arguments(&[key("key", 0), string("value")]),
    Doc::new(
        "setrange",
        "2.2.0",
        "O(1) for short values; O(N) in the length of the value otherwise",
        "Overwrites a part of the string at a key, zero bytes filling any gap.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0), integer("offset"), string("value")]),
    Doc::new(
        "strlen",
        "2.2.0",
        "O(1)",
        "Tells how many bytes the string at a key has.",
    )
    .categories(&["@string"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "substr",
        "1.0.0",
        "O(N) where N is the length of the reply",
        "Reads a part of the string at a key.",
    )
    .categories(&["@string"])
    .deprecated("2.0.0", "`GETRANGE`")
    .arguments(&[key("key", 0), integer("start"), integer("end")]),
];
