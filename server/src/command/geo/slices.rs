//! Long searches and long replies, without holding a lock: the set is pinned, searched piece by piece, and what was found
//! is written as the client takes it.

use protocol::Reply;
use storage::collection::ranked::RankedTree;
use storage::listpack::Value;
use storage::typed::sorted_set::{
    Aggregate, Comes, GeoHit, GeoScan, GeoSearch, SortedHits, SortedSetRef, Sorter,
};
use storage::typed::{CollectionRef, Held};
use storage::{ElementHasher, Keyspace, PinnedCollection};

use super::query::Shown;
use super::search::{Stored, write_hit};
use crate::command::bulk::Steps;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::output::ReplySource;

/// Members that one slice looks at.
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
            let hits = scan.into_hits();
            ctx.reply.array(hits.len());
            if hits.len() > 0 {
                ctx.reply
                    .rest_from(Box::new(PinnedHits { set, hits, shown }));
            }
        }
        SliceProgress::Done
    }

    fn only_answers(&self) -> bool {
        true
    }
}

/// A search whose result is to be stored.
#[derive(Debug)]
pub(super) struct StoreSearch {
    held: Held,
    hasher: ElementHasher,
    search: Searched,
    pub(super) stored: Stored,
    sorter: Sorter,
}

#[derive(Debug)]
enum Searched {
    /// It is under way.
    Not(Box<GeoScan>),
    /// What was found and is still to be sorted by scores.
    Found(SortedHits<u64>),
    Nothing,
}

/// Taking a member that was found takes as long as looking at so many.
const TAKING: usize = 4;

impl StoreSearch {
    /// A search of a big sorted set that was held.
    pub(super) fn new(held: Held, search: &GeoSearch, stored: Stored, keyspace: &Keyspace) -> Self {
        Self {
            held,
            hasher: keyspace.hasher().elements(),
            search: Searched::Not(Box::new(GeoScan::new(search))),
            stored,
            // No member comes twice; how many there are shows once they are found.
            sorter: Sorter::new(0, Comes::Anyhow(Aggregate::Max), keyspace),
        }
    }

    /// What is searched.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// What was found, once nothing is left to do.
    pub(super) fn finish(self) -> RankedTree {
        self.sorter.finish()
    }
}

impl Steps for StoreSearch {
    fn step(&mut self, work: usize) -> bool {
        let content = self.held.content();
        let set = content.and_then(|content| SortedSetRef::of(content, self.hasher));
        let Some(set) = set else {
            return false;
        };
        match &mut self.search {
            Searched::Not(scan) => {
                if !scan.step(set, work) {
                    let scan = std::mem::replace(&mut self.search, Searched::Nothing);
                    if let Searched::Not(scan) = scan {
                        let hits = scan.into_hits();
                        self.sorter.expect(hits.len() as u64);
                        self.search = Searched::Found(hits);
                    }
                }
                true
            }
            Searched::Nothing => self.sorter.step(work),
            Searched::Found(hits) => {
                if hits.len() == 0 {
                    self.search = Searched::Nothing;
                    return true;
                }
                for hit in hits.take(work / TAKING) {
                    let (member, _) = set.at(hit.member).expect("it was found at this rank");
                    let score = self.stored.score(hit.score, hit.distance);
                    let mut digits = itoa::Buffer::new();
                    let member = match member {
                        Value::Bytes(bytes) => bytes,
                        Value::Int(number) => digits.format(number).as_bytes(),
                    };
                    self.sorter.push(self.hasher.hash(member), member, score);
                }
                true
            }
        }
    }
}

/// What was found and is still to be answered.
#[derive(Debug)]
struct PinnedHits {
    set: PinnedSet,
    hits: SortedHits<u64>,
    shown: Shown,
}

impl ReplySource for PinnedHits {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position().saturating_add(bytes);
        let set = self.set.get();
        for hit in self.hits.by_ref() {
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
        self.hits.len() > 0
    }

    fn held_bytes(&self) -> usize {
        self.set.pin.memory_bytes() + self.hits.memory_bytes()
    }
}
