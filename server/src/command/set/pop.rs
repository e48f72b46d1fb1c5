//! `SPOP`.

use smallvec::SmallVec;
use storage::collection::Collection;
use storage::listpack::Value;
use storage::typed::Held;
use storage::typed::set::{BulkPop, OwnedSet, SetRef};
use storage::{DbIndex, Key, ValueType};

use super::members::{reply_all, reply_pinned};
use crate::command::bulk::{ATTEMPTS_MAX, Preparation, Steps, prepare};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// More members are chosen after the locks are gone.
const POPPED_AT_ONCE_MAX: u64 = 1024;
/// Members named in one `SREM` of the log, as in Redis.
const LOGGED_TOGETHER: usize = 1024;

/// A member's bytes; most are short.
type MemberBytes = SmallVec<[u8; 64]>;

/// `SPOP key [count]`: removes a random member, or up to so many, and answers them.
pub(super) fn spop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let Some(count) = args.get(2) else {
        match pop(ctx, db, &key)? {
            Some(member) => ctx.reply.bulk(&member),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    let count = protocol::parse_i64(count).and_then(|count| u64::try_from(count).ok());
    let count = count.ok_or(CommandError::NotPositive)?;
    let prepared = ctx.take_prepared::<Preparation<Popping>>();
    let len = ctx.unit.set_to_change(db, &key)?.map_or(0, SetRef::len);
    if count == 0 || len == 0 {
        ctx.reply.set(0);
        return Ok(());
    }
    let attempts = prepared.as_ref().map_or(0, |prepared| prepared.attempts);
    let prepared = prepared.filter(|prepared| ctx.unit.still_holds(db, &key, &prepared.work.held));
    if prepared.is_none() && may_prepare(ctx, count, attempts) {
        let held = ctx.unit.hold_value_again(db, &key, ValueType::Set)?;
        if let Some(pop) = BulkPop::new(&held, count, ctx.worker.random()) {
            prepare(ctx, Popping { held, pop }, attempts);
            return Ok(());
        }
    }
    let taken = pop_many(
        ctx,
        db,
        &key,
        count,
        prepared.map(|prepared| prepared.work.pop),
    )?;
    ctx.reply.set(count.min(len) as usize);
    match taken {
        // It is freed in steps, as what is pinned is.
        OwnedSet::Big(tree) => {
            let taken = ctx.server.keyspace.pin_clone(Collection::Set(tree));
            reply_pinned(&mut ctx.reply, taken);
        }
        taken => reply_all(&mut ctx.reply, taken.as_set(), &ctx.server.keyspace),
    }
    Ok(())
}

/// Whether so many members are chosen after the locks are gone.
fn may_prepare(ctx: &Context<'_, '_>, count: u64, attempts: u32) -> bool {
    count > POPPED_AT_ONCE_MAX && attempts < ATTEMPTS_MAX && !ctx.in_exec
}

/// A pop of many members on its way.
#[derive(Debug)]
struct Popping {
    held: Held,
    pop: BulkPop,
}

impl Steps for Popping {
    fn step(&mut self, work: usize) -> bool {
        self.pop.step(work)
    }
}

/// Removes a random member of the set at `key` and announces it. The member, or `None` if there is no set.
///
/// # Errors
/// `WrongType`; nothing has happened then.
fn pop(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
) -> Result<Option<MemberBytes>, CommandError> {
    let (limits, random) = (&ctx.config.limits, ctx.worker.random());
    let popped = ctx
        .unit
        .edit_set(db, key, limits, |set| set.pop(random, bytes_of))?;
    if let Some(member) = &popped.result {
        ctx.effect_in(db, &[b"SREM", key.bytes, member]);
        announce(ctx, db, key, popped.is_gone);
    }
    Ok(popped.result)
}

/// Removes up to `count` random members, one at least, of the set at `key`, which is there, and announces it. They may have
/// been chosen already.
///
/// # Errors
/// `WrongType`; nothing has happened then.
fn pop_many(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    count: u64,
    chosen: Option<BulkPop>,
) -> Result<OwnedSet, CommandError> {
    let (limits, worker) = (&ctx.config.limits, &mut *ctx.worker);
    let popped = ctx.unit.edit_set(db, key, limits, |set| match chosen {
        Some(pop) => set.pop_prepared(pop),
        None => set.pop_many(count, || worker.random()),
    })?;
    let (taken, is_gone) = (popped.result, popped.is_gone);
    if is_gone {
        ctx.effect_in(db, &[b"DEL", key.bytes]);
    } else if ctx.unit.state().log_on() {
        log_removal(ctx, db, key, taken.as_set());
    }
    announce(ctx, db, key, is_gone);
    Ok(taken)
}

/// The events of a pop, after which the key has gone or not.
fn announce(ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>, is_gone: bool) {
    ctx.notify_in(EventClass::SET, "spop", db, key.bytes);
    if is_gone {
        ctx.notify_in(EventClass::GENERIC, "del", db, key.bytes);
    }
}

/// The effects of the removal of `members`, which belong together.
fn log_removal(ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>, members: SetRef<'_>) {
    ctx.effects.bind();
    let mut names: Vec<MemberBytes> = Vec::new();
    members.each(|member| {
        names.push(bytes_of(member));
        if names.len() == LOGGED_TOGETHER {
            log_srem(ctx, db, key, &names);
            names.clear();
        }
    });
    if !names.is_empty() {
        log_srem(ctx, db, key, &names);
    }
}

fn log_srem(ctx: &mut Context<'_, '_>, db: DbIndex, key: &Key<'_>, names: &[MemberBytes]) {
    let mut parts: Vec<&[u8]> = vec![b"SREM", key.bytes];
    parts.extend(names.iter().map(|name| &name[..]));
    ctx.effect_in(db, &parts);
}

fn bytes_of(member: Value<'_>) -> MemberBytes {
    match member {
        Value::Bytes(bytes) => MemberBytes::from_slice(bytes),
        Value::Int(integer) => {
            MemberBytes::from_slice(itoa::Buffer::new().format(integer).as_bytes())
        }
    }
}
