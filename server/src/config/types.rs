//! The types that settings have beyond numbers, text and yes/no.

use storage::EvictionAlgorithm::{self, Fifo, Lfu, Lru, Random, S3Fifo, Ttl};

/// `maxmemory-policy`: which keys go when memory is short, and how they are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxmemoryPolicy {
    word: &'static str,
    /// How keys are chosen; `None`: none goes.
    pub algorithm: Option<EvictionAlgorithm>,
    /// Whether only keys that have an expire time go.
    pub volatile_only: bool,
}

impl MaxmemoryPolicy {
    /// Redis's, in its order, and ours.
    pub(super) const WORDS: &'static [&'static str] = &[
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
        "allkeys-s3fifo",
        "volatile-s3fifo",
        "allkeys-fifo",
        "volatile-fifo",
    ];

    /// No key goes.
    pub(super) const NONE: Self = Self {
        word: "noeviction",
        algorithm: None,
        volatile_only: false,
    };

    /// The policy of this name, one of [`MaxmemoryPolicy::WORDS`].
    pub(crate) fn of_word(word: &'static str) -> Self {
        let (scope, algorithm) = word.split_once('-').unwrap_or(("", ""));
        let algorithm = match algorithm {
            "s3fifo" => Some(S3Fifo),
            "lru" => Some(Lru),
            "lfu" => Some(Lfu),
            "fifo" => Some(Fifo),
            "random" => Some(Random),
            "ttl" => Some(Ttl),
            _ => None,
        };
        Self {
            word,
            algorithm,
            volatile_only: scope == "volatile",
        }
    }

    /// The policy that chooses so.
    pub(crate) fn choosing(algorithm: EvictionAlgorithm, volatile_only: bool) -> Option<Self> {
        let policies = Self::WORDS.iter().map(|word| Self::of_word(word));
        let chooses = (Some(algorithm), volatile_only);
        policies
            .into_iter()
            .find(|policy| (policy.algorithm, policy.volatile_only) == chooses)
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        self.word
    }
}

/// A limit of memory (`maxmemory-clients`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryShare {
    /// So many bytes; 0: no limit.
    Bytes(u64),
    /// So many percent of `maxmemory`.
    Percent(u8),
}

/// `loglevel`: the least important lines that are still written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Rarely useful detail.
    Verbose,
    /// What an operator wants to read.
    Notice,
    /// Only what needs attention.
    Warning,
    /// No lines at all.
    Nothing,
}

/// `log-format`: how one log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Redis's form, `PID:M 20 Nov 2026 19:41:19.123 * text`.
    Human,
    /// One JSON object per line.
    Json,
}

/// Who may do a thing that is off by default (`enable-debug-command`, `enable-protected-configs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nobody.
    No,
    /// Everybody.
    Yes,
    /// Clients on the loopback interface or the unix socket.
    Local,
}

impl Permission {
    /// Whether a client may; `client_is_local` says that it connects from this machine.
    pub fn allows(self, client_is_local: bool) -> bool {
        match self {
            Permission::No => false,
            Permission::Yes => true,
            Permission::Local => client_is_local,
        }
    }
}

/// `shutdown-on-sigterm` and `shutdown-on-sigint`: the options of the SHUTDOWN that a signal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShutdownOptions {
    /// Save even without save points.
    pub save: bool,
    /// Do not save even with save points.
    pub nosave: bool,
    /// Do not wait for lagging replicas.
    pub now: bool,
    /// Exit even if saving fails.
    pub force: bool,
}

/// One `save SECONDS CHANGES` point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    /// At least this long after the last save.
    pub seconds: u64,
    /// At least this many changes.
    pub changes: u64,
}

/// `client-output-buffer-limit` of one class of clients; 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputBufferLimit {
    /// Disconnect at once above this.
    pub hard_bytes: u64,
    /// Disconnect when above this for `soft_seconds`.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

/// `client-output-buffer-limit` of all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputBufferLimits {
    /// Ordinary clients, MONITOR included.
    pub normal: OutputBufferLimit,
    /// Replicas.
    pub replica: OutputBufferLimit,
    /// Clients with at least one subscription.
    pub pubsub: OutputBufferLimit,
}

/// `notify-keyspace-events`: which events are published, and on which kind of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyspaceEvents(u16);

impl KeyspaceEvents {
    /// `K`: publish on `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Self = Self(1 << 0);
    /// `E`: publish on `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: commands of every type (DEL, EXPIRE, RENAME, …).
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: string commands.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: list commands.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: set commands.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hash commands.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted set commands.
    pub const SORTED_SET: Self = Self(1 << 7);
    /// `x`: a key expired.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: a key was evicted.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: stream commands.
    pub const STREAM: Self = Self(1 << 10);
    /// `d`: events of modules.
    pub const MODULE: Self = Self(1 << 11);
    /// `m`: a read of an absent key; not part of `A`.
    pub const KEY_MISS: Self = Self(1 << 12);
    /// `n`: a key was created; not part of `A`.
    pub const NEW: Self = Self(1 << 13);
    /// `A`: `g$lshzxetd`.
    pub const ALL: Self = Self(0b1111_1111_1100);

    /// In the order in which CONFIG GET prints them.
    const LETTERS: [(char, Self); 14] = [
        ('g', Self::GENERIC),
        ('$', Self::STRING),
        ('l', Self::LIST),
        ('s', Self::SET),
        ('h', Self::HASH),
        ('z', Self::SORTED_SET),
        ('x', Self::EXPIRED),
        ('e', Self::EVICTED),
        ('t', Self::STREAM),
        ('d', Self::MODULE),
        ('n', Self::NEW),
        ('K', Self::KEYSPACE),
        ('E', Self::KEYEVENT),
        ('m', Self::KEY_MISS),
    ];

    /// Whether an event of `class` is to be published on any channel at all.
    #[inline]
    pub fn wants(self, class: Self) -> bool {
        self.0 & class.0 != 0 && self.0 & (Self::KEYSPACE.0 | Self::KEYEVENT.0) != 0
    }

    /// Whether every flag of `other` is set.
    #[inline]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags that `letters` name, or `None` when one letter is unknown.
    pub fn parse(letters: &str) -> Option<Self> {
        let mut flags = Self::default();
        for letter in letters.chars() {
            let flag = match letter {
                'A' => Self::ALL,
                _ => Self::LETTERS.iter().find(|(known, _)| *known == letter)?.1,
            };
            flags.0 |= flag.0;
        }
        Some(flags)
    }

    /// The letters as `CONFIG GET` prints them: `A` for a full set, then `K`, `E`, `m`.
    ///
    /// Redis 7.0 leaves `n` out beside `A`, which would lose it at the next CONFIG REWRITE; here it stays.
    pub fn letters(self) -> String {
        let all = self.contains(Self::ALL);
        let mut letters = String::from(if all { "A" } else { "" });
        letters.extend(
            Self::LETTERS
                .iter()
                .filter(|(_, flag)| self.contains(*flag) && !(all && Self::ALL.contains(*flag)))
                .map(|(letter, _)| *letter),
        );
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyspace_event_letters_are_canonical() {
        let cases = [
            ("", ""),
            ("KEA", "AKE"),
            ("g$lshzxetdKE", "AKE"),
            ("KElmn", "lnKEm"),
            ("KEAn", "AnKE"),
            ("A", "A"),
            ("Ex", "xE"),
            ("xxx", "x"),
        ];
        for (given, expected) in cases {
            let flags = KeyspaceEvents::parse(given).unwrap();
            assert_eq!(flags.letters(), expected, "{given}");
            assert_eq!(KeyspaceEvents::parse(expected), Some(flags));
        }
        assert_eq!(KeyspaceEvents::parse("KEx?"), None);
        assert_eq!(KeyspaceEvents::parse("K E"), None);
    }

    #[test]
    fn events_need_a_channel_kind() {
        let flags = |letters| KeyspaceEvents::parse(letters).unwrap();
        assert!(flags("Ex").wants(KeyspaceEvents::EXPIRED));
        assert!(!flags("x").wants(KeyspaceEvents::EXPIRED));
        assert!(!flags("KEx").wants(KeyspaceEvents::STRING));
        assert!(!flags("KEA").wants(KeyspaceEvents::NEW));
    }
}
