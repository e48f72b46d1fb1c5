//! Streams against ordered maps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Name = &'static [u8];

const GROUPS: [Name; 3] = [b"a", b"group", b"group of many"];
const CONSUMERS: [Name; 5] = [b"", b"anna", b"annabella", b"annabelle", b"zoe"];

/// A pending entry: whose, since when (or its place among those released), how often delivered.
type ModelPending = (Option<Name>, i64, u64);

#[derive(Clone, Debug, Default, PartialEq)]
struct ModelGroup {
    last_id: StreamId,
    pending: BTreeMap<StreamId, ModelPending>,
    /// When seen, and when active.
    consumers: BTreeMap<Name, (i64, Option<i64>)>,
    released: i64,
}

#[derive(Clone, Debug, Default)]
struct Model {
    entries: BTreeMap<StreamId, Pairs>,
    last_id: StreamId,
    max_deleted_id: StreamId,
    added: u64,
    groups: BTreeMap<Name, ModelGroup>,
    now: i64,
}

impl Model {
    fn needs(&self, id: StreamId) -> bool {
        let needs = |group: &ModelGroup| id > group.last_id || group.pending.contains_key(&id);
        self.groups.values().any(needs)
    }

    fn forget(&mut self, id: StreamId) {
        for group in self.groups.values_mut() {
            group.pending.remove(&id);
        }
    }

    /// The entry at a share of all, in 256ths, or one that is not there.
    fn id_at(&self, share: u8) -> StreamId {
        let at = self.entries.len() * usize::from(share) / 250;
        let found = self.entries.keys().nth(at).copied();
        found.unwrap_or(StreamId::new(u64::from(share), 3))
    }

    fn check(&self, stream: &Stream) {
        let entries = stream.entries();
        let all: Vec<_> = self.entries.clone().into_iter().collect();
        assert_eq!(entries_of(entries.iter()), all);
        let mut back = entries_of(entries.range_back(StreamId::MIN, StreamId::MAX));
        back.reverse();
        assert_eq!(back, all);
        for share in [30, 128, 249] {
            let (first, last) = (self.id_at(share / 2), self.id_at(share));
            let expected: Vec<_> = match first <= last {
                true => self.entries.range(first..=last).collect(),
                false => Vec::new(),
            };
            let range = entries_of(entries.range(first, last));
            assert!(range.iter().map(|(id, fields)| (id, fields)).eq(expected));
            let mut back = entries_of(entries.range_back(first, last));
            back.reverse();
            assert_eq!(back, range);
            assert_eq!(entries.contains(last), self.entries.contains_key(&last));
        }
        let edge = |id: Option<&StreamId>| id.copied().unwrap_or_default();
        assert_eq!(stream.len(), all.len() as u64);
        assert_eq!(stream.is_empty(), all.is_empty());
        assert_eq!(entries.first_id(), edge(self.entries.keys().next()));
        assert_eq!(entries.top(), self.entries.keys().next_back().copied());
        assert_eq!(entries.last_id(), self.last_id);
        assert_eq!(entries.max_deleted_id(), self.max_deleted_id);
        assert_eq!(entries.added(), self.added);
        assert_eq!(stream.groups().len(), self.groups.len());
        for ((name, group), (model_name, model)) in stream.groups().iter().zip(&self.groups) {
            assert_eq!(name, *model_name);
            self.check_group(model, group, entries);
        }
    }

    fn check_group(&self, model: &ModelGroup, group: &Group, entries: &Entries) {
        assert_eq!(group.last_id(), model.last_id);
        let (consumers, pending) = (group.consumers(), group.pending());
        pending.audit();
        let name_of = |number| consumers.get(number).unwrap().name();
        let found: Vec<_> = pending
            .iter_from(StreamId::MIN)
            .map(|(id, pending)| {
                let owner = pending.consumer().map(name_of);
                (id, (owner, pending.since, pending.deliveries))
            })
            .collect();
        let expected: Vec<_> = model.pending.clone().into_iter().collect();
        assert_eq!(found, expected);
        assert_eq!(pending.len(), expected.len() as u64);
        let bounds = expected.first().zip(expected.last());
        assert_eq!(
            pending.bounds(),
            bounds.map(|(first, last)| (first.0, last.0))
        );
        let of = |name: Option<Name>| model.pending.iter().filter(move |(_, of)| of.0 == name);
        assert_eq!(pending.len_of_nobody(), of(None).count() as u64);
        assert_eq!(consumers.len(), model.consumers.len() as u64);
        for ((number, consumer), (&name, times)) in consumers.iter().zip(&model.consumers) {
            assert_eq!(
                (consumer.name(), consumers.find(name)),
                (name, Some(number))
            );
            let active_at = consumer.active_at.map(|at| at.0);
            assert_eq!((consumer.seen_at.0, active_at), *times);
            assert_eq!(pending.len_of(number), of(Some(name)).count() as u64);
            let ids = pending.ids_of(number, StreamId::MIN);
            assert!(ids.eq(of(Some(name)).map(|(id, _)| *id)));
        }
        // What is known of the lag is true.
        if let Some(lag) = group.lag(entries) {
            let behind = self.entries.keys().filter(|&&id| id > model.last_id);
            assert_eq!(lag, behind.count() as i64);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// How far above the last ID, and how many fields of what names.
    Add(u64, usize, u8),
    Delete(u8, References),
    TrimLast(u64, Precision, References),
    TrimFrom(u8, Precision, References),
    /// From where.
    CreateGroup(Name, u8),
    SetGroupId(Name, u8),
    DestroyGroup(Name),
    CreateConsumer(Name, Name),
    DeleteConsumer(Name, Name),
    /// How many, and whether to be acknowledged.
    Read(Name, Name, usize, bool),
    Redeliver(Name, u8),
    Acknowledge(Name, u8),
    AcknowledgeAndDelete(Name, u8, References),
    Claim(Name, Name, u8, Claim),
    ClaimFrom(Name, Name, u8, usize, i64),
    ClaimOldest(Name, Name, usize, i64),
    Release(Name, u8, Release, bool),
    Wait(i64),
    Pin,
    Unpin,
}

fn references() -> impl Strategy<Value = References> {
    use References::{Acked, Delete, Keep};
    prop::sample::select(vec![Keep, Keep, Delete, Acked])
}

fn precision() -> impl Strategy<Value = Precision> {
    let nodes = (0..20u64).prop_map(|limit| Precision::Nodes { limit });
    prop_oneof![Just(Precision::Exact), nodes]
}

fn claim() -> impl Strategy<Value = Claim> {
    let deliveries = prop::option::of(0..9u64);
    (0..9i64, 0..9i64, deliveries, any::<(bool, bool)>()).prop_map(
        |(min_idle_ms, delivered_at_ms, deliveries, (counts, force))| Claim {
            min_idle_ms,
            delivered_at_ms,
            deliveries,
            counts,
            force,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let group = || prop::sample::select(GROUPS.to_vec());
    let consumer = || prop::sample::select(CONSUMERS.to_vec());
    let share = any::<u8>;
    let release = prop_oneof![
        Just(Release::Silent),
        Just(Release::Fail),
        Just(Release::Fatal),
        (0..9u64).prop_map(Release::Deliveries),
    ];
    prop_oneof![
        20 => (1..5u64, 1..4usize, 0..3u8).prop_map(|(gap, fields, names)| Step::Add(gap, fields, names)),
        4 => (share(), references()).prop_map(|(at, references)| Step::Delete(at, references)),
        1 => (0..40u64, precision(), references()).prop_map(|(count, precision, references)| Step::TrimLast(count, precision, references)),
        1 => (share(), precision(), references()).prop_map(|(at, precision, references)| Step::TrimFrom(at, precision, references)),
        1 => (group(), share()).prop_map(|(group, at)| Step::CreateGroup(group, at)),
        1 => (group(), share()).prop_map(|(group, at)| Step::SetGroupId(group, at)),
        1 => group().prop_map(Step::DestroyGroup),
        1 => (group(), consumer()).prop_map(|(group, consumer)| Step::CreateConsumer(group, consumer)),
        1 => (group(), consumer()).prop_map(|(group, consumer)| Step::DeleteConsumer(group, consumer)),
        8 => (group(), consumer(), 0..9usize, any::<bool>()).prop_map(|(group, consumer, count, ack)| Step::Read(group, consumer, count, ack)),
        1 => (group(), share()).prop_map(|(group, at)| Step::Redeliver(group, at)),
        3 => (group(), share()).prop_map(|(group, at)| Step::Acknowledge(group, at)),
        1 => (group(), share(), references()).prop_map(|(group, at, references)| Step::AcknowledgeAndDelete(group, at, references)),
        2 => (group(), consumer(), share(), claim()).prop_map(|(group, consumer, at, claim)| Step::Claim(group, consumer, at, claim)),
        1 => (group(), consumer(), share(), 1..5usize, 0..9i64).prop_map(|(group, consumer, at, count, idle)| Step::ClaimFrom(group, consumer, at, count, idle)),
        1 => (group(), consumer(), 1..5usize, 0..9i64).prop_map(|(group, consumer, count, idle)| Step::ClaimOldest(group, consumer, count, idle)),
        1 => (group(), share(), release, any::<bool>()).prop_map(|(group, at, release, force)| Step::Release(group, at, release, force)),
        3 => (1..5i64).prop_map(Step::Wait),
        1 => Just(Step::Pin),
        1 => Just(Step::Unpin),
    ]
}

/// A stream and what it should be.
#[derive(Clone, Default)]
struct Both {
    stream: Stream,
    model: Model,
    limits: NodeLimits,
}

impl Both {
    fn add(&mut self, gap: u64, fields: usize, names: u8) {
        let Self { stream, model, .. } = self;
        let id = StreamId::new(
            model.last_id.ms + gap / 2,
            model.last_id.seq + gap % 2 * 7 + 1,
        );
        let text = |field: usize| {
            let name = format!("{names}{field}").into_bytes();
            (name, format!("value {}", id.ms * 3 % 1_000).into_bytes())
        };
        let fields: Vec<_> = (0..fields).map(text).collect();
        let borrowed: Vec<_> = fields
            .iter()
            .map(|(name, value)| (&name[..], &value[..]))
            .collect();
        let now = UnixMillis(model.now);
        let added = stream.add(NewId::Given(id), &borrowed, now, self.limits);
        assert_eq!(added, Ok(id));
        assert_eq!(
            stream.add(NewId::Given(id), &borrowed, now, self.limits),
            Err(AddError::NotAbove)
        );
        model.entries.insert(id, fields);
        model.last_id = id;
        model.added += 1;
    }

    fn delete(&mut self, id: StreamId, references: References) -> Deleted {
        let model = &mut self.model;
        if references == References::Delete {
            model.forget(id);
        }
        if !model.entries.contains_key(&id) {
            return Deleted::Missing;
        }
        if references == References::Acked && model.needs(id) {
            return Deleted::Kept;
        }
        model.entries.remove(&id);
        model.max_deleted_id = model.max_deleted_id.max(id);
        Deleted::Yes
    }

    fn trim(&mut self, keep: Keep, precision: Precision, references: References) {
        // What is pending may have been forgotten ahead, before entries were added.
        let stream = &mut self.stream;
        let is_ahead = references == References::Delete && self.model.added % 2 == 1;
        let trimmed = if is_ahead {
            let before = stream.clone();
            let (mut forgetting, count) = stream.forgetting(keep, precision);
            while stream.forget_some(&mut forgetting, 2) {}
            let forgotten = forgetting.until(before.entries());
            let pending = |stream: &Stream| -> usize {
                let groups = stream.groups().iter();
                let below = |group: &Group| {
                    let all = group.pending().iter_from(StreamId::MIN);
                    all.take_while(|(id, _)| *id < forgotten).count()
                };
                groups.map(|(_, group)| below(group)).sum()
            };
            assert_eq!(count, pending(&before) as u64);
            stream.trim_forgotten(keep, precision, references, forgotten)
        } else {
            stream.trim(keep, precision, references)
        };
        let model = &mut self.model;
        let surplus = match keep {
            Keep::Last(count) => model.entries.len().saturating_sub(count as usize),
            Keep::From(id) => model.entries.range(..id).count(),
        };
        let mut may_go: Vec<_> = model.entries.keys().copied().collect();
        if let Keep::From(_) = keep {
            may_go.truncate(surplus);
        }
        if references == References::Acked {
            may_go.retain(|&id| !model.needs(id));
        }
        may_go.truncate(surplus);
        let gone = trimmed.entries as usize;
        match precision {
            Precision::Exact => assert_eq!(gone, may_go.len()),
            Precision::Nodes { limit } => {
                assert!(gone <= may_go.len());
                assert!(limit == 0 || gone <= limit as usize);
            }
        }
        for id in &may_go[..gone] {
            model.entries.remove(id);
            if references == References::Delete {
                model.forget(*id);
            }
        }
        let mut remains = trimmed.remains;
        while remains.free_some(2) > 0 {}
        assert!(remains.is_empty());
    }

    /// Runs `change` on a group, if it is there, in both.
    fn group(&mut self, name: Name, change: impl FnOnce(GroupMut<'_>, &mut ModelGroup, &Model)) {
        let view = self.model.clone();
        let group = self.stream.group_mut(name);
        let model = self.model.groups.get_mut(name);
        assert_eq!(group.is_some(), model.is_some());
        if let (Some(group), Some(model)) = (group, model) {
            change(group, model, &view);
        }
    }

    /// The same, as a consumer.
    fn visit(
        &mut self,
        name: Name,
        consumer: Name,
        change: impl FnOnce(&mut GroupMut<'_>, ConsumerNumber, &mut ModelGroup, &Model),
    ) {
        self.group(name, |mut group, model, view| {
            let (number, is_new) = group.visit(consumer, UnixMillis(view.now));
            let times = model.consumers.entry(consumer);
            assert_eq!(
                is_new,
                matches!(times, std::collections::btree_map::Entry::Vacant(_))
            );
            times.or_default().0 = view.now;
            change(&mut group, number, model, view);
        });
    }

    fn run(&mut self, step: &Step) {
        let now = UnixMillis(self.model.now);
        match *step {
            Step::Add(gap, fields, names) => self.add(gap, fields, names),
            Step::Delete(at, references) => {
                let id = self.model.id_at(at);
                let deleted = self.stream.delete(id, references);
                assert_eq!(deleted, self.delete(id, references));
            }
            Step::TrimLast(count, precision, references) => {
                self.trim(Keep::Last(count), precision, references);
            }
            Step::TrimFrom(at, precision, references) => {
                let id = self.model.id_at(at);
                self.trim(Keep::From(id), precision, references);
            }
            Step::CreateGroup(name, at) => {
                let last_id = self.model.id_at(at);
                let is_new = !self.model.groups.contains_key(name);
                assert_eq!(self.stream.create_group(name, last_id, None), is_new);
                let group = ModelGroup {
                    last_id,
                    ..ModelGroup::default()
                };
                self.model.groups.entry(name).or_insert(group);
            }
            Step::SetGroupId(name, at) => self.group(name, |mut group, model, view| {
                model.last_id = view.id_at(at);
                group.set_last_id(model.last_id, None);
            }),
            Step::DestroyGroup(name) => {
                let there = self.model.groups.remove(name).is_some();
                let remains = self.stream.destroy_group(name);
                assert_eq!(remains.is_some(), there);
                let mut remains = remains.unwrap_or_default();
                while remains.free_some(1) > 0 {}
                assert!(remains.is_empty());
            }
            Step::CreateConsumer(name, consumer) => self.group(name, |mut group, model, _| {
                let number = group.create_consumer(consumer, now);
                assert_eq!(number.is_some(), !model.consumers.contains_key(consumer));
                model.consumers.entry(consumer).or_insert((now.0, None));
            }),
            Step::DeleteConsumer(name, consumer) => self.group(name, |mut group, model, _| {
                let deleted = group.delete_consumer(consumer);
                let there = model.consumers.remove(consumer).is_some();
                let before = model.pending.len();
                model
                    .pending
                    .retain(|_, pending| pending.0 != Some(consumer));
                let gone = there.then_some((before - model.pending.len()) as u64);
                assert_eq!(deleted.map(|(count, _)| count), gone);
            }),
            Step::Read(name, consumer, count, ack) => self.read(name, consumer, count, ack),
            Step::Redeliver(name, at) => self.group(name, |mut group, model, view| {
                let id = view.id_at(at);
                let pending = model.pending.get_mut(&id).map(|pending| {
                    (pending.1, pending.2) = (now.0, once_more(pending.2));
                    pending.2
                });
                let found = group.redeliver(id, now);
                assert_eq!(found.map(|pending| pending.deliveries), pending);
            }),
            Step::Acknowledge(name, at) => self.group(name, |mut group, model, view| {
                let id = view.id_at(at);
                assert_eq!(group.acknowledge(id), model.pending.remove(&id).is_some());
            }),
            Step::AcknowledgeAndDelete(name, at, references) => {
                let id = self.model.id_at(at);
                let done = self.stream.acknowledge_and_delete(name, id, references);
                let group = self.model.groups.get_mut(name);
                let was_pending = group.and_then(|group| group.pending.remove(&id)).is_some();
                let expected = match was_pending {
                    true if self.delete(id, references) == Deleted::Kept => Deleted::Kept,
                    true => Deleted::Yes,
                    false => Deleted::Missing,
                };
                assert_eq!(done, expected);
            }
            Step::Claim(name, consumer, at, claim) => {
                self.visit(name, consumer, |group, number, model, view| {
                    let id = view.id_at(at);
                    let claimed = group.claim(number, id, &claim, now);
                    assert_eq!(
                        claimed == Claimed::Yes,
                        model.claim(consumer, id, &claim, view)
                    );
                });
            }
            Step::ClaimFrom(name, consumer, at, count, min_idle_ms) => {
                self.claim_from(name, consumer, at, count, min_idle_ms);
            }
            Step::ClaimOldest(name, consumer, count, min_idle_ms) => {
                self.claim_oldest(name, consumer, count, min_idle_ms);
            }
            Step::Release(name, at, release, force) => {
                self.group(name, |mut group, model, view| {
                    let id = view.id_at(at);
                    let fresh = (force && view.entries.contains_key(&id)).then_some(0);
                    let old = model.pending.get(&id).map(|pending| pending.2);
                    let deliveries = old.or(fresh).map(|old| match release {
                        Release::Silent => old.saturating_sub(1),
                        Release::Fail => old,
                        Release::Fatal => i64::MAX as u64,
                        Release::Deliveries(deliveries) => deliveries,
                    });
                    assert_eq!(group.release(id, release, force), deliveries.is_some());
                    if let Some(deliveries) = deliveries {
                        let place = i64::MIN + model.released;
                        model.released += 1;
                        model.pending.insert(id, (None, place, deliveries));
                        let entry = group.as_group().pending().get(id).unwrap();
                        assert_eq!((entry.delivered_at_ms(), entry.consumer()), (0, None));
                    }
                })
            }
            Step::Wait(ms) => self.model.now += ms,
            Step::Pin | Step::Unpin => unreachable!("these are not the stream's"),
        }
    }

    fn read(&mut self, name: Name, consumer: Name, count: usize, ack: bool) {
        self.visit(name, consumer, |group, number, model, view| {
            let now = view.now;
            let from = model.last_id.next().unwrap();
            for entry in group.entries().range(from, StreamId::MAX).take(count) {
                group.deliver(number, entry.id, ack, UnixMillis(now));
            }
            for &id in view.entries.range(from..).take(count).map(|(id, _)| id) {
                model.last_id = id;
                if ack {
                    model.pending.insert(id, (Some(consumer), now, 1));
                    model.consumers.entry(consumer).or_default().1 = Some(now);
                }
            }
        });
    }

    fn claim_from(&mut self, name: Name, consumer: Name, at: u8, count: usize, min_idle_ms: i64) {
        self.visit(name, consumer, |group, number, model, view| {
            let first = view.id_at(at);
            let claim = Claim {
                min_idle_ms,
                delivered_at_ms: view.now,
                deliveries: None,
                counts: true,
                force: false,
            };
            let mut auto = AutoClaim::new(first, count);
            let now = UnixMillis(view.now);
            while group.claim_some(&mut auto, number, &claim, now, 3) {}
            let next = group.next_of(&auto);
            let (done, missing) = auto.into_parts();
            let ids: Vec<_> = model.pending.range(first..).map(|(id, _)| *id).collect();
            let (mut claimed, mut gone, mut seen) = (Vec::new(), Vec::new(), 0);
            for &id in ids.iter().take(count * 10) {
                if claimed.len() + gone.len() == count {
                    break;
                }
                seen += 1;
                if !view.entries.contains_key(&id) {
                    gone.push(id);
                }
                if model.claim(consumer, id, &claim, view) {
                    claimed.push(id);
                }
            }
            let missing: Vec<_> = missing.iter().map(|(id, _)| id).collect();
            assert_eq!((done.iter().collect::<Vec<_>>(), missing), (claimed, gone));
            assert_eq!(next, ids.get(seen).copied().unwrap_or_default());
        });
    }

    fn claim_oldest(&mut self, name: Name, consumer: Name, count: usize, min_idle_ms: i64) {
        self.visit(name, consumer, |group, number, model, view| {
            let now = UnixMillis(view.now);
            let since = group.as_group().pending().oldest_since();
            assert_eq!(since, model.pending.values().map(|pending| pending.1).min());
            let mut idle = group.scan_idle(min_idle_ms, count, now);
            while group.order_some(&mut idle, 3) {}
            let has_one = group
                .as_group()
                .pending()
                .any_until(view.now - min_idle_ms, |id| view.entries.contains_key(&id));
            let claim = Claim {
                min_idle_ms,
                delivered_at_ms: view.now,
                deliveries: None,
                counts: true,
                force: false,
            };
            let (mut taken, mut missing) = (Vec::new(), Vec::new());
            while let Some((id, before)) = group.next_idle(&mut idle) {
                match group.claim(number, id, &claim, now) {
                    Claimed::Yes => taken.push((id, before.since, before.deliveries)),
                    Claimed::Gone(_) => missing.push(id),
                    Claimed::No => panic!("{id} was said to be idle"),
                }
            }
            let until = view.now - min_idle_ms;
            let is_old = |(id, pending): (&StreamId, &ModelPending)| {
                (pending.1 <= until).then_some((pending.1, *id))
            };
            let mut ids: Vec<_> = model.pending.iter().filter_map(is_old).collect();
            ids.sort_unstable();
            let mut claimed = Vec::new();
            let mut gone = Vec::new();
            for (looked, (_, id)) in ids.into_iter().enumerate() {
                // Ten times as many are looked at, and as many again if all of them are gone.
                if looked > 0 && looked % (count * 10) == 0 && !claimed.is_empty() {
                    break;
                }
                if !view.entries.contains_key(&id) {
                    model.pending.remove(&id);
                    gone.push(id);
                    continue;
                }
                if claimed.len() == count {
                    break;
                }
                let (_, delivered_at, deliveries) = model.pending[&id];
                model
                    .pending
                    .insert(id, (Some(consumer), view.now, once_more(deliveries)));
                model.consumers.entry(consumer).or_default().1 = Some(view.now);
                claimed.push((id, delivered_at, deliveries));
            }
            assert_eq!((taken, missing), (claimed.clone(), gone));
            assert!(has_one || claimed.is_empty());
        });
    }
}

impl ModelGroup {
    /// Whether the entry is the consumer's then.
    fn claim(&mut self, consumer: Name, id: StreamId, claim: &Claim, view: &Model) -> bool {
        if !view.entries.contains_key(&id) {
            self.pending.remove(&id);
            return false;
        }
        let forced = claim.force.then_some((None, view.now, 1));
        let Some((owner, delivered_at, deliveries)) = self.pending.get(&id).copied().or(forced)
        else {
            return false;
        };
        if owner.is_some() && view.now.saturating_sub(delivered_at) < claim.min_idle_ms {
            return false;
        }
        let counted = if claim.counts {
            once_more(deliveries)
        } else {
            deliveries
        };
        let deliveries = claim.deliveries.unwrap_or(counted);
        let pending = (Some(consumer), claim.delivered_at_ms, deliveries);
        self.pending.insert(id, pending);
        self.consumers.entry(consumer).or_default().1 = Some(view.now);
        true
    }
}

fn run(steps: &[Step], limits: NodeLimits) {
    let mut both = Both {
        limits,
        ..Both::default()
    };
    let mut pins: Vec<Both> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Pin => pins.push(both.clone()),
            Step::Unpin => {
                if let Some(pin) = pins.pop() {
                    pin.model.check(&pin.stream);
                    take_down_shared(pin.stream);
                }
            }
            step => both.run(step),
        }
        if at % 4 == 0 {
            both.model.check(&both.stream);
        }
    }
    for pin in pins {
        pin.model.check(&pin.stream);
        take_down_shared(pin.stream);
    }
    both.model.check(&both.stream);
    take_down(both.stream, 3);
}

/// Frees what no other stream has.
fn take_down_shared(stream: Stream) {
    let mut remains = StreamRemains::of(Box::new(stream));
    while remains.free_some(2) > 0 {}
    assert!(remains.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("NUTHATCH_LONG").is_some() { 2000 } else { 100 }))]

    #[test]
    fn a_stream_is_an_ordered_map_with_groups(
        steps in prop::collection::vec(step(), 1..250),
        (bytes, entries) in prop::sample::select(vec![(4096, 100), (0, 4), (120, 0), (300, 9)]),
    ) {
        run(&steps, NodeLimits { bytes, entries });
    }
}

fn once_more(deliveries: u64) -> u64 {
    (deliveries + 1).min(i64::MAX as u64)
}
