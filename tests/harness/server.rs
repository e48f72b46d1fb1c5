//! A server process of a test's own.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use rustix::process::{Pid, Resource, Signal};

use crate::{RawClient, server_binary, wait_until, wait_until_some};

/// Options that only Nuthatch knows: they are left out for any other binary.
const OWN_OPTIONS: &[&str] = &["threads", "shards"];

/// Ports come from below the range that the kernel gives to outgoing connections, so that no
/// client's local port can take one between choosing and listening.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// How often a start is repeated when another process takes the chosen port first.
const START_ATTEMPTS: usize = 5;

/// A running server, killed and cleaned up when dropped.
pub struct TestServer {
    child: Child,
    port: u16,
    directory: PathBuf,
    kind: ServerKind,
}

/// Which server the binary is, and of which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// Ours: everything is expected of it.
    Nuthatch,
    /// Redis of this version (major, minor).
    Redis(u32, u32),
    /// Valkey of this version (major, minor).
    Valkey(u32, u32),
}

impl ServerKind {
    /// What the binary under test says it is.
    pub fn of_binary() -> ServerKind {
        static KIND: OnceLock<ServerKind> = OnceLock::new();
        *KIND.get_or_init(|| {
            let output = Command::new(server_binary()).arg("--version").output();
            let text = output.map(|output| output.stdout).unwrap_or_default();
            ServerKind::of_version_line(&String::from_utf8_lossy(&text))
        })
    }

    fn of_version_line(line: &str) -> ServerKind {
        let version = line.split(" v=").nth(1).unwrap_or_default();
        let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
        let mut number = || numbers.next().unwrap_or(0);
        match line.split(' ').next().unwrap_or_default() {
            "Redis" => ServerKind::Redis(number(), number()),
            "Valkey" => ServerKind::Valkey(number(), number()),
            _ => ServerKind::Nuthatch,
        }
    }

    /// Whether it is ours.
    pub fn is_nuthatch(self) -> bool {
        self == ServerKind::Nuthatch
    }

    /// Whether it behaves as Redis of that version does: ours always is meant to.
    pub fn at_least(self, major: u32, minor: u32) -> bool {
        match self {
            ServerKind::Nuthatch => true,
            ServerKind::Redis(a, b) => (a, b) >= (major, minor),
            // Valkey went its own way from 7.2.
            ServerKind::Valkey(..) => (7, 2) >= (major, minor),
        }
    }
}

impl TestServer {
    /// Starts a server with the suite's defaults.
    pub fn start() -> TestServer {
        TestServer::start_with::<&str>(&[])
    }

    /// Starts a server with options as they would follow on the command line, without the dashes.
    /// A value is split at its spaces, unless it stands in quotes.
    ///
    /// # Panics
    /// When it does not come up; with its log.
    pub fn start_with<V: AsRef<str>>(options: &[(&str, V)]) -> TestServer {
        let directory = own_directory();
        for _ in 0..START_ATTEMPTS {
            let port = free_port();
            let mut server = TestServer::spawn(port, &directory, options);
            if server.wait_ready() {
                return server;
            }
            let log = server.log();
            assert!(taken(&log), "the server ended before it was ready:\n{log}");
        }
        panic!("every port that was tried was taken");
    }

    fn spawn<V: AsRef<str>>(port: u16, directory: &Path, options: &[(&str, V)]) -> TestServer {
        let kind = ServerKind::of_binary();
        let mut command = Command::new(server_binary());
        for (name, value) in default_options(port, directory, kind) {
            if !options.iter().any(|(given, _)| *given == name) {
                add_option(&mut command, name, &value);
            }
        }
        for (name, value) in options {
            if kind.is_nuthatch() || !OWN_OPTIONS.contains(name) {
                add_option(&mut command, name, value.as_ref());
            }
        }
        let child = spawn_logged(&mut command, directory);
        TestServer {
            child,
            port,
            directory: directory.to_path_buf(),
            kind,
        }
    }

    /// Starts the binary with exactly these arguments in a new directory; `port` is where it will
    /// listen. For tests of the command line itself.
    ///
    /// # Panics
    /// When it does not come up; with its log.
    pub fn start_exactly(port: u16, arguments: &[&str]) -> TestServer {
        Self::start_program(port, Command::new(server_binary()).args(arguments))
    }

    /// Starts a program that becomes the server on `port`.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start_program(port: u16, command: &mut Command) -> TestServer {
        let directory = own_directory();
        let child = spawn_logged(command, &directory);
        let mut server = TestServer {
            child,
            port,
            directory,
            kind: ServerKind::of_binary(),
        };
        assert!(server.wait_ready(), "the server ended:\n{}", server.log());
        server
    }

    /// Waits until it accepts commands; false when the process ended instead.
    fn wait_ready(&mut self) -> bool {
        wait_until_some("the server is ready", || {
            if self.exit_status().is_some() {
                return Some(false);
            }
            self.log().contains("Ready to accept").then_some(true)
        })
    }

    /// A `redis-rs` connection.
    ///
    /// # Panics
    /// When it cannot be made.
    #[track_caller]
    pub fn client(&self) -> redis::Connection {
        self.client_at("")
    }

    /// A `redis-rs` connection that speaks RESP3.
    ///
    /// # Panics
    /// When it cannot be made.
    #[track_caller]
    pub fn client_resp3(&self) -> redis::Connection {
        self.client_at("?protocol=resp3")
    }

    #[track_caller]
    fn client_at(&self, query: &str) -> redis::Connection {
        let url = format!("redis://127.0.0.1:{}/{query}", self.port);
        let client = redis::Client::open(url).expect("a well-formed address");
        client.get_connection().expect("the server accepts")
    }

    /// A connection that sees bytes, in RESP2.
    #[track_caller]
    pub fn raw(&self) -> RawClient {
        RawClient::connect(self.port)
    }

    /// A connection that sees bytes, in RESP3.
    #[track_caller]
    pub fn raw_resp3(&self) -> RawClient {
        let mut client = self.raw();
        client.check("HELLO 3", "map");
        client
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its working directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Which server it is.
    pub fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stdout and stderr so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("stdout.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Resident memory of the process, in bytes.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    pub fn rss_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(path).expect("the server is running");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("a VmRSS line");
        let kib = line
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok());
        kib.expect("VmRSS is a number of KiB") * 1024
    }

    /// Sends a signal to the process.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process id is positive");
        rustix::process::kill_process(pid, signal).expect("the server can be signalled");
    }

    /// How the process ended, or `None` while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the server is our child")
    }

    /// Waits for the process to end.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        wait_until_some("the server ends", || self.exit_status())
    }

    /// A field of `INFO`.
    ///
    /// # Panics
    /// When there is no such field.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        info_field(self.raw().run("INFO everything").text(), field)
    }

    /// A connection on which `command`, in words without blanks, waits; returns once `waiting` clients are blocked.
    ///
    /// # Panics
    /// When that does not come about.
    #[track_caller]
    pub fn block(&self, command: &str, waiting: usize) -> RawClient {
        let mut client = self.raw();
        let words: Vec<&str> = command.split(' ').collect();
        client.send(&words);
        self.wait_for_blocked(waiting);
        client
    }

    /// Waits until so many clients are blocked.
    ///
    /// # Panics
    /// When that does not come about.
    #[track_caller]
    pub fn wait_for_blocked(&self, waiting: usize) {
        wait_until("clients are blocked", || {
            self.info("blocked_clients") == waiting.to_string()
        });
    }

    /// Asserts that the server still runs and answers.
    ///
    /// # Panics
    /// With its log, when it does not.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        assert!(
            self.exit_status().is_none(),
            "the server died:\n{}",
            self.log()
        );
        assert_eq!(self.raw().run("PING").text(), "PONG");
        let log = self.log();
        assert!(!log.contains("panicked at"), "the server panicked:\n{log}");
    }
}

/// The value of `field` in the text that `INFO` answers.
///
/// # Panics
/// When it has none.
#[track_caller]
fn info_field(info: &str, field: &str) -> String {
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {field}:\n{info}"))
        .to_owned()
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail = log
                .char_indices()
                .rev()
                .nth(4000)
                .map_or(0, |(index, _)| index);
            eprintln!("--- the server's log ---\n{}", &log[tail..]);
        }
        // It may have ended already, which some tests are about.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn default_options(port: u16, directory: &Path, kind: ServerKind) -> Vec<(&'static str, String)> {
    let mut options = vec![
        ("port", port.to_string()),
        ("bind", "127.0.0.1".into()),
        ("dir", directory.to_string_lossy().into_owned()),
        ("save", String::new()),
        ("appendonly", "no".into()),
        ("enable-debug-command", "yes".into()),
        // In a container there would be one.
        ("maxmemory", "0".into()),
    ];
    if kind.is_nuthatch() {
        // More workers than most machines that test have cores: whatever depends on two workers
        // meeting is met.
        options.push(("threads", "4".into()));
    }
    options
}

fn add_option(command: &mut Command, name: &str, value: &str) {
    command.arg(format!("--{name}"));
    match value {
        "" => command.arg(""),
        quoted if quoted.starts_with('"') => command.arg(quoted.trim_matches('"')),
        value => command.args(value.split(' ')),
    };
}

fn spawn_logged(command: &mut Command, directory: &Path) -> Child {
    let log = File::create(directory.join("stdout.log")).expect("the directory is ours");
    let errors = log.try_clone().expect("a file can be opened twice");
    command
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        // A Ctrl-C at the terminal is for the tests, which then drop their servers.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", server_binary().display()))
}

fn taken(log: &str) -> bool {
    log.contains("Failed listening on port") || log.contains("Address already in use")
}

/// A new empty directory for one server.
fn own_directory() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the numbers need to differ.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("nuthatch-test-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory).expect("a directory for the server");
    directory
}

/// A port on which nobody listens at the moment, different at each call.
///
/// # Panics
/// When every port is taken.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let span = PORTS.end - PORTS.start;
    // Test processes that run side by side start at different places.
    let next = NEXT.get_or_init(|| AtomicU16::new((std::process::id() as u16).wrapping_mul(97)));
    for _ in 0..span {
        // Relaxed: only the numbers need to differ.
        let port = PORTS.start + next.fetch_add(1, Ordering::Relaxed) % span;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// Lets this process hold as many files open as the system permits: tests with a thousand
/// connections need more than the usual 1024.
///
/// # Errors
/// When the limit cannot be changed.
pub fn raise_open_file_limit() -> io::Result<()> {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(rustix::process::setrlimit(Resource::Nofile, limit)?)
}
