//! What becomes of entries that groups still have use for, as commands say it.

use storage::collection::stream::References;

/// `KEEPREF`, `DELREF` or `ACKED`, if `word` is one of them.
pub(super) fn parse(word: &[u8]) -> Option<References> {
    const WORDS: [(&[u8], References); 3] = [
        (b"KEEPREF", References::Keep),
        (b"DELREF", References::Delete),
        (b"ACKED", References::Acked),
    ];
    let found = WORDS
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    found.map(|(_, references)| *references)
}
