//! Big hashes.

use std::collections::BTreeMap;

use harness::TestServer;

#[test]
fn a_walk_shows_every_field_whatever_the_count() {
    const LEN: u64 = 8_000;
    let server = TestServer::start();
    let mut client = server.client();
    let all: BTreeMap<String, String> = (0..LEN)
        .map(|number| (format!("field:{number}"), format!("value:{number}")))
        .collect();
    let mut fill = redis::cmd("HSET");
    fill.arg("h");
    for (field, value) in &all {
        fill.arg(field).arg(value);
    }
    let _: usize = fill.query(&mut client).unwrap();
    for (count, pattern) in [
        (10, "*"),
        (1_000, "*77*"),
        (3_000, "*"),
        (1u64 << 40, "*77*"),
    ] {
        for shows_values in [true, false] {
            if !shows_values && !server.kind().is_nuthatch() {
                continue;
            }
            let (mut cursor, mut shown) = (0u64, BTreeMap::new());
            loop {
                let mut scan = redis::cmd("HSCAN");
                scan.arg("h").arg(cursor).arg("COUNT").arg(count);
                scan.arg("MATCH").arg(pattern);
                let (next, some): (u64, Vec<(String, String)>) = if shows_values {
                    scan.query(&mut client).unwrap()
                } else {
                    let (next, fields): (u64, Vec<String>) =
                        scan.arg("NOVALUES").query(&mut client).unwrap();
                    let pairs = fields.into_iter().map(|field| {
                        let value = all[&field].clone();
                        (field, value)
                    });
                    (next, pairs.collect())
                };
                for (field, value) in some {
                    assert!(shown.insert(field, value).is_none());
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            let mut expected = all.clone();
            expected.retain(|field, _| pattern == "*" || field.contains("77"));
            assert!(shown == expected, "{count} {pattern}");
        }
    }
}

#[test]
fn a_long_walk_leaves_out_fields_that_have_expired() {
    let server = TestServer::start();
    if !server.kind().is_nuthatch() {
        return;
    }
    let mut client = server.client();
    let mut fill = redis::cmd("HSET");
    fill.arg("h");
    (0..4_000u64).for_each(|number| {
        fill.arg(number).arg("value");
    });
    let _: usize = fill.query(&mut client).unwrap();
    let _: () = redis::cmd("DEBUG")
        .arg("SET-ACTIVE-EXPIRE")
        .arg(0)
        .query(&mut client)
        .unwrap();
    let mut expire = redis::cmd("HPEXPIRE");
    expire.arg("h").arg(1).arg("FIELDS").arg(2_000);
    (0..4_000u64).step_by(2).for_each(|number| {
        expire.arg(number);
    });
    let _: Vec<i64> = expire.query(&mut client).unwrap();
    harness::wait_until("the fields have expired", || {
        let some: Option<String> = redis::cmd("HGET")
            .arg("h")
            .arg(0)
            .query(&mut client)
            .unwrap();
        some.is_none()
    });
    let (next, mut shown): (u64, Vec<u64>) = redis::cmd("HSCAN")
        .arg("h")
        .arg(0)
        .arg("COUNT")
        .arg(5_000)
        .arg("NOVALUES")
        .query(&mut client)
        .unwrap();
    assert_eq!(next, 0);
    shown.sort_unstable();
    assert!(
        shown
            .into_iter()
            .eq((0..4_000).filter(|number| number % 2 == 1))
    );
}
