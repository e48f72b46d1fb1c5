//! Looking up many names, one after the other in the order of their hashes.

use crate::tree::Path;

use super::{ElementHash, FieldTree, Fields};

/// Stands where the last search has ended, and the next one begins there: so a walk through one tree finds what another
/// has of it in a step or two each, if there is much of it, and in as many as a search takes, if there is little.
pub struct Finger<'t> {
    tree: &'t FieldTree,
    place: Option<(Path, &'t Fields)>,
}

impl<'t> Finger<'t> {
    /// A finger that is nowhere yet.
    pub fn new(tree: &'t FieldTree) -> Self {
        Self { tree, place: None }
    }

    /// Whether there is an element called `name`. No hash may be lower than the one before.
    pub fn find(&mut self, hash: ElementHash, name: &[u8]) -> bool {
        let reaches = |leaf: &Fields| leaf.last_hash() >= Some(hash);
        let is_there = self.place.as_ref().is_some_and(|(_, leaf)| reaches(leaf));
        if !is_there {
            let (tree, place) = (&self.tree.tree, self.place.take());
            let next = place.and_then(|(path, _)| tree.next_leaf(&path));
            let next = next.map(|path| (tree.leaf(&path), path));
            let path = match next {
                Some((leaf, path)) if reaches(leaf) => Some(path),
                _ => self.tree.leaf_of(hash),
            };
            self.place = path.map(|path| {
                let leaf = tree.leaf(&path);
                (path, leaf)
            });
        }
        let leaf = self.place.as_ref().map(|(_, leaf)| leaf);
        leaf.is_some_and(|leaf| leaf.find_from(leaf.first_from(hash), hash, name).is_ok())
    }
}
