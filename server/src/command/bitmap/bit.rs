//! Single bits: `GETBIT` and `SETBIT`.

use super::bit_offset;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// `GETBIT key offset`: the bit at `offset`, 0 behind the end.
pub(super) fn getbit(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let offset = bit_offset(args.at(2), ctx.config.proto_max_bulk_len_bytes)?;
    let key = ctx.key(args, 1);
    let value = ctx.unit.string(ctx.session.db, &key)?;
    let byte = value.and_then(|value| value.byte(offset / 8)).unwrap_or(0);
    ctx.reply.integer(i64::from(byte & mask(offset) != 0));
    Ok(())
}

/// `SETBIT key offset value`: sets or clears a bit and answers what it was.
pub(super) fn setbit(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let offset = bit_offset(args.at(2), ctx.config.proto_max_bulk_len_bytes)?;
    let on = match args.at(3) {
        b"0" => false,
        b"1" => true,
        _ => {
            return Err(CommandError::Line(
                "ERR bit is not an integer or out of range",
            ));
        }
    };
    let key = ctx.key(args, 1);
    let old = ctx
        .unit
        .string_to_change(ctx.session.db, &key)?
        .and_then(|value| value.byte(offset / 8));
    let was_on = old.is_some_and(|byte| byte & mask(offset) != 0);
    // A bit that is what it shall be already is no change, unless the string has to grow.
    if old.is_none() || was_on != on {
        ctx.check_fits(offset / 8 + 1)?;
        let at = (offset / 8) as usize;
        ctx.unit
            .with_string_mut(ctx.session.db, &key, offset / 8 + 1, |value| {
                let old = value.byte(at);
                value.set_byte(
                    at,
                    if on {
                        old | mask(offset)
                    } else {
                        old & !mask(offset)
                    },
                );
            })?;
        ctx.notify(EventClass::STRING, "setbit", key.bytes);
    }
    ctx.reply.integer(i64::from(was_on));
    Ok(())
}

fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}
