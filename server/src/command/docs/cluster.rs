//! Commands of clusters.

use super::Doc;
use super::argument::{block, integer, one_of, string, token};

const NODES: &str = "O(N) where N is the number of nodes";
const SLOTS: &str = "O(N) where N is the number of slots given";
const VARIES: &[&str] = &["nondeterministic_output"];

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "asking",
        "3.0.0",
        "O(1)",
        "Says that the next command follows an ASK redirection.",
    )
    .categories(&["@connection"]),
    Doc::new(
        "readonly",
        "3.0.0",
        "O(1)",
        "Lets a connection read from a replica of a cluster.",
    )
    .categories(&["@connection"]),
    Doc::new("readwrite", "3.0.0", "O(1)", "Takes READONLY back.").categories(&["@connection"]),
    Doc::new(
        "cluster",
        "3.0.0",
        "Depends on the subcommand.",
        "Commands of clusters.",
    ),
    Doc::new(
        "cluster|addslots",
        "3.0.0",
        SLOTS,
        "Gives slots to this node.",
    )
    .arguments(&[integer("slot").multiple()]),
    Doc::new(
        "cluster|addslotsrange",
        "7.0.0",
        SLOTS,
        "Gives ranges of slots to this node.",
    )
    .arguments(RANGES),
    Doc::new(
        "cluster|bumpepoch",
        "3.0.0",
        "O(1)",
        "Raises the configuration epoch.",
    )
    .tips(VARIES),
    Doc::new(
        "cluster|count-failure-reports",
        "3.0.0",
        "O(N) where N is the number of reports",
        "Counts the failure reports about a node.",
    )
    .tips(VARIES)
    .arguments(NODE),
    Doc::new(
        "cluster|countkeysinslot",
        "3.0.0",
        "O(1)",
        "Counts this node's keys in a slot.",
    )
    .arguments(&[integer("slot")]),
    Doc::new(
        "cluster|delslots",
        "3.0.0",
        SLOTS,
        "Takes slots from this node.",
    )
    .arguments(&[integer("slot").multiple()]),
    Doc::new(
        "cluster|delslotsrange",
        "7.0.0",
        SLOTS,
        "Takes ranges of slots from this node.",
    )
    .arguments(RANGES),
    Doc::new(
        "cluster|failover",
        "3.0.0",
        "O(1)",
        "Has a replica take its primary's place.",
    )
    .arguments(&[one_of(
        "options",
        &[token("force", "FORCE"), token("takeover", "TAKEOVER")],
    )
    .optional()]),
    Doc::new(
        "cluster|flushslots",
        "3.0.0",
        "O(1)",
        "Forgets which slots are this node's.",
    ),
    Doc::new(
        "cluster|forget",
        "3.0.0",
        "O(1)",
        "Removes a node from this node's table.",
    )
    .arguments(NODE),
    Doc::new(
        "cluster|getkeysinslot",
        "3.0.0",
        "O(N) where N is the number of keys asked for",
        "Names some of this node's keys in a slot.",
    )
    .tips(VARIES)
    .arguments(&[integer("slot"), integer("count")]),
    Doc::new("cluster|help", "5.0.0", "O(1)", "Lists the subcommands."),
    Doc::new(
        "cluster|info",
        "3.0.0",
        "O(1)",
        "Describes the state of the cluster.",
    )
    .tips(VARIES),
    Doc::new(
        "cluster|keyslot",
        "3.0.0",
        "O(N) where N is the key's length",
        "Says which slot a key belongs to.",
    )
    .arguments(&[string("key")]),
    Doc::new(
        "cluster|links",
        "7.0.0",
        NODES,
        "Lists the connections between this node and others.",
    )
    .tips(VARIES),
    Doc::new("cluster|meet", "3.0.0", "O(1)", "Introduces a node.")
        .history(&[("4.0.0", "The port of the cluster bus can be given.")])
        .arguments(&[
            string("ip"),
            integer("port"),
            integer("cluster-bus-port")
                .shown_as("cluster_bus_port")
                .since("4.0.0")
                .optional(),
        ]),
    Doc::new("cluster|myid", "3.0.0", "O(1)", "This node's id."),
    Doc::new(
        "cluster|myshardid",
        "7.2.0",
        "O(1)",
        "The id of this node's shard.",
    )
    .tips(VARIES),
    Doc::new("cluster|nodes", "3.0.0", NODES, "Lists the nodes.").tips(VARIES),
    Doc::new(
        "cluster|replicas",
        "5.0.0",
        NODES,
        "Lists the replicas of a primary.",
    )
    .tips(VARIES)
    .arguments(NODE),
    Doc::new(
        "cluster|replicate",
        "3.0.0",
        "O(1)",
        "Makes this node a replica of another.",
    )
    .arguments(NODE),
    Doc::new(
        "cluster|reset",
        "3.0.0",
        "O(N) where N is the number of known nodes; keys may be flushed",
        "Has this node forget its cluster.",
    )
    .arguments(&[one_of(
        "reset-type",
        &[token("hard", "HARD"), token("soft", "SOFT")],
    )
    .optional()]),
    Doc::new(
        "cluster|saveconfig",
        "3.0.0",
        "O(1)",
        "Writes the cluster's state to disk.",
    ),
    Doc::new(
        "cluster|set-config-epoch",
        "3.0.0",
        "O(1)",
        "Sets the configuration epoch of a new node.",
    )
    .arguments(&[integer("config-epoch")]),
    Doc::new(
        "cluster|setslot",
        "3.0.0",
        "O(1)",
        "Binds a slot to a node, or moves it.",
    )
    .arguments(&[
        integer("slot"),
        one_of(
            "subcommand",
            &[
                string("importing").shown_as("node-id").after("IMPORTING"),
                string("migrating").shown_as("node-id").after("MIGRATING"),
                string("node").shown_as("node-id").after("NODE"),
                token("stable", "STABLE"),
            ],
        ),
    ]),
    Doc::new(
        "cluster|shards",
        "7.0.0",
        NODES,
        "Lists the shards, with their slots and nodes.",
    )
    .tips(VARIES),
    Doc::new(
        "cluster|slaves",
        "3.0.0",
        NODES,
        "Lists the replicas of a primary.",
    )
    .tips(VARIES)
    .deprecated("5.0.0", "`CLUSTER REPLICAS`")
    .arguments(NODE),
    Doc::new(
        "cluster|slot-stats",
        "8.2.0",
        "O(N log(N)) where N is the number of slots asked for",
        "Lists how much slots hold and are used.",
    )
    .tips(&["nondeterministic_output", "request_policy:all_shards"])
    .arguments(&[one_of(
        "filter",
        &[
            block(
                "slotsrange",
                &[
                    integer("start-slot").after("SLOTSRANGE"),
                    integer("end-slot"),
                ],
            ),
            block(
                "orderby",
                &[
                    string("metric").after("ORDERBY"),
                    integer("limit").after("LIMIT").optional(),
                    one_of("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional(),
                ],
            ),
        ],
    )]),
    Doc::new(
        "cluster|slots",
        "3.0.0",
        NODES,
        "Lists slots and their nodes.",
    )
    .tips(VARIES)
    .history(&[
        ("4.0.0", "Names the nodes' ids."),
        ("7.0.0", "Has more about how to reach a node."),
    ])
    .deprecated("7.0.0", "`CLUSTER SHARDS`"),
];

const NODE: &[super::Argument] = &[string("node-id")];

const RANGES: &[super::Argument] =
    &[block("range", &[integer("start-slot"), integer("end-slot")]).multiple()];
