//! Keys that were evicted lately, so that one which comes back is known.

/// Fingerprints in a bucket.
const WAYS: usize = 8;
/// A ghost remembers this many keys for ten that are there.
const PER_TEN_KEYS: usize = 9;
/// It takes another size when the number of keys has moved by more than this part of it.
const SLACK: usize = 4;
/// Of its new buckets so many are filled by each key that is put.
const MOVED_PER_PUT: usize = 4;

/// Fingerprints of keys, the latest first; 0: none.
type Bucket = [u16; WAYS];

/// The last keys evicted, by 2 bytes each: about nine for ten that are there. It takes one in some thousand others for one
/// of them.
///
/// It changes its size a few buckets at a time, and remembers what it did before.
#[derive(Debug, Default)]
pub(crate) struct Ghost {
    buckets: Box<[Bucket]>,
    /// While it changes its size: the buckets from before.
    old: Box<[Bucket]>,
    /// So many of the new buckets, from the first, have what the old ones had.
    moved: usize,
}

impl Ghost {
    /// Remembers the key at `position`, where `keys` are left.
    pub(crate) fn put(&mut self, position: u64, keys: usize) {
        let wanted = (keys * PER_TEN_KEYS / 10).div_ceil(WAYS).max(1);
        if !self.old.is_empty() {
            self.move_some();
        } else if wanted.abs_diff(self.buckets.len()) > self.buckets.len() / SLACK {
            let new = vec![[0; WAYS]; wanted].into();
            self.old = std::mem::replace(&mut self.buckets, new);
            self.moved = 0;
        }
        let (bucket, fingerprint) = place(position, self.buckets.len());
        let bucket = &mut self.buckets[bucket];
        bucket.copy_within(..WAYS - 1, 1);
        bucket[0] = fingerprint;
    }

    /// Whether it remembers the key at `position`, which it then forgets.
    pub(crate) fn take(&mut self, position: u64) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let (bucket, fingerprint) = place(position, self.buckets.len());
        if take(&mut self.buckets[bucket], fingerprint) {
            return true;
        }
        if self.old.is_empty() || bucket < self.moved {
            return false;
        }
        let (bucket, fingerprint) = place(position, self.old.len());
        take(&mut self.old[bucket], fingerprint)
    }

    /// Gives some of the new buckets what old ones have, behind what has come since. Of which of two old buckets a key would
    /// be does not show: what both have goes there, by age; and what may belong in several new ones goes to each.
    fn move_some(&mut self) {
        let (old, len) = (&self.old, self.buckets.len());
        let end = len.min(self.moved + MOVED_PER_PUT);
        for (bucket, at) in self.buckets[self.moved..end].iter_mut().zip(self.moved..) {
            let from = &old[at * old.len() / len..((at + 1) * old.len()).div_ceil(len)];
            let by_age = (0..WAYS).flat_map(|way| from.iter().map(move |old| old[way]));
            let room = bucket.iter_mut().skip_while(|slot| **slot != 0);
            let known = by_age.filter(|&fingerprint| fingerprint != 0);
            room.zip(known).for_each(|(slot, known)| *slot = known);
        }
        self.moved = end;
        if end == len {
            self.old = Box::default();
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets) + size_of_val(&*self.old)
    }
}

/// Takes a fingerprint out of a bucket, if it is there.
fn take(bucket: &mut Bucket, fingerprint: u16) -> bool {
    let Some(at) = bucket.iter().position(|&other| other == fingerprint) else {
        return false;
    };
    bucket.copy_within(at + 1.., at);
    bucket[WAYS - 1] = 0;
    true
}

/// A key's bucket among so many, and its fingerprint, which is not 0.
fn place(position: u64, buckets: usize) -> (usize, u16) {
    // Positions begin with the slot, which tells few keys apart.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let spread = position.wrapping_mul(SPREAD);
    let spread = spread ^ spread >> 32;
    let bucket = ((spread & 0xffff_ffff) * buckets as u64) >> 32;
    (bucket as usize, ((spread >> 40) as u16).max(1))
}
