//! Reading a stored string piece by piece, wherever its bytes lie.

use std::ops::ControlFlow;

use crate::value::StringRef;

impl StringRef<'_> {
    /// Shows `visit` the bytes `start..end`, cut to what there is, in order and without copying: an entry's
    /// bytes in one piece, a long string's in pieces of up to 64 KiB. Ends early when `visit` breaks.
    pub fn try_each_piece<B>(
        &self,
        start: u64,
        end: u64,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let end = end.min(self.len()) as usize;
        let start = usize::try_from(start).map_or(end, |start| start.min(end));
        match self {
            StringRef::Raw(bytes) => visit(&bytes[start..end]),
            StringRef::Int(value) => {
                visit(&itoa::Buffer::new().format(*value).as_bytes()[start..end])
            }
            StringRef::Big(big) => big.read_range(start..end).try_for_each(visit),
        }
    }

    /// Shows `visit` all of the bytes `start..end`, see [`StringRef::try_each_piece`].
    pub fn each_piece(&self, start: u64, end: u64, mut visit: impl FnMut(&[u8])) {
        let shown = self.try_each_piece::<()>(start, end, |piece| {
            visit(piece);
            ControlFlow::Continue(())
        });
        debug_assert!(shown.is_continue(), "nothing breaks");
    }

    /// The byte at `index`, or `None` behind the end.
    pub fn byte(&self, index: u64) -> Option<u8> {
        let found = self.try_each_piece(index, index.saturating_add(1), |piece| {
            match piece.first() {
                Some(&byte) => ControlFlow::Break(byte),
                None => ControlFlow::Continue(()),
            }
        });
        match found {
            ControlFlow::Break(byte) => Some(byte),
            ControlFlow::Continue(()) => None,
        }
    }

    /// Whether the content is exactly `bytes`.
    pub fn equals(&self, bytes: &[u8]) -> bool {
        if self.len() != bytes.len() as u64 {
            return false;
        }
        let mut rest = bytes;
        let compared = self.try_each_piece(0, u64::MAX, |piece| {
            match rest.split_at_checked(piece.len()) {
                Some((now, later)) if now == piece => {
                    rest = later;
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            }
        });
        compared.is_continue()
    }
}

#[cfg(test)]
mod tests {
    use crate::big_string::BigString;
    use crate::value::StringRef;

    #[test]
    fn every_form_reads_the_same() {
        let long: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let big = BigString::from_bytes(&long);
        let cases: [(StringRef<'_>, &[u8]); 4] = [
            (StringRef::Raw(b""), b""),
            (StringRef::Raw(b"hello"), b"hello"),
            (StringRef::Int(-1234), b"-1234"),
            (StringRef::Big(&big), &long),
        ];
        for (value, expected) in cases {
            let mut read = Vec::new();
            value.each_piece(0, u64::MAX, |piece| read.extend_from_slice(piece));
            assert!(read == expected);
            assert!(value.equals(expected));
            assert!(!value.equals(b"other"));
            assert_eq!(value.byte(0), expected.first().copied());
            assert_eq!(value.byte(expected.len() as u64), None);
            assert_eq!(value.byte(u64::MAX), None);
        }
        assert_eq!(StringRef::Big(&big).byte(65_536), Some(long[65_536]));
        let mut changed = long.clone();
        changed[199_999] ^= 1;
        assert!(!StringRef::Big(&big).equals(&changed));
    }
}
