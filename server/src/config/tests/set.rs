//! CONFIG GET and CONFIG SET. The expected texts are those of Redis 7.0.15 (7.2's where it added words), asked by
//! hand.

use super::super::*;
use super::{load_text, value};

fn store_of(text: &str) -> ConfigStore {
    ConfigStore::new(load_text(text).unwrap())
}

/// Sets as a client on this machine would; an error as the client would read it after `ERR `.
fn set(store: &ConfigStore, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<(&[u8], &[u8])> = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    store
        .set(&pairs, true, |_, _, _| Ok(()))
        .map_err(|error| error.to_string())
}

fn names_of(config: &Config, patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    get(config, &patterns)
        .into_iter()
        .map(|(name, _)| String::from_utf8(name).unwrap())
        .collect()
}

#[test]
fn good_values_are_printed_in_canonical_form() {
    let cases = [
        ("maxmemory", "1MB", "1048576"),
        ("maxmemory", "1k", "1000"),
        ("maxmemory", "2gb", "2147483648"),
        ("maxmemory", "3g", "3000000000"),
        ("maxmemory", "7b", "7"),
        ("maxmemory", "", "0"),
        ("maxmemory", "18446744073709551615", "18446744073709551615"),
        ("hz", "600", "500"),
        ("hz", "0", "1"),
        ("protected-mode", "NO", "no"),
        ("loglevel", "VERBOSE", "verbose"),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "KElmn", "lnKEm"),
        ("notify-keyspace-events", "", ""),
        ("save", "10 1 20 2", "10 1 20 2"),
        ("save", "", ""),
        (
            "client-output-buffer-limit",
            "normal 1mb 2k 3 replica 1g 0 0",
            "normal 1048576 2000 3 slave 1000000000 0 0 pubsub 33554432 8388608 60",
        ),
        (
            "client-output-buffer-limit",
            "",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
        ("bind", "127.0.0.1 -::1", "127.0.0.1 -::1"),
        ("bind", "", ""),
        (
            "latency-tracking-info-percentiles",
            "50.50 99.123456789",
            "50.5 99.123457",
        ),
        ("latency-tracking-info-percentiles", "", ""),
        ("shutdown-on-sigterm", "now nosave", "nosave now"),
        ("shutdown-on-sigterm", "nosave default", "nosave"),
        ("slowlog-log-slower-than", "-1", "-1"),
        ("slave-priority", "5", "5"),
        ("oom-score-adj-values", "-1 0 1", "-1 0 1"),
        ("requirepass", "a b", "a b"),
    ];
    for (name, given, expected) in cases {
        let store = store_of("");
        set(&store, &[(name, given)]).unwrap_or_else(|error| panic!("{name} {given:?}: {error}"));
        assert_eq!(value(&store.get(), name), expected, "{name} {given:?}");
    }
}

#[test]
fn bad_values_are_refused_in_redis_words() {
    let memory = "argument must be a memory value";
    let integer = "argument couldn't be parsed into an integer";
    let cases = [
        ("maxmemory", "1x", memory),
        ("maxmemory", "-1", memory),
        ("maxmemory", "1gb1", memory),
        ("maxmemory", "1.5gb", memory),
        ("maxmemory", "0x10", memory),
        ("maxmemory", " 5", memory),
        (
            "maxmemory-clients",
            "101%",
            "percentage argument must be less or equal to 100",
        ),
        (
            "maxmemory-clients",
            "-5",
            "argument must be a memory or percent value",
        ),
        (
            "maxmemory-clients",
            "%",
            "argument must be a memory or percent value",
        ),
        (
            "maxmemory-clients",
            "1.5%",
            "argument must be a memory or percent value",
        ),
        (
            "hz",
            "-1",
            "argument must be between 0 and 2147483647 inclusive",
        ),
        ("hz", "abc", integer),
        ("hz", " 5", integer),
        ("hz", "0x5", integer),
        ("hz", "5.0", integer),
        ("hz", "+5", integer),
        ("hz", "05", integer),
        ("hz", "", integer),
        (
            "port",
            "65536",
            "argument must be between 0 and 65535 inclusive",
        ),
        (
            "timeout",
            "-1",
            "argument must be between 0 and 2147483647 inclusive",
        ),
        (
            "maxclients",
            "0",
            "argument must be between 1 and 4294967295 inclusive",
        ),
        (
            "maxclients",
            "4294967296",
            "argument must be between 1 and 4294967295 inclusive",
        ),
        ("maxclients", "99999999999999999999", integer),
        (
            "slowlog-log-slower-than",
            "-2",
            "argument must be between -1 and 9223372036854775807 inclusive",
        ),
        (
            "list-max-listpack-size",
            "3000000000",
            "argument must be between -2147483648 and 2147483647 inclusive",
        ),
        (
            "active-defrag-cycle-min",
            "0",
            "argument must be between 1 and 99 inclusive",
        ),
        (
            "repl-backlog-size",
            "0",
            "argument must be between 1 and 9223372036854775807 inclusive",
        ),
        (
            "repl-backlog-size",
            "9223372036854775808",
            "argument must be between 1 and 9223372036854775807 inclusive",
        ),
        (
            "proto-max-bulk-len",
            "5",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        ("stream-node-max-bytes", "-1", memory),
        ("tcp-keepalive", "1k", integer),
        ("protected-mode", "maybe", "argument must be 'yes' or 'no'"),
        ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
        (
            "loglevel",
            "foo",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        (
            "loglevel",
            "",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        (
            "maxmemory-policy",
            "LRU",
            "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, \
             volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction, allkeys-s3fifo, \
             volatile-s3fifo, allkeys-fifo, volatile-fifo",
        ),
        (
            "appendfsync",
            "x",
            "argument(s) must be one of the following: everysec, always, no",
        ),
        (
            "notify-keyspace-events",
            "KEx?",
            "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
        ),
        (
            "notify-keyspace-events",
            "a b",
            "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
        ),
        ("save", "a", "Invalid save parameters"),
        ("save", "10", "Invalid save parameters"),
        ("save", "10 a", "Invalid save parameters"),
        ("save", "0 1", "Invalid save parameters"),
        ("save", "10 -1", "Invalid save parameters"),
        ("save", " 10 1  20 2", "Invalid save parameters"),
        (
            "client-output-buffer-limit",
            "foo",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            " normal 0 0 0",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "foo 1 2 3",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "master 0 0 0",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal a 2 3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal -1 2 3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1mb 2k -3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1mb 2k 3x",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            "bind",
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
            "Too many bind addresses specified.",
        ),
        ("oom-score-adj-values", "1 2", "wrong number of arguments"),
        (
            "oom-score-adj-values",
            "1 2 3000",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        (
            "latency-tracking-info-percentiles",
            "50 101",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        (
            "latency-tracking-info-percentiles",
            "50 abc",
            "Invalid latency-tracking-info-percentiles parameters",
        ),
        (
            "shutdown-on-sigterm",
            "now foo",
            "argument(s) must be one of the following: default, save, nosave, now, force",
        ),
        (
            "shutdown-on-sigterm",
            "save nosave",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        (
            "proc-title-template",
            "{title}",
            "template format is invalid or contains unknown variables",
        ),
        (
            "proc-title-template",
            "{foo}",
            "template format is invalid or contains unknown variables",
        ),
        (
            "cluster-announce-hostname",
            "a b",
            "Hostnames may only contain alphanumeric characters, hyphens or dots",
        ),
        (
            "dbfilename",
            "a/b",
            "dbfilename can't be a path, just a filename",
        ),
        ("dir", "/nonexistent-directory", "No such file or directory"),
        ("dir", "", "No such file or directory"),
        ("databases", "3", "can't set immutable config"),
        ("unixsocketperm", "8", "can't set immutable config"),
        ("replicaof", "a b", "can't set immutable config"),
    ];
    for (name, given, reason) in cases {
        let store = store_of("enable-protected-configs yes");
        let before = value(&store.get(), name);
        let expected =
            format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        assert_eq!(
            set(&store, &[(name, given)]),
            Err(expected),
            "{name} {given:?}"
        );
        assert_eq!(value(&store.get(), name), before);
    }
}

#[test]
fn unknown_names_are_refused() {
    let store = store_of("");
    for name in ["foo", "", "user", "include", "rename-command"] {
        let expected = format!("Unknown option or number of arguments for CONFIG SET - '{name}'");
        assert_eq!(set(&store, &[("hz", "20"), (name, "1")]), Err(expected));
    }
    assert_eq!(value(&store.get(), "hz"), "10");
}

#[test]
fn what_is_missing_is_refused_by_name() {
    let cases = [
        ("appendonly", "yes", "the append-only file"),
        ("min-replicas-to-write", "1", "replication"),
        ("tls-port", "6380", "TLS"),
        ("activedefrag", "yes", "Redis's active defragmentation"),
    ];
    for (name, given, missing) in cases {
        let store = store_of("");
        let default = value(&store.get(), name);
        let error = set(&store, &[(name, given)]).unwrap_err();
        assert!(error.contains(missing), "{error}");
        assert!(
            error.ends_with(&format!("only '{default}' is accepted")),
            "{error}"
        );
        assert_eq!(value(&store.get(), name), default);
        assert_eq!(set(&store, &[(name, &default)]), Ok(vec![]), "{name}");
    }
}

#[test]
fn several_settings_change_together_or_not_at_all() {
    let store = store_of("");
    let generation = store.generation();
    let error = set(&store, &[("hz", "20"), ("maxclients", "0")]).unwrap_err();
    assert!(error.contains("'maxclients'"), "{error}");
    assert_eq!(value(&store.get(), "hz"), "10");
    assert_eq!(store.generation(), generation);

    assert_eq!(
        set(
            &store,
            &[("hz", "20"), ("maxclients", "5"), ("timeout", "0")]
        ),
        Ok(vec!["hz", "maxclients"])
    );
    assert_eq!(
        (value(&store.get(), "hz").as_str(), store.get().maxclients),
        ("20", 5)
    );
    assert_ne!(store.generation(), generation);
}

#[test]
fn the_first_offender_is_named_as_the_client_wrote_it() {
    let refused = |name: &str, reason: &str| {
        Err(format!(
            "CONFIG SET failed (possibly related to argument '{name}') - {reason}"
        ))
    };
    let store = store_of("");
    let twice = [("maxmemory", "1"), ("MaxMemory", "2")];
    assert_eq!(
        set(&store, &twice),
        refused("MaxMemory", "duplicate parameter")
    );
    assert_eq!(
        set(&store, &[("DATABASES", "2"), ("foo", "1")]),
        refused("DATABASES", "can't set immutable config")
    );
    // Names of bad values come from the table.
    assert_eq!(
        set(&store, &[("MaxMemory", "x")]),
        refused("maxmemory", "argument must be a memory value")
    );
    let range = "argument must be between 0 and 2147483647 inclusive";
    assert_eq!(
        set(&store, &[("Slave-Priority", "-5")]),
        refused("slave-priority", range)
    );
    // A directive and its alias do not count as one.
    let both = [
        ("slave-priority", "5"),
        ("hz", "9"),
        ("replica-priority", "6"),
    ];
    assert_eq!(set(&store, &both), Ok(vec!["replica-priority", "hz"]));
    assert_eq!(value(&store.get(), "slave-priority"), "6");
}

#[test]
fn protected_settings_need_permission() {
    let dir = std::env::temp_dir();
    let dir = dir.to_str().unwrap().as_bytes();
    for (permission, local, allowed) in [
        ("no", true, false),
        ("local", true, true),
        ("local", false, false),
        ("yes", false, true),
    ] {
        let store = store_of(&format!("enable-protected-configs {permission}"));
        let result = store.set(&[(b"dir", dir)], local, |_, _, _| Ok(()));
        match allowed {
            true => assert!(result.is_ok(), "{permission} {local}: {result:?}"),
            false => assert!(
                result
                    .unwrap_err()
                    .to_string()
                    .ends_with("can't set protected config")
            ),
        }
    }
}

#[test]
fn a_refusal_to_apply_changes_nothing() {
    let store = store_of("");
    let result = store.set(
        &[(b"timeout", b"5"), (b"port", b"1")],
        true,
        |old, new, changed| {
            assert_eq!(
                (old.port, new.port, changed),
                (6379, 1, &["timeout", "port"][..])
            );
            Err(Refusal {
                name: "port",
                reason: "Unable to listen on this port. Check server logs.".to_owned(),
            })
        },
    );
    assert_eq!(
        result.unwrap_err().to_string(),
        "CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    assert_eq!((store.get().port, store.get().timeout_seconds), (6379, 0));
}

#[test]
fn nothing_is_applied_when_nothing_changes() {
    let store = store_of("");
    let changed = store.set(&[(b"port", b"6379")], true, |_, _, _| {
        panic!("there is nothing to apply")
    });
    assert_eq!(changed, Ok(vec![]));
}

#[test]
fn views_follow_changes() {
    let store = std::sync::Arc::new(store_of(""));
    let mut view = ConfigView::new(store.clone());
    assert!(!view.refresh());
    set(&store, &[("timeout", "7")]).unwrap();
    assert_eq!(view.timeout_seconds, 0);
    assert!(view.refresh());
    assert_eq!(view.timeout_seconds, 7);
    assert!(!view.refresh());
}

#[test]
fn get_answers_names_and_patterns_in_the_order_of_the_table() {
    let config = Config::default();
    assert_eq!(names_of(&config, &["maxmemory"]), ["maxmemory"]);
    assert_eq!(names_of(&config, &["MAXMEMORY"]), ["MAXMEMORY"]);
    assert_eq!(
        names_of(&config, &["timeout", "port", "port"]),
        ["port", "timeout"]
    );
    assert_eq!(
        names_of(&config, &["max*mory", "maxmem*", "maxmemory"]),
        [
            "maxmemory",
            "maxmemory-policy",
            "maxmemory-samples",
            "maxmemory-eviction-tenacity",
            "maxmemory-clients",
        ]
    );
    assert_eq!(
        names_of(&config, &["slaveof", "replicaof"]),
        ["replicaof", "slaveof"]
    );
    assert_eq!(names_of(&config, &["slave-p*"]), ["slave-priority"]);
    assert_eq!(
        names_of(&config, &["foo", "", "user"]),
        Vec::<String>::new()
    );
}

#[test]
fn hidden_settings_answer_to_their_name_only() {
    let config = Config::default();
    assert_eq!(names_of(&config, &["key-load-delay"]), ["key-load-delay"]);
    assert_eq!(names_of(&config, &["key-*"]), Vec::<String>::new());
}

#[test]
fn secrets_are_known_as_such() {
    for (name, expected) in [
        ("requirepass", true),
        ("MASTERAUTH", true),
        ("port", false),
        ("foo", false),
    ] {
        assert_eq!(is_sensitive(name.as_bytes()), expected, "{name}");
    }
}
