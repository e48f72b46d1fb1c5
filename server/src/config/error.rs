//! What can go wrong with a setting, at run time and while starting.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a value was refused, in the words that follow `… - ` in the reply and stand alone after a bad line.
pub(super) type Reason = Cow<'static, str>;

/// A refused `CONFIG` subcommand. `Display` is Redis's text without the leading `ERR `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `CONFIG SET` of a name that does not exist or cannot be set by that command at all.
    #[error("Unknown option or number of arguments for CONFIG SET - '{name}'")]
    Unknown {
        /// The name as the client wrote it.
        name: String,
    },
    /// `CONFIG SET` of a known name, refused; nothing was changed.
    #[error("CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Refused {
        /// The directive or alias that caused it.
        name: String,
        /// Why, in Redis's words where Redis has the same reason.
        reason: String,
    },
    /// `CONFIG REWRITE` without a configuration file.
    #[error("The server is running without a config file")]
    NoFile,
    /// `CONFIG REWRITE` could not read or replace the file; the old one is untouched.
    #[error("Rewriting config file: {reason}")]
    Rewrite {
        /// The operating system's text.
        reason: String,
    },
}

/// A refusal by the `apply` callback of [`super::ConfigStore::set`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The directive that could not be applied.
    pub name: &'static str,
    /// Why, for the client.
    pub reason: String,
}

/// A configuration that the server cannot start with. `Display` is the whole text for stderr, in the form that
/// Redis uses; the exit status that goes with it is 1.
#[derive(Debug)]
pub enum LoadError {
    /// A line of the file, of stdin or made from the command line.
    Line {
        /// Counted from 1, stdin and command line continuing where the file ends.
        number: usize,
        /// The line without surrounding blanks.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An environment variable.
    Environment {
        /// The variable, with its prefix.
        variable: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A file that cannot be read.
    Open {
        /// The file as named.
        path: PathBuf,
        /// The operating system's text.
        reason: String,
    },
    /// A combination of settings, or a resource that one names (the log file).
    Setting {
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let LoadError::Open { path, reason } = self {
            return write!(
                f,
                "Fatal error, can't open config file '{}': {reason}",
                path.display()
            );
        }
        writeln!(
            f,
            "\n*** FATAL CONFIG FILE ERROR (Nuthatch {}) ***",
            env!("CARGO_PKG_VERSION")
        )?;
        match self {
            LoadError::Line {
                number,
                line,
                reason,
            } => {
                writeln!(f, "Reading the configuration file, at line {number}")?;
                writeln!(f, ">>> '{line}'")?;
                f.write_str(reason)
            }
            LoadError::Environment { variable, reason } => {
                writeln!(f, "Reading the environment variable {variable}")?;
                f.write_str(reason)
            }
            LoadError::Setting { reason } => f.write_str(reason),
            LoadError::Open { .. } => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    pub(super) fn open(path: &Path, error: &std::io::Error) -> Self {
        LoadError::Open {
            path: path.to_owned(),
            reason: os_text(error),
        }
    }
}

/// The operating system's words for `error`, without Rust's trailing "(os error 2)", as Redis prints them.
pub(crate) fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
