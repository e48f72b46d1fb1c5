//! Sorting many elements without holding their lock: of a pin, in slices.
//!
//! Keys that are looked up meanwhile are read one at a time, and watched: if one of them changes before the command runs
//! again, or the elements of what is to be stored do, it begins anew. See `ARCHITECTURE.md`.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use protocol::{Reply, Version};
use storage::typed::{Held, ListBuilder};
use storage::{DbIndex, ElementHasher, FamilyChanges, FamilyWatch, Key, LockPlan, Unit};

use super::elements::{Elements, Share};
use super::options::SortOptions;
use super::order::{Order, Sorting};
use super::pattern::{OwnedPattern, value_at};
use crate::blocking::serve::note_what_is_heard;
use crate::command::bulk::SLICE;
use crate::command::context::{SliceContext, SliceProgress, Slices};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::output::ReplySource;

/// Elements between looks at the clock.
const STEP_ELEMENTS: usize = 64;
/// The same where keys are looked up.
const STEP_LOOKUPS: usize = 16;
/// Bytes of an answer that are kept together.
const CHUNK_BYTES: usize = 16 * 1024;
/// Expired keys that the command removes before it stores something.
const EXPIRED_MAX: usize = 64;

/// A `SORT` on its way.
#[derive(Debug)]
pub(super) struct SortSlices {
    /// How often it has been begun.
    pub(super) attempts: u32,
    source: Held,
    db: DbIndex,
    options: SortOptions<Box<[u8]>>,
    /// The numbers of the elements that are still to be loaded.
    left_to_load: Range<u64>,
    elements: Elements,
    sorting: Sorting,
    failure: Option<CommandError>,
    /// Elements in order that are still to be passed over.
    left_to_skip: usize,
    /// Elements in order that are still to be put into `made`.
    left_to_make: usize,
    /// The element of which some values have been made.
    element: Vec<u8>,
    /// How many of its values have.
    values_made: usize,
    made: Made,
    lookups: LookUps,
}

/// What comes of it.
#[derive(Debug)]
enum Made {
    /// The sorted elements themselves, written as the client takes them: so many.
    Sorted(usize),
    /// An answer of so many values, as it is written.
    Reply(usize, Version, Chunks),
    /// What is to be stored.
    List(ListBuilder),
}

impl SortSlices {
    /// Begins for the `attempts`-th time. `is_exact`: what is looked up must not have changed until the end.
    pub(super) fn new(
        ctx: &mut Context<'_, '_>,
        source: Held,
        share: Share,
        options: &SortOptions<&[u8]>,
        attempts: u32,
        is_exact: bool,
    ) -> Self {
        let count = share.answered.len();
        let made = if options.destination.is_some() {
            Made::List(ListBuilder::new(&ctx.config.limits, &ctx.server.keyspace))
        } else if options.gets.is_empty() {
            Made::Sorted(count)
        } else {
            let values = count * options.gets.len();
            Made::Reply(values, ctx.reply.version(), Chunks::default())
        };
        let mut families = options.families().peekable();
        let db = ctx.db();
        let watch = (is_exact && families.peek().is_some()).then(|| Watch {
            families: ctx.unit.watch_families(db, families),
            hasher: ctx.server.keyspace.hasher().elements(),
            seen: HashSet::default(),
            is_touched: false,
        });
        let order = Order::new(options, share.is_reversed);
        Self {
            attempts,
            source,
            db,
            options: options.to_owned(),
            left_to_load: share.loaded,
            elements: Elements::default(),
            sorting: Sorting::new(order, options.descending),
            failure: None,
            left_to_skip: share.answered.start,
            left_to_make: count,
            element: Vec::new(),
            values_made: 0,
            made,
            lookups: LookUps {
                watch,
                is_first: attempts == 1,
                expired: Vec::new(),
            },
        }
    }

    /// Whether what it was made of is still the same.
    pub(super) fn is_current(&mut self, ctx: &mut Context<'_, '_>, source: &Key<'_>) -> bool {
        let stores = self.options.destination.is_some();
        if !stores && self.lookups.watch.is_none() {
            return true;
        }
        if let Some(watch) = &mut self.lookups.watch {
            // What is answered may be what was true a moment ago; what is stored may not.
            let changes = if stores {
                ctx.unit.take_family_changes(&watch.families)
            } else {
                watch.families.take_changes()
            };
            watch.note(changes);
            if watch.is_touched {
                return false;
            }
        }
        if !ctx.unit.still_holds(self.db, source, &self.source) {
            return false;
        }
        if !stores {
            return true;
        }
        if self.lookups.expired.len() > EXPIRED_MAX {
            return false;
        }
        // They go ahead of what is made without them.
        for name in &self.lookups.expired {
            let key = ctx.server.keyspace.key(name);
            ctx.unit.expire_if_due(self.db, &key);
        }
        true
    }

    /// Answers, or stores, what it has come to. What is left of it is freed once the locks are gone.
    pub(super) fn finish(
        mut self: Box<Self>,
        ctx: &mut Context<'_, '_>,
        args: Args<'_>,
    ) -> CommandResult {
        let done = self.failure.take().map_or(Ok(()), Err);
        if done.is_ok() {
            match std::mem::replace(&mut self.made, Made::Sorted(0)) {
                Made::Sorted(left) => {
                    ctx.reply.array(left);
                    if left > 0 {
                        let none = Sorting::new(Order::Own { alphabetic: true }, false);
                        let sorting = std::mem::replace(&mut self.sorting, none);
                        ctx.reply.rest_from(Box::new(Sorted { sorting, left }));
                    }
                }
                Made::Reply(values, _, chunks) => {
                    ctx.reply.array(values);
                    if values > 0 {
                        ctx.reply.rest_from(Box::new(chunks));
                    }
                }
                Made::List(list) => {
                    let at = self.options.destination.unwrap_or_default();
                    super::store(ctx, list, &ctx.key(args, at));
                }
            }
        }
        ctx.after_unit(move |_| drop(self));
        done
    }

    /// Does the next bit; whether something is left to do.
    fn step(&mut self, ctx: &mut SliceContext<'_>) -> bool {
        if !self.left_to_load.is_empty() {
            return match self.load_some(ctx) {
                Ok(()) => true,
                Err(error) => {
                    self.failure = Some(error);
                    false
                }
            };
        }
        if self.left_to_skip > 0 {
            for _ in 0..self.left_to_skip.min(STEP_ELEMENTS) {
                self.sorting.next();
                self.left_to_skip -= 1;
            }
            return true;
        }
        if let Made::Sorted(_) = self.made {
            return false;
        }
        if self.options.gets.is_empty() {
            self.make_elements();
        } else {
            self.make_values(ctx);
        }
        self.left_to_make > 0
    }

    fn load_some(&mut self, ctx: &mut SliceContext<'_>) -> Result<(), CommandError> {
        let by = self.options.weights();
        let some = if by.is_some() {
            STEP_LOOKUPS
        } else {
            STEP_ELEMENTS
        };
        let Range { start, end } = self.left_to_load;
        let until = end.min(start + some as u64);
        if let Some(content) = self.source.content() {
            self.elements.load(content, start..until);
        }
        for element in self.elements.iter() {
            let lookups = &mut self.lookups;
            lookups.note(element, (end - start) as usize);
            self.sorting.add(element, |element| {
                lookups.look_up(ctx, self.db, by?, element)
            })?;
        }
        self.left_to_load.start = until;
        if self.left_to_load.is_empty() {
            self.sorting.check()?;
        }
        Ok(())
    }

    fn make_elements(&mut self) {
        for _ in 0..self.left_to_make.min(STEP_ELEMENTS) {
            self.left_to_make -= 1;
            let element = self.sorting.next();
            if let (Made::List(list), Some(element)) = (&mut self.made, element) {
                list.push(element);
            }
        }
    }

    /// There may be thousands of patterns for each element, so a step may end within one.
    fn make_values(&mut self, ctx: &mut SliceContext<'_>) {
        for _ in 0..STEP_LOOKUPS {
            if self.left_to_make == 0 {
                return;
            }
            if self.values_made == 0 {
                let Some(element) = self.sorting.next() else {
                    self.left_to_make = 0;
                    return;
                };
                self.element.clear();
                self.element.extend_from_slice(element);
            }
            let pattern = &self.options.gets[self.values_made];
            let value = match pattern {
                OwnedPattern::Element => Some(self.element.clone()),
                _ => self.lookups.look_up(ctx, self.db, pattern, &self.element),
            };
            match &mut self.made {
                // What is missing is stored as an empty string.
                Made::List(list) => list.push(value.as_deref().unwrap_or_default()),
                Made::Reply(_, version, chunks) => chunks.push(*version, value.as_deref()),
                Made::Sorted(_) => {}
            }
            self.values_made += 1;
            if self.values_made == self.options.gets.len() {
                self.values_made = 0;
                self.left_to_make -= 1;
            }
        }
    }
}

impl Slices for SortSlices {
    fn next(&mut self, ctx: &mut SliceContext<'_>) -> SliceProgress {
        let started = Instant::now();
        loop {
            // If it is in vain it ends at once.
            if self.lookups.are_touched() || self.failure.is_some() || !self.step(ctx) {
                return SliceProgress::Prepared;
            }
            if started.elapsed() > SLICE {
                return SliceProgress::More;
            }
        }
    }

    fn only_answers(&self) -> bool {
        self.options.destination.is_none()
    }
}

/// Reading other keys, each in a unit of its own.
#[derive(Debug)]
struct LookUps {
    watch: Option<Watch>,
    /// What is looked up again is not counted and announced again.
    is_first: bool,
    /// Keys that are there no more, though nobody has removed them yet; no more than one above [`EXPIRED_MAX`].
    expired: Vec<Box<[u8]>>,
}

impl LookUps {
    /// Notes an element for which keys are going to be read. The first time, `left` of them are to come.
    fn note(&mut self, element: &[u8], left: usize) {
        if let Some(watch) = &mut self.watch {
            if watch.seen.is_empty() {
                watch.seen.reserve(left);
            }
            watch.seen.insert(watch.hasher.hash(element));
        }
    }

    /// Whether a key has changed that was read, or is going to be.
    fn are_touched(&mut self) -> bool {
        self.watch.as_mut().is_some_and(|watch| {
            let changes = watch.families.take_changes();
            watch.note(changes);
            watch.is_touched
        })
    }

    fn look_up(
        &mut self,
        ctx: &mut SliceContext<'_>,
        db: DbIndex,
        pattern: &OwnedPattern,
        element: &[u8],
    ) -> Option<Vec<u8>> {
        let name = pattern.key_for(element)?;
        let keyspace = &ctx.server.keyspace;
        let key = keyspace.key(&name);
        let mut unit = Unit::begin(keyspace, LockPlan::Read(key.hash.shard), ctx.now);
        if self.is_first {
            note_what_is_heard(&mut unit, ctx.events);
        }
        let value = value_at(&mut unit, db, pattern, &key);
        if unit.owes() {
            self.settle(ctx, &mut unit);
        }
        if self.is_first {
            let stats = ctx.server.stats.worker(ctx.worker);
            stats.add_tally(std::mem::take(&mut unit.tally));
        }
        value
    }

    #[cold]
    fn settle(&mut self, ctx: &mut SliceContext<'_>, unit: &mut Unit<'_>) {
        for (_, name) in unit.take_stale() {
            if self.expired.len() <= EXPIRED_MAX {
                self.expired.push(name);
            }
        }
        for note in unit.take_notes() {
            ctx.events.push_note(&note);
        }
        if !ctx.events.is_empty() {
            let mut stripes = ctx.server.pubsub.lock_none();
            ctx.events
                .publish(&mut stripes, &ctx.server.inboxes, ctx.woken);
        }
    }
}

/// Changes of what is read.
struct Watch {
    families: Arc<FamilyWatch>,
    hasher: ElementHasher,
    /// The hashes of the elements.
    seen: HashSet<u32, RandomState>,
    is_touched: bool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Watch({} elements, touched: {})",
            self.seen.len(),
            self.is_touched
        )
    }
}

impl Watch {
    fn note(&mut self, changes: Option<FamilyChanges>) {
        let Some(changes) = changes else {
            return;
        };
        let mut middles = changes.middles.iter();
        let is_one = |middle: &[u8]| self.seen.contains(&self.hasher.hash(middle));
        self.is_touched |= changes.is_more || middles.any(|middle| is_one(middle));
    }
}

/// Elements in order, taken as the client takes them.
#[derive(Debug)]
struct Sorted {
    sorting: Sorting,
    left: usize,
}

impl ReplySource for Sorted {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position().saturating_add(bytes);
        while self.left > 0 && reply.position() < end {
            self.left -= 1;
            match self.sorting.next() {
                Some(element) => reply.bulk(element),
                None => return false,
            }
        }
        self.left > 0
    }

    fn held_bytes(&self) -> usize {
        self.sorting.memory_bytes()
    }
}

/// Values as they are written, some of them together.
#[derive(Debug, Default)]
struct Chunks {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes of all.
    bytes: usize,
}

impl Chunks {
    fn push(&mut self, version: Version, value: Option<&[u8]>) {
        let is_full = |last: &Vec<u8>| last.len() >= CHUNK_BYTES;
        if self.chunks.back().is_none_or(is_full) {
            self.chunks.push_back(Vec::new());
        }
        if let Some(last) = self.chunks.back_mut() {
            let before = last.len();
            Reply::new(last, version).bulk_or_null(value);
            self.bytes += last.len() - before;
        }
    }
}

impl ReplySource for Chunks {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position().saturating_add(bytes);
        while reply.position() < end {
            match self.chunks.pop_front() {
                Some(chunk) => {
                    self.bytes -= chunk.len();
                    reply.raw(&chunk);
                }
                None => return false,
            }
        }
        !self.chunks.is_empty()
    }

    fn held_bytes(&self) -> usize {
        self.bytes
    }
}
