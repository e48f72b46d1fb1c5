//! Trimmed entries are made pending no more, in steps.

use std::ops::Bound;
use std::sync::Arc;

use super::entries::Entries;
use super::groups::Groups;
use super::id::StreamId;

/// IDs that are looked up together.
const IDS_AT_ONCE: usize = 256;

/// How far it has come: groups one after the other, and of each the pending entries from the first on.
#[derive(Clone, Debug)]
pub struct Forgetting {
    /// Lower IDs have been forgotten before.
    from: StreamId,
    /// Where the entries begin that stay; `None`: none does.
    until: Option<StreamId>,
    /// The group that it has come to; `None`: the first one.
    group: Option<Arc<[u8]>>,
    /// Lower IDs of this group are done.
    next: StreamId,
}

impl Forgetting {
    /// Of what trimming has taken away, which left `kept`; IDs below `from` have been forgotten before.
    pub(super) fn new(from: StreamId, kept: &Entries) -> Self {
        Self {
            from,
            until: (!kept.is_empty()).then(|| kept.first_id()),
            group: None,
            next: from,
        }
    }

    /// Where the entries begin that stay, as far as is known: above all that were added so far if none of these does.
    pub fn until(&self, entries: &Entries) -> StreamId {
        let behind_all = || entries.last_id().next().unwrap_or(StreamId::MAX);
        self.until.unwrap_or_else(behind_all)
    }

    fn is_past(&self, id: StreamId) -> bool {
        self.until.is_some_and(|until| id >= until)
    }
}

impl Groups {
    /// Goes on with up to `work` pending entries, or a few more; whether that is not the end of it. `entries` are as they
    /// were before they were trimmed.
    pub(super) fn forget_some(
        &mut self,
        forgetting: &mut Forgetting,
        entries: &Entries,
        mut work: usize,
    ) -> bool {
        loop {
            let group = forgetting.group.as_ref();
            let Some(name) = self.first_name(group.map_or(Bound::Unbounded, Bound::Included))
            else {
                return false;
            };
            if forgetting.group.as_ref() != Some(&name) {
                (forgetting.group, forgetting.next) = (Some(Arc::clone(&name)), forgetting.from);
            }
            loop {
                if work == 0 {
                    return true;
                }
                let pending = self.get(&name).map(|group| group.pending());
                let ids: Vec<StreamId> = pending
                    .into_iter()
                    .flat_map(|pending| pending.iter_from(forgetting.next))
                    .map(|(id, _)| id)
                    .take_while(|&id| !forgetting.is_past(id))
                    .take(IDS_AT_ONCE)
                    .collect();
                let Some(last) = ids.last() else {
                    break;
                };
                work = work.saturating_sub(ids.len());
                let next = last.next();
                if let Some(mut group) = self.get_mut(&name, entries) {
                    // What is pending without being in the stream is not what was trimmed.
                    let trimmed = ids.iter().filter(|&&id| entries.contains(id));
                    trimmed.for_each(|&id| {
                        group.acknowledge(id);
                    });
                }
                match next {
                    Some(next) => forgetting.next = next,
                    None => break,
                }
            }
            let Some(next) = self.first_name(Bound::Excluded(&name)) else {
                return false;
            };
            (forgetting.group, forgetting.next) = (Some(next), forgetting.from);
            work = work.saturating_sub(1);
        }
    }
}
