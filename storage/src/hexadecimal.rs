//! Fixtures in hexadecimal, for tests.

/// The bytes that `hex` spells.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).unwrap() as u8;
    let (pairs, rest) = hex.as_bytes().as_chunks();
    assert!(rest.is_empty());
    pairs
        .iter()
        .map(|[high, low]| digit(high) << 4 | digit(low))
        .collect()
}
