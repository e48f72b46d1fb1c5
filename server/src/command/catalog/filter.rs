//! `COMMAND LIST FILTERBY`.

use crate::command::table::Registered;
use crate::command::{Args, CommandError};

use super::info;

/// Which commands are listed.
pub(super) enum Filter<'a> {
    /// Every command.
    All,
    /// Those of a module: there are no modules.
    Module,
    /// Those of an ACL category, named without `@`.
    Category(&'a [u8]),
    /// Those whose name matches a glob pattern, whatever the case.
    Pattern(Vec<u8>),
}

impl<'a> Filter<'a> {
    pub(super) fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        match args.len() {
            2 => Ok(Filter::All),
            5 if args.is(2, "FILTERBY") && args.is(3, "MODULE") => Ok(Filter::Module),
            5 if args.is(2, "FILTERBY") && args.is(3, "ACLCAT") => Ok(Filter::Category(args.at(4))),
            5 if args.is(2, "FILTERBY") && args.is(3, "PATTERN") => {
                Ok(Filter::Pattern(args.at(4).to_ascii_lowercase()))
            }
            _ => Err(CommandError::Syntax),
        }
    }

    pub(super) fn admits(&self, command: &Registered) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(name) => {
                let is_it = |category: &&str| category.as_bytes()[1..].eq_ignore_ascii_case(name);
                info::categories(command).iter().any(is_it)
            }
            Filter::Pattern(pattern) => {
                storage::glob::glob_match_ignoring_case(pattern, command.full_name.as_bytes())
            }
        }
    }
}
