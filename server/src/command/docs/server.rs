//! Commands about the server.

use super::Doc;
use super::argument::{block, integer, key, one_of, pattern, string, token};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "command",
        "2.8.13",
        "O(N) where N is the number of commands",
        "Describes all commands.",
    )
    .categories(&["@connection"])
    .tips(&["nondeterministic_output_order"]),
    Doc::new("command|count", "2.8.13", "O(1)", "Counts the commands.")
        .categories(&["@connection"]),
    Doc::new(
        "command|docs",
        "7.0.0",
        "O(N) where N is the number of commands asked for",
        "Returns the documentation of commands.",
    )
    .categories(&["@connection"])
    .tips(&["nondeterministic_output_order"])
    .arguments(&[string("command-name").optional().multiple()]),
    Doc::new(
        "command|getkeys",
        "2.8.13",
        "O(N) where N is the number of arguments",
        "Names the keys of a command line.",
    )
    .categories(&["@connection"])
    .arguments(&[string("command"), string("arg").optional().multiple()]),
    Doc::new(
        "command|getkeysandflags",
        "7.0.0",
        "O(N) where N is the number of arguments",
        "Names the keys of a command line and how each is used.",
    )
    .categories(&["@connection"])
    .arguments(&[string("command"), string("arg").optional().multiple()]),
    Doc::new("command|help", "5.0.0", "O(1)", "Lists the subcommands.")
        .categories(&["@connection"]),
    Doc::new(
        "command|info",
        "2.8.13",
        "O(N) where N is the number of commands asked for",
        "Describes commands.",
    )
    .categories(&["@connection"])
    .tips(&["nondeterministic_output_order"])
    .history(&[("7.0.0", "Without a name, describes all commands.")])
    .arguments(&[string("command-name").optional().multiple()]),
    Doc::new(
        "command|list",
        "7.0.0",
        "O(N) where N is the number of commands",
        "Lists the names of commands.",
    )
    .categories(&["@connection"])
    .tips(&["nondeterministic_output_order"])
    .arguments(&[one_of(
        "filterby",
        &[
            string("module-name").after("MODULE"),
            string("category").after("ACLCAT"),
            pattern("pattern").after("PATTERN"),
        ],
    )
    .after("FILTERBY")
    .optional()]),
    Doc::new(
        "config",
        "2.0.0",
        "Depends on the subcommand",
        "Holds commands about the configuration.",
    ),
    Doc::new(
        "config|get",
        "2.0.0",
        "O(N) where N is the number of patterns",
        "Returns settings.",
    )
    .history(&[("7.0.0", "Several patterns in one call.")])
    .arguments(&[string("parameter").multiple()]),
    Doc::new("config|help", "5.0.0", "O(1)", "Lists the subcommands."),
    Doc::new(
        "config|resetstat",
        "2.0.0",
        "O(1)",
        "Sets the statistics to zero.",
    )
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Doc::new(
        "config|rewrite",
        "2.8.0",
        "O(1)",
        "Writes the settings into the configuration file.",
    )
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Doc::new(
        "config|set",
        "2.0.0",
        "O(N) where N is the number of settings",
        "Changes settings.",
    )
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .history(&[("7.0.0", "Several settings in one call.")])
    .arguments(&[block("data", &[string("parameter"), string("value")]).multiple()]),
    Doc::new(
        "dbsize",
        "1.0.0",
        "O(1)",
        "Counts the keys of the database.",
    )
    .categories(&["@keyspace"])
    .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Doc::new(
        "debug",
        "1.0.0",
        "Depends on the subcommand",
        "Holds commands for tests and for finding faults.",
    )
    .system(),
    Doc::new(
        "flushall",
        "1.0.0",
        "O(1); memory is freed in the background, O(N) in the number of keys",
        "Deletes all keys of all databases.",
    )
    .categories(&["@keyspace", "@dangerous"])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .history(&[("4.0.0", "Option `ASYNC`."), ("6.2.0", "Option `SYNC`.")])
    .arguments(&[one_of(
        "flush-type",
        &[
            token("async", "ASYNC").since("4.0.0"),
            token("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()]),
    Doc::new(
        "flushdb",
        "1.0.0",
        "O(1); memory is freed in the background, O(N) in the number of keys",
        "Deletes all keys of the database.",
    )
    .categories(&["@keyspace", "@dangerous"])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .history(&[("4.0.0", "Option `ASYNC`."), ("6.2.0", "Option `SYNC`.")])
    .arguments(&[one_of(
        "flush-type",
        &[
            token("async", "ASYNC").since("4.0.0"),
            token("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()]),
    Doc::new(
        "hotkeys",
        "8.6.0",
        "Depends on the subcommand",
        "Holds commands about the keys on which most is spent.",
    ),
    Doc::new(
        "hotkeys|get",
        "8.6.0",
        "O(N) where N is the number of keys that the workers keep",
        "Returns the keys on which most was spent: in the session, or without one of late, in which case the figures are \
         estimates.",
    )
    .tips(&["nondeterministic_output"]),
    Doc::new("hotkeys|help", "8.6.1", "O(1)", "Lists the subcommands."),
    Doc::new(
        "hotkeys|reset",
        "8.6.0",
        "O(1)",
        "Forgets the session that was stopped.",
    ),
    Doc::new(
        "hotkeys|start",
        "8.6.0",
        "O(1)",
        "Begins a session in which accesses are counted.",
    )
    .arguments(&[
        block(
            "metrics",
            &[
                integer("count"),
                token("cpu", "CPU").optional(),
                token("net", "NET").optional(),
            ],
        )
        .after("METRICS"),
        integer("k").after("COUNT").optional(),
        integer("seconds").after("DURATION").optional(),
        integer("ratio").after("SAMPLE").optional(),
        block("slots", &[integer("count"), integer("slot").multiple()])
            .after("SLOTS")
            .optional(),
    ]),
    Doc::new(
        "hotkeys|stop",
        "8.6.0",
        "O(1)",
        "Ends the session and keeps what it has seen.",
    ),
    Doc::new("info", "1.0.0", "O(1)", "Returns figures about the server.")
        .categories(&["@dangerous"])
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
        .history(&[("7.0.0", "Several sections in one call.")])
        .arguments(&[string("section").optional().multiple()]),
    Doc::new(
        "latency",
        "2.8.13",
        "Depends on the subcommand",
        "Holds commands about latency.",
    ),
    Doc::new(
        "latency|doctor",
        "2.8.13",
        "O(1)",
        "Says in words what the latency monitor has seen.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_nodes",
        "response_policy:special",
    ]),
    Doc::new(
        "latency|graph",
        "2.8.13",
        "O(1)",
        "Draws the latency spikes of an event.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_nodes",
        "response_policy:special",
    ])
    .arguments(&[string("event")]),
    Doc::new("latency|help", "2.8.13", "O(1)", "Lists the subcommands."),
    Doc::new(
        "latency|histogram",
        "7.0.0",
        "O(N) where N is the number of commands asked for",
        "Returns how long commands took, as a cumulative distribution.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_nodes",
        "response_policy:special",
    ])
    .arguments(&[string("command").optional().multiple()]),
    Doc::new(
        "latency|history",
        "2.8.13",
        "O(1)",
        "Returns the latency spikes of an event with their times.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_nodes",
        "response_policy:special",
    ])
    .arguments(&[string("event")]),
    Doc::new(
        "latency|latest",
        "2.8.13",
        "O(1)",
        "Returns the latest latency spike of each event.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_nodes",
        "response_policy:special",
    ]),
    Doc::new(
        "latency|reset",
        "2.8.13",
        "O(1)",
        "Forgets the latency spikes of events.",
    )
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
    .arguments(&[string("event").optional().multiple()]),
    Doc::new(
        "lolwut",
        "5.0.0",
        "O(N) where N is the size of the picture",
        "Draws a picture and tells the version.",
    )
    .arguments(&[integer("version").after("VERSION").optional()]),
    Doc::new(
        "memory",
        "4.0.0",
        "Depends on the subcommand",
        "Holds commands about memory.",
    ),
    Doc::new(
        "memory|doctor",
        "4.0.0",
        "O(1)",
        "Says in words how memory is doing.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ]),
    Doc::new("memory|help", "4.0.0", "O(1)", "Lists the subcommands."),
    Doc::new(
        "memory|malloc-stats",
        "4.0.0",
        "O(1)",
        "Returns the allocator's own figures.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ]),
    Doc::new(
        "memory|mrc",
        "0.1.0",
        "O(1)",
        "Estimates the hit ratio that other sizes of maxmemory would have.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ]),
    Doc::new(
        "memory|purge",
        "4.0.0",
        "Depends on how much memory is free",
        "Gives free memory back to the system.",
    )
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Doc::new(
        "memory|stats",
        "4.0.0",
        "O(N) where N is the number of databases",
        "Returns figures about memory.",
    )
    .tips(&[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ]),
    Doc::new(
        "memory|usage",
        "4.0.0",
        "O(N) where N is the number of samples",
        "Tells how many bytes a key and its value take.",
    )
    .arguments(&[key("key", 0), integer("count").after("SAMPLES").optional()]),
    Doc::new(
        "monitor",
        "1.0.0",
        "O(1) per command",
        "Streams the commands that the server runs.",
    ),
    Doc::new(
        "role",
        "2.8.12",
        "O(1)",
        "Tells the server's role in replication.",
    )
    .categories(&["@admin", "@dangerous"]),
    Doc::new(
        "shutdown",
        "1.0.0",
        "O(N) where N is the number of keys when data is saved; O(1) otherwise",
        "Stops the server.",
    )
    .history(&[("7.0.0", "Options `NOW`, `FORCE`, `ABORT`.")])
    .arguments(&[
        one_of(
            "save-selector",
            &[token("nosave", "NOSAVE"), token("save", "SAVE")],
        )
        .optional(),
        token("now", "NOW").since("7.0.0").optional(),
        token("force", "FORCE").since("7.0.0").optional(),
        token("abort", "ABORT").since("7.0.0").optional(),
    ]),
    Doc::new(
        "slowlog",
        "2.2.12",
        "Depends on the subcommand",
        "Holds commands about the slow log.",
    ),
    Doc::new(
        "slowlog|get",
        "2.2.12",
        "O(N) where N is the number of entries asked for",
        "Returns entries of the slow log.",
    )
    .tips(&["request_policy:all_nodes", "nondeterministic_output"])
    .history(&[("4.0.0", "Entries carry the client's address and name.")])
    .arguments(&[integer("count").optional()]),
    Doc::new("slowlog|help", "6.2.0", "O(1)", "Lists the subcommands."),
    Doc::new(
        "slowlog|len",
        "2.2.12",
        "O(1)",
        "Counts the entries of the slow log.",
    )
    .tips(&[
        "request_policy:all_nodes",
        "response_policy:agg_sum",
        "nondeterministic_output",
    ]),
    Doc::new(
        "slowlog|reset",
        "2.2.12",
        "O(N) where N is the number of entries",
        "Empties the slow log.",
    )
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Doc::new(
        "swapdb",
        "4.0.0",
        "O(N) where N is the number of clients that watch keys of either",
        "Exchanges two databases.",
    )
    .categories(&["@keyspace", "@dangerous"])
    .arguments(&[integer("index1"), integer("index2")]),
    Doc::new("time", "2.6.0", "O(1)", "Returns the server's clock.")
        .tips(&["nondeterministic_output"]),
];
