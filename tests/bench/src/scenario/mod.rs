//! One file per scenario; what several of them share stands here.

pub(crate) mod churn;
mod churn_clients;
pub(crate) mod compare;
mod compare_tables;
mod connections;
pub(crate) mod empty;
pub(crate) mod expiry;
pub(crate) mod fragmentation;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod memory_types;
pub(crate) mod neighbours;
mod neighbours_cases;
pub(crate) mod one_tag;
pub(crate) mod run;
pub(crate) mod scaling;
pub(crate) mod scan;
pub(crate) mod types;
mod workloads;

use std::time::Duration;

use crate::args::ServerArgs;
use crate::error::{BenchError, Result};
use crate::report::Cell;
use crate::servers::{Server, ServerProgram};
use crate::stats::{Better, best, ratio};

impl ServerArgs {
    /// Starts one server on its core.
    pub(crate) fn start(&self, program: &ServerProgram) -> Result<Server> {
        Server::start(program, &[self.server_core], self.client_core)
    }
}

/// The order in which servers take their turns in `round`: each is first equally often.
pub(crate) fn turn_order(servers: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..servers).map(move |turn| (turn + round) % servers)
}

/// The subject's figure in relation to the best peer's; the subject's comes first in `figures`.
pub(crate) fn ratio_to_best_peer(figures: &[Option<f64>], better: Better) -> Option<f64> {
    let (subject, peers) = figures.split_first()?;
    let peers: Vec<f64> = peers.iter().copied().flatten().collect();
    ratio((*subject)?, best(&peers, better)?)
}

/// A figure as a cell, with a mark when it is past `bound`.
pub(crate) fn judged(figure: Option<f64>, bound: Option<f64>, decimals: usize) -> Cell {
    match (figure, bound) {
        (None, _) => Cell::Missing,
        (Some(figure), Some(bound)) if figure > bound => Cell::Missed(figure, decimals),
        (Some(figure), _) => Cell::Number(figure, decimals),
    }
}

/// Seconds from the command line.
///
/// # Errors
/// `BenchError::Usage` for a negative or endless time.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| BenchError::Usage(format!("no time: {seconds} s")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_first_in_turn() {
        let orders: Vec<Vec<usize>> = (0..3).map(|round| turn_order(3, round).collect()).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
    }

    #[test]
    fn the_subject_is_judged_by_the_best_peer() {
        let figures = [Some(6.0), Some(8.0), None, Some(12.0)];
        assert_eq!(ratio_to_best_peer(&figures, Better::Lower), Some(0.75));
        assert_eq!(ratio_to_best_peer(&figures, Better::Higher), Some(0.5));
        assert_eq!(ratio_to_best_peer(&[Some(1.0)], Better::Lower), None);
        assert_eq!(judged(Some(0.8), Some(0.75), 2), Cell::Missed(0.8, 2));
        assert_eq!(judged(Some(0.75), Some(0.75), 2), Cell::Number(0.75, 2));
        assert_eq!(judged(None, Some(0.75), 2), Cell::Missing);
    }
}
