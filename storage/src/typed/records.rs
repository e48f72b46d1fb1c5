//! Elements as plain runs of bytes, however the collection is kept: for digests and comparisons.

use crate::collection::Collection;
use crate::listpack::{Listpack, Value};

use super::sorted_set::score_of;
use super::{CollectionRef, Packing};

impl CollectionRef<'_> {
    /// Shows `visit` every element as its parts: a member or list element alone; a field with its value and, if it has
    /// one, its expire time in 8 bytes; a member with the 8 bytes of its score; a stream's entry as its ID, its fields and
    /// their values. Lists and streams come in order, the others in any.
    pub fn each_record(&self, visit: &mut dyn FnMut(&[&[u8]])) {
        match self {
            CollectionRef::Packed(packed) => match (packed.listpack(), packed.intset()) {
                (Some(listpack), _) => packed_records(packed.packing, listpack, visit),
                (_, Some(intset)) => intset.iter().for_each(|member| {
                    visit(&[itoa::Buffer::new().format(member).as_bytes()]);
                }),
                _ => unreachable!("packed as one of both"),
            },
            CollectionRef::Big(collection) => big_records(collection, visit),
        }
    }
}

impl CollectionRef<'_> {
    /// Shows `visit` up to `count` list elements, members or fields, from number `from` on in the order in which they
    /// lie.
    pub fn each_name(&self, from: u64, count: u64, visit: &mut dyn FnMut(&[u8])) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        match self {
            CollectionRef::Big(Collection::List(list)) => list
                .iter_from(from)
                .take(count)
                .for_each(|element| visit(&bytes_of(element))),
            CollectionRef::Big(Collection::SortedSet(set)) => set
                .iter_from(from)
                .take(count)
                .for_each(|(_, member)| visit(member)),
            CollectionRef::Big(Collection::Set(fields) | Collection::Hash(fields)) => {
                let numbers = from..from.saturating_add(count as u64).min(fields.len());
                numbers
                    .filter_map(|number| fields.at(number))
                    .for_each(|element| visit(element.name));
            }
            other => {
                let mut number = 0;
                let wanted = from..from.saturating_add(count as u64);
                other.each_record(&mut |parts| {
                    if wanted.contains(&number) {
                        visit(parts[0]);
                    }
                    number += 1;
                });
            }
        }
    }
}

fn packed_records(packing: Packing, listpack: Listpack<'_>, visit: &mut dyn FnMut(&[&[u8]])) {
    let mut elements = listpack.iter().map(bytes_of);
    match packing {
        Packing::List | Packing::Set | Packing::Intset => {
            elements.for_each(|element| visit(&[&element]));
        }
        Packing::Hash => {
            while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                visit(&[&field, &value]);
            }
        }
        Packing::SortedSet => {
            let mut values = listpack.iter();
            while let (Some(member), Some(score)) = (values.next(), values.next()) {
                visit(&[&bytes_of(member), &score_of(score).to_le_bytes()]);
            }
        }
    }
}

fn big_records(collection: &Collection, visit: &mut dyn FnMut(&[&[u8]])) {
    match collection {
        Collection::Set(set) => set.iter().for_each(|element| visit(&[element.name])),
        Collection::Hash(hash) => hash.iter().for_each(|element| {
            let expire_at = element.expire_at.map(|at| at.0.to_le_bytes());
            match &expire_at {
                Some(expire_at) => visit(&[element.name, element.value, expire_at]),
                None => visit(&[element.name, element.value]),
            }
        }),
        Collection::SortedSet(set) => set
            .iter_from(0)
            .for_each(|(score, member)| visit(&[member, &score.to_le_bytes()])),
        Collection::List(list) => list
            .iter_from(0)
            .for_each(|element| visit(&[&bytes_of(element)])),
        Collection::Stream(stream) => stream.entries().iter().for_each(|entry| {
            let mut parts = vec![entry.id.to_string().into_bytes()];
            for (field, value) in entry.fields {
                parts.extend([bytes_of(field), bytes_of(value)]);
            }
            visit(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }),
    }
}

fn bytes_of(value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}
