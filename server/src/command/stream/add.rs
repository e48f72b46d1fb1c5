//! `XADD`.

use smallvec::SmallVec;
use storage::collection::stream::{AddError, Field, NewId, StreamId};

use super::forget_ahead::{forget_ahead, trim_with};
use super::ids::{IdText, new_id, write_id};
use super::trim::{Trim, TrimOptions};
use crate::command::bulk::Ahead;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

const ZERO: CommandError =
    CommandError::Line("ERR The ID specified in XADD must be greater than 0-0");
const NOT_ABOVE: CommandError = CommandError::Line(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item",
);
const EXHAUSTED: CommandError = CommandError::Line(
    "ERR The stream has exhausted the last possible ID, unable to add more items",
);
const TOO_LONG: CommandError = CommandError::Line("ERR Elements are too large to be stored");

impl From<AddError> for CommandError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Zero => ZERO,
            AddError::Exhausted => EXHAUSTED,
            AddError::NotAbove => NOT_ABOVE,
            AddError::TooLong => TOO_LONG,
        }
    }
}

/// What stands in front of the fields.
struct Request {
    id: NewId,
    id_at: usize,
    makes_stream: bool,
    options: TrimOptions,
    trim: Option<Trim>,
}

impl Request {
    fn parse(args: Args<'_>, ctx: &Context<'_, '_>) -> Result<Self, CommandError> {
        let mut options = TrimOptions::default();
        let (mut at, mut makes_stream, mut id) = (2, true, None);
        while let Some(arg) = args.get(at) {
            if arg == b"*" {
                id = Some(NewId::Auto);
                break;
            }
            // An ID begins with a digit, or nearly so; options do not.
            if !arg.first().is_some_and(u8::is_ascii_alphabetic) {
                id = Some(new_id(arg)?);
                break;
            }
            if let Some(next) = options.read(args, at)? {
                at = next;
            } else if args.is(at, "NOMKSTREAM") {
                makes_stream = false;
                at += 1;
            } else {
                id = Some(new_id(arg)?);
                break;
            }
        }
        let trim = options.finish(false, ctx)?;
        let fields = args.len().saturating_sub(at + 1);
        let id = id.filter(|_| fields >= 2 && fields.is_multiple_of(2));
        let id = id.ok_or(CommandError::WrongArity("xadd".into()))?;
        if id == NewId::Given(StreamId::MIN) {
            return Err(ZERO);
        }
        Ok(Self {
            id,
            id_at: at,
            makes_stream,
            options,
            trim,
        })
    }
}

/// `XADD key [NOMKSTREAM] [KEEPREF|DELREF|ACKED] [MAXLEN|MINID [=|~] threshold [LIMIT count]] *|id field value
/// [field value ...]`: adds an entry; its ID.
pub(super) fn xadd(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let request = Request::parse(args, ctx)?;
    let (db, key, now) = (ctx.db(), ctx.key(args, 1), ctx.now());
    let limits = ctx.config.limits.stream_node();
    let fields = fields_of(args, request.id_at + 1);
    let ahead = forget_ahead(ctx, db, &key, request.trim.as_ref());
    if let Ahead::Begun = ahead {
        return Ok(());
    }
    let edited = ctx.unit.edit_stream(db, &key, |edit| {
        if edit.is_new() && !request.makes_stream {
            return Ok(None);
        }
        let id = edit.add(request.id, &fields, now, limits)?;
        let trimmed = request
            .trim
            .map_or(0, |trim| trim_with(&ahead, edit, &trim));
        Ok::<_, AddError>(Some((id, trimmed, request.options.kept(edit.stream()))))
    })?;
    let Some((id, trimmed, kept)) = edited.result? else {
        ctx.reply.null();
        return Ok(());
    };
    ctx.notify(EventClass::STREAM, "xadd", key.bytes);
    if trimmed > 0 {
        ctx.notify(EventClass::STREAM, "xtrim", key.bytes);
    }
    let is_verbatim =
        matches!(request.id, NewId::Given(_)) && !request.options.is_logged_otherwise();
    if !is_verbatim && ctx.unit.state().log_on() {
        let (id, kept) = (IdText::new(id), kept.to_text());
        let before = request.options.logged(args.head(request.id_at), &kept);
        let id = std::iter::once(id.as_bytes());
        let parts: Vec<&[u8]> = before
            .chain(id)
            .chain(args.from(request.id_at + 1))
            .collect();
        ctx.effect(&parts);
    }
    write_id(&mut ctx.reply, id);
    Ok(())
}

fn fields_of<'a>(args: Args<'a>, first: usize) -> SmallVec<[Field<'a>; 8]> {
    (first..args.len() - 1)
        .step_by(2)
        .map(|at| (args.at(at), args.at(at + 1)))
        .collect()
}
