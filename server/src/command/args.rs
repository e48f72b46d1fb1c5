//! The arguments of one request, borrowed from the bytes they came in.

use std::ops::Index;

use protocol::ArgSpan;

/// The arguments of a request; `args[0]` is the command's name.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    input: &'a [u8],
    spans: &'a [ArgSpan],
}

impl<'a> Args<'a> {
    /// The arguments that `spans` mark in `input`.
    #[inline]
    pub(crate) fn new(input: &'a [u8], spans: &'a [ArgSpan]) -> Self {
        Self { input, spans }
    }

    /// How many there are, the name included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether some argument may have `len` bytes or more; exact only when the answer is no.
    #[inline]
    pub(crate) fn may_have_long(&self, len: usize) -> bool {
        // Each argument ends where the last one does, or before.
        self.spans
            .last()
            .is_some_and(|last| last.start + last.len >= len)
    }

    /// Argument `index`, with the life of the request.
    ///
    /// # Panics
    /// When the row's arity does not guarantee argument `index`; a bug of the command.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        span.of(self.input)
    }

    /// Argument `index`, if there is one.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| span.of(self.input))
    }

    /// The arguments from `first` on.
    pub(crate) fn from(
        &self,
        first: usize,
    ) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let input = self.input;
        self.spans[first.min(self.spans.len())..]
            .iter()
            .map(move |span| span.of(input))
    }

    /// All arguments, the name included.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.from(0)
    }

    /// Whether argument `index` exists and is `word` in any case.
    #[inline]
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.get(index)
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The arguments from `first` on, as a request of their own.
    pub(crate) fn tail(&self, first: usize) -> Args<'a> {
        Args {
            input: self.input,
            spans: &self.spans[first.min(self.spans.len())..],
        }
    }

    /// The arguments in front of argument `len`.
    pub(crate) fn head(&self, len: usize) -> Args<'a> {
        Args {
            input: self.input,
            spans: &self.spans[..len.min(self.spans.len())],
        }
    }

    /// The bytes of all arguments together.
    pub(crate) fn total_bytes(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Runs `test` with the arguments `words`.
    pub(crate) fn with_args<R>(words: &[&str], test: impl FnOnce(Args<'_>) -> R) -> R {
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        for word in words {
            spans.push(ArgSpan {
                start: bytes.len(),
                len: word.len(),
            });
            bytes.extend_from_slice(word.as_bytes());
        }
        test(Args::new(&bytes, &spans))
    }
}
