//! Which binary the tests start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The server's binary.
///
/// `NUTHATCH_TEST_BINARY` names it, if set. Otherwise it is the `nuthatch` that belongs to the
/// profile in which the tests themselves were built: Cargo does not build another package's binary
/// for a test and does not say where it is, so this runs `cargo build -p nuthatch-server` once per
/// test process (a moment when nothing changed) and takes `target/<profile>/nuthatch`.
///
/// # Panics
/// With the command to run by hand, when there is no binary and none can be built.
pub fn server_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("NUTHATCH_TEST_BINARY") {
        Some(path) => named(PathBuf::from(path)),
        None => built(),
    })
}

/// A command that starts the server's binary.
pub fn command_line() -> Command {
    Command::new(server_binary())
}

fn named(path: PathBuf) -> PathBuf {
    assert!(
        path.is_file(),
        "NUTHATCH_TEST_BINARY={} is not a file; unset it, or build the server with \
         `cargo build --release -p nuthatch-server` and name target/release/nuthatch",
        path.display()
    );
    path
}

fn built() -> PathBuf {
    let profile_dir = profile_dir();
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        // The development profile is the only one whose directory has another name.
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let by_hand = format!("cargo build -p nuthatch-server --profile {profile}");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--quiet",
            "-p",
            "nuthatch-server",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(
            profile_dir
                .parent()
                .expect("a profile directory lies in the target directory"),
        )
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    let binary = profile_dir.join("nuthatch");
    match status {
        Ok(status) => assert!(status.success(), "`{by_hand}` failed"),
        // No cargo here: the tests were copied to this machine, so the binary must have been too.
        Err(error) => assert!(binary.is_file(), "run `{by_hand}` first (cargo: {error})"),
    }
    assert!(
        binary.is_file(),
        "{} is missing: run `{by_hand}`",
        binary.display()
    );
    binary
}

/// `target/<profile>` of the running test: its executable lies in `target/<profile>/deps`.
fn profile_dir() -> PathBuf {
    let executable = std::env::current_exe().expect("a test knows its executable");
    let deps = executable
        .parent()
        .expect("an executable lies in a directory");
    deps.parent()
        .expect("the tests were built by cargo")
        .to_path_buf()
}
