//! `# Latencystats`: percentiles of the time that commands take.

use storage::Unit;

use super::text::Text;
use crate::command::table::{Registered, table};
use crate::server::Server;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    let config = server.config.get();
    if config.latency_tracking {
        let percentiles = &config.latency_tracking_info_percentiles;
        table()
            .iter()
            .for_each(|command| write_one(text, server, command, percentiles));
    }
}

fn write_one(text: &mut Text, server: &Server, command: &Registered, percentiles: &[f64]) {
    let counts = server.stats.histogram(command.id);
    if counts.total() > 0 {
        let of = |percentile: &f64| {
            format!(
                "p{percentile}={:.3}",
                counts.percentile(*percentile) as f64 / 1_000.0
            )
        };
        let all: Vec<String> = percentiles.iter().map(of).collect();
        text.field(
            format_args!("latency_percentiles_usec_{}", command.full_name),
            all.join(","),
        );
    }
    command
        .subcommands
        .iter()
        .for_each(|subcommand| write_one(text, server, subcommand, percentiles));
}
