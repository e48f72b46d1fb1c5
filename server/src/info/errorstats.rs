//! `# Errorstats`: error replies by their first word.

use storage::Unit;

use super::text::Text;
use crate::server::Server;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    for (prefix, count) in server.stats.errors().iter() {
        text.field(
            format_args!("errorstat_{prefix}"),
            format_args!("count={count}"),
        );
    }
}
