//! What stands in front of the keys of `XREAD` and `XREADGROUP`.

use storage::Key;

use super::budget::Caps;
use super::integer;
use crate::blocking::timeout;
use crate::command::{Args, CommandError, Context};

const GROUP_IN_XREAD: CommandError = CommandError::Line(
    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
);
const NOACK_IN_XREAD: CommandError = CommandError::Line(
    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
);
const CLAIM_IN_XREAD: CommandError = CommandError::Line(
    "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
);
const BAD_MIN_IDLE: CommandError =
    CommandError::Line("ERR min-idle-time is not an integer or out of range");
const NEGATIVE_MIN_IDLE: CommandError =
    CommandError::Line("ERR min-idle-time must be a positive integer");
const NO_GROUP: CommandError = CommandError::Line("ERR Missing GROUP option for XREADGROUP");

/// A group and one of its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader<'a> {
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
}

/// What stands in front of the keys, and where these are.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadOptions<'a> {
    /// Entries of each stream, at most.
    pub(super) most: u64,
    /// Of all streams together.
    pub(super) caps: Caps,
    /// For how long (in milliseconds) what others have pending must have been so to be delivered first, if it shall.
    pub(super) min_idle_ms: Option<i64>,
    /// That it waits, and until when (Unix milliseconds; `None`: for ever).
    pub(super) wait: Option<Option<i64>>,
    /// Who reads, unless it is `XREAD`.
    pub(super) reader: Option<Reader<'a>>,
    /// Whether what is delivered becomes pending.
    pub(super) needs_ack: bool,
    /// The first key's argument.
    first: usize,
    /// How many keys there are, and behind them as many IDs.
    pub(super) streams: usize,
}

impl<'a> ReadOptions<'a> {
    /// Reads the options of `XREAD`, or `for_group` those of `XREADGROUP`.
    pub(super) fn parse(
        args: Args<'a>,
        for_group: bool,
        now_ms: i64,
    ) -> Result<Self, CommandError> {
        let mut options = Self {
            most: u64::MAX,
            caps: Caps::default(),
            min_idle_ms: None,
            wait: None,
            reader: None,
            needs_ack: true,
            first: 0,
            streams: 0,
        };
        let mut at = 1;
        while at < args.len() {
            let more = args.len() - at - 1;
            if more > 0 && args.is(at, "STREAMS") {
                options.find_streams(args, at + 1, for_group)?;
                break;
            } else if more > 0 && args.is(at, "COUNT") {
                options.most = match integer(args.at(at + 1))? {
                    ..=0 => u64::MAX,
                    count => count.unsigned_abs(),
                };
                at += 2;
            } else if more > 0 && args.is(at, "MAXCOUNT") {
                options.caps.set_entries(integer(args.at(at + 1))?)?;
                at += 2;
            } else if more > 0 && args.is(at, "MAXSIZE") {
                options.caps.set_bytes(integer(args.at(at + 1))?)?;
                at += 2;
            } else if more > 0 && args.is(at, "CLAIM") {
                if !for_group {
                    return Err(CLAIM_IN_XREAD);
                }
                options.min_idle_ms = Some(min_idle_ms(args.at(at + 1))?);
                at += 2;
            } else if more > 0 && args.is(at, "BLOCK") {
                options.wait = Some(timeout::whole_milliseconds(args.at(at + 1), now_ms)?);
                at += 2;
            } else if more > 1 && args.is(at, "GROUP") {
                if !for_group {
                    return Err(GROUP_IN_XREAD);
                }
                let (group, consumer) = (args.at(at + 1), args.at(at + 2));
                options.reader = Some(Reader { group, consumer });
                at += 3;
            } else if args.is(at, "NOACK") {
                if !for_group {
                    return Err(NOACK_IN_XREAD);
                }
                options.needs_ack = false;
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.streams == 0 {
            return Err(CommandError::Syntax);
        }
        if for_group && options.reader.is_none() {
            return Err(NO_GROUP);
        }
        options
            .caps
            .check((options.most < u64::MAX).then_some(options.most))?;
        Ok(options)
    }

    fn find_streams(
        &mut self,
        args: Args<'_>,
        first: usize,
        for_group: bool,
    ) -> Result<(), CommandError> {
        let count = args.len() - first;
        if !count.is_multiple_of(2) {
            return Err(CommandError::Line(if for_group {
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
            } else {
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
            }));
        }
        (self.first, self.streams) = (first, count / 2);
        Ok(())
    }

    /// The key of stream number `number`.
    pub(super) fn key(&self, ctx: &Context<'_, '_>, args: Args<'a>, number: usize) -> Key<'a> {
        ctx.key(args, self.first + number)
    }

    /// What was given as the ID for stream number `number`.
    pub(super) fn id(&self, args: Args<'a>, number: usize) -> &'a [u8] {
        args.at(self.first + self.streams + number)
    }
}

fn min_idle_ms(text: &[u8]) -> Result<i64, CommandError> {
    match protocol::parse_i64(text).ok_or(BAD_MIN_IDLE)? {
        ..0 => Err(NEGATIVE_MIN_IDLE),
        min_idle_ms => Ok(min_idle_ms),
    }
}
