//! Random numbers and the distributions that keys are drawn from.
//!
//! The generator must cost far less than the server, so numbers come from a small generator of the
//! splitmix family, and Zipf ranks from rejection-inversion, which needs no table.

/// A fast pseudo-random generator (splitmix64); the same seed gives the same load.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator that starts at `seed`.
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Printable bytes that no server takes for a number.
    pub(crate) fn letters(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| b'a' + self.below(26) as u8).collect()
    }
}

/// Ranks `1..=n` with probability proportional to `rank^-theta`.
///
/// Source: W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone
/// discrete distributions", ACM TOMACS 6(3), 1996.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    count: f64,
    theta: f64,
    area_first: f64,
    area_all: f64,
    accept_below: f64,
}

impl Zipf {
    /// Over `count` ranks (at least 1); `theta` is above 0.
    pub(crate) fn new(count: u64, theta: f64) -> Zipf {
        let mut zipf = Zipf {
            count: count.max(1) as f64,
            theta,
            area_first: 0.0,
            area_all: 0.0,
            accept_below: 0.0,
        };
        zipf.area_first = zipf.area(1.5) - 1.0;
        zipf.area_all = zipf.area(zipf.count + 0.5);
        zipf.accept_below = 2.0 - zipf.area_inverse(zipf.area(2.5) - zipf.weight(2.0));
        zipf
    }

    /// The next rank, from 1.
    pub(crate) fn rank(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.area_all + random.unit() * (self.area_first - self.area_all);
            let x = self.area_inverse(area);
            let rank = x.round().clamp(1.0, self.count);
            if rank - x <= self.accept_below || area >= self.area(rank + 0.5) - self.weight(rank) {
                return rank as u64;
            }
        }
    }

    fn weight(&self, x: f64) -> f64 {
        x.powf(-self.theta)
    }

    /// The integral of `weight`, up to a constant.
    fn area(&self, x: f64) -> f64 {
        if self.is_harmonic() {
            x.ln()
        } else {
            (x.powf(1.0 - self.theta) - 1.0) / (1.0 - self.theta)
        }
    }

    fn area_inverse(&self, area: f64) -> f64 {
        if self.is_harmonic() {
            area.exp()
        } else {
            (1.0 + area * (1.0 - self.theta)).powf(1.0 / (1.0 - self.theta))
        }
    }

    /// Close to 1 the general form divides by almost nothing.
    fn is_harmonic(&self) -> bool {
        (self.theta - 1.0).abs() < 1e-9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_ranks_have_the_stated_frequencies() {
        const DRAWS: usize = 400_000;
        for theta in [0.5, 0.99, 1.0, 1.3] {
            let count = 1000;
            let zipf = Zipf::new(count, theta);
            let mut random = Random::new(7);
            let mut seen = vec![0u32; count as usize + 1];
            for _ in 0..DRAWS {
                seen[zipf.rank(&mut random) as usize] += 1;
            }
            assert_eq!(seen[0], 0);
            let total: f64 = (1..=count).map(|rank| (rank as f64).powf(-theta)).sum();
            for rank in [1usize, 2, 3, 10, 100] {
                let expected = DRAWS as f64 * (rank as f64).powf(-theta) / total;
                let deviation = (f64::from(seen[rank]) - expected).abs() / expected.sqrt();
                assert!(
                    deviation < 5.0,
                    "theta {theta} rank {rank}: {} for {expected}",
                    seen[rank]
                );
            }
        }
    }

    #[test]
    fn zipf_over_one_rank_is_that_rank() {
        let mut random = Random::new(1);
        assert!((0..100).all(|_| Zipf::new(1, 0.99).rank(&mut random) == 1));
    }

    #[test]
    fn below_reaches_every_number_and_no_other() {
        let mut random = Random::new(3);
        let mut seen = [0u32; 5];
        for _ in 0..10_000 {
            seen[random.below(5) as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (1800..2200).contains(&count)),
            "{seen:?}"
        );
        assert_eq!(random.below(0), 0);
    }
}
