//! What unions, intersections and differences are told.

use smallvec::SmallVec;
use storage::typed::sorted_set::{Aggregate, Operand, Weighted};

use super::score;
use crate::command::{Args, CommandError, Context};

/// Which options there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Options {
    /// `WEIGHTS`, `AGGREGATE`, `WITHSCORES`.
    Combine,
    /// `WEIGHTS`, `AGGREGATE`.
    CombineAndStore,
    /// `WITHSCORES`.
    Subtract,
    /// None.
    SubtractAndStore,
    /// `LIMIT`.
    Count,
}

impl Options {
    fn has_weights(self) -> bool {
        matches!(self, Options::Combine | Options::CombineAndStore)
    }

    fn has_scores(self) -> bool {
        matches!(self, Options::Combine | Options::Subtract)
    }
}

/// The sets, and what is to be done with them.
pub(super) struct Operands {
    sets: Vec<Operand>,
    weights: SmallVec<[f64; 8]>,
    /// What becomes of several scores.
    pub(super) aggregate: Aggregate,
    /// Whether scores are answered.
    pub(super) with_scores: bool,
    /// Most members that are counted; 0: all.
    pub(super) limit: u64,
}

impl Operands {
    /// Reads `numkeys key [key ...]` from argument `at` on, and the options behind them.
    ///
    /// # Errors
    /// In Redis's order, so a key of another type comes before a wrong option.
    pub(super) fn read(
        ctx: &mut Context<'_, '_>,
        args: Args<'_>,
        at: usize,
        options: Options,
    ) -> Result<Self, CommandError> {
        let count = super::integer(args.at(at))?;
        let count = usize::try_from(count).ok().filter(|count| *count > 0);
        let count = count.ok_or_else(|| too_few(args))?;
        if count > args.len() - at - 1 {
            return Err(CommandError::Syntax);
        }
        let db = ctx.db();
        let mut sets = Vec::with_capacity(count);
        for (_, key) in ctx.keys(args).filter(|(index, _)| *index > at) {
            sets.push(ctx.unit.sorted_set_operand(db, &key)?);
        }
        debug_assert_eq!(sets.len(), count);
        let mut operands = Self {
            weights: SmallVec::from_elem(1.0, sets.len()),
            sets,
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        operands.read_options(args, at + 1 + count, options)?;
        Ok(operands)
    }

    fn read_options(
        &mut self,
        args: Args<'_>,
        first: usize,
        options: Options,
    ) -> Result<(), CommandError> {
        let mut at = first;
        while at < args.len() {
            let behind = args.len() - at - 1;
            if options.has_weights() && behind >= self.sets.len() && args.is(at, "WEIGHTS") {
                for (weight, text) in self.weights.iter_mut().zip(args.from(at + 1)) {
                    *weight = score(text)
                        .map_err(|_| CommandError::Line("ERR weight value is not a float"))?;
                }
                at += self.sets.len();
            } else if options.has_weights() && behind >= 1 && args.is(at, "AGGREGATE") {
                self.aggregate = aggregate_at(args, at + 1)?;
                at += 1;
            } else if options.has_scores() && args.is(at, "WITHSCORES") {
                self.with_scores = true;
            } else if options == Options::Count && behind >= 1 && args.is(at, "LIMIT") {
                self.limit = protocol::parse_i64(args.at(at + 1))
                    .and_then(|limit| u64::try_from(limit).ok())
                    .ok_or(CommandError::Line("ERR LIMIT can't be negative"))?;
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Ok(())
    }

    /// The sets with their weights, in the order of the keys.
    pub(super) fn weighted(&self) -> Vec<Weighted<'_>> {
        let pairs = self.sets.iter().zip(&self.weights);
        pairs
            .map(|(operand, &weight)| Weighted { operand, weight })
            .collect()
    }
}

#[cold]
fn too_few(args: Args<'_>) -> CommandError {
    let name = String::from_utf8_lossy(args.at(0)).to_ascii_lowercase();
    CommandError::composed(format!(
        "ERR at least 1 input key is needed for '{name}' command"
    ))
}

fn aggregate_at(args: Args<'_>, at: usize) -> Result<Aggregate, CommandError> {
    [
        ("SUM", Aggregate::Sum),
        ("MIN", Aggregate::Min),
        ("MAX", Aggregate::Max),
        ("COUNT", Aggregate::Count),
    ]
    .into_iter()
    .find(|(word, _)| args.is(at, word))
    .map(|(_, aggregate)| aggregate)
    .ok_or(CommandError::Syntax)
}
