//! `# Replication`: a primary without replicas.

use storage::Unit;

use super::text::Text;
use crate::server::Server;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    let state = server.replication.lock().clone();
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_replid", state.id());
    text.field("master_replid2", "0".repeat(state.id().len()));
    text.field("master_repl_offset", state.offset());
    text.field("second_repl_offset", -1);
    text.field("repl_backlog_active", 0);
    let backlog_bytes = server
        .config
        .get()
        .value_of("repl-backlog-size")
        .unwrap_or_default();
    text.field("repl_backlog_size", String::from_utf8_lossy(&backlog_bytes));
    text.fields([
        ("repl_backlog_first_byte_offset", 0),
        ("repl_backlog_histlen", 0),
    ]);
}
