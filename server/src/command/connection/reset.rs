//! `RESET`: a connection as if it had just been made.

use protocol::Version;

use crate::command::pubsub::unsubscribe_all;
use crate::command::transaction::end_watches;
use crate::command::{Args, CommandResult, Context};
use crate::session::ReplyMode;

/// `RESET`: ends the transaction, watches, subscriptions and monitoring, forgets the name, and sets
/// everything back that commands can set. What the client has said of its library stays: the library is
/// still the same.
pub(super) fn reset(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    unsubscribe_all(ctx);
    let session = &mut *ctx.session;
    if std::mem::take(&mut session.monitor) {
        ctx.server.monitors.remove(session.client.worker);
    }
    session.transaction = None;
    session.db = 0;
    session.version = Version::Resp2;
    session.authenticated = ctx.config.requirepass.is_empty();
    session.reply_mode = ReplyMode::On;
    session.no_evict = false;
    session.no_touch = false;
    session
        .client
        .set_names(|names| names.name = Box::default());
    end_watches(ctx);
    ctx.reply.simple("RESET");
    Ok(())
}
