//! Protocol limits: what a single request may cost the server.

use crate::error::ProtocolError;

/// What a request may cost. Keep it the same from a request's first byte to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: usize,
    /// Most arguments of one request.
    pub args_max: usize,
    /// Longest line in bytes: an inline request, or a line that holds a length.
    pub inline_len_max: usize,
    /// Whether the client may use all of the above; before that, Redis allows
    /// [`UNAUTHENTICATED_ARGS_MAX`] arguments of [`UNAUTHENTICATED_BULK_LEN_MAX`] bytes.
    pub authenticated: bool,
}

impl Default for Limits {
    /// Redis's limits for a client that has authenticated or need not.
    fn default() -> Self {
        Limits {
            bulk_len_max: 512 * 1024 * 1024,
            args_max: 1024 * 1024,
            inline_len_max: 64 * 1024,
            authenticated: true,
        }
    }
}

impl Limits {
    #[inline]
    pub(crate) fn args_max_now(&self) -> usize {
        if self.authenticated {
            self.args_max
        } else {
            self.args_max.min(UNAUTHENTICATED_ARGS_MAX)
        }
    }

    #[inline]
    pub(crate) fn bulk_len_max_now(&self) -> usize {
        if self.authenticated {
            self.bulk_len_max
        } else {
            self.bulk_len_max.min(UNAUTHENTICATED_BULK_LEN_MAX)
        }
    }

    /// What is wrong with a request of `count` arguments, which is too many.
    #[cold]
    pub(crate) fn refuse_count(&self, count: u64) -> ProtocolError {
        if count > self.args_max as u64 {
            ProtocolError::InvalidMultibulkLength
        } else {
            ProtocolError::UnauthenticatedMultibulkLength
        }
    }

    /// What is wrong with an argument of `len` bytes, which is too long.
    #[cold]
    pub(crate) fn refuse_bulk(&self, len: u64) -> ProtocolError {
        if len > self.bulk_len_max as u64 {
            ProtocolError::InvalidBulkLength
        } else {
            ProtocolError::UnauthenticatedBulkLength
        }
    }
}

/// Most arguments of a request from a client that has yet to authenticate.
pub const UNAUTHENTICATED_ARGS_MAX: usize = 10;

/// Longest argument in bytes from a client that has yet to authenticate.
pub const UNAUTHENTICATED_BULK_LEN_MAX: usize = 16 * 1024;
