//! `CLIENT KILL`: closes connections, of whichever worker.

use protocol::parse_i64;

use super::list::{ClientType, present};
use crate::command::connection::DEFAULT_USER;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::session::ClientEntry;

/// `CLIENT KILL address` or `CLIENT KILL filter value …`. The client itself goes once its reply is sent.
pub(super) fn kill(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let is_old_form = args.len() == 3;
    let filter = if is_old_form {
        Filter::old_form(args)
    } else {
        Filter::parse(args)?
    };
    let now_ms = ctx.now().0.max(0) as u64;
    let own_id = ctx.session.id();
    let mut killed = 0;
    for client in present(ctx.server) {
        if !filter.matches(&client, now_ms) {
            continue;
        }
        if client.id != own_id {
            ctx.server.kill(&client);
            killed += 1;
        } else if !filter.skips_me {
            ctx.session.close_after_reply();
            killed += 1;
        }
    }
    match (is_old_form, killed) {
        (true, 0) => return Err(CommandError::Line("ERR No such client")),
        (true, _) => ctx.reply.ok(),
        (false, _) => ctx.reply.integer(killed),
    }
    Ok(())
}

/// Which clients are meant; all conditions must hold. Of one given twice the last counts.
#[derive(Debug, PartialEq, Eq)]
struct Filter<'a> {
    id: Option<u64>,
    client_type: Option<ClientType>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    age_min_seconds: u64,
    skips_me: bool,
}

impl<'a> Filter<'a> {
    const EVERYONE_ELSE: Filter<'static> = Filter {
        id: None,
        client_type: None,
        addr: None,
        laddr: None,
        age_min_seconds: 0,
        skips_me: true,
    };

    fn old_form(args: Args<'a>) -> Self {
        Self {
            addr: Some(args.at(2)),
            skips_me: false,
            ..Self::EVERYONE_ELSE
        }
    }

    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut filter = Self::EVERYONE_ELSE;
        for at in (2..args.len()).step_by(2) {
            let value = args.get(at + 1).ok_or(CommandError::Syntax)?;
            match () {
                () if args.is(at, "ID") => filter.id = Some(parse_id(value)?),
                () if args.is(at, "TYPE") => filter.client_type = Some(ClientType::parse(value)?),
                () if args.is(at, "ADDR") => filter.addr = Some(value),
                () if args.is(at, "LADDR") => filter.laddr = Some(value),
                () if args.is(at, "USER") => check_user(value)?,
                () if args.is(at, "SKIPME") => filter.skips_me = parse_yes_no(value)?,
                () if args.is(at, "MAXAGE") => filter.age_min_seconds = parse_age(value)?,
                () => return Err(CommandError::Syntax),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &ClientEntry, now_ms: u64) -> bool {
        let age_seconds = (now_ms / 1_000).saturating_sub(client.connected_at_ms / 1_000);
        self.id.is_none_or(|id| client.id == id)
            && self
                .client_type
                .is_none_or(|wanted| ClientType::of(client) == wanted)
            && self.addr.is_none_or(|addr| client.addr.as_bytes() == addr)
            && self
                .laddr
                .is_none_or(|laddr| client.laddr.as_bytes() == laddr)
            && age_seconds >= self.age_min_seconds
    }
}

fn parse_id(value: &[u8]) -> Result<u64, CommandError> {
    let id = parse_i64(value)
        .and_then(|id| u64::try_from(id).ok())
        .filter(|&id| id > 0);
    id.ok_or(CommandError::Line("ERR client-id should be greater than 0"))
}

fn parse_age(value: &[u8]) -> Result<u64, CommandError> {
    let age = parse_i64(value).ok_or(CommandError::Line(
        "ERR maxage is not an integer or out of range",
    ))?;
    let age = u64::try_from(age).ok().filter(|&age| age > 0);
    age.ok_or(CommandError::Line("ERR maxage should be greater than 0"))
}

/// There is one user, and every client is or will be it.
fn check_user(value: &[u8]) -> CommandResult {
    if value == DEFAULT_USER.as_bytes() {
        return Ok(());
    }
    Err(CommandError::quoting("ERR No such user '", value, "'"))
}

fn parse_yes_no(value: &[u8]) -> Result<bool, CommandError> {
    match () {
        () if value.eq_ignore_ascii_case(b"yes") => Ok(true),
        () if value.eq_ignore_ascii_case(b"no") => Ok(false),
        () => Err(CommandError::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use protocol::ArgSpan;

    use super::*;

    /// Parses the filters of a request whose words are separated by single spaces.
    fn parse(request: &str) -> Result<String, String> {
        let mut spans = Vec::new();
        let mut start = 0;
        for word in request.split(' ') {
            spans.push(ArgSpan {
                start,
                len: word.len(),
            });
            start += word.len() + 1;
        }
        let filter = Filter::parse(Args::new(request.as_bytes(), &spans));
        let text_of = |error: CommandError| String::from_utf8_lossy(&error.line()).into_owned();
        filter.map(|filter| format!("{filter:?}")).map_err(text_of)
    }

    #[test]
    fn the_first_error_from_the_left_is_told() {
        let cases = [
            (
                "CLIENT KILL ID 0 BAD x",
                "ERR client-id should be greater than 0",
            ),
            (
                "CLIENT KILL ID x TYPE x",
                "ERR client-id should be greater than 0",
            ),
            ("CLIENT KILL TYPE x ID 0", "ERR Unknown client type 'x'"),
            ("CLIENT KILL USER x BAD", "ERR No such user 'x'"),
            ("CLIENT KILL SKIPME maybe", "ERR syntax error"),
            ("CLIENT KILL ID 1 ADDR", "ERR syntax error"),
            (
                "CLIENT KILL MAXAGE x",
                "ERR maxage is not an integer or out of range",
            ),
            (
                "CLIENT KILL MAXAGE 0",
                "ERR maxage should be greater than 0",
            ),
        ];
        for (request, expected) in cases {
            assert_eq!(parse(request), Err(expected.to_owned()), "{request}");
        }
    }

    #[test]
    fn the_last_of_several_values_counts() {
        let request = "CLIENT KILL id 3 SKIPME yes ID 4 type SLAVE skipme No USER default";
        let expected = Filter {
            id: Some(4),
            client_type: Some(ClientType::Replica),
            skips_me: false,
            ..Filter::EVERYONE_ELSE
        };
        assert_eq!(parse(request), Ok(format!("{expected:?}")));
    }
}
