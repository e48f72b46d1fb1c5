//! Trimming: entries go from the first on, whole nodes at once where none of theirs is kept.

use crate::tree::Tree;

use super::super::id::StreamId;
use super::super::node::StreamNode;
use super::Entries;

/// What to keep when entries are trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last ones, so many: `MAXLEN`.
    Last(u64),
    /// Those from this ID on: `MINID`.
    From(StreamId),
}

/// How far to go when entries are trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `=`: to the entry.
    Exact,
    /// `~`: whole nodes only, and not more entries than `limit`; 0 is no limit.
    Nodes {
        /// `LIMIT`; Redis's default is 100 times `stream-node-max-entries`.
        limit: u64,
    },
}

impl Precision {
    /// How many entries may go at most.
    fn limit(self) -> u64 {
        match self {
            Precision::Exact | Precision::Nodes { limit: 0 } => u64::MAX,
            Precision::Nodes { limit } => limit,
        }
    }
}

/// What was trimmed.
#[must_use = "what was cut out may be too much to free at once"]
pub(in super::super) struct Trimmed {
    /// How many entries.
    pub(in super::super) entries: u64,
    /// The nodes that are gone, to be taken down in steps.
    pub(in super::super) nodes: Tree<StreamNode>,
}

impl Entries {
    /// Trims entries from the first on.
    pub(in super::super) fn trim(&mut self, keep: Keep, precision: Precision) -> Trimmed {
        let before = self.len();
        if !self.has_surplus(keep) {
            return Trimmed {
                entries: 0,
                nodes: Tree::default(),
            };
        }
        let nodes = self.cut_nodes(keep, precision);
        if precision == Precision::Exact {
            self.trim_first_node(keep);
        }
        let entries = before - self.len();
        if entries > 0 {
            self.epoch += 1;
            self.find_first_id();
        }
        Trimmed { entries, nodes }
    }

    /// Whether there is an entry that is not to be kept.
    fn has_surplus(&self, keep: Keep) -> bool {
        match keep {
            Keep::Last(count) => self.len() > count,
            Keep::From(id) => !self.is_empty() && self.first_id < id,
        }
    }

    /// Cuts off the nodes of which nothing is kept, in a few steps however many there are.
    fn cut_nodes(&mut self, keep: Keep, precision: Precision) -> Tree<StreamNode> {
        let most = match keep {
            Keep::Last(count) => self.len().saturating_sub(count),
            Keep::From(id) => self.in_nodes_below(id),
        };
        let at = match self.tree.spot(most.min(precision.limit())) {
            Some(spot) => self.tree.before(&spot.path),
            None => self.len(),
        };
        let kept = self.tree.split_off(at);
        std::mem::replace(&mut self.tree, kept)
    }

    /// How many entries are in nodes all entries of which, deleted ones included, are below `id`.
    fn in_nodes_below(&self, id: StreamId) -> u64 {
        let Some(path) = self.node_of(id) else {
            return 0;
        };
        let node = self.tree.leaf(&path);
        let of_node = if node.last_id() < id { node.live() } else { 0 };
        self.tree.before(&path) + of_node
    }

    /// Deletes those entries of the first node that are not to be kept.
    ///
    /// If only deleted ones are left the node goes, too. Redis keeps it then, which shows in the number of nodes and in
    /// whether the next entry begins a new one.
    fn trim_first_node(&mut self, keep: Keep) {
        let Some(path) = self.tree.first_leaf() else {
            return;
        };
        let mut surplus = self.surplus(keep);
        let may_have_some = match keep {
            Keep::Last(_) => surplus > 0,
            Keep::From(id) => self.tree.leaf(&path).id() < id,
        };
        if !may_have_some {
            return;
        }
        self.tree.update(&path, |node| {
            node.delete_where(|entry| {
                let goes = surplus > 0 && !is_kept(keep, entry);
                if goes {
                    surplus -= 1;
                }
                goes
            });
        });
    }

    /// How many entries may go at most for what is to be kept.
    fn surplus(&self, keep: Keep) -> u64 {
        match keep {
            Keep::Last(count) => self.len().saturating_sub(count),
            Keep::From(_) => self.len(),
        }
    }

    /// Trims entries from the first on, but only those that `keep_some` leaves of each node's, none of which is above
    /// `last`: the others are passed over. With [`Precision::Nodes`] it ends at a node that cannot go as a whole. How many entries are gone.
    pub(in super::super) fn trim_where(
        &mut self,
        keep: Keep,
        precision: Precision,
        last: StreamId,
        mut keep_some: impl FnMut(&mut Vec<StreamId>),
    ) -> u64 {
        let before = self.len();
        let mut surplus = self.surplus(keep).min(precision.limit());
        let mut next = self.tree.first_leaf();
        while surplus > 0
            && let Some(path) = next
        {
            let node = self.tree.leaf(&path);
            if node.id() > last || is_kept(keep, node.id()) {
                break;
            }
            let live = node.entries_from(StreamId::MIN).map(|entry| entry.id);
            let mut going: Vec<_> = live
                .filter(|&id| id <= last && !is_kept(keep, id))
                .collect();
            keep_some(&mut going);
            going.truncate(usize::try_from(surplus).unwrap_or(usize::MAX));
            if precision != Precision::Exact && (going.len() as u64) < node.live() {
                break;
            }
            let behind = self.tree.next_leaf(&path);
            let behind = behind.map(|path| self.tree.leaf(&path).id());
            if !going.is_empty() {
                surplus -= going.len() as u64;
                let is_going = |id| going.binary_search(&id).is_ok();
                self.tree.update(&path, |node| node.delete_where(is_going));
            }
            // The node may be gone, and the way to the next one with it.
            next = behind.and_then(|id| self.node_of(id));
        }
        let gone = before - self.len();
        if gone > 0 {
            self.epoch += 1;
            self.find_first_id();
        }
        gone
    }
}

fn is_kept(keep: Keep, entry: StreamId) -> bool {
    matches!(keep, Keep::From(id) if entry >= id)
}
