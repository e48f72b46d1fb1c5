//! Hash commands.

use super::Doc;
use super::argument::{
    Argument, block, double, integer, key, one_of, pattern, string, token, unix_time,
};

const ORDER: &[&str] = &["nondeterministic_output_order"];
const RANDOM: &[&str] = &["nondeterministic_output"];

const NAMED: &str = "O(N) where N is the number of fields named";

const FIELDS: Argument = block(
    "fields",
    &[integer("numfields"), string("field").multiple()],
)
.after("FIELDS");

const CONDITION: Argument = one_of(
    "condition",
    &[
        token("nx", "NX"),
        token("xx", "XX"),
        token("gt", "GT"),
        token("lt", "LT"),
    ],
)
.optional();

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "hdel",
        "2.0.0",
        "O(N) where N is the number of fields named",
        "Removes fields from a hash, and the key with the last of them.",
    )
    .categories(&["@hash"])
    .history(&[("2.4.0", "Several fields at once.")])
    .arguments(&[key("key", 0), string("field").multiple()]),
    Doc::new(
        "hexists",
        "2.0.0",
        "O(1)",
        "Tells whether a hash has a field.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), string("field")]),
    Doc::new(
        "hexpire",
        "7.4.0",
        NAMED,
        "Sets after how many seconds fields expire.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), integer("seconds"), CONDITION, FIELDS]),
    Doc::new(
        "hexpireat",
        "7.4.0",
        NAMED,
        "Sets the Unix time in seconds at which fields expire.",
    )
    .categories(&["@hash"])
    .arguments(&[
        key("key", 0),
        unix_time("unix-time-seconds"),
        CONDITION,
        FIELDS,
    ]),
    Doc::new(
        "hexpiretime",
        "7.4.0",
        NAMED,
        "Tells the Unix time in seconds at which fields expire.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), FIELDS]),
    Doc::new("hget", "2.0.0", "O(1)", "Returns the value of a field.")
        .categories(&["@hash"])
        .arguments(&[key("key", 0), string("field")]),
    Doc::new(
        "hgetall",
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns all fields of a hash with their values.",
    )
    .categories(&["@hash"])
    .tips(ORDER)
    .arguments(&[key("key", 0)]),
    Doc::new(
        "hgetdel",
        "8.0.0",
        NAMED,
        "Returns the values of fields and removes them.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), FIELDS]),
    Doc::new(
        "hgetex",
        "8.0.0",
        NAMED,
        "Returns the values of fields and sets when they expire.",
    )
    .categories(&["@hash"])
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
        FIELDS,
    ]),
    Doc::new(
        "hincrby",
        "2.0.0",
        "O(1)",
        "Adds a number to the integer in a field; an absent field counts as 0.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), string("field"), integer("increment")]),
    Doc::new(
        "hincrbyfloat",
        "2.6.0",
        "O(1)",
        "Adds a decimal number to the number in a field; an absent field counts as 0.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), string("field"), double("increment")]),
    Doc::new(
        "hkeys",
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns all fields of a hash.",
    )
    .categories(&["@hash"])
    .tips(ORDER)
    .arguments(&[key("key", 0)]),
    Doc::new(
        "hlen",
        "2.0.0",
        "O(1), unless fields have expired that are not removed yet",
        "Counts the fields of a hash.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "hmget",
        "2.0.0",
        "O(N) where N is the number of fields named",
        "Returns the values of several fields.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), string("field").multiple()]),
    Doc::new(
        "hmset",
        "2.0.0",
        "O(N) where N is the number of fields set",
        "Sets several fields of a hash.",
    )
    .categories(&["@hash"])
    .deprecated("4.0.0", "`HSET` with multiple field-value pairs")
    .arguments(&[
        key("key", 0),
        block("data", &[string("field"), string("value")]).multiple(),
    ]),
    Doc::new(
        "hpersist",
        "7.4.0",
        NAMED,
        "Takes the expire times of fields away.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), FIELDS]),
    Doc::new(
        "hpexpire",
        "7.4.0",
        NAMED,
        "Sets after how many milliseconds fields expire.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), integer("milliseconds"), CONDITION, FIELDS]),
    Doc::new(
        "hpexpireat",
        "7.4.0",
        NAMED,
        "Sets the Unix time in milliseconds at which fields expire.",
    )
    .categories(&["@hash"])
    .arguments(&[
        key("key", 0),
        unix_time("unix-time-milliseconds"),
        CONDITION,
        FIELDS,
    ]),
    Doc::new(
        "hpexpiretime",
        "7.4.0",
        NAMED,
        "Tells the Unix time in milliseconds at which fields expire.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), FIELDS]),
    Doc::new(
        "hpttl",
        "7.4.0",
        NAMED,
        "Tells in how many milliseconds fields expire.",
    )
    .categories(&["@hash"])
    .tips(RANDOM)
    .arguments(&[key("key", 0), FIELDS]),
    Doc::new(
        "hrandfield",
        "6.2.0",
        "O(N) where N is the number of fields returned",
        "Picks fields of a hash at random.",
    )
    .categories(&["@hash"])
    .tips(RANDOM)
    .arguments(&[
        key("key", 0),
        block(
            "options",
            &[
                integer("count"),
                token("withvalues", "WITHVALUES").optional(),
            ],
        )
        .optional(),
    ]),
    Doc::new(
        "hscan",
        "2.8.0",
        "O(1) for a call; O(N) for a whole walk, where N is the number of fields",
        "Walks through the fields of a hash, some at each call.",
    )
    .categories(&["@hash"])
    .tips(RANDOM)
    .arguments(&[
        key("key", 0),
        integer("cursor"),
        pattern("pattern").after("MATCH").optional(),
        integer("count").after("COUNT").optional(),
        token("novalues", "NOVALUES").optional(),
    ]),
    Doc::new(
        "hset",
        "2.0.0",
        "O(N) where N is the number of fields set",
        "Sets fields of a hash, creating the key if needed.",
    )
    .categories(&["@hash"])
    .history(&[("4.0.0", "Several fields at once.")])
    .arguments(&[
        key("key", 0),
        block("data", &[string("field"), string("value")]).multiple(),
    ]),
    Doc::new(
        "hsetex",
        "8.0.0",
        NAMED,
        "Sets fields of a hash, and when they expire.",
    )
    .categories(&["@hash"])
    .arguments(&[
        key("key", 0),
        one_of("condition", &[token("fnx", "FNX"), token("fxx", "FXX")]).optional(),
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
        block(
            "fields",
            &[
                integer("numfields"),
                block("data", &[string("field"), string("value")]).multiple(),
            ],
        )
        .after("FIELDS"),
    ]),
    Doc::new(
        "hsetnx",
        "2.0.0",
        "O(1)",
        "Sets a field of a hash unless it is there.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), string("field"), string("value")]),
    Doc::new(
        "hstrlen",
        "3.2.0",
        "O(1)",
        "Tells the length of the value of a field.",
    )
    .categories(&["@hash"])
    .arguments(&[key("key", 0), string("field")]),
    Doc::new(
        "httl",
        "7.4.0",
        NAMED,
        "Tells in how many seconds fields expire.",
    )
    .categories(&["@hash"])
    .tips(RANDOM)
    .arguments(&[key("key", 0), FIELDS]),
    Doc::new(
        "hvals",
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns all values of a hash.",
    )
    .categories(&["@hash"])
    .tips(ORDER)
    .arguments(&[key("key", 0)]),
];
