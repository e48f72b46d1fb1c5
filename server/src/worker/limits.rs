//! Limits of what a client may make the server keep: `client-output-buffer-limit`, `client-query-buffer-limit`.

use crate::clock::unix_now;
use crate::command::table::table;
use crate::config::{Config, OutputBufferLimit};
use crate::server::Server;
use crate::session::{Close, Session, Subscriptions, Transaction, Watches};

/// Most unexecuted request bytes of a client that has not authenticated.
const UNAUTHENTICATED_QUERY_BYTES_MAX: usize = 1024 * 1024;

/// Closes a session whose unsent output is above its class's hard limit, or has been above the soft one for too long.
#[inline]
pub(crate) fn enforce_output_limit(server: &Server, config: &Config, session: &mut Session) {
    let limits = &config.client_output_buffer_limit;
    let limit = if session.is_subscriber() {
        limits.pubsub
    } else {
        limits.normal
    };
    if limit != OutputBufferLimit::default() {
        enforce(server, limit, session);
    }
}

fn enforce(server: &Server, limit: OutputBufferLimit, session: &mut Session) {
    let bytes = session.pending.len() as u64;
    let is_above = |bound: u64| bound != 0 && bytes > bound;
    let mut close = is_above(limit.hard_bytes);
    if is_above(limit.soft_bytes) {
        let now = unix_now().0.max(0) as u64;
        let since = *session.soft_limit_since_ms.get_or_insert(now);
        close |= now.saturating_sub(since) > limit.soft_seconds * 1_000;
    } else {
        session.soft_limit_since_ms = None;
    }
    if close && session.close != Close::Now {
        session.close = Close::Now;
        let stats = server.stats.worker(usize::from(session.client.worker));
        stats.output_limit_disconnections.add(1);
        tracing::warn!(
            "Client {} scheduled to be closed ASAP for overcoming of output buffer limits.",
            describe(session)
        );
    }
}

/// Closes a session that has the server keep more than it may: requests incomplete or queued, keys watched, channels
/// subscribed to. Returns whether it did.
pub(crate) fn enforce_query_limit(server: &Server, config: &Config, session: &mut Session) -> bool {
    let queued = session.transaction.as_deref().map_or(0, Transaction::bytes);
    let watched = session.watches.as_deref().map_or(0, Watches::bytes);
    let subscribed = session
        .subscriptions
        .as_deref()
        .map_or(0, Subscriptions::bytes);
    let bytes = session.input.len() + queued + watched + subscribed;
    let needs_auth = !session.authenticated && !config.requirepass.is_empty();
    let limit = usize::try_from(config.client_query_buffer_limit_bytes).unwrap_or(usize::MAX);
    if bytes <= limit && !(needs_auth && bytes > UNAUTHENTICATED_QUERY_BYTES_MAX) {
        return false;
    }
    server
        .stats
        .worker(usize::from(session.client.worker))
        .query_limit_disconnections
        .add(1);
    tracing::warn!(
        "Closing client that reached max query buffer length: {} (qbuf bytes: {bytes})",
        describe(session)
    );
    session.close = Close::Now;
    true
}

/// A session as log lines name it.
fn describe(session: &Session) -> String {
    let client = &session.client;
    let command = table()
        .by_id(session.last_command)
        .map_or("NULL", |command| &command.full_name);
    let names = client.names();
    format!(
        "id={} addr={} laddr={} fd={} name={} db={} omem={} cmd={command}",
        client.id,
        client.addr,
        client.laddr,
        client.fd,
        String::from_utf8_lossy(&names.name),
        session.db,
        session.pending.len(),
    )
}
