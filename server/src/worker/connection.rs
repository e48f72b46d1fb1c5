//! A connection's task.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::session::{ClientEntry, Session};

use super::stream::{NewConnection, Stream};
use super::turn::Turn;
use super::{Worker, with_worker};

/// The task of one connection: each poll is one turn of its session. Small, because there are many and most are idle.
struct Connection {
    stream: Stream,
    session: u32,
}

const _: () = assert!(size_of::<Connection>() <= 64);

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Connection { stream, session } = &mut *self;
        match with_worker(|worker| worker.turn(*session, stream, cx)) {
            Turn::Waits => Poll::Pending,
            Turn::Yields => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Turn::Ended => Poll::Ready(()),
        }
    }
}

/// Makes an accepted connection a session of this worker.
pub(super) fn start(worker: &mut Worker, connection: NewConnection) {
    let server = Rc::clone(&worker.server);
    let NewConnection {
        socket,
        peer,
        id,
        is_primary,
    } = connection;
    let stream = match socket.register() {
        Ok(stream) if !worker.draining => stream,
        refused => {
            if let Err(error) = refused {
                tracing::warn!("Cannot serve the connection from {}: {error}", peer.addr);
            }
            server.clients.dismiss();
            server.connection_gone(worker.state.index);
            return;
        }
    };
    let now_ms = Worker::now().0.max(0) as u64;
    let index = worker.sessions.reserve();
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
    let mut session = Session::new(entry, authenticated || is_primary, now_ms);
    session.is_primary = is_primary;
    worker.sessions.put(index, Box::new(session));
    tokio::spawn(Connection {
        stream,
        session: index,
    });
}
