//! A set of workers.

/// Words of the set: enough for as many workers as the configuration admits.
const WORDS: usize = crate::config::THREADS_MAX as usize / 64;

/// A set of worker indices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkerSet([u64; WORDS]);

impl WorkerSet {
    /// Adds a worker.
    #[inline]
    pub(crate) fn insert(&mut self, worker: usize) {
        self.0[worker / 64] |= 1 << (worker % 64);
    }

    /// Whether nobody is in it.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The workers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let words = self.0;
        (0..WORDS).flat_map(move |at| {
            let mut rest = words[at];
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_in_order() {
        let mut set = WorkerSet::default();
        assert!(set.is_empty());
        [200, 0, 63, 64]
            .into_iter()
            .for_each(|worker| set.insert(worker));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 200]);
        assert_eq!(set.iter().count(), 4);
    }
}
