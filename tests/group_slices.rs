//! Much of a group of consumers, which is done in slices: what it gives, and what it gives when the group changes meanwhile.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use harness::{Random, TestServer, command, in_parallel, long_or, query};
use redis::{Connection, Value};

/// More than is done of a group under the lock, whatever it is.
const ENTRIES: u64 = 3_000;

/// Entries as they are answered: IDs and fields.
type Entries = Vec<(String, Value)>;

/// Adds entries `{first}-0` to `{last}-0`.
fn add(client: &mut Connection, key: &str, first: u64, last: u64) {
    let mut pipe = redis::pipe();
    for number in first..=last {
        let line = format!("XADD {key} {number}-0 field {number}");
        pipe.add_command(command(&line)).ignore();
    }
    let _: () = pipe.query(client).unwrap();
}

/// What a command gives inside `EXEC`, where nothing is done in slices.
fn at_once(client: &mut Connection, line: &str) -> Value {
    let (reply,): (Value,) = redis::pipe()
        .atomic()
        .add_command(command(line))
        .query(client)
        .unwrap();
    reply
}

/// The pending entries of group `g`: ID, consumer and how often they were delivered.
fn pending(client: &mut Connection, key: &str) -> Vec<(String, String, u64)> {
    let all: Vec<(String, String, u64, u64)> =
        query(client, &format!("XPENDING {key} g - + 1000000"));
    let without_time = |(id, consumer, _, count)| (id, consumer, count);
    all.into_iter().map(without_time).collect()
}

/// The time that entries are said to have been idle for differs.
fn without_idle_times(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            if let [_, Value::Array(_), Value::Int(_), Value::Int(_)] = items[..] {
                items[2] = Value::Nil;
            }
            Value::Array(items.into_iter().map(without_idle_times).collect())
        }
        value => value,
    }
}

#[test]
fn much_of_a_group_is_done_as_it_is_at_once() {
    let server = TestServer::start();
    if !server.kind().at_least(8, 8) {
        return;
    }
    let mut client = server.client();
    let mut random = Random::new(11);
    for round in 0..long_or(40, 3) {
        let _: () = query(&mut client, "FLUSHALL");
        add(&mut client, "{s}a", 1, ENTRIES);
        query::<()>(&mut client, "XGROUP CREATE {s}a g 0");
        query::<()>(&mut client, "XGROUP CREATE {s}a h 0");
        query::<()>(&mut client, "XREADGROUP GROUP h c STREAMS {s}a >");
        let mut lines = vec![
            "XREADGROUP GROUP g c COUNT 2000 STREAMS KEY >".to_owned(),
            "XREADGROUP GROUP g c MAXSIZE 50000 STREAMS KEY >".to_owned(),
        ];
        // When entries were delivered last does not depend on the machine then.
        for from in (1..=ENTRIES).step_by(100) {
            let ids: Vec<_> = (from..from + 100).map(|id| format!("{id}-0")).collect();
            let (ids, time) = (ids.join(" "), 1_000_000 + random.below(20));
            lines.push(format!("XCLAIM KEY g d 0 {ids} TIME {time} JUSTID"));
        }
        for _ in 0..20 {
            let gone: Vec<_> = (0..30)
                .map(|_| format!("{}-0", 1 + random.below(ENTRIES)))
                .collect();
            let gone = gone.join(" ");
            let count = 1 + random.below(2_500);
            let from = random.below(ENTRIES);
            let consumer = ["c", "d", "e"][random.below(3) as usize];
            let idle = [0, i64::MAX][usize::from(random.below(5) == 0)];
            lines.push(match random.below(11) {
                0 => format!("XDEL KEY {gone}"),
                1 => format!("XACK KEY g {gone}"),
                2 => format!("XREADGROUP GROUP g {consumer} STREAMS KEY {from}"),
                3 => format!("XREADGROUP GROUP g {consumer} COUNT {count} STREAMS KEY {from}"),
                4 => format!("XREADGROUP GROUP g {consumer} MAXCOUNT {count} STREAMS KEY KEY > 0"),
                5 => format!(
                    "XREADGROUP GROUP g {consumer} CLAIM {idle} COUNT {count} STREAMS KEY >"
                ),
                6 => format!(
                    "XREADGROUP GROUP g {consumer} CLAIM 1000000000 MAXSIZE 90000 STREAMS KEY >"
                ),
                7 => format!("XAUTOCLAIM KEY g {consumer} {idle} {from} COUNT {count}"),
                8 => format!("XAUTOCLAIM KEY g {consumer} {idle} {from} COUNT {count} JUSTID"),
                9 => format!(
                    "XTRIM KEY MAXLEN {} DELREF",
                    ENTRIES - 500 - random.below(1_500)
                ),
                _ => "XGROUP SETID KEY g 0".to_owned(),
            });
        }
        lines.push("XADD KEY DELREF MAXLEN 100 9999-0 field last".to_owned());
        lines.push("XGROUP DELCONSUMER KEY g d".to_owned());
        query::<()>(&mut client, "COPY {s}a {s}b");
        for line in lines {
            let (a, b) = (line.replace("KEY", "{s}a"), line.replace("KEY", "{s}b"));
            let in_slices: Value = query(&mut client, &a);
            let at_once = at_once(&mut client, &b);
            let renamed = format!("{at_once:?}").replace("{s}b", "{s}a");
            if renamed != format!("{in_slices:?}") {
                let at_once = format!("{:?}", without_idle_times(at_once)).replace("{s}b", "{s}a");
                let in_slices = format!("{:?}", without_idle_times(in_slices));
                assert!(at_once == in_slices, "round {round}: {line}");
            }
            let (a, b) = (pending(&mut client, "{s}a"), pending(&mut client, "{s}b"));
            assert!(a == b, "round {round}, after {line}");
        }
    }
}

/// Reads as a consumer until there is nothing; the IDs of what it got.
fn read_all(client: &mut Connection, consumer: &str, count: u64) -> Vec<String> {
    let line = format!("XREADGROUP GROUP g {consumer} COUNT {count} STREAMS s >");
    let mut got = Vec::new();
    loop {
        let reply: Option<Vec<(String, Entries)>> = query(client, &line);
        let Some(mut streams) = reply else {
            return got;
        };
        let (_, entries) = streams.remove(0);
        got.extend(entries.into_iter().map(|(id, _)| id));
    }
}

#[test]
fn who_reads_much_gets_what_nobody_else_gets() {
    let server = TestServer::start();
    let mut client = server.client();
    query::<()>(&mut client, "XGROUP CREATE s g 0 MKSTREAM");
    let (mut last, mut all) = (0, Vec::new());
    for _ in 0..long_or(200, 20) {
        add(&mut client, "s", last + 1, last + ENTRIES);
        last += ENTRIES;
        let got = Mutex::new(Vec::new());
        in_parallel(4, |number| {
            let mut client = server.client();
            let (consumer, count) = if number < 2 {
                (format!("much{number}"), 2 * ENTRIES)
            } else {
                (format!("few{number}"), 1)
            };
            let some = read_all(&mut client, &consumer, count);
            got.lock().unwrap().extend(some);
        });
        let got = got.into_inner().unwrap();
        assert_eq!(got.len() as u64, ENTRIES);
        all.extend(got);
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len() as u64, last, "something was delivered twice");
    let mut pending: Vec<_> = pending(&mut client, "s")
        .into_iter()
        .map(|(id, _, count)| {
            assert_eq!(count, 1);
            id
        })
        .collect();
    pending.sort_unstable();
    assert!(pending == all);
}

/// The IDs that an `XREADGROUP` of one stream has answered; none if its time is up.
fn ids_read(reply: &harness::Value) -> Vec<String> {
    let harness::Value::Array(streams) = reply else {
        return Vec::new();
    };
    let entries = streams[0].items()[1].items().iter();
    entries
        .map(|entry| entry.items()[0].text().to_owned())
        .collect()
}

#[test]
fn who_waits_for_much_gets_what_nobody_else_gets() {
    let server = TestServer::start();
    let mut client = server.client();
    query::<()>(&mut client, "XGROUP CREATE s g 0 MKSTREAM");
    let (mut last, mut all) = (0, Vec::new());
    for round in 0..long_or(100, 10) {
        let waiting = [
            server.block("XREADGROUP GROUP g much BLOCK 0 STREAMS s >", 1),
            server.block("XREADGROUP GROUP g more BLOCK 0 STREAMS s >", 2),
            server.block("XREADGROUP GROUP g few COUNT 1 BLOCK 0 STREAMS s >", 3),
        ];
        // All at once, once through a group that is set back.
        if round % 2 == 0 {
            let mut pipe = redis::pipe();
            pipe.atomic();
            for number in last + 1..=last + ENTRIES {
                let line = format!("XADD s {number}-0 field {number}");
                pipe.add_command(command(&line)).ignore();
            }
            let _: () = pipe.query(&mut client).unwrap();
        } else {
            let end = last + ENTRIES - 1;
            let mut pipe = redis::pipe();
            pipe.atomic();
            pipe.add_command(command(&format!("XGROUP SETID s g {end}-0")));
            let _: () = pipe.query(&mut client).unwrap();
            add(&mut client, "s", last + 1, end);
            let mut pipe = redis::pipe();
            pipe.atomic();
            pipe.add_command(command(&format!("XGROUP SETID s g {last}-0")));
            pipe.add_command(command(&format!("XADD s {}-0 field last", end + 1)));
            let _: () = pipe.query(&mut client).unwrap();
        }
        last += ENTRIES;
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            let answered = &answered;
            let readers = waiting.map(|mut reader| {
                scope.spawn(move || {
                    let ids = ids_read(&reader.read());
                    answered.fetch_add(1, Ordering::SeqCst);
                    ids
                })
            });
            // Who still waits, because the others have got everything, gets these.
            while answered.load(Ordering::SeqCst) < readers.len() {
                last += 1;
                add(&mut client, "s", last, last);
            }
            all.extend(
                readers
                    .into_iter()
                    .flat_map(|reader| reader.join().unwrap()),
            );
        });
        // What was added while nobody waited any more.
        all.extend(read_all(&mut client, "few", 10));
    }
    all.sort_unstable();
    let delivered = all.len();
    all.dedup();
    assert_eq!(all.len(), delivered, "something was delivered twice");
    assert_eq!(all.len() as u64, last);
    let mut pending: Vec<_> = pending(&mut client, "s")
        .into_iter()
        .map(|(id, ..)| id)
        .collect();
    pending.sort_unstable();
    assert!(pending == all);
}

#[test]
fn who_waits_to_claim_much_gets_it_once_it_has_been_pending_for_long_enough() {
    let server = TestServer::start();
    if !server.kind().at_least(8, 4) {
        return;
    }
    let mut client = server.client();
    add(&mut client, "s", 1, ENTRIES);
    query::<()>(&mut client, "XGROUP CREATE s g 0");
    query::<()>(&mut client, "XREADGROUP GROUP g c STREAMS s >");
    let line = "XREADGROUP GROUP g d CLAIM 300 BLOCK 60000 STREAMS s >";
    let mut claiming = server.block(line, 1);
    let mut claimed = ids_read(&claiming.read());
    claiming.check("PING", "+PONG");
    // Some may have been pending for a millisecond less.
    let mut calls = 2;
    while claimed.len() as u64 != ENTRIES {
        calls += 1;
        claimed.extend(ids_read(&claiming.run(line)));
    }
    let in_order: Vec<_> = (1..=ENTRIES).map(|number| format!("{number}-0")).collect();
    assert!(claimed == in_order);
    let pending = pending(&mut client, "s");
    assert!(pending.iter().all(|(_, owner, _)| owner == "d"));
    // Each is one call, however often it has run.
    let stats: String = query(&mut client, "INFO commandstats");
    let counted = format!("cmdstat_xreadgroup:calls={calls},");
    assert!(stats.contains(&counted), "{stats}");
}

#[test]
fn trimming_leaves_nothing_pending_while_others_read_and_add() {
    let server = TestServer::start();
    if !server.kind().at_least(8, 2) {
        return;
    }
    let mut client = server.client();
    query::<()>(&mut client, "XGROUP CREATE s g 0 MKSTREAM");
    let mut last = 0;
    for _ in 0..long_or(200, 20) {
        add(&mut client, "s", last + 1, last + ENTRIES);
        last += ENTRIES;
        query::<()>(&mut client, "XREADGROUP GROUP g c STREAMS s >");
        let is_trimmed = AtomicBool::new(false);
        let read = Mutex::new(Vec::new());
        let first = last + 1;
        in_parallel(3, |number| {
            let mut client = server.client();
            if number == 0 {
                let line = format!("XTRIM s MINID {} DELREF", last - 500);
                let trimmed: u64 = query(&mut client, &line);
                assert!(trimmed >= ENTRIES - 501, "{trimmed}");
                is_trimmed.store(true, Ordering::SeqCst);
                return;
            }
            let mut id = first;
            while !is_trimmed.load(Ordering::SeqCst) {
                if number == 1 {
                    add(&mut client, "s", id, id);
                    id += 1;
                } else {
                    let some = read_all(&mut client, "d", 1);
                    read.lock().unwrap().extend(some);
                }
            }
        });
        let entries: Entries = query(&mut client, "XRANGE s - +");
        let ids: BTreeSet<String> = entries.into_iter().map(|(id, _)| id).collect();
        last = ids.iter().map(|id| number_of(id)).max().unwrap();
        assert!(ids.iter().all(|id| number_of(id) >= first - 501));
        let pending = pending(&mut client, "s");
        assert!(pending.iter().all(|(id, ..)| ids.contains(id)));
        let of = |consumer| {
            let owned = pending
                .iter()
                .filter(move |(_, owner, _)| owner == consumer);
            owned.map(|(id, ..)| number_of(id))
        };
        // Also what was read before, if it is still there.
        let new = of("d").filter(|id| *id >= first);
        let read = read.into_inner().unwrap();
        assert!(new.eq(read.iter().map(|id| number_of(id))));
        assert!(of("c").filter(|id| *id < first).count() >= 501);
    }
}

fn number_of(id: &str) -> u64 {
    let (number, _) = id.split_once('-').unwrap();
    number.parse().unwrap()
}
