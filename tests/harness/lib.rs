//! What the integration tests share: find the server's binary, start it on a free port in a
//! directory of its own, speak to it through a real client or byte by byte, and compare replies.
//!
//! The tests run against any server that takes Redis's arguments. Setting `NUTHATCH_TEST_BINARY`
//! to a `redis-server` proves the tests themselves: what Redis fails is a wrong test, unless it is
//! about an extension or a newer version (see [`ServerKind`]).

mod binary;
mod client;
mod pattern;
mod random;
mod raw;
mod server;
mod transcript;
mod value;
mod wait;

pub use binary::{command_line, server_binary};
pub use client::{command, query};
pub use pattern::Pattern;
pub use random::Random;
pub use raw::{End, RawClient, encode_command, split_line};
pub use server::{ServerKind, TestServer, free_port, raise_open_file_limit};
pub use transcript::{Block, Dialect, Reply, Step, Transcript};
pub use value::{DecodeError, Value};
pub use wait::{long_or, skip, wait_until, wait_until_some};

/// Runs `work` on `threads` threads at once, each with its number, and waits for all.
///
/// # Panics
/// When one of them does.
pub fn in_parallel(threads: usize, work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..threads {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
}
