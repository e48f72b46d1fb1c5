//! Keys that were evicted lately, so that one which comes back is known.

/// Fingerprints in a bucket.
const WAYS: usize = 8;
/// A ghost remembers this many keys for ten that are there.
const PER_TEN_KEYS: usize = 9;
/// It is made anew when the number of keys has moved by more than this part of it.
const SLACK: usize = 4;

/// The last keys evicted, by 2 bytes each: about nine for ten that are there. It takes one in some thousand others for one
/// of them.
#[derive(Debug, Default)]
pub(crate) struct Ghost {
    /// The latest first; 0: none.
    buckets: Box<[[u16; WAYS]]>,
}

impl Ghost {
    /// Remembers the key at `position`, where `keys` are left.
    pub(crate) fn put(&mut self, position: u64, keys: usize) {
        let wanted = (keys * PER_TEN_KEYS / 10).div_ceil(WAYS).max(1);
        if wanted.abs_diff(self.buckets.len()) > self.buckets.len() / SLACK {
            self.buckets = vec![[0; WAYS]; wanted].into();
        }
        let (bucket, fingerprint) = self.place(position);
        let bucket = &mut self.buckets[bucket];
        bucket.copy_within(..WAYS - 1, 1);
        bucket[0] = fingerprint;
    }

    /// Whether it remembers the key at `position`, which it then forgets.
    pub(crate) fn take(&mut self, position: u64) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let (bucket, fingerprint) = self.place(position);
        let bucket = &mut self.buckets[bucket];
        let Some(at) = bucket.iter().position(|&other| other == fingerprint) else {
            return false;
        };
        bucket.copy_within(at + 1.., at);
        bucket[WAYS - 1] = 0;
        true
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    /// The key's bucket, and its fingerprint, which is not 0.
    fn place(&self, position: u64) -> (usize, u16) {
        // Positions begin with the slot, which tells few keys apart.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let spread = position.wrapping_mul(SPREAD);
        let spread = spread ^ spread >> 32;
        let bucket = ((spread & 0xffff_ffff) * self.buckets.len() as u64) >> 32;
        (bucket as usize, ((spread >> 40) as u16).max(1))
    }
}
