//! Cluster hash slots: which of the 16384 slots a key belongs to.
//!
//! The slot is CRC16/XMODEM of the key's hash tag modulo 16384 (cluster specification, "Key
//! distribution model" and "Hash tags"). Every command computes it, so it takes eight bytes per
//! step by table slicing and finds out in the same pass whether the key can have a tag at all.

/// How many hash slots there are.
pub const SLOT_COUNT: u16 = 16384;

/// The slot of `key`, below [`SLOT_COUNT`].
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    let (crc, has_brace) = crc16_and_brace(key);
    if has_brace {
        return tagged_slot(key);
    }
    crc % SLOT_COUNT
}

/// The part of `key` that decides its slot: what lies between the first `{` and the next `}`, or
/// the whole key when there is no such pair or nothing in it.
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    tag_inside_braces(key).unwrap_or(key)
}

#[cold]
fn tagged_slot(key: &[u8]) -> u16 {
    crc16_and_brace(hash_tag(key)).0 % SLOT_COUNT
}

fn tag_inside_braces(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let rest = &key[open + 1..];
    let len = memchr::memchr(b'}', rest)?;
    (len > 0).then(|| &rest[..len])
}

/// CRC16/XMODEM of `bytes`, and whether a `{` is among them.
///
/// This CRC starts from zero, so zero bytes in front change nothing: the bytes that do not fill a
/// word come first, padded with zeros in front, and no byte loop is needed at the end.
#[inline]
fn crc16_and_brace(bytes: &[u8]) -> (u16, bool) {
    let (head, words) = bytes.split_at(bytes.len() % 8);
    let first = load_padded(head);
    let mut crc = crc16_word(0, first);
    let mut braces = brace_marks(first);
    let (words, _) = words.as_chunks::<8>();
    for word in words {
        let word = u64::from_be_bytes(*word);
        crc = crc16_word(crc, word);
        braces |= brace_marks(word);
    }
    (crc, braces != 0)
}

/// Up to seven bytes as a big-endian number. Where the two loads overlap, they put the same bytes at
/// the same place.
#[inline]
fn load_padded(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_be_bytes(*first)) << (8 * (len - 4))
            | u64::from(u32::from_be_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<2>(), bytes.last_chunk::<2>()) {
        return u64::from(u16::from_be_bytes(*first)) << (8 * (len - 2))
            | u64::from(u16::from_be_bytes(*last));
    }
    bytes.first().map_or(0, |&byte| u64::from(byte))
}

/// Not zero exactly when one of the eight bytes is `{`.
#[inline]
fn brace_marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // A byte of `differing` is zero where `word` holds a brace. A borrow can only mark bytes above
    // such a zero byte, so "any mark at all" is exact.
    let differing = word ^ u64::from_ne_bytes([b'{'; 8]);
    differing.wrapping_sub(ONES) & !differing & HIGHS
}

/// One step over eight bytes: each byte's contribution is looked up with the zero bytes that follow
/// it already counted.
#[inline]
fn crc16_word(crc: u16, word: u64) -> u16 {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = (word ^ (u64::from(crc) << 48)).to_be_bytes();
    TABLES[7][usize::from(b0)]
        ^ TABLES[6][usize::from(b1)]
        ^ TABLES[5][usize::from(b2)]
        ^ TABLES[4][usize::from(b3)]
        ^ TABLES[3][usize::from(b4)]
        ^ TABLES[2][usize::from(b5)]
        ^ TABLES[1][usize::from(b6)]
        ^ TABLES[0][usize::from(b7)]
}

/// `TABLES[n][b]` is the CRC of byte `b` followed by `n` zero bytes. 4 KiB.
static TABLES: [[u16; 256]; 8] = slicing_tables();

const fn slicing_tables() -> [[u16; 256]; 8] {
    const POLYNOMIAL: u16 = 0x1021;
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= POLYNOMIAL;
            }
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crc_has_the_check_value_of_xmodem() {
        assert_eq!(crc16_and_brace(b"123456789"), (0x31C3, false));
        assert_eq!(crc16_and_brace(b""), (0, false));
    }

    #[test]
    fn tag_is_the_first_non_empty_pair_of_braces() {
        let cases: [(&[u8], &[u8]); 10] = [
            (b"", b""),
            (b"user1000", b"user1000"),
            (b"{user1000}.following", b"user1000"),
            (b"foo{}{bar}", b"foo{}{bar}"),
            (b"foo{{bar}}zap", b"{bar"),
            (b"foo{bar}{zap}", b"bar"),
            (b"foo{bar", b"foo{bar"),
            (b"foo}bar{", b"foo}bar{"),
            (b"}{x}", b"x"),
            (b"{}", b"{}"),
        ];
        for (key, tag) in cases {
            assert_eq!(hash_tag(key), tag, "{}", key.escape_ascii());
            let expected = crc16_and_brace(tag).0 % SLOT_COUNT;
            assert_eq!(key_slot(key), expected, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn brace_is_found_at_every_place_of_every_length() {
        for len in 1..40 {
            for at in 0..len {
                for other in [b'z', b'|', b'{' + 128, 0, 255] {
                    let mut key = vec![other; len];
                    assert!(!crc16_and_brace(&key).1);
                    key[at] = b'{';
                    assert!(crc16_and_brace(&key).1);
                }
            }
        }
    }

    fn any_key() -> impl Strategy<Value = Vec<u8>> {
        let braces = prop_oneof![
            4 => any::<u8>(),
            1 => Just(b'{'),
            1 => Just(b'}'),
        ];
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            prop::collection::vec(braces, 0..40),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn slot_equals_the_reference(key in any_key()) {
            prop_assert_eq!(key_slot(&key), redis_protocol::redis_keyslot(&key));
        }
    }
}
