//! Commands that run again: once slices have prepared what takes long, or once a wait is over that is too long to be
//! served under others' locks.

use protocol::ArgSpan;

use crate::command::Args;
use crate::command::context::{Slices, Waited};
use crate::command::keys::KeyAt;
use crate::command::table::Registered;
use crate::session::ReplyMode;

use super::{Executor, Flow, Hold};

/// A request that is to run again.
#[derive(Debug)]
pub(crate) struct Again {
    command: &'static Registered,
    bytes: Box<[u8]>,
    spans: Box<[ArgSpan]>,
    keys: Box<[KeyAt]>,
    /// How long it has taken so far.
    pub(crate) nanos: u64,
    /// What it has waited for, if it has.
    pub(crate) waited: Option<Waited>,
}

impl<'e> Executor<'_, 'e> {
    /// Keeps a request that will run again, or may have to.
    #[cold]
    pub(super) fn keep_request(
        &mut self,
        command: &'static Registered,
        args: Args<'_>,
        keys: &[KeyAt],
        nanos: u64,
    ) {
        let mut bytes = Vec::with_capacity(args.total_bytes());
        let spans = args.iter().map(|arg| {
            let start = bytes.len();
            bytes.extend_from_slice(arg);
            ArgSpan {
                start,
                len: arg.len(),
            }
        });
        let spans = spans.collect();
        self.session.again = Some(Box::new(Again {
            command,
            bytes: bytes.into(),
            spans,
            keys: keys.into(),
            nanos,
            waited: self.tools.after.waited,
        }));
    }

    /// Runs the session's request again, which finds `prepared` unless it comes from a wait. If it cannot run now it is left as it was, to be tried
    /// another time.
    #[cold]
    pub(crate) fn run_again(&mut self, prepared: Option<Box<dyn Slices>>) {
        let Some(again) = self.session.again.take() else {
            return;
        };
        let mark = self.outbox.mark();
        self.tools.reply_from = mark;
        self.tools.prepared = prepared;
        self.tools.earlier_nanos = again.nanos;
        self.tools.after.waited = again.waited;
        let args = Args::new(&again.bytes, &again.spans);
        let mut hold = Hold::default();
        let flow = self.run_alone(&mut hold, again.command, args, &again.keys);
        self.release(&mut hold);
        self.tools.earlier_nanos = 0;
        self.tools.after.waited = None;
        let prepared = self.tools.prepared.take();
        if let Flow::Parked(why) = flow {
            self.session.parked = Some(why);
            self.session.slices = prepared;
            self.session.again = Some(again);
            // What comes while it waits is looked at once it has run.
            self.session.has_requests = true;
            return;
        }
        if self.session.reply_mode != ReplyMode::On {
            self.apply_reply_mode(mark, flow, false);
        }
        if !self.worker.woken.is_empty() {
            self.deliver_to_itself(&mut hold);
        }
    }
}
