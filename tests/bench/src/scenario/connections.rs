//! Memory of an idle connection.

use std::time::Duration;

use super::{judged, ratio_to_best_peer};
use crate::args::ServerArgs;
use crate::client::{Client, Value, encode, unexpected};
use crate::error::Result;
use crate::machine;
use crate::report::{Cell, Table, progress};
use crate::servers::ServerProgram;
use crate::stats::Better;

/// What is to be met, in bytes.
const BYTES_MAX: f64 = 2048.0;
/// Servers free the buffers of idle connections bit by bit, some over many seconds.
const QUIET: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(15);

/// Opens `count` connections to each server, lets each say PING once, and weighs them.
///
/// # Errors
/// `BenchError`, also when this many open files are not allowed.
pub(super) fn table(servers: &ServerArgs, count: usize) -> Result<Table> {
    machine::allow_open_files(count as u64 + 200)?;
    let programs = servers.programs();
    let mut columns = vec!["figure"];
    columns.extend(programs.iter().map(|program| program.name.as_str()));
    columns.extend(["ratio", "to be met"]);
    let mut table = Table::new(
        format!("RSS per idle connection, bytes (of {count})"),
        &columns,
    );
    let figures = programs
        .iter()
        .map(|program| per_connection(servers, program, count).map(Some))
        .collect::<Result<Vec<_>>>()?;
    let mut row: Vec<Cell> = vec!["bytes".into()];
    row.push(judged(figures[0], Some(BYTES_MAX), 0));
    row.extend(figures[1..].iter().map(|&bytes| Cell::number(bytes, 0)));
    row.push(Cell::number(ratio_to_best_peer(&figures, Better::Lower), 2));
    row.push(Cell::Number(BYTES_MAX, 0));
    table.push(row);
    Ok(table)
}

fn per_connection(servers: &ServerArgs, program: &ServerProgram, count: usize) -> Result<f64> {
    let limit = (count + 100).to_string();
    let server = servers.start(&program.with(&program.name, &["--maxclients", &limit]))?;
    let base = server.settled_rss_bytes(QUIET, PATIENCE)?;
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::connect_lean(server.address)?;
        client.send(&encode("PING"))?;
        match client.read()? {
            Value::Simple(_) => clients.push(client),
            other => return Err(unexpected("PING", &other)),
        }
    }
    let rss = server.settled_rss_bytes(QUIET, PATIENCE)?;
    let bytes = rss.saturating_sub(base) as f64 / count as f64;
    progress(&format!(
        "{}: {bytes:.0} bytes per idle connection",
        server.name
    ));
    drop(clients);
    Ok(bytes)
}
