//! Stream commands.

use super::Doc;
use super::argument::{Argument, block, integer, key, one_of, string, token};

/// Other replies to the same requests.
const VARYING: &[&str] = &["nondeterministic_output"];

const RETURNED: &str = "O(log N + M) where N is the number of nodes of the stream and M the number of entries returned";
const EACH_ID: &str = "O(log N) per ID where N is the number of nodes of the stream";

const TRIM: Argument = block(
    "trim",
    &[
        one_of(
            "strategy",
            &[
                token("maxlen", "MAXLEN"),
                token("minid", "MINID").since("6.2.0"),
            ],
        ),
        one_of(
            "operator",
            &[token("equal", "="), token("approximately", "~")],
        )
        .optional(),
        string("threshold"),
        integer("count").after("LIMIT").since("6.2.0").optional(),
    ],
);

/// What becomes of entries that groups still have use for.
const REFERENCES: Argument = one_of(
    "condition",
    &[
        token("keepref", "KEEPREF"),
        token("delref", "DELREF"),
        token("acked", "ACKED"),
    ],
)
.since("8.2.0")
.optional();

const STREAMS: Argument = block(
    "streams",
    &[key("key", 0).multiple(), string("id").multiple()],
)
.after("STREAMS");

const COUNT: Argument = integer("count").after("COUNT").optional();

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "xadd",
        "5.0.0",
        "O(1); with trimming O(log N + M) where N is the number of nodes of the stream and M the number of entries deleted in the first that is left",
        "Adds an entry at the end of a stream, which is created if there is none.",
    )
    .categories(&["@stream"])
    .tips(VARYING)
    .key_notes(&["UPDATE instead of INSERT because of the optional trimming feature"])
    .history(&[
        ("6.2.0", "Options `NOMKSTREAM`, `MINID` and `LIMIT`."),
        ("7.0.0", "IDs of the form `<ms>-*`."),
        ("8.2.0", "Options `KEEPREF`, `DELREF` and `ACKED`."),
    ])
    .arguments(&[
        key("key", 0),
        token("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
        REFERENCES,
        TRIM.optional(),
        one_of("id-selector", &[token("auto-id", "*"), string("id")]),
        block("data", &[string("field"), string("value")]).multiple(),
    ]),
    Doc::new(
        "xdel",
        "5.0.0",
        EACH_ID,
        "Deletes entries of a stream and returns how many there were.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0), string("id").multiple()]),
    Doc::new(
        "xlen",
        "5.0.0",
        "O(1)",
        "Returns how many entries a stream has.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "xrange",
        "5.0.0",
        RETURNED,
        "Returns the entries of a stream that have IDs within a range.",
    )
    .categories(&["@stream"])
    .history(&[("6.2.0", "Ends of the range may be left out.")])
    .arguments(&[key("key", 0), string("start"), string("end"), COUNT]),
    Doc::new(
        "xread",
        "5.0.0",
        RETURNED,
        "Returns the entries of streams that lie behind an ID each. May wait until there are any.",
    )
    .categories(&["@stream"])
    .history(&[("7.4.0", "The ID `+` for the last entry.")])
    .arguments(&[
        COUNT,
        integer("milliseconds").after("BLOCK").optional(),
        STREAMS,
    ]),
    Doc::new(
        "xrevrange",
        "5.0.0",
        RETURNED,
        "Returns the entries of a stream that have IDs within a range, the last one first.",
    )
    .categories(&["@stream"])
    .history(&[("6.2.0", "Ends of the range may be left out.")])
    .arguments(&[key("key", 0), string("end"), string("start"), COUNT]),
    Doc::new(
        "xtrim",
        "5.0.0",
        "O(log N + M) where N is the number of nodes of the stream and M the number of entries deleted in the first that is left",
        "Deletes entries from the first of a stream on.",
    )
    .categories(&["@stream"])
    .tips(VARYING)
    .history(&[
        ("6.2.0", "Options `MINID` and `LIMIT`."),
        ("8.2.0", "Options `KEEPREF`, `DELREF` and `ACKED`."),
    ])
    .arguments(&[key("key", 0), TRIM, REFERENCES]),
];
