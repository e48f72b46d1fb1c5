//! `MAXCOUNT` and `MAXSIZE`: what the reply to `XREAD` or `XREADGROUP` may have of all streams together.

use protocol::{Reply, Version};

use super::entries::begin_stream;
use crate::command::CommandError;

const BAD_COUNT: CommandError = CommandError::Line("ERR MAXCOUNT must be > 0");
const BAD_SIZE: CommandError = CommandError::Line("ERR MAXSIZE must be > 0");
const BELOW_COUNT: CommandError =
    CommandError::Line("ERR MAXCOUNT must be greater than or equal to COUNT");

/// What a client has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Caps {
    /// Entries at most.
    pub(super) entries: Option<u64>,
    /// Bytes of the reply, of which the first entry takes no notice.
    pub(super) bytes: Option<u64>,
}

impl Caps {
    /// Reads `MAXCOUNT`.
    pub(super) fn set_entries(&mut self, number: i64) -> Result<(), CommandError> {
        self.entries = Some(positive(number).ok_or(BAD_COUNT)?);
        Ok(())
    }

    /// Reads `MAXSIZE`.
    pub(super) fn set_bytes(&mut self, number: i64) -> Result<(), CommandError> {
        self.bytes = Some(positive(number).ok_or(BAD_SIZE)?);
        Ok(())
    }

    /// Checks them against `COUNT`, which says how many entries of each stream are wanted.
    pub(super) fn check(&self, count: Option<u64>) -> Result<(), CommandError> {
        match (self.entries, count) {
            (Some(entries), Some(count)) if entries < count => Err(BELOW_COUNT),
            _ => Ok(()),
        }
    }

    /// Whether there are any.
    pub(super) fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|&number| number > 0)
}

/// What is left of them while a reply is being written.
#[derive(Debug)]
pub(super) struct Budget {
    entries: u64,
    bytes: Option<Bytes>,
    has_begun: bool,
}

/// The part of a [`Budget`] that counts bytes.
#[derive(Debug)]
struct Bytes {
    left: u64,
    /// To see how long something will be.
    scratch: Vec<u8>,
    version: Version,
}

impl Budget {
    /// All of it.
    pub(super) fn new(caps: Caps, version: Version) -> Self {
        let bytes = caps.bytes.map(|left| Bytes {
            left,
            scratch: Vec::new(),
            version,
        });
        Self {
            entries: caps.entries.unwrap_or(u64::MAX),
            bytes,
            has_begun: false,
        }
    }

    /// How many entries a stream may have of which there shall be `most`.
    pub(super) fn entries(&self, most: u64) -> u64 {
        most.min(self.entries)
    }

    /// Whether no further stream is to be looked at.
    pub(super) fn is_spent(&self) -> bool {
        self.entries == 0 || self.bytes.as_ref().is_some_and(|bytes| bytes.left == 0)
    }

    /// Whether bytes are counted, so that each entry has to be asked for by itself.
    pub(super) fn counts_bytes(&self) -> bool {
        self.bytes.is_some()
    }

    /// Notes `count` entries, where bytes are not counted.
    pub(super) fn spend(&mut self, count: u64) {
        self.entries = self.entries.saturating_sub(count);
    }

    /// Whether an entry is to be in the reply, behind `key` if it is the first one of its stream. `write` writes it.
    pub(super) fn admits(
        &mut self,
        key: Option<&[u8]>,
        write: impl FnOnce(&mut Reply<'_>),
    ) -> bool {
        if self.entries == 0 {
            return false;
        }
        if let Some(bytes) = &mut self.bytes {
            bytes.scratch.clear();
            let mut reply = Reply::new(&mut bytes.scratch, bytes.version);
            if let Some(key) = key {
                begin_stream(&mut reply, key);
            }
            write(&mut reply);
            let needed = bytes.scratch.len() as u64;
            if self.has_begun && needed > bytes.left {
                return false;
            }
            bytes.left = bytes.left.saturating_sub(needed);
        }
        self.has_begun = true;
        self.entries -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(entries: Option<u64>, bytes: Option<u64>) -> Budget {
        Budget::new(Caps { entries, bytes }, Version::Resp2)
    }

    fn takes(budget: &mut Budget, bytes: &[u8]) -> bool {
        budget.admits(None, |reply| reply.raw(bytes))
    }

    #[test]
    fn entries_are_counted() {
        let mut budget = budget(Some(3), None);
        assert_eq!((budget.entries(2), budget.entries(9)), (2, 3));
        budget.spend(2);
        assert!(takes(&mut budget, b"x") && budget.is_spent());
        assert!(!takes(&mut budget, b"x"));
    }

    #[test]
    fn bytes_are_counted_but_for_the_first_entry() {
        let mut budget = budget(None, Some(10));
        assert!(takes(&mut budget, b"1234567"));
        assert!(!takes(&mut budget, b"1234"));
        assert!(takes(&mut budget, b"123") && budget.is_spent());
        let mut small = self::budget(None, Some(1));
        assert!(takes(&mut small, b"1234567") && small.is_spent());
        assert!(!takes(&mut small, b"1"));
    }

    #[test]
    fn a_key_counts_with_the_first_entry_of_its_stream() {
        let mut budget = budget(None, Some(20));
        assert!(takes(&mut budget, b"1"));
        // `*2`, `$3` and the key take 13 bytes.
        assert!(!budget.admits(Some(b"key"), |reply| reply.raw(b"1234567")));
        assert!(budget.admits(Some(b"key"), |reply| reply.raw(b"123456")));
        assert!(budget.is_spent());
    }

    #[test]
    fn caps_are_above_zero_and_not_below_the_count() {
        let mut caps = Caps::default();
        assert!(caps.set_entries(0).is_err() && caps.set_bytes(-1).is_err());
        caps.set_entries(5).unwrap();
        assert!(caps.is_any() && caps.check(Some(5)).is_ok() && caps.check(None).is_ok());
        assert_eq!(caps.check(Some(6)), Err(BELOW_COUNT));
    }
}
