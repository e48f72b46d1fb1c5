//! Least frequently used, by logarithmic counters that decay.

use super::sampled::Score;
use crate::access::AccessRule;
use crate::slot_word::Word;
use crate::time::UnixMillis;

/// The lower its counter, the better the victim.
#[derive(Debug)]
pub(crate) struct Lfu;

impl Score for Lfu {
    const TAKES_NEIGHBOURS: bool = false;

    fn of(word: Word, rule: AccessRule, now: UnixMillis) -> u32 {
        match rule {
            AccessRule::Lfu(rule) => u32::MAX - word.entry().access().load().counter(rule, now),
            AccessRule::Stamp | AccessRule::Count => 0,
        }
    }
}
