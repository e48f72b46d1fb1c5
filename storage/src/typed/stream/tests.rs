//! Streams behind their keys against a plain model: what an edit changes, whom it concerns, and that a key comes and goes
//! as it must. What a stream does by itself is tested where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::fixture::keyspace;
use crate::unit::LockPlan;
use crate::watch::WatchFlag;
use crate::{Keyspace, NewExpiry, NewValue, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const GROUPS: [&[u8]; 2] = [b"g", b"h"];

fn write(keyspace: &Keyspace) -> Unit<'_> {
    Unit::begin(keyspace, LockPlan::Write(0), NOW)
}

fn id(number: u64) -> StreamId {
    StreamId::new(number, 0)
}

/// Nodes take so few entries that there are many of them.
fn tiny() -> NodeLimits {
    let limits = Limits {
        stream_node_bytes: 60,
        stream_node_entries: 3,
        ..Limits::default()
    };
    limits.stream_node()
}

/// A group: what was delivered last, and what is pending for whom.
#[derive(Clone, Debug, Default, PartialEq)]
struct ModelGroup {
    last: u64,
    pending: BTreeMap<u64, u8>,
    consumers: BTreeSet<u8>,
}

/// A stream that is there: its entries' numbers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entries: BTreeSet<u64>,
    last: u64,
    groups: BTreeMap<&'static [u8], ModelGroup>,
}

#[derive(Clone, Debug)]
enum Step {
    Add(u64),
    Delete(u64, References),
    AcknowledgeAndDelete(usize, u64, References),
    Trim(u64, References),
    SetId(u64),
    CreateGroup(usize, u64),
    DestroyGroup(usize),
    Deliver(usize, u8, usize),
    Acknowledge(usize, u64),
    DeleteConsumer(usize, u8),
    Look,
    DeleteKey,
}

fn step() -> impl Strategy<Value = Step> {
    use References::{Acked, Delete, Keep};
    let references = || prop::sample::select(vec![Keep, Delete, Acked]);
    let (group, number) = (|| 0..GROUPS.len(), || 0..60u64);
    prop_oneof![
        12 => (1..3u64).prop_map(Step::Add),
        4 => (number(), references()).prop_map(|(id, references)| Step::Delete(id, references)),
        3 => (group(), number(), references())
            .prop_map(|(group, id, references)| Step::AcknowledgeAndDelete(group, id, references)),
        2 => (0..20u64, references()).prop_map(|(keep, references)| Step::Trim(keep, references)),
        1 => number().prop_map(Step::SetId),
        3 => (group(), number()).prop_map(|(group, id)| Step::CreateGroup(group, id)),
        1 => group().prop_map(Step::DestroyGroup),
        5 => (group(), 0..3u8, 1..6usize)
            .prop_map(|(group, consumer, count)| Step::Deliver(group, consumer, count)),
        3 => (group(), number()).prop_map(|(group, id)| Step::Acknowledge(group, id)),
        1 => (group(), 0..3u8).prop_map(|(group, consumer)| Step::DeleteConsumer(group, consumer)),
        2 => Just(Step::Look),
        1 => Just(Step::DeleteKey),
    ]
}

/// What an edit does: how many changes it counts, and whether transactions that watch the key are spoilt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Effect {
    changes: u64,
    spoils: bool,
}

impl Effect {
    fn of_entries(changes: usize) -> Self {
        Self {
            changes: changes as u64,
            spoils: changes > 0,
        }
    }

    fn aside(changes: usize) -> Self {
        Self {
            changes: changes as u64,
            spoils: false,
        }
    }
}

impl Model {
    fn needs(&self, id: u64) -> bool {
        let mut groups = self.groups.values();
        groups.any(|group| id > group.last || group.pending.contains_key(&id))
    }

    /// Whether a group had it pending.
    fn forget(&mut self, id: u64) -> bool {
        let groups = self.groups.values_mut();
        groups.filter_map(|group| group.pending.remove(&id)).count() > 0
    }

    fn delete(&mut self, id: u64, references: References) -> (Deleted, Effect) {
        if references == References::Acked && self.needs(id) && self.entries.contains(&id) {
            return (Deleted::Kept, Effect::default());
        }
        let is_forgotten = references == References::Delete && self.forget(id);
        match self.entries.remove(&id) {
            true => (Deleted::Yes, Effect::of_entries(1)),
            false => (Deleted::Missing, Effect::aside(is_forgotten.into())),
        }
    }

    fn trim(&mut self, keep: u64, references: References) -> usize {
        let surplus = self.entries.len().saturating_sub(keep as usize);
        let may_go = |id: &u64| references != References::Acked || !self.needs(*id);
        let going: Vec<u64> = self.entries.iter().copied().filter(may_go).collect();
        let going = &going[..surplus.min(going.len())];
        for id in going {
            self.entries.remove(id);
            if references == References::Delete {
                self.forget(*id);
            }
        }
        going.len()
    }

    fn check(&self, stream: &Stream) {
        let entries = stream.entries();
        assert!(
            entries
                .iter()
                .map(|entry| entry.id.ms)
                .eq(self.entries.iter().copied())
        );
        assert_eq!(entries.last_id().ms, self.last);
        assert_eq!(stream.groups().len(), self.groups.len());
        for ((name, group), (expected_name, expected)) in stream.groups().iter().zip(&self.groups) {
            assert_eq!((name, group.last_id().ms), (*expected_name, expected.last));
            let name_of = |number| group.consumers().get(number).unwrap().name()[0];
            let pending = group.pending().iter_from(StreamId::MIN);
            let pending: BTreeMap<u64, u8> = pending
                .map(|(id, entry)| (id.ms, name_of(entry.consumer().unwrap())))
                .collect();
            assert_eq!(pending, expected.pending);
            let consumers = group.consumers().iter();
            let consumers: BTreeSet<u8> =
                consumers.map(|(_, consumer)| consumer.name()[0]).collect();
            assert_eq!(consumers, expected.consumers);
        }
    }
}

/// Does it to both; what the model says that it does.
fn apply(edit: &mut StreamEdit<'_, '_>, model: &mut Model, step: &Step) -> Effect {
    match *step {
        Step::Add(gap) => {
            let number = model.last + gap;
            let fields: [Field<'_>; 1] = [(b"field", b"value")];
            let again = NewId::Given(id(model.last));
            assert!(edit.add(again, &fields, NOW, tiny()).is_err());
            assert_eq!(
                edit.add(NewId::Given(id(number)), &fields, NOW, tiny()),
                Ok(id(number))
            );
            model.entries.insert(number);
            model.last = number;
            Effect::of_entries(1)
        }
        Step::Delete(number, references) => {
            let (expected, effect) = model.delete(number, references);
            assert_eq!(edit.delete(id(number), references), expected);
            effect
        }
        Step::AcknowledgeAndDelete(group, number, references) => {
            let name = GROUPS[group];
            let done = edit.acknowledge_and_delete(name, id(number), references);
            let group = model.groups.get_mut(name);
            if group
                .and_then(|group| group.pending.remove(&number))
                .is_none()
            {
                assert_eq!(done, Deleted::Missing);
                return Effect::default();
            }
            match model.delete(number, references) {
                (Deleted::Kept, _) => {
                    assert_eq!(done, Deleted::Kept);
                    Effect::aside(1)
                }
                (deleted, _) => {
                    assert_eq!(done, Deleted::Yes);
                    let is_shorter = deleted == Deleted::Yes;
                    Effect {
                        changes: 1,
                        spoils: is_shorter,
                    }
                }
            }
        }
        Step::Trim(keep, references) => {
            let gone = model.trim(keep, references);
            let trimmed = edit.trim(Keep::Last(keep), Precision::Exact, references);
            assert_eq!(trimmed, gone as u64);
            Effect::of_entries(gone)
        }
        Step::SetId(number) => {
            let may_be = number >= model.last;
            if may_be {
                edit.set_id(id(number), None, None).unwrap();
                model.last = number;
            }
            Effect::aside(may_be.into())
        }
        Step::CreateGroup(group, number) => {
            let is_new = !model.groups.contains_key(GROUPS[group]);
            assert_eq!(edit.create_group(GROUPS[group], id(number), None), is_new);
            let new = ModelGroup {
                last: number,
                ..ModelGroup::default()
            };
            model.groups.entry(GROUPS[group]).or_insert(new);
            Effect::aside(is_new.into())
        }
        Step::DestroyGroup(group) => {
            let was_there = model.groups.remove(GROUPS[group]).is_some();
            assert_eq!(edit.destroy_group(GROUPS[group]), was_there);
            Effect::aside(was_there.into())
        }
        Step::Deliver(group, consumer, count) => {
            let name = GROUPS[group];
            let Some(expected) = model.groups.get_mut(name) else {
                assert!(edit.group(name).is_none());
                return Effect::default();
            };
            let mut group = edit.group(name).unwrap();
            let (number, _) = group.visit(&[consumer], NOW);
            expected.consumers.insert(consumer);
            let new: Vec<u64> = model
                .entries
                .range(expected.last + 1..)
                .take(count)
                .copied()
                .collect();
            for &entry in &new {
                group.deliver(number, id(entry), true, NOW);
                expected.last = entry;
                expected.pending.insert(entry, consumer);
            }
            drop(group);
            edit.changed_aside(new.len() as u64);
            Effect::aside(new.len())
        }
        Step::Acknowledge(group, number) => {
            let expected = model.groups.get_mut(GROUPS[group]);
            let was_pending = expected.is_some_and(|group| group.pending.remove(&number).is_some());
            let mut group = edit.group(GROUPS[group]);
            let is_done = group
                .as_mut()
                .is_some_and(|group| group.acknowledge(id(number)));
            drop(group);
            assert_eq!(is_done, was_pending);
            edit.changed_aside(is_done.into());
            Effect::aside(is_done.into())
        }
        Step::DeleteConsumer(group, consumer) => {
            let expected = model.groups.get_mut(GROUPS[group]);
            let pending = expected.and_then(|group| {
                let before = group.pending.len();
                let was_there = group.consumers.remove(&consumer);
                group.pending.retain(|_, owner| *owner != consumer);
                was_there.then_some((before - group.pending.len()) as u64)
            });
            assert_eq!(edit.delete_consumer(GROUPS[group], &[consumer]), pending);
            Effect::aside(pending.is_some().into())
        }
        Step::Look => {
            model.check(edit.stream());
            Effect::default()
        }
        Step::DeleteKey => unreachable!("that is not the stream's"),
    }
}

proptest! {
    #[test]
    fn a_key_holds_what_a_plain_stream_would(steps in prop::collection::vec(step(), 1..120)) {
        let keyspace = keyspace();
        let key = keyspace.key(b"stream");
        let mut model: Option<Model> = None;
        for step in &steps {
            let flag = Arc::new(WatchFlag::default());
            let mut unit = write(&keyspace);
            unit.watch(0, &key, &flag);
            if matches!(step, Step::DeleteKey) {
                prop_assert_eq!(unit.delete(0, &key), model.take().is_some());
                continue;
            }
            let mut changed = model.clone().unwrap_or_default();
            let edited = unit
                .edit_stream(0, &key, |edit| {
                    assert_eq!(edit.is_new(), model.is_none());
                    apply(edit, &mut changed, step)
                })
                .unwrap();
            let effect = edited.result;
            prop_assert_eq!(edited.changes, effect.changes);
            prop_assert!(!edited.is_gone, "a stream stays without entries");
            // Without a change there is no new key. One that comes into being is news to everybody.
            let is_made = model.is_none() && effect.changes > 0;
            if model.is_some() || is_made {
                model = Some(changed);
            }
            prop_assert_eq!(flag.is_dirty(), effect.spoils || is_made, "{:?}", step);
            match (unit.stream(0, &key).unwrap(), &model) {
                (Some(stream), Some(model)) => model.check(stream),
                (None, None) => {}
                (stream, _) => prop_assert!(false, "a stream: {}", stream.is_some()),
            }
        }
    }
}

#[test]
fn other_types_are_refused_and_not_seen() {
    let keyspace = keyspace();
    let key = keyspace.key(b"k");
    let mut unit = write(&keyspace);
    unit.set(0, &key, NewValue::Bytes(b"v"), NewExpiry::None);
    assert_eq!(unit.stream(0, &key).err(), Some(StoreError::WrongType));
    assert_eq!(
        unit.stream_to_change(0, &key).err(),
        Some(StoreError::WrongType)
    );
    assert!(unit.peek_stream(0, &key).is_none());
    let edited = unit.edit_stream(0, &key, |_| unreachable!("it is no stream"));
    assert_eq!(edited.err(), Some(StoreError::WrongType));
}

#[test]
fn a_stream_is_made_without_entries_if_it_is_to_be() {
    let keyspace = keyspace();
    let key = keyspace.key(b"k");
    let mut unit = write(&keyspace);
    unit.edit_stream(0, &key, |_| ()).unwrap();
    assert!(unit.peek_stream(0, &key).is_none());
    unit.edit_stream(0, &key, |edit| edit.create()).unwrap();
    assert!(unit.peek_stream(0, &key).is_some_and(Stream::is_empty));
}

#[test]
fn a_node_takes_as_much_as_the_settings_say() {
    let any = Limits {
        stream_node_bytes: u64::MAX,
        stream_node_entries: 0,
        ..Limits::default()
    };
    let any = any.stream_node();
    for (limits, nodes) in [(tiny(), 7), (any, 1)] {
        let keyspace = keyspace();
        let key = keyspace.key(b"k");
        let mut unit = write(&keyspace);
        unit.edit_stream(0, &key, |edit| {
            for number in 1..=20 {
                edit.add(NewId::Given(id(number)), &[(b"f", b"v")], NOW, limits)
                    .unwrap();
            }
        })
        .unwrap();
        let stream = unit.stream(0, &key).unwrap().unwrap();
        assert_eq!(stream.entries().nodes().count(), nodes);
    }
}

#[test]
fn what_was_made_ahead_of_a_stream_is_not_of_its_copy() {
    let keyspace = keyspace();
    let mut unit = write(&keyspace);
    let (key, copy) = (keyspace.key(b"stream"), keyspace.key(b"copy"));
    let edited = unit.edit_stream(0, &key, |edit| {
        let fields = [(&b"field"[..], &b"value"[..])];
        edit.add(NewId::Given(id(1)), &fields, NOW, tiny()).unwrap();
        edit.create_group(b"g", StreamId::MIN, None)
    });
    assert!(edited.unwrap().result);
    // Whichever way the copy takes the stream's place.
    assert!(unit.copy(0, &key, 0, &copy));
    let ahead = unit.peek_stream(0, &key).unwrap();
    let ahead = GroupsAhead::new(ahead, &keyspace);
    let mut is_of = |key| {
        let stream = unit.peek_stream(0, key).unwrap();
        assert_eq!(ahead.is_of(stream), ahead.is_of_group(stream, b"g"));
        ahead.is_of(stream)
    };
    assert!(is_of(&key) && !is_of(&copy));
}
