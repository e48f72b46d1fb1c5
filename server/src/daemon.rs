//! The process around the server: log lines that tools wait for, pid file, limits, signals.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::NUTHATCH_VERSION;
use crate::config::{Config, Loaded};
use crate::container::{self, ContainerMemory};
use crate::descriptors::make_room;
use crate::info::system_bytes;
use crate::logging::Logging;
use crate::server::{RunningServer, StartError, start};

/// Runs the server until a signal or `SHUTDOWN` ends it.
pub fn run(mut loaded: Loaded, logging: Logging) -> ExitCode {
    let pid = std::process::id();
    tracing::info!("Nuthatch {NUTHATCH_VERSION} is starting, PID: {pid}");
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let machine_bytes = system_bytes();
    let container = container::memory(machine_bytes);
    for remark in fit_memory(&mut loaded, container, machine_bytes) {
        match remark {
            Remark::Info(text) => tracing::info!("{text}"),
            Remark::Warning(text) => tracing::warn!("{text}"),
        }
    }
    if !fit_clients(&mut loaded.config) {
        return ExitCode::FAILURE;
    }
    let config = loaded.config.clone();
    // Before anything tells that the server runs: whoever is told may send one. One that comes while it starts is
    // heeded once it has; should starting ever take long, it must look for signals itself.
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("Cannot handle signals: {error}");
            return ExitCode::FAILURE;
        }
    };
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
    wait(server, signals);
    if !config.pidfile.is_empty() {
        remove_pid_file(&config.path(&config.pidfile));
    }
    tracing::warn!("Nuthatch is now ready to exit, bye bye...");
    ExitCode::SUCCESS
}

/// What there is to say about memory at the start.
#[derive(Debug, PartialEq, Eq)]
enum Remark {
    Info(String),
    Warning(String),
}

/// Sets `maxmemory` in a container unless somebody has, and says what it is.
fn fit_memory(
    loaded: &mut Loaded,
    container: Option<ContainerMemory>,
    machine_bytes: u64,
) -> Vec<Remark> {
    let config = &mut loaded.config;
    let mut remarks = Vec::new();
    if let Some(container) = container {
        // CONFIG REWRITE is not to write it into a file that outlives the container's size.
        config.maxmemory_default_bytes = container.maxmemory_bytes();
        if !loaded.has_maxmemory {
            config.maxmemory_bytes = config.maxmemory_default_bytes;
        }
        let whose = match container.is_limit {
            true => "Running in a container that may use",
            false => "Running in a container without a limit, on a machine with",
        };
        let bytes = container.bytes;
        remarks.push(Remark::Info(format!("{whose} {bytes} bytes of memory")));
    }
    let policy = config.maxmemory_policy.word();
    remarks.push(match (config.maxmemory_bytes, config.eviction()) {
        (0, Some(_)) => Remark::Warning(format!(
            "maxmemory-policy {policy} evicts nothing without a limit: set maxmemory"
        )),
        (0, None) => Remark::Info("maxmemory is off".to_owned()),
        (bytes, _) => Remark::Info(format!(
            "maxmemory is {bytes} bytes, maxmemory-policy {policy}"
        )),
    });
    let available = container.map_or(machine_bytes, |container| container.bytes);
    if config.maxmemory_bytes > available && available > 0 {
        let whose = match container.is_some_and(|container| container.is_limit) {
            true => "this container may use",
            false => "this machine has",
        };
        remarks.push(Remark::Warning(format!(
            "maxmemory is {} bytes, and {whose} {available}: memory runs out before the limit is reached",
            config.maxmemory_bytes
        )));
    }
    if config.eviction().is_some() && !config.save.is_empty() {
        remarks.push(Remark::Warning(format!(
            "maxmemory-policy {policy} also takes keys that are to be saved"
        )));
    }
    remarks
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

/// Waits for the end, asking for it when a signal says so. A SIGINT after that ends the process at once; a SIGTERM asks for
/// what is going on already.
fn wait(server: RunningServer, signals: Signals) {
    let Signals {
        runtime,
        mut caught,
    } = signals;
    let stopper = server.stopper();
    runtime.block_on(async {
        tokio::select! {
            name = caught.next() => {
                tracing::warn!("Received {name} scheduling shutdown...");
                stopper.stop();
            }
            () = stopper.stopped() => return,
        }
        tokio::select! {
            _ = caught.int.recv() => {
                tracing::warn!("You insist... exiting now.");
                std::process::exit(1);
            }
            () = stopper.stopped() => {}
        }
    });
    server.wait();
}

/// The signals that have come since [`Signals::catch`].
struct Signals {
    runtime: Runtime,
    caught: Caught,
}

struct Caught {
    term: Signal,
    int: Signal,
    /// Caught and not acted on: a terminal that goes away does not take the server along.
    _hangup: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let context = runtime.enter();
        let caught = Caught {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        };
        drop(context);
        Ok(Self { runtime, caught })
    }
}

impl Caught {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// Makes room for as many clients as are wanted, or wants fewer; false if not one fits.
fn fit_clients(config: &mut Config) -> bool {
    let Err(shortage) = make_room(config) else {
        return true;
    };
    let (wanted, files) = (shortage.wanted, shortage.files);
    if shortage.clients == 0 {
        tracing::error!(
            "Your current 'ulimit -n' of {files} is not enough for the server to start. Please increase your open file \
             limit to at least {wanted}. Exiting."
        );
        return false;
    }
    tracing::warn!(
        "maxclients of {} needs {wanted} open files, but the limit is {files}. maxclients has been reduced to {} to \
         compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
        config.maxclients,
        shortage.clients,
    );
    config.maxclients = shortage.clients;
    true
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigStore, Sources, load};

    const MACHINE_BYTES: u64 = 5_000_000;
    const CONTAINER: Option<ContainerMemory> = Some(ContainerMemory {
        bytes: 1_000,
        is_limit: true,
    });
    const MARKED_ONLY: Option<ContainerMemory> = Some(ContainerMemory {
        bytes: 5_000,
        is_limit: false,
    });

    /// What `maxmemory` is then, and what is said; warnings begin with an exclamation mark.
    fn said(options: &str, container: Option<ContainerMemory>) -> (u64, Vec<String>) {
        let sources = Sources {
            options: options.as_bytes().to_vec(),
            ..Sources::default()
        };
        let mut loaded = load(&sources, [], std::io::empty()).expect("they are right");
        let remarks = fit_memory(&mut loaded, container, MACHINE_BYTES).into_iter();
        let texts = remarks.map(|remark| match remark {
            Remark::Info(text) => text,
            Remark::Warning(text) => format!("!{text}"),
        });
        (loaded.config.maxmemory_bytes, texts.collect())
    }

    #[test]
    fn a_container_is_mentioned_and_sets_the_limit_unless_somebody_has() {
        let contained = "Running in a container that may use 1000 bytes of memory";
        let marked =
            "Running in a container without a limit, on a machine with 5000 bytes of memory";
        let cases: [(&str, _, u64, &[&str]); 6] = [
            ("", None, 0, &["maxmemory is off"]),
            (
                "",
                CONTAINER,
                800,
                &[
                    contained,
                    "maxmemory is 800 bytes, maxmemory-policy noeviction",
                ],
            ),
            (
                "",
                MARKED_ONLY,
                4_000,
                &[
                    marked,
                    "maxmemory is 4000 bytes, maxmemory-policy noeviction",
                ],
            ),
            (
                "maxmemory 0\n",
                CONTAINER,
                0,
                &[contained, "maxmemory is off"],
            ),
            (
                "maxmemory 300\n",
                CONTAINER,
                300,
                &[
                    contained,
                    "maxmemory is 300 bytes, maxmemory-policy noeviction",
                ],
            ),
            (
                "maxmemory 300\n",
                None,
                300,
                &["maxmemory is 300 bytes, maxmemory-policy noeviction"],
            ),
        ];
        for (options, container, bytes, texts) in cases {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            let options = format!("save ''\n{options}");
            assert_eq!(said(&options, container), (bytes, texts), "{options}");
        }
    }

    #[test]
    fn a_limit_above_what_there_is_is_warned_of() {
        let warning = |bytes: u64, container| {
            let (_, texts) = said(&format!("save ''\nmaxmemory {bytes}\n"), container);
            let mut warnings = texts.into_iter().filter(|text| text.starts_with('!'));
            warnings.next().unwrap_or_default()
        };
        let cases = [
            (CONTAINER, 1_000, "this container may use 1000"),
            (MARKED_ONLY, 5_000, "this machine has 5000"),
            (None, MACHINE_BYTES, "this machine has 5000000"),
        ];
        for (container, available, whose) in cases {
            assert_eq!(warning(available, container), "");
            let bytes = available + 1;
            let expected = format!(
                "!maxmemory is {bytes} bytes, and {whose}: memory runs out before the limit is reached"
            );
            assert_eq!(warning(bytes, container), expected);
        }
    }

    #[test]
    fn a_policy_that_cannot_work_is_warned_of() {
        let useless = "!maxmemory-policy allkeys-lru evicts nothing without a limit: set maxmemory";
        let options = "save ''\nmaxmemory-policy allkeys-lru\n";
        assert_eq!(said(options, None).1, [useless]);
        // The container has a limit, so that it can.
        assert!(
            said(options, CONTAINER)
                .1
                .iter()
                .all(|text| !text.starts_with('!'))
        );
        let options = "save 60 1\nmaxmemory 1mb\nmaxmemory-policy allkeys-lru\n";
        let saved = "!maxmemory-policy allkeys-lru also takes keys that are to be saved";
        assert_eq!(said(options, None).1.last().unwrap(), saved);
    }

    /// The file, after the container's size has been heeded, `setting` has been made and the settings been written.
    fn rewritten(name: &str, file: &str, options: &str, setting: Option<&[u8]>) -> String {
        let path = std::env::temp_dir().join(format!("{name}-{}.conf", std::process::id()));
        std::fs::write(&path, file).unwrap();
        let sources = Sources {
            file: Some(path.clone()),
            options: options.as_bytes().to_vec(),
            ..Sources::default()
        };
        let mut loaded = load(&sources, [], std::io::empty()).expect("they are right");
        fit_memory(&mut loaded, CONTAINER, MACHINE_BYTES);
        let store = ConfigStore::new(loaded);
        if let Some(value) = setting {
            let pairs: &[(&[u8], &[u8])] = &[(b"maxmemory", value)];
            store.set(pairs, true, |_, _, _| Ok(())).unwrap();
        }
        store.rewrite().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("maxmemory"));
        lines.collect()
    }

    #[test]
    fn a_limit_that_nobody_has_set_is_not_written_into_the_file() {
        assert_eq!(rewritten("fit-none", "", "", None), "");
        let file = "maxmemory 800\n";
        assert_eq!(rewritten("fit-file", file, "", None), "maxmemory 800");
        let option = "maxmemory 300";
        assert_eq!(rewritten("fit-option", "", option, None), "maxmemory 300");
        for value in ["0", "300"] {
            let line = format!("maxmemory {value}");
            let setting = Some(value.as_bytes());
            assert_eq!(rewritten("fit-set", "", "", setting), line);
        }
    }
}
