//! `XINFO`: what a stream, its groups and their consumers are like.

use storage::UnixMillis;
use storage::collection::stream::{Consumer, ConsumerNumber, Group, Stream, StreamId};

use super::entries::{Wanted, write_entry};
use super::ids::write_id;
use super::integer;
use super::nogroup::no_group_in_key;
use super::pending::consumer_name;
use crate::command::Arity::{AtLeast, Exactly};
use crate::command::KeySpec::{NoKeys, One};
use crate::command::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::output::Output;

/// Entries that `FULL` shows, of each kind, if it is not said.
const USUAL_COUNT: u64 = 10;

pub(super) const XINFO: Command = Command::container(
    "XINFO",
    &[
        Command::new("CONSUMERS", Exactly(4), One(2), Flags::READ, consumers),
        Command::new("GROUPS", Exactly(3), One(2), Flags::READ, groups),
        Command::new(
            "HELP",
            Exactly(2),
            NoKeys,
            Flags::LOADING.and(Flags::STALE),
            help,
        ),
        Command::new("STREAM", AtLeast(3), One(2), Flags::READ, stream),
    ],
);

/// `XINFO CONSUMERS key group`: the consumers of a group.
fn consumers(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key, name, now) = (ctx.db(), ctx.key(args, 2), args.at(3), ctx.now());
    let stream = ctx.unit.stream(db, &key)?.ok_or(CommandError::NoSuchKey)?;
    let group = stream.groups().get(name);
    let group = group.ok_or_else(|| no_group_in_key(key.bytes, name))?;
    let reply = &mut ctx.reply;
    reply.array(group.consumers().len() as usize);
    for (number, consumer) in group.consumers().iter() {
        let since = |time: UnixMillis| now.0.saturating_sub(time.0).max(0);
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        field(reply, "pending", group.pending().len_of(number) as i64);
        field(reply, "idle", since(consumer.seen_at));
        field(reply, "inactive", consumer.active_at.map_or(-1, since));
    }
    Ok(())
}

/// `XINFO GROUPS key`: the groups of a stream.
fn groups(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 2));
    let stream = ctx.unit.stream(db, &key)?.ok_or(CommandError::NoSuchKey)?;
    let reply = &mut ctx.reply;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        field(reply, "consumers", group.consumers().len() as i64);
        field(reply, "pending", group.pending().len() as i64);
        write_progress(reply, stream, group);
    }
    Ok(())
}

/// How far a group has come, in three fields.
fn write_progress(reply: &mut Output<'_>, stream: &Stream, group: &Group) {
    id_field(reply, "last-delivered-id", group.last_id());
    let numbers = [
        ("entries-read", group.entries_read()),
        ("lag", group.lag(stream.entries())),
    ];
    for (name, number) in numbers {
        match number {
            Some(number) => field(reply, name, number),
            None => {
                reply.bulk(name.as_bytes());
                reply.null();
            }
        }
    }
}

/// `XINFO STREAM key [FULL [COUNT count]]`: a stream, or the stream with its groups, their consumers and what these have
/// pending.
fn stream(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 2));
    let stream = ctx.unit.stream(db, &key)?.ok_or(CommandError::NoSuchKey)?;
    let bad_options = || CommandError::subcommand_syntax("XINFO", args.at(1));
    let full = match args.len() {
        3 => None,
        4 if args.is(3, "FULL") => Some(USUAL_COUNT),
        6 if args.is(3, "FULL") && args.is(4, "COUNT") => Some(match integer(args.at(5))? {
            ..0 => USUAL_COUNT,
            0 => u64::MAX,
            count => count.unsigned_abs(),
        }),
        _ => return Err(bad_options()),
    };
    let reply = &mut ctx.reply;
    match full {
        Some(most) => {
            reply.map(9);
            write_numbers(reply, stream);
            reply.bulk(b"entries");
            let all = Wanted::from(StreamId::MIN, most);
            all.reply(reply, stream, &ctx.server.keyspace);
            reply.bulk(b"groups");
            reply.array(stream.groups().len());
            for (name, group) in stream.groups().iter() {
                write_full_group(reply, stream, name, group, most);
            }
        }
        None => {
            reply.map(10);
            write_numbers(reply, stream);
            field(reply, "groups", stream.groups().len() as i64);
            let entries = stream.entries();
            reply.bulk(b"first-entry");
            match entries.iter().next() {
                Some(entry) => write_entry(reply, entry),
                None => reply.null(),
            }
            reply.bulk(b"last-entry");
            match entries.range_back(StreamId::MIN, StreamId::MAX).next() {
                Some(entry) => write_entry(reply, entry),
                None => reply.null(),
            }
        }
    }
    Ok(())
}

/// The seven fields that both forms of `XINFO STREAM` begin with.
fn write_numbers(reply: &mut Output<'_>, stream: &Stream) {
    let entries = stream.entries();
    let radix = entries.radix_size();
    field(reply, "length", stream.len() as i64);
    field(reply, "radix-tree-keys", radix.keys as i64);
    field(reply, "radix-tree-nodes", radix.nodes as i64);
    id_field(reply, "last-generated-id", entries.last_id());
    id_field(reply, "max-deleted-entry-id", entries.max_deleted_id());
    field(reply, "entries-added", entries.added().cast_signed());
    id_field(reply, "recorded-first-entry-id", entries.first_id());
}

fn write_full_group(
    reply: &mut Output<'_>,
    stream: &Stream,
    name: &[u8],
    group: &Group,
    most: u64,
) {
    let pending = group.pending();
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    write_progress(reply, stream, group);
    field(reply, "pel-count", pending.len() as i64);
    reply.bulk(b"pending");
    reply.array(pending.len().min(most) as usize);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    for (id, entry) in pending.iter_from(StreamId::MIN).take(most) {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(consumer_name(group, entry));
        reply.integer(entry.delivered_at_ms());
        reply.integer(entry.deliveries.cast_signed());
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers().len() as usize);
    for (number, consumer) in group.consumers().iter() {
        write_full_consumer(reply, group, number, consumer, most);
    }
}

fn write_full_consumer(
    reply: &mut Output<'_>,
    group: &Group,
    number: ConsumerNumber,
    consumer: &Consumer,
    most: usize,
) {
    let pending = group.pending();
    let len = pending.len_of(number) as usize;
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    field(reply, "seen-time", consumer.seen_at.0);
    field(
        reply,
        "active-time",
        consumer.active_at.map_or(-1, |time| time.0),
    );
    field(reply, "pel-count", len as i64);
    reply.bulk(b"pending");
    reply.array(len.min(most));
    let ids = pending.ids_of(number, StreamId::MIN);
    let entries = ids.filter_map(|id| Some((id, pending.get(id)?)));
    for (id, entry) in entries.take(most) {
        reply.array(3);
        write_id(reply, id);
        reply.integer(entry.delivered_at_ms());
        reply.integer(entry.deliveries.cast_signed());
    }
}

fn field(reply: &mut Output<'_>, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn id_field(reply: &mut Output<'_>, name: &str, id: StreamId) {
    reply.bulk(name.as_bytes());
    write_id(reply, id);
}

/// `XINFO HELP`: what there is.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "XINFO",
        &[
            (
                "CONSUMERS <key> <groupname>",
                &["The consumers of the group."],
            ),
            ("GROUPS <key>", &["The groups of the stream."]),
            (
                "STREAM <key> [FULL [COUNT <count>]]",
                &["The stream itself; in full also its entries and groups."],
            ),
        ],
    );
    Ok(())
}
