//! What the log of effects carries, and that it suffices to make the same data again.

mod harness;

use std::io::Read;

use harness::{TestClient, TestServer, request};
use nuthatch_server::config::Permission;
use storage::log::{Cursor, Readiness};

/// Reads until the stream holds the marker that was published last; returns the commands before it.
fn read_to_marker(cursor: &mut Cursor) -> Vec<Vec<String>> {
    let mut bytes = Vec::new();
    loop {
        while let Some(piece) = cursor.read() {
            bytes.extend_from_slice(&piece);
        }
        let commands = parse(&bytes);
        if commands
            .last()
            .is_some_and(|last| last.iter().any(|arg| arg == "the-marker"))
        {
            return commands[..commands.len() - 1].to_vec();
        }
        assert!(cursor.wait() != Readiness::Ended, "the log ended");
    }
}

fn parse(mut bytes: &[u8]) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let (mut parser, mut spans) = (protocol::RequestParser::default(), Vec::new());
    loop {
        spans.clear();
        match parser
            .parse(bytes, &protocol::Limits::default(), &mut spans)
            .unwrap()
        {
            protocol::Progress::Complete { consumed } => {
                let args = spans
                    .iter()
                    .map(|span| String::from_utf8_lossy(span.of(bytes)).into_owned());
                commands.push(args.collect());
                bytes = &bytes[consumed..];
            }
            _ => return commands,
        }
    }
}

/// Sends commands given as lines of words.
fn run(client: &mut TestClient, lines: &[&str]) {
    let mut end = b":0\r\n".to_vec();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        client.send(request(&words));
    }
    client.send(request(&["PUBLISH", "end", "the-marker"]));
    // Replies are other tests' business; the marker's is the last.
    let mut got = Vec::new();
    let mut byte = [0];
    end.insert(0, b'\n');
    while !(got.ends_with(&end) && count_replies(&got) > lines.len()) {
        client.stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
}

/// Whole replies in `bytes`; nested ones count with their array.
fn count_replies(bytes: &[u8]) -> usize {
    fn skip(bytes: &[u8], at: usize) -> Option<usize> {
        let end = at + bytes.get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
        let line = std::str::from_utf8(&bytes[at + 1..end - 2]).unwrap_or_default();
        match bytes[at] {
            b'$' if line == "-1" => Some(end),
            b'$' => Some(end + line.parse::<usize>().ok()? + 2).filter(|&end| end <= bytes.len()),
            b'*' if line == "-1" => Some(end),
            b'*' => (0..line.parse::<usize>().ok()?).try_fold(end, |at, _| skip(bytes, at)),
            _ => Some(end),
        }
    }
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        match skip(bytes, at) {
            Some(next) => at = next,
            None => break,
        }
        count += 1;
    }
    count
}

#[test]
fn commands_are_logged_as_their_effects() {
    // What is sent, and what the stream carries; `#` stands for an instant.
    let cases: &[(&[&str], &[&str])] = &[
        (&["SET k v"], &["SELECT 0", "SET k v"]),
        (&["set k v EX 100"], &["SELECT 0", "SET k v PXAT #"]),
        (&["SET k v PX 100000"], &["SELECT 0", "SET k v PXAT #"]),
        (&["SETEX k 100 v"], &["SELECT 0", "SET k v PXAT #"]),
        (
            &["SET k v XX", "GET k", "DEL k", "EXPIRE k 10", "APPEND"],
            &[],
        ),
        (
            &["SET k 1", "INCR k", "GETDEL k"],
            &["SELECT 0", "SET k 1", "INCR k", "DEL k"],
        ),
        (
            &["SET k v", "EXPIRE k 100"],
            &["SELECT 0", "SET k v", "PEXPIREAT k #"],
        ),
        (
            &["SET k v", "EXPIRE k -1"],
            &["SELECT 0", "SET k v", "DEL k"],
        ),
        (
            &["SET k v", "GETEX k EX 100", "GETEX k PERSIST"],
            &["SELECT 0", "SET k v", "PEXPIREAT k #", "PERSIST k"],
        ),
        (
            &["SET k 1", "INCRBYFLOAT k 0.5"],
            &["SELECT 0", "SET k 1", "SET k 1.5 KEEPTTL"],
        ),
        (
            &["MULTI", "SET a 1", "GET a", "SET b 2", "EXEC"],
            &["SELECT 0", "MULTI", "SET a 1", "SET b 2", "EXEC"],
        ),
        (&["MULTI", "SET a 1", "EXEC"], &["SELECT 0", "SET a 1"]),
        (&["MULTI", "GET a", "EXEC"], &[]),
        (
            &["SET a 1", "SELECT 3", "SET a 2", "MOVE a 4", "SWAPDB 4 5"],
            &[
                "SELECT 0",
                "SET a 1",
                "SELECT 3",
                "SET a 2",
                "MOVE a 4",
                "SWAPDB 4 5",
            ],
        ),
        (
            &["MULTI", "SET a 1", "SELECT 2", "SET b 1", "EXEC"],
            &[
                "SELECT 0", "MULTI", "SET a 1", "SELECT 2", "SET b 1", "EXEC",
            ],
        ),
        (&["PUBLISH c m"], &["PUBLISH c m"]),
        (
            &["RPUSH l a b c d", "LPUSH l z", "LPUSHX m a", "RPUSHX l e"],
            &["SELECT 0", "RPUSH l a b c d", "LPUSH l z", "RPUSHX l e"],
        ),
        (
            &[
                "RPUSH l a b c d e f",
                "LPOP l",
                "RPOP l 2",
                "LPOP l 0",
                "LPOP m",
                "LMPOP 2 m l RIGHT COUNT 2",
                "LMPOP 1 l LEFT",
                "LMPOP 1 l LEFT",
            ],
            &[
                "SELECT 0",
                "RPUSH l a b c d e f",
                "LPOP l",
                "RPOP l 2",
                "RPOP l 2",
                "LPOP l 1",
            ],
        ),
        (
            &[
                "RPUSH l a b c",
                "LSET l 0 x",
                "LSET l 9 x",
                "LINSERT l BEFORE b y",
                "LINSERT l BEFORE nope y",
                "LREM l 0 y",
                "LREM l 0 y",
                "LTRIM l 0 1",
                "LTRIM l 0 1",
                "LINDEX l 0",
            ],
            &[
                "SELECT 0",
                "RPUSH l a b c",
                "LSET l 0 x",
                "LINSERT l BEFORE b y",
                "LREM l 0 y",
                "LTRIM l 0 1",
            ],
        ),
        (
            &[
                "RPUSH l a b",
                "LMOVE l m LEFT RIGHT",
                "RPOPLPUSH m m",
                "RPOPLPUSH nope m",
                "LMOVEM l m LEFT LEFT COUNT 5 OBO",
                "LMOVEM m l LEFT LEFT EXACTLY 5 OBO",
                "BLMOVEM m l LEFT right 0 COUNT 5 obo",
            ],
            &[
                "SELECT 0",
                "RPUSH l a b",
                "LMOVE l m LEFT RIGHT",
                "RPOPLPUSH m m",
                "LMOVEM l m LEFT LEFT COUNT 5 OBO",
                "LMOVEM m l LEFT right EXACTLY 2 OBO",
            ],
        ),
        (
            &[
                "ZADD z 1 a 2 b 3 c 4 d 5 e",
                "ZADD z 1 a",
                "ZADD z XX GT CH 7 a 9 nobody",
                "ZADD z NX 1 b",
                "ZADD z INCR 2 a",
                "ZADD z INCR 0 a",
                "ZINCRBY z 0.5 b",
                "ZINCRBY z x b",
                "ZADD none XX 1 a",
                "ZREM z nobody",
                "ZREM z b nobody",
            ],
            &[
                "SELECT 0",
                "ZADD z 1 a 2 b 3 c 4 d 5 e",
                "ZADD z XX GT CH 7 a 9 nobody",
                "ZADD z INCR 2 a",
                "ZINCRBY z 0.5 b",
                "ZREM z b nobody",
            ],
        ),
        (
            &[
                "ZADD z 1 a 2 b 3 c 4 d 5 e",
                "ZPOPMIN z",
                "ZPOPMAX z 0",
                "ZPOPMAX none 2",
                "ZMPOP 2 none z MAX COUNT 2",
                "ZMPOP 1 none MIN",
                "ZMPOP 1 z MIN COUNT 9",
                "ZPOPMIN z",
            ],
            &[
                "SELECT 0",
                "ZADD z 1 a 2 b 3 c 4 d 5 e",
                "ZPOPMIN z",
                "ZPOPMAX z 2",
                "ZPOPMIN z 2",
            ],
        ),
        (
            &[
                "ZADD z 0 a 0 b 0 c 0 d 0 e",
                "ZREMRANGEBYRANK z 0 0",
                "ZREMRANGEBYRANK z 7 9",
                "ZREMRANGEBYSCORE z 1 2",
                "ZREMRANGEBYLEX z [b (d",
                "ZRANGESTORE y z 0 -1",
                "ZRANGESTORE none z 7 9",
                "ZUNIONSTORE x 2 y z WEIGHTS 1 2",
                "ZINTERSTORE x 2 y none",
                "ZINTERSTORE x 2 y none",
                "ZDIFFSTORE x 1 z",
                "ZREMRANGEBYSCORE z -inf inf",
                "ZRANDMEMBER x 2",
                "ZUNION 2 x y",
            ],
            &[
                "SELECT 0",
                "ZADD z 0 a 0 b 0 c 0 d 0 e",
                "ZREMRANGEBYRANK z 0 0",
                "ZREMRANGEBYLEX z [b (d",
                "ZRANGESTORE y z 0 -1",
                "ZUNIONSTORE x 2 y z WEIGHTS 1 2",
                "ZINTERSTORE x 2 y none",
                "ZDIFFSTORE x 1 z",
                "ZREMRANGEBYSCORE z -inf inf",
            ],
        ),
        (
            &[
                "HSET h a 1 b 2",
                "HMSET h c 3",
                "HSETNX h a 2",
                "HSETNX h d 4",
                "HINCRBY h a 5",
                "HINCRBY h a x",
                "HINCRBYFLOAT h b 0.5",
                "HDEL h a nope",
                "HDEL h a",
                "HGETDEL h FIELDS 2 b nope",
                "HGETDEL h FIELDS 1 b",
                "HGETALL h",
                "HDEL h c d",
            ],
            &[
                "SELECT 0",
                "HSET h a 1 b 2",
                "HMSET h c 3",
                "HSETNX h d 4",
                "HINCRBY h a 5",
                "HSET h b 2.5",
                "HDEL h a nope",
                "HDEL h b",
                "HDEL h c d",
            ],
        ),
        // Instants are absolute, and only fields that were changed are named.
        (
            &[
                "HSET h a 1 b 2 c 3",
                "HEXPIRE h 100 FIELDS 2 a nope",
                "HPEXPIRE h 100000 NX FIELDS 2 a b",
                "HEXPIRE h 50 GT FIELDS 1 a",
                "HINCRBYFLOAT h a 0.5",
                "HGETEX h EX 100 FIELDS 2 a nope",
                "HGETEX h PERSIST FIELDS 2 a c",
                "HGETEX h FIELDS 1 b",
                "HPERSIST h FIELDS 3 a b c",
                "HEXPIREAT h 1 FIELDS 2 a nope",
                "HGETEX h PXAT 1 FIELDS 2 b nope",
                "HTTL h FIELDS 1 c",
            ],
            &[
                "SELECT 0",
                "HSET h a 1 b 2 c 3",
                "HPEXPIREAT h # FIELDS 1 a",
                "HPEXPIREAT h # FIELDS 1 b",
                "HSETEX h KEEPTTL FIELDS 1 a 1.5",
                "HPEXPIREAT h # FIELDS 1 a",
                "HPERSIST h FIELDS 1 a",
                "HPERSIST h FIELDS 1 b",
                "HDEL h a",
                "HDEL h b",
            ],
        ),
        (
            &[
                "HSETEX h FNX FIELDS 2 a 1 b 2",
                "HSETEX h FNX FIELDS 1 a 2",
                "HSETEX h EX 100 FXX FIELDS 1 a 2",
                "HSETEX h KEEPTTL FIELDS 1 a 3",
                "HSETEX h EXAT 1 FIELDS 2 a 3 nope 4",
                "HSETEX h EX 0 FIELDS 1 nope 4",
            ],
            &[
                "SELECT 0",
                "HSETEX h FIELDS 2 a 1 b 2",
                "HSETEX h PXAT # FIELDS 1 a 2",
                "HSETEX h KEEPTTL FIELDS 1 a 3",
                "HDEL h a",
            ],
        ),
        (
            &["MSET a 1 b 2", "RENAME a c", "COPY b d", "FLUSHALL"],
            &[
                "SELECT 0",
                "MSET a 1 b 2",
                "RENAME a c",
                "COPY b d",
                "FLUSHALL",
            ],
        ),
        // Only what changes a HyperLogLog, be it the count that it keeps.
        (
            &[
                "PFADD h a",
                "PFADD h a",
                "PFCOUNT h",
                "PFCOUNT h",
                "PFCOUNT h none",
                "PFMERGE h i",
                "PFMERGE i h",
                "PFDEBUG TODENSE h",
                "PFDEBUG TODENSE h",
                "PFADD h",
                "PFCOUNT none",
            ],
            &[
                "SELECT 0",
                "PFADD h a",
                "PFCOUNT h",
                "PFMERGE h i",
                "PFMERGE i h",
                "PFDEBUG TODENSE h",
            ],
        ),
        // Members that were picked at random are named, and only what changes a set is logged.
        (
            &[
                "SADD s a",
                "SADD s a",
                "SREM s b",
                "SPOP s",
                "SPOP s",
                "SPOP s 3",
                "SADD s a b",
                "SPOP s 0",
                "SPOP s 5",
                "SADD i 1 2",
                "SREM i 1 7",
                "SPOP i 1",
                "SRANDMEMBER i",
            ],
            &[
                "SELECT 0",
                "SADD s a",
                "SREM s a",
                "SADD s a b",
                "DEL s",
                "SADD i 1 2",
                "SREM i 1 7",
                "DEL i",
            ],
        ),
        (
            &[
                "SADD a x y",
                "SMOVE a b x",
                "SMOVE a b x",
                "SMOVE b b x",
                "SMOVE a b y",
                "SUNIONSTORE d a b",
                "SUNIONSTORE d a",
                "SUNIONSTORE d a",
                "SINTERSTORE d b",
                "SDIFFSTORE d d b",
                "SDIFFSTORE d d b",
            ],
            &[
                "SELECT 0",
                "SADD a x y",
                "SMOVE a b x",
                "SMOVE a b y",
                "SUNIONSTORE d a b",
                "SUNIONSTORE d a",
                "SINTERSTORE d b",
                "SDIFFSTORE d d b",
            ],
        ),
        // Places go out as scores; what a search stores is found again by whoever hears of it.
        (
            &[
                "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
                "GEOADD g NX 1 1 Palermo",
                "GEOADD g NX CH 1 1 Palermo 2.35 48.85 Paris",
                "GEOADD g XX 2.35 48.85 Paris 1 1 Nowhere",
                "GEOADD g CH 0 0 Paris",
                "GEOADD g 200 1 Paris",
                "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km",
                "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
                "GEORADIUS g 15 37 200 km STORE d",
                "GEORADIUS g 15 37 200 km",
                "GEORADIUSBYMEMBER g Palermo 1 km STOREDIST d",
                "GEORADIUSBYMEMBER g Palermo 1 km",
                "GEORADIUS g 50 50 1 km STORE d",
                "GEORADIUS g 50 50 1 km STORE d",
                "GEOSEARCHSTORE d none FROMLONLAT 15 37 BYRADIUS 200 km",
                "GEOPOS g Palermo",
            ],
            &[
                "SELECT 0",
                "ZADD g 3479099956230698 Palermo 3479447370796909 Catania",
                "ZADD g NX CH 3377822707026402 Palermo 3663832751688490 Paris",
                "ZADD g CH 3377699720527872 Paris",
                "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
                "GEORADIUS g 15 37 200 km STORE d",
                "GEORADIUSBYMEMBER g Palermo 1 km STOREDIST d",
                "GEORADIUS g 50 50 1 km STORE d",
            ],
        ),
        // IDs that a primary makes are said, and how far trimming has gone.
        (
            &[
                "XADD s 1-1 f v",
                "XADD s 5-* f v",
                "XADD s NOMKSTREAM 5-* f v",
                "XADD s MAXLEN ~ 2 LIMIT 7 5-* f v",
                "XADD s MAXLEN 3 KEEPREF 9-9 f v",
                "XADD s 9-9 f v",
                "XADD t NOMKSTREAM 1-1 f v",
                "XTRIM s MAXLEN 5",
                "XTRIM s MINID ~ 9",
                "XTRIM s MINID = 5-2 DELREF",
                "XTRIM s MAXLEN ~ 0 LIMIT 0",
                "XTRIM s MAXLEN 0",
                "XADD s 10-1 f v",
                "XADD s 10-2 f v",
                "XDEL s 1-1",
                "XDEL s 10-2 7-7",
                "XSETID s 20-1",
                "XSETID s 1-1",
                "XLEN s",
            ],
            &[
                "SELECT 0",
                "XADD s 1-1 f v",
                "XADD s 5-0 f v",
                "XADD s NOMKSTREAM 5-1 f v",
                "XADD s MAXLEN = 4 5-2 f v",
                "XADD s MAXLEN 3 9-9 f v",
                "XTRIM s MINID = 5-2 DELREF",
                "XTRIM s MAXLEN = 0",
                "XADD s 10-1 f v",
                "XADD s 10-2 f v",
                "XDEL s 10-2 7-7",
                "XSETID s 20-1",
            ],
        ),
        // What is delivered is claimed for the consumer at an instant, whatever time it is where the log is read.
        (
            &[
                "XGROUP CREATE s g $ MKSTREAM",
                "XGROUP CREATE s g $",
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s h 0 ENTRIESREAD 1",
                "XGROUP CREATECONSUMER s g c",
                "XGROUP CREATECONSUMER s g c",
                "XGROUP SETID s g 0",
                "XREADGROUP GROUP g c COUNT 1 STREAMS s >",
                "XREADGROUP GROUP g d NOACK STREAMS s >",
                "XREADGROUP GROUP g d STREAMS s >",
                "XREADGROUP GROUP g e STREAMS s >",
                "XREADGROUP GROUP g c STREAMS s 0",
                "XGROUP DELCONSUMER s g c",
                "XGROUP DELCONSUMER s g c",
                "XGROUP DESTROY s g",
                "XGROUP DESTROY s g",
            ],
            &[
                "SELECT 0",
                "XGROUP CREATE s g $ MKSTREAM",
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s h 0 ENTRIESREAD 1",
                "XGROUP CREATECONSUMER s g c",
                "XGROUP SETID s g 0",
                "MULTI",
                "XCLAIM s g c 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XGROUP SETID s g 1-1 ENTRIESREAD 1",
                "EXEC",
                "MULTI",
                "XGROUP CREATECONSUMER s g d",
                "XGROUP SETID s g 3-1 ENTRIESREAD 3",
                "EXEC",
                "XGROUP CREATECONSUMER s g e",
                "XGROUP DELCONSUMER s g c",
                "XGROUP DESTROY s g",
            ],
        ),
        (
            &[
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s h 0",
                "XREADGROUP GROUP h d COUNT 1 STREAMS s >",
                "XCLAIM s h e 0 1-1 JUSTID",
                "XCLAIM s h e 100000 1-1",
                "XCLAIM s h e 0 2-1 FORCE",
                "XCLAIM s h e 0 7-7",
                "XACK s h 2-1 7-7",
                "XACK s h 7-7",
                "XDEL s 1-1",
                "XAUTOCLAIM s h f 0 0",
                "XAUTOCLAIM s h f 0 0",
            ],
            &[
                "SELECT 0",
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s h 0",
                "MULTI",
                "XCLAIM s h d 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XGROUP SETID s h 1-1 ENTRIESREAD 1",
                "EXEC",
                "XCLAIM s h e 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XCLAIM s h e 0 2-1 TIME # RETRYCOUNT 2 FORCE JUSTID LASTID 1-1",
                "XACK s h 2-1 7-7",
                "XDEL s 1-1",
                "MULTI",
                "XGROUP CREATECONSUMER s h f",
                "XCLAIM s h e 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "EXEC",
            ],
        ),
        // Newer commands in words that older versions know, where there are such.
        (
            &[
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s g 0",
                "XGROUP CREATE s h 0",
                "XREADGROUP GROUP g c COUNT 1 STREAMS s >",
                "XREADGROUP GROUP h c COUNT 1 STREAMS s >",
                "XACKDEL s g ACKED IDS 2 1-1 2-1",
                "XACKDEL s g IDS 1 1-1",
                "XDELEX s ACKED IDS 1 1-1",
                "XDELEX s DELREF IDS 2 1-1 7-7",
                "XDELEX s KEEPREF IDS 2 2-1 2-1",
                "XREADGROUP GROUP g c STREAMS s >",
                "XDEL s 3-1",
                "XDELEX s DELREF IDS 1 3-1",
                "XDELEX s DELREF IDS 1 3-1",
            ],
            &[
                "SELECT 0",
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s g 0",
                "XGROUP CREATE s h 0",
                "MULTI",
                "XCLAIM s g c 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XGROUP SETID s g 1-1 ENTRIESREAD 1",
                "EXEC",
                "MULTI",
                "XCLAIM s h c 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XGROUP SETID s h 1-1 ENTRIESREAD 1",
                "EXEC",
                "XACK s g 1-1",
                "MULTI",
                "XACK s h 1-1",
                "XDEL s 1-1",
                "EXEC",
                "XDEL s 2-1",
                "MULTI",
                "XCLAIM s g c 0 3-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
                "XGROUP SETID s g 3-1 ENTRIESREAD 3",
                "EXEC",
                "XDEL s 3-1",
                "XACK s g 3-1",
            ],
        ),
        (
            &[
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s g 0",
                "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
                "XNACK s g SILENT IDS 3 1-1 2-1 3-1",
                "XNACK s g FATAL IDS 1 7-7",
                "XNACK s g FAIL FORCE IDS 2 3-1 1-1 RETRYCOUNT 5",
                "XDEL s 1-1",
                "XCLAIM s g d 0 1-1",
            ],
            &[
                "SELECT 0",
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s g 0",
                "MULTI",
                "XCLAIM s g c 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XCLAIM s g c 0 2-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 2-1",
                "XGROUP SETID s g 2-1 ENTRIESREAD 2",
                "EXEC",
                "XNACK s g FAIL IDS 2 1-1 2-1 RETRYCOUNT 0 FORCE",
                "XNACK s g FAIL IDS 2 3-1 1-1 RETRYCOUNT 5 FORCE",
                "XDEL s 1-1",
                "MULTI",
                "XGROUP CREATECONSUMER s g d",
                "XACK s g 1-1",
                "EXEC",
            ],
        ),
        // What is claimed on the way is told as XCLAIM does, and what is gone besides.
        (
            &[
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s g 0",
                "XREADGROUP GROUP g c MAXCOUNT 1 STREAMS s >",
                "XREADGROUP GROUP g c MAXSIZE 1 STREAMS s >",
                "XDEL s 1-1",
                "XREADGROUP GROUP g d CLAIM 0 STREAMS s >",
                "XREADGROUP GROUP g d CLAIM 60000 STREAMS s >",
            ],
            &[
                "SELECT 0",
                "XADD s 1-1 f v",
                "XADD s 2-1 f v",
                "XADD s 3-1 f v",
                "XGROUP CREATE s g 0",
                "MULTI",
                "XCLAIM s g c 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
                "XGROUP SETID s g 1-1 ENTRIESREAD 1",
                "EXEC",
                "MULTI",
                "XCLAIM s g c 0 2-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 2-1",
                "XGROUP SETID s g 2-1 ENTRIESREAD 2",
                "EXEC",
                "XDEL s 1-1",
                "MULTI",
                "XCLAIM s g c 0 1-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 2-1",
                "XCLAIM s g d 0 2-1 TIME # RETRYCOUNT 2 FORCE JUSTID LASTID 2-1",
                "XCLAIM s g d 0 3-1 TIME # RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
                "XGROUP SETID s g 3-1 ENTRIESREAD 3",
                "EXEC",
            ],
        ),
    ];
    for (sent, expected) in cases {
        let server = TestServer::start();
        let mut cursor = server.running().start_log().unwrap();
        run(&mut server.client(), sent);
        let commands = read_to_marker(&mut cursor);
        let shown: Vec<String> = commands
            .iter()
            .map(|args| {
                let is_instant =
                    |arg: &String| arg.len() == 13 && arg.bytes().all(|byte| byte.is_ascii_digit());
                let words = args
                    .iter()
                    .map(|arg| if is_instant(arg) { "#" } else { arg });
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert!(
            shown.len() == expected.len()
                && shown
                    .iter()
                    .zip(*expected)
                    .all(|(a, b)| a.eq_ignore_ascii_case(b)),
            "{sent:?}\n gave {shown:?}\n not  {expected:?}"
        );
        drop(cursor);
        server.running().stop_log();
    }
}

#[test]
fn many_members_popped_at_once_are_one_step_of_several_commands() {
    let server = TestServer::start();
    let members: Vec<String> = (0..5_000)
        .map(|number| format!("member:{number}"))
        .collect();
    let fill = format!("SADD s {}", members.join(" "));
    let mut cursor = server.running().start_log().unwrap();
    run(&mut server.client(), &[&fill, "SPOP s 700", "SPOP s 2500"]);
    let commands = read_to_marker(&mut cursor);
    let lens: Vec<(&str, usize)> = commands
        .iter()
        .map(|args| (args[0].as_str(), args.len()))
        .collect();
    let expected = [
        ("SELECT", 2),
        ("SADD", 5_002),
        ("SREM", 702),
        ("MULTI", 1),
        ("SREM", 1_026),
        ("SREM", 1_026),
        ("SREM", 454),
        ("EXEC", 1),
    ];
    assert_eq!(lens, expected);
    let removed = commands.iter().filter(|args| args[0] == "SREM");
    let mut removed: Vec<&String> = removed.flat_map(|args| &args[2..]).collect();
    removed.sort();
    removed.dedup();
    assert_eq!(removed.len(), 3_200);
    drop(cursor);
    server.running().stop_log();
}

#[test]
fn an_expired_key_is_deleted_in_the_log_before_what_replaces_it() {
    let server = TestServer::start();
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    run(&mut client, &["SET k v PX 1"]);
    assert_eq!(read_to_marker(&mut cursor).len(), 2);
    harness::wait_until("the key is gone", || {
        client.send(request(&["EXISTS", "k"]));
        let mut reply = [0; 4];
        client.stream.read_exact(&mut reply).unwrap();
        reply == *b":0\r\n"
    });
    run(&mut client, &["SET k w"]);
    let commands = read_to_marker(&mut cursor);
    assert_eq!(
        commands,
        [["DEL", "k", ""], ["SET", "k", "w"]].map(|args| {
            args.iter()
                .filter(|arg| !arg.is_empty())
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })
    );
    drop(cursor);
    server.running().stop_log();
}

#[test]
fn an_expired_field_is_deleted_in_the_log_before_what_replaces_it() {
    let server = TestServer::start_with(|config| {
        config.enable_debug_command = Permission::Yes;
    });
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    run(
        &mut client,
        &["HSET h a 1 b 2 c 3", "HPEXPIRE h 1 FIELDS 2 a c"],
    );
    read_to_marker(&mut cursor);
    client.call(&["DEBUG", "SLEEP", "0.01"], "+OK\r\n");
    run(&mut client, &["HINCRBY h a 5", "HGET h a"]);
    let commands = read_to_marker(&mut cursor);
    let shown: Vec<String> = commands.iter().map(|args| args.join(" ")).collect();
    assert_eq!(shown.last().unwrap(), "HINCRBY h a 5");
    let removed = &shown[shown.len() - 2];
    assert!(
        removed == "HDEL h a c" || removed == "HDEL h c a",
        "{shown:?}"
    );
    drop(cursor);
    server.running().stop_log();
}

#[test]
fn fields_that_expire_unread_are_deleted_in_the_log() {
    let server = TestServer::start();
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    run(&mut client, &["HSET h a 1", "HPEXPIRE h 1 FIELDS 1 a"]);
    harness::wait_until("the key is gone", || {
        client.send(request(&["EXISTS", "h"]));
        let mut reply = [0; 4];
        client.stream.read_exact(&mut reply).unwrap();
        reply == *b":0\r\n"
    });
    run(&mut client, &["SET k v"]);
    let mut shown: Vec<String> = Vec::new();
    while shown.last().is_none_or(|last| last != "SET k v") {
        let commands = read_to_marker(&mut cursor);
        shown.extend(commands.iter().map(|args| args.join(" ")));
    }
    assert!(shown.contains(&"HDEL h a".to_owned()), "{shown:?}");
    drop(cursor);
    server.running().stop_log();
}

#[test]
fn a_command_that_fails_logs_the_expired_key_it_has_removed() {
    let server = TestServer::start_with(|config| {
        config.enable_debug_command = Permission::Yes;
    });
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"], "+OK\r\n");
    run(&mut client, &["SET k v PX 1"]);
    assert_eq!(read_to_marker(&mut cursor).len(), 2);
    client.call(&["DEBUG", "SLEEP", "0.01"], "+OK\r\n");
    client.call(&["RENAME", "k", "l"], "-ERR no such key\r\n");
    run(&mut client, &["GET k"]);
    let commands = read_to_marker(&mut cursor);
    assert_eq!(commands.last().unwrap(), &["DEL", "k"]);
    drop(cursor);
    server.running().stop_log();
}

#[test]
fn much_of_a_group_is_logged_as_little_is() {
    let server = TestServer::start();
    let mut cursor = server.running().start_log().unwrap();
    let mut client = server.client();
    for key in ["{s}a", "{s}b"] {
        let add = |number| format!("XADD {key} {number}-0 f v");
        let entries: Vec<String> = (1..=2_000).map(add).collect();
        run(&mut client, &[&format!("XGROUP CREATE {key} g 0 MKSTREAM")]);
        read_to_marker(&mut cursor);
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        run(&mut client, &entries);
        read_to_marker(&mut cursor);
    }
    for (line, claims) in [
        ("XREADGROUP GROUP g c STREAMS KEY >", 2_000),
        ("XDEL KEY 5-0 700-0", 0),
        ("XREADGROUP GROUP g d CLAIM 0 STREAMS KEY >", 2_000),
        ("XAUTOCLAIM KEY g e 0 0 COUNT 2000", 1_998),
        ("XREADGROUP GROUP g e STREAMS KEY 0", 0),
        ("XTRIM KEY MAXLEN 100 DELREF", 0),
    ] {
        let mut logged = |lines: &[&str]| {
            run(&mut client, lines);
            let mut shown = Vec::new();
            for mut words in read_to_marker(&mut cursor) {
                if let Some(at) = words.iter().position(|word| word == "TIME") {
                    "#".clone_into(&mut words[at + 1]);
                }
                let is_frame = ["MULTI", "EXEC", "SELECT"].contains(&words[0].as_str());
                if !is_frame {
                    shown.push(words.join(" ").replace("{s}b", "{s}a"));
                }
            }
            shown
        };
        let in_slices = logged(&[&line.replace("KEY", "{s}a")]);
        let at_once = logged(&["MULTI", &line.replace("KEY", "{s}b"), "EXEC"]);
        assert!(in_slices == at_once, "{line}");
        let is_claim = |effect: &&String| effect.starts_with("XCLAIM");
        assert_eq!(in_slices.iter().filter(is_claim).count(), claims, "{line}");
    }
    drop(cursor);
    server.running().stop_log();
}
