//! The command line: `nuthatch [FILE] [-] [--name value …]`, as Redis reads it.
//!
//! Options become lines of a configuration file that are read after everything else, so that an option takes what
//! its line would take: `--save 900 1`, `--bind "127.0.0.1 -::1"`, whole pairs in one argument
//! (`"--maxmemory 700mb"`). The argument after an option name is its value even when it starts with `--`; only
//! `--save` directly before another option, or last, means `--save ""`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::config::{self, Sources};

/// The version of Redis whose behaviour clients may expect; the first token of `--version` and
/// `redis_version` of INFO.
pub const REDIS_VERSION: &str = "7.2.4";
/// Our own version.
pub const NUTHATCH_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Run the server.
    Serve(Sources),
    /// Ask the server that these sources configure whether it is alive; see
    /// [`config::Config::probe_target`].
    Healthcheck(Sources),
    /// Print [`version_text`].
    Version,
    /// Print [`help_text`].
    Help,
}

/// Reads the arguments that follow the program's name.
///
/// The first one may be `healthcheck`, else a configuration file; `-` as first or last reads further
/// configuration from stdin. Nothing here is an error: what makes no sense becomes a line that [`config::load`]
/// refuses with its text.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Invocation {
    let args: Vec<OsString> = args.into_iter().collect();
    match args.first().map(|arg| arg.as_bytes()) {
        Some(b"-v" | b"--version") if args.len() == 1 => Invocation::Version,
        Some(b"-h" | b"--help") if args.len() == 1 => Invocation::Help,
        Some(b"healthcheck") => Invocation::Healthcheck(parse_sources(&args[1..])),
        _ => Invocation::Serve(parse_sources(&args)),
    }
}

fn parse_sources(args: &[OsString]) -> Sources {
    let mut sources = Sources::default();
    let file = args.first().filter(|arg| !arg.as_bytes().starts_with(b"-"));
    sources.file = file.map(Into::into);
    let options = &args[usize::from(file.is_some())..];
    // Set after a name that has no value yet: the next argument is the value, whatever it looks like.
    let mut name_alone = false;
    for (index, arg) in options.iter().enumerate() {
        let arg = arg.as_bytes();
        let (is_first, is_last) = (index == 0 && file.is_none(), index + 1 == options.len());
        if arg == b"-" && (is_first || is_last) && !name_alone {
            sources.stdin = true;
        } else if !name_alone && arg.starts_with(b"--") {
            let next_is_option = options
                .get(index + 1)
                .is_some_and(|next| next.as_bytes().starts_with(b"--"));
            push_name(&mut sources.options, &arg[2..]);
            name_alone = !arg[2..].trim_ascii().contains(&b' ');
            if arg.eq_ignore_ascii_case(b"--save") && (is_last || next_is_option) {
                sources.options.extend(b"\"\"");
                name_alone = false;
            }
        } else {
            sources.options.extend(config::quote(arg));
            sources.options.push(b' ');
            name_alone = false;
        }
    }
    sources
}

/// Starts a line with an option's name, and its value where the same argument holds one.
fn push_name(lines: &mut Vec<u8>, name: &[u8]) {
    if !lines.is_empty() {
        lines.push(b'\n');
    }
    lines.extend(name);
    lines.push(b' ');
}

/// One line that names program and version, with the ` v=` token that test suites and packagers look for.
pub fn version_text() -> String {
    format!(
        "Nuthatch server v={REDIS_VERSION} nuthatch={NUTHATCH_VERSION} malloc=mimalloc bits={}",
        usize::BITS
    )
}

/// Options under one heading: name, shape of the value, what it does.
type OptionGroup = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
);

/// The options that most people need.
const COMMON_OPTIONS: &[OptionGroup] = &[
    (
        "Listening",
        &[
            (
                "bind",
                "ADDR…",
                "addresses to listen on; '* -::*' is all of them",
            ),
            ("port", "PORT", "TCP port; 0 turns TCP off"),
            ("unixsocket", "PATH", "listen on a unix socket as well"),
            (
                "protected-mode",
                "yes|no",
                "without a password, serve this machine only",
            ),
            ("requirepass", "PASSWORD", "ask clients for this password"),
        ],
    ),
    (
        "Resources",
        &[
            (
                "threads",
                "N",
                "worker threads; default: the cores available",
            ),
            (
                "shards",
                "N",
                "parts of the keyspace, a power of two; default: 16 per thread, at least 64",
            ),
            (
                "maxmemory",
                "BYTES",
                "limit for data, such as 2gb; 0 is none",
            ),
            ("maxclients", "N", "most clients at once"),
            ("databases", "N", "number of databases"),
            (
                "timeout",
                "SECONDS",
                "close clients idle for so long; 0 is never",
            ),
        ],
    ),
    (
        "Files and logging",
        &[
            (
                "dir",
                "PATH",
                "working directory; other paths are relative to it",
            ),
            (
                "logfile",
                "PATH",
                "append log lines to this file; empty is stdout",
            ),
            (
                "loglevel",
                "LEVEL",
                "debug, verbose, notice, warning or nothing",
            ),
            ("log-format", "human|json", "how a log line looks"),
            ("pidfile", "PATH", "write the process id to this file"),
        ],
    ),
];

/// What `--help` prints.
pub fn help_text() -> String {
    let mut text = String::from(
        "Nuthatch: a cache server that speaks the Redis protocol.\n\
         \n\
         Usage: nuthatch [FILE] [--NAME VALUE…]…    start the server\n\
         \x20      nuthatch - [--NAME VALUE…]…         the same, configuration from stdin\n\
         \x20      nuthatch healthcheck [FILE] [--NAME VALUE…]…\n\
         \x20                                          exit 0 if the server so configured answers\n\
         \x20      nuthatch -v | --version\n\
         \x20      nuthatch -h | --help\n\
         \n\
         FILE has the syntax of redis.conf. Every line of it can be given as an option, and as an\n\
         environment variable: NUTHATCH_MAXMEMORY=1gb. Options win over variables, variables over FILE.\n",
    );
    for (group, options) in COMMON_OPTIONS {
        text += &format!("\n{group}:\n");
        for (name, shape, meaning) in *options {
            let default = match config::default_of(name) {
                Some(default)
                    if !default.is_empty() && !meaning.contains("default:") && *name != "dir" =>
                {
                    format!(" [{default}]")
                }
                _ => String::new(),
            };
            text += &format!("  {:<26} {meaning}{default}\n", format!("--{name} {shape}"));
        }
    }
    text += "\nAll options of a running server: redis-cli CONFIG GET '*'\n\
             \n\
             Examples:\n\
             \x20 nuthatch\n\
             \x20 nuthatch --port 7000 --maxmemory 2gb\n\
             \x20 nuthatch /etc/nuthatch.conf --loglevel verbose\n\
             \x20 echo 'maxmemory 128mb' | nuthatch -\n";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(args: &[&str]) -> Sources {
        match parse(args.iter().map(OsString::from)) {
            Invocation::Serve(sources) => sources,
            other => panic!("{other:?}"),
        }
    }

    /// Checks the lines that options become, blanks at line ends aside.
    fn check(args: &[&str], expected: &[&str]) {
        let options = String::from_utf8(sources(args).options).unwrap();
        let lines: Vec<&str> = options.lines().map(str::trim_end).collect();
        assert_eq!(lines, expected, "{args:?}");
    }

    #[test]
    fn options_become_lines() {
        check(&[], &[]);
        check(
            &["--port", "7000", "--loglevel", "verbose"],
            &["port \"7000\"", "loglevel \"verbose\""],
        );
        check(&["--save", "900", "1"], &["save \"900\" \"1\""]);
        check(&["--requirepass", "a \"b"], &["requirepass \"a \\\"b\""]);
        check(
            &["--maxmemory 700mb", "--port 1"],
            &["maxmemory 700mb", "port 1"],
        );
        check(
            &["c.conf", "loglevel", "verbose", "--port", "1"],
            &["\"loglevel\" \"verbose\"", "port \"1\""],
        );
        check(&["--port"], &["port"]);
        check(&["--port", "1", "2"], &["port \"1\" \"2\""]);
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        check(
            &[
                "--proc-title-template",
                "--my--title",
                "--loglevel",
                "debug",
            ],
            &["proc-title-template \"--my--title\"", "loglevel \"debug\""],
        );
        check(
            &["--proc-title-template --my--title", "--port 1"],
            &["proc-title-template --my--title", "port 1"],
        );
        check(
            &["--port", "--loglevel", "verbose"],
            &["port \"--loglevel\" \"verbose\""],
        );
        check(&["--requirepass", "-"], &["requirepass \"-\""]);
    }

    #[test]
    fn save_alone_means_no_save_points() {
        check(
            &["--save", "--loglevel", "debug"],
            &["save \"\"", "loglevel \"debug\""],
        );
        check(
            &["--loglevel", "debug", "--save"],
            &["loglevel \"debug\"", "save \"\""],
        );
        check(&["--save", "", "--port", "1"], &["save \"\"", "port \"1\""]);
        check(
            &[
                "--proc-title-template",
                "--save",
                "--save",
                "",
                "--port",
                "1",
            ],
            &["proc-title-template \"--save\"", "save \"\"", "port \"1\""],
        );
    }

    #[test]
    fn files_and_stdin_are_told_apart() {
        let of = |args| {
            let Sources { file, stdin, .. } = sources(args);
            (
                file.map(|file| file.into_os_string().into_string().unwrap()),
                stdin,
            )
        };
        assert_eq!(of(&[]), (None, false));
        assert_eq!(of(&["a.conf"]), (Some("a.conf".to_owned()), false));
        assert_eq!(of(&["-"]), (None, true));
        assert_eq!(
            of(&["a.conf", "--port", "1", "-"]),
            (Some("a.conf".to_owned()), true)
        );
        assert_eq!(of(&["-", "--port", "1"]), (None, true));
        assert_eq!(of(&["--port", "1"]), (None, false));
    }

    #[test]
    fn other_invocations_are_recognised() {
        let parse = |args: &[&str]| parse(args.iter().map(OsString::from));
        assert_eq!(parse(&["-v"]), Invocation::Version);
        assert_eq!(parse(&["--version"]), Invocation::Version);
        assert_eq!(parse(&["-h"]), Invocation::Help);
        assert_eq!(parse(&["--help"]), Invocation::Help);
        assert_eq!(
            parse(&["healthcheck", "--port", "7"]),
            Invocation::Healthcheck(sources(&["--port", "7"]))
        );
    }

    #[test]
    fn help_names_only_real_options() {
        for (_, options) in COMMON_OPTIONS {
            for (name, ..) in *options {
                assert!(config::default_of(name).is_some(), "{name}");
            }
        }
        let help = help_text();
        assert!(help.contains("--port PORT"), "{help}");
        assert!(help.contains("[6379]"), "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 110),
            "{help}"
        );
    }

    #[test]
    fn version_has_the_token_that_suites_look_for() {
        let version = version_text();
        assert!(version.contains(" v=7.2."), "{version}");
        assert!(version.contains(NUTHATCH_VERSION), "{version}");
    }
}
