//! Walking a sorted set in steps, for `ZSCAN`.

use crate::collection::fields::ElementHash;
use crate::collection::ranked::RankedScan;
use crate::listpack::Value;

use super::{Form, Pair, SortedSetRef, packed};

impl<'a> SortedSetRef<'a> {
    /// Shows `visit` the members from `cursor` on, about `count` of them, a small set as a whole. The cursor to go on
    /// with, 0 at the end. Whatever is there throughout a series of calls that began with 0 is shown.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Pair<'a>)) -> u64 {
        match self.form {
            Form::Packed(set) => {
                packed::pairs(set).for_each(visit);
                0
            }
            Form::Big(tree, _) => {
                let Ok(cursor) = ElementHash::try_from(cursor) else {
                    return 0;
                };
                let hash = |member: &[u8]| self.hasher.hash(member);
                let next = tree.scan(cursor, count, hash, |score, member| {
                    visit((Value::Bytes(member), score));
                });
                next.map_or(0, u64::from)
            }
        }
    }
}

/// A walk of some steps through a big sorted set that stays as it is meanwhile.
#[derive(Debug)]
pub struct SortedSetScan(Option<RankedScan>);

impl SortedSetScan {
    /// See [`SortedSetRef::scan`].
    pub fn new(cursor: u64, count: usize) -> Self {
        let cursor = ElementHash::try_from(cursor).ok();
        Self(cursor.map(|cursor| RankedScan::new(cursor, count)))
    }

    /// Looks at up to `work` members and shows `visit` some of them, with their ranks; whether there is more to do.
    ///
    /// # Panics
    /// If `set` is a small one.
    pub fn step<'a>(
        &mut self,
        set: SortedSetRef<'a>,
        work: usize,
        mut visit: impl FnMut(u64, Pair<'a>),
    ) -> bool {
        let Form::Big(tree, _) = set.form else {
            panic!("a small sorted set is shown as a whole");
        };
        let hash = |member: &[u8]| set.hasher.hash(member);
        self.0.as_mut().is_some_and(|scan| {
            scan.step(tree, work, hash, |rank, score, member| {
                visit(rank, (Value::Bytes(member), score));
            })
        })
    }

    /// Whether what is left to do, once it has begun, takes no time worth speaking of.
    pub fn is_short(&self) -> bool {
        self.0.as_ref().is_none_or(RankedScan::is_short)
    }

    /// The cursor to go on with, once there is nothing more to do; 0 at the end.
    pub fn cursor(&self) -> u64 {
        let next = self.0.as_ref().and_then(RankedScan::cursor);
        next.map_or(0, u64::from)
    }
}
