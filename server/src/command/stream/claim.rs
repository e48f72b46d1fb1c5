//! `XCLAIM`: pending entries change hands.

use smallvec::SmallVec;
use storage::Key;
use storage::collection::stream::{Claim, Claimed, Entries, StreamId};

use super::entries::write_entry;
use super::group::announce_consumer;
use super::ids::{exact_id, write_id};
use super::log::GroupLog;
use super::nogroup::no_key_or_group;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::Output;

/// Who claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claimant<'a> {
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
}

/// The options of `XCLAIM`.
#[derive(Clone, Debug, Default)]
struct ClaimOptions {
    ids: SmallVec<[StreamId; 8]>,
    delivered_at_ms: Option<i64>,
    deliveries: Option<u64>,
    force: bool,
    just_ids: bool,
    last_id: StreamId,
}

impl ClaimOptions {
    fn parse(args: Args<'_>, now_ms: i64) -> Result<Self, CommandError> {
        let mut options = Self::default();
        // What is no ID is an option.
        let ids = args.from(5).map_while(|text| StreamId::parse(text, 0));
        options.ids.extend(ids);
        let mut at = 5 + options.ids.len();
        while at < args.len() {
            if args.is(at, "FORCE") {
                options.force = true;
                at += 1;
                continue;
            }
            if args.is(at, "JUSTID") {
                options.just_ids = true;
                at += 1;
                continue;
            }
            let unknown =
                || CommandError::quoting("ERR Unrecognized XCLAIM option '", args.at(at), "'");
            let value = args.get(at + 1).ok_or_else(unknown)?;
            if args.is(at, "IDLE") {
                let idle_ms = number(value, "ERR Invalid IDLE option argument for XCLAIM")?;
                options.delivered_at_ms = Some(now_ms.saturating_sub(idle_ms));
            } else if args.is(at, "TIME") {
                let time = number(value, "ERR Invalid TIME option argument for XCLAIM")?;
                options.delivered_at_ms = Some(time);
            } else if args.is(at, "RETRYCOUNT") {
                let count = number(value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.deliveries = u64::try_from(count).ok();
            } else if args.is(at, "LASTID") {
                options.last_id = exact_id(value, 0)?;
            } else {
                return Err(unknown());
            }
            at += 2;
        }
        Ok(options)
    }

    fn claim(&self, min_idle_ms: i64, now_ms: i64) -> Claim {
        // A time that is not over yet, or none, is now.
        let delivered_at_ms = self
            .delivered_at_ms
            .filter(|at_ms| (0..=now_ms).contains(at_ms));
        Claim {
            min_idle_ms,
            delivered_at_ms: delivered_at_ms.unwrap_or(now_ms),
            deliveries: self.deliveries,
            counts: !self.just_ids,
            force: self.force,
        }
    }
}

fn number(text: &[u8], error: &'static str) -> Result<i64, CommandError> {
    protocol::parse_i64(text).ok_or(CommandError::Line(error))
}

/// The argument that says how long entries must have been pending; of 0, what is pending since a later time than now is
/// claimed, too.
pub(super) fn min_idle_ms(text: &[u8], error: &'static str) -> Result<i64, CommandError> {
    Ok(match number(text, error)? {
        ..=0 => i64::MIN,
        min_idle_ms => min_idle_ms,
    })
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE]
/// [JUSTID] [LASTID lastid]`: makes pending entries those of a consumer.
pub(super) fn xclaim(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (key, claimant) = find_group(ctx, args)?;
    let now = ctx.now();
    let min_idle_ms = min_idle_ms(args.at(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
    let options = ClaimOptions::parse(args, now.0)?;
    let claim = options.claim(min_idle_ms, now.0);
    let (db, mut log) = (ctx.db(), GroupLog::new(ctx));
    let reply = &mut ctx.reply;
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        let Some(mut group) = edit.group(claimant.group) else {
            unreachable!("the group has just been seen")
        };
        let is_ahead = options.last_id > group.as_group().last_id();
        if is_ahead {
            let entries_read = group.as_group().entries_read();
            group.set_last_id(options.last_id, entries_read);
        }
        let (consumer, is_new) = group.visit(claimant.consumer, now);
        if is_new {
            log.made(claimant.consumer);
        }
        let header = reply.begin_deferred();
        let (mut claimed, mut changes) = (0, 0);
        for &id in &options.ids {
            match group.claim(consumer, id, &claim, now) {
                Claimed::Yes => {
                    write_claimed(reply, group.entries(), id, options.just_ids);
                    log.claimed_now(group.as_group(), id);
                    claimed += 1;
                }
                Claimed::Gone(before) => log.claimed(group.as_group(), id, before),
                Claimed::No => continue,
            }
            changes += 1;
        }
        reply.end_deferred_array(header, claimed);
        if is_ahead && changes == 0 {
            log.progressed(group.as_group());
        }
        drop(group);
        edit.changed_aside(changes + u64::from(is_new) + u64::from(is_ahead));
        is_new
    })?;
    if edited.result {
        announce_consumer(ctx, db, &key);
    }
    if options.delivered_at_ms.is_some() {
        // What counts as delivered before now may be what others wait to claim.
        ctx.unit.wake_waiters(db, &key);
    }
    log.write(ctx, db, &key, claimant.group);
    Ok(())
}

/// The key, and who claims; the group is there.
pub(super) fn find_group<'a>(
    ctx: &mut Context<'_, '_>,
    args: Args<'a>,
) -> Result<(Key<'a>, Claimant<'a>), CommandError> {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let (group, consumer) = (args.at(2), args.at(3));
    // What was done ahead was looked up then.
    let stream = match ctx.is_prepared() {
        false => ctx.unit.stream(db, &key)?,
        true => ctx.unit.stream_to_change(db, &key)?,
    };
    if stream.is_none_or(|stream| stream.groups().get(group).is_none()) {
        return Err(no_key_or_group(key.bytes, group));
    }
    Ok((key, Claimant { group, consumer }))
}

fn write_claimed(reply: &mut Output<'_>, entries: &Entries, id: StreamId, just_id: bool) {
    match entries.range(id, id).next() {
        Some(entry) if !just_id => write_entry(reply, entry),
        _ => write_id(reply, id),
    }
}
