//! Commands about connections.

use super::Doc;
use super::argument::{block, integer, one_of, string, token};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "auth",
        "1.0.0",
        "O(N) where N is the number of the user's passwords",
        "Authenticates the connection.",
    )
    .categories(&["@connection"])
    .history(&[("6.0.0", "Takes a user name.")])
    .arguments(&[
        string("username").since("6.0.0").optional(),
        string("password"),
    ]),
    Doc::new(
        "client",
        "2.4.0",
        "Depends on the subcommand",
        "Holds commands about connections.",
    ),
    Doc::new(
        "client|capa",
        "8.0.0",
        "O(1)",
        "Tells the server what the client is capable of.",
    )
    .categories(&["@connection"])
    .arguments(&[string("capability").multiple()]),
    Doc::new(
        "client|getname",
        "2.6.9",
        "O(1)",
        "Returns the connection's name.",
    )
    .categories(&["@connection"]),
    Doc::new(
        "client|getredir",
        "6.0.0",
        "O(1)",
        "Tells to which client tracking messages are redirected.",
    )
    .categories(&["@connection"]),
    Doc::new("client|help", "5.0.0", "O(1)", "Lists the subcommands.").categories(&["@connection"]),
    Doc::new(
        "client|id",
        "5.0.0",
        "O(1)",
        "Returns the connection's number.",
    )
    .categories(&["@connection"]),
    Doc::new("client|info", "6.2.0", "O(1)", "Describes the connection.")
        .categories(&["@connection"])
        .tips(&["nondeterministic_output"]),
    Doc::new(
        "client|kill",
        "2.4.0",
        "O(N) where N is the number of connections",
        "Closes connections.",
    )
    .categories(&["@connection"])
    .history(&[
        ("2.8.12", "Filters in the form of options."),
        ("3.2.0", "Type `master`."),
        ("5.0.0", "Type `replica`."),
        ("6.2.0", "Filter `LADDR`."),
        ("7.4.0", "Filter `MAXAGE`."),
    ])
    .arguments(&[one_of(
        "filter",
        &[
            string("old-format")
                .shown_as("ip:port")
                .deprecated_since("2.8.12"),
            one_of(
                "new-format",
                &[
                    integer("client-id").after("ID").since("2.8.12").optional(),
                    one_of(
                        "client-type",
                        &[
                            token("normal", "NORMAL"),
                            token("master", "MASTER").since("3.2.0"),
                            token("slave", "SLAVE"),
                            token("replica", "REPLICA").since("5.0.0"),
                            token("pubsub", "PUBSUB"),
                        ],
                    )
                    .after("TYPE")
                    .since("2.8.12")
                    .optional(),
                    string("username").after("USER").optional(),
                    string("addr").after("ADDR").shown_as("ip:port").optional(),
                    string("laddr")
                        .after("LADDR")
                        .shown_as("ip:port")
                        .since("6.2.0")
                        .optional(),
                    one_of("skipme", &[token("yes", "YES"), token("no", "NO")])
                        .after("SKIPME")
                        .optional(),
                    integer("maxage").after("MAXAGE").since("7.4.0").optional(),
                ],
            )
            .multiple(),
        ],
    )]),
    Doc::new(
        "client|list",
        "2.4.0",
        "O(N) where N is the number of connections",
        "Describes all connections.",
    )
    .categories(&["@connection"])
    .tips(&["nondeterministic_output"])
    .history(&[
        ("5.0.0", "Filter `TYPE`."),
        ("6.2.0", "Filter `ID`."),
        ("7.2.0", "Fields `lib-name` and `lib-ver`."),
    ])
    .arguments(&[
        one_of(
            "client-type",
            &[
                token("normal", "NORMAL"),
                token("master", "MASTER"),
                token("replica", "REPLICA"),
                token("pubsub", "PUBSUB"),
            ],
        )
        .after("TYPE")
        .since("5.0.0")
        .optional(),
        integer("client-id")
            .after("ID")
            .since("6.2.0")
            .optional()
            .multiple(),
    ]),
    Doc::new(
        "client|no-evict",
        "7.0.0",
        "O(1)",
        "Exempts the connection from eviction of clients, or no longer.",
    )
    .categories(&["@connection"])
    .arguments(&[one_of("enabled", &[token("on", "ON"), token("off", "OFF")])]),
    Doc::new(
        "client|no-touch",
        "7.2.0",
        "O(1)",
        "Has the connection's commands leave access times alone, or no longer.",
    )
    .categories(&["@connection"])
    .arguments(&[one_of("enabled", &[token("on", "ON"), token("off", "OFF")])]),
    Doc::new(
        "client|pause",
        "3.0.0",
        "O(1)",
        "Holds back commands of all clients for a while.",
    )
    .categories(&["@connection"])
    .history(&[("6.2.0", "Mode `WRITE`.")])
    .arguments(&[
        integer("timeout"),
        one_of("mode", &[token("write", "WRITE"), token("all", "ALL")])
            .since("6.2.0")
            .optional(),
    ]),
    Doc::new(
        "client|reply",
        "3.2.0",
        "O(1)",
        "Says whether the server is to reply.",
    )
    .categories(&["@connection"])
    .arguments(&[one_of(
        "action",
        &[
            token("on", "ON"),
            token("off", "OFF"),
            token("skip", "SKIP"),
        ],
    )]),
    Doc::new(
        "client|setinfo",
        "7.2.0",
        "O(1)",
        "Notes the client library's name or version.",
    )
    .categories(&["@connection"])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .arguments(&[one_of(
        "attr",
        &[
            string("libname").after("LIB-NAME"),
            string("libver").after("LIB-VER"),
        ],
    )]),
    Doc::new("client|setname", "2.6.9", "O(1)", "Names the connection.")
        .categories(&["@connection"])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .arguments(&[string("connection-name")]),
    Doc::new(
        "client|trackinginfo",
        "6.2.0",
        "O(1)",
        "Describes the connection's tracking of keys.",
    )
    .categories(&["@connection"]),
    Doc::new(
        "client|unblock",
        "5.0.0",
        "O(log N) where N is the number of connections",
        "Ends the waiting of another client.",
    )
    .categories(&["@connection"])
    .arguments(&[
        integer("client-id"),
        one_of(
            "unblock-type",
            &[token("timeout", "TIMEOUT"), token("error", "ERROR")],
        )
        .optional(),
    ]),
    Doc::new(
        "client|unpause",
        "6.2.0",
        "O(N) where N is the number of paused clients",
        "Ends a pause.",
    )
    .categories(&["@connection"]),
    Doc::new("echo", "1.0.0", "O(1)", "Returns its argument.")
        .categories(&["@connection"])
        .arguments(&[string("message")]),
    Doc::new(
        "hello",
        "6.0.0",
        "O(1)",
        "Chooses the protocol version and describes the server.",
    )
    .categories(&["@connection"])
    .history(&[("6.2.0", "The version may be left out.")])
    .arguments(&[block(
        "arguments",
        &[
            integer("protover"),
            block("auth", &[string("username"), string("password")])
                .after("AUTH")
                .optional(),
            string("clientname").after("SETNAME").optional(),
        ],
    )
    .optional()]),
    Doc::new("ping", "1.0.0", "O(1)", "Shows that the server answers.")
        .categories(&["@connection"])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .arguments(&[string("message").optional()]),
    Doc::new("quit", "1.0.0", "O(1)", "Closes the connection.")
        .categories(&["@connection"])
        .deprecated("7.2.0", "just closing the connection"),
    Doc::new(
        "reset",
        "6.2.0",
        "O(1)",
        "Puts the connection back to how it began.",
    )
    .categories(&["@connection"]),
    Doc::new("select", "1.0.0", "O(1)", "Chooses the database.")
        .categories(&["@connection"])
        .arguments(&[integer("index")]),
];
