//! `SRANDMEMBER`.

use protocol::Reply;
use storage::PinnedCollection;
use storage::collection::Collection;
use storage::listpack::Value;
use storage::typed::hash::{Shuffle, different, random_of};
use storage::typed::set::{OwnedSet, SetRef};
use storage::typed::sorted_set::below;

use super::members::reply_all;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::{ReplySource, write_value};

/// More than these are picked after the locks are gone.
const PICKS_AT_ONCE_MAX: u64 = 1024;

/// `SRANDMEMBER key [count]`: a member; or up to `count` different ones; or any `-count`, the same again and again if it
/// comes to it.
pub(super) fn srandmember(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    if args.len() == 3 {
        return pick_many(ctx, args);
    }
    let key = ctx.key(args, 1);
    let random = ctx.worker.random();
    let set = ctx.unit.find_set(ctx.session.db, &key)?;
    match set.and_then(|set| set.draw(random)) {
        Some(member) => ctx.reply.value(member),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn pick_many(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let wanted = protocol::parse_i64(args.at(2)).ok_or(CommandError::NotInteger)?;
    if wanted == i64::MIN {
        return Err(CommandError::Line(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let (count, repeats) = (wanted.unsigned_abs(), wanted < 0);
    let key = ctx.key(args, 1);
    let Some(set) = ctx.unit.find_set(ctx.session.db, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let len = set.len();
    if !repeats && count >= len {
        ctx.reply.array(len as usize);
        reply_all(&mut ctx.reply, set, &ctx.server.keyspace);
        return Ok(());
    }
    ctx.reply.array(count as usize);
    let seed = ctx.worker.random();
    if count > PICKS_AT_ONCE_MAX {
        ctx.reply.rest_from(Box::new(Picks {
            members: Members::of(set, &ctx.server.keyspace),
            turn: 0,
            end: count,
            shuffle: (!repeats).then(|| Shuffle::new(len, seed)),
            seed,
        }));
        return Ok(());
    }
    let draws = Draws::of(set);
    if repeats {
        for turn in 0..count {
            let member = draws.any(random_of(seed, turn));
            ctx.reply.value(member);
        }
    } else {
        for number in different(count, len, || ctx.worker.random()) {
            ctx.reply.value(draws.get(number));
        }
    }
    Ok(())
}

/// The members of a set, to be picked by their numbers. There is one at least.
struct Draws<'a> {
    set: SetRef<'a>,
    /// Of a listpack: what its numbers stand for.
    packed: Vec<Value<'a>>,
}

impl<'a> Draws<'a> {
    fn of(set: SetRef<'a>) -> Self {
        let packed = match set {
            SetRef::Packed(listpack) => listpack.iter().collect(),
            SetRef::Integers(_) | SetRef::Big(_) => Vec::new(),
        };
        Self { set, packed }
    }

    fn get(&self, number: u64) -> Value<'a> {
        let packed = usize::try_from(number)
            .ok()
            .and_then(|at| self.packed.get(at));
        packed
            .copied()
            .or_else(|| self.set.at(number))
            .expect("the number is below the number of members")
    }

    fn any(&self, random: u64) -> Value<'a> {
        self.get(below(self.set.len(), random))
    }
}

/// Many picks, made as the client takes them.
#[derive(Debug)]
struct Picks {
    members: Members,
    turn: u64,
    end: u64,
    /// Which number comes when, unless members may come again.
    shuffle: Option<Shuffle>,
    seed: u64,
}

/// Members to pick from, whatever becomes of the key.
enum Members {
    Small(OwnedSet),
    Pinned(PinnedCollection),
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Members({})", self.as_set().len())
    }
}

impl Members {
    fn of(set: SetRef<'_>, keyspace: &storage::Keyspace) -> Self {
        match set {
            SetRef::Big(tree) => Members::Pinned(keyspace.pin_clone(Collection::Set(tree.clone()))),
            small => Members::Small(OwnedSet::copy_of(small)),
        }
    }

    fn as_set(&self) -> SetRef<'_> {
        match self {
            Members::Small(small) => small.as_set(),
            Members::Pinned(pin) => SetRef::of(storage::typed::CollectionRef::Big(pin)),
        }
    }
}

impl ReplySource for Picks {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position() + bytes;
        let draws = Draws::of(self.members.as_set());
        while self.turn < self.end && reply.position() < end {
            let member = match self.shuffle {
                Some(shuffle) => draws.get(shuffle.place(self.turn)),
                None => draws.any(random_of(self.seed, self.turn)),
            };
            write_value(reply, member);
            self.turn += 1;
        }
        self.turn < self.end
    }

    fn held_bytes(&self) -> usize {
        match &self.members {
            Members::Small(small) => small.byte_len(),
            Members::Pinned(pin) => pin.memory_bytes(),
        }
    }
}
