//! What commands on expire times of fields have in common: `FIELDS count field …`, and how an instant is given.

use storage::{Key, UnixMillis};

use crate::command::{Args, CommandError, Context};

/// The latest expire time of a field: Redis keeps it in 46 bits.
const EXPIRE_AT_MAX: i64 = (1 << 46) - 1;

/// How a command states an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// Milliseconds in its unit: 1 or 1000.
    pub(super) unit_ms: i64,
    /// Whether it counts from now rather than from 1970.
    pub(super) is_relative: bool,
}

impl Scale {
    pub(super) const SECONDS: Scale = Scale::new(1000, true);
    pub(super) const MILLISECONDS: Scale = Scale::new(1, true);
    pub(super) const UNIX_SECONDS: Scale = Scale::new(1000, false);
    pub(super) const UNIX_MILLISECONDS: Scale = Scale::new(1, false);

    const fn new(unit_ms: i64, is_relative: bool) -> Self {
        Self {
            unit_ms,
            is_relative,
        }
    }

    /// What the option at argument `at` names.
    pub(super) fn named(args: Args<'_>, at: usize) -> Option<Self> {
        const NAMES: [(&str, Scale); 4] = [
            ("EX", Scale::SECONDS),
            ("PX", Scale::MILLISECONDS),
            ("EXAT", Scale::UNIX_SECONDS),
            ("PXAT", Scale::UNIX_MILLISECONDS),
        ];
        let named = NAMES.into_iter().find(|(name, _)| args.is(at, name));
        named.map(|(_, scale)| scale)
    }

    /// The instant that `text` means at `now`, for the command of this lower-case name.
    pub(super) fn instant(
        self,
        text: &[u8],
        now: UnixMillis,
        command: &'static str,
    ) -> Result<UnixMillis, CommandError> {
        let amount = protocol::parse_i64(text).ok_or(CommandError::NotInteger)?;
        if amount < 0 {
            return Err(CommandError::Line("ERR invalid expire time, must be >= 0"));
        }
        let base = if self.is_relative { now.0 } else { 0 };
        let at = amount.checked_mul(self.unit_ms);
        let at = at.and_then(|ms| ms.checked_add(base));
        at.filter(|at| *at <= EXPIRE_AT_MAX)
            .map(UnixMillis)
            .ok_or(CommandError::InvalidExpireTime(command))
    }
}

/// The fields behind `FIELDS count` at argument `at`, up to the end; `not_positive` answers a count that is none.
pub(super) fn fields<'a>(
    args: Args<'a>,
    at: usize,
    not_positive: &'static str,
) -> Result<Args<'a>, CommandError> {
    if !args.is(at, "FIELDS") {
        return Err(CommandError::Line(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count = args.get(at + 1).and_then(protocol::parse_i64);
    let count = count
        .filter(|count| *count > 0)
        .ok_or(CommandError::Line(not_positive))?;
    let fields = args.tail(at + 2);
    if count as u64 != fields.len() as u64 {
        return Err(CommandError::Line(
            "ERR The `numfields` parameter must match the number of arguments",
        ));
    }
    Ok(fields)
}

/// What most commands answer to a count that is none.
pub(super) const COUNT_NOT_POSITIVE: &str = "ERR Number of fields must be a positive integer";

/// What was parsed, or its error, unless the key holds another type: that is said first.
pub(super) fn type_first<T>(
    ctx: &mut Context<'_, '_>,
    key: &Key<'_>,
    parsed: Result<T, CommandError>,
) -> Result<T, CommandError> {
    if parsed.is_err() {
        ctx.unit.hash_to_change(ctx.session.db, key)?;
    }
    parsed
}

/// Has the log carry a command on some fields of a hash: what stands `before` them, their number, and they.
pub(super) fn log_fields(ctx: &mut Context<'_, '_>, before: &[&[u8]], fields: &[&[u8]]) {
    let mut digits = itoa::Buffer::new();
    let count = digits.format(fields.len()).as_bytes();
    ctx.effect(&[before, &[b"FIELDS", count], fields].concat());
}

/// Has the log carry the removal of some fields, if there are any.
pub(super) fn log_removed(ctx: &mut Context<'_, '_>, key: &[u8], fields: &[&[u8]]) {
    if !fields.is_empty() {
        ctx.effect(&[&[b"HDEL", key], fields].concat());
    }
}
