//! The options that say when a key shall expire: `EX`, `PX`, `EXAT`, `PXAT`.

use storage::{NewExpiry, UnixMillis};

use super::integer;
use crate::command::{Args, CommandError};

/// In what unit an expire time is given, and from when it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    /// `EX`: seconds from now.
    Seconds,
    /// `PX`: milliseconds from now.
    Milliseconds,
    /// `EXAT`: seconds since the epoch.
    UnixSeconds,
    /// `PXAT`: milliseconds since the epoch.
    UnixMilliseconds,
}

impl TimeUnit {
    /// The unit that the option at argument `index` names.
    pub(super) fn named(args: Args<'_>, index: usize) -> Option<Self> {
        const UNITS: [(&str, TimeUnit); 4] = [
            ("EX", TimeUnit::Seconds),
            ("PX", TimeUnit::Milliseconds),
            ("EXAT", TimeUnit::UnixSeconds),
            ("PXAT", TimeUnit::UnixMilliseconds),
        ];
        UNITS
            .into_iter()
            .find(|(name, _)| args.is(index, name))
            .map(|(_, unit)| unit)
    }

    fn counts_seconds(self) -> bool {
        matches!(self, TimeUnit::Seconds | TimeUnit::UnixSeconds)
    }

    fn is_relative(self) -> bool {
        matches!(self, TimeUnit::Seconds | TimeUnit::Milliseconds)
    }
}

/// An expire time as the client gave it, not yet known to be a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpireTime<'a> {
    pub(super) unit: TimeUnit,
    pub(super) text: &'a [u8],
}

impl<'a> ExpireTime<'a> {
    /// The expire time that begins at argument `index`, if its value follows.
    pub(super) fn at_argument(args: Args<'a>, index: usize) -> Option<Self> {
        Some(Self {
            unit: TimeUnit::named(args, index)?,
            text: args.get(index + 1)?,
        })
    }

    /// The instant it means at `now`, for the command of this lower-case name.
    pub(super) fn resolve(
        self,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, CommandError> {
        let given = integer(self.text)?;
        let millis = if self.unit.counts_seconds() {
            given.checked_mul(1000)
        } else {
            Some(given)
        };
        let millis = millis.filter(|millis| *millis > 0);
        let base = if self.unit.is_relative() { now.0 } else { 0 };
        let at = millis.and_then(|millis| millis.checked_add(base));
        at.map(UnixMillis)
            .ok_or(CommandError::InvalidExpireTime(command))
    }

    /// Whether it is a point in time, which may have passed.
    pub(super) fn is_absolute(self) -> bool {
        !self.unit.is_relative()
    }
}

/// What a command that stores a value does to the expire time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum SetExpiry<'a> {
    /// The key shall not expire: no option.
    #[default]
    Clear,
    /// It stays as it is: `KEEPTTL`.
    Keep,
    /// It is set: `EX`, `PX`, `EXAT` or `PXAT`.
    At(ExpireTime<'a>),
}

impl<'a> SetExpiry<'a> {
    /// Takes the option at argument `index` and returns how many arguments it has; `None` when it is none of
    /// these or contradicts what was taken before. The same unit may come again: the last one counts.
    pub(super) fn take(&mut self, args: Args<'a>, index: usize) -> Option<usize> {
        if args.is(index, "KEEPTTL") {
            if matches!(self, SetExpiry::At(_)) {
                return None;
            }
            *self = SetExpiry::Keep;
            return Some(1);
        }
        let time = ExpireTime::at_argument(args, index)?;
        match self {
            SetExpiry::Clear => {}
            SetExpiry::At(before) if before.unit == time.unit => {}
            SetExpiry::At(_) | SetExpiry::Keep => return None,
        }
        *self = SetExpiry::At(time);
        Some(2)
    }

    /// What it means at `now`, for the command of this lower-case name.
    pub(super) fn resolve(
        self,
        now: UnixMillis,
        command: &'static str,
    ) -> Result<NewExpiry, CommandError> {
        Ok(match self {
            SetExpiry::Clear => NewExpiry::None,
            SetExpiry::Keep => NewExpiry::Keep,
            SetExpiry::At(time) => NewExpiry::At(time.resolve(now, command)?),
        })
    }

    /// Whether it means the same whenever it is carried out.
    pub(super) fn is_timeless(self) -> bool {
        match self {
            SetExpiry::Clear | SetExpiry::Keep => true,
            SetExpiry::At(time) => time.unit == TimeUnit::UnixMilliseconds,
        }
    }
}
