//! `CLIENT LIST` and `CLIENT INFO`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::parse_i64;

use super::describe::Describer;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::server::Server;
use crate::session::{ClientEntry, ClientFlags};

/// `CLIENT INFO`: the line of the connection itself.
pub(super) fn info(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.session.publish();
    let own = Arc::clone(&ctx.session.client);
    describe(ctx, args, [own]);
    Ok(())
}

/// `CLIENT LIST [TYPE type | ID id …]`: a line for each client, in the order they connected, or in that
/// of the ids.
pub(super) fn list(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    ctx.session.publish();
    if args.len() == 4 && args.is(2, "TYPE") {
        let wanted = ClientType::parse(&args[3])?;
        let clients = present(ctx.server).into_iter();
        describe(
            ctx,
            args,
            clients.filter(|client| ClientType::of(client) == wanted),
        );
    } else if args.len() > 3 && args.is(2, "ID") {
        let clients = clients_of(ctx.server, args)?;
        describe(ctx, args, clients);
    } else if args.len() == 2 {
        let clients = present(ctx.server);
        describe(ctx, args, clients);
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

/// The clients whose ids `args` list from the third argument on; one that is listed twice comes twice.
fn clients_of(server: &Server, args: Args<'_>) -> Result<Vec<Arc<ClientEntry>>, CommandError> {
    let mut clients = Vec::new();
    for id in args.from(3) {
        let id = parse_i64(id).ok_or(CommandError::Line("ERR Invalid client ID"))?;
        let client = u64::try_from(id).ok().and_then(|id| server.clients.get(id));
        clients.extend(client.filter(is_present));
    }
    Ok(clients)
}

fn describe(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    clients: impl IntoIterator<Item = Arc<ClientEntry>>,
) {
    let describer = Describer::new(ctx.now(), ctx.session.id(), args.total_bytes());
    let mut text = Vec::new();
    for client in clients {
        describer.describe(&client, &mut text);
        text.push(b'\n');
    }
    ctx.reply.verbatim(b"txt", &text);
}

/// All clients but those that have been killed and whose workers have not come to it yet.
pub(super) fn present(server: &Server) -> Vec<Arc<ClientEntry>> {
    let mut clients = server.clients.list();
    clients.retain(is_present);
    clients
}

fn is_present(client: &Arc<ClientEntry>) -> bool {
    // Relaxed: whoever killed it on another thread has no other way to tell us than this flag.
    !client.killed.load(Ordering::Relaxed)
}

/// What `TYPE` selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientType {
    /// Ordinary clients, those that monitor included.
    Normal,
    /// Replicas of this server.
    Replica,
    /// Clients with at least one subscription.
    Pubsub,
    /// The connection to this server's primary.
    Primary,
}

impl ClientType {
    pub(super) fn parse(name: &[u8]) -> Result<Self, CommandError> {
        let known = [
            ("normal", ClientType::Normal),
            ("slave", ClientType::Replica),
            ("replica", ClientType::Replica),
            ("pubsub", ClientType::Pubsub),
            ("master", ClientType::Primary),
        ];
        let found = known
            .iter()
            .find(|(word, _)| name.eq_ignore_ascii_case(word.as_bytes()));
        let unknown = || CommandError::quoting("ERR Unknown client type '", name, "'");
        found
            .map(|(_, client_type)| *client_type)
            .ok_or_else(unknown)
    }

    pub(super) fn of(client: &ClientEntry) -> Self {
        if client.flags().has(ClientFlags::PUBSUB) {
            ClientType::Pubsub
        } else {
            ClientType::Normal
        }
    }
}
