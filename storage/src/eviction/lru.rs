//! Least recently used.

use super::sampled::Score;
use crate::access::AccessRule;
use crate::slot_word::Word;
use crate::time::UnixMillis;

/// The longer ago the last access, the better the victim.
#[derive(Debug)]
pub(crate) struct Lru;

impl Score for Lru {
    const TAKES_NEIGHBOURS: bool = true;

    fn of(word: Word, _rule: AccessRule, now: UnixMillis) -> u32 {
        word.entry().access().load().idle_seconds(now)
    }
}
