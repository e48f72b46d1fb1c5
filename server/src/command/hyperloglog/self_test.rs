//! `PFSELFTEST`.

use storage::hyperloglog::SelfTest;

use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::{Args, CommandError, CommandResult, Context};

/// `PFSELFTEST`: checks registers and estimates; takes some hundredths of a second, in slices.
pub(super) fn pfselftest(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let mut test = SelfTest::new(ctx.worker.random());
    if !ctx.in_exec {
        ctx.continue_in_slices(Running(test));
        return Ok(());
    }
    loop {
        match test.step() {
            Ok(false) => {}
            Ok(true) => {
                ctx.reply.ok();
                return Ok(());
            }
            Err(what) => return Err(failed(&what)),
        }
    }
}

#[derive(Debug)]
struct Running(SelfTest);

impl Slices for Running {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        match self.0.step() {
            Ok(false) => return SliceProgress::More,
            Ok(true) => ctx.reply.ok(),
            Err(what) => ctx.reply.error(failed(&what).line()),
        }
        SliceProgress::Done
    }

    fn only_answers(&self) -> bool {
        true
    }
}

fn failed(what: &str) -> CommandError {
    CommandError::composed(format!("ERR TESTFAILED {what}"))
}
