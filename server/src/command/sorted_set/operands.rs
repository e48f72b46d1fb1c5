//! What unions, intersections and differences are told.

use smallvec::SmallVec;
use storage::typed::sorted_set::{
    Aggregate, BulkOperation, Operand, Operator, Pair, Weighted, difference, intersection,
    intersection_len, union,
};
use storage::{DbIndex, Key, Keyspace, StoreError, Unit};

use super::score;
use crate::command::bulk::WORK_AT_ONCE_MAX;
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

/// How a key is looked up.
type LookUp<'e> = fn(&mut Unit<'e>, DbIndex, &Key<'_>) -> Result<Operand, StoreError>;

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
        Self::read_with(ctx, args, at, options, Unit::sorted_set_operand)
    }

    /// The same once more, for a command that has looked the keys up before.
    ///
    /// # Errors
    /// As [`Operands::read`].
    pub(super) fn read_again(
        ctx: &mut Context<'_, '_>,
        args: Args<'_>,
        at: usize,
        options: Options,
    ) -> Result<Self, CommandError> {
        Self::read_with(ctx, args, at, options, Unit::sorted_set_operand_again)
    }

    fn read_with<'e>(
        ctx: &mut Context<'_, 'e>,
        args: Args<'_>,
        at: usize,
        options: Options,
        look_up: LookUp<'e>,
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
            sets.push(look_up(ctx.unit, db, &key)?);
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
    fn weighted(&self) -> Vec<Weighted<'_>> {
        let pairs = self.sets.iter().zip(&self.weights);
        pairs
            .map(|(operand, &weight)| Weighted { operand, weight })
            .collect()
    }

    /// What `operator` makes of them, in the order of a sorted set.
    pub(super) fn combined(&self, operator: Operator) -> Vec<Pair<'_>> {
        let weighted = self.weighted();
        match operator {
            Operator::Union => union(&weighted, self.aggregate),
            Operator::Intersection => intersection(&weighted, self.aggregate),
            Operator::Difference => difference(&weighted),
        }
    }

    /// How many members all of them have, counted up to the limit.
    pub(super) fn count_common(&self) -> u64 {
        intersection_len(&self.weighted(), self.limit)
    }

    /// Whether the operation takes so long that nobody should wait for it.
    pub(super) fn are_big(&self, operator: Operator) -> bool {
        operator.work(&self.sets) > WORK_AT_ONCE_MAX
    }

    /// The operation in steps; `count_to` if only the number of members is wanted.
    pub(super) fn in_bulk(
        self,
        operator: Operator,
        count_to: Option<u64>,
        keyspace: &Keyspace,
    ) -> BulkOperation {
        BulkOperation::new(
            operator,
            self.sets,
            &self.weights,
            self.aggregate,
            count_to,
            keyspace,
        )
    }
}

/// Whether the keys behind `numkeys`, which is argument `at`, still hold what an operation works with.
pub(super) fn are_current(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    at: usize,
    operands: &[Operand],
) -> bool {
    let db = ctx.db();
    let keys = ctx.keys(args).filter(|(index, _)| *index > at);
    keys.zip(operands)
        .all(|((_, key), operand)| ctx.unit.still_holds(db, &key, operand.held()))
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
