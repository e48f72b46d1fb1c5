//! What can go wrong in a replay.

/// Why a replay could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The operating system refused something; `what` says what was being done.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and to which file or server.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A line of a file is not what it should be.
    #[error("this line says nothing: {0}")]
    Line(String),
    /// A server gave another reply than the command asks for.
    #[error("{command}: unexpected reply {reply}")]
    Reply {
        /// What was sent.
        command: String,
        /// What came back.
        reply: String,
    },
    /// A server that does not come up.
    #[error("server {0} does not answer")]
    Server(String),
}

/// Short form for everything that can fail here.
pub(crate) type Result<T> = std::result::Result<T, ReplayError>;

impl ReplayError {
    pub(crate) fn io(what: String, source: std::io::Error) -> Self {
        Self::Io { what, source }
    }
}
