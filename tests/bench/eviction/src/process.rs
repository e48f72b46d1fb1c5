//! Servers that a replay starts and ends.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::error::{ReplayError, Result};
use crate::wire::Wire;

/// How long a server may take until it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// A program, and what it is started with.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Program {
    pub(crate) fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
        }
    }
}

/// A running server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    directory: PathBuf,
}

impl Server {
    /// Starts it on a unix socket in a directory of its own, without snapshots, and waits until it answers.
    pub(crate) fn start(program: &Program) -> Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        // Relaxed: the numbers need only differ.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("nuthatch-eviction-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).map_err(|source| {
            ReplayError::io(format!("creating {}", directory.display()), source)
        })?;
        let child = Command::new(&program.path)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(directory.join("socket"))
            .arg("--dir")
            .arg(&directory)
            .args(&program.arguments)
            .envs(
                program
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| {
                ReplayError::io(format!("starting {}", program.path.display()), source)
            })?;
        let server = Self { child, directory };
        let began = Instant::now();
        while server.wire().and_then(|mut wire| wire.keys()).is_err() {
            if began.elapsed() > READY_TIMEOUT {
                return Err(ReplayError::Server(program.path.display().to_string()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// A connection to it.
    pub(crate) fn wire(&self) -> Result<Wire> {
        Wire::connect(&self.directory.join("socket"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that would have to be saved.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
