//! Listening sockets and the thread that accepts connections, ends pauses, and takes the server down.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::SendFlags;
use socket2::{Domain, SockAddr, SockRef, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::server::{DRAIN_TIME_MAX, Server};
use crate::session::registry::Peer;
use crate::worker::inbox::Event;
use crate::worker::stream::NewConnection;

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("Could not create server listening socket {address}: {source}")]
pub struct BindError {
    /// The address or path.
    pub address: String,
    /// The port; 0 for a unix socket.
    pub port: u16,
    /// What the system said.
    pub source: io::Error,
}

/// A bound listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// Unix, with its path.
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl Listener {
    /// The address of a TCP listener.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        }
    }

    /// Another handle of the same socket.
    fn try_clone(&self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp(listener) => Listener::Tcp(listener.try_clone()?),
            Listener::Unix(listener, path) => Listener::Unix(listener.try_clone()?, path.clone()),
        })
    }
}

/// What is listened on, and how that changes while the server runs (`CONFIG SET port`, `bind`).
#[derive(Debug, Default)]
pub(crate) struct ListenControl {
    /// Handles of all sockets in use, so that an address which stays is not bound twice.
    current: Mutex<Vec<Listener>>,
    next: Mutex<Option<Vec<Listener>>>,
    wake: Notify,
}

impl ListenControl {
    /// Binds what `config` says and has the accepting thread use it instead of what it listens on now. Sockets whose
    /// address stays, stay.
    ///
    /// # Errors
    /// [`BindError`] for the first address that is refused; everything stays as it was then.
    pub(crate) fn rebind(&self, config: &Config) -> Result<(), BindError> {
        let mut current = self.current.lock();
        let listeners = bind_all(config, PortZero::IsOff, &current)?;
        *current = clone_all(&listeners, config)?;
        *self.next.lock() = Some(listeners);
        self.wake.notify_one();
        Ok(())
    }
}

fn clone_all(listeners: &[Listener], config: &Config) -> Result<Vec<Listener>, BindError> {
    let clones = listeners.iter().map(Listener::try_clone);
    clones
        .collect::<io::Result<_>>()
        .map_err(|source| BindError {
            address: "again".to_owned(),
            port: config.port,
            source,
        })
}

/// What `port 0` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortZero {
    /// No TCP.
    IsOff,
    /// Any free port, for tests.
    IsAny,
}

/// Binds everything that `config` says; TCP sockets among `existing` that have a wanted address already are used again.
///
/// # Errors
/// [`BindError`] for the first address that is refused and not optional.
pub(crate) fn bind_all(
    config: &Config,
    port_zero: PortZero,
    existing: &[Listener],
) -> Result<Vec<Listener>, BindError> {
    let mut listeners = Vec::new();
    if config.port != 0 || port_zero == PortZero::IsAny {
        for word in &config.bind {
            let (name, optional) = match word.strip_prefix('-') {
                Some(name) => (name, true),
                None => (&**word, false),
            };
            match bind_tcp(name, config.port, config.tcp_backlog, existing) {
                Ok(listener) => listeners.push(Listener::Tcp(listener)),
                Err(error) if optional && is_unavailable(&error) => {}
                Err(source) => {
                    let (address, port) = (name.to_owned(), config.port);
                    return Err(BindError {
                        address,
                        port,
                        source,
                    });
                }
            }
        }
    }
    if !config.unixsocket.is_empty() {
        let path = config.path(&config.unixsocket);
        let listener =
            bind_unix(&path, config.unixsocketperm, config.tcp_backlog).map_err(|source| {
                BindError {
                    address: path.display().to_string(),
                    port: 0,
                    source,
                }
            })?;
        listeners.push(Listener::Unix(listener, path));
    }
    Ok(listeners)
}

/// What an address marked as optional may be refused for: this machine does not have it.
fn is_unavailable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || matches!(error.raw_os_error(), Some(code) if code == AFNOSUPPORT || code == PROTONOSUPPORT)
}

const AFNOSUPPORT: i32 = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
const PROTONOSUPPORT: i32 = rustix::io::Errno::PROTONOSUPPORT.raw_os_error();

fn bind_tcp(
    name: &str,
    port: u16,
    backlog: u32,
    existing: &[Listener],
) -> io::Result<std::net::TcpListener> {
    let address = match name {
        "*" => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        "::*" => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        name => (name, port)
            .to_socket_addrs()?
            .next()
            .ok_or(io::ErrorKind::AddrNotAvailable)?,
    };
    for listener in existing {
        if let Listener::Tcp(listener) = listener
            && listener.local_addr().is_ok_and(|bound| bound == address)
        {
            return listener.try_clone();
        }
    }
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        // `*` and `::*` are bound side by side.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn bind_unix(path: &Path, mode: u32, backlog: u32) -> io::Result<std::os::unix::net::UnixListener> {
    // A socket file that a killed server left is in the way; another server's is its own fault, as in Redis.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if mode != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Starts the accepting thread; it ends when the server has gone down.
pub(crate) fn spawn(
    server: Arc<Server>,
    listeners: Vec<Listener>,
    workers: Vec<JoinHandle<()>>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let handles = listeners.iter().map(Listener::try_clone);
    *server.listening.current.lock() = handles.collect::<io::Result<_>>()?;
    std::thread::Builder::new()
        .name("nuthatch-accept".into())
        .spawn(move || {
            runtime.block_on(run(&server, listeners));
            drop(runtime);
            take_down(&server, workers);
            server.shutdown.finish();
        })
}

/// How often the thread looks whether a pause has ended.
const PERIOD: Duration = Duration::from_millis(10);

async fn run(server: &Arc<Server>, listeners: Vec<Listener>) {
    let mut accepting = accept_all(server, listeners);
    loop {
        let is_paused = server.end_pause_if_due();
        tokio::select! {
            () = server.shutdown.requested() => break,
            () = server.listening.wake.notified() => {
                let next = server.listening.next.lock().take();
                if let Some(listeners) = next {
                    accepting.abort_all();
                    accepting = accept_all(server, listeners);
                }
            }
            () = tokio::time::sleep(PERIOD), if is_paused => {}
            () = server.pause_begun.notified(), if !is_paused => {}
        }
    }
    accepting.shutdown().await;
    server.listening.current.lock().clear();
}

fn accept_all(server: &Arc<Server>, listeners: Vec<Listener>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        match listener {
            Listener::Tcp(listener) => match TcpListener::from_std(listener) {
                Ok(listener) => {
                    tasks.spawn(accept_tcp(Arc::clone(server), listener));
                }
                Err(error) => tracing::error!("Cannot listen: {error}"),
            },
            Listener::Unix(listener, path) => match UnixListener::from_std(listener) {
                Ok(listener) => {
                    tasks.spawn(accept_unix(Arc::clone(server), listener, path));
                }
                Err(error) => tracing::error!("Cannot listen: {error}"),
            },
        }
    }
    tasks
}

async fn accept_tcp(server: Arc<Server>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let prepared = socket
                    .into_std()
                    .and_then(|socket| prepare_tcp(&server, socket, peer));
                match prepared {
                    Ok((socket, peer)) => admit(&server, socket, peer),
                    Err(error) => tracing::debug!("Lost a connection while accepting it: {error}"),
                }
            }
            Err(error) => wait_after(&error).await,
        }
    }
}

fn prepare_tcp(
    server: &Server,
    socket: std::net::TcpStream,
    peer: SocketAddr,
) -> io::Result<(OwnedFd, Peer)> {
    let local = socket.local_addr()?;
    socket.set_nodelay(true)?;
    let keepalive = server.config.get().tcp_keepalive_seconds;
    if keepalive > 0 {
        // The kernel's probes in a third of the time, three of them: a dead peer is noticed after twice the setting.
        let idle = Duration::from_secs(keepalive.into());
        let between = Duration::from_secs(u64::from(keepalive / 3).max(1));
        let settings = TcpKeepalive::new()
            .with_time(idle)
            .with_interval(between)
            .with_retries(3);
        SockRef::from(&socket).set_tcp_keepalive(&settings)?;
    }
    let peer = Peer {
        addr: peer.to_string().into(),
        laddr: local.to_string().into(),
        fd: socket.as_raw_fd(),
        is_unix: false,
        is_local: peer.ip().is_loopback(),
    };
    Ok((socket.into(), peer))
}

async fn accept_unix(server: Arc<Server>, listener: UnixListener, path: PathBuf) {
    let name: Box<str> = format!("{}:0", path.display()).into();
    loop {
        match listener.accept().await {
            Ok((socket, _)) => match socket.into_std() {
                Ok(socket) => {
                    let fd = socket.as_raw_fd();
                    let (addr, laddr) = (name.clone(), name.clone());
                    let peer = Peer {
                        addr,
                        laddr,
                        fd,
                        is_unix: true,
                        is_local: true,
                    };
                    admit(&server, socket.into(), peer);
                }
                Err(error) => tracing::debug!("Lost a connection while accepting it: {error}"),
            },
            Err(error) => wait_after(&error).await,
        }
    }
}

/// The process may be out of descriptors: asking again at once would only burn the processor.
async fn wait_after(error: &io::Error) {
    tracing::warn!("Accepting client connection: {error}");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Hands a connection to a worker, or tells it why not.
fn admit(server: &Server, socket: OwnedFd, peer: Peer) {
    let config = server.config.get();
    let refusal = if !server.clients.admit(config.maxclients as usize) {
        Some("-ERR max number of clients reached\r\n")
    } else if config.protected_mode && config.requirepass.is_empty() && !peer.is_local {
        server.clients.dismiss();
        Some(PROTECTED_MODE)
    } else {
        None
    };
    if let Some(refusal) = refusal {
        // Relaxed: a figure.
        server
            .stats
            .rejected_connections
            .fetch_add(1, Ordering::Relaxed);
        refuse(socket, refusal);
        return;
    }
    hand_over(server, socket, peer, false);
}

/// Gives a connection that has been counted to the worker with the fewest.
fn hand_over(server: &Server, socket: OwnedFd, peer: Peer, is_primary: bool) {
    let id = server.clients.next_id();
    let worker = server.assign_connection();
    server.inboxes[worker].send(Event::Connection(Box::new(NewConnection {
        socket,
        peer,
        id,
        is_primary,
    })));
}

/// Executes what `socket` brings as a primary's stream.
///
/// # Errors
/// When the socket is not connected or its options cannot be set.
pub(crate) fn follow(server: &Server, socket: std::net::TcpStream) -> io::Result<()> {
    let peer = socket.peer_addr()?;
    socket.set_nonblocking(true)?;
    let (socket, peer) = prepare_tcp(server, socket, peer)?;
    server.clients.admit(usize::MAX);
    hand_over(server, socket, peer, true);
    Ok(())
}

/// Says why and closes; a socket that does not take one line at once goes without.
fn refuse(socket: OwnedFd, text: &str) {
    if let Err(error) = rustix::net::send(socket, text.as_bytes(), SendFlags::NOSIGNAL) {
        tracing::debug!("Could not tell a client why it was refused: {error}");
    }
}

const PROTECTED_MODE: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no \
    password is set for the default user. In this mode connections are only accepted from the loopback interface. If \
    you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable \
    protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to \
    Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet \
    if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the \
    protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then \
    restarting the server. 3) If you started the server manually just for testing, restart it with the \
    '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to \
    do one of the above things in order for the server to start accepting connections from the outside.\r\n";

/// Has the workers finish and waits for them, but not for ever: a client that reads nothing must not keep the server up.
fn take_down(server: &Server, workers: Vec<JoinHandle<()>>) {
    server.send_to_all(|| Event::Drain);
    let deadline = Instant::now() + DRAIN_TIME_MAX;
    for worker in workers {
        while !worker.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        if worker.is_finished() && worker.join().is_err() {
            tracing::error!("A worker has panicked");
        }
    }
    let path = server.config.get();
    if !path.unixsocket.is_empty()
        && let Err(error) = std::fs::remove_file(path.path(&path.unixsocket))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("Cannot remove the unix socket file: {error}");
    }
}
