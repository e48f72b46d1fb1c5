//! A server inside the test's process and a client that speaks raw bytes.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use nuthatch_server::config::{Config, Loaded};
use nuthatch_server::{RunningServer, start_on_free_port};

/// How long a client waits for bytes before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a free port with two workers.
pub(crate) struct TestServer {
    running: Option<RunningServer>,
    pub(crate) address: SocketAddr,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            port: 0,
            threads: 2,
            ..Config::default()
        };
        config.bind = vec!["127.0.0.1".to_owned()];
        change(&mut config);
        let loaded = Loaded {
            config,
            file: None,
            warnings: Vec::new(),
            has_maxmemory: true,
        };
        let running = start_on_free_port(loaded).unwrap();
        let address = running.addresses()[0];
        Self {
            running: Some(running),
            address,
        }
    }

    pub(crate) fn client(&self) -> TestClient {
        TestClient::connect(self.address)
    }

    pub(crate) fn running(&self) -> &RunningServer {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) struct TestClient {
    pub(crate) stream: TcpStream,
}

impl TestClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Fails unless exactly these bytes come next.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let shown =
            |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        let mut got = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        while got.len() < expected.len() && expected.starts_with(&got) {
            let room = (expected.len() - got.len()).min(piece.len());
            match self.stream.read(&mut piece[..room]) {
                Ok(0) => break,
                Ok(count) => got.extend_from_slice(&piece[..count]),
                Err(error) => panic!("{error} after {:?}", shown(&got)),
            }
        }
        if got != expected {
            panic!("expected {:?}\n     got {:?}", shown(expected), shown(&got));
        }
    }

    /// Sends one request of these arguments and expects this reply.
    #[track_caller]
    pub(crate) fn call(&mut self, args: &[&str], reply: &str) {
        self.send(request(args));
        self.expect(reply);
    }

    /// Reads until these bytes have come.
    pub(crate) fn skip_to(&mut self, expected: &str) {
        let mut got = Vec::new();
        let mut byte = [0];
        while !got.ends_with(expected.as_bytes()) {
            self.stream.read_exact(&mut byte).unwrap();
            got.extend_from_slice(&byte);
        }
    }

    /// Fails unless the server closes the connection now.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => rest.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} instead of the end"),
            }
        }
        assert!(
            rest.is_empty(),
            "{:?} instead of the end",
            String::from_utf8_lossy(&rest)
        );
    }

    /// The text of the bulk string that comes next.
    pub(crate) fn read_bulk(&mut self) -> String {
        let mut header = Vec::new();
        while !header.ends_with(b"\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            header.extend_from_slice(&byte);
        }
        let len = std::str::from_utf8(&header[1..header.len() - 2]).unwrap();
        let mut body = vec![0; len.parse::<usize>().unwrap() + 2];
        self.stream.read_exact(&mut body).unwrap();
        body.truncate(body.len() - 2);
        String::from_utf8_lossy(&body).into_owned()
    }

    pub(crate) fn close_write(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// A request as an array of bulk strings.
pub(crate) fn request(args: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    protocol::encode_command(&mut bytes, args.iter().map(|arg| arg.as_bytes()));
    bytes
}

/// Tries until `condition` holds; fails after a while.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
