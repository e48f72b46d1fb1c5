//! Errors about groups that are not there, which quote the client's names.

use crate::command::CommandError;

pub(super) const KEY_NEEDED: CommandError = CommandError::Line(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);

/// What `XGROUP` and `XINFO CONSUMERS` answer.
#[cold]
pub(super) fn no_group_in_key(key: &[u8], group: &[u8]) -> CommandError {
    quoting(
        "NOGROUP No such consumer group '",
        group,
        "' for key name '",
        key,
        "'",
    )
}

/// What commands answer that work on what is pending.
#[cold]
pub(super) fn no_key_or_group(key: &[u8], group: &[u8]) -> CommandError {
    quoting(
        "NOGROUP No such key '",
        key,
        "' or consumer group '",
        group,
        "'",
    )
}

/// What `XREADGROUP` answers.
#[cold]
pub(super) fn no_key_or_group_to_read(key: &[u8], group: &[u8]) -> CommandError {
    quoting(
        "NOGROUP No such key '",
        key,
        "' or consumer group '",
        group,
        "' in XREADGROUP with GROUP option",
    )
}

fn quoting(before: &str, first: &[u8], between: &str, second: &[u8], behind: &str) -> CommandError {
    let parts = [
        before.as_bytes(),
        up_to_nul(first),
        between.as_bytes(),
        up_to_nul(second),
        behind.as_bytes(),
    ];
    CommandError::Quoting(parts.concat().into())
}

/// Redis has names as strings of C here.
fn up_to_nul(name: &[u8]) -> &[u8] {
    &name[..memchr::memchr(0, name).unwrap_or(name.len())]
}
