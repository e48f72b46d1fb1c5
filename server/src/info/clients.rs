//! `# Clients`: connections.

use std::sync::atomic::Ordering;

use storage::Unit;

use super::text::Text;
use crate::server::Server;
use crate::session::ClientFlags;

pub(super) fn write(text: &mut Text, server: &Server, _unit: &mut Unit<'_>) {
    let config = server.config.get();
    let clients = server.clients.list();
    let (mut input_bytes, mut output_bytes) = (0, 0);
    let (mut blocked, mut watching, mut subscribed) = (0, 0, 0);
    for client in &clients {
        // Relaxed throughout: each field is a figure of its own.
        input_bytes = input_bytes.max(client.input_bytes.load(Ordering::Relaxed));
        output_bytes = output_bytes.max(client.pending_bytes.load(Ordering::Relaxed));
        let flags = client.flags();
        blocked += u32::from(flags.has(ClientFlags::BLOCKED));
        subscribed += u32::from(flags.has(ClientFlags::PUBSUB));
        watching += u32::from(client.watched.load(Ordering::Relaxed) > 0);
    }
    text.field("connected_clients", server.clients.connected());
    text.field("cluster_connections", 0);
    text.field("maxclients", config.maxclients);
    text.field("client_recent_max_input_buffer", input_bytes);
    text.field("client_recent_max_output_buffer", output_bytes);
    text.field("blocked_clients", blocked);
    text.field("tracking_clients", 0);
    text.field("pubsub_clients", subscribed);
    text.field("watching_clients", watching);
    text.fields([
        ("clients_in_timeout_table", 0),
        ("total_blocking_keys", server.keyspace.blocking_keys()),
        ("total_blocking_keys_on_nokey", 0),
    ]);
}
