//! Lengths in records: one byte up to 251; 252 and two bytes; 253 and four bytes.

use std::io::{self, Write};

/// Writes `len`.
#[inline]
pub(super) fn put(out: &mut impl Write, len: usize) -> io::Result<()> {
    match len {
        0..=251 => out.write_all(&[len as u8]),
        252..=0xffff => {
            out.write_all(&[252])?;
            out.write_all(&(len as u16).to_le_bytes())
        }
        _ => {
            let len = u32::try_from(len).expect("below 4 GiB");
            out.write_all(&[253])?;
            out.write_all(&len.to_le_bytes())
        }
    }
}

/// How many bytes [`put`] writes.
#[inline]
pub(super) fn bytes(len: usize) -> usize {
    match len {
        0..=251 => 1,
        252..=0xffff => 3,
        _ => 5,
    }
}

/// Reads a length and what it announces from the front of `record`; and the rest.
// Several times for each element of a leaf that is copied, and a call costs half of what the work does.
#[inline(always)]
pub(super) fn take(record: &[u8]) -> (&[u8], &[u8]) {
    let (len, rest) = match record[0] {
        252 => (
            u16::from_le_bytes([record[1], record[2]]).into(),
            &record[3..],
        ),
        253 => {
            let len = [record[1], record[2], record[3], record[4]];
            (u32::from_le_bytes(len) as usize, &record[5..])
        }
        len => (len.into(), &record[1..]),
    };
    rest.split_at(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_back() {
        for len in [
            0, 1, 250, 251, 252, 253, 254, 255, 256, 65_535, 65_536, 70_000,
        ] {
            let mut record = Vec::new();
            put(&mut record, len).unwrap();
            assert_eq!(record.len(), bytes(len));
            record.resize(record.len() + len, 7);
            record.extend_from_slice(b"rest");
            let (taken, rest) = take(&record);
            assert_eq!((taken.len(), rest), (len, &b"rest"[..]), "{len}");
        }
    }
}
