//! Publish/subscribe between workers.
//!
//! A channel belongs to one of 256 **stripes**, each with its lock. The stripe knows, per channel, how many
//! subscriptions every worker has; who they are, only that worker knows ([`local`]). `PUBLISH` holds its
//! channel's stripe while it takes its log ticket and pushes one refcounted message to the inbox of each
//! receiving worker, so every subscriber and replica sees one order per channel.
//!
//! A subscription remembers, under the stripe lock, the number that its worker's inbox will give to the next
//! event; messages with a smaller number were published before it and are not delivered to it.
//!
//! Patterns match channels of any stripe: they change only under all stripe locks, so whoever holds one
//! stripe reads them unchanged.
//!
//! Lock order: shards, then stripes ascending, then the leaf locks (pattern table, inboxes).

pub(crate) mod local;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;
use storage::glob::glob_match;

use crate::session::ChannelKind;
use crate::worker::inbox::{Event, Inbox};
use crate::worker::set::WorkerSet;

/// Number of stripes.
const STRIPES: usize = 256;

/// All channels of the server.
pub(crate) struct PubSub {
    stripes: Box<[CachePadded<Mutex<Stripe>>]>,
    patterns: RwLock<Receivers>,
    /// Subscriptions of every kind; a publisher that sees none need not look further.
    subscriptions: AtomicUsize,
    /// Patterns, likewise.
    pattern_count: AtomicUsize,
    hasher: RandomState,
}

/// The channels of one stripe.
#[derive(Default)]
pub(crate) struct Stripe {
    channels: Receivers,
    shard_channels: Receivers,
}

/// Channels or patterns with the workers that have subscriptions to them.
type Receivers = HashMap<Arc<[u8]>, WorkerCounts, RandomState>;

/// Subscriptions per worker, in order of arrival; workers without any are absent.
#[derive(Debug, Default)]
struct WorkerCounts(SmallVec<[(u16, u32); 2]>);

impl WorkerCounts {
    fn add(&mut self, worker: u16) {
        match self.0.iter_mut().find(|(known, _)| *known == worker) {
            Some((_, count)) => *count += 1,
            None => self.0.push((worker, 1)),
        }
    }

    /// Takes one away; `true` when nobody is left.
    fn remove(&mut self, worker: u16) -> bool {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == worker) {
            self.0[at].1 -= 1;
            if self.0[at].1 == 0 {
                self.0.swap_remove(at);
            }
        }
        self.0.is_empty()
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }
}

/// A published message on its way to the subscribers of one or more workers.
#[derive(Debug)]
pub(crate) struct Message {
    /// `Channel` or `Shard`.
    pub(crate) kind: ChannelKind,
    bytes: Box<[u8]>,
    channel_len: usize,
}

impl Message {
    fn new(kind: ChannelKind, channel: &[u8], payload: &[u8]) -> Self {
        Self {
            kind,
            bytes: [channel, payload].concat().into(),
            channel_len: channel.len(),
        }
    }

    /// The channel.
    pub(crate) fn channel(&self) -> &[u8] {
        &self.bytes[..self.channel_len]
    }

    /// What was published.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[self.channel_len..]
    }

    /// Bytes held, for the inbox's bound.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + size_of::<Message>()
    }
}

impl Default for PubSub {
    fn default() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| CachePadded::default()).collect(),
            patterns: RwLock::default(),
            subscriptions: AtomicUsize::new(0),
            pattern_count: AtomicUsize::new(0),
            hasher: RandomState::default(),
        }
    }
}

impl PubSub {
    /// Whether nobody is subscribed to anything. A subscriber whose `SUBSCRIBE` has been answered is seen,
    /// because its answer and the publisher's request went through the kernel in between.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.subscriptions.load(Ordering::Acquire) == 0
    }

    /// The stripes that a unit holds from its start: those of `channels`.
    pub(crate) fn lock<'p, 'c>(
        &'p self,
        channels: impl Iterator<Item = &'c [u8]>,
    ) -> HeldStripes<'p> {
        let mut wanted: SmallVec<[u8; 4]> =
            channels.map(|channel| self.stripe_of(channel)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let held = wanted
            .iter()
            .map(|&index| (index, self.stripes[usize::from(index)].lock()))
            .collect();
        HeldStripes { pubsub: self, held }
    }

    /// All stripes, for cuts and for units that may touch any channel.
    pub(crate) fn lock_all(&self) -> HeldStripes<'_> {
        let held = self
            .stripes
            .iter()
            .enumerate()
            .map(|(at, stripe)| (at as u8, stripe.lock()))
            .collect();
        HeldStripes { pubsub: self, held }
    }

    /// No stripe; each operation locks what it needs for itself.
    #[inline]
    pub(crate) fn lock_none(&self) -> HeldStripes<'_> {
        HeldStripes {
            pubsub: self,
            held: SmallVec::new(),
        }
    }

    fn stripe_of(&self, channel: &[u8]) -> u8 {
        use std::hash::BuildHasher;
        self.hasher.hash_one(channel) as u8
    }

    /// How many different patterns there are.
    pub(crate) fn pattern_count(&self) -> usize {
        self.pattern_count.load(Ordering::Relaxed)
    }

    /// How many different channels of `kind` there are.
    pub(crate) fn channel_count(&self, kind: ChannelKind) -> usize {
        self.stripes
            .iter()
            .map(|stripe| stripe.lock().of(kind).len())
            .sum()
    }
}

impl Stripe {
    fn of(&self, kind: ChannelKind) -> &Receivers {
        match kind {
            ChannelKind::Shard => &self.shard_channels,
            _ => &self.channels,
        }
    }

    fn of_mut(&mut self, kind: ChannelKind) -> &mut Receivers {
        match kind {
            ChannelKind::Shard => &mut self.shard_channels,
            _ => &mut self.channels,
        }
    }
}

/// The stripes that a unit holds. An operation on a channel uses the held stripe, or, when the unit holds
/// none, locks the one it needs while it lasts.
pub(crate) struct HeldStripes<'p> {
    pubsub: &'p PubSub,
    held: SmallVec<[(u8, MutexGuard<'p, Stripe>); 1]>,
}

impl HeldStripes<'_> {
    /// Active channels of `kind` that match `pattern`, sorted. Not one moment's view: stripes are read one by one.
    pub(crate) fn channels(&self, kind: ChannelKind, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let matches = |name: &Arc<[u8]>| pattern.is_none_or(|pattern| glob_match(pattern, name));
        let mut names: Vec<Arc<[u8]>> = Vec::new();
        for (at, stripe) in self.pubsub.stripes.iter().enumerate() {
            let mut add = |stripe: &Stripe| {
                names.extend(stripe.of(kind).keys().filter(|name| matches(name)).cloned());
            };
            match self.held.iter().find(|(held, _)| usize::from(*held) == at) {
                Some((_, stripe)) => add(stripe),
                None => add(&stripe.lock()),
            }
        }
        names.sort_unstable();
        names
    }

    /// Subscriptions to one channel; patterns do not count.
    pub(crate) fn subscribers(&mut self, kind: ChannelKind, channel: &[u8]) -> u64 {
        self.with(channel, |stripe| {
            stripe.of(kind).get(channel).map_or(0, WorkerCounts::total)
        })
    }

    fn with<R>(&mut self, channel: &[u8], action: impl FnOnce(&mut Stripe) -> R) -> R {
        let index = self.pubsub.stripe_of(channel);
        if self.held.is_empty() {
            return action(&mut self.pubsub.stripes[usize::from(index)].lock());
        }
        let at = self.held.iter().position(|(held, _)| *held == index);
        let at = at.expect("a unit that holds stripes holds those of all its channels");
        action(&mut self.held[at].1)
    }

    /// Publishes to every subscription of the channel and every matching pattern; returns how many there
    /// are. Workers that received something are added to `woken`; whoever calls wakes them later.
    pub(crate) fn publish(
        &mut self,
        kind: ChannelKind,
        channel: &[u8],
        payload: &[u8],
        inboxes: &[CachePadded<Inbox>],
        woken: &mut WorkerSet,
    ) -> u64 {
        if self.pubsub.is_idle() {
            return 0;
        }
        let pubsub = self.pubsub;
        self.with(channel, |stripe| {
            let mut receivers = Found::default();
            if let Some(counts) = stripe.of(kind).get(channel) {
                receivers.add(counts);
            }
            // Relaxed: a pattern is added under all stripe locks, one of which is held.
            if kind == ChannelKind::Channel && pubsub.pattern_count.load(Ordering::Relaxed) > 0 {
                let patterns = pubsub.patterns.read();
                let matching = patterns
                    .iter()
                    .filter(|(pattern, _)| glob_match(pattern, channel));
                matching.for_each(|(_, counts)| receivers.add(counts));
            }
            if receivers.count > 0 {
                let message = Arc::new(Message::new(kind, channel, payload));
                for worker in receivers.workers.iter() {
                    inboxes[worker].push(Event::Message(Arc::clone(&message)));
                    woken.insert(worker);
                }
            }
            receivers.count
        })
    }

    /// Counts a new subscription of `worker` and returns the number of the first event that it receives.
    pub(crate) fn subscribe(
        &mut self,
        kind: ChannelKind,
        name: &Arc<[u8]>,
        worker: u16,
        inbox: &Inbox,
    ) -> u64 {
        // SeqCst is not needed: `is_idle` only skips work for publishers that nobody can order after this.
        self.pubsub.subscriptions.fetch_add(1, Ordering::AcqRel);
        if kind == ChannelKind::Pattern {
            return self.with_patterns(|pubsub, patterns| {
                patterns.entry(Arc::clone(name)).or_default().add(worker);
                pubsub
                    .pattern_count
                    .store(patterns.len(), Ordering::Relaxed);
                inbox.next_number()
            });
        }
        self.with(name, |stripe| {
            stripe
                .of_mut(kind)
                .entry(Arc::clone(name))
                .or_default()
                .add(worker);
            inbox.next_number()
        })
    }

    /// Takes a subscription of `worker` away again.
    pub(crate) fn unsubscribe(&mut self, kind: ChannelKind, name: &[u8], worker: u16) {
        self.pubsub.subscriptions.fetch_sub(1, Ordering::AcqRel);
        if kind == ChannelKind::Pattern {
            return self.with_patterns(|pubsub, patterns| {
                remove(patterns, name, worker);
                pubsub
                    .pattern_count
                    .store(patterns.len(), Ordering::Relaxed);
            });
        }
        self.with(name, |stripe| remove(stripe.of_mut(kind), name, worker));
    }

    fn with_patterns<R>(&mut self, action: impl FnOnce(&PubSub, &mut Receivers) -> R) -> R {
        let pubsub = self.pubsub;
        let all = self.held.is_empty().then(|| pubsub.lock_all());
        debug_assert!(
            all.is_some() || self.held.len() == STRIPES,
            "patterns change under all stripes"
        );
        action(pubsub, &mut pubsub.patterns.write())
    }
}

fn remove(receivers: &mut Receivers, name: &[u8], worker: u16) {
    if receivers
        .get_mut(name)
        .is_some_and(|counts| counts.remove(worker))
    {
        receivers.remove(name);
    }
}

/// Who receives one message.
#[derive(Default)]
struct Found {
    workers: WorkerSet,
    count: u64,
}

impl Found {
    fn add(&mut self, counts: &WorkerCounts) {
        self.count += counts.total();
        counts
            .0
            .iter()
            .for_each(|(worker, _)| self.workers.insert(usize::from(*worker)));
    }
}
