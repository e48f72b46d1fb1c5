//! The size that Redis's radix tree has for the same nodes, which `XINFO STREAM` shows.
//!
//! Its keys are the IDs of the nodes, 16 bytes each. It has a node for each key; one for each place where keys part; and
//! one for each run of bytes between these in which they do not.

use super::entries::Entries;
use super::node::StreamNode;

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// The size of a radix tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadixSize {
    /// `radix-tree-keys`.
    pub keys: u64,
    /// `radix-tree-nodes`.
    pub nodes: u64,
}

impl Entries {
    /// The size of Redis's tree; in the time that it takes to visit every node.
    pub fn radix_size(&self) -> RadixSize {
        let key = |node: &StreamNode| {
            let id = node.id();
            (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
        };
        radix_size(self.nodes().map(key))
    }
}

/// The size of a tree of `keys`, which are in order.
fn radix_size(keys: impl Iterator<Item = [u8; KEY_BYTES]>) -> RadixSize {
    let mut size = RadixSize { keys: 0, nodes: 0 };
    // Where the keys part on the way to the last key, from the root on.
    let mut forks: Vec<usize> = Vec::new();
    let mut last: Option<[u8; KEY_BYTES]> = None;
    for key in keys {
        size.keys += 1;
        if let Some(last) = last {
            let common = last.iter().zip(&key).take_while(|(a, b)| a == b).count();
            close(&mut forks, common, &mut size);
            if forks.last() != Some(&common) {
                forks.push(common);
            }
        }
        last = Some(key);
    }
    match last {
        Some(_) => close_all(&mut forks, &mut size),
        // The root is always there.
        None => size.nodes = 1,
    }
    size
}

/// Counts a leaf, and the forks below depth `depth` that no later key comes to.
fn close(forks: &mut Vec<usize>, depth: usize, size: &mut RadixSize) {
    let mut below = KEY_BYTES;
    size.nodes += 1;
    while let Some(&fork) = forks.last()
        && fork > depth
    {
        forks.pop();
        size.nodes += run_below(fork, below) + 1;
        below = fork;
    }
    // The way from the fork at `depth`, which is there or is to be made.
    size.nodes += run_below(depth, below);
}

fn close_all(forks: &mut Vec<usize>, size: &mut RadixSize) {
    let mut below = KEY_BYTES;
    size.nodes += 1;
    while let Some(fork) = forks.pop() {
        size.nodes += run_below(fork, below) + 1;
        below = fork;
    }
    // From the root on, which is itself a run, or a fork.
    size.nodes += u64::from(below > 0);
}

/// How many nodes lie between a fork, or its child, and what is at depth `below`.
fn run_below(fork: usize, below: usize) -> u64 {
    u64::from(below > fork + 1)
}
