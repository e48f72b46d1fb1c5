//! Commands on keys of any type.

use super::Doc;
use super::argument::{block, integer, key, one_of, pattern, string, token, unix_time};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "copy",
        "6.2.0",
        "O(N) where N is the number of elements; O(1) for strings",
        "Copies the value of a key to another key.",
    )
    .categories(&["@keyspace"])
    .arguments(&[
        key("source", 0),
        key("destination", 1),
        integer("destination-db").after("DB").optional(),
        token("replace", "REPLACE").optional(),
    ]),
    Doc::new(
        "del",
        "1.0.0",
        "O(N) where N is the number of keys; the elements of collections count too",
        "Deletes keys.",
    )
    .categories(&["@keyspace"])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .arguments(&[key("key", 0).multiple()]),
    Doc::new(
        "exists",
        "1.0.0",
        "O(N) where N is the number of keys",
        "Counts which of the given keys exist.",
    )
    .categories(&["@keyspace"])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .history(&[("3.0.3", "Several keys in one call.")])
    .arguments(&[key("key", 0).multiple()]),
    Doc::new(
        "expire",
        "1.0.0",
        "O(1)",
        "Sets a key's time to live in seconds.",
    )
    .categories(&["@keyspace"])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT`, `LT`.")])
    .arguments(&[
        key("key", 0),
        integer("seconds"),
        one_of(
            "condition",
            &[
                token("nx", "NX"),
                token("xx", "XX"),
                token("gt", "GT"),
                token("lt", "LT"),
            ],
        )
        .since("7.0.0")
        .optional(),
    ]),
    Doc::new(
        "expireat",
        "1.2.0",
        "O(1)",
        "Sets the Unix time in seconds at which a key expires.",
    )
    .categories(&["@keyspace"])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT`, `LT`.")])
    .arguments(&[
        key("key", 0),
        unix_time("unix-time-seconds"),
        one_of(
            "condition",
            &[
                token("nx", "NX"),
                token("xx", "XX"),
                token("gt", "GT"),
                token("lt", "LT"),
            ],
        )
        .since("7.0.0")
        .optional(),
    ]),
    Doc::new(
        "expiretime",
        "7.0.0",
        "O(1)",
        "Tells the Unix time in seconds at which a key expires.",
    )
    .categories(&["@keyspace"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "keys",
        "1.0.0",
        "O(N) where N is the number of keys in the database",
        "Lists the keys that match a pattern.",
    )
    .categories(&["@keyspace", "@dangerous"])
    .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
    .arguments(&[pattern("pattern")]),
    Doc::new("move", "1.0.0", "O(1)", "Moves a key to another database.")
        .categories(&["@keyspace"])
        .arguments(&[key("key", 0), integer("db")]),
    Doc::new(
        "object",
        "2.2.3",
        "Depends on the subcommand",
        "Holds commands that tell how values are kept.",
    ),
    Doc::new(
        "object|encoding",
        "2.2.3",
        "O(1)",
        "Names the encoding of the value at a key.",
    )
    .categories(&["@keyspace"])
    .tips(&["nondeterministic_output"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "object|freq",
        "4.0.0",
        "O(1)",
        "Returns the access counter of a key.",
    )
    .categories(&["@keyspace"])
    .tips(&["nondeterministic_output"])
    .arguments(&[key("key", 0)]),
    Doc::new("object|help", "6.2.0", "O(1)", "Lists the subcommands.").categories(&["@keyspace"]),
    Doc::new(
        "object|idletime",
        "2.2.3",
        "O(1)",
        "Tells for how many seconds a key has not been accessed.",
    )
    .categories(&["@keyspace"])
    .tips(&["nondeterministic_output"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "object|refcount",
        "2.2.3",
        "O(1)",
        "Tells how many references the value at a key has.",
    )
    .categories(&["@keyspace"])
    .tips(&["nondeterministic_output"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "persist",
        "2.2.0",
        "O(1)",
        "Removes the expire time of a key.",
    )
    .categories(&["@keyspace"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "pexpire",
        "2.6.0",
        "O(1)",
        "Sets a key's time to live in milliseconds.",
    )
    .categories(&["@keyspace"])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT`, `LT`.")])
    .arguments(&[
        key("key", 0),
        integer("milliseconds"),
        one_of(
            "condition",
            &[
                token("nx", "NX"),
                token("xx", "XX"),
                token("gt", "GT"),
                token("lt", "LT"),
            ],
        )
        .since("7.0.0")
        .optional(),
    ]),
    Doc::new(
        "pexpireat",
        "2.6.0",
        "O(1)",
        "Sets the Unix time in milliseconds at which a key expires.",
    )
    .categories(&["@keyspace"])
    .history(&[("7.0.0", "Options `NX`, `XX`, `GT`, `LT`.")])
    .arguments(&[
        key("key", 0),
        unix_time("unix-time-milliseconds"),
        one_of(
            "condition",
            &[
                token("nx", "NX"),
                token("xx", "XX"),
                token("gt", "GT"),
                token("lt", "LT"),
            ],
        )
        .since("7.0.0")
        .optional(),
    ]),
    Doc::new(
        "pexpiretime",
        "7.0.0",
        "O(1)",
        "Tells the Unix time in milliseconds at which a key expires.",
    )
    .categories(&["@keyspace"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "pttl",
        "2.6.0",
        "O(1)",
        "Tells a key's time to live in milliseconds.",
    )
    .categories(&["@keyspace"])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "Answers -2 for an absent key.")])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "randomkey",
        "1.0.0",
        "O(1)",
        "Returns some key of the database.",
    )
    .categories(&["@keyspace"])
    .tips(&[
        "request_policy:all_shards",
        "response_policy:special",
        "nondeterministic_output",
    ]),
    Doc::new(
        "rename",
        "1.0.0",
        "O(1)",
        "Renames a key, overwriting the destination.",
    )
    .categories(&["@keyspace"])
    .arguments(&[key("key", 0), key("newkey", 1)]),
    Doc::new(
        "renamenx",
        "1.0.0",
        "O(1)",
        "Renames a key, provided that the destination does not exist.",
    )
    .categories(&["@keyspace"])
    .history(&[("3.2.0", "Equal names are no error.")])
    .arguments(&[key("key", 0), key("newkey", 1)]),
    Doc::new(
        "scan",
        "2.8.0",
        "O(1) per call; O(N) for all N keys",
        "Goes through the keys of the database step by step.",
    )
    .categories(&["@keyspace"])
    .tips(&[
        "nondeterministic_output",
        "request_policy:special",
        "response_policy:special",
    ])
    .history(&[("6.0.0", "Option `TYPE`.")])
    .arguments(&[
        integer("cursor"),
        pattern("pattern").after("MATCH").optional(),
        integer("count").after("COUNT").optional(),
        string("type").after("TYPE").since("6.0.0").optional(),
    ]),
    Doc::new(
        "sort",
        "1.0.0",
        "O(N+M*log(M)) where N is the number of elements and M of those returned; O(N) where nothing is sorted",
        "Sorts the elements of a list, a set or a sorted set, and returns or stores them.",
    )
    .categories(&["@set", "@sortedset", "@list", "@dangerous"])
    .key_notes(&[
        "",
        "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
        "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
    ])
    .arguments(&[
        key("key", 0),
        pattern("by-pattern").after("BY").optional(),
        block("limit", &[integer("offset"), integer("count")])
            .after("LIMIT")
            .optional(),
        pattern("get-pattern")
            .after("GET")
            .optional()
            .multiple()
            .multiple_token(),
        one_of("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional(),
        token("sorting", "ALPHA").optional(),
        key("destination", 2).after("STORE").optional(),
    ]),
    Doc::new(
        "sort_ro",
        "7.0.0",
        "O(N+M*log(M)) where N is the number of elements and M of those returned; O(N) where nothing is sorted",
        "Sorts the elements of a list, a set or a sorted set, and returns them.",
    )
    .categories(&["@set", "@sortedset", "@list", "@dangerous"])
    .key_notes(&[
        "",
        "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
    ])
    .arguments(&[
        key("key", 0),
        pattern("by-pattern").after("BY").optional(),
        block("limit", &[integer("offset"), integer("count")])
            .after("LIMIT")
            .optional(),
        pattern("get-pattern")
            .after("GET")
            .optional()
            .multiple()
            .multiple_token(),
        one_of("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional(),
        token("sorting", "ALPHA").optional(),
    ]),
    Doc::new(
        "touch",
        "3.2.1",
        "O(N) where N is the number of keys",
        "Counts which of the given keys exist and marks them as accessed.",
    )
    .categories(&["@keyspace"])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .arguments(&[key("key", 0).multiple()]),
    Doc::new(
        "ttl",
        "1.0.0",
        "O(1)",
        "Tells a key's time to live in seconds.",
    )
    .categories(&["@keyspace"])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "Answers -2 for an absent key.")])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "type",
        "1.0.0",
        "O(1)",
        "Names the type of the value at a key.",
    )
    .categories(&["@keyspace"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "unlink",
        "4.0.0",
        "O(1) per key; O(N) in the background",
        "Deletes keys and frees their memory in the background.",
    )
    .categories(&["@keyspace"])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .arguments(&[key("key", 0).multiple()]),
    Doc::new(
        "wait",
        "3.0.0",
        "O(1)",
        "Waits until replicas have confirmed the client's writes.",
    )
    .categories(&["@connection"])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .arguments(&[integer("numreplicas"), integer("timeout")]),
    Doc::new(
        "waitaof",
        "7.2.0",
        "O(1)",
        "Waits until the client's writes are in the append-only files here and on replicas.",
    )
    .categories(&["@connection"])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .arguments(&[
        integer("numlocal"),
        integer("numreplicas"),
        integer("timeout"),
    ]),
];
