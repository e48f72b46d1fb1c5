//! Commands on sorted sets: few sets and few members, so that sets become big, are combined and go again.

use super::{Generator, LONG_BYTES};

const SETS: u64 = 8;

impl Generator {
    fn sorted_set_key(&mut self) -> String {
        if self.random.one_in(20) {
            return self.key();
        }
        format!("zset:{}", self.random.below(SETS))
    }

    fn member(&mut self) -> String {
        match self.random.below(60) {
            0 => "large".repeat(LONG_BYTES / 5),
            1..=3 => "x".repeat(self.random.below(200) as usize),
            4..=30 => self.random.below(400).to_string(),
            _ => format!("m{}", self.random.below(400)),
        }
    }

    /// Never minus zero: whether a zero keeps its sign depends on how the set is kept, as in Redis.
    fn score(&mut self) -> String {
        match self.random.below(20) {
            0 => "inf".to_owned(),
            1 => "-inf".to_owned(),
            2 => "1e20".to_owned(),
            3..=8 => format!("{}.1", self.random.below(9)),
            _ => self.random.below(20).to_string(),
        }
    }

    pub(super) fn sorted_set_command(&mut self) -> Vec<String> {
        let (key, other, third) = (
            self.sorted_set_key(),
            self.sorted_set_key(),
            self.sorted_set_key(),
        );
        let (member, more) = (self.member(), self.member());
        let (score, another) = (self.score(), self.score());
        let number = self.random.below(40).to_string();
        let above = format!("({number}");
        let pair = [score.as_str(), &member, &another, &more];
        let words: Vec<&str> = match self.random.below(32) {
            0..=7 => [&["ZADD", &key][..], &pair].concat(),
            8 => [&["ZADD", &key, "NX"][..], &pair].concat(),
            9 => [&["ZADD", &key, "XX", "CH"][..], &pair].concat(),
            10 => [&["ZADD", &key, "GT"][..], &pair].concat(),
            11 => vec!["ZADD", &key, "LT", "INCR", &score, &member],
            12..=13 => vec!["ZINCRBY", &key, &score, &member],
            14..=15 => vec!["ZREM", &key, &member, &more],
            16 => vec!["ZPOPMIN", &key, "3"],
            17 => vec!["ZPOPMAX", &key],
            18..=19 => vec!["ZMPOP", "2", &key, &other, "MIN", "COUNT", "2"],
            20 => vec!["ZREMRANGEBYRANK", &key, &number, "60"],
            21 => vec!["ZREMRANGEBYSCORE", &key, &above, "19"],
            22 => vec!["ZREMRANGEBYLEX", &key, "[m2", "(m21"],
            23 => vec!["ZRANGESTORE", &key, &other, "0", &number],
            24..=25 => {
                let aggregate = self.random.pick(&["SUM", "MIN", "MAX", "COUNT"]);
                vec![
                    "ZUNIONSTORE",
                    &key,
                    "3",
                    &key,
                    &other,
                    &third,
                    "WEIGHTS",
                    "1",
                    "0.3",
                    "2",
                    "AGGREGATE",
                    aggregate,
                ]
            }
            26 => vec!["ZINTERSTORE", &key, "2", &other, &third],
            27 => vec!["ZDIFFSTORE", &key, "2", &other, &third],
            28 => vec!["RENAME", &key, &other],
            29 => vec!["COPY", &key, &other, "REPLACE"],
            30 => vec!["PEXPIRE", &key, "50"],
            _ => vec!["ZRANGE", &key, "0", &number, "WITHSCORES"],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}
