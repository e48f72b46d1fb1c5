//! Clients that do not take their replies, or take them slowly, beside the load of [`churn`](super::churn).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::client::Client;
use crate::error::{BenchError, Doing, Result};

/// What these clients ask for.
const VALUE_BYTES: usize = 16 * 1024;
const KEYS: usize = 10;
/// Small segments and receive buffers, because on the loopback the kernel would hold megabytes for a client that does not
/// read, and the server would have nothing to hold.
const SEGMENT_BYTES: u32 = 536;
const RECEIVE_BYTES: usize = 4 * 1024;
/// About so much the kernel holds even so.
const KERNEL_BYTES: usize = 64 * 1024;
/// How often, and how much, a slow reader reads.
const READ_EVERY: Duration = Duration::from_millis(20);
const READ_BYTES: usize = 4 * 1024;

/// A thread that plays all of them; it ends with [`SlowClients::end`].
pub(super) struct SlowClients {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl SlowClients {
    /// Connects `count` clients that together leave about `unread_bytes` with the server.
    pub(super) fn start(
        address: SocketAddr,
        count: usize,
        unread_bytes: u64,
    ) -> Result<SlowClients> {
        let each = unread_bytes as usize / count.max(1) + KERNEL_BYTES;
        let mut keys = SlowKeys::new(address)?;
        keys.set()?;
        let clients = (0..count)
            .map(|number| SlowClient::connect(address, number, each / VALUE_BYTES))
            .collect::<Result<Vec<_>>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || play(clients, keys, &stopped));
        Ok(SlowClients { stop, thread })
    }

    /// Closes all connections, read or not.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    pub(super) fn end(self) -> Result<()> {
        // Relaxed: the thread is joined.
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| BenchError::Usage("the slow clients' thread panicked".into()))?
    }
}

fn play(mut clients: Vec<SlowClient>, mut keys: SlowKeys, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        keys.set()?;
        // Half of them never read.
        for client in clients.iter_mut().step_by(2) {
            client.read_a_little()?;
        }
        thread::sleep(READ_EVERY);
    }
    Ok(())
}

/// What the clients read, kept there although everything around it is evicted.
struct SlowKeys {
    client: Client,
    requests: Vec<u8>,
}

impl SlowKeys {
    fn new(address: SocketAddr) -> Result<SlowKeys> {
        let mut requests = Vec::new();
        let value = "v".repeat(VALUE_BYTES);
        for key in 0..KEYS {
            let request =
                format!("*3\r\n$3\r\nSET\r\n$6\r\nslow:{key}\r\n${VALUE_BYTES}\r\n{value}\r\n");
            requests.extend(request.bytes());
        }
        Ok(SlowKeys {
            client: Client::connect(address)?,
            requests,
        })
    }

    fn set(&mut self) -> Result<()> {
        self.client.send(&self.requests)?;
        // Refused for want of memory is as good here: the replies are then shorter.
        (0..KEYS).try_for_each(|_| self.client.read().map(drop))
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_mss(SEGMENT_BYTES)?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

struct SlowClient {
    stream: TcpStream,
    request: Vec<u8>,
    requests: usize,
}

impl SlowClient {
    fn connect(address: SocketAddr, number: usize, requests: usize) -> Result<SlowClient> {
        let stream = connect(address).doing(|| format!("connect to {address}"))?;
        let mut client = SlowClient {
            stream,
            request: format!("*2\r\n$3\r\nGET\r\n$6\r\nslow:{}\r\n", number % KEYS).into_bytes(),
            requests,
        };
        client.ask()?;
        client
            .stream
            .set_nonblocking(true)
            .doing(|| "prepare a connection".into())?;
        Ok(client)
    }

    /// Asks for as much as the client leaves unread.
    fn ask(&mut self) -> Result<()> {
        match self.stream.write_all(&self.request.repeat(self.requests)) {
            // The server takes no more from one who reads nothing: so be it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            other => other.doing(|| "write to the server".into()),
        }
    }

    fn read_a_little(&mut self) -> Result<()> {
        match self.stream.read(&mut [0; READ_BYTES]) {
            Ok(0) => Err(BenchError::Protocol(
                "a slow client was disconnected".into(),
            )),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.ask(),
            Err(error) => Err(error).doing(|| "read from the server".into()),
        }
    }
}
