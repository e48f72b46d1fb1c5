//! `XTRIM`, and the options that it shares with `XADD`.

use storage::collection::stream::{Keep, Precision, References, Stream, StreamId};

use super::forget_ahead::{forget_ahead, trim_with};
use super::ids::{IdText, exact_id};
use super::references;
use crate::command::bulk::Ahead;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

const BOTH: CommandError = CommandError::Line(
    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
);
const LIMIT_WITHOUT_STRATEGY: CommandError = CommandError::Line(
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
);
const LIMIT_WITHOUT_TILDE: CommandError =
    CommandError::Line("ERR syntax error, LIMIT cannot be used without the special ~ option");
const NO_STRATEGY: CommandError =
    CommandError::Line("ERR syntax error, XTRIM must be called with a trimming strategy");
const NEGATIVE_LEN: CommandError = CommandError::Line("ERR The MAXLEN argument must be >= 0.");
const NEGATIVE_LIMIT: CommandError = CommandError::Line("ERR The LIMIT argument must be >= 0.");

/// Entries that approximate trimming takes at most, if it is not said, for each that a node may have.
const NODES_PER_TRIM: u64 = 100;
/// The same where a node may have any number of them.
const ENTRIES_PER_TRIM: u64 = 10_000;
const ENTRIES_PER_TRIM_MAX: u64 = 1_000_000;

/// What to trim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trim {
    pub(super) keep: Keep,
    pub(super) precision: Precision,
    pub(super) references: References,
}

/// The options of trimming, while they are being read.
#[derive(Debug, Default)]
pub(super) struct TrimOptions {
    /// What to keep, and at which argument that stands.
    keep: Option<(Keep, usize)>,
    is_approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
    /// Arguments that the log leaves out: `LIMIT` and the next one, and `KEEPREF`, which older versions do not know.
    limit_at: Option<usize>,
    keepref_at: Option<usize>,
}

impl TrimOptions {
    /// Reads the option at argument `at`; where the next one is, or `None` if it is none of these.
    pub(super) fn read(
        &mut self,
        args: Args<'_>,
        at: usize,
    ) -> Result<Option<usize>, CommandError> {
        if let Some(references) = references::parse(args.at(at)) {
            if self.references.is_some() {
                return Err(CommandError::Syntax);
            }
            self.references = Some(references);
            self.keepref_at = (references == References::Keep).then_some(at);
            return Ok(Some(at + 1));
        }
        if at + 1 == args.len() {
            return Ok(None);
        }
        let by_len = args.is(at, "MAXLEN");
        if by_len || args.is(at, "MINID") {
            return self.read_strategy(args, at, by_len).map(Some);
        }
        if args.is(at, "LIMIT") {
            let limit = super::integer(args.at(at + 1))?;
            let limit = u64::try_from(limit).map_err(|_| NEGATIVE_LIMIT)?;
            (self.limit, self.limit_at) = (Some(limit), Some(at));
            return Ok(Some(at + 2));
        }
        Ok(None)
    }

    fn read_strategy(
        &mut self,
        args: Args<'_>,
        at: usize,
        by_len: bool,
    ) -> Result<usize, CommandError> {
        if self.keep.is_some() {
            return Err(BOTH);
        }
        let has_more = at + 2 < args.len();
        self.is_approximate = has_more && args.at(at + 1) == b"~";
        let has_sign = self.is_approximate || (has_more && args.at(at + 1) == b"=");
        let at = at + 1 + usize::from(has_sign);
        let keep = if by_len {
            let len = super::integer(args.at(at))?;
            Keep::Last(u64::try_from(len).map_err(|_| NEGATIVE_LEN)?)
        } else {
            Keep::From(exact_id(args.at(at), 0)?)
        };
        self.keep = Some((keep, at));
        Ok(at + 1)
    }

    /// What is to be trimmed, now that all options are read; a strategy may be `required`. A primary is obeyed: it has
    /// made sure that trimming to the letter does what it has done.
    pub(super) fn finish(
        &mut self,
        required: bool,
        ctx: &Context<'_, '_>,
    ) -> Result<Option<Trim>, CommandError> {
        let has_limit = self.limit.is_some_and(|limit| limit > 0);
        let Some((keep, _)) = self.keep else {
            return match self.limit {
                _ if has_limit => Err(LIMIT_WITHOUT_STRATEGY),
                _ if required => Err(NO_STRATEGY),
                Some(_) if !ctx.session.is_primary => Err(LIMIT_WITHOUT_TILDE),
                _ => Ok(None),
            };
        };
        if ctx.session.is_primary {
            self.is_approximate = false;
        } else if self.limit.is_some() && !self.is_approximate {
            return Err(LIMIT_WITHOUT_TILDE);
        }
        let precision = if self.is_approximate {
            let node_entries = ctx.config.limits.stream_node().entries;
            let limit = self.limit.unwrap_or_else(|| usual_limit(node_entries));
            Precision::Nodes { limit }
        } else {
            Precision::Exact
        };
        Ok(Some(Trim {
            keep,
            precision,
            references: self.references.unwrap_or_default(),
        }))
    }

    /// The arguments of a command as the log has them: what approximate trimming has kept is said exactly. `kept` is of
    /// the stream as it is now.
    pub(super) fn logged<'a>(
        &self,
        args: Args<'a>,
        kept: &'a [u8],
    ) -> impl Iterator<Item = &'a [u8]> {
        let threshold = self.keep.filter(|_| self.is_approximate);
        let threshold_at = threshold.map(|(_, at)| at);
        let (limit_at, keepref_at) = (self.limit_at, self.keepref_at);
        args.iter().enumerate().filter_map(move |(at, arg)| {
            if limit_at.is_some_and(|limit| at == limit || at == limit + 1)
                || keepref_at == Some(at)
            {
                None
            } else if threshold_at == Some(at) {
                Some(kept)
            } else if threshold_at == Some(at + 1) {
                Some(&b"="[..])
            } else {
                Some(arg)
            }
        })
    }

    /// Whether the command is not logged as it was sent.
    pub(super) fn is_logged_otherwise(&self) -> bool {
        self.is_approximate || self.keepref_at.is_some()
    }

    /// How it is said exactly what trimming has left of `stream`.
    pub(super) fn kept(&self, stream: &Stream) -> Kept {
        match self.keep {
            Some((Keep::From(_), _)) if stream.is_empty() => Kept::From(StreamId::MAX),
            Some((Keep::From(_), _)) => Kept::From(stream.entries().first_id()),
            _ => Kept::Last(stream.len()),
        }
    }
}

/// What trimming has left, as an exact threshold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    Last(u64),
    From(StreamId),
}

impl Kept {
    /// The argument that says so.
    pub(super) fn to_text(self) -> Vec<u8> {
        match self {
            Kept::Last(len) => itoa::Buffer::new().format(len).as_bytes().to_vec(),
            Kept::From(id) => IdText::new(id).as_bytes().to_vec(),
        }
    }
}

fn usual_limit(node_entries: u64) -> u64 {
    match node_entries.saturating_mul(NODES_PER_TRIM) {
        0 => ENTRIES_PER_TRIM,
        limit => limit.min(ENTRIES_PER_TRIM_MAX),
    }
}

/// `XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count] [KEEPREF|DELREF|ACKED]`: removes entries from the first on; how
/// many.
pub(super) fn xtrim(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mut options = TrimOptions::default();
    let mut at = 2;
    while at < args.len() {
        at = options.read(args, at)?.ok_or(CommandError::Syntax)?;
    }
    let trim = options.finish(true, ctx)?.ok_or(NO_STRATEGY)?;
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let ahead = forget_ahead(ctx, db, &key, Some(&trim));
    if let Ahead::Begun = ahead {
        return Ok(());
    }
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        let entries = trim_with(&ahead, edit, &trim);
        (entries, options.kept(edit.stream()))
    })?;
    let (entries, kept) = edited.result;
    if entries > 0 {
        ctx.notify(EventClass::STREAM, "xtrim", key.bytes);
        if options.is_logged_otherwise() && ctx.unit.state().log_on() {
            let kept = kept.to_text();
            let parts: Vec<&[u8]> = options.logged(args, &kept).collect();
            ctx.effect(&parts);
        }
    }
    ctx.reply.integer(entries as i64);
    Ok(())
}
