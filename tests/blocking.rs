//! Clients that wait for keys: who is served, in which order, and how waits end.

use harness::{Random, RawClient, TestServer, in_parallel, long_or, wait_until};

#[test]
fn clients_are_served_in_the_order_in_which_they_came() {
    let server = TestServer::start();
    let mut waiting: Vec<RawClient> = (0..5)
        .map(|number| server.block("BLPOP other q 0", number + 1))
        .collect();
    let mut pusher = server.raw();
    pusher.check("RPUSH q a b c", ":3");
    for (client, element) in waiting.iter_mut().zip(["a", "b", "c"]) {
        client.expect_reply(&format!("[\"q\", \"{element}\"]"));
    }
    server.wait_for_blocked(2);
    pusher.check("RPUSH other d", ":1");
    waiting[3].expect_reply("[\"other\", \"d\"]");
    pusher.check("LLEN q", ":0");
    pusher.check("RPUSH q e", ":1");
    waiting[4].expect_reply("[\"q\", \"e\"]");
    server.wait_for_blocked(0);
    assert_eq!(server.info("total_blocking_keys"), "0");
}

#[test]
fn a_client_that_waits_for_many_elements_gets_all_or_none() {
    let server = TestServer::start();
    let mut pusher = server.raw();
    if !server.kind().is_nuthatch() {
        // It came with Redis 8.10.
        return;
    }
    let mut many = server.block("BLMOVEM src dst LEFT RIGHT 0 EXACTLY 3 BULK", 1);
    let mut one = server.block("BLPOP src 0", 2);
    pusher.check("RPUSH src a", ":1");
    one.expect_reply("[\"src\", \"a\"]");
    pusher.check("RPUSH src 1 2", ":2");
    server.wait_for_blocked(1);
    pusher.check("LRANGE src 0 -1", "[\"1\", \"2\"]");
    pusher.check("LINSERT src BEFORE 1 0", ":3");
    many.expect_reply("[\"0\", \"1\", \"2\"]");
    pusher.check("LRANGE dst 0 -1", "[\"0\", \"1\", \"2\"]");
    pusher.check("EXISTS src", ":0");
    // As many as there are will do.
    let mut some = server.block("BLMOVEM src dst LEFT LEFT 0 COUNT 3 OBO", 1);
    pusher.check("RPUSH src x y", ":2");
    some.expect_reply("[\"y\", \"x\"]");
    pusher.check("LLEN dst", ":5");
}

#[test]
fn service_comes_after_the_whole_transaction() {
    let server = TestServer::start();
    let mut waiting = server.block("BLPOP q 0", 1);
    let mut pusher = server.raw();
    for (line, reply) in [
        ("MULTI", "+OK"),
        ("LPUSH q 1", "+QUEUED"),
        ("DEL q", "+QUEUED"),
        ("EXEC", "[:1, :1]"),
        ("MULTI", "+OK"),
        ("RPUSH q 2", "+QUEUED"),
        ("LPUSH q 3", "+QUEUED"),
        ("EXEC", "[:1, :2]"),
    ] {
        pusher.check(line, reply);
    }
    waiting.expect_reply("[\"q\", \"3\"]");
    pusher.check("LRANGE q 0 -1", "[\"2\"]");
}

#[test]
fn whatever_brings_the_key_wakes() {
    let server = TestServer::start();
    let mut pusher = server.raw();
    for (before, bring, reply) in [
        ("RPUSH {t}x v", "RENAME {t}x {t}q", "+OK"),
        ("RPUSH y v", "COPY y {t}q", ":1"),
        ("PING", "RPUSH {t}q v", ":1"),
        ("RPUSH {t}z v", "LMOVE {t}z {t}q LEFT LEFT", "\"v\""),
    ] {
        pusher.run(before);
        let mut waiting = server.block("BLPOP {t}q 0", 1);
        pusher.check(bring, reply);
        waiting.expect_reply("[\"{t}q\", \"v\"]");
        pusher.check("EXISTS {t}q", ":0");
        server.wait_for_blocked(0);
    }
    let mut waiting = server.block("BLPOP moved 0", 1);
    pusher.check("SELECT 1", "+OK");
    pusher.check("RPUSH moved v", ":1");
    pusher.check("MOVE moved 0", ":1");
    waiting.expect_reply("[\"moved\", \"v\"]");
    let mut waiting = server.block("BLPOP swapped 0", 1);
    pusher.check("RPUSH swapped v", ":1");
    pusher.check("SWAPDB 0 1", "+OK");
    waiting.expect_reply("[\"swapped\", \"v\"]");
}

#[test]
fn chains_of_moves_run_to_their_end() {
    let server = TestServer::start();
    const LINKS: usize = 6;
    let mut waiting: Vec<RawClient> = (0..LINKS)
        .map(|number| {
            let command = format!("BLMOVE chain:{number} chain:{} LEFT RIGHT 0", number + 1);
            server.block(&command, number + 1)
        })
        .collect();
    let mut last = server.block(&format!("BRPOP chain:{LINKS} 0"), LINKS + 1);
    let mut pusher = server.raw();
    pusher.check("RPUSH chain:0 ball", ":1");
    // The chain has run before the pusher hears of it.
    for number in 0..=LINKS {
        pusher.check(&format!("EXISTS chain:{number}"), ":0");
    }
    waiting
        .iter_mut()
        .for_each(|client| client.expect_reply("\"ball\""));
    last.expect_reply(&format!("[\"chain:{LINKS}\", \"ball\"]"));
}

#[test]
fn the_key_named_first_serves_first() {
    let server = TestServer::start();
    let mut pusher = server.raw();
    for keys in ["a b", "{t}a {t}b"] {
        let (first, second) = keys.split_once(' ').unwrap();
        let mut waiting = server.block(&format!("BLPOP {keys} 0"), 1);
        pusher.check("MULTI", "+OK");
        pusher.check(&format!("RPUSH {second} 2"), "+QUEUED");
        pusher.check(&format!("RPUSH {first} 1"), "+QUEUED");
        pusher.check("EXEC", "[:1, :1]");
        waiting.expect_reply(&format!("[\"{first}\", \"1\"]"));
        pusher.check(&format!("DEL {keys}"), ":1");
        let mut waiting = server.block(&format!("BLPOP {keys} 0"), 1);
        pusher.check(&format!("SET {first} x"), "+OK");
        pusher.check(&format!("RPUSH {second} 2"), ":1");
        waiting.expect_reply("-WRONGTYPE Operation against a key holding the wrong kind of value");
        pusher.check(&format!("LLEN {second}"), ":1");
        pusher.check(&format!("DEL {keys}"), ":2");
    }
}

#[test]
fn a_move_to_a_key_of_another_type_fails_and_takes_nothing() {
    let server = TestServer::start();
    let mut waiting = server.block("BLMOVE from to LEFT RIGHT 0", 1);
    let mut pusher = server.raw();
    pusher.check("SET to x", "+OK");
    pusher.check("RPUSH from v", ":1");
    waiting.expect_reply("-WRONGTYPE Operation against a key holding the wrong kind of value");
    pusher.check("LRANGE from 0 -1", "[\"v\"]");
}

#[test]
fn a_key_of_another_type_leaves_the_client_waiting() {
    let server = TestServer::start();
    let mut waiting = server.block("BLPOP q 0", 1);
    let mut pusher = server.raw();
    pusher.check("SET q x", "+OK");
    pusher.check("DEL q", ":1");
    pusher.check("RPUSH q v", ":1");
    waiting.expect_reply("[\"q\", \"v\"]");
}

#[test]
fn unblocking_ends_a_wait_once() {
    let server = TestServer::start();
    let mut other = server.raw();
    for (how, reply) in [
        ("", "$nil"),
        (" TIMEOUT", "$nil"),
        (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        let mut client = server.raw();
        let id = client.run("CLIENT ID").to_string();
        client.send(&["BLPOP", "q", "0"]);
        server.wait_for_blocked(1);
        let line = format!("CLIENT UNBLOCK {}{how}", id.trim_start_matches(':'));
        other.check(&line, ":1");
        other.check(&line, ":0");
        let answer = client.read().to_string();
        if reply == "$nil" {
            assert!(answer.contains("nil"), "{answer}");
        } else {
            assert_eq!(answer, reply);
        }
        client.check("PING", "+PONG");
    }
    other.check("RPUSH q v", ":1");
    other.check("LLEN q", ":1");
}

#[test]
fn who_has_the_reply_is_not_listed_as_blocked() {
    const CLIENTS: usize = 32;
    let server = TestServer::start();
    let mut other = server.raw();
    let mut waiting: Vec<(RawClient, String)> = (0..CLIENTS)
        .map(|_| {
            let mut client = server.raw();
            let id = client.run("CLIENT ID").to_string();
            (client, id.trim_start_matches(':').to_owned())
        })
        .collect();
    for _ in 0..long_or(1_000, 100) {
        for (client, _) in &mut waiting {
            client.send(&["BLPOP", "q", "0"]);
        }
        server.wait_for_blocked(CLIENTS);
        other.check(&format!("RPUSH q{}", " e".repeat(CLIENTS)), ":32");
        for (client, id) in &mut waiting {
            client.expect_reply("[\"q\", \"e\"]");
            let listed = other.run(&format!("CLIENT LIST ID {id}")).to_string();
            assert!(listed.contains(" flags=N "), "{listed}");
        }
    }
}

#[test]
fn who_waits_for_replicas_can_be_unblocked() {
    let server = TestServer::start();
    let mut other = server.raw();
    for (how, reply) in [
        ("TIMEOUT", ":0"),
        ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        let mut client = server.raw();
        let id = client.run("CLIENT ID").to_string();
        client.check("SET k v", "+OK");
        client.send(&["WAIT", "1", "0"]);
        server.wait_for_blocked(1);
        let id = id.trim_start_matches(':');
        other.check(&format!("CLIENT UNBLOCK {id} {how}"), ":1");
        client.expect_reply(reply);
        client.check("PING", "+PONG");
    }
    // Whoever goes waits no more.
    let gone = server.block("WAIT 1 0", 1);
    drop(gone);
    server.wait_for_blocked(0);
}

#[test]
fn requests_behind_a_blocked_one_wait_for_it() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.send_bytes("BLPOP q 0\r\nSET after 1\r\nGET after\r\n");
    server.wait_for_blocked(1);
    let mut pusher = server.raw();
    pusher.check("EXISTS after", ":0");
    client.send_bytes("PING\r\n");
    pusher.check("RPUSH q v", ":1");
    client.expect_reply("[\"q\", \"v\"]");
    client.expect_reply("+OK");
    client.expect_reply("\"1\"");
    client.expect_reply("+PONG");
}

#[test]
fn a_client_that_goes_waits_no_more() {
    let server = TestServer::start();
    let gone = server.block("BLPOP q r 0", 1);
    drop(gone);
    server.wait_for_blocked(0);
    wait_until("nothing is waited for", || {
        server.info("total_blocking_keys") == "0"
    });
    let mut pusher = server.raw();
    pusher.check("RPUSH q v", ":1");
    pusher.check("LLEN q", ":1");
}

#[test]
fn waits_leave_no_registration_behind() {
    let server = TestServer::start();
    let rounds = long_or(1_000_000, 20_000);
    let consumers = 4;
    in_parallel(consumers + 1, |number| {
        let mut client = server.raw();
        if number == 0 {
            for at in 0..rounds {
                client.call(&["RPUSH", "q", &at.to_string()]);
            }
            for _ in 0..consumers {
                client.call(&["RPUSH", "stop", "x"]);
            }
            return;
        }
        loop {
            let reply = client.call(&["BLPOP", "q", "stop", "0"]).to_string();
            if reply.starts_with("[\"stop") {
                break;
            }
        }
    });
    let mut client = server.raw();
    client.check("EXISTS q stop", ":0");
    server.wait_for_blocked(0);
    assert_eq!(server.info("total_blocking_keys"), "0");
}

#[test]
fn elements_are_neither_lost_nor_doubled() {
    let server = TestServer::start_with(&[("threads", "4")]);
    let (producers, each) = (3, long_or(50_000, 2_000));
    let queues = 4;
    let sums = std::sync::Mutex::new((0u64, 0u64));
    in_parallel(producers * 2, |number| {
        let mut random = Random::new(number as u64);
        let mut client = server.raw();
        if number < producers {
            for at in 0..each {
                let queue = format!("q:{}", random.below(queues));
                let element = (number * each + at + 1).to_string();
                client.call(&["RPUSH", &queue, &element]);
            }
            return;
        }
        let (mut count, mut sum) = (0, 0);
        loop {
            // Some go by way of another list.
            let reply = if random.below(3) == 0 {
                let from = format!("q:{}", random.below(queues));
                client.call(&["BLMOVE", &from, "q:0", "LEFT", "RIGHT", "0.01"]);
                continue;
            } else {
                client.call(&["BLPOP", "q:0", "q:1", "q:2", "q:3", "0.5"])
            };
            let text = reply.to_string();
            let Some(element) = text.split('"').nth(3) else {
                break;
            };
            let element = element.parse::<u64>().unwrap_or_else(|_| panic!("{text}"));
            (count, sum) = (count + 1, sum + element);
        }
        let mut sums = sums.lock().unwrap();
        *sums = (sums.0 + count, sums.1 + sum);
    });
    let total = (producers * each) as u64;
    assert_eq!(*sums.lock().unwrap(), (total, total * (total + 1) / 2));
    assert_eq!(server.info("total_blocking_keys"), "0");
}
