//! What a client says of itself: its name, its library.

use crate::command::{Args, CommandError, CommandResult, Context};

/// `CLIENT GETNAME`: the connection's name, or null.
pub(super) fn get_name(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    match &*ctx.session.client.names().name {
        [] => ctx.reply.null(),
        name => ctx.reply.bulk(name),
    }
    Ok(())
}

/// `CLIENT SETNAME name`: an empty name takes the name away.
pub(super) fn set_name(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    check_name(&args[2])?;
    ctx.session
        .client
        .set_names(|names| names.name = args[2].into());
    ctx.reply.ok();
    Ok(())
}

/// `CLIENT SETINFO LIB-NAME|LIB-VER value`.
pub(super) fn set_info(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (is_name, is_version) = (args.is(2, "LIB-NAME"), args.is(2, "LIB-VER"));
    if !is_name && !is_version {
        return Err(CommandError::quoting(
            "ERR Unrecognized option '",
            &args[2],
            "'",
        ));
    }
    if !shows_well(&args[3]) {
        let after = " cannot contain spaces, newlines or special characters.";
        return Err(CommandError::quoting("ERR ", &args[2], after));
    }
    ctx.session.client.set_names(|names| {
        let field = if is_name {
            &mut names.lib_name
        } else {
            &mut names.lib_ver
        };
        *field = args[3].into();
    });
    ctx.reply.ok();
    Ok(())
}

/// Refuses names that would make `CLIENT LIST` unreadable for programs.
///
/// # Errors
/// The reply of whichever command sets the name.
pub(crate) fn check_name(name: &[u8]) -> CommandResult {
    if shows_well(name) {
        return Ok(());
    }
    Err(CommandError::Line(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

/// Whether `text` is one word of printable ASCII, or nothing.
fn shows_well(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::shows_well;

    #[test]
    fn only_printable_words_show_well() {
        let cases: [(&[u8], bool); 9] = [
            (b"", true),
            (b"worker-1", true),
            (b"!~", true),
            (b"a b", false),
            (b"a\nb", false),
            (b"a\0b", false),
            (b"\x7f", false),
            (b"caf\xc3\xa9", false),
            (b" ", false),
        ];
        for (text, expected) in cases {
            assert_eq!(shows_well(text), expected, "{text:?}");
        }
    }
}
