//! Fills a server's keyspace before it is measured.

use std::net::SocketAddr;
use std::time::Duration;

use crate::commands::Mix;
use crate::error::Result;
use crate::keys::{KeyOrder, KeySpace};
use crate::load::{self, Length, LoadResult, LoadSpec};

/// Connections and pipeline of a fill: few and deep, so that the server's time goes into storing.
const CONNECTIONS: usize = 4;
const PIPELINE: u64 = 100;

/// The value that counters begin with; its encoding is an integer's everywhere.
pub(crate) const COUNTER_START: &str = "SET __key__ 100000";

/// Sends `command` once for each key of `keys`, in order.
///
/// # Errors
/// `BenchError`, also when the server answers with an error.
pub(crate) fn fill(
    address: SocketAddr,
    command: &str,
    keys: &KeySpace,
    data_bytes: usize,
) -> Result<LoadResult> {
    load::run(&LoadSpec {
        address,
        connections: CONNECTIONS,
        pipeline: PIPELINE,
        mix: Mix::new(&[command.to_string()], keys, data_bytes)?,
        key_count: keys.count,
        key_order: KeyOrder::Sequential,
        rate: None,
        warm_up: Duration::ZERO,
        length: Length::Requests(keys.count),
        seed: 1,
        server_pid: None,
    })?
    .checked()
}
