//! Configuration: the settings, where they come from, and how they change at run time.
//!
//! - [`Config`] is the plain struct that the rest of the server reads.
//! - `table.rs` is the one list of directives; file, command line, environment and `CONFIG` derive from it.
//! - `load.rs` builds the first `Config` from [`Sources`]: file, then stdin, then environment, then command line;
//!   the later wins.
//! - [`ConfigStore`] shares the current `Config` between workers and serves `CONFIG GET`, `SET` and `REWRITE`.
//!
//! To add a setting: a row in `table.rs`, a field in `settings.rs` if it has an effect.

mod checks;
mod directive;
mod error;
mod get;
mod line;
mod load;
mod parse;
mod pattern;
mod rewrite;
mod settings;
mod store;
mod table;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use error::os_text;
pub use error::{ConfigError, LoadError, Refusal};
pub use get::{default_of, get, is_sensitive};
pub(crate) use line::quote;
pub use load::{Loaded, Sources, load};
pub(crate) use parse::parse_memory;
pub use settings::{Config, KeptValues, ProbeTarget, SHARDS_MAX, THREADS_MAX};
pub use store::{ConfigStore, ConfigView};
pub use types::{
    KeyspaceEvents, LogFormat, LogLevel, MaxmemoryPolicy, MemoryShare, OutputBufferLimit,
    OutputBufferLimits, Permission, SavePoint, ShutdownOptions,
};
