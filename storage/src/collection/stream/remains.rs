//! Taking a stream, or what was cut out of one, down in steps.

use std::sync::Arc;

use crate::tree::{Remains, Tree};

use super::Stream;
use super::consumers::{ConsumerItems, Names};
use super::group::Group;
use super::groups::GroupsRemains;
use super::node::StreamNode;
use super::pending::{OwnedItems, Pending, PendingItems, TimedItems};

/// What is left of a stream, or of a part, that nobody reads any more.
#[derive(Default)]
pub struct StreamRemains {
    stream: Option<Box<Stream>>,
    groups: GroupsRemains,
    parts: Vec<Part>,
}

/// What is left of a tree.
enum Part {
    Nodes(Remains<StreamNode>),
    Pending(Remains<PendingItems>),
    Owned(Remains<OwnedItems>),
    Timed(Remains<TimedItems>),
    Consumers(Remains<ConsumerItems>),
    Names(Remains<Names>),
}

impl Part {
    fn memory_bytes(&self) -> usize {
        match self {
            Part::Nodes(remains) => remains.memory_bytes(),
            Part::Pending(remains) => remains.memory_bytes(),
            Part::Owned(remains) => remains.memory_bytes(),
            Part::Timed(remains) => remains.memory_bytes(),
            Part::Consumers(remains) => remains.memory_bytes(),
            Part::Names(remains) => remains.memory_bytes(),
        }
    }

    fn free_some(&mut self, nodes: usize) -> usize {
        match self {
            Part::Nodes(remains) => remains.free_some(nodes),
            Part::Pending(remains) => remains.free_some(nodes),
            Part::Owned(remains) => remains.free_some(nodes),
            Part::Timed(remains) => remains.free_some(nodes),
            Part::Consumers(remains) => remains.free_some(nodes),
            Part::Names(remains) => remains.free_some(nodes),
        }
    }
}

impl StreamRemains {
    /// Those of a stream.
    pub fn of(stream: Box<Stream>) -> Self {
        Self {
            stream: Some(stream),
            ..Self::default()
        }
    }

    /// Those of nodes that were trimmed.
    pub(super) fn of_nodes(nodes: Tree<StreamNode>) -> Self {
        Self::of_part(Part::Nodes(Remains::of(nodes)))
    }

    /// Those of what was pending.
    pub(super) fn of_pending(pending: Pending) -> Self {
        let mut remains = Self::default();
        remains.add_pending(pending);
        remains
    }

    /// Those of a group that was destroyed, unless a pin has it.
    pub(super) fn of_group(group: Arc<Group>) -> Self {
        let mut remains = Self::default();
        remains.add_group(Arc::into_inner(group));
        remains
    }

    fn of_part(part: Part) -> Self {
        let mut remains = Self::default();
        remains.add(part);
        remains
    }

    fn add(&mut self, part: Part) {
        if part.memory_bytes() > 0 {
            self.parts.push(part);
        }
    }

    fn add_group(&mut self, group: Option<Group>) {
        let Some((pending, consumers)) = group.map(Group::into_parts) else {
            return;
        };
        let (consumers, names) = consumers.into_trees();
        self.add_pending(pending);
        self.add(Part::Consumers(Remains::of(consumers)));
        self.add(Part::Names(Remains::of(names)));
    }

    fn add_pending(&mut self, pending: Pending) {
        let (pending, owned, timed) = pending.into_trees();
        self.add(Part::Pending(Remains::of(pending)));
        self.add(Part::Owned(Remains::of(owned)));
        self.add(Part::Timed(Remains::of(timed)));
    }

    /// What is left to be freed.
    pub fn memory_bytes(&self) -> usize {
        let stream = self
            .stream
            .as_ref()
            .map_or(0, |stream| stream.memory_bytes());
        let parts: usize = self.parts.iter().map(Part::memory_bytes).sum();
        stream + self.groups.memory_bytes() + parts
    }

    /// Frees up to `nodes` nodes; how many it was. Heads of streams and groups count as nodes.
    pub fn free_some(&mut self, nodes: usize) -> usize {
        let mut freed = 0;
        while freed < nodes {
            if let Some(part) = self.parts.last_mut() {
                freed += part.free_some(nodes - freed);
                if part.memory_bytes() == 0 {
                    self.parts.pop();
                }
                continue;
            }
            if let Some(group) = self.groups.pop() {
                self.add_group(group);
            } else if let Some(stream) = self.stream.take() {
                let (nodes, groups) = stream.into_parts();
                self.add(Part::Nodes(Remains::of(nodes)));
                self.groups = groups;
            } else {
                break;
            }
            freed += 1;
        }
        freed
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.memory_bytes() == 0
    }
}
