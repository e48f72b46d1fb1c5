//! Ends the servers of a comparison when the comparison itself is interrupted.
//!
//! A paused server (SIGSTOP) would not notice a Ctrl-C and would keep its gigabytes, so servers have
//! process groups of their own and are killed from here. They hold nothing worth saving.

use std::path::PathBuf;
use std::process::exit;
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Doing, Result};

/// The servers that run now, and their directories.
static RUNNING: Mutex<Vec<(Pid, PathBuf)>> = Mutex::new(Vec::new());

/// Notes a server that must not outlive this process.
pub(crate) fn guard(pid: Pid, directory: PathBuf) {
    if let Ok(mut running) = RUNNING.lock() {
        running.push((pid, directory));
    }
}

/// Forgets a server that has ended.
pub(crate) fn release(pid: Pid) {
    if let Ok(mut running) = RUNNING.lock() {
        running.retain(|(running, _)| *running != pid);
    }
}

/// From now on SIGINT, SIGTERM and SIGHUP end the servers and then this process.
///
/// # Errors
/// `BenchError::Io` when signals cannot be watched.
pub(crate) fn watch() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .doing(|| "watch for signals".into())?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind).doing(|| "watch for signals".into());
        (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        end_all();
        exit(130);
    });
    Ok(())
}

fn end_all() {
    let Ok(running) = RUNNING.lock() else { return };
    for (pid, directory) in running.iter() {
        // It may have ended by itself; there is nobody left to tell.
        let _ = kill_process(*pid, Signal::KILL);
        let _ = std::fs::remove_dir_all(directory);
    }
}
