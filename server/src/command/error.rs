//! What a command can answer instead of its result. The only place that knows error reply text.

use std::borrow::Cow;

use storage::StoreError;

/// An error reply. `Display` is the exact line after `-`; its first word is what `errorstat_*` counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// An option is unknown, doubled, or contradicts another.
    #[error("ERR syntax error")]
    Syntax,
    /// Wrong number of arguments for the command of this (lower-case, `container|sub`) name.
    #[error("ERR wrong number of arguments for '{0}' command")]
    WrongArity(Cow<'static, str>),
    /// An argument or the stored value is not a 64-bit integer.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// An argument or the stored value is not a number.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The sum leaves the range of a 64-bit integer.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// The floating-point sum is no number.
    #[error("ERR increment would produce NaN or Infinity")]
    NotFinite,
    /// The string would exceed `proto-max-bulk-len`.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// A key that must exist does not.
    #[error("ERR no such key")]
    NoSuchKey,
    /// Source and destination are the same.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// A database number beyond `databases`.
    #[error("ERR DB index is out of range")]
    DbOutOfRange,
    /// A bad expire time, named by the (lower-case) command.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpireTime(&'static str),
    /// A number outside what the option allows.
    #[error("ERR value is out of range, must be positive")]
    NotPositive,
    /// A number that a C `int` cannot hold.
    #[error("ERR value is out of range, value must between -2147483648 and 2147483647")]
    BeyondInt,
    /// A line that quotes the client's own bytes, which need not be text; prefix included.
    #[error("{}", String::from_utf8_lossy(.0))]
    Quoting(Box<[u8]>),
    /// The client has not authenticated.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// Wrong user name or password, or the user is off.
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPass,
    /// Memory is short and the command may need some.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// The transaction was refused when it was queued.
    #[error("EXECABORT Transaction discarded because of previous errors.")]
    ExecAborted,
    /// The transaction cannot run now, for the reason of this error.
    #[error("EXECABORT Transaction discarded because of: {0}")]
    ExecRefused(Box<CommandError>),
    /// A command that only a subscriber's RESP2 connection is denied.
    #[error(
        "ERR Can't execute '{0}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    )]
    SubscriberContext(Box<str>),
    /// The command does not go between `MULTI` and `EXEC`.
    #[error("ERR Command not allowed inside a transaction")]
    NotInTransaction,
    /// `MULTI` inside `MULTI`.
    #[error("ERR MULTI calls can not be nested")]
    NestedMulti,
    /// `WATCH` inside `MULTI`.
    #[error("ERR WATCH inside MULTI is not allowed")]
    WatchInsideMulti,
    /// `EXEC` without `MULTI`.
    #[error("ERR EXEC without MULTI")]
    ExecWithoutMulti,
    /// `DISCARD` without `MULTI`.
    #[error("ERR DISCARD without MULTI")]
    DiscardWithoutMulti,
    /// A command of ours panicked.
    #[error("ERR internal error while executing '{0}'")]
    Internal(Box<str>),
    /// A fixed line used by one command only; prefix included.
    #[error("{0}")]
    Line(&'static str),
    /// A composed line used by one command only; prefix included. Line breaks become spaces.
    #[error("{0}")]
    Composed(Box<str>),
}

impl CommandError {
    /// A composed line; `text` includes the prefix.
    #[cold]
    pub(crate) fn composed(text: impl Into<Box<str>>) -> Self {
        CommandError::Composed(text.into())
    }

    /// A line that quotes `bytes` of the client's, up to the first NUL; `before` includes the prefix.
    #[cold]
    pub(crate) fn quoting(before: &str, bytes: &[u8], after: &str) -> Self {
        let bytes = &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())];
        Self::Quoting([before.as_bytes(), bytes, after.as_bytes()].concat().into())
    }

    /// No such subcommand, or the wrong number of arguments for it: what a container with a parser of its own
    /// answers. `container` is in upper case, `subcommand` is what the client sent.
    #[cold]
    pub(crate) fn subcommand_syntax(container: &str, subcommand: &[u8]) -> Self {
        let rest = format!("'. Try {container} HELP.");
        let start = b"ERR unknown subcommand or wrong number of arguments for '";
        Self::Quoting([start, shown(subcommand), rest.as_bytes()].concat().into())
    }

    /// No subcommand of this name.
    #[cold]
    pub(crate) fn unknown_subcommand(container: &str, subcommand: &[u8]) -> Self {
        let rest = format!("'. Try {container} HELP.");
        Self::Quoting(
            [
                b"ERR unknown subcommand '",
                shown(subcommand),
                rest.as_bytes(),
            ]
            .concat()
            .into(),
        )
    }

    /// The line after `-`, as it goes to the client.
    pub(crate) fn line(&self) -> Cow<'_, [u8]> {
        match self {
            CommandError::Quoting(line) => Cow::Borrowed(line),
            CommandError::ExecRefused(reason) => {
                let reason = reason.line();
                // Of the prefixes, only those that say something stay.
                let reason = reason.strip_prefix(b"ERR ").unwrap_or(&reason);
                let start: &[u8] = b"EXECABORT Transaction discarded because of: ";
                Cow::Owned([start, reason].concat())
            }
            other => Cow::Owned(other.to_string().into_bytes()),
        }
    }
}

/// How a client's bytes appear inside an error: at most 128 of them, up to the first NUL.
pub(crate) fn shown(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(128)];
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::WrongType => CommandError::WrongType,
            StoreError::NotInteger => CommandError::NotInteger,
            StoreError::NotFloat => CommandError::NotFloat,
            StoreError::Overflow => CommandError::Overflow,
            StoreError::NotFinite => CommandError::NotFinite,
            StoreError::TooLong => CommandError::StringTooLong,
            StoreError::NotHyperLogLog => {
                CommandError::Line("WRONGTYPE Key is not a valid HyperLogLog string value.")
            }
            StoreError::CorruptHyperLogLog => {
                CommandError::Line("INVALIDOBJ Corrupted HLL object detected")
            }
        }
    }
}
