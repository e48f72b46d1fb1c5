//! Where a key lives: slot, shard and position inside the shard.
//!
//! The slot is the cluster hash slot (CRC16 of the hash tag). `shard = slot mod shards` and
//! `slot-in-shard = slot div shards`, so a shard owns whole slots. The **position** orders the keys of a
//! shard: its top bits are the slot-in-shard, the rest a seeded hash of the whole key. Directory, expiry
//! wheel, `SCAN` and snapshots all go by position.
//!
//! Clients see bits of hashes, as cursors, and what collides costs everybody time. So the hash is one from whose results
//! its seed cannot be told, and without the seed nobody can make names that collide.

use std::fmt;

use siphasher::sip::SipHasher13;

use crate::collection::fields::ElementHash;
use crate::slot::{SLOT_COUNT, key_slot};

/// log2 of the number of cluster slots.
const SLOT_BITS: u32 = SLOT_COUNT.trailing_zeros();

/// Low position bits that [`Mixed`] does not see, because a [`crate::wheel::Record40`] does not hold them.
const RECORD_SHIFT: u32 = 24;

/// Tells the seed of elements' hashes from that of keys' hashes.
const ELEMENTS: u128 = 1;

/// A key's slot, shard and position; computed once per key and unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash {
    /// Slot-in-shard bits, then seeded hash bits, most significant first.
    pub position: u64,
    /// Cluster hash slot, `0..16384`.
    pub slot: u16,
    /// Shard index, `0..shards`.
    pub shard: u16,
}

/// A key's bytes together with where it lives.
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    /// The key as the client sent it.
    pub bytes: &'k [u8],
    /// Where it lives.
    pub hash: KeyHash,
}

/// Turns keys into [`KeyHash`]es; seeded once per process.
#[derive(Clone, Debug)]
pub struct KeyHasher {
    keys: Seeded,
    elements: ElementHasher,
    shard_bits: u32,
    /// Bits that positions keep.
    #[cfg(test)]
    kept: u64,
}

impl KeyHasher {
    /// A hasher for `shards` shards (a power of two, 1 to 16384).
    pub fn new(shards: usize, seed: u128) -> Self {
        assert!(shards.is_power_of_two() && shards <= usize::from(SLOT_COUNT));
        Self {
            keys: Seeded::new(seed),
            elements: ElementHasher(Seeded::new(seed ^ ELEMENTS)),
            shard_bits: shards.trailing_zeros(),
            #[cfg(test)]
            kept: u64::MAX,
        }
    }

    /// The same, but for the position bits that are not in `kept`: they are 0, so that keys crowd.
    #[cfg(test)]
    pub(crate) fn crowding(self, kept: u64) -> Self {
        Self { kept, ..self }
    }

    /// Where `key` lives.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let slot = key_slot(key);
        let shard = slot & ((1 << self.shard_bits) - 1);
        KeyHash {
            position: self.position(key, slot),
            slot,
            shard,
        }
    }

    /// `key` with its hash.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        Key {
            bytes,
            hash: self.hash(bytes),
        }
    }

    /// How elements of collections are hashed.
    #[inline]
    pub fn elements(&self) -> ElementHasher {
        self.elements
    }

    /// How many top bits of a position are the slot-in-shard.
    pub fn slot_bits(&self) -> u32 {
        SLOT_BITS - self.shard_bits
    }

    #[inline]
    fn position(&self, key: &[u8], slot: u16) -> u64 {
        let hash = self.keys.hash(key);
        let slot_in_shard = u64::from(slot >> self.shard_bits);
        // With 16384 shards there are no slot bits, and a shift by 64 would overflow.
        let top = slot_in_shard
            .checked_shl(64 - self.slot_bits())
            .unwrap_or(0);
        let position = top | hash >> self.slot_bits();
        #[cfg(test)]
        let position = position & self.kept;
        position
    }
}

/// Hashes members and fields of collections; seeded with the keys' hasher.
#[derive(Clone, Copy, Debug)]
pub struct ElementHasher(Seeded);

impl ElementHasher {
    /// The hash by which a big collection finds `name`.
    #[inline]
    pub fn hash(self, name: &[u8]) -> ElementHash {
        (self.0.hash(name) >> 32) as ElementHash
    }
}

/// SipHash-1-3 with its seed.
#[derive(Clone, Copy)]
struct Seeded(SipHasher13);

impl Seeded {
    fn new(seed: u128) -> Self {
        Self(SipHasher13::new_with_keys(seed as u64, (seed >> 64) as u64))
    }

    #[inline]
    fn hash(&self, name: &[u8]) -> u64 {
        self.0.hash(name)
    }
}

impl fmt::Debug for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed is secret.
        f.debug_struct("Seeded").finish_non_exhaustive()
    }
}

/// A position stirred for the inside of a segment, where the first bits of all positions are the same. It is made
/// of a wheel record's bits only, so that a record alone leads to its keys.
#[derive(Clone, Copy)]
pub(crate) struct Mixed(u64);

impl Mixed {
    /// Stirs `position`.
    #[inline]
    pub(crate) fn from_position(position: u64) -> Self {
        // Fibonacci hashing: 2^64 / golden ratio spreads whatever bits differ to those above them.
        Self((position >> RECORD_SHIFT).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `count`, made of the upper half.
    #[inline]
    pub(crate) fn below(self, count: usize) -> usize {
        (((self.0 >> 32) * count as u64) >> 32) as usize
    }

    /// A filter, made of the lower half: keys that share it are few. Never 0, which marks an empty place.
    #[inline]
    pub(crate) fn fingerprint(self) -> u8 {
        ((self.0 >> 24) as u8).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_made_to_collide_do_not() {
        // What the hash before this one multiplied the rest with is 0 for this end, whatever the seed.
        let end = 0x3f84_d5b5_b547_0917_u64.to_le_bytes();
        let hasher = KeyHasher::new(1, 7);
        let names = (0..100u64).map(|number| [format!("{number:08}").as_bytes(), &end].concat());
        let (mut keys, mut elements): (Vec<_>, Vec<_>) = names
            .map(|name| (hasher.hash(&name).position, hasher.elements().hash(&name)))
            .unzip();
        keys.sort_unstable();
        keys.dedup();
        elements.sort_unstable();
        elements.dedup();
        assert_eq!((keys.len(), elements.len()), (100, 100));
        let other = KeyHasher::new(1, 8);
        assert_ne!(hasher.hash(b"a").position, other.hash(b"a").position);
        assert_ne!(hasher.elements().hash(b"a"), other.elements().hash(b"a"));
        let shown = format!("{:?}", hasher.elements());
        assert_eq!(shown, "ElementHasher(Seeded { .. })", "the seed is secret");
    }

    #[test]
    fn keys_of_one_tag_share_slot_shard_and_position_prefix() {
        for shards in [1, 64, 16384] {
            let hasher = KeyHasher::new(shards, 7);
            let (a, b) = (hasher.hash(b"{user}:1"), hasher.hash(b"{user}:2"));
            assert_eq!((a.slot, a.shard), (b.slot, b.shard));
            assert_ne!(a.position, b.position);
            let prefix = |h: KeyHash| h.position.checked_shr(64 - hasher.slot_bits()).unwrap_or(0);
            assert_eq!(prefix(a), prefix(b));
            assert_eq!(prefix(a), u64::from(a.slot) / shards as u64);
        }
    }
}
