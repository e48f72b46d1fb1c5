//! `ZRANDMEMBER`.

use protocol::Reply;
use storage::listpack::Value;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{Distinct, Pair, SortedSetRef, below};
use storage::{ElementHasher, PinnedCollection};

use super::reply::{Shown, begin_pairs, write_member, write_pair};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::ReplySource;

const COUNT_RANGE: CommandError = CommandError::Line(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);
const COUNT_WITH_SCORES: CommandError = CommandError::Line("ERR value is out of range");

/// How many members are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// So many different ones, or all.
    Distinct(u64),
    /// So many, each picked among all.
    Picks(u64),
}

/// `ZRANDMEMBER key [count [WITHSCORES]]`: members picked at random; with a negative count, members may come twice.
pub(super) fn zrandmember(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() == 2 {
        return one_member(ctx, args);
    }
    let (count, with_scores) = parse(args)?;
    let key = ctx.key(args, 1);
    let Some(set) = ctx.unit.sorted_set(ctx.session.db, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let len = set.len();
    match count {
        Count::Distinct(count) if count >= len => {
            let all = Shown {
                ranks: 0..len,
                is_reversed: false,
                with_scores,
                is_nested: false,
            };
            all.write(&mut ctx.reply, ctx.server, set);
            return Ok(());
        }
        Count::Distinct(count) | Count::Picks(count) => {
            begin_pairs(&mut ctx.reply, count, with_scores);
        }
    }
    let mut random = Random(ctx.worker.random());
    let picks = match count {
        Count::Distinct(count) => Picks::Distinct(Distinct::new(len, count, &mut || random.next())),
        Count::Picks(left) => Picks::Any { left },
    };
    let members = match set.big() {
        Some(big) => Members::Big(ctx.server.keyspace.pin(big), set.hasher()),
        None => Members::Small(
            set.iter(0..len)
                .map(|(m, score)| (owned(m), score))
                .collect(),
        ),
    };
    let mut rest = PickedMembers {
        members,
        picks,
        random,
        with_scores,
    };
    if rest.picks.left() > ELEMENTS_MIN {
        ctx.reply.rest_from(Box::new(rest));
    } else {
        rest.write_some(&mut ctx.reply, usize::MAX);
    }
    Ok(())
}

fn one_member(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    match set.and_then(|set| set.at(below(set.len(), ctx.worker.random()))) {
        Some((member, _)) => write_member(&mut ctx.reply, member),
        None => ctx.reply.null(),
    }
    Ok(())
}

fn parse(args: Args<'_>) -> Result<(Count, bool), CommandError> {
    let count = super::integer(args.at(2))?;
    if count == i64::MIN {
        return Err(COUNT_RANGE);
    }
    let with_scores = args.len() > 3;
    if args.len() > 4 || with_scores && !args.is(3, "WITHSCORES") {
        return Err(CommandError::Syntax);
    }
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(COUNT_WITH_SCORES);
    }
    let picked = if count < 0 {
        Count::Picks
    } else {
        Count::Distinct
    };
    Ok((picked(count.unsigned_abs()), with_scores))
}

/// Members that are to be answered, of a set as it was.
#[derive(Debug)]
struct PickedMembers {
    members: Members,
    picks: Picks,
    random: Random,
    with_scores: bool,
}

/// What a member of a small set takes beside its bytes.
const SMALL_MEMBER_BYTES: usize = size_of::<(Box<[u8]>, f64)>();

#[derive(Debug)]
enum Members {
    Small(Vec<(Box<[u8]>, f64)>),
    Big(PinnedCollection, ElementHasher),
}

/// Ranks of members.
#[derive(Debug)]
enum Picks {
    /// Each once.
    Distinct(Distinct),
    /// So many, each any of all.
    Any { left: u64 },
}

impl Picks {
    fn left(&self) -> u64 {
        match self {
            Picks::Distinct(distinct) => distinct.left(),
            Picks::Any { left } => *left,
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Picks::Distinct(distinct) => distinct.memory_bytes(),
            Picks::Any { .. } => 0,
        }
    }

    fn next(&mut self, len: u64, random: &mut Random) -> Option<u64> {
        match self {
            Picks::Distinct(distinct) => distinct.next(&mut || random.next()),
            Picks::Any { left } => {
                *left = left.checked_sub(1)?;
                Some(below(len, random.next()))
            }
        }
    }
}

/// Random numbers that go on when the worker's are out of reach; SplitMix64, as they are.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

fn owned(member: Value<'_>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    member.write_to(&mut bytes);
    bytes.into()
}

impl Members {
    fn len(&self) -> u64 {
        match self {
            Members::Small(members) => members.len() as u64,
            Members::Big(pin, _) => pin.len(),
        }
    }

    /// Memory that they take; what is small is counted anew.
    fn memory_bytes(&self) -> usize {
        match self {
            Members::Small(members) => members
                .iter()
                .map(|(member, _)| member.len() + SMALL_MEMBER_BYTES)
                .sum(),
            Members::Big(pin, _) => pin.memory_bytes(),
        }
    }

    fn at(&self, rank: u64) -> Option<Pair<'_>> {
        match self {
            Members::Small(members) => {
                let (member, score) = members.get(rank as usize)?;
                Some((Value::Bytes(member), *score))
            }
            Members::Big(pin, hasher) => {
                SortedSetRef::of(CollectionRef::Big(pin), *hasher)?.at(rank)
            }
        }
    }
}

impl ReplySource for PickedMembers {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position().saturating_add(bytes);
        let len = self.members.len();
        while reply.position() < end {
            let rank = self.picks.next(len, &mut self.random);
            let Some(pair) = rank.and_then(|rank| self.members.at(rank)) else {
                return false;
            };
            write_pair(reply, pair, self.with_scores);
        }
        self.picks.left() > 0
    }

    fn held_bytes(&self) -> usize {
        self.members.memory_bytes() + self.picks.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::tests::with_args;

    #[test]
    fn counts_are_checked_in_redis_s_order() {
        for (words, expected) in [
            ("ZRANDMEMBER k 5", Ok((Count::Distinct(5), false))),
            ("ZRANDMEMBER k -5 withscores", Ok((Count::Picks(5), true))),
            ("ZRANDMEMBER k x y", Err(&CommandError::NotInteger)),
            ("ZRANDMEMBER k -9223372036854775808 y", Err(&COUNT_RANGE)),
            (
                "ZRANDMEMBER k -9223372036854775807",
                Ok((Count::Picks(i64::MAX as u64), false)),
            ),
            ("ZRANDMEMBER k 1 y", Err(&CommandError::Syntax)),
            ("ZRANDMEMBER k 1 WITHSCORES 1", Err(&CommandError::Syntax)),
            (
                "ZRANDMEMBER k 4611686018427387904 WITHSCORES",
                Err(&COUNT_WITH_SCORES),
            ),
            (
                "ZRANDMEMBER k -4611686018427387904 WITHSCORES",
                Err(&COUNT_WITH_SCORES),
            ),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let parsed = with_args(&words, parse);
            assert_eq!(parsed.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
}
