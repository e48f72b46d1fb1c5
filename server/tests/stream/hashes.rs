//! Commands on hashes: few of them, so that they become big, are moved and go again; fields expire all the time. Now and
//! then a hash's key holds a string, or the other way round.

use super::{Generator, LONG_BYTES};

const HASHES: u64 = 8;

impl Generator {
    fn hash_key(&mut self) -> String {
        if self.random.one_in(20) {
            return self.key();
        }
        format!("hash:{}", self.random.below(HASHES))
    }

    fn hash_field(&mut self) -> String {
        let most = if self.random.one_in(4) { 300 } else { 12 };
        self.random.below(most).to_string()
    }

    fn hash_value(&mut self) -> String {
        match self.random.below(30) {
            0 => "large".repeat(LONG_BYTES / 5),
            1..=3 => "x".repeat(self.random.below(500) as usize),
            _ => self.random.below(20).to_string(),
        }
    }

    pub(super) fn hash_command(&mut self) -> Vec<String> {
        let (key, other) = (self.hash_key(), self.hash_key());
        let (field, second) = (self.hash_field(), self.hash_field());
        let (value, more) = (self.hash_value(), self.hash_value());
        let number = self.random.below(40).to_string();
        let ms = self.random.below(60).to_string();
        let condition = self.random.pick(&["NX", "XX", "GT", "LT"]);
        let words: Vec<&str> = match self.random.below(34) {
            0..=6 => vec!["HSET", &key, &field, &value, &second, &more],
            7 => vec!["HSETNX", &key, &field, &value],
            8..=9 => vec!["HINCRBY", &key, &field, &number],
            10 => vec!["HINCRBYFLOAT", &key, &field, "0.5"],
            11..=13 => vec!["HDEL", &key, &field, &second],
            14..=17 => vec!["HPEXPIRE", &key, &ms, "FIELDS", "2", &field, &second],
            18 => vec!["HPEXPIRE", &key, &ms, condition, "FIELDS", "1", &field],
            19 => vec!["HEXPIRE", &key, "0", "FIELDS", "1", &field],
            20 => vec!["HPERSIST", &key, "FIELDS", "2", &field, &second],
            21 => vec!["HGETEX", &key, "PX", &ms, "FIELDS", "2", &field, &second],
            22 => vec!["HGETEX", &key, "PERSIST", "FIELDS", "1", &field],
            23 => vec!["HGETDEL", &key, "FIELDS", "2", &field, &second],
            24..=25 => vec!["HSETEX", &key, "PX", &ms, "FIELDS", "1", &field, &value],
            26 => vec!["HSETEX", &key, "FNX", "FIELDS", "1", &field, &value],
            27 => vec![
                "HSETEX", &key, "FXX", "KEEPTTL", "FIELDS", "1", &field, &value,
            ],
            28 => vec!["RENAME", &key, &other],
            29 => vec!["COPY", &key, &other, "REPLACE"],
            30 => vec!["MOVE", &key, "1"],
            31 => vec!["PEXPIRE", &key, "50"],
            32 => vec!["DEL", &key],
            _ => vec!["HGETALL", &key],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}
