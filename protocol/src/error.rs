//! What is wrong with a request that no further bytes could repair.

/// A malformed request. The caller answers once and closes the connection.
///
/// `Display` gives what follows `-ERR ` on the wire, in Redis's words; only the byte in
/// [`ExpectedDollar`](Self::ExpectedDollar) may not be text, so a reply is best written with
/// [`Reply::protocol_error`](crate::Reply::protocol_error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The line with the number of arguments does not end within the line limit.
    #[error("Protocol error: too big mbulk count string")]
    TooBigCountLine,
    /// The number of arguments is not an integer, or above the limit.
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// More arguments than a client may send before it has authenticated.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// The line with the length of an argument does not end within the line limit.
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkLine,
    /// An argument does not begin with `$` but with this byte.
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedDollar(u8),
    /// The length of an argument is not an integer, negative, or above the limit.
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// A longer argument than a client may send before it has authenticated.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline request does not end within the line limit.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// A quote in an inline request is not closed, or something follows the closing one.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
}
