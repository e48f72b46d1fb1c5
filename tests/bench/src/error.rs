//! What can go wrong in a measurement.

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The operating system refused something; `what` says what was being done.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and to which file or peer.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Bytes that are no RESP reply.
    #[error("not a RESP reply: {0}")]
    Protocol(String),
    /// The server answered with an error where none was expected.
    #[error("{count} error replies, the first: {first}")]
    ErrorReplies {
        /// How many error replies came.
        count: u64,
        /// The text of the first.
        first: String,
    },
    /// The server gave a reply of another shape than the scenario needs.
    #[error("{command}: unexpected reply {reply}")]
    UnexpectedReply {
        /// The command that was sent.
        command: String,
        /// The reply, for a person to read.
        reply: String,
    },
    /// A server did not start, did not become ready, or ended early.
    #[error("server {name}: {reason}; its output is in {log}")]
    Server {
        /// The name given on the command line.
        name: String,
        /// What happened.
        reason: String,
        /// The file with what it printed.
        log: String,
    },
    /// An argument that makes no sense.
    #[error("{0}")]
    Usage(String),
}

/// Short form for everything that can fail here.
pub(crate) type Result<T> = std::result::Result<T, BenchError>;

/// Adds what was being done to an I/O error.
pub(crate) trait Doing<T> {
    /// Names what was being done when the error came.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| BenchError::Io {
            what: what(),
            source: error.into(),
        })
    }
}
