//! Which history of changes a server's data belongs to, and how far it has come.

/// Replication id and offset of a server, as `INFO replication` shows them and replicas ask for them.
///
/// The id names a history of changes; it is new whenever data may have changed in a way that the history does not
/// tell. The offset counts the bytes of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationState {
    id: String,
    offset: u64,
}

/// Hex digits of a replication id.
const ID_LEN: usize = 40;

impl ReplicationState {
    /// A new history, named by `id`: 40 lower-case hex digits, drawn at random by the caller.
    ///
    /// # Panics
    /// When `id` is not of that form; a bug of the caller.
    pub fn new(id: String) -> Self {
        assert_is_id(&id);
        Self { id, offset: 0 }
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Bytes of the history so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Begins another history at the same offset: nobody who followed the old one can go on.
    pub fn change_id(&mut self, id: String) {
        assert_is_id(&id);
        self.id = id;
    }
}

fn assert_is_id(id: &str) {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    assert!(
        id.len() == ID_LEN && id.bytes().all(is_hex),
        "a replication id has {ID_LEN} hex digits"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_id_keeps_the_offset() {
        let mut state = ReplicationState::new("0123456789".repeat(4));
        state.change_id("abcdefabcd".repeat(4));
        assert_eq!(
            (state.id(), state.offset()),
            ("abcdefabcd".repeat(4).as_str(), 0)
        );
    }

    #[test]
    #[should_panic(expected = "40 hex digits")]
    fn an_id_is_checked() {
        ReplicationState::new("ABC".to_owned());
    }
}
