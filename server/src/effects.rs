//! Effects: what replicas and the append-only file are told about a unit.
//!
//! A write command is logged as the client sent it unless it says otherwise ([`Effects::push`],
//! [`Effects::force_verbatim`]). Keys that storage removed on its own (expired, evicted) come first, as `DEL`. With the
//! log off all of this is one check per command and nothing is built.

use storage::log::EffectGroup;
use storage::{DbIndex, Note, NoteKind, State, Unit};

use crate::command::Args;

/// What one command wants logged; a worker keeps one and uses it again and again.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    group: EffectGroup,
    choice: Choice,
    /// The shard that frames without a key of their own are filed under.
    shard: u16,
    /// See [`Effects::bind`].
    is_bound: bool,
}

/// How the running command is to be logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Choice {
    /// As sent, if storage counted a change.
    #[default]
    IfChanged,
    /// As sent.
    Verbatim,
    /// Only what it pushed, possibly nothing.
    Explicit,
}

impl Effects {
    /// Prepares for the next command; `shard` is that of its first key.
    #[inline]
    pub(crate) fn begin(&mut self, shard: u16) {
        self.choice = Choice::IfChanged;
        self.shard = shard;
    }

    /// Says that the effects of the running command are one step: whoever applies them applies all.
    pub(crate) fn bind(&mut self) {
        self.is_bound = true;
    }

    /// Forgets what has been built and not been logged.
    pub(crate) fn clear(&mut self) {
        self.is_bound = false;
        self.group.clear();
    }

    /// Has what is pushed until it is handed over be applied as one, as if it came from an `EXEC`. A command that pushes
    /// nothing after this is not logged.
    #[inline]
    pub(crate) fn as_one(&mut self) {
        self.choice = Choice::Explicit;
        self.bind();
    }

    /// Logs `parts` as one command on `db` instead of the command itself.
    #[inline]
    pub(crate) fn push(&mut self, db: DbIndex, parts: &[&[u8]], state: State) {
        self.choice = Choice::Explicit;
        if state.log_on() {
            self.encode(db, parts);
        }
    }

    /// Logs the running command as sent.
    #[inline]
    pub(crate) fn force_verbatim(&mut self) {
        self.choice = Choice::Verbatim;
    }

    /// The `DEL` of a key that storage removed, or the `HDEL` of fields.
    pub(crate) fn push_note(&mut self, note: &Note, state: State) {
        if !state.log_on() {
            return;
        }
        if let NoteKind::FieldsExpired(expired) = &note.kind {
            let mut parts: Vec<&[u8]> = vec![b"HDEL", &note.key];
            parts.extend(expired.names.iter().map(|name| &**name));
            self.encode(note.db, &parts);
        } else if note.kind.is_removal() {
            self.encode(note.db, &[b"DEL", &note.key]);
        }
    }

    /// Ends a command that ran to its end: logs it as sent if that is what it wants.
    #[inline]
    pub(crate) fn end(&mut self, db: DbIndex, args: Args<'_>, changed: bool, state: State) {
        if !state.log_on() {
            return;
        }
        let verbatim = match self.choice {
            Choice::IfChanged => changed,
            Choice::Verbatim => true,
            Choice::Explicit => false,
        };
        if verbatim {
            self.group.push_with(db, self.shard, |out| {
                protocol::encode_command(out, args.iter())
            });
        }
    }

    #[cold]
    fn encode(&mut self, db: DbIndex, parts: &[&[u8]]) {
        self.group
            .push_with(db, self.shard, |out| protocol::encode_command(out, parts));
    }

    /// Hands the unit's effects to the log, its locks still held. `atomic`: they belong to an `EXEC`. Returns
    /// whether there were any, so that the log is woken once the locks are gone.
    #[inline]
    pub(crate) fn append(&mut self, unit: &mut Unit<'_>, atomic: bool) -> bool {
        let is_bound = std::mem::take(&mut self.is_bound);
        if self.group.is_empty() {
            return false;
        }
        self.group.set_atomic(atomic || is_bound);
        unit.append_effects(&mut self.group);
        true
    }
}
