//! Files, stdin, environment and command line. The messages are those of Redis 7.0.15 with our name and version.

use std::ffi::OsString;

use super::super::*;
use super::{TestDir, load_text, value};

const BANNER: &str = concat!(
    "\n*** FATAL CONFIG FILE ERROR (Nuthatch ",
    env!("CARGO_PKG_VERSION"),
    ") ***\n"
);

fn load_error(text: &str) -> String {
    match load_text(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

fn options(text: &str) -> Sources {
    Sources {
        options: text.into(),
        ..Sources::default()
    }
}

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn bad_lines_are_named() {
    let cases = [
        ("foo bar", "Bad directive or wrong number of arguments"),
        (
            "requirepass \"abc",
            "Unbalanced quotes in configuration line",
        ),
        ("timeout \"1\"x", "Unbalanced quotes in configuration line"),
        ("port 1 2", "wrong number of arguments"),
        ("port", "wrong number of arguments"),
        ("PORT abc", "argument couldn't be parsed into an integer"),
        ("maxmemory abc", "argument must be a memory value"),
        ("save abc", "Invalid save parameters"),
        (
            "databases 0",
            "argument must be between 1 and 2147483647 inclusive",
        ),
        (
            "io-threads 0",
            "argument must be between 1 and 128 inclusive",
        ),
        (
            "unixsocketperm 8",
            "argument couldn't be parsed as an octal number",
        ),
        (
            "unixsocketperm 1000",
            "argument must be between 0 and 777 inclusive",
        ),
        ("dir /nonexistent-directory", "No such file or directory"),
        (
            "dbfilename a/b",
            "dbfilename can't be a path, just a filename",
        ),
        (
            "appendfilename a/b",
            "appendfilename can't be a path, just a filename",
        ),
        ("appendfilename \"\"", "appendfilename can't be empty"),
        ("appenddirname \"\"", "appenddirname can't be empty"),
        ("replicaof a", "wrong number of arguments"),
        ("replicaof a b", "Invalid master port"),
        (
            "supervised x",
            "argument(s) must be one of the following: upstart, systemd, auto, no",
        ),
        (
            "shutdown-on-sigterm",
            "argument(s) must be one of the following: default, save, nosave, now, force",
        ),
        ("oom-score-adj-values", "wrong number of arguments"),
        ("notify-keyspace-events", "wrong number of arguments"),
        ("include", "Bad directive or wrong number of arguments"),
        (
            "rename-command get",
            "Bad directive or wrong number of arguments",
        ),
        (
            "rename-command confgi x",
            "No such command in rename-command",
        ),
        (
            "rename-command get set",
            "Target command name already exists",
        ),
        ("user", "Bad directive or wrong number of arguments"),
        ("loadmodule", "Bad directive or wrong number of arguments"),
        ("threads 0", "argument must be between 1 and 256 inclusive"),
        (
            "threads 257",
            "argument must be between 1 and 256 inclusive",
        ),
        (
            "shards 3",
            "argument must be a power of two between 1 and 16384",
        ),
        (
            "shards 32768",
            "argument must be between 1 and 16384 inclusive",
        ),
        (
            "log-format xml",
            "argument(s) must be one of the following: human, json",
        ),
    ];
    for (line, reason) in cases {
        let expected =
            format!("{BANNER}Reading the configuration file, at line 3\n>>> '{line}'\n{reason}");
        assert_eq!(
            load_error(&format!("# one\n\n  {line}\t\r\nport 1")),
            expected
        );
    }
}

/// Redis takes them and then cannot listen. CONFIG GET and REWRITE would show other addresses than these.
#[test]
fn addresses_that_are_empty_or_hold_a_blank_are_refused() {
    for line in ["bind 127.0.0.1 '::1 x'", "bind '' 127.0.0.1"] {
        let error = load_error(line);
        assert!(error.ends_with("Invalid bind address"), "{line}: {error}");
    }
    for (line, expected) in [("bind '127.0.0.1  ::1'", "127.0.0.1 ::1"), ("bind ''", "")] {
        assert_eq!(value(&load_text(line).unwrap().config, "bind"), expected);
    }
}

#[test]
fn what_is_missing_is_refused_by_name() {
    let cases = [
        ("appendonly yes", "the append-only file"),
        ("replicaof 127.0.0.1 6379", "replication"),
        ("cluster-enabled yes", "the cluster"),
        ("tls-port 6380", "TLS"),
        ("aclfile users.acl", "access control lists"),
        ("user alice on nopass ~* +@all", "access control lists"),
        ("user default on #ec0e ~* &* +@all", "access control lists"),
        ("user default off", "access control lists"),
        ("loadmodule x.so", "modules"),
        ("daemonize yes", "running in the background"),
        ("supervised systemd", "telling a supervisor"),
    ];
    for (line, missing) in cases {
        let error = load_error(line);
        assert!(
            error.lines().last().unwrap().starts_with(missing),
            "{error}"
        );
    }
}

#[test]
fn what_redis_files_hold_is_accepted() {
    let text = "always-show-logo yes\nnotify-keyspace-events KEA\ndaemonize no\npidfile /tmp/x.pid\nport 21111\n\
        timeout 0\nbind 127.0.0.1 ::1\nloglevel verbose\nlogfile ''\ndatabases 16\nlatency-monitor-threshold 1\n\
        repl-diskless-sync-delay 0\nsave ''\nrdbcompression yes\ndbfilename dump.rdb\ndir ./\n\
        slave-serve-stale-data yes\nappendonly no\nappendfsync everysec\nno-appendfsync-on-rewrite no\n\
        activerehashing yes\nenable-protected-configs yes\nenable-debug-command yes\nenable-module-command yes\n\
        propagation-error-behavior panic\nshutdown-on-sigterm force\nenable-debug-assert yes\n\
        hide-user-data-from-log no\nunixsocket /tmp/x.sock\nuser default on nopass sanitize-payload ~* &* +@all\n\
        list-max-ziplist-entries 1\nlua-replicate-commands yes\nreplicaof no one\nlua-time-limit 10\n";
    let loaded = load_text(text).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.config.bind, ["127.0.0.1", "::1"]);
    assert_eq!(loaded.config.unixsocket, "/tmp/x.sock");
    assert_eq!(loaded.config.loglevel, LogLevel::Verbose);
    assert_eq!(loaded.config.enable_debug_command, Permission::Yes);
    assert!(loaded.config.shutdown_on_sigterm.force);
    assert_eq!(value(&loaded.config, "busy-reply-threshold"), "10");
}

#[test]
fn what_has_no_effect_yet_is_a_warning() {
    let loaded = load_text("save 900 1\nsave 300 10\noom-score-adj relative").unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "'oom-score-adj relative' has no effect: the OOM score is left alone; set it in the service manager",
            "'save 900 1 300 10' has no effect: there are no snapshots yet",
        ]
    );
}

#[test]
fn save_points_add_up_until_emptied() {
    let cases = [
        ("save 900 1\nsave 300 10", "", "900 1 300 10"),
        ("save 900 1 300 10", "", "900 1 300 10"),
        ("save 900 1\nsave ''", "", ""),
        ("save 900 1\nsave ''\nsave 5 5", "", "5 5"),
        ("save 900 1", "save \"\"", ""),
        ("save 900 1", "save \"1\" \"1\"", "900 1 1 1"),
        ("", "save \"1\" \"1\"", "1 1"),
    ];
    for (stdin, options, expected) in cases {
        let sources = Sources {
            stdin: true,
            options: options.into(),
            ..Sources::default()
        };
        let loaded = super::super::load(&sources, [], stdin.as_bytes()).unwrap();
        assert_eq!(
            value(&loaded.config, "save"),
            expected,
            "{stdin:?} {options:?}"
        );
    }
}

#[test]
fn repeated_lines_keep_the_last_value() {
    let loaded = load_text(
        "timeout 1\nTIMEOUT 2\nclient-output-buffer-limit normal 1 1 1\n\
        client-output-buffer-limit pubsub 2 2 2\nrename-command FLUSHALL ''\nrename-command KEYS k",
    )
    .unwrap();
    assert_eq!(loaded.config.timeout_seconds, 2);
    assert_eq!(
        value(&loaded.config, "client-output-buffer-limit"),
        "normal 1 1 1 slave 268435456 67108864 60 pubsub 2 2 2"
    );
    let renamed = [
        (b"FLUSHALL".to_vec(), vec![]),
        (b"KEYS".to_vec(), b"k".to_vec()),
    ];
    assert_eq!(loaded.config.rename_commands, renamed);
}

#[test]
fn later_sources_win() {
    let dir = TestDir::new("sources");
    let sources = Sources {
        file: Some(dir.file("a.conf", "port 1\ntimeout 1\nmaxclients 1\nhz 1\n")),
        stdin: true,
        options: b"port \"4\" ".to_vec(),
    };
    let environment = environment(&[
        ("NUTHATCH_PORT", "3"),
        ("NUTHATCH_TIMEOUT", "3"),
        ("PORT", "9"),
    ]);
    let stdin = &b"port 2\ntimeout 2\nmaxclients 2"[..];
    let Loaded {
        config,
        file,
        warnings,
        has_maxmemory,
    } = super::super::load(&sources, environment, stdin).unwrap();
    assert_eq!(
        (config.port, config.timeout_seconds, config.maxclients),
        (4, 3, 2)
    );
    assert_eq!(value(&config, "hz"), "1");
    assert_eq!(file, sources.file);
    assert_eq!(warnings, Vec::<String>::new());
    assert!(!has_maxmemory);
}

#[test]
fn the_environment_sets_directives() {
    let variables = environment(&[
        ("NUTHATCH_MAXMEMORY", "1gb"),
        ("NUTHATCH_BIND", "* -::*"),
        ("NUTHATCH_REQUIREPASS", "a 'b"),
        ("NUTHATCH_LOG_FORMAT", "json"),
        ("NUTHATCH_TIMEOUT", ""),
        ("NUTHATCH_CLIENT_OUTPUT_BUFFER_LIMIT", "normal 1 2 3"),
        ("NUTHATCH_FOO_BAR", "1"),
    ]);
    let loaded = super::super::load(&Sources::default(), variables, std::io::empty()).unwrap();
    let config = loaded.config;
    assert_eq!(
        (config.maxmemory_bytes, config.timeout_seconds),
        (1 << 30, 0)
    );
    assert_eq!(config.bind, ["*", "-::*"]);
    assert_eq!(config.requirepass, b"a 'b");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.client_output_buffer_limit.normal.soft_seconds, 3);
    assert_eq!(
        loaded.warnings,
        ["The environment variable NUTHATCH_FOO_BAR is ignored: there is no option 'foo-bar'"]
    );
}

#[test]
fn a_bad_variable_is_named() {
    let variables = environment(&[("NUTHATCH_MAXMEMORY", "lots")]);
    let error = super::super::load(&Sources::default(), variables, std::io::empty()).unwrap_err();
    let expected = format!(
        "{BANNER}Reading the environment variable NUTHATCH_MAXMEMORY\nargument must be a memory value"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn lines_of_the_command_line_are_counted_as_redis_counts() {
    let error = super::super::load(
        &options("port \"7413\" \nfoo \"bar\" "),
        [],
        std::io::empty(),
    )
    .unwrap_err();
    let expected = format!(
        "{BANNER}Reading the configuration file, at line 3\n>>> 'foo \"bar\"'\n\
         Bad directive or wrong number of arguments"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn shards_follow_threads_unless_given() {
    let cases = [
        ("threads 8", 128),
        ("threads 8\nshards 4", 4),
        ("shards 4\nthreads 8", 4),
        ("threads 1", 64),
    ];
    for (text, shards) in cases {
        assert_eq!(load_text(text).unwrap().config.shards, shards, "{text}");
    }
}

#[test]
fn included_files_are_read_in_place() {
    let dir = TestDir::new("include");
    std::fs::create_dir(dir.0.join("conf.d")).unwrap();
    dir.file("conf.d/b.conf", "timeout 2\n");
    dir.file("conf.d/a.conf", "timeout 1\nhz 7\n");
    dir.file("conf.d/.hidden.conf", "timeout 9\n");
    dir.file("conf.d/other", "timeout 9\n");
    let text = format!(
        "dir {}\ninclude conf.d/*.conf\ninclude none/*.conf\ninclude conf.d/a.conf\nmaxclients 3",
        dir.0.display()
    );
    let config = load_text(&text).unwrap().config;
    assert_eq!((config.timeout_seconds, config.maxclients), (1, 3));
    let config = load_text(&format!("include {}/conf.d/?.conf", dir.0.display()))
        .unwrap()
        .config;
    assert_eq!(config.timeout_seconds, 2);
    assert_eq!(value(&config, "hz"), "7");
}

#[test]
fn included_files_that_cannot_be_read_are_fatal() {
    assert_eq!(
        load_error("include /nonexistent.conf"),
        "Fatal error, can't open config file '/nonexistent.conf': No such file or directory"
    );
    let dir = TestDir::new("circle");
    let path = dir.file("a.conf", "");
    std::fs::write(&path, format!("include {}", path.display())).unwrap();
    let error = load_error(&format!("include {}", path.display()));
    assert!(error.ends_with("\ninclude: nested too deeply"), "{error}");
}

#[test]
fn a_missing_file_is_fatal() {
    let sources = Sources {
        file: Some("/nonexistent.conf".into()),
        ..Sources::default()
    };
    let error = super::super::load(&sources, [], std::io::empty()).unwrap_err();
    let expected =
        "Fatal error, can't open config file '/nonexistent.conf': No such file or directory";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn directories_are_relative_to_the_one_before() {
    let dir = TestDir::new("dir");
    std::fs::create_dir_all(dir.0.join("a/b")).unwrap();
    let config = load_text(&format!("dir {}\ndir a\ndir ./b", dir.0.display()))
        .unwrap()
        .config;
    assert_eq!(config.dir, dir.0.join("a/b"));
    assert_eq!(config.path("x.log"), dir.0.join("a/b/x.log"));
    assert_eq!(config.path("/x.log"), std::path::Path::new("/x.log"));
    dir.file("file", "");
    let error = load_error(&format!("dir {}/file", dir.0.display()));
    assert!(error.ends_with("\nNot a directory"), "{error}");
}
