//! Commands spelled as lines, for a real client.

use redis::{Cmd, Connection, FromRedisValue};

/// The command that `line` spells: words with one space between them.
pub fn command(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    words.for_each(|word| {
        command.arg(word);
    });
    command
}

/// What the server answers to the command that `line` spells.
///
/// # Panics
/// When that is an error, or no `R`.
#[track_caller]
pub fn query<R: FromRedisValue>(client: &mut Connection, line: &str) -> R {
    match command(line).query(client) {
        Ok(reply) => reply,
        Err(error) => panic!("{line}: {error}"),
    }
}
