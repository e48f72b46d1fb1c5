//! Servers that a comparison starts, pins, stops for a while, and ends.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, Value};
use crate::error::{BenchError, Doing, Result};
use crate::interrupt;
use crate::machine;
use crate::procfs::{self, CpuTime};

/// How long a server may take to answer its first PING.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may take to end after SIGTERM.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// A server is idle once it uses less than a twentieth of this.
const IDLE_WINDOW: Duration = Duration::from_millis(20);
/// How long a server may stay busy with what nobody asked for now.
const IDLE_PATIENCE: Duration = Duration::from_secs(2);

/// A program to compare, as `NAME=PATH` on the command line.
#[derive(Debug, Clone)]
pub(crate) struct ServerProgram {
    /// What tables call it.
    pub(crate) name: String,
    path: PathBuf,
    extra: Vec<String>,
    /// Takes `--threads`; other programs get the options that only Redis and its relatives need.
    ours: bool,
}

impl std::str::FromStr for ServerProgram {
    type Err = String;

    /// `NAME=PATH`, optionally followed by start arguments: `NAME=PATH --option value`. A name that
    /// begins with `nuthatch` stands for this project's server.
    fn from_str(text: &str) -> std::result::Result<ServerProgram, String> {
        let (name, line) = text.split_once('=').ok_or("give NAME=PATH")?;
        let mut words = line.split_whitespace().map(str::to_string);
        let path = words.next().ok_or("give NAME=PATH")?;
        Ok(ServerProgram {
            name: name.to_string(),
            path: path.into(),
            extra: words.collect(),
            ours: name.starts_with("nuthatch"),
        })
    }
}

impl ServerProgram {
    /// The same program under another name and with more start arguments.
    pub(crate) fn with(&self, name: &str, arguments: &[&str]) -> ServerProgram {
        let mut program = self.clone();
        program.name = name.to_string();
        program
            .extra
            .extend(arguments.iter().map(ToString::to_string));
        program
    }

    /// The same program serving from `count` threads.
    pub(crate) fn with_threads(&self, name: &str, count: usize) -> ServerProgram {
        let option = if self.ours {
            "--threads"
        } else {
            "--io-threads"
        };
        self.with(name, &[option, &count.to_string()])
    }

    fn arguments(&self, port: u16, directory: &Path) -> Vec<String> {
        let directory = directory.display().to_string();
        let port = port.to_string();
        let mut arguments: Vec<&str> =
            vec!["--port", &port, "--bind", "127.0.0.1", "--dir", &directory];
        arguments.extend(["--save", ""]);
        if self.ours {
            arguments.extend(["--threads", "1"]);
        } else {
            arguments.extend(["--appendonly", "no", "--io-threads", "1"]);
        }
        arguments.extend(self.extra.iter().map(String::as_str));
        without_overridden(&arguments)
    }
}

/// Drops an option that a later one sets again: servers differ in what they make of both.
fn without_overridden(arguments: &[&str]) -> Vec<String> {
    let mut options: Vec<Vec<String>> = Vec::new();
    for argument in arguments {
        if argument.starts_with("--") || options.is_empty() {
            options.retain(|option| option[0] != *argument);
            options.push(Vec::new());
        }
        if let Some(option) = options.last_mut() {
            option.push(argument.to_string());
        }
    }
    options.concat()
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    /// What tables call it.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) ready_after: Duration,
    child: Child,
    directory: PathBuf,
    paused: bool,
}

impl Server {
    /// Starts `program` on a free port, its threads pinned to `cores`, and waits until it answers.
    ///
    /// Afterwards the calling thread is pinned to `client_core`.
    ///
    /// # Errors
    /// `BenchError::Server` when it ends or does not answer in time.
    pub(crate) fn start(
        program: &ServerProgram,
        cores: &[usize],
        client_core: usize,
    ) -> Result<Server> {
        let port = free_port()?;
        let directory =
            std::env::temp_dir().join(format!("nuthatch-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).doing(|| format!("create {}", directory.display()))?;
        let log = File::create(directory.join("log")).doing(|| "create the server's log".into())?;
        let errors = log.try_clone().doing(|| "open the server's log".into())?;
        // The child inherits the affinity, so that no thread of it ever runs elsewhere.
        machine::pin_to(cores)?;
        let began = Instant::now();
        let child = Command::new(&program.path)
            .args(program.arguments(port, &directory))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn();
        machine::pin_to(&[client_core])?;
        if child.is_err() {
            // Nothing runs that would remove it at its end.
            let _ = fs::remove_dir_all(&directory);
        }
        let mut server = Server {
            name: program.name.clone(),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            ready_after: Duration::ZERO,
            child: child.doing(|| format!("start {}", program.path.display()))?,
            directory,
            paused: false,
        };
        interrupt::guard(server.process(), server.directory.clone());
        server.wait_until_ready(began)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failure(format!("ended at its start ({status})")));
            }
            let answer =
                Client::connect(self.address).and_then(|mut client| client.command("PING"));
            if answer.is_ok_and(|value| value == Value::Simple("PONG".into())) {
                self.ready_after = began.elapsed();
                return self.check_identity();
            }
            if began.elapsed() > READY_TIMEOUT {
                return Err(self.failure("does not answer PING".into()));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Another process may have taken the port in between; it must not be measured, or filled.
    fn check_identity(&mut self) -> Result<()> {
        let answered = Client::connect(self.address)?.info_number("server", "process_id");
        match answered {
            Ok(pid) if pid != u64::from(self.pid()) => {
                Err(self.failure(format!("process {pid} answers at its port")))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn failure(&mut self, reason: String) -> BenchError {
        let log = self.directory.join("log").display().to_string();
        // The log is what explains the failure, so it outlives the server.
        self.directory = PathBuf::new();
        BenchError::Server {
            name: self.name.clone(),
            reason,
            log,
        }
    }

    /// The process to read CPU time and memory of.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Resident memory in bytes.
    pub(crate) fn rss_bytes(&self) -> Result<u64> {
        procfs::rss_bytes(self.pid())
    }

    /// Resident memory once it has stood still for `quiet`, or after `patience` at the latest.
    pub(crate) fn settled_rss_bytes(&self, quiet: Duration, patience: Duration) -> Result<u64> {
        let began = Instant::now();
        let (mut last, mut since) = (self.rss_bytes()?, Instant::now());
        while since.elapsed() < quiet && began.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(50));
            let rss = self.rss_bytes()?;
            if rss.abs_diff(last) > 64 * 1024 {
                (last, since) = (rss, Instant::now());
            }
        }
        self.rss_bytes()
    }

    /// Waits until the process uses next to no CPU time: what it frees or moves in the background
    /// belongs to what was done before. After [`IDLE_PATIENCE`] it counts as what it always does.
    pub(crate) fn wait_until_idle(&self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < IDLE_PATIENCE {
            let before = CpuTime::of(self.pid())?;
            std::thread::sleep(IDLE_WINDOW);
            if CpuTime::of(self.pid())?.since(before).total < IDLE_WINDOW / 20 {
                break;
            }
        }
        Ok(())
    }

    /// A blocking client of this server.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// Halts the process, so that it takes nothing from the server that is measured.
    pub(crate) fn pause(&mut self) -> Result<()> {
        self.paused = true;
        self.signal(Signal::STOP)
    }

    /// Lets the process go on.
    pub(crate) fn resume(&mut self) -> Result<()> {
        self.paused = false;
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.process(), signal).doing(|| format!("signal server {}", self.name))
    }

    fn end(&mut self) -> Result<()> {
        if self.paused {
            self.resume()?;
        }
        self.signal(Signal::TERM)?;
        let began = Instant::now();
        while began.elapsed() < END_TIMEOUT {
            if self
                .child
                .try_wait()
                .doing(|| "wait for a server".into())?
                .is_some()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(self.failure("does not end after SIGTERM".into()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.end().is_err() {
            // It may be gone already; either way nothing more can be done here.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        interrupt::release(self.process());
        if !self.directory.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "find a free port".into())?;
    Ok(listener
        .local_addr()
        .doing(|| "find a free port".into())?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_name_a_path_and_arguments() {
        let program: ServerProgram = "redis=/opt/redis --hz 100".parse().unwrap();
        let arguments = program.arguments(7, Path::new("/d")).join(" ");
        assert_eq!(
            arguments,
            "--port 7 --bind 127.0.0.1 --dir /d --save  --appendonly no --io-threads 1 --hz 100"
        );
        assert!("redis".parse::<ServerProgram>().is_err());
        assert!("redis=".parse::<ServerProgram>().is_err());
    }

    #[test]
    fn a_later_option_replaces_an_earlier_one() {
        let program: ServerProgram = "nuthatch=/n".parse().unwrap();
        let two = program.with_threads("two", 2);
        assert_eq!(two.name, "two");
        let arguments = two.arguments(7, Path::new("/d"));
        assert_eq!(
            arguments.iter().filter(|word| *word == "--threads").count(),
            1
        );
        assert!(arguments.join(" ").ends_with("--threads 2"));
    }
}
