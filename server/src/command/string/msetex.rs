//! `MSETEX`: several values with one condition and one expire time.

use storage::NewExpiry;

use super::expiry::SetExpiry;
use super::log_set;
use super::set_many::{all_present, any_present, store_pairs};
use crate::command::{Args, CommandError, CommandResult, Context};

/// On what `MSETEX` depends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    None,
    /// `NX`: none of the keys is there.
    AllAbsent,
    /// `XX`: all of them are.
    AllPresent,
}

/// What follows the pairs.
#[derive(Clone, Copy, Debug, Default)]
struct Options<'a> {
    condition: Condition,
    expiry: SetExpiry<'a>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        const COUNT: CommandError = CommandError::Line("ERR invalid numkeys value or out of range");
        let count = protocol::parse_i64(args.at(1))
            .filter(|count| (1..=i64::from(i32::MAX)).contains(count));
        let count = count.ok_or(COUNT)? as usize;
        let mut at = 2 + 2 * count;
        if at > args.len() {
            return Err(CommandError::Syntax);
        }
        let mut options = Self::default();
        while at < args.len() {
            at += options.take(args, at).ok_or(CommandError::Syntax)?;
        }
        Ok(options)
    }

    fn take(&mut self, args: Args<'a>, index: usize) -> Option<usize> {
        use Condition::{AllAbsent, AllPresent};
        let condition = match self.condition {
            Condition::None | AllAbsent if args.is(index, "NX") => AllAbsent,
            Condition::None | AllPresent if args.is(index, "XX") => AllPresent,
            _ => return self.expiry.take(args, index),
        };
        self.condition = condition;
        Some(1)
    }
}

/// `MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-seconds |
/// PXAT unix-milliseconds | KEEPTTL]`: stores all the strings or none.
pub(super) fn msetex(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = Options::parse(args)?;
    let expiry = options.expiry.resolve(ctx.now(), "msetex")?;
    let holds = match options.condition {
        Condition::None => true,
        Condition::AllAbsent => !any_present(ctx, args),
        Condition::AllPresent => all_present(ctx, args),
    };
    if holds {
        store_pairs(ctx, args, expiry);
        log_pairs(ctx, args, expiry);
    }
    ctx.reply.integer(i64::from(holds));
    Ok(())
}

/// Logs one `SET` for each pair: replicas that know no `MSETEX` understand them.
fn log_pairs(ctx: &mut Context<'_, '_>, args: Args<'_>, expiry: NewExpiry) {
    for (at, key) in ctx.keys(args) {
        log_set(ctx, key.bytes, args.at(at + 1), expiry);
    }
}
