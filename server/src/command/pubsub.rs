//! Publish/subscribe commands.

use std::sync::Arc;

use storage::log::ANY_DATABASE;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::{NoKeys, One, Range};
use super::{Args, Command, CommandError, CommandResult, Context, Flags, KeyAccess, KeySpec};
use crate::session::{ChannelKind, Subscriptions};

const SUBSCRIBER: Flags = Flags::PUBSUB
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FOR_SUBSCRIBERS);
const PUBLISHER: Flags = Flags::PUBSUB
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::MAY_REPLICATE)
    .and(Flags::PUBLISHES);
const QUERY: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);
const CHANNELS: KeySpec = Range {
    first: 1,
    last: -1,
    step: 1,
};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("SUBSCRIBE", AtLeast(2), NoKeys, SUBSCRIBER, subscribe),
    Command::new("UNSUBSCRIBE", AtLeast(1), NoKeys, SUBSCRIBER, unsubscribe),
    Command::new("PSUBSCRIBE", AtLeast(2), NoKeys, SUBSCRIBER, psubscribe),
    Command::new("PUNSUBSCRIBE", AtLeast(1), NoKeys, SUBSCRIBER, punsubscribe),
    Command::new("SSUBSCRIBE", AtLeast(2), CHANNELS, SUBSCRIBER, ssubscribe)
        .with_access(&[KeyAccess::CHANNEL]),
    Command::new(
        "SUNSUBSCRIBE",
        AtLeast(1),
        CHANNELS,
        SUBSCRIBER,
        sunsubscribe,
    )
    .with_access(&[KeyAccess::CHANNEL]),
    Command::new("PUBLISH", Exactly(3), NoKeys, PUBLISHER, publish),
    Command::new("SPUBLISH", Exactly(3), One(1), PUBLISHER, spublish)
        .with_access(&[KeyAccess::CHANNEL]),
    Command::container("PUBSUB", SUBCOMMANDS),
];

const SUBCOMMANDS: &[Command] = &[
    Command::new("CHANNELS", AtLeast(2), NoKeys, QUERY, channels),
    Command::new("NUMPAT", Exactly(2), NoKeys, QUERY, numpat),
    Command::new("NUMSUB", AtLeast(2), NoKeys, QUERY, numsub),
    Command::new("SHARDCHANNELS", AtLeast(2), NoKeys, QUERY, shardchannels),
    Command::new("SHARDNUMSUB", AtLeast(2), NoKeys, QUERY, shardnumsub),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
];

/// `SUBSCRIBE channel…`
fn subscribe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    add(ctx, args, ChannelKind::Channel, "subscribe")
}

/// `PSUBSCRIBE pattern…`
fn psubscribe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    add(ctx, args, ChannelKind::Pattern, "psubscribe")
}

/// `SSUBSCRIBE channel…`
fn ssubscribe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    // SUBSCRIBE may be queued, because clients have always done so; this one may not.
    if ctx.in_exec {
        return Err(CommandError::Line(
            "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
        ));
    }
    add(ctx, args, ChannelKind::Shard, "ssubscribe")
}

/// `UNSUBSCRIBE [channel…]`
fn unsubscribe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    remove(ctx, args, ChannelKind::Channel, "unsubscribe")
}

/// `PUNSUBSCRIBE [pattern…]`
fn punsubscribe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    remove(ctx, args, ChannelKind::Pattern, "punsubscribe")
}

/// `SUNSUBSCRIBE [channel…]`
fn sunsubscribe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    remove(ctx, args, ChannelKind::Shard, "sunsubscribe")
}

/// One confirmation per name, in order, whether or not it was subscribed before.
fn add(ctx: &mut Context<'_, '_>, args: Args<'_>, kind: ChannelKind, word: &str) -> CommandResult {
    for name in args.from(1) {
        subscribe_one(ctx, kind, name);
        let count = ctx
            .session
            .subscriptions
            .as_ref()
            .map_or(0, |all| all.count_for(kind));
        confirm(ctx, word, Some(name), count);
    }
    Ok(())
}

fn subscribe_one(ctx: &mut Context<'_, '_>, kind: ChannelKind, name: &[u8]) {
    let subscriptions = ctx.session.subscriptions.get_or_insert_default();
    if subscriptions.of(kind).contains(name) {
        return;
    }
    let name: Arc<[u8]> = name.into();
    subscriptions.add(kind, Arc::clone(&name));
    let worker = ctx.worker.index;
    let since = ctx
        .stripes
        .subscribe(kind, &name, worker as u16, &ctx.server.inboxes[worker]);
    ctx.worker
        .subscribers
        .add(kind, name, ctx.session.client.session, since);
}

/// One confirmation per name; without names, one per subscription, or a single one with null when there is none.
fn remove(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    kind: ChannelKind,
    word: &str,
) -> CommandResult {
    let all: Vec<Arc<[u8]>> = match &ctx.session.subscriptions {
        Some(subscriptions) if args.len() == 1 => subscriptions.of(kind).iter().cloned().collect(),
        _ => Vec::new(),
    };
    let count_of = |ctx: &Context<'_, '_>| {
        ctx.session
            .subscriptions
            .as_ref()
            .map_or(0, |all| all.count_for(kind))
    };
    if args.len() == 1 && all.is_empty() {
        let count = count_of(ctx);
        confirm(ctx, word, None, count);
    }
    for name in args.from(1).chain(all.iter().map(|name| &**name)) {
        unsubscribe_one(ctx, kind, name);
        let count = count_of(ctx);
        confirm(ctx, word, Some(name), count);
    }
    if ctx.session.subscription_count() == 0 {
        ctx.session.subscriptions = None;
    }
    Ok(())
}

fn unsubscribe_one(ctx: &mut Context<'_, '_>, kind: ChannelKind, name: &[u8]) {
    let Some(subscriptions) = &mut ctx.session.subscriptions else {
        return;
    };
    if subscriptions.remove(kind, name) {
        ctx.stripes.unsubscribe(kind, name, ctx.worker.index as u16);
        ctx.worker
            .subscribers
            .remove(kind, name, ctx.session.client.session);
    }
}

/// Ends all subscriptions without a word, as `RESET` does.
pub(crate) fn unsubscribe_all(ctx: &mut Context<'_, '_>) {
    let Some(subscriptions) = ctx.session.subscriptions.take() else {
        return;
    };
    let Subscriptions {
        channels,
        patterns,
        shard_channels,
        ..
    } = *subscriptions;
    let kinds = [
        ChannelKind::Channel,
        ChannelKind::Pattern,
        ChannelKind::Shard,
    ];
    for (kind, names) in kinds.into_iter().zip([channels, patterns, shard_channels]) {
        for name in names {
            ctx.stripes
                .unsubscribe(kind, &name, ctx.worker.index as u16);
            ctx.worker
                .subscribers
                .remove(kind, &name, ctx.session.client.session);
        }
    }
}

fn confirm(ctx: &mut Context<'_, '_>, word: &str, name: Option<&[u8]>, count: usize) {
    ctx.reply.push(3);
    ctx.reply.bulk(word.as_bytes());
    match name {
        Some(name) => ctx.reply.bulk(name),
        None => ctx.reply.null(),
    }
    ctx.reply.integer(count as i64);
}

/// `PUBLISH channel message`: how many clients received it.
fn publish(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    send(ctx, args, ChannelKind::Channel)
}

/// `SPUBLISH channel message`: the same among shard subscribers.
fn spublish(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    send(ctx, args, ChannelKind::Shard)
}

fn send(ctx: &mut Context<'_, '_>, args: Args<'_>, kind: ChannelKind) -> CommandResult {
    let (inboxes, woken) = (&ctx.server.inboxes, &mut ctx.worker.woken);
    let receivers = ctx
        .stripes
        .publish(kind, args.at(1), args.at(2), inboxes, woken);
    // Replicas hear it whoever listens here; it concerns no database.
    ctx.effects.push(
        ANY_DATABASE,
        &[args.at(0), args.at(1), args.at(2)],
        ctx.unit.state(),
    );
    ctx.reply.integer(receivers as i64);
    Ok(())
}

/// `PUBSUB CHANNELS [pattern]`: channels with subscribers.
fn channels(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    list(ctx, args, ChannelKind::Channel)
}

/// `PUBSUB SHARDCHANNELS [pattern]`: shard channels with subscribers.
fn shardchannels(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    list(ctx, args, ChannelKind::Shard)
}

fn list(ctx: &mut Context<'_, '_>, args: Args<'_>, kind: ChannelKind) -> CommandResult {
    if args.len() > 3 {
        return Err(super::CommandError::subcommand_syntax("PUBSUB", args.at(1)));
    }
    let names = ctx.stripes.channels(kind, args.get(2));
    ctx.reply.array(names.len());
    names.iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

/// `PUBSUB NUMPAT`: how many different patterns there are.
fn numpat(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.integer(ctx.server.pubsub.pattern_count() as i64);
    Ok(())
}

/// `PUBSUB NUMSUB [channel…]`: subscribers of each channel.
fn numsub(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    count(ctx, args, ChannelKind::Channel)
}

/// `PUBSUB SHARDNUMSUB [channel…]`: subscribers of each shard channel.
fn shardnumsub(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    count(ctx, args, ChannelKind::Shard)
}

// A flat array in both dialects, as in Redis 7.2.
fn count(ctx: &mut Context<'_, '_>, args: Args<'_>, kind: ChannelKind) -> CommandResult {
    ctx.reply.array((args.len() - 2) * 2);
    for channel in args.from(2) {
        ctx.reply.bulk(channel);
        let subscribers = ctx.stripes.subscribers(kind, channel);
        ctx.reply.integer(subscribers as i64);
    }
    Ok(())
}

/// `PUBSUB HELP`
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    const LINES: &[&str] = &[
        "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        "HELP",
        "    Print this help.",
    ];
    super::reply_help(ctx, LINES);
    Ok(())
}
