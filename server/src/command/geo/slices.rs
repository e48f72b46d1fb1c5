//! Long searches and long replies, without holding a lock: the set is pinned, searched piece by piece, and what was found
//! is written as the client takes it.

use protocol::Reply;
use storage::typed::CollectionRef;
use storage::typed::sorted_set::{GeoHit, GeoScan, GeoSearch, SortedSetRef};
use storage::{ElementHasher, PinnedCollection};

use super::query::Shown;
use super::search::write_hit;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::output::ReplySource;

/// Members that one slice looks at, or sorts.
const MEMBERS_AT_ONCE: usize = 1024;

/// A search on its way; `None` once it is answered.
#[derive(Debug)]
pub(super) struct GeoSlices(Option<PinnedSearch>);

#[derive(Debug)]
struct PinnedSearch {
    set: PinnedSet,
    scan: GeoScan,
    shown: Shown,
}

/// A big sorted set as it was.
#[derive(Debug)]
struct PinnedSet {
    pin: PinnedCollection,
    hasher: ElementHasher,
}

impl PinnedSet {
    fn get(&self) -> SortedSetRef<'_> {
        let set = SortedSetRef::of(CollectionRef::Big(&self.pin), self.hasher);
        set.expect("a sorted set was pinned")
    }
}

impl GeoSlices {
    /// A search of what is pinned.
    pub(super) fn new(
        pin: PinnedCollection,
        hasher: ElementHasher,
        search: &GeoSearch,
        shown: Shown,
    ) -> Self {
        Self(Some(PinnedSearch {
            set: PinnedSet { pin, hasher },
            scan: GeoScan::new(search),
            shown,
        }))
    }
}

impl Slices for GeoSlices {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        if let Some(search) = &mut self.0
            && search.scan.step(search.set.get(), MEMBERS_AT_ONCE)
        {
            return SliceProgress::More;
        }
        if let Some(PinnedSearch { set, scan, shown }) = self.0.take() {
            let reversed = scan.into_reversed();
            ctx.reply.array(reversed.len());
            if !reversed.is_empty() {
                ctx.reply.rest_from(Box::new(PinnedHits {
                    set,
                    reversed,
                    shown,
                }));
            }
        }
        SliceProgress::Done
    }
}

/// What was found and is still to be answered, the last one first.
#[derive(Debug)]
struct PinnedHits {
    set: PinnedSet,
    reversed: Vec<GeoHit<u64>>,
    shown: Shown,
}

impl ReplySource for PinnedHits {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position().saturating_add(bytes);
        let set = self.set.get();
        while let Some(hit) = self.reversed.pop() {
            let (member, score) = set.at(hit.member).expect("it was found at this rank");
            let distance = hit.distance;
            let hit = GeoHit {
                member,
                score,
                distance,
            };
            write_hit(reply, &hit, self.shown);
            if reply.position() >= end {
                break;
            }
        }
        !self.reversed.is_empty()
    }
}
