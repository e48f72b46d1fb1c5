//! Whether a request may run, and what it hears if not. The order of the checks is Redis's, because a client can tell
//! it by which error it gets.

use storage::Pause;

use crate::command::context::Park;
use crate::command::table::{Lookup, Registered};
use crate::command::{Args, CommandError, Flags};

use super::{Executor, Hold};

/// Replies that wait in the outbox and the session before further requests of it are put off.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same while the worker's sessions together have much to send.
const OUTPUT_BYTES_MAX_UNDER_PRESSURE: usize = 1024 * 1024;
/// What counts as much.
const PRESSURE_BYTES: usize = 256 * 1024 * 1024;

/// Why a request does not run now.
pub(super) enum Refusal {
    /// It gets this error.
    Error(CommandError),
    /// It will be tried again.
    Park(Park),
    /// It comes from a browser that somebody made speak to us; the connection ends without a word.
    Attack,
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Refusal::Error(error)
    }
}

impl<'e> Executor<'_, 'e> {
    /// The checks ahead of everything else.
    #[inline]
    pub(super) fn admit(
        &mut self,
        hold: &mut Hold<'e>,
        lookup: &Lookup,
        args: Args<'_>,
    ) -> Result<&'static Registered, Refusal> {
        let command = match *lookup {
            Lookup::Known(command) => command,
            Lookup::UnknownSubcommand(container) => {
                return Err(unknown_subcommand(container, args).into());
            }
            Lookup::Unknown if is_http(args.at(0)) => return Err(Refusal::Attack),
            Lookup::Unknown => return Err(unknown_command(args).into()),
        };
        if !command.row.arity.admits(args.len()) {
            return Err(CommandError::WrongArity(command.full_name.as_str().into()).into());
        }
        let flags = command.row.flags;
        if flags.any(Flags::PROTECTED)
            && !self
                .config
                .enable_debug_command
                .allows(self.session.client.is_local)
        {
            return Err(protected().into());
        }
        if self.auth_required() && !flags.has(Flags::NO_AUTH) {
            return Err(CommandError::NoAuth.into());
        }
        let in_transaction = self.session.in_transaction();
        if in_transaction && flags.has(Flags::NO_MULTI) {
            return Err(CommandError::NotInTransaction.into());
        }
        // For EXEC, what it will run counts.
        let flags = if command.is_exec {
            self.flags_of_exec(flags)
        } else {
            flags
        };
        if self.may_lack_room(args)
            && (flags.has(Flags::DENY_OOM) || (in_transaction && grows_the_queue(command)))
        {
            self.make_room(hold, args)?;
        }
        if self.session.is_resp2_subscriber() && !flags.has(Flags::FOR_SUBSCRIBERS) {
            return Err(CommandError::SubscriberContext(command.full_name.as_str().into()).into());
        }
        self.check_pause(flags)?;
        if self.may_publish(flags) && self.server.inbox_is_full() {
            return Err(Refusal::Park(Park::QueueFull));
        }
        Ok(command)
    }

    /// Whether memory is short, or may not do for this request; exact only when the answer is no.
    #[inline]
    fn may_lack_room(&self, args: Args<'_>) -> bool {
        let memory = self.server.keyspace.memory();
        let limit = memory.limit_bytes();
        if limit == 0 {
            return false;
        }
        let left = limit.checked_sub(memory.used_bytes());
        left.is_none_or(|left| {
            let left = left.max(super::room::LARGE_REQUEST_BYTES);
            args.may_have_long(usize::try_from(left).unwrap_or(usize::MAX))
        })
    }

    /// Whether messages may come of a command: its own, or events of keys.
    #[inline]
    fn may_publish(&self, flags: Flags) -> bool {
        flags.has(Flags::PUBLISHES) || (self.tools.events.any_enabled() && flags.has(Flags::WRITE))
    }

    /// `CLIENT PAUSE`; outside a unit a hint, and therefore looked at again under the unit's locks.
    #[inline]
    fn check_pause(&self, flags: Flags) -> Result<(), Refusal> {
        if pauses(self.server.keyspace.state().pause(), flags) {
            return Err(Refusal::Park(Park::Paused));
        }
        Ok(())
    }

    /// Whether the session has yet to authenticate.
    #[inline]
    pub(super) fn auth_required(&self) -> bool {
        self.session.must_authenticate(self.config)
    }

    fn flags_of_exec(&self, own: Flags) -> Flags {
        self.session
            .transaction
            .as_deref()
            .map_or(own, |transaction| own.and(transaction.flags()))
    }

    /// Whether so much output waits that the session's next requests have to.
    #[inline]
    pub(super) fn output_is_full(&self) -> bool {
        let waiting = self.outbox.len() + self.session.pending.len();
        waiting > OUTPUT_BYTES_MAX_UNDER_PRESSURE && self.output_is_too_full(waiting)
    }

    #[cold]
    fn output_is_too_full(&self, waiting: usize) -> bool {
        waiting > OUTPUT_BYTES_MAX || self.worker.pending_bytes > PRESSURE_BYTES
    }
}

/// Whether `pause` holds back a command with these flags.
#[inline]
pub(super) fn pauses(pause: Pause, flags: Flags) -> bool {
    match pause {
        Pause::Off => false,
        Pause::Writes => flags.any(Flags::WRITE.and(Flags::MAY_REPLICATE)),
        Pause::All => true,
    }
}

/// Queueing takes memory whatever the command; these are not queued or end the transaction.
fn grows_the_queue(command: &Registered) -> bool {
    !matches!(command.row.name, "EXEC" | "DISCARD" | "QUIT" | "RESET")
}

/// What begins an HTTP request's first or second line.
#[cold]
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

#[cold]
fn protected() -> CommandError {
    CommandError::Line(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
         from a local connection, otherwise you need to set this option in the configuration file, and then \
         restart the server.",
    )
}

#[cold]
fn unknown_subcommand(container: &'static Registered, args: Args<'_>) -> CommandError {
    CommandError::unknown_subcommand(container.row.name, args.get(1).unwrap_or_default())
}

/// The text quotes up to 128 bytes of the name and about as many of the arguments.
#[cold]
fn unknown_command(args: Args<'_>) -> CommandError {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(until_nul(args.at(0), PREVIEW_BYTES));
    text.extend_from_slice(b"', with args beginning with: ");
    let start = text.len();
    for arg in args.from(1) {
        let used = text.len() - start;
        if used >= PREVIEW_BYTES {
            break;
        }
        text.push(b'\'');
        text.extend_from_slice(until_nul(arg, PREVIEW_BYTES - used));
        text.extend_from_slice(b"' ");
    }
    CommandError::Quoting(text.into())
}

const PREVIEW_BYTES: usize = 128;

/// C's `%.*s`: at most `max` bytes, and none from the first NUL on.
fn until_nul(bytes: &[u8], max: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(max)];
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}
