//! Loading ahead in big collections: an element that is looked for soon, by its name.

use crate::tree::Tree;

use super::Collection;
use super::fields::{ElementHash, Fields, Search};
use super::ranked::{Ranked, Scores};

/// Where an element would lie. Each step reads what the one before has asked for.
pub(crate) enum Sought<'t> {
    /// In this leaf of a set or hash.
    Field(Search, &'t Fields),
    /// In a sorted set: its score in this leaf, itself somewhere in that tree.
    Score(ElementHash, &'t Scores, &'t Tree<Ranked>),
    /// In this leaf of a sorted set.
    Member(&'t Ranked),
    /// Nowhere.
    Nowhere,
}

impl<'t> Sought<'t> {
    /// Goes down to the leaf and starts loading its head; `None` where elements are not found by name.
    pub(crate) fn in_collection(collection: &'t Collection, hash: ElementHash) -> Option<Self> {
        match collection {
            Collection::Set(fields) | Collection::Hash(fields) => {
                let (search, leaf) = fields.warm_leaf(hash)?;
                Some(Sought::Field(search, leaf))
            }
            Collection::SortedSet(ranked) => {
                let (scores, members) = ranked.warm_score(hash)?;
                Some(Sought::Score(hash, scores, members))
            }
            Collection::List(_) | Collection::Stream(_) => None,
        }
    }

    /// Starts loading what a search in the leaf reads.
    pub(crate) fn warm_slots(&mut self) {
        match *self {
            Sought::Field(search, leaf) => leaf.warm_slots(search),
            Sought::Score(_, leaf, _) => leaf.warm(),
            Sought::Member(_) | Sought::Nowhere => {}
        }
    }

    /// Searches the leaf, and starts loading the element's record, or of a sorted set the head of the leaf that has it.
    pub(crate) fn warm_records(&mut self) {
        match *self {
            Sought::Field(search, leaf) => leaf.warm_record(search),
            Sought::Score(hash, leaf, members) => {
                let member = leaf.first_of(hash);
                let member = member.and_then(|score| Ranked::warm_leaf(members, score));
                *self = member.map_or(Sought::Nowhere, Sought::Member);
            }
            Sought::Member(_) | Sought::Nowhere => {}
        }
    }

    /// Starts loading what a search in the leaf of a sorted set reads.
    pub(crate) fn warm_ranks(&mut self) {
        if let Sought::Member(leaf) = self {
            leaf.warm();
        }
    }
}
