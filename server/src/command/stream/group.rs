//! `XGROUP`: groups and their consumers.

use storage::typed::StreamEdit;
use storage::{DbIndex, Key};

use super::delete_consumer::delete_consumer;
use super::ids::{exact_id, id};
use super::nogroup::{KEY_NEEDED, no_group_in_key};
use super::{DELETE, integer};
use crate::command::Arity::{AtLeast, Exactly};
use crate::command::KeySpec::{NoKeys, One};
use crate::command::{Args, Command, CommandError, CommandResult, Context, Flags, KeyAccess};
use crate::notify::EventClass;

const BUSY: CommandError = CommandError::Line("BUSYGROUP Consumer Group name already exists");
const BAD_ENTRIES_READ: CommandError =
    CommandError::Line("ERR value for ENTRIESREAD must be positive or -1");

const INSERT: KeyAccess = KeyAccess(&["RW", "insert"]);
const WRITE: Flags = Flags::WRITE.and(Flags::STORES_NO_ARGUMENT);
const GROW: Flags = WRITE.and(Flags::DENY_OOM);

pub(super) const XGROUP: Command = Command::container(
    "XGROUP",
    &[
        Command::new("CREATE", AtLeast(5), One(2), GROW, create).with_access(&[INSERT]),
        Command::new("CREATECONSUMER", Exactly(5), One(2), GROW, create_consumer)
            .with_access(&[INSERT]),
        Command::new("DELCONSUMER", Exactly(5), One(2), WRITE, delete_consumer)
            .with_access(&[DELETE]),
        Command::new("DESTROY", Exactly(4), One(2), WRITE, destroy).with_access(&[DELETE]),
        Command::new(
            "HELP",
            Exactly(2),
            NoKeys,
            Flags::LOADING.and(Flags::STALE),
            help,
        ),
        Command::new("SETID", AtLeast(5), One(2), WRITE, set_id).with_access(&[KeyAccess::CHANGE]),
    ],
);

/// The options behind the ID.
#[derive(Debug, Default)]
struct Options {
    makes_stream: bool,
    entries_read: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>, may_make_stream: bool) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut at = 5;
        while at < args.len() {
            if may_make_stream && args.is(at, "MKSTREAM") {
                options.makes_stream = true;
                at += 1;
            } else if at + 1 < args.len() && args.is(at, "ENTRIESREAD") {
                options.entries_read = match integer(args.at(at + 1))? {
                    -1 => None,
                    ..0 => return Err(BAD_ENTRIES_READ),
                    read => Some(read),
                };
                at += 2;
            } else {
                return Err(CommandError::subcommand_syntax("XGROUP", args.at(1)));
            }
        }
        Ok(options)
    }
}

/// `XGROUP CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]`: makes a group to which entries behind `id` are to
/// be delivered.
fn create(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::parse(args, true)?;
    let (db, key) = (ctx.db(), ctx.key(args, 2));
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        let is_missing = edit.is_new();
        if is_missing && !options.makes_stream {
            return Err(KEY_NEEDED);
        }
        let last_id = match args.at(4) {
            b"$" => edit.stream().entries().last_id(),
            text => exact_id(text, 0)?,
        };
        if !edit.create_group(args.at(3), last_id, options.entries_read) {
            return Err(BUSY);
        }
        Ok(())
    })?;
    edited.result?;
    ctx.notify(EventClass::STREAM, "xgroup-create", key.bytes);
    ctx.reply.ok();
    Ok(())
}

/// `XGROUP SETID key group id|$ [ENTRIESREAD entries-read]`: sets what was delivered last.
fn set_id(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::parse(args, false)?;
    let (key, ()) = edit_group(ctx, args, |edit, name| {
        let last_id = match args.at(4) {
            b"$" => edit.stream().entries().last_id(),
            text => id(text, 0)?,
        };
        if let Some(mut group) = edit.group(name) {
            group.set_last_id(last_id, options.entries_read);
        }
        edit.changed_aside(1);
        Ok(())
    })?;
    ctx.notify(EventClass::STREAM, "xgroup-setid", key.bytes);
    ctx.reply.ok();
    Ok(())
}

/// `XGROUP DESTROY key group`: destroys a group; whether there was one.
fn destroy(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 2));
    let edited = ctx.unit.edit_stream(db, &key, |edit| match edit.is_new() {
        true => Err(KEY_NEEDED),
        false => Ok(edit.destroy_group(args.at(3))),
    })?;
    let was_there = edited.result?;
    if was_there {
        ctx.notify(EventClass::STREAM, "xgroup-destroy", key.bytes);
        // Who reads it by now waits in vain.
        ctx.unit.wake_waiters(db, &key);
    }
    ctx.reply.integer(was_there.into());
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer`: makes a consumer; whether there was none.
fn create_consumer(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, now) = (ctx.db(), ctx.now());
    let (key, is_new) = edit_group(ctx, args, |edit, name| {
        let group = edit.group(name);
        let consumer = group.and_then(|mut group| group.create_consumer(args.at(4), now));
        edit.changed_aside(u64::from(consumer.is_some()));
        Ok(consumer.is_some())
    })?;
    if is_new {
        announce_consumer(ctx, db, &key);
    }
    ctx.reply.integer(is_new.into());
    Ok(())
}

/// The event of a new consumer.
pub(super) fn announce_consumer(ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>) {
    ctx.notify_in(EventClass::STREAM, "xgroup-createconsumer", db, key.bytes);
}

/// Has `change` edit a stream that has the group named at argument 3, or fail before it has changed anything.
pub(super) fn edit_group<'a, R>(
    ctx: &mut Context<'_, '_>,
    args: Args<'a>,
    change: impl FnOnce(&mut StreamEdit<'_, '_>, &[u8]) -> Result<R, CommandError>,
) -> Result<(Key<'a>, R), CommandError> {
    let (db, key, name) = (ctx.db(), ctx.key(args, 2), args.at(3));
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        if edit.is_new() {
            return Err(KEY_NEEDED);
        }
        if edit.stream().groups().get(name).is_none() {
            return Err(no_group_in_key(key.bytes, name));
        }
        change(edit, name)
    })?;
    Ok((key, edited.result?))
}

/// `XGROUP HELP`: what there is.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "XGROUP",
        &[
            (
                "CREATE <key> <groupname> <id|$> [option]",
                &[
                    "Make a group that gets the entries behind an ID. Options are:",
                    "* MKSTREAM",
                    "  Make an empty stream if there is none.",
                    "* ENTRIESREAD entries_read",
                    "  How many entries the group counts as read.",
                ],
            ),
            (
                "CREATECONSUMER <key> <groupname> <consumer>",
                &["Make a consumer of the group."],
            ),
            (
                "DELCONSUMER <key> <groupname> <consumer>",
                &["Remove a consumer of the group, and what it has pending."],
            ),
            ("DESTROY <key> <groupname>", &["Remove the group."]),
            (
                "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
                &["Set what the group got last, and how many entries it counts as read."],
            ),
        ],
    );
    Ok(())
}
