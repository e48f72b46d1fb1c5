//! `DEBUG POPULATE`: many keys at once, for tests.

use storage::{DbIndex, Key, Keyspace, LockPlan, NewExpiry, NewValue, Unit};

use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::effects::Effects;

/// Keys made in one slice.
const KEYS_PER_SLICE: u64 = 64;
/// Longest value that it makes.
const VALUE_BYTES_MAX: i64 = 512 * 1024 * 1024;

/// `DEBUG POPULATE count [prefix] [size]`: keys `prefix:0` and on with values `value:0` and on, those left out that
/// exist. With a size, values are cut or filled with zero bytes to it.
pub(super) fn populate(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let count = positive(&args[2], i64::MAX)?;
    let size = args
        .get(4)
        .map_or(Ok(0), |digits| positive(digits, VALUE_BYTES_MAX))?;
    let mut keys = Keys {
        db: ctx.session.db,
        prefix: args.get(3).unwrap_or(b"key").into(),
        size: size as usize,
        next: 0,
        count,
    };
    if !ctx.in_exec {
        ctx.continue_in_slices(Populate {
            keys,
            effects: Effects::default(),
        });
        return Ok(());
    }
    while keys.next < keys.count {
        let (name, value) = keys.next_pair();
        let key = ctx.server.keyspace.key(&name);
        if set_if_absent(ctx.unit, keys.db, &key, &value) {
            ctx.effect(&[b"SET", &name, &value]);
        }
    }
    ctx.reply.ok();
    Ok(())
}

fn positive(digits: &[u8], max: i64) -> Result<u64, CommandError> {
    match protocol::parse_i64(digits) {
        Some(number) if (0..=max).contains(&number) => Ok(number as u64),
        _ => Err(CommandError::NotPositive),
    }
}

/// The keys still to be made.
#[derive(Debug)]
struct Keys {
    db: DbIndex,
    prefix: Box<[u8]>,
    size: usize,
    next: u64,
    count: u64,
}

impl Keys {
    fn next_pair(&mut self) -> (Vec<u8>, Vec<u8>) {
        let number = self.next.to_string();
        self.next += 1;
        let name = [&self.prefix, &b":"[..], number.as_bytes()].concat();
        let mut value = [b"value:", number.as_bytes()].concat();
        if self.size > 0 {
            value.resize(self.size, 0);
        }
        (name, value)
    }
}

fn set_if_absent(unit: &mut Unit<'_>, db: DbIndex, key: &Key<'_>, value: &[u8]) -> bool {
    let is_absent = unit.peek(db, key).is_none();
    if is_absent {
        unit.set(db, key, NewValue::Bytes(value), NewExpiry::None);
    }
    is_absent
}

/// The work outside `EXEC`: a unit per key, some keys per slice.
#[derive(Debug)]
struct Populate {
    keys: Keys,
    effects: Effects,
}

impl Populate {
    fn add_one(&mut self, keyspace: &Keyspace, ctx: &mut SliceContext<'_>) {
        let (name, value) = self.keys.next_pair();
        let key = keyspace.key(&name);
        let shard = key.hash.shard;
        let mut unit = Unit::begin(keyspace, LockPlan::Write(shard), ctx.now);
        self.effects.begin(shard);
        if set_if_absent(&mut unit, self.keys.db, &key, &value) {
            for note in unit.take_notes() {
                self.effects.push_note(&note, unit.state());
                ctx.events.push_note(&note);
            }
            self.effects
                .push(self.keys.db, &[b"SET", &name, &value], unit.state());
        }
        let appended = self.effects.append(&mut unit, false);
        if !ctx.events.is_empty() {
            let mut stripes = ctx.server.pubsub.lock_none();
            ctx.events
                .publish(&mut stripes, &ctx.server.inboxes, ctx.woken);
        }
        drop(unit);
        if appended {
            keyspace.log().wake_if_needed();
        }
    }
}

impl Slices for Populate {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        let keyspace = &ctx.server.keyspace;
        for _ in 0..KEYS_PER_SLICE {
            if self.keys.next == self.keys.count {
                ctx.reply.ok();
                return SliceProgress::Done;
            }
            self.add_one(keyspace, ctx);
        }
        SliceProgress::More
    }

    fn only_answers(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_numbered_and_sized() {
        let mut keys = Keys {
            db: 0,
            prefix: b"p"[..].into(),
            size: 0,
            next: 9,
            count: 12,
        };
        assert_eq!(keys.next_pair(), (b"p:9".to_vec(), b"value:9".to_vec()));
        keys.size = 4;
        assert_eq!(keys.next_pair(), (b"p:10".to_vec(), b"valu".to_vec()));
        keys.size = 10;
        assert_eq!(
            keys.next_pair(),
            (b"p:11".to_vec(), b"value:11\0\0".to_vec())
        );
    }
}
