//! Parsing ahead: several requests at a time, so that their keys are hashed and prefetched before the first runs.

use protocol::{ArgSpan, Limits, Progress, ProtocolError};
use storage::KeyHash;

use crate::command::keys::KeyAt;
use crate::command::table::{Lookup, Registered};
use crate::command::{Args, Elements, Flags};
use crate::server::Server;
use crate::session::{Close, Session};

use super::{Executor, Flow, Hold};

/// Most requests parsed ahead.
const REQUESTS_MAX: usize = 32;
/// With more keys no batch is brief.
const BRIEF_KEYS_MAX: usize = 64;
/// Most elements of collections that are loaded ahead for a batch: what is asked for has to stay in the nearest cache.
const ELEMENTS_AHEAD_MAX: usize = 64;
/// Scratch buffers above these sizes are given back after the batch.
const SPANS_KEPT: usize = 4096;

/// Requests parsed but not yet run; a worker keeps one per stage and one for requests that wait in a session, and uses
/// them again and again.
#[derive(Default)]
pub(crate) struct Batch {
    requests: Vec<Request>,
    spans: Vec<ArgSpan>,
    keys: Vec<KeyAt>,
    recent: Recent,
    /// See [`Batch::is_brief`].
    is_brief: bool,
    ahead: ElementsAhead,
    /// Why parsing stopped, while nobody has run the requests yet.
    parsed: Option<ParseEnd>,
}

/// The command that was looked up last: clients mostly send the same again.
#[derive(Default)]
struct Recent {
    /// Its name as the client wrote it.
    name: [u8; Recent::NAME_LEN_MAX],
    len: usize,
    command: Option<&'static Registered>,
}

impl Recent {
    /// Longer names are looked up each time.
    const NAME_LEN_MAX: usize = 8;

    /// The command that `args` name.
    #[inline]
    fn lookup(&mut self, server: &Server, args: Args<'_>) -> Lookup {
        let name = args.at(0);
        if let Some(command) = self.command
            && self.name[..self.len] == *name
        {
            return Lookup::Known(command);
        }
        self.look_up_anew(server, args)
    }

    fn look_up_anew(&mut self, server: &Server, args: Args<'_>) -> Lookup {
        let (name, lookup) = (args.at(0), server.find_command(args));
        if let Lookup::Known(command) = &lookup
            && name.len() <= Self::NAME_LEN_MAX
            && command.is_whole_name()
        {
            self.name[..name.len()].copy_from_slice(name);
            self.len = name.len();
            self.command = Some(command);
        }
        lookup
    }
}

/// Whether it pays to load elements ahead: only in big collections. Where the last try found none, the next ones are left
/// out, so that it costs next to nothing where there are none.
#[derive(Default)]
pub(crate) struct ElementsAhead {
    /// How many more tries are left out.
    pause: u8,
}

impl ElementsAhead {
    const PAUSE: u8 = 15;

    /// Whether to try now.
    #[inline]
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.pause == 0;
        self.pause = self.pause.saturating_sub(1);
        is_due
    }

    /// Notes whether a try found big collections.
    #[inline]
    pub(crate) fn note(&mut self, found: bool) {
        self.pause = if found { 0 } else { Self::PAUSE };
    }
}

/// One parsed request.
struct Request {
    /// Where it begins in the input; its spans count from here.
    start: usize,
    end: usize,
    spans_end: usize,
    keys_end: usize,
    lookup: Lookup,
}

impl Request {
    fn is_brief(&self) -> bool {
        let Lookup::Known(command) = self.lookup else {
            return false;
        };
        command.row.flags.any(Flags::FAST.and(Flags::BRIEF))
    }
}

/// How far a run through an input got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    /// Bytes of the input that are done with.
    pub(crate) bytes: usize,
    /// Whether what is left may hold whole requests: something other than missing bytes stopped the run.
    pub(crate) stopped: bool,
}

/// Why parsing stopped.
enum ParseEnd {
    /// The batch is full or the input used up.
    Enough,
    /// The last request is not all there.
    Incomplete,
    /// A request with quotes, whose arguments do not stand in the input.
    Quoted {
        consumed: usize,
        args: Vec<Vec<u8>>,
    },
    Malformed(ProtocolError),
}

impl Batch {
    /// Parses the first requests of `input` ahead of [`Executor::run`], which must then be given the same input.
    pub(crate) fn parse_first(
        &mut self,
        server: &Server,
        session: &mut Session,
        limits: &Limits,
        input: &[u8],
    ) {
        let end = self.fill(server, session, limits, input, 0);
        let is_all = match end {
            ParseEnd::Enough => self
                .requests
                .last()
                .is_some_and(|last| last.end == input.len()),
            ParseEnd::Incomplete => true,
            ParseEnd::Quoted { .. } | ParseEnd::Malformed(_) => false,
        };
        self.is_brief = is_all
            && self.keys.len() <= BRIEF_KEYS_MAX
            && self.requests.iter().all(Request::is_brief);
        self.parsed = Some(end);
    }

    /// Forgets what was parsed ahead.
    pub(crate) fn forget(&mut self) {
        self.clear();
        self.parsed = None;
    }

    /// Whether what was parsed ahead is the whole input, and nothing in it takes long.
    pub(crate) fn is_brief(&self) -> bool {
        self.is_brief
    }

    /// Where the keys of the parsed requests live.
    pub(crate) fn hashes(&self) -> impl ExactSizeIterator<Item = KeyHash> + Clone {
        self.keys.iter().map(|key| key.hash)
    }

    /// The first elements that the parsed requests name, each with its collection's key. `input` is what was parsed.
    pub(crate) fn elements<'b>(
        &'b self,
        input: &'b [u8],
    ) -> impl Iterator<Item = (KeyHash, &'b [u8])> {
        let (mut spans_from, mut keys_from) = (0, 0);
        let elements = self.requests.iter().flat_map(move |request| {
            let spans = &self.spans[spans_from..request.spans_end];
            let key = self.keys[keys_from..request.keys_end].first();
            (spans_from, keys_from) = (request.spans_end, request.keys_end);
            let args = Args::new(&input[request.start..], spans);
            let elements = match request.lookup {
                Lookup::Known(command) => command.row.elements,
                _ => Elements::None,
            };
            key.into_iter().flat_map(move |key| {
                let names = elements.of(args.len());
                names.map(move |at| (key.hash, args.at(at)))
            })
        });
        elements.take(ELEMENTS_AHEAD_MAX)
    }

    fn clear(&mut self) {
        self.is_brief = false;
        self.requests.clear();
        self.spans.clear();
        self.keys.clear();
        if self.spans.capacity() > SPANS_KEPT {
            self.spans = Vec::new();
        }
        if self.keys.capacity() > SPANS_KEPT {
            self.keys = Vec::new();
        }
    }

    /// Parses from `input[from..]` until there is no more or the batch is full.
    fn fill(
        &mut self,
        server: &Server,
        session: &mut Session,
        limits: &Limits,
        input: &[u8],
        from: usize,
    ) -> ParseEnd {
        self.clear();
        let mut start = from;
        // Commands before authentication may change the limits of those behind them.
        let max = if limits.authenticated {
            REQUESTS_MAX
        } else {
            1
        };
        while start < input.len() && self.requests.len() < max {
            let first_span = self.spans.len();
            match session
                .parser
                .parse(&input[start..], limits, &mut self.spans)
            {
                Ok(Progress::Complete { consumed }) => {
                    let end = start + consumed;
                    self.add(server, input, start, end, first_span);
                    start = end;
                }
                Ok(Progress::Incomplete) => return ParseEnd::Incomplete,
                Ok(Progress::Inline { consumed, args }) => {
                    return ParseEnd::Quoted { consumed, args };
                }
                Err(error) => return ParseEnd::Malformed(error),
            }
        }
        ParseEnd::Enough
    }

    /// Starts loading what the lookups of several keys will read, so that they do not wait one after the other.
    #[inline]
    fn warm(&mut self, server: &Server, session: &Session, input: &[u8]) {
        if self.keys.len() > 1 {
            let (keyspace, db) = (&server.keyspace, session.db);
            keyspace.warm_table(db, self.hashes());
            keyspace.warm_entries(db, self.hashes());
            if self.ahead.is_due() {
                let found = keyspace.warm_elements(db, self.elements(input));
                self.ahead.note(found);
            }
        }
    }

    /// Looks the command up and the keys' places, as early as possible before it runs.
    #[inline]
    fn add(&mut self, server: &Server, input: &[u8], start: usize, end: usize, first_span: usize) {
        let args = Args::new(&input[start..], &self.spans[first_span..]);
        let lookup = if args.len() == 0 {
            Lookup::Unknown
        } else {
            self.recent.lookup(server, args)
        };
        add_keys(server, &lookup, args, &mut self.keys);
        self.requests.push(Request {
            start,
            end,
            spans_end: self.spans.len(),
            keys_end: self.keys.len(),
            lookup,
        });
    }
}

#[inline]
fn add_keys(server: &Server, lookup: &Lookup, args: Args<'_>, keys: &mut Vec<KeyAt>) {
    if let Lookup::Known(command) = lookup
        && command.row.arity.admits(args.len())
    {
        let hasher = server.keyspace.hasher();
        command.row.keys.each(args, &mut |arg| {
            let hash = hasher.hash(args.at(arg));
            keys.push(KeyAt {
                arg: arg as u32,
                hash,
            });
        });
    }
}

impl<'e> Executor<'_, 'e> {
    /// Runs the whole requests in `input`, in order, until it ends or something stops the run. The first ones may
    /// have been parsed already.
    pub(crate) fn run(&mut self, input: &[u8], limits: &Limits, batch: &mut Batch) -> Consumed {
        let mut bytes = 0;
        let mut hold = Hold::default();
        loop {
            let end = batch.parsed.take().unwrap_or_else(|| {
                let limits = self.session.limits(self.config, limits);
                let end = batch.fill(self.server, self.session, &limits, input, bytes);
                batch.warm(self.server, self.session, input);
                // Not the next command's time.
                self.stopwatch.lap();
                end
            });
            let consumed = self.run_batch(&mut hold, input, bytes, batch);
            self.release(&mut hold);
            if consumed.stopped {
                // The parser may know of a later, incomplete request; the next run begins at this one.
                self.session.parser.reset();
                return consumed;
            }
            bytes = consumed.bytes;
            match end {
                ParseEnd::Enough if bytes < input.len() => {}
                ParseEnd::Enough | ParseEnd::Incomplete => {
                    return Consumed {
                        bytes,
                        stopped: false,
                    };
                }
                ParseEnd::Quoted { consumed, args } => {
                    if let Some(stopped) = self.run_quoted(&args) {
                        let bytes = if matches!(stopped, Flow::Sliced | Flow::Blocked) {
                            bytes + consumed
                        } else {
                            bytes
                        };
                        return Consumed {
                            bytes,
                            stopped: true,
                        };
                    }
                    bytes += consumed;
                }
                ParseEnd::Malformed(error) => {
                    self.refuse_protocol(error);
                    return Consumed {
                        bytes: input.len(),
                        stopped: true,
                    };
                }
            }
        }
    }

    fn run_batch(
        &mut self,
        hold: &mut Hold<'e>,
        input: &[u8],
        from: usize,
        batch: &Batch,
    ) -> Consumed {
        let (mut bytes, mut spans, mut keys) = (from, 0, 0);
        for request in &batch.requests {
            let args = Args::new(
                &input[request.start..],
                &batch.spans[spans..request.spans_end],
            );
            let keys_of_it = &batch.keys[keys..request.keys_end];
            (spans, keys) = (request.spans_end, request.keys_end);
            // An empty request (`*0`, an empty line) asks for nothing and gets nothing.
            let flow = if args.len() == 0 {
                Flow::Next
            } else {
                self.run_one(hold, &request.lookup, args, keys_of_it)
            };
            match flow {
                Flow::Next => bytes = request.end,
                Flow::Sliced | Flow::Blocked => {
                    return Consumed {
                        bytes: request.end,
                        stopped: true,
                    };
                }
                Flow::Close | Flow::Parked(_) => {
                    return Consumed {
                        bytes,
                        stopped: true,
                    };
                }
            }
            if self.output_is_full() {
                return Consumed {
                    bytes,
                    stopped: true,
                };
            }
        }
        Consumed {
            bytes,
            stopped: false,
        }
    }

    /// Runs one request; the way for requests of every origin.
    fn run_one(
        &mut self,
        hold: &mut Hold<'e>,
        lookup: &Lookup,
        args: Args<'_>,
        keys: &[KeyAt],
    ) -> Flow {
        if self.session.close != Close::No || self.session.is_killed() {
            return Flow::Close;
        }
        let flow = self.run_command(hold, lookup, args, keys);
        if let Flow::Parked(why) = flow {
            self.session.parked = Some(why);
        }
        flow
    }

    /// An inline request with quotes: its arguments become a request of their own.
    #[cold]
    fn run_quoted(&mut self, args: &[Vec<u8>]) -> Option<Flow> {
        let mut spans = Vec::with_capacity(args.len());
        let mut start = 0;
        for arg in args {
            spans.push(ArgSpan {
                start,
                len: arg.len(),
            });
            start += arg.len();
        }
        let bytes = args.concat();
        let args = Args::new(&bytes, &spans);
        if args.len() == 0 {
            return None;
        }
        let lookup = self.server.find_command(args);
        let mut keys = Vec::new();
        add_keys(self.server, &lookup, args, &mut keys);
        let mut hold = Hold::default();
        let flow = self.run_one(&mut hold, &lookup, args, &keys);
        self.release(&mut hold);
        (flow != Flow::Next).then_some(flow)
    }

    #[cold]
    fn refuse_protocol(&mut self, error: ProtocolError) {
        tracing::debug!(
            "Protocol error ({error}) from client {}",
            self.session.client.addr
        );
        self.outbox
            .reply(self.session.version)
            .protocol_error(error);
        self.count_error("ERR");
        self.session.close_after_reply();
    }
}
