//! How many lookups there were of each distance.

/// Shorter distances are all alike.
const FIRST_BITS: u32 = 16;
/// Longer ones too.
const LAST_BITS: u32 = 48;
/// Buckets per doubling, as a power of two.
const STEP_BITS: u32 = 3;
const BUCKETS: usize = 1 + ((LAST_BITS - FIRST_BITS) << STEP_BITS) as usize;

/// Lookups by the bytes of what was used since their key was. What is added becomes less with time.
pub(super) struct Histogram {
    lookups: Box<[f64; BUCKETS]>,
    total: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            lookups: Box::new([0.0; BUCKETS]),
            total: 0.0,
        }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, distance_bytes: u64, lookups: f64) {
        self.lookups[bucket_of(distance_bytes)] += lookups;
        self.total += lookups;
    }

    /// All of them.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// Those of at most this distance; a bucket counts in part where it ends behind that.
    pub(super) fn up_to(&self, bytes: u64) -> f64 {
        let bucket = bucket_of(bytes);
        let (from, to) = (first_of(bucket), first_of(bucket + 1));
        let part = (bytes - from).min(to - from) as f64 / (to - from) as f64;
        self.lookups[..bucket].iter().sum::<f64>() + part * self.lookups[bucket]
    }

    /// Those of longer distances.
    pub(super) fn beyond(&self, bytes: u64) -> f64 {
        (self.total - self.up_to(bytes)).max(0.0)
    }

    /// Has all that was counted count less, or for nothing.
    pub(super) fn scale(&mut self, factor: f64) {
        self.lookups.iter_mut().for_each(|some| *some *= factor);
        // Summed again, so that the two do not drift apart.
        self.total = self.lookups.iter().sum();
    }
}

/// The bucket of a distance. Those of a doubling are equally wide.
fn bucket_of(bytes: u64) -> usize {
    let bits = bytes.checked_ilog2().unwrap_or(0);
    if bits < FIRST_BITS {
        return 0;
    }
    let within = bytes >> (bits - STEP_BITS) & ((1 << STEP_BITS) - 1);
    let bucket = 1 + ((bits - FIRST_BITS) << STEP_BITS) as usize + within as usize;
    bucket.min(BUCKETS - 1)
}

/// The least distance of a bucket.
fn first_of(bucket: usize) -> u64 {
    let Some(bucket) = bucket.checked_sub(1) else {
        return 0;
    };
    let bits = FIRST_BITS + (bucket >> STEP_BITS) as u32;
    let within = bucket as u64 & ((1 << STEP_BITS) - 1);
    (1 << bits) + (within << (bits - STEP_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_what_lies_between_its_first_distance_and_the_next_ones() {
        for bucket in 0..BUCKETS {
            let (first, next) = (first_of(bucket), first_of(bucket + 1));
            assert!(first < next);
            assert_eq!((bucket_of(first), bucket_of(next - 1)), (bucket, bucket));
            assert!(bucket == 0 || next as f64 / first as f64 <= 1.125);
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn what_is_counted_is_found_below_and_beyond() {
        let mut histogram = Histogram::default();
        histogram.add(1 << 20, 2.0);
        histogram.add(1 << 30, 1.0);
        histogram.add(u64::MAX, 1.0);
        assert_eq!(histogram.up_to(1 << 20), 0.0);
        // Half of the bucket.
        assert_eq!(histogram.up_to((1 << 20) + (1 << 16)), 1.0);
        assert_eq!(histogram.up_to((1 << 20) + (1 << 17)), 2.0);
        assert_eq!(histogram.beyond(1 << 29), 2.0);
        assert_eq!(histogram.beyond(u64::MAX), 0.0);
        histogram.scale(0.5);
        assert_eq!(histogram.beyond(0), 2.0);
    }
}
