//! What a command tells the hot keys of itself.

use crate::command::Args;
use crate::command::keys::KeyAt;
use crate::hot_keys::{KeyId, Spent};
use crate::output::OutboxMark;

use super::Executor;

/// Most keys of one command that are noted: of more, so many drawn at random stand for all.
const KEYS_MAX: usize = 8;
/// The same in a session.
const SESSION_KEYS_MAX: usize = 1_024;

impl Executor<'_, '_> {
    /// Notes the keys of a command that is looked at, with what it took and what it has read and written since
    /// `reply_from`.
    #[cold]
    pub(super) fn note_heat(
        &mut self,
        args: Args<'_>,
        keys: &[KeyAt],
        reply_from: OutboxMark,
        nanos: u64,
    ) {
        let (server, sampler) = (self.server, &mut self.worker.sampler);
        sampler.heed(&server.hot_keys);
        if sampler.session().is_some_and(|of| !of.is_active(self.now)) {
            sampler.enter(None);
        }
        let weight = sampler.weight(nanos);
        if keys.is_empty() {
            return;
        }
        let all = Spent {
            accesses: 1.0,
            cpu_nanos: nanos as f64,
            net_bytes: (request_bytes(args) + self.outbox.bytes_since(reply_from)) as f64,
        };
        let db = self.session.db;
        let share = 1.0 / keys.len() as f64;
        let each = Spent {
            accesses: 1.0,
            ..all * share
        };
        let some = |max: usize, random: u64| {
            let noted = keys.len().min(max);
            let spent = each * (keys.len() as f64 / noted as f64);
            let from = random as usize % keys.len();
            let step = keys.len() / noted;
            (0..noted).map(move |number| {
                let key = &keys[(from + number * step) % keys.len()];
                (KeyId::new(db, key.hash), args.at(key.arg as usize), spent)
            })
        };
        let (worker, random) = (self.worker.index, sampler.random());
        if weight > 0.0 {
            let keys = some(KEYS_MAX, random);
            server.hot_keys.note(worker, weight, all, keys, self.now);
        }
        let ratio = sampler.session().map_or(1, |session| session.ratio);
        let is_noted = ratio == 1 || sampler.random().is_multiple_of(u64::from(ratio));
        if let Some(session) = sampler.session() {
            let keys = is_noted.then(|| some(SESSION_KEYS_MAX, random));
            server.hot_keys.note_in_session(worker, session, all, keys);
        }
    }
}

/// The bytes of a request as an array of bulk strings.
fn request_bytes(args: Args<'_>) -> usize {
    let line = |count: usize| count.checked_ilog10().unwrap_or(0) as usize + 1 + 3;
    let arguments = args.iter().map(|arg| line(arg.len()) + arg.len() + 2);
    line(args.len()) + arguments.sum::<usize>()
}
