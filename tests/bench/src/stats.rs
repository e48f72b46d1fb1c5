//! Medians, ratios and how far samples lie apart.

/// The median, or `None` of nothing; of an even number the mean of the middle two.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// The mean, or `None` of nothing.
pub(crate) fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

/// Largest less smallest, as a part of the median.
pub(crate) fn spread(samples: &[f64]) -> Option<f64> {
    let largest = samples.iter().copied().reduce(f64::max)?;
    let smallest = samples.iter().copied().reduce(f64::min)?;
    ratio(largest - smallest, median(samples)?)
}

/// `value / reference`, unless that means nothing.
pub(crate) fn ratio(value: f64, reference: f64) -> Option<f64> {
    let quotient = value / reference;
    (reference != 0.0 && quotient.is_finite()).then_some(quotient)
}

/// Which direction is better for a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// Costs: CPU time, latency, memory.
    Lower,
    /// Yields: throughput.
    Higher,
}

/// The best of the peers' figures.
pub(crate) fn best(peers: &[f64], better: Better) -> Option<f64> {
    let pick = match better {
        Better::Lower => f64::min,
        Better::Higher => f64::max,
    };
    peers.iter().copied().reduce(pick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn means_and_spreads() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(spread(&[9.0, 10.0, 12.0]), Some(0.3));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn ratios_are_to_the_better_peer() {
        let peers = [8.0, 10.0];
        assert_eq!(best(&peers, Better::Lower), Some(8.0));
        assert_eq!(best(&peers, Better::Higher), Some(10.0));
        assert_eq!(best(&[], Better::Lower), None);
        assert_eq!(ratio(6.0, 8.0), Some(0.75));
        assert_eq!(ratio(6.0, 0.0), None);
        assert_eq!(ratio(0.0, 0.0), None);
    }
}
