//! Making an accepted connection a session of a worker.

use std::rc::Rc;
use std::sync::Arc;

use crate::session::{ClientEntry, Session};

use super::Worker;
use super::sessions::Connection;
use super::stream::{NewConnection, Stream};

/// Makes an accepted connection a session of this worker.
pub(super) fn start(worker: &mut Worker, connection: NewConnection) {
    let server = Rc::clone(&worker.server);
    let NewConnection {
        socket,
        peer,
        id,
        is_primary,
    } = connection;
    let index = worker.sessions.reserve();
    let stream = match Stream::register(socket, &worker.sockets, index) {
        Ok(stream) if !worker.draining => stream,
        refused => {
            if let Err(error) = refused {
                tracing::warn!("Cannot serve the connection from {}: {error}", peer.addr);
            }
            worker.sessions.free(index);
            server.clients.dismiss();
            server.connection_gone(worker.state.index);
            return;
        }
    };
    let now_ms = Worker::now().0.max(0) as u64;
    let entry = Arc::new(ClientEntry::new(
        id,
        worker.state.index as u16,
        index,
        peer,
        now_ms,
    ));
    server.clients.add(Arc::clone(&entry));
    server.stats.worker(worker.state.index).connections.add(1);
    let authenticated = worker.settings.requirepass.is_empty();
    let ready = Rc::clone(&worker.ready);
    let mut session = Session::new(entry, ready, authenticated || is_primary, now_ms);
    session.is_primary = is_primary;
    worker
        .sessions
        .put(index, Box::new(Connection { session, stream }));
}
