//! When a small collection becomes a big one.

/// Up to where a collection stays packed; Redis's settings, named in the field's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `hash-max-listpack-entries` and `-value`.
    pub hash: PackedLimit,
    /// `set-max-listpack-entries` and `-value`.
    pub set: PackedLimit,
    /// `set-max-intset-entries`.
    pub intset_entries: usize,
    /// `zset-max-listpack-entries` and `-value`.
    pub sorted_set: PackedLimit,
    /// `list-max-listpack-size`: elements of a node if positive, else a size from -1 (4 KiB) to -5 (64 KiB).
    pub list_node: i64,
    /// `stream-node-max-bytes`; 0 for no bound.
    pub stream_node_bytes: u64,
    /// `stream-node-max-entries`; 0 for no bound.
    pub stream_node_entries: usize,
}

impl Default for Limits {
    /// The defaults of Redis 7.2.
    fn default() -> Self {
        let limit = |entries| PackedLimit {
            entries,
            value_bytes: 64,
        };
        Self {
            hash: limit(512),
            set: limit(128),
            intset_entries: 512,
            sorted_set: limit(128),
            list_node: -2,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

/// How many elements, of how many bytes each, a listpack may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLimit {
    /// Elements, fields or members.
    pub entries: usize,
    /// Bytes of the longest member, field or value.
    pub value_bytes: u64,
}

impl PackedLimit {
    /// Whether a member, field or value of this length may stay in a listpack.
    #[inline]
    pub fn admits(&self, value: &[u8]) -> bool {
        value.len() as u64 <= self.value_bytes
    }
}
