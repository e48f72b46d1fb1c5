//! Commands on lists: few lists, so that they become big, are moved and go again. Now and then a list's key holds a
//! string, or the other way round.

use super::{Generator, LONG_BYTES};

const LISTS: u64 = 8;

impl Generator {
    fn list_key(&mut self) -> String {
        if self.random.one_in(20) {
            return self.key();
        }
        format!("list:{}", self.random.below(LISTS))
    }

    fn list_element(&mut self) -> String {
        match self.random.below(30) {
            0 => "large".repeat(LONG_BYTES / 5),
            1..=3 => "x".repeat(self.random.below(2_000) as usize),
            _ => self.random.below(20).to_string(),
        }
    }

    pub(super) fn list_command(&mut self) -> Vec<String> {
        let (key, other) = (self.list_key(), self.list_key());
        let element = self.list_element();
        let more = self.list_element();
        let number = self.random.below(40).to_string();
        let count = self.random.below(6).to_string();
        let (from, to) = (self.random.pick(&SIDES), self.random.pick(&SIDES));
        let words: Vec<&str> = match self.random.below(30) {
            0..=8 => {
                let push = self.random.pick(&["LPUSH", "RPUSH", "RPUSH"]);
                vec![push, &key, &element, &more, &number]
            }
            9 => vec!["LPUSHX", &key, &more],
            10..=12 => vec!["LPOP", &key],
            13 => vec!["RPOP", &key, &count],
            14..=16 => vec!["LMOVE", &key, &other, from, to],
            17 => vec!["RPOPLPUSH", &key, &other],
            18..=19 => vec!["LMPOP", "2", &key, &other, from, "COUNT", "3"],
            20..=21 => vec!["LSET", &key, &number, &element],
            22 => vec!["LINSERT", &key, "BEFORE", &count, &element],
            23 => vec!["LREM", &key, "2", &count],
            24 => vec!["LREM", &key, "-1", &count],
            25 => vec!["LTRIM", &key, &count, "200"],
            26 => vec!["RENAME", &key, &other],
            27 => vec!["COPY", &key, &other, "REPLACE"],
            28 => vec!["PEXPIRE", &key, "50"],
            _ => vec!["LRANGE", &key, "0", &number],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}

const SIDES: [&str; 2] = ["LEFT", "RIGHT"];
