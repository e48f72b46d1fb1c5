//! `BLPOP` and its relatives: they wait until there is something to pop.

use storage::typed::{End, ListRef, MoveMany};
use storage::waiters::Serve;
use storage::{DbIndex, Key, Unit, ValueType};

use super::end_at;
use super::ends::pop;
use super::mpop::pop_with_name;
use super::relocate::relocate;
use super::relocate_many::{how_many, relocate_many};
use crate::blocking::{Operation, serve_type, timeout};
use crate::command::mpop::PopOptions;
use crate::command::{Args, CommandResult, Context};
use crate::output::Output;

/// `BLPOP key [key ...] timeout`: removes the first element of the first list that has any, or waits for one.
pub(super) fn blpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_or_wait(ctx, args, End::Left)
}

/// `BRPOP key [key ...] timeout`: the same with the last element.
pub(super) fn brpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    pop_or_wait(ctx, args, End::Right)
}

fn pop_or_wait(ctx: &mut Context<'_, '_>, args: Args<'_>, end: End) -> CommandResult {
    let last = args.len() - 1;
    let deadline_ms = timeout::seconds(args.at(last), ctx.now().0)?;
    let serve = move |ctx: &mut Context<'_, '_>, key: &Key<'_>| pop_one(ctx, key, end);
    ctx.serve_first_or_wait(args, 1..last, deadline_ms, ValueType::List, serve)
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]`: `LMPOP`, or waits for a list.
pub(super) fn blmpop(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = PopOptions::parse(args, 2, end_at)?;
    let deadline_ms = timeout::seconds(args.at(1), ctx.now().0)?;
    let serve = move |ctx: &mut Context<'_, '_>, key: &Key<'_>| {
        let db = ctx.db();
        pop_with_name(ctx, db, key, options).map(|_| ())
    };
    let keys = 3..3 + options.keys;
    ctx.serve_first_or_wait(args, keys, deadline_ms, ValueType::List, serve)
}

/// Pops one element, answered with the key's name.
fn pop_one(ctx: &mut Context<'_, '_>, key: &Key<'_>, end: End) -> CommandResult {
    let db = ctx.db();
    pop(ctx, db, key, end, 1, |reply, span| {
        reply.array(2);
        reply.bulk(key.bytes);
        span.each(|element| reply.value(element));
    })?;
    let command: &[u8] = match end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    };
    ctx.effect_in(db, &[command, key.bytes]);
    Ok(())
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`: `LMOVE`, or waits for an element.
pub(super) fn blmove(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (from, to) = (end_at(args, 3)?, end_at(args, 4)?);
    let words = vec![args.at(3).into(), args.at(4).into()];
    move_or_wait(ctx, args, (from, to), 5, Verb::Move(words))
}

/// `BRPOPLPUSH source destination timeout`: `RPOPLPUSH`, or waits for an element.
pub(super) fn brpoplpush(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    move_or_wait(ctx, args, (End::Right, End::Left), 3, Verb::PopPush)
}

fn move_or_wait(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    (from, to): (End, End),
    timeout_at: usize,
    verb: Verb,
) -> CommandResult {
    let deadline_ms = timeout::seconds(args.at(timeout_at), ctx.now().0)?;
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    let operation = Relocate {
        destination: destination.bytes.into(),
        from,
        to,
        verb,
    };
    let (keys, also_locked) = (&[source], &[destination]);
    ctx.serve_or_wait(keys, also_locked, deadline_ms, ValueType::List, operation)
}

/// `BLMOVEM source destination LEFT|RIGHT LEFT|RIGHT timeout [COUNT|EXACTLY count OBO|BULK]`: `LMOVEM`, or waits until
/// there are enough elements.
pub(super) fn blmovem(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (from, to) = (end_at(args, 3)?, end_at(args, 4)?);
    let how = how_many(args, 6)?;
    let deadline_ms = timeout::seconds(args.at(5), ctx.now().0)?;
    let (db, source, destination) = (ctx.db(), ctx.key(args, 1), ctx.key(args, 2));
    let operation = RelocateMany {
        destination: destination.bytes.into(),
        from,
        to,
        how,
        words: [args.at(3).into(), args.at(4).into()],
    };
    let len = ctx.unit.list_to_change(db, &source)?.map(ListRef::len);
    let is_enough = len.is_some_and(|len| len >= operation.needed());
    // What is promised to another is not there.
    if is_enough && !ctx.unit.is_promised(db, &source) {
        return operation.serve(ctx, &source);
    }
    if ctx.in_exec {
        operation.no_wait(&mut ctx.reply);
    } else {
        ctx.block(&[source], &[destination], deadline_ms, operation);
    }
    Ok(())
}

/// One element to another list.
#[derive(Debug)]
struct Relocate {
    destination: Box<[u8]>,
    from: End,
    to: End,
    verb: Verb,
}

/// As what command a move is logged.
#[derive(Debug)]
enum Verb {
    /// `LMOVE`, with the words for both ends as the client wrote them.
    Move(Vec<Box<[u8]>>),
    /// `RPOPLPUSH`.
    PopPush,
}

impl Operation for Relocate {
    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        serve_type(unit, db, key, ValueType::List)
    }

    fn serve(&self, ctx: &mut Context<'_, '_>, key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        let destination = ctx.server.keyspace.key(&self.destination);
        match relocate(ctx, db, (key, self.from), (&destination, self.to))? {
            Some(element) => ctx.reply.bulk(&element),
            None => ctx.reply.null(),
        }
        match &self.verb {
            Verb::Move(words) => {
                let (from, to) = (&*words[0], &*words[1]);
                ctx.effect_in(db, &[b"LMOVE", key.bytes, &self.destination, from, to]);
            }
            Verb::PopPush => ctx.effect_in(db, &[b"RPOPLPUSH", key.bytes, &self.destination]),
        }
        Ok(())
    }

    fn no_wait(&self, reply: &mut Output<'_>) {
        reply.null();
    }
}

/// Some elements to another list.
#[derive(Debug)]
struct RelocateMany {
    destination: Box<[u8]>,
    from: End,
    to: End,
    how: MoveMany,
    /// Those for both ends as the client wrote them.
    words: [Box<[u8]>; 2],
}

impl RelocateMany {
    /// How many elements it waits for.
    fn needed(&self) -> u64 {
        if self.how.exactly { self.how.count } else { 1 }
    }
}

impl Operation for RelocateMany {
    fn can_serve(&self, unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>) -> Serve {
        let len = match unit.peek(db, key).map(|entry| entry.collection()) {
            None => return Serve::Nobody,
            Some(Some(list)) if list.value_type() == ValueType::List => ListRef::of(list).len(),
            Some(_) => return Serve::NotThisOne,
        };
        if len >= self.needed() {
            Serve::Now
        } else {
            Serve::NotThisOne
        }
    }

    fn serve(&self, ctx: &mut Context<'_, '_>, key: &Key<'_>) -> CommandResult {
        let db = ctx.db();
        let destination = ctx.server.keyspace.key(&self.destination);
        let (source, destination) = ((key, self.from), (&destination, self.to));
        let Some(moved) = relocate_many(ctx, db, source, destination, self.how)? else {
            ctx.reply.null_array();
            return Ok(());
        };
        let mut digits = itoa::Buffer::new();
        let count = digits.format(moved).as_bytes();
        let order: &[u8] = if self.how.keeps_order {
            b"BULK"
        } else {
            b"OBO"
        };
        let [from, to] = &self.words;
        let (name, destination): (&[u8], _) = (b"LMOVEM", &self.destination);
        ctx.effect_in(
            db,
            &[
                name,
                key.bytes,
                destination,
                from,
                to,
                b"EXACTLY",
                count,
                order,
            ],
        );
        Ok(())
    }
}
