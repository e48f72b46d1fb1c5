//! `XAUTOCLAIM`: what others have had pending for too long changes hands. Much of it is done ahead, without any lock, in
//! groups that are made beside the stream.

use protocol::Reply;
use storage::collection::stream::{AutoClaim, Claim, GroupMut, Stream, StreamId};
use storage::typed::GroupsAhead;
use storage::{DbIndex, Key, UnixMillis};

use super::claim::{Claimant, find_group, min_idle_ms};
use super::entries::write_entry;
use super::group::announce_consumer;
use super::ids::{first_id, write_id};
use super::listed::write_listed;
use super::log::GroupLog;
use crate::command::bulk::{Ahead, Steps, ahead};
use crate::command::{Args, CommandError, CommandResult, Context};

/// Entries that it claims, if it is not said.
const USUAL_COUNT: usize = 100;
/// The most that Redis takes; it keeps 16 bytes for each.
const COUNT_MAX: i64 = i64::MAX / 16;
/// From here on there is no address space for as many.
const COUNT_ADDRESSABLE: usize = (1 << 46) / 16;
/// Looks at pending entries that are taken under the lock: what the usual count takes at most.
const LOOKS_AT_ONCE_MAX: usize = 10 * USUAL_COUNT;
/// Claims that are made under the lock.
const CLAIMS_AT_ONCE_MAX: usize = 2 * USUAL_COUNT;

const TOO_HIGH: CommandError = CommandError::Line(
    "ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
);

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`: makes pending entries from `start` on those
/// of a consumer.
pub(super) fn xautoclaim(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    // What is wrong with the arguments comes first all the same.
    let found = find_group(ctx, args);
    let min_idle_ms = min_idle_ms(
        args.at(4),
        "ERR Invalid min-idle-time argument for XAUTOCLAIM",
    )?;
    let first = first_id(args.at(5))?;
    let (count, just_ids) = auto_options(args)?;
    let (key, claimant) = found?;
    if count > COUNT_ADDRESSABLE {
        return Err(TOO_HIGH);
    }
    let now = ctx.now();
    let wanted = AutoClaimed {
        auto: AutoClaim::new(first, count),
        claim: Claim {
            min_idle_ms,
            delivered_at_ms: now.0,
            deliveries: None,
            counts: !just_ids,
            force: false,
        },
        now,
        is_new: false,
    };
    auto_claim(ctx, &key, claimant, wanted)
}

/// How many entries to claim at most, and whether only their IDs are wanted.
fn auto_options(args: Args<'_>) -> Result<(usize, bool), CommandError> {
    const BAD_COUNT: CommandError = CommandError::Line("ERR COUNT must be > 0");
    let (mut count, mut just_ids) = (USUAL_COUNT, false);
    let mut at = 6;
    while at < args.len() {
        if args.is(at, "COUNT") && at + 1 < args.len() {
            let number = protocol::parse_i64(args.at(at + 1));
            let number = number.filter(|number| (1..=COUNT_MAX).contains(number));
            count = usize::try_from(number.ok_or(BAD_COUNT)?).map_err(|_| BAD_COUNT)?;
            at += 2;
        } else if args.is(at, "JUSTID") {
            just_ids = true;
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok((count, just_ids))
}

/// What is claimed, and how far that is.
#[derive(Clone, Debug)]
struct AutoClaimed {
    auto: AutoClaim,
    claim: Claim,
    now: UnixMillis,
    /// Whether the consumer has been made for it.
    is_new: bool,
}

impl AutoClaimed {
    /// Goes on with up to `work` entries; whether that is not the end of it.
    fn step(&mut self, group: &mut GroupMut<'_>, consumer: &[u8], work: usize) -> bool {
        let (consumer, is_new) = group.visit(consumer, self.now);
        self.is_new |= is_new;
        group.claim_some(&mut self.auto, consumer, &self.claim, self.now, work)
    }

    /// Whether it may take too long under a lock.
    fn is_long(&self, stream: &Stream, group: &[u8]) -> bool {
        let Some(group) = stream.groups().get(group) else {
            return false;
        };
        let (first, most) = self.auto.wanted();
        let mut claims = 0;
        let idle_until_ms = self.now.0.saturating_sub(self.claim.min_idle_ms);
        let mut looks = group.pending().iter_from(first).map(|(_, pending)| {
            claims += usize::from(pending.delivered_at_ms() <= idle_until_ms);
            claims
        });
        let is_long = |claims: usize| claims > CLAIMS_AT_ONCE_MAX;
        let looked = looks
            .by_ref()
            .take(LOOKS_AT_ONCE_MAX)
            .find(|&claims| claims >= most || is_long(claims));
        match looked {
            Some(claims) => is_long(claims),
            None => looks.next().is_some() && most > USUAL_COUNT,
        }
    }
}

/// An `XAUTOCLAIM` under way.
#[derive(Debug)]
struct ClaimAhead {
    groups: GroupsAhead,
    group: Box<[u8]>,
    consumer: Box<[u8]>,
    claimed: AutoClaimed,
}

impl Steps for ClaimAhead {
    fn step(&mut self, work: usize) -> bool {
        let group = self.groups.group(&self.group);
        group.is_some_and(|mut group| self.claimed.step(&mut group, &self.consumer, work))
    }
}

/// Claims what is to be claimed of the stream at `key`, whose group is there, and answers it.
fn auto_claim(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    claimant: Claimant<'_>,
    mut claimed: AutoClaimed,
) -> CommandResult {
    let db = ctx.db();
    let ahead = match claim_ahead(ctx, db, key, claimant, &claimed) {
        Ahead::Done(ahead) => {
            claimed = ahead.claimed;
            Some(ahead.groups)
        }
        Ahead::Begun => return Ok(()),
        Ahead::Not => None,
    };
    let mut log = GroupLog::new(ctx);
    let (reply, keyspace) = (&mut ctx.reply, &ctx.server.keyspace);
    let edited = ctx.unit.edit_stream(db, key, |edit| {
        if let Some(ahead) = &ahead {
            edit.take_group_of(ahead, claimant.group);
        }
        let mut group = edit.group(claimant.group).expect("the group has been seen");
        if ahead.is_none() {
            while claimed.step(&mut group, claimant.consumer, usize::MAX) {}
        }
        if claimed.is_new {
            log.made(claimant.consumer);
        }
        let next = group.next_of(&claimed.auto);
        note(&mut log, &group, &claimed.auto);
        drop(group);
        let (ids, gone) = claimed.auto.into_parts();
        let changes = ids.len() + gone.len() + usize::from(claimed.is_new);
        edit.changed_aside(changes as u64);
        let stream = edit.stream();
        reply.array(3);
        write_id(reply, next);
        reply.array(ids.len());
        if claimed.claim.counts {
            write_listed(reply, stream, keyspace, ids, write_claimed);
        } else {
            write_listed(reply, stream, keyspace, ids, |reply, _, id| {
                write_id(reply, id)
            });
        }
        reply.array(gone.len());
        write_listed(reply, stream, keyspace, gone, |reply, _, (id, _)| {
            write_id(reply, id)
        });
        claimed.is_new
    })?;
    if edited.result {
        announce_consumer(ctx, db, key);
    }
    log.write(ctx, db, key, claimant.group);
    Ok(())
}

/// Has it claimed ahead, if that is much; or what was, if that is why the command runs again.
fn claim_ahead(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    claimant: Claimant<'_>,
    wanted: &AutoClaimed,
) -> Ahead<ClaimAhead> {
    ahead(
        ctx,
        |ctx, work: &ClaimAhead| {
            let stream = ctx.unit.peek_stream(db, key);
            stream.is_some_and(|stream| work.groups.is_of_group(stream, claimant.group))
        },
        |ctx| {
            let stream = ctx.unit.peek_stream(db, key)?;
            let is_long = wanted.is_long(stream, claimant.group);
            is_long.then(|| ClaimAhead {
                groups: GroupsAhead::new(stream, &ctx.server.keyspace),
                group: claimant.group.into(),
                consumer: claimant.consumer.into(),
                claimed: wanted.clone(),
            })
        },
    )
}

/// Notes in the order of IDs what was claimed and what was gone.
fn note(log: &mut GroupLog, group: &GroupMut<'_>, auto: &AutoClaim) {
    if !log.is_on() {
        return;
    }
    let mut gone = auto.gone().iter().peekable();
    for id in auto.claimed().iter() {
        while let Some((id, before)) = gone.next_if(|(gone, _)| *gone < id) {
            log.claimed(group.as_group(), id, before);
        }
        log.claimed_now(group.as_group(), id);
    }
    gone.for_each(|(id, before)| log.claimed(group.as_group(), id, before));
}

fn write_claimed(reply: &mut Reply<'_>, stream: &Stream, id: StreamId) {
    match stream.entries().range(id, id).next() {
        Some(entry) => write_entry(reply, entry),
        None => write_id(reply, id),
    }
}
