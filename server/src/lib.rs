//! The daemon: workers, sessions, the command table, configuration, and how it all is wired.
//!
//! The path of a command: `worker` reads a session's socket, `execute` parses requests, looks them up in
//! `command`, opens a unit on the keyspace, runs the command's function, and hands its effects to the log.

#![deny(unsafe_code)]

mod apply;
mod blocking;
pub mod cli;
mod clock;
mod command;
pub mod config;
mod container;
pub mod daemon;
mod descriptors;
mod effects;
mod execute;
mod framing;
pub mod healthcheck;
mod hot_keys;
mod info;
mod latency;
mod listen;
pub mod logging;
mod long_reply;
mod miss_ratio;
mod monitor;
mod notify;
mod os;
mod output;
mod panic;
mod pubsub;
mod server;
mod session;
mod shutdown;
mod slowlog;
mod stats;
mod worker;

pub use listen::BindError;
pub use server::{RunningServer, StartError, Stopper, start, start_on_free_port};

/// Everything is allocated here: fast for small blocks and frugal with threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
