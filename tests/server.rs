//! Commands about the server: figures that must be true, logs, DEBUG.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use harness::{RawClient, TestServer, Value, encode_command, wait_until};
use redis::Commands;

/// A number from INFO.
#[track_caller]
fn number(client: &mut RawClient, field: &str) -> i64 {
    let info = client.run("INFO everything").text().to_owned();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let text = line.unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

/// A figure inside a line of INFO such as `cmdstat_get:calls=1,usec=2`.
fn figure(client: &mut RawClient, line: &str, name: &str) -> Option<i64> {
    let info = client.run("INFO everything").text().to_owned();
    let rest = info
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?
        .to_owned();
    let found = rest
        .split(',')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found?.parse().ok()
}

#[test]
fn info_has_every_field_that_tools_poll() {
    let server = TestServer::start();
    let mut client = server.raw();
    let info = client.run("INFO everything").text().to_owned();
    for field in
        "redis_version redis_mode os arch_bits multiplexing_api process_id run_id tcp_port \
        server_time_usec uptime_in_seconds uptime_in_days hz executable config_file \
        connected_clients maxclients client_recent_max_input_buffer blocked_clients \
        tracking_clients clients_in_timeout_table \
        used_memory used_memory_human used_memory_rss used_memory_peak used_memory_startup \
        used_memory_dataset total_system_memory maxmemory maxmemory_human maxmemory_policy \
        mem_fragmentation_ratio mem_clients_normal mem_allocator lazyfree_pending_objects \
        loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress \
        rdb_last_save_time rdb_last_bgsave_status aof_enabled aof_rewrite_in_progress \
        aof_rewrite_scheduled \
        total_connections_received total_commands_processed instantaneous_ops_per_sec \
        total_net_input_bytes total_net_output_bytes rejected_connections sync_full \
        sync_partial_ok sync_partial_err expired_keys evicted_keys keyspace_hits \
        keyspace_misses pubsub_channels pubsub_patterns latest_fork_usec total_forks \
        total_error_replies \
        role connected_slaves master_failover_state master_replid master_repl_offset \
        repl_backlog_active repl_backlog_size repl_backlog_histlen \
        expire_cycle_cpu_milliseconds eventloop_cycles eventloop_duration_sum \
        eventloop_duration_cmd_sum instantaneous_eventloop_cycles_per_sec \
        instantaneous_eventloop_duration_usec \
        used_cpu_sys used_cpu_user used_cpu_sys_main_thread used_cpu_user_main_thread \
        cluster_enabled"
            .split_whitespace()
    {
        assert!(info.contains(&format!("\n{field}:")), "INFO has no {field}");
    }
    // Lines end in CRLF, sections are parted by an empty line.
    assert!(
        info.lines()
            .all(|line| line.is_empty() || line.starts_with('#') || line.contains(':'))
    );
    assert_eq!(info.matches('\n').count(), info.matches("\r\n").count());
}

#[test]
fn hits_misses_and_commands_are_counted() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("SET k v", "+OK");
    client.check("CONFIG RESETSTAT", "+OK");
    for command in [
        "GET k",
        "GET missing",
        "EXISTS k missing",
        "MGET k missing",
        "TTL k",
    ] {
        client.run(command);
    }
    assert_eq!(number(&mut client, "keyspace_hits"), 4);
    assert_eq!(number(&mut client, "keyspace_misses"), 3);
    assert_eq!(figure(&mut client, "cmdstat_get", "calls"), Some(2));
    assert_eq!(figure(&mut client, "cmdstat_mget", "calls"), Some(1));
    assert_eq!(
        figure(&mut client, "cmdstat_config|resetstat", "calls"),
        Some(1)
    );
    let before = number(&mut client, "total_commands_processed");
    (0..50).for_each(|_| client.check("PING", "+PONG"));
    assert_eq!(number(&mut client, "total_commands_processed"), before + 51);
    client.check("CONFIG RESETSTAT", "+OK");
    assert_eq!(number(&mut client, "keyspace_hits"), 0);
    assert_eq!(figure(&mut client, "cmdstat_get", "calls"), None);
}

/// A number of seconds from INFO.
fn seconds(client: &mut RawClient, field: &str) -> f64 {
    let info = client.run("INFO cpu").text().to_owned();
    let value = info
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap().parse().unwrap()
}

#[test]
fn info_tells_how_the_loops_spend_their_time() {
    let server = TestServer::start();
    let mut client = server.raw();
    let before = number(&mut client, "eventloop_cycles");
    (0..50).for_each(|_| client.check("PING", "+PONG"));
    assert!(number(&mut client, "eventloop_cycles") >= before + 50);
    // What an EXEC runs is part of it.
    client.check("CONFIG RESETSTAT", "+OK");
    assert!(number(&mut client, "eventloop_duration_cmd_sum") < 200_000);
    client.run("MULTI");
    client.run("DEBUG SLEEP 0.2");
    client.check("EXEC", "[+OK]");
    let commands = number(&mut client, "eventloop_duration_cmd_sum");
    let exec = figure(&mut client, "cmdstat_exec", "usec").unwrap();
    let debug = figure(&mut client, "cmdstat_debug", "usec").unwrap();
    assert!(exec >= 200_000 && debug >= 200_000, "{exec} {debug}");
    assert!(commands >= exec, "{commands} {exec}");
    assert!(commands < exec + debug, "{commands} {exec} {debug}");
    // A loop's time is counted at its end.
    wait_until("the loop's time is counted", || {
        number(&mut client, "eventloop_duration_sum") >= exec
    });
    wait_until("rates are measured", || {
        client.run("DEBUG SLEEP 0.01");
        number(&mut client, "instantaneous_eventloop_cycles_per_sec") > 0
            && number(&mut client, "instantaneous_eventloop_duration_usec") > 0
    });
    // The system knows how long a thread has run, but only guesses how much of it was its own doing.
    let mut spent = |by: &str| {
        seconds(&mut client, &format!("used_cpu_user{by}"))
            + seconds(&mut client, &format!("used_cpu_sys{by}"))
    };
    let mut other = server.raw();
    wait_until("processor time is measured", || {
        other.send_bytes(encode_command(&["PING"]).repeat(10_000));
        (0..10_000).for_each(|_| other.expect("+PONG\r\n"));
        spent("_main_thread") > 0.0
    });
    assert!(spent("_main_thread") <= spent("") + 0.05);
}

#[test]
fn info_tells_how_long_expiry_takes() {
    let server = TestServer::start();
    let mut client = server.raw();
    assert_eq!(number(&mut client, "expire_cycle_cpu_milliseconds"), 0);
    wait_until("a millisecond is counted", || {
        let names = (0..2_000).map(|number| format!("k{number}"));
        let keys = names.map(|name| encode_command(&["SET", &name, "v", "PX", "1"]));
        client.send_bytes(keys.collect::<Vec<_>>().concat());
        (0..2_000).for_each(|_| client.expect_reply("+OK"));
        number(&mut client, "expire_cycle_cpu_milliseconds") > 0
    });
    wait_until("all keys are gone", || {
        client.run("DBSIZE").to_string() == ":0"
    });
    client.check("CONFIG RESETSTAT", "+OK");
    assert_eq!(number(&mut client, "expire_cycle_cpu_milliseconds"), 0);
}

#[test]
fn inspecting_a_key_is_a_lookup_and_moving_it_is_one_change() {
    let server = TestServer::start();
    let mut client = server.raw();
    for command in ["SET k v", "OBJECT ENCODING k", "OBJECT REFCOUNT no"] {
        client.run(command);
    }
    assert_eq!(number(&mut client, "keyspace_hits"), 1);
    assert_eq!(number(&mut client, "keyspace_misses"), 1);
    for command in ["RENAME k l", "MOVE l 1", "RENAME no x", "MOVE no 1"] {
        let before = number(&mut client, "rdb_changes_since_last_save");
        client.run(command);
        let changes = number(&mut client, "rdb_changes_since_last_save") - before;
        assert_eq!(changes, i64::from(!command.contains("no")), "{command}");
    }
    assert_eq!(number(&mut client, "keyspace_hits"), 1);
    assert_eq!(number(&mut client, "keyspace_misses"), 1);
}

#[test]
fn a_paused_cron_leaves_everything_as_it_is() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("DEBUG PAUSE-CRON 1", "+OK");
    client.check("SET k v PX 1", "+OK");
    client.check("DEBUG SLEEP 0.1", "+OK");
    client.check("DBSIZE", ":1");
    client.check("DEBUG PAUSE-CRON 0", "+OK");
    wait_until("the key is gone", || {
        client.run("DBSIZE").to_string() == ":0"
    });
}

#[test]
fn failures_and_rejections_are_counted_by_command_and_by_kind() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("SET k text", "+OK");
    client.check("CONFIG RESETSTAT", "+OK");
    for _ in 0..3 {
        assert!(client.run("INCR k").is_error());
    }
    assert!(client.run("INCR").is_error());
    assert!(client.run("NOSUCHCOMMAND").is_error());
    client.check("MULTI", "+OK");
    assert!(client.run("GET").is_error());
    assert!(client.run("EXEC").is_error());
    assert_eq!(figure(&mut client, "cmdstat_incr", "calls"), Some(3));
    assert_eq!(figure(&mut client, "cmdstat_incr", "failed_calls"), Some(3));
    assert_eq!(
        figure(&mut client, "cmdstat_incr", "rejected_calls"),
        Some(1)
    );
    assert_eq!(figure(&mut client, "errorstat_ERR", "count"), Some(6));
    assert_eq!(figure(&mut client, "errorstat_EXECABORT", "count"), Some(1));
    assert_eq!(number(&mut client, "total_error_replies"), 7);
}

#[test]
fn bytes_in_and_out_are_counted() {
    let server = TestServer::start();
    let mut client = server.raw();
    let value = "x".repeat(1 << 20);
    let (input, output) = (
        number(&mut client, "total_net_input_bytes"),
        number(&mut client, "total_net_output_bytes"),
    );
    client.call(&["SET", "k", &value]);
    client.call(&["GET", "k"]);
    client.call(&["GET", "k"]);
    let input = number(&mut client, "total_net_input_bytes") - input;
    let output = number(&mut client, "total_net_output_bytes") - output;
    assert!((1 << 20..(1 << 20) + 10_000).contains(&input), "{input}");
    assert!((2 << 20..(2 << 20) + 60_000).contains(&output), "{output}");
}

#[test]
fn used_memory_follows_what_is_stored() {
    let server = TestServer::start();
    let mut client = server.raw();
    let start = number(&mut client, "used_memory");
    let count = 2_000;
    client.check(&format!("DEBUG POPULATE {count} key 1000"), "+OK");
    let full = number(&mut client, "used_memory");
    let least = count * 1000;
    assert!(
        (start + least..start + 2 * least).contains(&full),
        "{start} and then {full}"
    );
    assert!(number(&mut client, "used_memory_peak") >= full);
    client.check("FLUSHALL ASYNC", "+OK");
    wait_until("the memory is given back", || {
        number(&mut client, "used_memory") < start + least / 4
    });
}

#[test]
fn memory_usage_grows_with_the_value() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut last = 0;
    for size in [1, 1000, 10_000, 100_000, 1_000_000] {
        client.call(&["SET", "k", &"x".repeat(size)]);
        let usage = client.run("MEMORY USAGE k").integer();
        assert!(
            usage >= size as i64 && usage > last,
            "{usage} for {size} bytes"
        );
        assert!(usage < size as i64 * 2 + 200, "{usage} for {size} bytes");
        last = usage;
    }
    let stats = client.run("MEMORY STATS");
    assert_eq!(stats.field("keys.count").integer(), 1);
    for field in ["peak.allocated", "total.allocated", "dataset.bytes"] {
        assert!(stats.field(field).integer() > 0, "{field}");
    }
}

#[test]
fn the_keyspace_section_counts_keys_and_expires() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("MSET a 1 b 2", "+OK");
    client.check("EXPIRE a 100", ":1");
    client.check("SELECT 9", "+OK");
    client.check("SET c 3 EX 100", "+OK");
    let check = |client: &mut RawClient, line: &str, keys, expires| {
        assert_eq!(figure(client, line, "keys"), keys);
        assert_eq!(figure(client, line, "expires"), expires);
    };
    check(&mut client, "db0", Some(2), Some(1));
    check(&mut client, "db9", Some(1), Some(1));
    client.check("PERSIST c", ":1");
    check(&mut client, "db9", Some(1), Some(0));
    client.check("SET c 4 EX 100", "+OK");
    client.check("SET c 4", "+OK");
    check(&mut client, "db9", Some(1), Some(0));
    client.check("SWAPDB 0 9", "+OK");
    check(&mut client, "db0", Some(1), Some(0));
    client.check("FLUSHDB", "+OK");
    check(&mut client, "db9", None, None);
}

#[test]
fn the_slow_log_keeps_the_newest_and_cuts_what_is_long() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check(
        "CONFIG SET slowlog-max-len 3 slowlog-log-slower-than 0",
        "+OK",
    );
    for number in 0..10 {
        client.check(&format!("ECHO {number}"), "bulk");
    }
    client.check("CONFIG SET slowlog-log-slower-than -1", "+OK");
    client.check("SLOWLOG LEN", ":3");
    let log = client.run("SLOWLOG GET");
    let shown: Vec<&str> = log
        .items()
        .iter()
        .map(|entry| entry.items()[3].items()[1].text())
        .collect();
    assert_eq!(shown, ["9", "8", "7"]);
    let ids: Vec<i64> = log
        .items()
        .iter()
        .map(|entry| entry.items()[0].integer())
        .collect();
    assert!(ids[0] == ids[1] + 1 && ids[1] == ids[2] + 1, "{ids:?}");

    client.check("SLOWLOG RESET", "+OK");
    client.check(
        "CONFIG SET slowlog-max-len 128 slowlog-log-slower-than 0",
        "+OK",
    );
    client.call(&["SET", "k", &"x".repeat(200)]);
    let mut many = vec!["EXISTS".to_owned()];
    many.extend((0..40).map(|number| format!("k{number}")));
    client.call(&many);
    client.check("CONFIG SET slowlog-log-slower-than -1", "+OK");
    let log = client.run("SLOWLOG GET");
    // Ids go on after a reset.
    assert!(log.items()[0].items()[0].integer() > ids[0]);
    let arguments = log.items()[0].items()[3].items();
    assert_eq!(arguments.len(), 32);
    assert_eq!(arguments[31].text(), "... (10 more arguments)");
    let value = log.items()[1].items()[3].items()[2].text();
    assert_eq!(value, format!("{}... (72 more bytes)", "x".repeat(128)));
}

#[test]
fn slow_commands_get_into_the_slow_log_and_fast_ones_do_not() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("CONFIG SET slowlog-log-slower-than 30000", "+OK");
    client.check("DEBUG SLEEP 0.05", "+OK");
    let log = client.run("SLOWLOG GET");
    let slow = log
        .items()
        .iter()
        .find(|entry| entry.items()[3].items()[0].text() == "DEBUG");
    assert!(slow.expect("it is there").items()[2].integer() >= 50_000);
}

#[test]
fn a_command_that_waits_is_logged_as_slow_when_it_is_served() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("CONFIG SET slowlog-log-slower-than 0", "+OK");
    let mut waiting = server.block("BLPOP l 0", 1);
    let log = client.run("SLOWLOG GET -1").to_string();
    assert!(!log.contains("BLPOP"), "{log}");
    client.check("LPUSH l v", ":1");
    waiting.read();
    let log = client.run("SLOWLOG GET -1").to_string();
    assert_eq!(log.matches("BLPOP").count(), 1, "{log}");
}

#[test]
fn a_password_is_shown_by_no_log() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut monitor = server.raw();
    monitor.check("MONITOR", "+OK");
    client.check("CONFIG SET slowlog-log-slower-than 0", "+OK");
    client.check("AUTH default hunter2", "+OK");
    client.check("HELLO 2 AUTH default hunter2", "array");
    client.check("CONFIG SET requirepass hunter2", "+OK");
    client.check("CONFIG SET requirepass \"\"", "+OK");
    client.check("PING end", "\"end\"");
    let log = client.run("SLOWLOG GET -1").to_string();
    assert!(!log.contains("hunter2"), "{log}");
    loop {
        let line = monitor.read();
        assert!(!line.text().contains("hunter2"), "{line}");
        if line.text().contains("\"PING\" \"end\"") {
            break;
        }
    }
    assert!(!server.log().contains("hunter2"));
}

#[test]
fn a_monitor_sees_the_commands_of_all_connections() {
    let server = TestServer::start();
    let mut monitors = [server.raw(), server.raw_resp3()];
    for monitor in &mut monitors {
        monitor.check("MONITOR", "+OK");
    }
    let mut clients: Vec<RawClient> = (0..8).map(|_| server.raw()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.check(&format!("SET key:{number} \"a b\""), "+OK");
    }
    for monitor in &mut monitors {
        // Connections on different workers may come in any order.
        let mut seen: Vec<String> = (0..8).map(|_| monitor.read().text().to_owned()).collect();
        seen.sort_by_key(|line| line.rsplit("key:").next().map(str::to_owned));
        for (number, line) in seen.iter().enumerate() {
            let end = format!("] \"SET\" \"key:{number}\" \"a b\"");
            assert!(
                line.contains(" [0 127.0.0.1:") && line.ends_with(&end),
                "{line}"
            );
        }
    }
    // A transaction's commands show when they run.
    clients[0].check("MULTI", "+OK");
    clients[0].check("INCR n", "+QUEUED");
    clients[0].check("EXEC", "[:1]");
    let words: Vec<String> = (0..3)
        .map(|_| {
            monitors[0]
                .read()
                .text()
                .split('"')
                .nth(1)
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(words, ["MULTI", "INCR", "EXEC"]);
    // RESET ends it.
    monitors[0].check("RESET", "+RESET");
    clients[0].check("PING", "+PONG");
    monitors[0].check("PING", "+PONG");
}

#[test]
fn latency_events_are_kept_only_when_asked_for() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("DEBUG SLEEP 0.02", "+OK");
    client.check("LATENCY LATEST", "[]");
    client.check("CONFIG SET latency-monitor-threshold 10", "+OK");
    client.check("DEBUG SLEEP 0.02", "+OK");
    client.check("DEBUG SLEEP 0.04", "+OK");
    let latest = client.run("LATENCY LATEST");
    let event = latest.items()[0].items();
    assert_eq!(event[0].text(), "command");
    assert!(
        event[2].integer() >= 40 && event[3].integer() >= event[2].integer(),
        "{latest}"
    );
    client.check("LATENCY RESET", ":1");
    client.check("LATENCY LATEST", "[]");
}

#[test]
fn the_histogram_counts_every_call_once() {
    let server = TestServer::start();
    let mut client = server.raw_resp3();
    (0..500).for_each(|_| client.check("GET k", "_"));
    client.check("DEBUG SLEEP 0.01", "+OK");
    let histogram = client.run("LATENCY HISTOGRAM get debug");
    let get = histogram.field("get");
    assert_eq!(get.field("calls").integer(), 500);
    let buckets = get.field("histogram_usec").pairs();
    let counts: Vec<i64> = buckets.iter().map(|(_, count)| count.integer()).collect();
    assert!(counts.is_sorted(), "it is cumulative: {counts:?}");
    assert_eq!(counts.last(), Some(&500));
    let bounds: Vec<i64> = buckets.iter().map(|(bound, _)| bound.integer()).collect();
    assert!(bounds.is_sorted(), "{bounds:?}");
    let slow = histogram.field("debug").field("histogram_usec").pairs();
    assert!(slow.last().expect("one call").0.integer() >= 10_000);
    client.check("CONFIG RESETSTAT", "+OK");
    client.check("LATENCY HISTOGRAM get", "{}");
}

#[test]
fn equal_data_has_an_equal_digest() {
    let server = TestServer::start();
    let mut client = server.raw();
    let zeros = "0".repeat(40);
    assert_eq!(client.run("DEBUG DIGEST").text(), zeros);
    client.check("MSET a 1 b two c 3", "+OK");
    let digest = client.run("DEBUG DIGEST").text().to_owned();
    assert_eq!(digest.len(), 40);
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // Made in another order, and in other ways.
    client.check("FLUSHALL", "+OK");
    client.check("SET c 2", "+OK");
    client.check("INCR c", ":3");
    client.check("APPEND b tw", ":2");
    client.check("APPEND b o", ":3");
    client.check("SET x 1", "+OK");
    client.check("RENAME x a", "+OK");
    assert_eq!(client.run("DEBUG DIGEST").text(), digest);
    // What differs has another one.
    for change in [
        "SET a 2",
        "DEL a",
        "RENAME a z",
        "MOVE a 1",
        "EXPIREAT a 33177117420",
    ] {
        client.check("FLUSHALL", "+OK");
        client.check("MSET a 1 b two c 3", "+OK");
        client.run(change);
        assert_ne!(client.run("DEBUG DIGEST").text(), digest, "{change}");
    }
    client.check("FLUSHALL", "+OK");
    assert_eq!(client.run("DEBUG DIGEST").text(), zeros);
    client.check("MSET a same b same c other", "+OK");
    let digests = client.run("DEBUG DIGEST-VALUE a b c missing");
    let digests = digests.items();
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    assert_eq!(digests[3].text(), zeros);
}

#[test]
fn debug_needs_permission() {
    let server = TestServer::start_with(&[("enable-debug-command", "no")]);
    let mut client = server.raw();
    let denied = "-~\"ERR DEBUG command not allowed. *enable-debug-command*\"";
    client.check("DEBUG SLEEP 0", denied);
    client.check(
        "CONFIG SET enable-debug-command yes",
        "-~\"ERR CONFIG SET failed*\"",
    );
    let server = TestServer::start_with(&[("enable-debug-command", "local")]);
    server.raw().check("DEBUG SLEEP 0", "+OK");
}

#[test]
fn debug_sleep_holds_every_other_connection() {
    let server = TestServer::start();
    let stop = AtomicBool::new(false);
    let (before, after) = thread::scope(|scope| {
        for _ in 0..4 {
            let mut client = server.raw();
            let stop = &stop;
            scope.spawn(move || {
                // Relaxed: it carries no data, and the end of the scope joins.
                while !stop.load(Ordering::Relaxed) {
                    client.check("INCR n", "int");
                }
            });
        }
        let mut sleeper = server.raw();
        sleeper.send_bytes("INCR n\r\nDEBUG SLEEP 0.5\r\nINCR n\r\n");
        let before = sleeper.read().integer();
        sleeper.expect_reply("+OK");
        let after = sleeper.read().integer();
        stop.store(true, Ordering::Relaxed);
        (before, after)
    });
    // A few may get in before the sleep begins and after it ends; in half a second, it would be
    // many thousands.
    assert!(
        after - before < 2_000,
        "{before}, and after the sleep {after}"
    );
}

fn as_micros(time: &Value) -> i64 {
    let part = |index: usize| time.items()[index].text().parse::<i64>().expect("a number");
    part(0) * 1_000_000 + part(1)
}

fn micros(client: &mut RawClient) -> i64 {
    as_micros(&client.run("TIME"))
}

#[test]
fn time_is_the_clock_of_the_machine() {
    let server = TestServer::start();
    let mut client = server.raw();
    let clock = || {
        let since = std::time::UNIX_EPOCH.elapsed().expect("the clock is set");
        i64::try_from(since.as_micros()).expect("in this age")
    };
    let (before, time, after) = (clock(), micros(&mut client), clock());
    assert!((before..=after).contains(&time), "{before} {time} {after}");
}

#[test]
fn changing_the_replication_id_changes_it() {
    let server = TestServer::start();
    let mut client = server.raw();
    let old = server.info("master_replid");
    assert_eq!(old.len(), 40);
    client.check("DEBUG CHANGE-REPL-ID", "+OK");
    assert_ne!(server.info("master_replid"), old);
}

#[test]
fn what_config_get_says_config_set_takes_back() {
    let server = TestServer::start();
    let mut client = server.raw();
    let all = client.run("CONFIG GET *").pairs();
    assert!(all.len() > 40, "only {} options", all.len());
    for (name, value) in &all {
        // Setting it anew would move the port or the log away, for whatever value.
        if ["port", "tls-port", "bind", "dir", "logfile"].contains(&name.text()) {
            continue;
        }
        let reply = client.call(&[b"CONFIG".as_slice(), b"SET", name.bytes(), value.bytes()]);
        let text = reply.to_string();
        let refused = text.contains("can't set immutable config")
            || text.contains("can't set protected config");
        assert!(
            text == "+OK" || refused,
            "CONFIG SET {name} {value}: {reply}"
        );
    }
    let again = client.run("CONFIG GET *").pairs();
    for pair in &all {
        assert!(again.contains(pair), "{pair:?} changed");
    }
}

#[test]
fn a_config_set_of_several_options_is_all_or_nothing() {
    let server = TestServer::start();
    let mut client = server.raw();
    let error = client.run("CONFIG SET timeout 11 maxmemory 5mb hz abc");
    assert!(error.is_error());
    client.check("CONFIG GET timeout", "[\"timeout\", \"0\"]");
    client.check("CONFIG GET maxmemory", "[\"maxmemory\", \"0\"]");
    client.check("CONFIG SET timeout 11 maxmemory 5mb", "+OK");
    client.check("CONFIG GET timeout", "[\"timeout\", \"11\"]");
}

#[test]
fn flushall_async_leaves_nothing_visible_at_once() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("DEBUG POPULATE 50000", "+OK");
    client.check("FLUSHALL ASYNC", "+OK");
    client.check("DBSIZE", ":0");
    client.check("RANDOMKEY", "$nil");
    client.check("SET k v", "+OK");
    client.check("DBSIZE", ":1");
}

#[test]
fn command_getkeys_finds_the_keys_of_every_command() {
    let server = TestServer::start();
    let mut client = server.raw();
    for (command, keys) in [
        ("GET a", "[\"a\"]"),
        ("MGET a b c", "[\"a\", \"b\", \"c\"]"),
        ("MSETNX a 1 b 2", "[\"a\", \"b\"]"),
        ("RENAME a b", "[\"a\", \"b\"]"),
        ("COPY a b REPLACE", "[\"a\", \"b\"]"),
        ("LCS a b IDX", "[\"a\", \"b\"]"),
        ("BITOP OR a b c", "[\"a\", \"b\", \"c\"]"),
        ("WATCH a b", "[\"a\", \"b\"]"),
        ("MEMORY USAGE a SAMPLES 0", "[\"a\"]"),
        ("OBJECT FREQ a", "[\"a\"]"),
        ("DEL a a", "[\"a\", \"a\"]"),
    ] {
        client.check(&format!("COMMAND GETKEYS {command}"), keys);
    }
}

#[test]
fn a_client_library_reads_info_and_config() {
    let server = TestServer::start();
    let mut client = server.client();
    let info: redis::InfoDict = redis::cmd("INFO").query(&mut client).unwrap();
    assert_eq!(info.get::<String>("role").as_deref(), Some("master"));
    let config: std::collections::HashMap<String, String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory*")
        .query(&mut client)
        .unwrap();
    assert_eq!(config["maxmemory-policy"], "noeviction");
    let _: () = client.set("k", "v").unwrap();
    assert_eq!(redis::cmd("DBSIZE").query::<i64>(&mut client).unwrap(), 1);
    let time: (i64, i64) = redis::cmd("TIME").query(&mut client).unwrap();
    assert!(time.0 > 1_700_000_000);
}
