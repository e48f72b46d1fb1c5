//! Stream commands.

use super::Doc;
use super::argument::{Argument, block, integer, key, one_of, string, token, unix_time};

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

/// What becomes of entries that groups still have use for, where that was always an option.
const CONDITION: Argument = one_of(
    "condition",
    &[
        token("keepref", "KEEPREF"),
        token("delref", "DELREF"),
        token("acked", "ACKED"),
    ],
)
.optional();

/// IDs behind their number.
const IDS: Argument = block("ids", &[integer("numids"), string("id").multiple()]).after("IDS");

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

const GROUP_AND_CONSUMER: &[Argument] = &[key("key", 0), string("group"), string("consumer")];

/// Behind which entry a group begins.
const GROUP_START: Argument = one_of("id-selector", &[string("id"), token("new-id", "$")]);

const COUNT: Argument = integer("count").after("COUNT").optional();

/// Entries of all streams together, and bytes.
const MAX_COUNT: Argument = integer("maxcount")
    .after("MAXCOUNT")
    .since("8.10.0")
    .optional();
const MAX_SIZE: Argument = integer("maxsize")
    .after("MAXSIZE")
    .since("8.10.0")
    .optional();

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "xack",
        "5.0.0",
        "O(log N) per ID where N is the number of pending entries",
        "Acknowledges entries: they are pending no more. Returns how many were.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0), string("group"), string("id").multiple()]),
    Doc::new(
        "xackdel",
        "8.2.0",
        "O(log N) per ID where N is the number of pending entries and of nodes of the stream",
        "Acknowledges entries and deletes them from the stream. Returns what has become of each.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0), string("group"), CONDITION, IDS]),
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
        "xautoclaim",
        "6.2.0",
        "O(M log N) where N is the number of pending entries and M the number of those looked at",
        "Makes entries that have been pending for long those of another consumer, and returns them.",
    )
    .categories(&["@stream"])
    .tips(VARYING)
    .history(&[(
        "7.0.0",
        "The reply tells which entries are gone from the stream and pending no more.",
    )])
    .arguments(&[
        key("key", 0),
        string("group"),
        string("consumer"),
        string("min-idle-time"),
        string("start"),
        COUNT,
        token("justid", "JUSTID").optional(),
    ]),
    Doc::new(
        "xclaim",
        "5.0.0",
        "O(log N) per ID where N is the number of pending entries",
        "Makes pending entries those of another consumer, and returns them.",
    )
    .categories(&["@stream"])
    .tips(VARYING)
    .arguments(&[
        key("key", 0),
        string("group"),
        string("consumer"),
        string("min-idle-time"),
        string("id").multiple(),
        integer("ms").after("IDLE").optional(),
        unix_time("unix-time-milliseconds").after("TIME").optional(),
        integer("count").after("RETRYCOUNT").optional(),
        token("force", "FORCE").optional(),
        token("justid", "JUSTID").optional(),
        string("lastid").after("LASTID").optional(),
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
        "xdelex",
        "8.2.0",
        EACH_ID,
        "Deletes entries of a stream with an eye to its groups. Returns what has become of each.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0), CONDITION, IDS]),
    Doc::new(
        "xgroup",
        "5.0.0",
        "Depends on subcommand.",
        "Commands on groups of consumers.",
    ),
    Doc::new(
        "xgroup|create",
        "5.0.0",
        "O(1)",
        "Makes a group of consumers.",
    )
    .categories(&["@stream"])
    .history(&[("7.0.0", "Option `ENTRIESREAD`.")])
    .arguments(&[
        key("key", 0),
        string("group"),
        GROUP_START,
        token("mkstream", "MKSTREAM").optional(),
        integer("entries-read").after("ENTRIESREAD").optional(),
    ]),
    Doc::new(
        "xgroup|createconsumer",
        "6.2.0",
        "O(log N) where N is the number of consumers",
        "Makes a consumer of a group.",
    )
    .categories(&["@stream"])
    .arguments(GROUP_AND_CONSUMER),
    Doc::new(
        "xgroup|delconsumer",
        "5.0.0",
        "O(N) where N is the number of entries that the consumer has pending",
        "Removes a consumer of a group and what it has pending.",
    )
    .categories(&["@stream"])
    .arguments(GROUP_AND_CONSUMER),
    Doc::new(
        "xgroup|destroy",
        "5.0.0",
        "O(1); memory is given back in the background",
        "Removes a group of consumers.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0), string("group")]),
    Doc::new(
        "xgroup|help",
        "5.0.0",
        "O(1)",
        "Returns a list of the subcommands.",
    )
    .categories(&["@stream"]),
    Doc::new(
        "xgroup|setid",
        "5.0.0",
        "O(1)",
        "Sets what was delivered to a group last.",
    )
    .categories(&["@stream"])
    .history(&[("7.0.0", "Option `ENTRIESREAD`.")])
    .arguments(&[
        key("key", 0),
        string("group"),
        GROUP_START,
        integer("entriesread")
            .after("ENTRIESREAD")
            .shown_as("entries-read")
            .optional(),
    ]),
    Doc::new(
        "xinfo",
        "5.0.0",
        "Depends on subcommand.",
        "Commands that describe streams.",
    ),
    Doc::new(
        "xinfo|consumers",
        "5.0.0",
        "O(N) where N is the number of consumers",
        "Returns the consumers of a group.",
    )
    .categories(&["@stream"])
    .tips(VARYING)
    .history(&[("7.2.0", "Field `inactive`.")])
    .arguments(&[key("key", 0), string("group")]),
    Doc::new(
        "xinfo|groups",
        "5.0.0",
        "O(N) where N is the number of groups",
        "Returns the groups of a stream.",
    )
    .categories(&["@stream"])
    .history(&[("7.0.0", "Fields `entries-read` and `lag`.")])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "xinfo|help",
        "5.0.0",
        "O(1)",
        "Returns a list of the subcommands.",
    )
    .categories(&["@stream"]),
    Doc::new(
        "xinfo|stream",
        "5.0.0",
        "O(N) where N is the number of nodes of the stream; with `FULL` also of what is returned",
        "Returns what a stream is like.",
    )
    .categories(&["@stream"])
    .history(&[
        ("6.0.0", "Option `FULL`."),
        (
            "7.0.0",
            "Fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
        ),
        (
            "7.2.0",
            "Field `active-time`; `seen-time` is when a consumer last tried.",
        ),
    ])
    .arguments(&[
        key("key", 0),
        block("full-block", &[token("full", "FULL"), COUNT]).optional(),
    ]),
    Doc::new(
        "xlen",
        "5.0.0",
        "O(1)",
        "Returns how many entries a stream has.",
    )
    .categories(&["@stream"])
    .arguments(&[key("key", 0)]),
    Doc::new(
        "xnack",
        "8.8.0",
        "O(log N) per ID where N is the number of pending entries",
        "Makes pending entries nobody's, so that they can be claimed at once. Returns how many.",
    )
    .categories(&["@stream"])
    .arguments(&[
        key("key", 0),
        string("group"),
        one_of(
            "mode",
            &[
                token("silent", "SILENT"),
                token("fail", "FAIL"),
                token("fatal", "FATAL"),
            ],
        ),
        IDS,
        integer("count").after("RETRYCOUNT").optional(),
        token("force", "FORCE").optional(),
    ]),
    Doc::new(
        "xpending",
        "5.0.0",
        "O(log N + M) where N is the number of pending entries and M of those looked at; without a range, of consumers",
        "Returns how many entries of a group are pending, or which ones.",
    )
    .categories(&["@stream"])
    .tips(VARYING)
    .history(&[(
        "6.2.0",
        "Option `IDLE`; ends of the range may be left out.",
    )])
    .arguments(&[
        key("key", 0),
        string("group"),
        block(
            "filters",
            &[
                integer("min-idle-time")
                    .after("IDLE")
                    .since("6.2.0")
                    .optional(),
                string("start"),
                string("end"),
                integer("count"),
                string("consumer").optional(),
            ],
        )
        .optional(),
    ]),
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
    .history(&[
        ("7.4.0", "The ID `+` for the last entry."),
        ("8.10.0", "Options `MAXCOUNT` and `MAXSIZE`."),
    ])
    .arguments(&[
        COUNT,
        MAX_COUNT,
        MAX_SIZE,
        integer("milliseconds").after("BLOCK").optional(),
        STREAMS,
    ]),
    Doc::new(
        "xreadgroup",
        "5.0.0",
        RETURNED,
        "Returns entries of streams that no consumer of a group has got yet, or what a consumer has pending. May wait until there is something new.",
    )
    .categories(&["@stream"])
    .history(&[
        ("8.4.0", "Option `CLAIM`."),
        ("8.10.0", "Options `MAXCOUNT` and `MAXSIZE`."),
    ])
    .arguments(&[
        block("group-block", &[string("group"), string("consumer")]).after("GROUP"),
        COUNT,
        MAX_COUNT,
        MAX_SIZE,
        integer("milliseconds").after("BLOCK").optional(),
        integer("min-idle-time")
            .after("CLAIM")
            .since("8.4.0")
            .optional(),
        token("noack", "NOACK").optional(),
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
        "xsetid",
        "5.0.0",
        "O(1)",
        "Sets what a stream remembers of entries that are gone.",
    )
    .categories(&["@stream"])
    .history(&[("7.0.0", "Options `ENTRIESADDED` and `MAXDELETEDID`.")])
    .arguments(&[
        key("key", 0),
        string("last-id"),
        integer("entries-added")
            .after("ENTRIESADDED")
            .since("7.0.0")
            .optional(),
        string("max-deleted-id")
            .after("MAXDELETEDID")
            .since("7.0.0")
            .optional(),
    ]),
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
