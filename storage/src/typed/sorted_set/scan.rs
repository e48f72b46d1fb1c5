//! Walking a sorted set in steps, for `ZSCAN`.

use crate::collection::fields::ElementHash;
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
