//! `AUTH`: there is one user, `default`, whose password is `requirepass`.

use crate::command::{Args, CommandError, CommandResult, Context};

/// The only user.
pub(crate) const DEFAULT_USER: &str = "default";

/// `AUTH [username] password`: lets the client use all commands.
pub(super) fn auth(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let (user, password) = match args.len() {
        2 if ctx.config.requirepass.is_empty() => {
            return Err(CommandError::Line(NO_PASSWORD_CONFIGURED));
        }
        2 => (DEFAULT_USER.as_bytes(), args.at(1)),
        3 => (args.at(1), args.at(2)),
        _ => return Err(CommandError::Syntax),
    };
    authenticate(ctx, user, password)?;
    ctx.reply.ok();
    Ok(())
}

/// Marks the session as authenticated. A failure leaves it as it was: who is in stays in.
///
/// # Errors
/// `WrongPass`, whether it is the name or the password that is wrong.
pub(super) fn authenticate(
    ctx: &mut Context<'_, '_>,
    user: &[u8],
    password: &[u8],
) -> CommandResult {
    let is_right = is_password(password, &ctx.config.requirepass);
    if user != DEFAULT_USER.as_bytes() || !is_right {
        return Err(CommandError::WrongPass);
    }
    ctx.session.authenticated = true;
    Ok(())
}

/// Whether the session has yet to authenticate.
pub(super) fn is_required(ctx: &Context<'_, '_>) -> bool {
    !ctx.session.authenticated && !ctx.config.requirepass.is_empty()
}

/// Whether `given` is the password; without a password everything is.
///
/// Looks at every given byte whatever it has seen before, so that the time it takes tells nothing of
/// the password.
fn is_password(given: &[u8], password: &[u8]) -> bool {
    if password.is_empty() {
        return true;
    }
    let mut difference = u8::from(given.len() != password.len());
    for (byte, expected) in given.iter().zip(password.iter().cycle()) {
        difference |= std::hint::black_box(byte ^ expected);
    }
    difference == 0
}

const NO_PASSWORD_CONFIGURED: &str = "ERR AUTH <password> called without any password configured \
     for the default user. Are you sure your configuration is correct?";

#[cfg(test)]
mod tests {
    use super::is_password;

    #[test]
    fn only_the_whole_password_is_the_password() {
        let cases: [(&[u8], bool); 8] = [
            (b"secret", true),
            (b"", false),
            (b"s", false),
            (b"secre", false),
            (b"secret ", false),
            (b"Secret", false),
            (b"secretsecret", false),
            (b"secret\0", false),
        ];
        for (given, expected) in cases {
            assert_eq!(is_password(given, b"secret"), expected, "{given:?}");
        }
        assert!(is_password(b"anything", b"") && is_password(b"", b""));
    }
}
