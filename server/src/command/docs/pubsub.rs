//! Publish and subscribe.

use super::Doc;
use super::argument::{pattern, string};

pub(super) const DOCS: &[Doc] = &[
    Doc::new(
        "psubscribe",
        "2.0.0",
        "O(N) where N is the number of patterns",
        "Subscribes to all channels that match patterns.",
    )
    .arguments(&[pattern("pattern").multiple()]),
    Doc::new(
        "publish",
        "2.0.0",
        "O(N+M) where N is the number of subscribers and M that of patterns",
        "Sends a message to a channel.",
    )
    .arguments(&[string("channel"), string("message")]),
    Doc::new(
        "pubsub",
        "2.8.0",
        "Depends on the subcommand",
        "Holds commands that look into publish and subscribe.",
    ),
    Doc::new(
        "pubsub|channels",
        "2.8.0",
        "O(N) where N is the number of channels",
        "Lists the channels that have subscribers.",
    )
    .arguments(&[pattern("pattern").optional()]),
    Doc::new("pubsub|help", "6.2.0", "O(1)", "Lists the subcommands."),
    Doc::new(
        "pubsub|numpat",
        "2.8.0",
        "O(1)",
        "Counts the patterns that have subscribers.",
    ),
    Doc::new(
        "pubsub|numsub",
        "2.8.0",
        "O(N) where N is the number of channels asked for",
        "Counts the subscribers of channels.",
    )
    .arguments(&[string("channel").optional().multiple()]),
    Doc::new(
        "pubsub|shardchannels",
        "7.0.0",
        "O(N) where N is the number of shard channels",
        "Lists the shard channels that have subscribers.",
    )
    .arguments(&[pattern("pattern").optional()]),
    Doc::new(
        "pubsub|shardnumsub",
        "7.0.0",
        "O(N) where N is the number of shard channels asked for",
        "Counts the subscribers of shard channels.",
    )
    .arguments(&[string("shardchannel").optional().multiple()]),
    Doc::new(
        "punsubscribe",
        "2.0.0",
        "O(N) where N is the number of patterns",
        "Ends subscriptions to patterns.",
    )
    .arguments(&[pattern("pattern").optional().multiple()]),
    Doc::new(
        "spublish",
        "7.0.0",
        "O(N) where N is the number of subscribers",
        "Sends a message to a shard channel.",
    )
    .arguments(&[string("shardchannel"), string("message")]),
    Doc::new(
        "ssubscribe",
        "7.0.0",
        "O(N) where N is the number of shard channels",
        "Subscribes to shard channels.",
    )
    .arguments(&[string("shardchannel").multiple()]),
    Doc::new(
        "subscribe",
        "2.0.0",
        "O(N) where N is the number of channels",
        "Subscribes to channels.",
    )
    .arguments(&[string("channel").multiple()]),
    Doc::new(
        "sunsubscribe",
        "7.0.0",
        "O(N) where N is the number of shard channels",
        "Ends subscriptions to shard channels.",
    )
    .arguments(&[string("shardchannel").optional().multiple()]),
    Doc::new(
        "unsubscribe",
        "2.0.0",
        "O(N) where N is the number of channels",
        "Ends subscriptions to channels.",
    )
    .arguments(&[string("channel").optional().multiple()]),
];
