//! `LCS`: the longest common subsequence of two strings.

use storage::lcs::Lcs;

use super::integer;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::Output;

/// What `LCS` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The subsequence.
    Subsequence,
    /// `LEN`: its length.
    Length,
    /// `IDX`: where it lies in both strings.
    Runs {
        /// `MINMATCHLEN`: shorter runs are left out.
        len_min: u64,
        /// `WITHMATCHLEN`: each run comes with its length.
        with_len: bool,
    },
}

impl Answer {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        const BOTH: CommandError =
            CommandError::Line("ERR If you want both the length and indexes, please just use IDX.");
        let (mut runs, mut length, mut with_len, mut len_min) = (false, false, false, 0);
        let mut at = 3;
        while at < args.len() {
            if args.is(at, "IDX") {
                runs = true;
            } else if args.is(at, "LEN") {
                length = true;
            } else if args.is(at, "WITHMATCHLEN") {
                with_len = true;
            } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
                at += 1;
                len_min = integer(args.at(at))?.max(0) as u64;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        match (runs, length) {
            (true, true) => Err(BOTH),
            (true, false) => Ok(Answer::Runs { len_min, with_len }),
            (false, true) => Ok(Answer::Length),
            (false, false) => Ok(Answer::Subsequence),
        }
    }

    fn write(self, lcs: &Lcs, reply: &mut Output<'_>) {
        match self {
            Answer::Subsequence => reply.bulk(&lcs.subsequence()),
            Answer::Length => reply.integer(lcs.len() as i64),
            Answer::Runs { len_min, with_len } => write_runs(lcs, len_min, with_len, reply),
        }
    }
}

fn write_runs(lcs: &Lcs, len_min: u64, with_len: bool, reply: &mut Output<'_>) {
    reply.map(2);
    reply.bulk(b"matches");
    let header = reply.begin_deferred();
    let mut count = 0;
    for run in lcs.runs().filter(|run| run.len as u64 >= len_min) {
        reply.array(2 + usize::from(with_len));
        for start in [run.a_start, run.b_start] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + run.len - 1) as i64);
        }
        if with_len {
            reply.integer(run.len as i64);
        }
        count += 1;
    }
    reply.end_deferred_array(header, count);
    reply.bulk(b"len");
    reply.integer(lcs.len() as i64);
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]`: the longest common subsequence.
///
/// The work grows with the product of the lengths, so beyond [`CELLS_AT_ONCE`] it is done in slices, on copies
/// of the strings.
pub(super) fn lcs(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    // Both are looked up, be it only to miss, before the type of either matters.
    let (a, b) = (string_len(ctx, args, 1), string_len(ctx, args, 2));
    let lens = [a?, b?];
    let answer = Answer::parse(args)?;
    check_lengths(lens, ctx.config.proto_max_bulk_len_bytes)?;
    let (a, b) = (copy(ctx, args, 1), copy(ctx, args, 2));
    let mut lcs = Lcs::new(a, b, answer != Answer::Length);
    if lcs.cells() > CELLS_AT_ONCE && !ctx.in_exec {
        ctx.continue_in_slices(LcsSlices { lcs, answer });
        return Ok(());
    }
    while !lcs.advance(usize::MAX) {}
    answer.write(&lcs, &mut ctx.reply);
    Ok(())
}

/// Cells of the table that one slice computes: about 100 µs of work.
const CELLS_AT_ONCE: u64 = 50_000;

fn string_len(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    index: usize,
) -> Result<u64, CommandError> {
    const NO_STRING: CommandError =
        CommandError::Line("ERR The specified keys must contain string values");
    let key = ctx.key(args, index);
    match ctx.unit.string(ctx.session.db, &key) {
        Ok(value) => Ok(value.map_or(0, |value| value.len())),
        Err(_) => Err(NO_STRING),
    }
}

/// Redis's limits, for the table that Redis would build.
fn check_lengths([a, b]: [u64; 2], table_bytes_max: u64) -> CommandResult {
    const LEN_MAX: u64 = u32::MAX as u64 - 2;
    if a > LEN_MAX || b > LEN_MAX {
        return Err(CommandError::Line("ERR String too long for LCS"));
    }
    if Lcs::table_bytes(a, b) > table_bytes_max {
        return Err(CommandError::Line(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

/// A copy of the string, which is known to be one.
fn copy(ctx: &mut Context<'_, '_>, args: Args<'_>, index: usize) -> Vec<u8> {
    let key = ctx.key(args, index);
    ctx.unit
        .peek(ctx.session.db, &key)
        .and_then(|entry| entry.string().ok())
        .map_or_else(Vec::new, |string| string.to_vec())
}

/// A long computation, off the keyspace.
#[derive(Debug)]
struct LcsSlices {
    lcs: Lcs,
    answer: Answer,
}

impl Slices for LcsSlices {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        if !self.lcs.advance(CELLS_AT_ONCE as usize) {
            return SliceProgress::More;
        }
        self.answer.write(&self.lcs, &mut ctx.reply);
        SliceProgress::Done
    }

    fn only_answers(&self) -> bool {
        true
    }
}
