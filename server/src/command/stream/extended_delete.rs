//! `XDELEX` and `XACKDEL`: entries are deleted with an eye to the groups that still have use for them.

use smallvec::SmallVec;
use storage::collection::stream::{Deleted, References, Stream, StreamId};
use storage::typed::StreamEdit;
use storage::{DbIndex, Key};

use super::ids::{IdText, exact_id};
use super::references;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

const BAD_COUNT: CommandError = CommandError::Line("ERR Number of IDs must be a positive integer");
const TOO_FEW_IDS: CommandError =
    CommandError::Line("ERR The `numids` parameter must match the number of arguments");
const IDS_NEEDED: CommandError = CommandError::Line("ERR IDS option is required");

/// The most IDs that can be announced.
const IDS_MAX: i64 = i32::MAX as i64;

/// IDs in a request.
type Ids = SmallVec<[StreamId; 8]>;

/// What stands behind the key, or the group.
#[derive(Clone, Copy, Debug)]
struct Options {
    references: References,
    /// The first ID's argument.
    first: usize,
    /// How many IDs there are.
    count: usize,
}

impl Options {
    /// Reads `[KEEPREF|DELREF|ACKED] IDS numids id [id ...]`, in any order, from argument `at` on.
    fn parse(args: Args<'_>, mut at: usize) -> Result<Self, CommandError> {
        let (mut references, mut ids) = (None, None);
        while at < args.len() {
            if let Some(given) = references::parse(args.at(at)).filter(|_| references.is_none()) {
                references = Some(given);
                at += 1;
            } else if args.is(at, "IDS") && at + 1 < args.len() {
                let count = protocol::parse_i64(args.at(at + 1));
                let count = count.filter(|count| (1..=IDS_MAX).contains(count));
                let count = count.ok_or(BAD_COUNT)?.unsigned_abs() as usize;
                if count > args.len() - at - 2 {
                    return Err(TOO_FEW_IDS);
                }
                ids = Some((at + 2, count));
                at += 2 + count;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (first, count) = ids.ok_or(IDS_NEEDED)?;
        Ok(Self {
            references: references.unwrap_or_default(),
            first,
            count,
        })
    }

    fn ids(&self, args: Args<'_>) -> Result<Ids, CommandError> {
        let texts = args.from(self.first).take(self.count);
        texts.map(|text| exact_id(text, 0)).collect()
    }
}

/// The reply where there is no stream, or no group.
fn reply_that_all_are_missing(ctx: &mut Context<'_, '_>, options: &Options) {
    ctx.reply.array(options.count);
    (0..options.count).for_each(|_| ctx.reply.integer(-1));
}

/// What has become of an entry, as a number.
fn code(deleted: Deleted) -> i64 {
    match deleted {
        Deleted::Missing => -1,
        Deleted::Yes => 1,
        Deleted::Kept => 2,
    }
}

/// `XDELEX key [KEEPREF|DELREF|ACKED] IDS numids id [id ...]`: deletes entries; what has become of each.
pub(super) fn xdelex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let is_missing = ctx.unit.stream_to_change(db, &key)?.is_none();
    let options = Options::parse(args, 2)?;
    if is_missing {
        reply_that_all_are_missing(ctx, &options);
        return Ok(());
    }
    delete_each(ctx, db, &key, &options.ids(args)?, |edit, id, log| {
        if options.references == References::Delete {
            log.forgets(edit.stream(), id);
        }
        edit.delete(id, options.references)
    })
}

/// `XACKDEL key group [KEEPREF|DELREF|ACKED] IDS numids id [id ...]`: makes entries pending no more and deletes them; what
/// has become of each.
pub(super) fn xackdel(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key, group) = (ctx.db(), ctx.key(args, 1), args.at(2));
    let stream = ctx.unit.stream_to_change(db, &key)?;
    let is_missing = stream.is_none_or(|stream| stream.groups().get(group).is_none());
    let options = Options::parse(args, 3)?;
    if is_missing {
        reply_that_all_are_missing(ctx, &options);
        return Ok(());
    }
    delete_each(ctx, db, &key, &options.ids(args)?, |edit, id, log| {
        log.acknowledges(edit.stream(), group, id, options.references);
        edit.acknowledge_and_delete(group, id, options.references)
    })
}

/// Does `delete` with each of the IDs, answers what has become of it, and announces and logs what that did.
fn delete_each(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    ids: &[StreamId],
    mut delete: impl FnMut(&mut StreamEdit<'_, '_>, StreamId, &mut DeletionLog) -> Deleted,
) -> CommandResult {
    let mut log = DeletionLog::new(ctx);
    let reply = &mut ctx.reply;
    reply.array(ids.len());
    let edited = ctx.unit.edit_stream(db, key, |edit| {
        let mut count = 0;
        for &id in ids {
            let before = edit.stream().len();
            let deleted = delete(edit, id, &mut log);
            if edit.stream().len() < before {
                log.deleted.push(id);
                count += 1;
            }
            reply.integer(code(deleted));
        }
        count
    })?;
    if edited.result > 0 {
        ctx.notify(EventClass::STREAM, "xdel", key.bytes);
    }
    log.write(ctx, db, key);
    Ok(())
}

/// What the log carries: `XACK` and `XDEL`, which every version understands. It stays empty while nobody reads the log.
#[derive(Debug, Default)]
struct DeletionLog {
    is_on: bool,
    deleted: Ids,
    /// By group, what is pending no more.
    acknowledged: Vec<(Box<[u8]>, Ids)>,
}

impl DeletionLog {
    fn new(ctx: &Context<'_, '_>) -> Self {
        Self {
            is_on: ctx.unit.state().log_on(),
            ..Self::default()
        }
    }

    /// Notes, before it happens, that no group will have an entry pending any more.
    fn forgets(&mut self, stream: &Stream, id: StreamId) {
        if !self.is_on {
            return;
        }
        for (name, group) in stream.groups().iter() {
            if group.pending().get(id).is_some() {
                self.acknowledged_in(name, id);
            }
        }
    }

    /// Notes, before it happens, that an entry will be acknowledged by a group, if it is pending there.
    fn acknowledges(&mut self, stream: &Stream, name: &[u8], id: StreamId, references: References) {
        let group = stream.groups().get(name).filter(|_| self.is_on);
        if group.is_none_or(|group| group.pending().get(id).is_none()) {
            return;
        }
        if references == References::Delete {
            self.forgets(stream, id);
        } else {
            self.acknowledged_in(name, id);
        }
    }

    fn acknowledged_in(&mut self, group: &[u8], id: StreamId) {
        let known = self
            .acknowledged
            .iter_mut()
            .find(|(name, _)| **name == *group);
        match known {
            Some((_, ids)) => ids.push(id),
            None => self
                .acknowledged
                .push((group.into(), Ids::from_elem(id, 1))),
        }
    }

    fn write(self, ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>) {
        if !self.is_on {
            return;
        }
        ctx.effects_as_one();
        for (group, ids) in &self.acknowledged {
            log_ids(ctx, db, &[b"XACK", key.bytes, group], ids);
        }
        if !self.deleted.is_empty() {
            log_ids(ctx, db, &[b"XDEL", key.bytes], &self.deleted);
        }
    }
}

fn log_ids(ctx: &mut Context<'_, '_>, db: DbIndex, words: &[&[u8]], ids: &[StreamId]) {
    let texts: Vec<IdText> = ids.iter().copied().map(IdText::new).collect();
    let texts = texts.iter().map(IdText::as_bytes);
    let parts: Vec<&[u8]> = words.iter().copied().chain(texts).collect();
    ctx.effect_in(db, &parts);
}
