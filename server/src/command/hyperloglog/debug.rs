//! `PFDEBUG`: a look at registers.

use std::fmt::Write;

use storage::hyperloglog::{REGISTERS, Run};

use crate::command::{Args, CommandError, CommandResult, Context};

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`.
///
/// `GETREG` makes the value dense first, as in Redis.
pub(super) fn pfdebug(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let db = ctx.session.db;
    let sketch = ctx.unit.hll_to_change(db, &key)?;
    let sketch = sketch.ok_or(CommandError::Line("ERR The specified key does not exist"))?;
    if args.is(1, "GETREG") {
        let mut ranks = [0; REGISTERS];
        sketch.raise(&mut ranks)?;
        ctx.unit.hll_make_dense(db, &key)?;
        ctx.reply.array(REGISTERS);
        ranks
            .iter()
            .for_each(|rank| ctx.reply.integer((*rank).into()));
    } else if args.is(1, "DECODE") {
        let runs = sketch.runs();
        let runs = runs.ok_or(CommandError::Line("ERR HLL encoding is not sparse"))?;
        let text = decoded(runs);
        ctx.reply.bulk(text.as_bytes());
    } else if args.is(1, "ENCODING") {
        let encoding = if sketch.is_sparse() {
            "sparse"
        } else {
            "dense"
        };
        ctx.reply.simple(encoding);
    } else if args.is(1, "TODENSE") {
        let was_sparse = ctx.unit.hll_make_dense(db, &key)?;
        ctx.reply.integer(was_sparse.into());
    } else {
        return Err(CommandError::quoting(
            "ERR Unknown PFDEBUG subcommand '",
            args.at(1),
            "'",
        ));
    }
    Ok(())
}

/// Runs as Redis shows them: `z` and `Z` for registers without an element, `v` for a rank and how many have it.
fn decoded(runs: impl Iterator<Item = Run>) -> String {
    let mut text = String::new();
    for run in runs {
        if !text.is_empty() {
            text.push(' ');
        }
        let written = match run {
            Run::Zeros {
                len,
                is_long: false,
            } => write!(text, "z:{len}"),
            Run::Zeros { len, is_long: true } => write!(text, "Z:{len}"),
            Run::Ranks { len, rank } => write!(text, "v:{rank},{len}"),
        };
        written.expect("a string takes everything");
    }
    text
}
