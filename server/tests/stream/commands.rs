//! Random commands on few keys; most of them do not commute.

use super::harness::request;

#[path = "hashes.rs"]
mod hashes;
#[path = "lists.rs"]
mod lists;
#[path = "sets.rs"]
mod sets;
#[path = "sorted_sets.rs"]
mod sorted_sets;
#[path = "streams.rs"]
mod streams;

/// How many databases the keys lie in.
pub(crate) const DATABASES: u32 = 3;
const KEYS: u64 = 64;
/// Keys that hold HyperLogLogs, which other strings are not.
const SKETCHES: u64 = 8;
/// Above this a value is kept in chunks.
const LONG_BYTES: usize = 9_000;

/// A small generator of random numbers (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..16 {
            random.below(2);
        }
        random
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Makes one connection's commands.
pub(crate) struct Generator {
    pub(crate) random: Random,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
        }
    }

    /// Appends a command, or a whole transaction, to `out`; returns how many commands that is.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> u64 {
        if !self.random.one_in(12) {
            self.push_command(out);
            return 1;
        }
        let mut count = 2;
        if self.random.one_in(3) {
            let key = self.key();
            out.extend_from_slice(&request(&["WATCH", &key]));
            // Sometimes it spoils its own transaction.
            if self.random.one_in(2) {
                self.push_command(out);
                count += 1;
            }
            count += 1;
        }
        out.extend_from_slice(&request(&["MULTI"]));
        let inner = self.random.below(6);
        (0..inner).for_each(|_| self.push_command(out));
        let end = if self.random.one_in(10) {
            "DISCARD"
        } else {
            "EXEC"
        };
        out.extend_from_slice(&request(&[end]));
        count + inner
    }

    fn push_command(&mut self, out: &mut Vec<u8>) {
        let words = self.command();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        out.extend_from_slice(&request(&words));
    }

    fn key(&mut self) -> String {
        format!("key:{}", self.random.below(KEYS))
    }

    fn sketch(&mut self) -> String {
        format!("sketch:{}", self.random.below(SKETCHES))
    }

    fn database(&mut self) -> String {
        self.random.below(DATABASES.into()).to_string()
    }

    fn value(&mut self) -> String {
        match self.random.below(40) {
            0 => "long ".repeat(LONG_BYTES / 5 + self.random.below(30_000) as usize / 5),
            1..=19 => self.random.below(1_000).to_string(),
            20 => String::new(),
            _ => format!("v{}", self.random.below(1_000_000)),
        }
    }

    /// Milliseconds: mostly gone at once, or within the test's phases.
    fn ttl(&mut self) -> String {
        let choices = [1, 2, 5, 20, 100, 1_000, 100_000_000];
        self.random.pick(&choices).to_string()
    }

    fn command(&mut self) -> Vec<String> {
        match self.random.below(24) {
            0..=4 => return self.list_command(),
            5..=8 => return self.sorted_set_command(),
            9..=12 => return self.stream_command(),
            13..=14 => return self.set_command(),
            15 => return self.geo_command(),
            _ => {}
        }
        if self.random.one_in(4) {
            return self.hash_command();
        }
        let (key, other, value) = (self.key(), self.key(), self.value());
        let (ttl, database) = (self.ttl(), self.database());
        let number = self.random.below(100).to_string();
        let (sketch, other_sketch) = (self.sketch(), self.sketch());
        let offset = match self.random.below(50) {
            0 => 8_100 + self.random.below(70_000),
            _ => self.random.below(60),
        }
        .to_string();
        let words: Vec<&str> = match self.random.below(48) {
            0..=1 => vec!["SET", &key, &value],
            2..=3 => vec!["SET", &key, &value, "PX", &ttl],
            4 => vec!["SET", &key, &value, "KEEPTTL"],
            5 => vec!["SET", &key, &value, "NX", "GET"],
            6 => vec!["SET", &key, &value, "XX", "PX", &ttl],
            7 => vec!["SETNX", &key, &value],
            8 => vec!["PSETEX", &key, &ttl, &value],
            9..=12 => vec!["APPEND", &key, &value],
            13..=15 => vec!["GETSET", &key, &value],
            16..=18 => vec!["SETRANGE", &key, &offset, &value],
            19..=21 => vec!["RENAME", &key, &other],
            22 => vec!["RENAMENX", &key, &other],
            23 => vec!["COPY", &key, &other, "DB", &database, "REPLACE"],
            24 => vec!["COPY", &key, &other],
            25..=27 => vec!["MOVE", &key, &database],
            28 => vec!["INCRBY", &key, &number],
            29 => vec!["INCRBYFLOAT", &key, "0.25"],
            30 => vec!["DEL", &key, &other],
            31 => vec!["MSET", &key, &value, &other, &number],
            32 => vec!["MSETNX", &key, &value, &other, &number],
            33 => vec!["MSETEX", "2", &key, &value, &other, &number, "PX", &ttl],
            34 => vec!["GETEX", &key, "PX", &ttl],
            35 => vec!["GETDEL", &key],
            36 => vec!["PEXPIRE", &key, &ttl],
            37 => match self.random.below(3) {
                0 => vec!["PERSIST", &key],
                1 => vec!["EXPIRE", &key, "-1"],
                _ => vec!["GETEX", &key, "PERSIST"],
            },
            38 => vec!["SETBIT", &key, &offset, ["0", "1"][number.len() - 1]],
            39 => vec![
                "BITOP",
                self.random.pick(&["AND", "OR", "XOR"]),
                &key,
                &other,
                &key,
            ],
            40 => vec![
                "BITFIELD", &key, "INCRBY", "u5", &offset, "7", "OVERFLOW", "FAIL", "SET", "i8",
                "3", &number,
            ],
            41 => vec!["INCREX", &key, "BYINT", &number, "PX", &ttl],
            42..=43 => vec!["SELECT", &database],
            44..=45 => vec!["PFADD", &sketch, &value, &number, &key],
            46 => match self.random.below(10) {
                0 => vec!["DEL", &sketch],
                1 => vec!["COPY", &sketch, &key, "REPLACE"],
                2..=4 => vec!["PFMERGE", &sketch, &other_sketch],
                5 => vec!["PFDEBUG", "TODENSE", &sketch],
                _ => vec!["PFCOUNT", &sketch],
            },
            _ => match self.random.below(30) {
                0 => vec!["FLUSHDB"],
                1 => vec!["FLUSHALL"],
                2..=8 => vec!["SWAPDB", &database, "1"],
                9..=12 => vec!["UNLINK", &key, &other],
                13..=15 => vec!["SPUBLISH", &key, &number],
                16..=18 => vec!["PUBLISH", &key, &number],
                19..=21 => vec!["MGET", &key, &other],
                22..=23 => vec!["TOUCH", &key, &other],
                24..=25 => vec!["DELEX", &key, "IFNE", &number],
                26..=27 => vec!["SET", &key, &value, "IFEQ", &number],
                _ => vec!["RANDOMKEY"],
            },
        };
        words.into_iter().map(str::to_owned).collect()
    }
}
