//! Latency histograms: logarithmic buckets, each split linearly, so that every value is known to about 3 %.

use super::Counter;

/// Linear steps per power of two, as a power of two itself.
const STEP_BITS: u32 = 5;
const STEPS: u64 = 1 << STEP_BITS;
/// Longer latencies count as this one, in nanoseconds: one second, as in Redis.
const NANOS_MAX: u64 = 1_000_000_000;
const BUCKETS: usize = bucket_of(NANOS_MAX) + 1;

/// The bucket of a latency.
#[inline]
const fn bucket_of(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let exponent = 63 - nanos.leading_zeros();
    let shift = exponent - STEP_BITS;
    let step = (nanos >> shift) - STEPS;
    ((shift as u64 + 1) * STEPS + step) as usize
}

/// The largest latency that falls into a bucket.
fn bucket_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    ((STEPS + bucket % STEPS + 1) << shift) - 1
}

/// Latencies that one worker recorded.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { Counter::zero() }; BUCKETS],
        }
    }
}

impl Histogram {
    /// Counts one latency.
    #[inline]
    pub(crate) fn record(&self, nanos: u64) {
        self.buckets[bucket_of(nanos.min(NANOS_MAX))].add(1);
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        self.buckets.iter().for_each(|bucket| bucket.set(0));
    }
}

/// Latencies added up over workers.
#[derive(Clone, Debug)]
pub(crate) struct HistogramCounts {
    buckets: Vec<u64>,
    total: u64,
}

impl Default for HistogramCounts {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl HistogramCounts {
    /// Adds what a worker recorded.
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.get();
            self.total += bucket.get();
        }
    }

    /// How many latencies were recorded.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The latency, in nanoseconds, below or at which `percentile` percent of all lie.
    pub(crate) fn percentile(&self, percentile: f64) -> u64 {
        let wanted = ((percentile / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return bucket_end(bucket);
            }
        }
        0
    }

    /// `(microseconds, latencies up to that)` at every doubling from 1024 ns on where the count grows: the
    /// shape of `LATENCY HISTOGRAM`. Redis labels a step with the end of its histogram's bucket, which is
    /// 1/128 wide, so it says 33 and not 32.
    pub(crate) fn cumulative_micros(&self) -> Vec<(u64, u64)> {
        let mut steps = Vec::new();
        let (mut seen, mut bucket, mut nanos) = (0, 0, 1_024u64);
        while seen < self.total && bucket < BUCKETS {
            let before = seen;
            while bucket < BUCKETS && bucket_end(bucket) <= nanos + nanos / STEPS {
                seen += self.buckets[bucket];
                bucket += 1;
            }
            if seen > before {
                steps.push(((nanos + nanos / 128 - 1) / 1_000, seen));
            }
            nanos *= 2;
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_its_bucket_and_buckets_are_narrow() {
        for nanos in (0..5_000)
            .chain((5_000..NANOS_MAX).step_by(999_983))
            .chain([NANOS_MAX])
        {
            let bucket = bucket_of(nanos);
            assert!(nanos <= bucket_end(bucket), "{nanos}");
            assert!(bucket == 0 || nanos > bucket_end(bucket - 1), "{nanos}");
            assert!(bucket_end(bucket) - nanos <= nanos / STEPS, "{nanos}");
        }
    }

    #[test]
    fn percentiles_and_cumulative_counts_follow_the_records() {
        let histogram = Histogram::default();
        for nanos in [500, 900, 1_500, 3_000, 2_000_000_000] {
            histogram.record(nanos);
        }
        let mut counts = HistogramCounts::default();
        counts.add(&histogram);
        assert_eq!(counts.total(), 5);
        let median = counts.percentile(50.0);
        assert!((1_500..1_550).contains(&median), "{median}");
        let steps = counts.cumulative_micros();
        assert_eq!(steps[..3], [(1, 2), (2, 3), (4, 4)]);
        assert_eq!(steps.last().map(|step| step.0), Some(1_082_130));
        assert_eq!(steps.last().map(|step| step.1), Some(5));
        histogram.reset();
        assert_eq!(HistogramCounts::default().cumulative_micros(), []);
    }
}
