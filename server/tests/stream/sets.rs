//! Commands on sets, whose members are picked at random, and on places.

use super::Generator;

const SETS: u64 = 8;
const MEMBERS: u64 = 300;

impl Generator {
    fn set_key(&mut self) -> String {
        if self.random.one_in(20) {
            return self.key();
        }
        format!("set:{}", self.random.below(SETS))
    }

    fn set_member(&mut self) -> String {
        match self.random.below(40) {
            0 => "x".repeat(self.random.below(200) as usize),
            1..=15 => format!("m{}", self.random.below(MEMBERS)),
            _ => self.random.below(MEMBERS).to_string(),
        }
    }

    pub(super) fn set_command(&mut self) -> Vec<String> {
        let (key, other, third) = (self.set_key(), self.set_key(), self.set_key());
        let (member, more, last) = (self.set_member(), self.set_member(), self.set_member());
        let count = self.random.below(20).to_string();
        let words: Vec<&str> = match self.random.below(24) {
            0..=7 => vec!["SADD", &key, &member, &more, &last],
            8..=9 => vec!["SREM", &key, &member, &more],
            10..=11 => vec!["SPOP", &key],
            12 => vec!["SPOP", &key, &count],
            13 => vec!["SPOP", &key, "100000"],
            14..=15 => vec!["SMOVE", &key, &other, &member],
            16..=17 => vec!["SUNIONSTORE", &key, &other, &third],
            18 => vec!["SINTERSTORE", &key, &other, &third],
            19 => vec!["SDIFFSTORE", &key, &other, &third],
            20 => vec!["COPY", &key, &other, "REPLACE"],
            21 => vec!["RENAME", &key, &other],
            22 => vec!["PEXPIRE", &key, "50"],
            _ => vec!["SRANDMEMBER", &key, &count],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    pub(super) fn geo_command(&mut self) -> Vec<String> {
        let (key, other) = (self.place_key(), self.place_key());
        let (place, more) = (self.place(), self.place());
        let (longitude, latitude) = (self.degrees(180), self.degrees(85));
        let radius = self.random.below(5_000).to_string();
        let words: Vec<&str> = match self.random.below(12) {
            0..=4 => vec![
                "GEOADD", &key, &longitude, &latitude, &place, "1", "2", &more,
            ],
            5 => vec!["GEOADD", &key, "XX", "CH", &longitude, &latitude, &place],
            6 => vec!["ZREM", &key, &place],
            7 => vec![
                "GEOSEARCHSTORE",
                &key,
                &other,
                "FROMLONLAT",
                &longitude,
                &latitude,
                "BYRADIUS",
                &radius,
                "km",
                "ASC",
                "COUNT",
                "7",
            ],
            8 => vec![
                "GEOSEARCHSTORE",
                &key,
                &other,
                "FROMMEMBER",
                &place,
                "BYBOX",
                &radius,
                &radius,
                "km",
                "STOREDIST",
            ],
            9 => vec![
                "GEORADIUS",
                &other,
                &longitude,
                &latitude,
                &radius,
                "km",
                "STORE",
                &key,
            ],
            10 => vec![
                "GEORADIUSBYMEMBER",
                &other,
                &place,
                &radius,
                "km",
                "STOREDIST",
                &key,
            ],
            _ => vec!["GEOPOS", &key, &place],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    fn place_key(&mut self) -> String {
        format!("geo:{}", self.random.below(4))
    }

    fn place(&mut self) -> String {
        format!("place{}", self.random.below(60))
    }

    fn degrees(&mut self, most: u64) -> String {
        let sign = self.random.pick(&["", "-"]);
        format!(
            "{sign}{}.{}",
            self.random.below(most),
            self.random.below(1_000_000)
        )
    }
}
