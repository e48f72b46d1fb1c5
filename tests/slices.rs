//! Commands on big lists and sorts that are done in slices: what they give, and what they give when their keys change
//! meanwhile.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, TryRecvError};

use harness::{
    Random, TestServer, command, encode_command, in_parallel, long_or, query, wait_until,
};
use redis::Connection;

fn push(client: &mut Connection, key: &str, elements: &[String]) {
    for some in elements.chunks(1_000) {
        let _: usize = redis::cmd("RPUSH")
            .arg(key)
            .arg(some)
            .query(client)
            .unwrap();
    }
}

fn elements(client: &mut Connection, key: &str) -> Vec<String> {
    query(client, &format!("LRANGE {key} 0 -1"))
}

/// Sets all keys `{prefix}{number}` at once.
fn set_all(client: &mut Connection, prefix: &str, values: &[i64]) {
    let mut set = redis::cmd("MSET");
    for (number, value) in values.iter().enumerate() {
        set.arg(format!("{prefix}{number}")).arg(*value);
    }
    let _: () = set.query(client).unwrap();
}

/// Lets so many round trips pass, which take longer where the server does.
fn pause(client: &mut Connection, round_trips: usize) {
    for _ in 0..round_trips {
        let _: String = query(client, "PING");
    }
}

/// Tells the others when it goes that they need not go on, be it that its thread has failed.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// More than are sorted under the lock.
const SORTED: usize = 6_000;
/// More than are looked at under the lock.
const LISTED: usize = 40_000;

#[test]
fn big_sorts_give_what_plain_ones_give() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut random = Random::new(7);
    let numbers: Vec<String> = (0..SORTED).map(|number| number.to_string()).collect();
    let weights: Vec<i64> = numbers.iter().map(|_| random.between(-500, 500)).collect();
    set_all(&mut client, "w", &weights);
    // Of some there is nothing.
    for number in 0..100 {
        let _: () = query(&mut client, &format!("DEL w{}", number * 37));
    }
    let weight = |number: &str| {
        let number: usize = number.parse().unwrap();
        let is_gone = number < 3_700 && number.is_multiple_of(37);
        (!is_gone).then_some(weights[number])
    };
    push(&mut client, "list", &numbers);
    for some in numbers.chunks(1_000) {
        let _: usize = redis::cmd("SADD")
            .arg("set")
            .arg(some)
            .query(&mut client)
            .unwrap();
    }
    for number in &numbers {
        let _: () = query(&mut client, &format!("HSET h{number} f {}", number.len()));
    }
    for key in ["list", "set"] {
        for descending in [false, true] {
            let mut by_weight: Vec<(i64, String)> = numbers
                .iter()
                .map(|number| (weight(number).unwrap_or(0), number.clone()))
                .collect();
            by_weight.sort();
            let mut by_name = numbers.clone();
            by_name.sort();
            let mut by_value: Vec<i64> = (0..SORTED as i64).collect();
            if descending {
                by_weight.reverse();
                by_name.reverse();
                by_value.reverse();
            }
            let direction = if descending { " DESC" } else { "" };
            let by_weight: Vec<String> = by_weight.into_iter().map(|(_, number)| number).collect();
            let found: Vec<String> = query(&mut client, &format!("SORT {key} BY w*{direction}"));
            assert!(found == by_weight, "{key}{direction}");
            let found: Vec<String> = query(&mut client, &format!("SORT_RO {key} ALPHA{direction}"));
            assert!(found == by_name, "{key}{direction}");
            let found: Vec<i64> = query(
                &mut client,
                &format!("SORT {key} LIMIT 5900 200{direction}"),
            );
            assert_eq!(found, by_value[5_900..]);
            let line = format!("SORT {key} BY w* GET # GET w* GET h*->f LIMIT 10 5000{direction}");
            let found: Vec<(String, Option<i64>, usize)> = query(&mut client, &line);
            let got = |number: &String| (number.clone(), weight(number), number.len());
            let expected: Vec<_> = by_weight[10..5_010].iter().map(got).collect();
            assert!(found == expected, "{line}");
            let stored: usize = query(&mut client, &format!("{line} STORE d"));
            assert_eq!(stored, 15_000);
            let mut expected = Vec::new();
            for (number, weight, len) in found {
                let weight = weight.map_or(String::new(), |weight| weight.to_string());
                expected.extend([number, weight, len.to_string()]);
            }
            assert!(elements(&mut client, "d") == expected, "{line} STORE");
            // A few of many are a small list.
            let line = format!("SORT {key} LIMIT 0 3{direction} STORE d");
            assert_eq!(query::<usize>(&mut client, &line), 3);
            let encoding: String = query(&mut client, "OBJECT ENCODING d");
            assert_eq!(encoding, "listpack");
            assert_eq!(
                query::<usize>(&mut client, &format!("SORT {key} LIMIT 0 0 STORE d")),
                0
            );
            assert_eq!(query::<usize>(&mut client, "EXISTS d"), 0);
        }
    }
    let found: Vec<String> = query(&mut client, "SORT list BY nosort DESC LIMIT 1 5000");
    let expected: Vec<String> = numbers.iter().rev().skip(1).take(5_000).cloned().collect();
    assert!(found == expected);
}

/// The number behind `name` in a text.
fn number_behind(text: &str, name: &str) -> usize {
    let rest = text.split_once(name).map_or("0", |(_, rest)| rest);
    let end = rest.find(|char: char| !char.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().unwrap()
}

#[test]
fn a_sort_of_one_element_that_looks_up_much_lets_others_in() {
    const PATTERNS: usize = 100_000;
    let server = TestServer::start_with(&[("threads", "1")]);
    let mut client = server.client();
    let _: () = query(&mut client, "RPUSH list 7 5");
    let _: () = query(&mut client, "MSET w5 five w7 seven");
    let mut sort = command("SORT list LIMIT 0 1 BY nosort");
    for _ in 0..PATTERNS / 2 {
        sort.arg("GET").arg("w*").arg("GET").arg("#");
    }
    let is_right = |found: &[String]| {
        found.len() == PATTERNS && found.chunks(2).all(|pair| pair == ["seven", "7"])
    };
    assert!(is_right(&sort.query::<Vec<String>>(&mut client).unwrap()));
    let (request, mut sorter, mut other) = (sort.get_packed_command(), server.raw(), server.raw());
    let ask = ["INFO", "stats", "commandstats"];
    let ask_bytes = encode_command(&ask).len();
    wait_until("several are answered during a sort", || {
        let info = other.call(&ask);
        let calls = number_behind(info.text(), "cmdstat_sort:calls=");
        let mut read = number_behind(info.text(), "total_net_input_bytes:") + request.len();
        sorter.send_bytes(&request);
        let mut answered = 0;
        loop {
            let info = other.call(&ask);
            read += ask_bytes;
            if number_behind(info.text(), "cmdstat_sort:calls=") > calls {
                break;
            }
            answered += usize::from(number_behind(info.text(), "total_net_input_bytes:") >= read);
        }
        sorter.read();
        // One may have come with the request, and one when it was begun.
        answered > 3
    });
    sort.arg("STORE").arg("d");
    assert_eq!(sort.query::<usize>(&mut client).unwrap(), PATTERNS);
    assert!(is_right(&elements(&mut client, "d")));
}

#[test]
fn big_sorts_fail_and_announce_as_small_ones_do() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut numbers: Vec<String> = (0..SORTED).map(|number| number.to_string()).collect();
    push(&mut client, "list", &numbers);
    let _: () = query(&mut client, "CONFIG SET notify-keyspace-events KElgm");
    let mut raw = server.raw();
    raw.check(
        "SUBSCRIBE __keyevent@0__:sortstore __keyevent@0__:del",
        "[\"subscribe\", \"__keyevent@0__:sortstore\", :1]",
    );
    raw.expect_reply("[\"subscribe\", \"__keyevent@0__:del\", :2]");
    assert_eq!(query::<usize>(&mut client, "SORT list STORE d"), SORTED);
    raw.expect_reply("[\"message\", \"__keyevent@0__:sortstore\", \"d\"]");
    assert_eq!(
        query::<usize>(
            &mut client,
            "SORT list BY w* GET nothing* LIMIT 0 0 STORE d"
        ),
        0
    );
    raw.expect_reply("[\"message\", \"__keyevent@0__:del\", \"d\"]");
    numbers.push("x".into());
    push(&mut client, "list", &numbers[SORTED..]);
    let _: () = query(&mut client, "SET w5 x");
    let expected = "One or more scores can't be converted into double";
    for line in [
        "SORT list",
        "SORT list STORE d",
        "SORT list BY w*",
        "SORT_RO list BY w* GET #",
    ] {
        let error = command(line)
            .query::<redis::Value>(&mut client)
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
    assert_eq!(query::<usize>(&mut client, "EXISTS d"), 0);
    assert_eq!(server.info("errorstat_ERR"), "count=4");
}

#[test]
fn what_a_sort_stores_was_so_at_one_moment() {
    let server = TestServer::start();
    let mut client = server.client();
    let rising: Vec<i64> = (0..SORTED as i64).collect();
    let falling: Vec<i64> = rising.iter().rev().copied().collect();
    let numbers: Vec<String> = rising.iter().map(i64::to_string).collect();
    push(&mut client, "list", &numbers);
    set_all(&mut client, "w", &rising);
    let is_over = AtomicBool::new(false);
    let (begins, begun) = mpsc::channel();
    let (begins, begun) = (Mutex::new(Some(begins)), Mutex::new(begun));
    in_parallel(3, |thread| {
        let mut client = server.client();
        match thread {
            0 => {
                let _ends = Ends(&is_over);
                let mut writer = server.client();
                let begun = begun.lock().unwrap();
                let next_begins = || {
                    while begun.try_recv().is_ok() {}
                    begun.recv().expect("the others go on");
                };
                // So many round trips, unless the next one begins before; how many it was.
                let mut pause_until_next = |most: usize| {
                    let mut count = 0;
                    while count < most && begun.try_recv() == Err(TryRecvError::Empty) {
                        pause(&mut client, 1);
                        count += 1;
                    }
                    count
                };
                next_begins();
                let between = pause_until_next(usize::MAX);
                // At another point of a sort, or behind it, each time.
                for round in 0..long_or(200, 20) {
                    next_begins();
                    pause_until_next(between * (round * 7 % 40) / 40);
                    let weights = if round % 2 == 0 { &falling } else { &rising };
                    set_all(&mut writer, "w", weights);
                }
            }
            1 => {
                // What is of no concern.
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    let _: () = query(&mut client, &format!("SET w{} 1", number + SORTED));
                    let _: () = query(&mut client, &format!("SET other{number} 1"));
                }
            }
            _ => {
                // Nobody waits for the next one any more if this one fails.
                let _ends = Ends(&is_over);
                let begins = begins.lock().unwrap().take().unwrap();
                while !is_over.load(Ordering::Relaxed) {
                    begins.send(()).unwrap();
                    let line = "SORT list BY w* GET # GET w* STORE d";
                    assert_eq!(query::<usize>(&mut client, line), 2 * SORTED);
                    let pairs: Vec<(usize, i64)> = query(&mut client, "LRANGE d 0 -1");
                    assert!(pairs.iter().map(|(_, weight)| *weight).eq(0..SORTED as i64));
                    let is_rising = pairs[0].0 == 0;
                    let fits = |(number, weight): &(usize, i64)| {
                        let weights = if is_rising { &rising } else { &falling };
                        weights[*number] == *weight
                    };
                    assert!(pairs.iter().all(fits), "they were of two moments");
                }
            }
        }
    });
    set_all(&mut client, "w", &falling);
    let found: Vec<usize> = query(&mut client, "SORT list BY w*");
    assert!(found.iter().copied().eq((0..SORTED).rev()));
}

#[test]
fn a_sort_stores_what_is_in_the_list_by_then() {
    let server = TestServer::start();
    let mut client = server.client();
    let numbers: Vec<String> = (0..SORTED).map(|number| number.to_string()).collect();
    push(&mut client, "list", &numbers);
    set_all(&mut client, "w", &vec![0; SORTED]);
    let is_over = AtomicBool::new(false);
    in_parallel(2, |thread| {
        let mut client = server.client();
        if thread == 0 {
            let _ends = Ends(&is_over);
            for round in 0..long_or(300, 30) {
                let line = ["SORT list STORE d", "SORT list BY w* STORE d"][round % 2];
                let stored: usize = query(&mut client, line);
                let found = elements(&mut client, "d");
                assert_eq!(found.len(), stored);
                let sevens = found.iter().filter(|element| *element == "7").count();
                assert_eq!(stored, SORTED - 1 + sevens, "nothing else comes or goes");
            }
        } else {
            while !is_over.load(Ordering::Relaxed) {
                let _: usize = query(&mut client, "RPUSH list 7");
                let _: String = query(&mut client, "RPOP list");
            }
        }
    });
}

#[test]
fn an_exec_sorts_at_once() {
    let server = TestServer::start();
    let mut client = server.client();
    let numbers: Vec<String> = (0..SORTED).rev().map(|number| number.to_string()).collect();
    push(&mut client, "list", &numbers);
    set_all(&mut client, "w", &vec![3; SORTED]);
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline.add_command(command("SORT list BY w* GET w* STORE d"));
    pipeline.add_command(command("LINDEX d 5999"));
    pipeline.add_command(command("LPOS list 0"));
    pipeline.add_command(command("LREM list 0 17"));
    pipeline.add_command(command("LLEN list"));
    let found: (usize, i64, usize, usize, usize) = pipeline.query(&mut client).unwrap();
    assert_eq!(found, (SORTED, 3, SORTED - 1, 1, SORTED - 1));
}

#[test]
fn elements_are_found_and_removed_far_inside_big_lists() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut model: Vec<String> = (0..LISTED)
        .map(|number| format!("e{}", number % 30_000))
        .collect();
    push(&mut client, "list", &model);
    assert_eq!(query::<usize>(&mut client, "LPOS list e29999"), 29_999);
    assert_eq!(
        query::<usize>(&mut client, "LPOS list e9999 RANK -2"),
        9_999
    );
    assert_eq!(
        query::<Option<usize>>(&mut client, "LPOS list e29999 MAXLEN 29999"),
        None
    );
    assert_eq!(
        query::<Vec<usize>>(&mut client, "LPOS list e5 COUNT 0"),
        [5, 30_005]
    );
    assert_eq!(
        query::<Vec<usize>>(&mut client, "LPOS list e5 COUNT 0 RANK -1"),
        [30_005, 5]
    );
    assert_eq!(
        query::<Vec<usize>>(&mut client, "LPOS list missing COUNT 0"),
        []
    );
    assert_eq!(
        query::<i64>(&mut client, "LINSERT list BEFORE missing x"),
        -1
    );
    assert_eq!(
        query::<usize>(&mut client, "LINSERT list BEFORE e29999 x"),
        LISTED + 1
    );
    model.insert(29_999, "x".into());
    assert_eq!(
        query::<usize>(&mut client, "LINSERT list AFTER e25000 x"),
        LISTED + 2
    );
    model.insert(25_001, "x".into());
    assert_eq!(query::<usize>(&mut client, "LREM list -1 x"), 1);
    let last = model.iter().rposition(|element| element == "x").unwrap();
    model.remove(last);
    assert_eq!(query::<usize>(&mut client, "LREM list 0 missing"), 0);
    assert_eq!(query::<usize>(&mut client, "LREM list 2 e20000"), 1);
    model.retain(|element| element != "e20000");
    assert!(elements(&mut client, "list") == model);
    // Every second one, and then all.
    let model: Vec<String> = (0..LISTED)
        .map(|number| format!("{}", number % 2))
        .collect();
    push(&mut client, "bits", &model);
    let found: Vec<usize> = query(&mut client, "LPOS bits 1 COUNT 0 RANK -1001");
    assert!(
        found
            .into_iter()
            .eq((0..LISTED / 2 - 1_000).rev().map(|half| 2 * half + 1))
    );
    assert_eq!(query::<usize>(&mut client, "LREM bits 0 1"), LISTED / 2);
    assert_eq!(elements(&mut client, "bits"), vec!["0"; LISTED / 2]);
    assert_eq!(query::<usize>(&mut client, "LREM bits 19990 0"), 19_990);
    let encoding: String = query(&mut client, "OBJECT ENCODING bits");
    assert_eq!(
        (encoding.as_str(), elements(&mut client, "bits").len()),
        ("listpack", 10)
    );
    push(&mut client, "all", &vec!["y".to_owned(); LISTED]);
    assert_eq!(query::<usize>(&mut client, "LREM all 0 y"), LISTED);
    assert_eq!(query::<usize>(&mut client, "EXISTS all"), 0);
}

#[test]
fn lists_that_change_meanwhile_lose_nothing() {
    let server = TestServer::start();
    let mut client = server.client();
    let model: Vec<String> = (0..LISTED).map(|number| format!("e{number}")).collect();
    push(&mut client, "list", &model);
    let is_over = AtomicBool::new(false);
    in_parallel(2, |thread| {
        let mut client = server.client();
        if thread == 0 {
            let _ends = Ends(&is_over);
            let mut len = 0;
            for round in 0..long_or(300, 40) {
                let pivot = LISTED - 1 - round;
                let line = format!("LINSERT list BEFORE e{pivot} new{round}");
                let now: usize = query(&mut client, &line);
                assert!(now > len, "the list only grows");
                len = now;
                assert_eq!(query::<usize>(&mut client, "LREM list 0 x"), round % 2);
                if round % 2 == 0 {
                    let line = format!("LINSERT list AFTER e{pivot} x");
                    assert!(query::<usize>(&mut client, &line) > len);
                }
                len -= 1;
            }
        } else {
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                let end = ["LPUSH", "RPUSH"][number % 2];
                let _: usize = query(&mut client, &format!("{end} list other{number}"));
                number += 1;
                if number % 8 == 0 {
                    pause(&mut client, number % 5 * 25);
                }
            }
        }
    });
    let _: usize = query(&mut client, "LREM list 0 x");
    let mut found = elements(&mut client, "list");
    found.retain(|element| !element.starts_with("other"));
    let mut expected = model;
    for round in 0..long_or(300, 40) {
        expected.insert(LISTED - 1 - round, format!("new{round}"));
    }
    assert!(found == expected);
}
