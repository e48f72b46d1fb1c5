//! Points in time. Storage never reads a clock: every `now` comes in as an argument.

/// Milliseconds since the Unix epoch.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct UnixMillis(pub i64);
