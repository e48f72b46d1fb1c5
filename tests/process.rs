//! The server as a process: command line, configuration file, log, signals, sockets, exit codes.
//! What service managers, container images and test suites rely on.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use harness::{
    RawClient, ServerKind, TestServer, command_line, free_port, server_binary, skip, wait_until,
};
use rustix::process::Signal;

/// Runs the binary to its end and returns what it wrote.
fn run_to_end(arguments: &[&str]) -> Output {
    command_line()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

fn all_output(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Runs the binary with a configuration that must be refused, and returns what it wrote.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = run_to_end(arguments);
    let text = all_output(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}:\n{text}");
    text
}

/// A directory with a configuration file in it, gone when dropped.
struct ConfigFile {
    directory: std::path::PathBuf,
}

impl ConfigFile {
    fn new(text: &str) -> ConfigFile {
        let name = format!("nuthatch-config-{}-{}", std::process::id(), free_port());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a directory for the file");
        fs::write(directory.join("server.conf"), text).expect("the file can be written");
        ConfigFile { directory }
    }

    fn path(&self) -> String {
        self.directory
            .join("server.conf")
            .to_string_lossy()
            .into_owned()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("the file is there")
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn config_value(server: &TestServer, name: &str) -> String {
    server
        .raw()
        .call(&["CONFIG", "GET", name])
        .field(name)
        .text()
        .to_owned()
}

#[test]
fn the_log_says_pid_then_initialized_then_ready() {
    let server = TestServer::start();
    let log = server.log();
    let at = |text: &str| {
        log.find(text)
            .unwrap_or_else(|| panic!("no `{text}` in:\n{log}"))
    };
    if server.kind().is_nuthatch() {
        let pid = at(&format!(" PID: {}", server.pid()));
        assert!(pid < at("Server initialized"), "{log}");
    }
    assert!(at("Server initialized") < at("Ready to accept"), "{log}");
    assert!(
        !log.lines()
            .next()
            .unwrap_or_default()
            .contains("already in use")
    );
    assert_eq!(server.info("process_id"), server.pid().to_string());
}

#[test]
fn the_log_says_how_much_memory_may_be_used() {
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    let start = |options: &[&str]| {
        let port = free_port();
        let port_text = port.to_string();
        let arguments = [&["--port", &port_text, "--save", ""], options].concat();
        TestServer::start_exactly(port, &arguments)
    };
    // Whether this is a container, and of which size, is the server's to find out; what follows from it must be so. What
    // the two cases are is tested where that is found out.
    let server = start(&[]);
    let log = server.log();
    let maxmemory: u64 = config_value(&server, "maxmemory").parse().expect("bytes");
    let said = log
        .lines()
        .find(|line| line.contains("Running in a container"));
    let is_marked = ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| Path::new(mark).exists());
    assert!(said.is_some() || !is_marked, "{log}");
    match said {
        Some(line) => {
            let mut numbers = line
                .split(' ')
                .rev()
                .filter_map(|word| word.parse::<u64>().ok());
            let bytes = numbers.next().expect("how much it may use");
            assert_eq!(maxmemory, bytes / 100 * 80, "{log}");
            assert!(maxmemory > 0);
            let limit = format!("maxmemory is {maxmemory} bytes, maxmemory-policy noeviction");
            assert!(log.contains(&limit), "{log}");
        }
        None => {
            assert_eq!(maxmemory, 0, "{log}");
            assert!(log.contains("maxmemory is off"), "{log}");
        }
    }
    let server = start(&["--maxmemory", "0"]);
    assert!(
        server.log().contains("maxmemory is off"),
        "{}",
        server.log()
    );
    assert_eq!(config_value(&server, "maxmemory"), "0");
    let server = start(&["--maxmemory", "10mb"]);
    let limit = "maxmemory is 10485760 bytes, maxmemory-policy noeviction";
    assert!(server.log().contains(limit), "{}", server.log());
    let server = start(&["--maxmemory", "0", "--maxmemory-policy", "allkeys-lfu"]);
    let log = server.log();
    let warned = "maxmemory-policy allkeys-lfu evicts nothing without a limit: set maxmemory";
    assert!(log.contains(warned), "{log}");
    assert!(!log.contains("maxmemory is off"), "{log}");
}

#[test]
fn version_is_printed_in_the_form_that_tools_parse() {
    for flag in ["--version", "-v"] {
        let output = run_to_end(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text
            .split(" v=")
            .nth(1)
            .unwrap_or_else(|| panic!("no ` v=` in {text}"));
        assert!(
            version.starts_with(|first: char| first.is_ascii_digit()),
            "{text}"
        );
    }
}

#[test]
fn help_is_printed_for_people() {
    let server = TestServer::start();
    for flag in ["--help", "-h"] {
        let output = run_to_end(&[flag]);
        let text = all_output(&output);
        assert!(text.contains("Usage"), "{text}");
        assert!(text.contains("--port"), "{text}");
        if server.kind().is_nuthatch() {
            assert_eq!(output.status.code(), Some(0));
            assert!(text.contains("healthcheck"), "{text}");
        }
    }
}

#[test]
fn a_configuration_file_is_read_as_redis_reads_it() {
    let port = free_port();
    let included = ConfigFile::new("timeout 77\n");
    let file = ConfigFile::new(&format!(
        "# A comment.\n\
         port {port}\n\n   \t maxmemory   100mb  \n\
         SAVE 900 1\nsave 300 10\n\
         requirepass \"a \\\"quoted\\\" pass\\x41\"\n\
         logfile ''\n\
         include {}\n\
         client-output-buffer-limit normal 1mb 512kb 60\n\
         client-output-buffer-limit pubsub 2mb 1mb 30\n",
        included.path()
    ));
    let server = TestServer::start_exactly(port, &[&file.path()]);
    let mut client = server.raw();
    client.check("GET k", "-NOAUTH Authentication required.");
    client.check("AUTH \"a \\\"quoted\\\" passA\"", "+OK");
    client.check("CONFIG GET maxmemory", "[\"maxmemory\", \"104857600\"]");
    client.check("CONFIG GET save", "[\"save\", \"900 1 300 10\"]");
    client.check("CONFIG GET timeout", "[\"timeout\", \"77\"]");
    client.check(
        "CONFIG GET client-output-buffer-limit",
        "[\"client-output-buffer-limit\", \
         \"normal 1048576 524288 60 slave 268435456 67108864 60 pubsub 2097152 1048576 30\"]",
    );
}

#[test]
fn options_may_be_written_in_every_way_that_redis_takes() {
    let file = ConfigFile::new("timeout 5\nmaxmemory 1mb\n");
    let check = |arguments: &[&str], expected: &[(&str, &str)]| {
        let port = free_port();
        let port_text = port.to_string();
        let arguments = [arguments, &["--port", &port_text, "--dir", "/tmp"]].concat();
        let server = TestServer::start_exactly(port, &arguments);
        for (name, value) in expected {
            assert_eq!(
                config_value(&server, name),
                *value,
                "{name} with {arguments:?}"
            );
        }
    };
    let path = file.path();
    check(&[&path], &[("timeout", "5"), ("maxmemory", "1048576")]);
    check(
        &[&path, "--timeout", "9"],
        &[("timeout", "9"), ("maxmemory", "1048576")],
    );
    check(&["--maxmemory", "700mb"], &[("maxmemory", "734003200")]);
    check(&["--maxmemory 700mb"], &[("maxmemory", "734003200")]);
    check(
        &["--save", "", "--timeout", "3"],
        &[("save", ""), ("timeout", "3")],
    );
    check(
        &["--save", "--timeout", "3"],
        &[("save", ""), ("timeout", "3")],
    );
    check(
        &["--save", "900", "1", "--timeout", "3"],
        &[("save", "900 1"), ("timeout", "3")],
    );
    check(
        &["--save", "900 1", "--timeout", "3"],
        &[("save", "900 1"), ("timeout", "3")],
    );
    check(
        &["--save 900 1", "--timeout", "3"],
        &[("save", "900 1"), ("timeout", "3")],
    );
}

#[test]
fn the_configuration_may_come_on_standard_input() {
    let port = free_port();
    let mut child = command_line()
        .args(["-", "--dir", "/tmp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("standard input is piped");
    write!(input, "port {port}\nbind 127.0.0.1\ntimeout 31\nsave \"\"").expect("it is read");
    drop(input);
    wait_until("the server listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    RawClient::connect(port).check("CONFIG GET timeout", "[\"timeout\", \"31\"]");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn a_wrong_configuration_is_fatal_and_says_why() {
    let check = |text: &str, reason: &str| {
        let file = ConfigFile::new(text);
        let output = refused(&[&file.path()]);
        assert!(
            output.contains("FATAL CONFIG FILE ERROR"),
            "{text}: {output}"
        );
        assert!(output.contains(reason), "{text}: {output}");
    };
    check(
        "nosuchoption 1\n",
        "Bad directive or wrong number of arguments",
    );
    check("port\n", "wrong number of arguments");
    check("port abc\n", "argument couldn't be parsed into an integer");
    check(
        "port 70000\n",
        "argument must be between 0 and 65535 inclusive",
    );
    check("maxmemory lots\n", "argument must be a memory value");
    check("appendonly maybe\n", "argument must be 'yes' or 'no'");
    check(
        "maxmemory-policy best\n",
        "argument(s) must be one of the following",
    );
    check("databases 0\n", "argument must be between 1 and");
    check(
        "requirepass \"open\n",
        "Unbalanced quotes in configuration line",
    );
    check("timeout 1\nnosuchoption 1\n", "at line 2");
    assert!(refused(&["--nosuchoption", "1"]).contains("FATAL CONFIG FILE ERROR"));
    assert!(refused(&["--port", "abc"]).contains("FATAL CONFIG FILE ERROR"));
    refused(&["/nonexistent/server.conf"]);
}

/// The options that test suites put into the files with which they start servers.
const ACCEPTED: &str = "\
always-show-logo yes
notify-keyspace-events KEA
daemonize no
timeout 0
loglevel verbose
databases 16
latency-monitor-threshold 1
repl-diskless-sync-delay 0
rdbcompression yes
dbfilename dump.rdb
slave-serve-stale-data yes
appendonly no
appendfsync everysec
no-appendfsync-on-rewrite no
activerehashing yes
enable-protected-configs yes
enable-debug-command yes
enable-module-command yes
propagation-error-behavior panic
shutdown-on-sigterm force
aof-use-rdb-preamble yes
appendfilename appendonly.aof
appenddirname appendonlydir
auto-aof-rewrite-percentage 0
key-load-delay 0
rdb-key-save-delay 0
loading-process-events-interval-bytes 1024
sanitize-dump-payload no
repl-backlog-size 1mb
repl-diskless-sync yes
repl-diskless-load disabled
repl-ping-replica-period 1
min-replicas-to-write 0
crash-memcheck-enabled no
use-exit-on-panic yes
client-query-buffer-limit 1gb
stream-node-max-entries 100
hash-max-listpack-entries 512
hash-max-ziplist-value 64
list-max-listpack-size -2
set-max-intset-entries 512
zset-max-listpack-entries 128
maxmemory 0
maxmemory-policy noeviction
maxmemory-samples 5
maxmemory-clients 0
io-threads 1
cluster-enabled no
cluster-node-timeout 15000
cluster-port 0
tcp-backlog 511
tcp-keepalive 300
protected-mode yes
slowlog-log-slower-than 10000
slowlog-max-len 128
hz 10
dynamic-hz yes
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
lazyfree-lazy-user-del no
proto-max-bulk-len 512mb
maxclients 100
";

#[test]
fn the_options_that_test_suites_use_are_accepted() {
    let port = free_port();
    let file = ConfigFile::new(&format!("{ACCEPTED}port {port}\nsave \"\"\nlogfile ''\n"));
    let server = TestServer::start_exactly(port, &[&file.path(), "--dir", "/tmp"]);
    // What CONFIG GET says is what was set.
    let mut client = server.raw();
    for line in ACCEPTED.lines() {
        let (name, _) = line.split_once(' ').expect("a name and a value");
        let reply = client.call(&["CONFIG", "GET", name]);
        assert_eq!(reply.items().len(), 2, "CONFIG GET {name} answers {reply}");
    }
}

#[test]
fn config_rewrite_keeps_comments_and_survives_a_restart() {
    let port = free_port();
    let file = ConfigFile::new(&format!(
        "# Keep this comment.\nport {port}\nbind 127.0.0.1\ntimeout 5\n\n# And this.\nsave \"\"\n"
    ));
    let options = [
        &file.path(),
        "--dir",
        "/tmp",
        "--enable-debug-command",
        "yes",
    ];
    let mut server = TestServer::start_exactly(port, &options);
    let mut client = server.raw();
    client.check(
        "CONFIG SET timeout 99 maxmemory 50mb requirepass \"p w\"",
        "+OK",
    );
    client.check("CONFIG REWRITE", "+OK");
    let text = file.text();
    for kept in [
        "# Keep this comment.",
        "# And this.",
        "timeout 99",
        "save \"\"",
    ] {
        assert!(
            text.lines().any(|line| line == kept),
            "no `{kept}` in:\n{text}"
        );
    }
    assert!(!text.contains("timeout 5\n"), "{text}");
    assert!(text.contains("requirepass \"p w\""), "{text}");
    client.check("CONFIG REWRITE", "+OK");
    assert_eq!(
        file.text().trim(),
        text.trim(),
        "a rewrite without a change changes nothing"
    );
    client.check("DEBUG CONFIG-REWRITE-FORCE-ALL", "+OK");
    let whole = file.text();
    assert!(whole.starts_with(text.trim_end()), "{whole}");
    assert!(whole.contains("\ntcp-keepalive 300\n"), "{whole}");

    server.signal(Signal::TERM);
    assert_eq!(server.wait_exit().code(), Some(0));
    let server = TestServer::start_exactly(port, &[&file.path()]);
    let mut client = server.raw();
    client.check("AUTH \"p w\"", "+OK");
    client.check("CONFIG GET timeout", "[\"timeout\", \"99\"]");
    client.check("CONFIG GET maxmemory", "[\"maxmemory\", \"52428800\"]");
}

#[test]
fn renamed_commands_answer_to_their_new_names_only() {
    let port = free_port();
    let file = ConfigFile::new(&format!(
        "port {port}\nrename-command GET \"\"\nrename-command SET store\nrename-command EVAL \"\"\n"
    ));
    let server = TestServer::start_exactly(port, &[&file.path()]);
    let mut client = server.raw();
    client.check("STORE k v", "+OK");
    client.check("SET k v", "-~\"ERR unknown command 'SET'*\"");
    client.check("GET k", "-~\"ERR unknown command 'GET'*\"");
    client.check("COMMAND GETKEYS store k v", "[\"k\"]");
    client.check("COMMAND INFO get set", "[$nil, $nil]");
    // A command keeps the name by which statistics know it.
    client.check("COMMAND INFO store", "[[\"set\", ...]]");
    client.check("COMMAND LIST FILTERBY PATTERN get", "[]");
    client.check("COMMAND LIST FILTERBY PATTERN set", "[\"set\"]");
}

#[test]
fn maxclients_is_no_more_than_the_open_files_allow() {
    let port = free_port();
    let script =
        format!("ulimit -n 100; exec \"$0\" --port {port} --save '' --threads 2 --maxclients 5000");
    let binary = harness::server_binary();
    let server =
        TestServer::start_program(port, Command::new("sh").args(["-c", &script]).arg(binary));
    assert!(server.log().contains("maxclients has been reduced to 60"));
    assert_eq!(config_value(&server, "maxclients"), "60");
    let mut client = server.raw();
    client.check(
        "CONFIG SET maxclients 61",
        "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle \
         the specified number of clients, try with 60",
    );
    client.check("CONFIG SET maxclients 59", "+OK");
    client.check("CONFIG SET maxclients 60", "+OK");
}

#[test]
fn config_rewrite_fails_where_the_file_cannot_be_written() {
    let port = free_port();
    let file = ConfigFile::new(&format!("port {port}\n"));
    let server = TestServer::start_exactly(port, &[&file.path(), "--dir", "/tmp"]);
    fs::remove_dir_all(&file.directory).expect("it is there");
    server
        .raw()
        .check("CONFIG REWRITE", "-~\"ERR Rewriting config file: *\"");
}

#[test]
fn sigterm_and_sigint_end_the_server_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = TestServer::start();
        let mut idle = server.raw();
        idle.check("SET k v", "+OK");
        let mut subscriber = server.raw();
        subscriber.check("SUBSCRIBE ch", "array");
        server.signal(signal);
        assert_eq!(server.wait_exit().code(), Some(0), "{}", server.log());
        idle.expect_close();
        subscriber.expect_close();
        assert!(
            server.log().contains("ready to exit, bye bye"),
            "{}",
            server.log()
        );
    }
}

#[test]
fn only_a_second_sigint_cuts_the_shutdown_short() {
    for (second, code) in [(Signal::TERM, 0), (Signal::INT, 1)] {
        let mut server = TestServer::start();
        // What nobody reads keeps the server up for a while.
        let mut deaf = server.raw();
        deaf.check(&format!("SET k {}", "v".repeat(1_000_000)), "+OK");
        deaf.send_bytes("GET k\r\n".repeat(20));
        wait_until("all replies are made", || {
            server.info("keyspace_hits") == "20"
        });
        server.signal(Signal::TERM);
        wait_until("the server heeds the signal", || {
            server.log().contains("scheduling shutdown")
        });
        server.signal(second);
        assert_eq!(server.wait_exit().code(), Some(code), "{}", server.log());
    }
}

#[test]
fn replies_under_way_arrive_before_the_server_ends() {
    let mut server = TestServer::start();
    let mut client = server.raw();
    client.send_bytes("PING\r\n".repeat(1000));
    client.expect("+PONG\r\n".repeat(1000));
    server.signal(Signal::TERM);
    assert_eq!(server.wait_exit().code(), Some(0));
    client.expect_close();
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
}

#[test]
fn shutdown_ends_the_server_with_success() {
    for command in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN NOW"] {
        let mut server = TestServer::start();
        let mut other = server.raw();
        other.check("PING", "+PONG");
        let mut client = server.raw();
        client.send(&command.split(' ').collect::<Vec<_>>());
        client.expect_close();
        other.expect_close();
        assert_eq!(server.wait_exit().code(), Some(0), "{command}");
    }
}

#[test]
fn a_stopped_server_answers_once_it_continues() {
    let mut server = TestServer::start();
    let mut client = server.raw();
    server.signal(Signal::STOP);
    client.send(&["PING"]);
    server.signal(Signal::CONT);
    client.expect("+PONG\r\n");
    server.assert_alive();
}

#[test]
fn a_taken_port_is_reported_and_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken
        .local_addr()
        .expect("it has an address")
        .port()
        .to_string();
    let text = refused(&[
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--dir",
        "/tmp",
        "--save",
        "",
    ]);
    assert!(
        text.contains(&format!("Failed listening on port {port}")),
        "{text}"
    );
}

#[test]
fn an_unusable_directory_ends_the_start() {
    let port = free_port().to_string();
    refused(&["--port", &port, "--dir", "/nonexistent"]);
}

#[test]
fn the_log_goes_to_the_file_that_is_named() {
    let file = ConfigFile::new("");
    let log = file.directory.join("server.log");
    fs::write(&log, "### a line of somebody else\n").expect("it can be written");
    let port = free_port();
    let (port_text, log_text) = (port.to_string(), log.to_string_lossy().into_owned());
    let arguments = [
        "--port",
        &port_text,
        "--logfile",
        &log_text,
        "--dir",
        "/tmp",
        "--save",
        "",
    ];
    let mut child = command_line()
        .args(arguments)
        .spawn()
        .expect("the binary starts");
    let read = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("it is ready", || read().contains("Ready to accept"));
    assert!(
        read().starts_with("### a line of somebody else\n"),
        "it is appended to"
    );
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn loglevel_warning_silences_notices_and_can_be_changed() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("CONFIG SET loglevel debug", "+OK");
    client.check("CONFIG GET loglevel", "[\"loglevel\", \"debug\"]");
    client.check("CONFIG SET loglevel warning", "+OK");
    client.check("DEBUG LOG \"a message of the test\"", "+OK");
    wait_until("a warning is logged", || {
        server.log().contains("a message of the test")
    });
}

#[test]
fn the_log_may_be_json() {
    // An option of our own.
    if !ServerKind::of_binary().is_nuthatch() {
        return;
    }
    let server = TestServer::start_with(&[("log-format", "json")]);
    let log = server.log();
    for line in log.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
    let pid = format!(" PID: {}", server.pid());
    assert!(log.contains(&pid), "{log}");
}

#[test]
fn a_pid_file_exists_while_the_server_runs() {
    let file = ConfigFile::new("");
    let path = file.directory.join("server.pid");
    let mut server = TestServer::start_with(&[("pidfile", path.to_string_lossy())]);
    wait_until("the pid file is written", || {
        fs::read_to_string(&path).unwrap_or_default().trim() == server.pid().to_string()
    });
    server.signal(Signal::TERM);
    server.wait_exit();
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_serves_and_is_removed_at_the_end() {
    let file = ConfigFile::new("");
    let path = file.directory.join("server.sock");
    let mut server = TestServer::start_with(&[
        ("unixsocket", path.to_string_lossy().as_ref()),
        ("unixsocketperm", "700"),
    ]);
    assert_eq!(ping_unix(&path), "+PONG\r\n");
    assert_eq!(mode_of(&path), 0o700);
    let info = server.raw().run("CLIENT LIST");
    assert!(info.text().contains("127.0.0.1"), "{info}");
    server.signal(Signal::TERM);
    server.wait_exit();
    assert!(!path.exists());
}

fn ping_unix(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).expect("the socket accepts");
    stream.write_all(b"PING\r\n").expect("it reads");
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).expect("it answers");
    String::from_utf8_lossy(&reply).into_owned()
}

fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn port_zero_means_no_tcp() {
    let file = ConfigFile::new("");
    let path = file.directory.join("only.sock");
    let mut child = command_line()
        .args(["--port", "0", "--dir", "/tmp", "--save", "", "--unixsocket"])
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    wait_until("the socket accepts", || UnixStream::connect(&path).is_ok());
    assert_eq!(ping_unix(&path), "+PONG\r\n");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn several_addresses_are_bound() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        skip("binding to ::1: this machine has no IPv6");
        return;
    }
    let server = TestServer::start_with(&[("bind", "127.0.0.1 ::1 -192.0.2.77")]);
    for address in ["127.0.0.1", "::1"] {
        let address: IpAddr = address.parse().expect("an address");
        let mut stream = TcpStream::connect((address, server.port())).expect("it is bound");
        stream.write_all(b"PING\r\n").expect("it reads");
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).expect("it answers");
        assert_eq!(&reply, b"+PONG\r\n");
    }
}

#[test]
fn an_address_that_is_not_here_ends_the_start_unless_optional() {
    let port = free_port().to_string();
    let text = refused(&["--port", &port, "--bind", "192.0.2.77", "--dir", "/tmp"]);
    assert!(text.contains("Failed listening on port"), "{text}");
}

/// An address of this machine that is not loopback: where packets to the world would leave.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Connecting a datagram socket sends nothing.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn protected_mode_refuses_other_machines_until_a_password_is_set() {
    let Some(address) = outward_address() else {
        skip("protected-mode: this machine has only loopback addresses");
        return;
    };
    let server = TestServer::start_with(&[("bind", "0.0.0.0"), ("protected-mode", "yes")]);
    let say = || {
        let mut stream = TcpStream::connect((address, server.port())).expect("it is bound");
        // The server may have closed already.
        let _ = stream.write_all(b"PING\r\nQUIT\r\n");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    };
    assert!(say().starts_with("-DENIED "), "{}", say());
    let mut client = server.raw();
    client.check("CONFIG SET protected-mode no", "+OK");
    assert_eq!(say(), "+PONG\r\n+OK\r\n");
    client.check("CONFIG SET protected-mode yes requirepass x", "+OK");
    assert_eq!(say(), "-NOAUTH Authentication required.\r\n+OK\r\n");
}

#[test]
fn healthcheck_says_by_its_exit_code_whether_the_server_answers() {
    let server = TestServer::start();
    if !server.kind().is_nuthatch() {
        return;
    }
    let check = |port: u16| {
        let mut command = Command::new(server_binary());
        command.args(["healthcheck", "--port", &port.to_string()]);
        command.output().expect("the binary starts").status.code()
    };
    assert_eq!(check(server.port()), Some(0));
    assert_eq!(check(free_port()), Some(1));
    server.raw().check("CONFIG SET requirepass secret", "+OK");
    // It needs no password to see that the server answers.
    assert_eq!(check(server.port()), Some(0));
}

#[test]
fn info_names_the_process_and_its_build() {
    let server = TestServer::start();
    assert_eq!(server.info("tcp_port"), server.port().to_string());
    assert_eq!(server.info("process_supervised"), "no");
    assert_eq!(server.info("run_id").len(), 40);
    assert!(!server.info("executable").is_empty());
    assert_eq!(server.info("arch_bits"), "64");
    if server.kind().is_nuthatch() {
        assert!(server.info("redis_version").starts_with("7.2."));
        assert!(!server.info("nuthatch_version").is_empty());
    }
}
