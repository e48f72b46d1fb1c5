//! Hash commands.

use super::Doc;
use super::argument::{block, double, integer, key, pattern, string, token};

const ORDER: &[&str] = &["nondeterministic_output_order"];
const RANDOM: &[&str] = &["nondeterministic_output"];

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
        "hvals",
        "2.0.0",
        "O(N) where N is the number of fields",
        "Returns all values of a hash.",
    )
    .categories(&["@hash"])
    .tips(ORDER)
    .arguments(&[key("key", 0)]),
];
