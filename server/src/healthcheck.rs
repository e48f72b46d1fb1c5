//! `nuthatch healthcheck`: asks a running server whether it answers, for container health checks.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::config::{Config, ProbeTarget};

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Sends `PING` to the server that `config` describes and returns its answer.
///
/// # Errors
/// A sentence that says what went wrong.
pub fn ask(config: &Config) -> Result<String, String> {
    let target = config
        .probe_target()
        .ok_or("The configuration has no address to ask")?;
    let answer = probe(&target).map_err(|error| format!("No answer from {target:?}: {error}"))?;
    // A server that wants a password, or is loading, is alive.
    if answer.starts_with(['+', '-']) && !answer.starts_with("-LOADING") {
        return Ok(answer.trim_start_matches('+').trim_end().to_owned());
    }
    Err(format!(
        "Unexpected answer from {target:?}: {}",
        answer.trim_end()
    ))
}

fn probe(target: &ProbeTarget) -> io::Result<String> {
    match target {
        ProbeTarget::Tcp { host, port } => {
            let mut addresses = (host.as_str(), *port).to_socket_addrs()?;
            let address = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
            let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            ping(stream)
        }
        ProbeTarget::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            ping(stream)
        }
    }
}

fn ping(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 256];
    while !answer.ends_with(b"\n") && answer.len() < 4096 {
        match stream.read(&mut piece)? {
            0 => break,
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
