//! `LOLWUT`: a picture, and the version.

use super::Arity::AtLeast;
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::info::{NUTHATCH_VERSION, REDIS_VERSION};

pub(super) const LOLWUT: Command = Command::new(
    "LOLWUT",
    AtLeast(1),
    NoKeys,
    Flags::READ.and(Flags::FAST),
    lolwut,
);

/// Columns and rows of the trunk, and their limits when the client chooses them.
const COLUMNS_DEFAULT: i64 = 44;
const ROWS_DEFAULT: i64 = 12;
const COLUMNS_MAX: i64 = 200;
const ROWS_MAX: i64 = 100;

const BIRD: [&str; 3] = ["  __(o)>", " /.-'/", "<//|_|"];

/// `LOLWUT [VERSION version] [columns [rows]]`: a nuthatch, head first down its tree. The version is the one whose
/// picture is wanted; there is only this one.
fn lolwut(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let is_versioned = args.is(1, "VERSION") && args.len() > 2;
    let size = |at: usize, default| match args.get(at).map(number) {
        Some(Ok(number)) => Ok(number),
        // Without a version Redis's current picture takes no arguments and ignores them.
        Some(Err(error)) if is_versioned => Err(error),
        _ => Ok(default),
    };
    size(2, 0)?;
    let first = if is_versioned { 3 } else { 1 };
    let columns = size(first, COLUMNS_DEFAULT)?.clamp(16, COLUMNS_MAX);
    let rows = size(first + 1, ROWS_DEFAULT)?.clamp(4, ROWS_MAX);
    let mut text = picture(columns as usize, rows as usize, || ctx.worker.random());
    text.push_str(&format!(
        "\nNuthatch {NUTHATCH_VERSION}, speaking as Redis ver. {REDIS_VERSION}\n"
    ));
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

fn number(digits: &[u8]) -> Result<i64, CommandError> {
    protocol::parse_i64(digits).ok_or(CommandError::NotInteger)
}

/// Bark of random texture on the right, the bird beside it.
fn picture(columns: usize, rows: usize, mut random: impl FnMut() -> u64) -> String {
    const BARK: [char; 8] = ['|', '|', '|', ':', '.', '\'', '!', ' '];
    let trunk = columns / 2;
    let perch = random() as usize % (rows - BIRD.len() + 1);
    let mut text = String::new();
    for row in 0..rows {
        let bird = row
            .checked_sub(perch)
            .and_then(|at| BIRD.get(at))
            .copied()
            .unwrap_or_default();
        text.push_str(&format!("{bird:>width$}", width = columns - trunk));
        text.extend((0..trunk).map(|_| BARK[random() as usize % BARK.len()]));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_the_size_asked_for_and_a_whole_bird() {
        for (columns, rows) in [(16, 4), (44, 12), (200, 100)] {
            let mut next = 7u64;
            let text = picture(columns, rows, || {
                next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                next >> 33
            });
            assert_eq!(text.lines().count(), rows);
            assert!(text.lines().all(|line| line.chars().count() == columns));
            assert!(BIRD.iter().all(|part| text.contains(part)));
        }
    }
}
