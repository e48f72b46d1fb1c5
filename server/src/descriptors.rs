//! The limit of open files: how many clients it leaves room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Descriptors that are not clients: listeners, log file, and the like.
const RESERVED: u64 = 32;
/// And those of each worker: event queue, wake-ups.
const RESERVED_PER_WORKER: u64 = 4;

/// Raises the soft limit so that `maxclients` fit, as far as the hard limit admits, and never lowers it.
///
/// # Errors
/// When they do not fit: how many do.
pub(crate) fn make_room(config: &Config) -> Result<(), Shortage> {
    let reserved = RESERVED + RESERVED_PER_WORKER * u64::from(config.threads);
    let wanted = u64::from(config.maxclients) + reserved;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return Ok(());
    }
    let possible = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(possible),
            maximum: limit.maximum,
        },
    );
    let files = if raised.is_ok() { possible } else { current };
    if files >= wanted {
        return Ok(());
    }
    Err(Shortage {
        wanted,
        files,
        clients: files.saturating_sub(reserved) as u32,
    })
}

/// Too few files may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// How many were needed.
    pub(crate) wanted: u64,
    /// How many there may be.
    pub(crate) files: u64,
    /// How many clients that leaves room for, perhaps none.
    pub(crate) clients: u32,
}
