//! `HELLO`: the handshake of client libraries.

use protocol::{Version, parse_i64};

use super::auth;
use crate::cli::REDIS_VERSION;
use crate::command::client::names;
use crate::command::{Args, CommandError, CommandResult, Context};

/// `HELLO [protover [AUTH username password] [SETNAME name]]`: authenticates, names and switches the
/// connection, in this order, then says who the server is.
pub(super) fn hello(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let options = HelloOptions::parse(args)?;
    if let Some((user, password)) = options.auth {
        auth::authenticate(ctx, user, password)?;
    }
    if auth::is_required(ctx) {
        return Err(CommandError::Line(NOT_AUTHENTICATED));
    }
    if let Some(name) = options.name {
        ctx.session
            .client
            .set_names(|names| names.name = name.into());
    }
    if let Some(version) = options.version {
        ctx.session.version = version;
        ctx.reply.set_version(version);
    }
    introduce(ctx);
    Ok(())
}

fn introduce(ctx: &mut Context<'_, '_>) {
    let role = if ctx.unit.state().is_replica() {
        "replica"
    } else {
        "master"
    };
    let (id, version) = (ctx.session.id(), ctx.session.version);
    let reply = &mut ctx.reply;
    reply.map(7);
    // Client libraries take the name for the dialect of commands, not for the product.
    for (field, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(if version == Version::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(id as i64);
    for (field, value) in [("mode", "standalone"), ("role", role)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

/// What a `HELLO` asks for. Of an option given twice the last one counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct HelloOptions<'a> {
    version: Option<Version>,
    auth: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> HelloOptions<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let version = args.get(1).map(parse_version).transpose()?;
        let mut options = Self {
            version,
            ..Self::default()
        };
        let mut at = 2;
        while let Some(option) = args.get(at) {
            match (args.get(at + 1), args.get(at + 2)) {
                (Some(user), Some(password)) if args.is(at, "AUTH") => {
                    options.auth = Some((user, password));
                    at += 3;
                }
                (Some(name), _) if args.is(at, "SETNAME") => {
                    names::check_name(name)?;
                    options.name = Some(name);
                    at += 2;
                }
                _ => {
                    let before = "ERR Syntax error in HELLO option '";
                    return Err(CommandError::quoting(before, option, "'"));
                }
            }
        }
        Ok(options)
    }
}

fn parse_version(text: &[u8]) -> Result<Version, CommandError> {
    match parse_i64(text) {
        Some(2) => Ok(Version::Resp2),
        Some(3) => Ok(Version::Resp3),
        Some(_) => Err(CommandError::Line("NOPROTO unsupported protocol version")),
        None => Err(CommandError::Line(
            "ERR Protocol version is not an integer or out of range",
        )),
    }
}

const NOT_AUTHENTICATED: &str = "NOAUTH HELLO must be called with the client already authenticated, \
     otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
     select the RESP protocol version at the same time";
