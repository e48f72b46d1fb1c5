//! `# Commandstats`: calls and time per command.

use storage::Unit;

use super::text::Text;
use crate::command::table::{Registered, table};
use crate::server::Server;
use crate::stats::CommandTotals;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    table()
        .iter()
        .for_each(|command| write_one(text, server, command));
}

fn write_one(text: &mut Text, server: &Server, command: &Registered) {
    let totals = server.stats.command(command.id);
    if totals != CommandTotals::default() {
        let micros = totals.nanos / 1_000;
        let per_call = if totals.calls == 0 {
            0.0
        } else {
            micros as f64 / totals.calls as f64
        };
        text.field(
            format_args!("cmdstat_{}", command.full_name),
            format_args!(
                "calls={},usec={micros},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                totals.calls, totals.rejected, totals.failed
            ),
        );
    }
    command
        .subcommands
        .iter()
        .for_each(|subcommand| write_one(text, server, subcommand));
}
