//! The daemon `nuthatch`.

use std::io::{self, Write};
use std::process::ExitCode;

use nuthatch_server::cli::{self, Invocation};
use nuthatch_server::config::{self, Loaded, Sources};
use nuthatch_server::{daemon, healthcheck, logging};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Invocation::Serve(sources) => serve(&sources),
        Invocation::Healthcheck(sources) => check_health(&sources),
        Invocation::Version => print(&cli::version_text()),
        Invocation::Help => print(&cli::help_text()),
    }
}

fn serve(sources: &Sources) -> ExitCode {
    let started = load(sources).and_then(|loaded| Ok((logging::init(&loaded.config)?, loaded)));
    match started {
        Ok((logging, loaded)) => daemon::run(loaded, logging),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn check_health(sources: &Sources) -> ExitCode {
    let result = load(sources)
        .map_err(|error| error.to_string())
        .and_then(|loaded| healthcheck::ask(&loaded.config));
    match result {
        Ok(answer) => print(&answer),
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

fn load(sources: &Sources) -> Result<Loaded, config::LoadError> {
    config::load(sources, std::env::vars_os(), io::stdin())
}

fn print(text: &str) -> ExitCode {
    // Whoever closed the pipe does not want the text.
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) {
    // There is nobody left to tell when even stderr is gone; the exit status still says it.
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}
