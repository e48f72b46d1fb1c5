//! The process around the server: log lines that tools wait for, pid file, limits, signals.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::NUTHATCH_VERSION;
use crate::config::{Config, Loaded};
use crate::logging::Logging;
use crate::server::{RunningServer, StartError, start};

/// Runs the server until a signal or `SHUTDOWN` ends it.
pub fn run(loaded: Loaded, logging: Logging) -> ExitCode {
    let pid = std::process::id();
    tracing::info!("Nuthatch {NUTHATCH_VERSION} is starting, PID: {pid}");
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = loaded.config.clone();
    raise_descriptor_limit(&config);
    let server = match start(loaded) {
        Ok(server) => server,
        Err(error) => {
            tracing::error!("{error}");
            if let StartError::Bind(error) = &error {
                let kind = if error.port == 0 { "unix" } else { "tcp" };
                tracing::error!(
                    "Failed listening on port {} ({kind}), aborting.",
                    error.port
                );
            }
            return ExitCode::FAILURE;
        }
    };
    server.set_logging(logging);
    if !config.pidfile.is_empty() {
        write_pid_file(&config.path(&config.pidfile), pid);
    }
    tracing::info!("Server initialized");
    announce(&config, &server);
    let code = match wait(server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("Cannot handle signals: {error}");
            ExitCode::FAILURE
        }
    };
    if !config.pidfile.is_empty() {
        remove_pid_file(&config.path(&config.pidfile));
    }
    tracing::warn!("Nuthatch is now ready to exit, bye bye...");
    code
}

fn announce(config: &Config, server: &RunningServer) {
    for address in server.addresses() {
        tracing::debug!("Listening on {address}");
    }
    if !server.addresses().is_empty() {
        tracing::info!("Ready to accept connections tcp");
    }
    if !config.unixsocket.is_empty() {
        tracing::info!("Ready to accept connections unix");
    }
}

/// Waits for the end, asking for it when a signal says so. A second signal ends the process at once.
fn wait(server: RunningServer) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let stopper = server.stopper();
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            name = signals.next() => {
                tracing::warn!("Received {name} scheduling shutdown...");
                stopper.stop();
            }
            () = stopper.stopped() => return Ok(()),
        }
        tokio::select! {
            name = signals.next() => {
                tracing::warn!("Received {name} while shutting down: exiting at once");
                std::process::exit(1);
            }
            () = stopper.stopped() => Ok::<(), io::Error>(()),
        }
    })?;
    server.wait();
    Ok(())
}

struct Signals {
    term: Signal,
    int: Signal,
    /// Caught and not acted on: a terminal that goes away does not take the server along.
    _hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// Descriptors that are not clients: listeners, event queues, log file, and the like.
const RESERVED_DESCRIPTORS: u64 = 32;

/// Raises the soft limit of open files so that `maxclients` fit, as far as the hard limit admits.
fn raise_descriptor_limit(config: &Config) {
    let threads = u64::from(config.threads);
    let wanted = u64::from(config.maxclients) + RESERVED_DESCRIPTORS + 4 * threads;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return;
    }
    let possible = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    let raised = Rlimit {
        current: Some(possible),
        maximum: limit.maximum,
    };
    let result = setrlimit(Resource::Nofile, raised);
    if result.is_err() || possible < wanted {
        tracing::warn!(
            "maxclients of {} needs {wanted} open files, but the limit is {}: clients beyond it \
             will not be accepted. Raise it with 'ulimit -n'.",
            config.maxclients,
            if result.is_ok() { possible } else { current },
        );
    }
}

fn write_pid_file(path: &Path, pid: u32) {
    if let Err(error) = std::fs::write(path, format!("{pid}\n")) {
        tracing::warn!("Failed to write PID file {}: {error}", path.display());
    }
}

fn remove_pid_file(path: &Path) {
    tracing::info!("Removing the pid file.");
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!("Failed to remove PID file {}: {error}", path.display());
    }
}
