//! The spans that a slab carves into small pages, one slab's pages of any class side by side.

use super::arena::{Span, UNIT_BYTES, UNITS_PER_SPAN};

const WHOLE: u16 = u16::MAX;
const _: () = assert!(UNITS_PER_SPAN == u16::BITS as usize);

/// A class takes small pages only while it is small, so there is about one span per class at most,
/// and walking the list is cheap.
#[derive(Default)]
pub(super) struct SmallSpans {
    spans: Vec<SmallSpan>,
}

struct SmallSpan {
    span: Span,
    /// One bit per unit: 1 = in use.
    used: u16,
}

impl SmallSpans {
    /// Takes `units` adjoining units and returns the address of the first.
    pub(super) fn take(&mut self, units: usize) -> usize {
        let (span, unit) = match self
            .spans
            .iter()
            .enumerate()
            .find_map(|(i, s)| Some((i, s.run_of(units)?)))
        {
            Some(found) => found,
            None => {
                self.spans.push(SmallSpan {
                    span: Span::take(),
                    used: 0,
                });
                (self.spans.len() - 1, 0)
            }
        };
        let span = &mut self.spans[span];
        span.used |= mask(units) << unit;
        span.span.base() + unit * UNIT_BYTES
    }

    /// Gives back what `take` returned; a span that is free as a whole goes to the other slabs.
    ///
    /// # Safety
    /// No live block lies in these units, and the touched ones were discarded.
    pub(super) unsafe fn give(&mut self, base: usize, units: usize) {
        let index = self
            .spans
            .iter()
            .position(|s| {
                (s.span.base()..s.span.base() + UNITS_PER_SPAN * UNIT_BYTES).contains(&base)
            })
            .expect("a small page lies in a small span");
        let span = &mut self.spans[index];
        let taken = mask(units) << ((base - span.span.base()) / UNIT_BYTES);
        debug_assert_eq!(span.used & taken, taken);
        span.used &= !taken;
        if span.used == 0 {
            let span = self.spans.swap_remove(index).span;
            // SAFETY: every unit of the span was given back by a caller who vouched for it.
            unsafe { span.give() };
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of the list itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<SmallSpan>()
    }
}

impl SmallSpan {
    /// The first unit of `units` adjoining free ones.
    fn run_of(&self, units: usize) -> Option<usize> {
        let run = mask(units);
        (0..=UNITS_PER_SPAN - units).find(|&unit| self.used & run << unit == 0)
    }
}

fn mask(units: usize) -> u16 {
    WHOLE >> (UNITS_PER_SPAN - units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_fill_a_span_before_the_next_is_taken() {
        let mut spans = SmallSpans::default();
        let first = spans.take(5);
        let runs = [first, spans.take(5), spans.take(5), spans.take(1)];
        assert_eq!(runs.map(|run| (run - first) / UNIT_BYTES), [0, 5, 10, 15]);
        assert_eq!(spans.spans.len(), 1);
        let other = spans.take(1);
        assert_eq!(spans.spans.len(), 2);
        // SAFETY: nothing was placed in any of these units.
        unsafe {
            spans.give(runs[1], 5);
            assert_eq!(spans.take(3), runs[1]);
            spans.give(runs[1], 3);
            for (run, units) in [(runs[0], 5), (runs[2], 5), (runs[3], 1), (other, 1)] {
                spans.give(run, units);
            }
        }
        assert!(spans.is_empty());
    }
}
