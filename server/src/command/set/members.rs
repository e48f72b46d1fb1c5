//! The members of a set as a reply.

use protocol::Reply;
use storage::collection::Collection;
use storage::typed::CollectionRef;
use storage::typed::set::SetRef;
use storage::{Keyspace, PinnedCollection};

use crate::long_reply::is_long;
use crate::output::{Output, write_value};

/// Writes all members, behind their header: those of a big set after the locks are gone.
pub(super) fn reply_all(reply: &mut Output<'_>, set: SetRef<'_>, keyspace: &Keyspace) {
    match set {
        SetRef::Big(tree) if is_long(reply, tree.len(), tree.len(), tree.memory_bytes()) => {
            reply_pinned(reply, keyspace.pin_clone(Collection::Set(tree.clone())));
        }
        set => set.each(|member| reply.value(member)),
    }
}

/// Writes all members of a pinned set, behind their header.
pub(super) fn reply_pinned(reply: &mut Output<'_>, set: PinnedCollection) {
    let count = set.len();
    reply.elements_of(set, 0, count, write_members);
}

/// Writes `count` members from number `first` on.
fn write_members(set: &Collection, reply: &mut Reply<'_>, first: u64, count: u64) {
    let mut left = count;
    SetRef::of(CollectionRef::Big(set)).each_while(first, |member| {
        write_value(reply, member);
        left -= 1;
        left > 0
    });
}
