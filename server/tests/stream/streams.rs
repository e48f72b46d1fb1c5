//! Commands on streams: few of them and few entries, so that they are deleted while groups have them pending. A consumer
//! does not read its own history: how often it did that is not told to replicas.

use super::Generator;

const STREAMS: u64 = 6;
/// Entries have IDs from here on, until their stream is deleted and begins anew.
const MS: u64 = 5;

impl Generator {
    fn stream_key(&mut self) -> String {
        if self.random.one_in(30) {
            return self.key();
        }
        format!("stream:{}", self.random.below(STREAMS))
    }

    fn entry_id(&mut self) -> String {
        format!("{MS}-{}", self.random.below(80))
    }

    pub(super) fn stream_command(&mut self) -> Vec<String> {
        let (key, other) = (self.stream_key(), self.stream_key());
        let (id, another) = (self.entry_id(), self.entry_id());
        let group = self.random.pick(&["g", "h"]);
        let consumer = self.random.pick(&["anna", "bert", "carl", "dora"]);
        let number = self.random.below(30).to_string();
        let value = format!("v{}", self.random.below(1_000));
        let next = format!("{MS}-*");
        let references = self.random.pick(&["KEEPREF", "DELREF", "ACKED"]);
        let count = (1 + self.random.below(6)).to_string();
        let words: Vec<&str> = match self.random.below(48) {
            0..=11 => vec!["XADD", &key, &next, "field", &value],
            12 => vec!["XADD", &key, "NOMKSTREAM", &next, &value, "a", "b", "c"],
            13 => vec!["XADD", &key, "MAXLEN", "~", "9", &next, "field", &value],
            14 => vec!["XADD", &key, references, "MAXLEN", "20", &next, "f", "v"],
            15 => vec!["XTRIM", &key, "MAXLEN", &number, references],
            16 => vec!["XTRIM", &key, "MINID", "~", &id, "LIMIT", "20"],
            17 => vec!["XTRIM", &key, "MINID", &id],
            18 => vec!["XDEL", &key, &id, &another],
            19 => vec!["XDELEX", &key, references, "IDS", "2", &id, &another],
            20 => vec!["XSETID", &key, "5-200"],
            21..=22 => vec!["XGROUP", "CREATE", &key, group, "0", "MKSTREAM"],
            23 => vec!["XGROUP", "CREATE", &key, group, "$", "ENTRIESREAD", "3"],
            24 => vec!["XGROUP", "SETID", &key, group, &id],
            25 if count == "1" => vec!["XGROUP", "DESTROY", &key, group],
            25 => vec!["XGROUP", "DELCONSUMER", &key, group, consumer],
            26 => vec!["XGROUP", "CREATECONSUMER", &key, group, consumer],
            27..=32 => vec![
                "XREADGROUP",
                "GROUP",
                group,
                consumer,
                "COUNT",
                &count,
                "STREAMS",
                &key,
                ">",
            ],
            33 => vec![
                "XREADGROUP",
                "GROUP",
                group,
                consumer,
                "NOACK",
                "STREAMS",
                &key,
                &other,
                ">",
                ">",
            ],
            34 => vec![
                "XREADGROUP",
                "GROUP",
                group,
                consumer,
                "MAXCOUNT",
                &count,
                "CLAIM",
                "2",
                "STREAMS",
                &key,
                &other,
                ">",
                ">",
            ],
            35..=36 => vec!["XACK", &key, group, &id, &another],
            37 => vec![
                "XACKDEL", &key, group, references, "IDS", "2", &id, &another,
            ],
            38 => vec!["XCLAIM", &key, group, consumer, "0", &id, &another],
            39 => vec!["XCLAIM", &key, group, consumer, "0", &id, "FORCE", "JUSTID"],
            40 => vec![
                "XCLAIM", &key, group, consumer, "0", &id, "LASTID", &another,
            ],
            41..=42 => vec![
                "XAUTOCLAIM",
                &key,
                group,
                consumer,
                "1",
                &id,
                "COUNT",
                &count,
            ],
            43 => vec!["XNACK", &key, group, "SILENT", "IDS", "2", &id, &another],
            44 => vec!["XNACK", &key, group, "FATAL", "FORCE", "IDS", "1", &id],
            45 if count == "1" => vec!["RENAME", &key, &other],
            45 => vec!["COPY", &key, &other, "REPLACE"],
            46 if count == "1" => vec!["DEL", &key],
            46 if count == "2" => vec!["PEXPIRE", &key, "50"],
            _ => vec!["XRANGE", &key, "-", "+", "COUNT", &number],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}
