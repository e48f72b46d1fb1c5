//! Reading fields: `HGET`, `HMGET`, `HGETALL`, `HKEYS`, `HVALS`, `HLEN`, `HEXISTS`, `HSTRLEN`.

use protocol::Reply;
use storage::listpack::Value;
use storage::typed::CollectionRef;
use storage::typed::hash::{HashRef, Mark};
use storage::{PinnedCollection, UnixMillis};

use crate::command::{Args, CommandResult, Context};
use crate::long_reply::{BYTES_MIN, ELEMENTS_MIN};
use crate::output::{Output, ReplySource, write_value};

/// `HGET key field`: its value, or null.
pub(super) fn hget(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    match hash.and_then(|hash| hash.get(hasher, args.at(2))) {
        Some(value) => write_value(&mut ctx.reply, value),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `HMGET key field [field …]`: a value or null for each.
pub(super) fn hmget(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    ctx.reply.array(args.len() - 2);
    for field in args.from(2) {
        match hash.and_then(|hash| hash.get(hasher, field)) {
            Some(value) => write_value(&mut ctx.reply, value),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `HEXISTS key field`: 1 if it is there.
pub(super) fn hexists(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    let value = hash.and_then(|hash| hash.get(hasher, args.at(2)));
    ctx.reply.integer(value.is_some().into());
    Ok(())
}

/// `HSTRLEN key field`: the length of its value, 0 if there is none.
pub(super) fn hstrlen(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hasher = ctx.server.keyspace.hasher().elements();
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    let value = hash.and_then(|hash| hash.get(hasher, args.at(2)));
    ctx.reply
        .integer(value.map_or(0, |value| value.len() as i64));
    Ok(())
}

/// `HLEN key`: how many fields there are.
pub(super) fn hlen(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    ctx.reply.integer(hash.map_or(0, |hash| hash.len() as i64));
    Ok(())
}

/// `HGETALL key`: all fields with their values.
pub(super) fn hgetall(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    all(ctx, args, Parts::Both)
}

/// `HKEYS key`: all fields.
pub(super) fn hkeys(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    all(ctx, args, Parts::Fields)
}

/// `HVALS key`: all values.
pub(super) fn hvals(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    all(ctx, args, Parts::Values)
}

/// What of each field is replied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    Fields,
    Values,
    Both,
}

impl Parts {
    #[inline]
    pub(super) fn write(self, reply: &mut Reply<'_>, field: Value<'_>, value: Value<'_>) {
        if self != Parts::Values {
            write_value(reply, field);
        }
        if self != Parts::Fields {
            write_value(reply, value);
        }
    }

    fn write_header(self, reply: &mut Output<'_>, len: u64) {
        match self {
            Parts::Both => reply.map(len as usize),
            Parts::Fields | Parts::Values => reply.array(len as usize),
        }
    }
}

fn all(ctx: &mut Context<'_, '_>, args: Args<'_>, parts: Parts) -> CommandResult {
    let key = ctx.key(args, 1);
    let Some(hash) = ctx.unit.hash(ctx.session.db, &key)? else {
        parts.write_header(&mut ctx.reply, 0);
        return Ok(());
    };
    let len = hash.len();
    parts.write_header(&mut ctx.reply, len);
    match hash.collection() {
        CollectionRef::Big(big) if len > ELEMENTS_MIN || big.memory_bytes() > BYTES_MIN => {
            ctx.reply.rest_from(Box::new(AllFields {
                pin: ctx.server.keyspace.pin(big),
                now: hash.now(),
                mark: Mark::default(),
                parts,
            }));
        }
        _ => hash.each(|field, value| parts.write(&mut ctx.reply, field, value)),
    }
    Ok(())
}

/// The fields of a long reply.
#[derive(Debug)]
struct AllFields {
    pin: PinnedCollection,
    now: UnixMillis,
    mark: Mark,
    parts: Parts,
}

impl ReplySource for AllFields {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position() + bytes;
        let hash = HashRef::of(CollectionRef::Big(&self.pin), self.now);
        let next = hash.walk(self.mark, |field, value| {
            self.parts.write(reply, field, value);
            reply.position() < end
        });
        self.mark = next.unwrap_or_default();
        next.is_some()
    }

    fn held_bytes(&self) -> usize {
        self.pin.memory_bytes()
    }
}
