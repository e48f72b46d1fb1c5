//! `XNACK`: pending entries become nobody's, so that whoever claims gets them at once.

use smallvec::SmallVec;
use storage::collection::stream::{Release, StreamId};
use storage::{DbIndex, Key};

use super::ids::{IdText, exact_id};
use super::integer;
use super::nogroup::no_key_or_group;
use crate::command::{Args, CommandError, CommandResult, Context};

const BAD_MODE: CommandError = CommandError::Line("ERR mode must be SILENT, FAIL, or FATAL");
const BAD_COUNT: CommandError = CommandError::Line("ERR numids must be a positive integer");
const TOO_FEW_IDS: CommandError = CommandError::Line("ERR number of IDs doesn't match numids");
const IDS_NEEDED: CommandError = CommandError::Line("ERR syntax error, expected IDS keyword");
const BAD_DELIVERIES: CommandError =
    CommandError::Line("ERR Invalid RETRYCOUNT value, must be >= 0");

/// The most IDs that can be announced.
const IDS_MAX: i64 = i32::MAX as i64;

/// What stands behind the group.
#[derive(Clone, Debug)]
struct Options {
    release: Release,
    ids: SmallVec<[StreamId; 8]>,
    force: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut release = mode(args.at(3)).ok_or(BAD_MODE)?;
        let (mut ids, mut force) = (None, false);
        let mut at = 4;
        while at < args.len() {
            let has_more = at + 1 < args.len();
            if has_more && args.is(at, "IDS") {
                let count = protocol::parse_i64(args.at(at + 1));
                let count = count.filter(|count| (1..=IDS_MAX).contains(count));
                let count = count.ok_or(BAD_COUNT)?.unsigned_abs() as usize;
                if count > args.len() - at - 2 {
                    return Err(TOO_FEW_IDS);
                }
                ids = Some((at + 2, count));
                at += 2 + count;
            } else if has_more && args.is(at, "RETRYCOUNT") {
                let deliveries = u64::try_from(integer(args.at(at + 1))?);
                release = Release::Deliveries(deliveries.map_err(|_| BAD_DELIVERIES)?);
                at += 2;
            } else if args.is(at, "FORCE") {
                force = true;
                at += 1;
            } else {
                let before = "ERR Unrecognized XNACK option '";
                return Err(CommandError::quoting(before, args.at(at), "'"));
            }
        }
        let (first, count) = ids.ok_or(IDS_NEEDED)?;
        let ids: Result<_, _> = args
            .from(first)
            .take(count)
            .map(|text| exact_id(text, 0))
            .collect();
        Ok(Self {
            release,
            ids: ids?,
            force,
        })
    }
}

fn mode(word: &[u8]) -> Option<Release> {
    const WORDS: [(&[u8], Release); 3] = [
        (b"SILENT", Release::Silent),
        (b"FAIL", Release::Fail),
        (b"FATAL", Release::Fatal),
    ];
    let found = WORDS
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    found.map(|(_, release)| *release)
}

/// `XNACK key group SILENT|FAIL|FATAL IDS numids id [id ...] [RETRYCOUNT count] [FORCE]`: makes pending entries nobody's;
/// how many.
pub(super) fn xnack(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (db, key, name) = (ctx.db(), ctx.key(args, 1), args.at(2));
    let stream = ctx.unit.stream_to_change(db, &key)?;
    if stream.is_none_or(|stream| stream.groups().get(name).is_none()) {
        return Err(no_key_or_group(key.bytes, name));
    }
    let options = Options::parse(args)?;
    let is_logged = ctx.unit.state().log_on();
    let mut log: Vec<(u64, StreamId)> = Vec::new();
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        let mut released = 0;
        if let Some(mut group) = edit.group(name) {
            for &id in &options.ids {
                if !group.release(id, options.release, options.force) {
                    continue;
                }
                released += 1;
                if let Some(entry) = group.as_group().pending().get(id).filter(|_| is_logged) {
                    log.push((entry.deliveries, id));
                }
            }
        }
        edit.changed_aside(released);
        released
    })?;
    if edited.result > 0 {
        // Some wait for what they can claim.
        ctx.unit.wake_waiters(db, &key);
    }
    if is_logged {
        write_log(ctx, db, &key, name, &log);
    }
    ctx.reply.integer(edited.result as i64);
    Ok(())
}

/// Logs how often each entry counts as delivered: a replica need not count as this server does, for what a consumer reads
/// of its history is not logged.
fn write_log(
    ctx: &mut Context<'_, '_>,
    db: DbIndex,
    key: &Key<'_>,
    group: &[u8],
    released: &[(u64, StreamId)],
) {
    ctx.effects_as_one();
    for alike in released.chunk_by(|(one, _), (other, _)| one == other) {
        let ids: Vec<IdText> = alike.iter().map(|&(_, id)| IdText::new(id)).collect();
        let mut count = itoa::Buffer::new();
        let mut deliveries = itoa::Buffer::new();
        let mut parts: Vec<&[u8]> = vec![b"XNACK", key.bytes, group, b"FAIL", b"IDS"];
        parts.push(count.format(ids.len()).as_bytes());
        parts.extend(ids.iter().map(IdText::as_bytes));
        parts.push(b"RETRYCOUNT");
        parts.push(deliveries.format(alike[0].0).as_bytes());
        parts.push(b"FORCE");
        ctx.effect_in(db, &parts);
    }
}
