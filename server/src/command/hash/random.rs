//! `HRANDFIELD`.

use protocol::{Reply, Version};
use storage::listpack::Value;
use storage::typed::hash::{Draws, HashRef, Numbers, Shuffle, different, random_of};
use storage::typed::{CollectionRef, PackedRef, Packing};
use storage::{PinnedCollection, UnixMillis};

use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::output::{ReplySource, write_value};

/// `HRANDFIELD key [count [WITHVALUES]]`: a field; or up to `count` different ones; or any `-count`, the same again and
/// again if it comes to it.
pub(super) fn hrandfield(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() > 2 {
        return pick_many(ctx, args, Wanted::parse(args)?);
    }
    let key = ctx.key(args, 1);
    let random = ctx.worker.random();
    let hash = ctx.unit.hash(ctx.session.db, &key)?;
    match hash.and_then(|hash| hash.draw(random)) {
        Some((field, _)) => write_value(&mut ctx.reply, field),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// How many fields, and what of them.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    count: u64,
    /// Whether a field may be picked again.
    repeats: bool,
    with_values: bool,
}

impl Wanted {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let count = protocol::parse_i64(args.at(2)).ok_or(CommandError::NotInteger)?;
        if count == i64::MIN {
            return Err(CommandError::Line(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let with_values = args.is(3, "WITHVALUES");
        if args.len() > 4 || args.len() == 4 && !with_values {
            return Err(CommandError::Syntax);
        }
        if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(CommandError::Line("ERR value is out of range"));
        }
        Ok(Self {
            count: count.unsigned_abs(),
            repeats: count < 0,
            with_values,
        })
    }

    fn write_header(self, reply: &mut Reply<'_>, count: u64) {
        let flat = self.with_values && reply.version() == Version::Resp2;
        reply.array(count as usize * if flat { 2 } else { 1 });
    }

    fn write(self, reply: &mut Reply<'_>, (field, value): (Value<'_>, Value<'_>)) {
        if self.with_values && reply.version() == Version::Resp3 {
            reply.array(2);
        }
        write_value(reply, field);
        if self.with_values {
            write_value(reply, value);
        }
    }
}

fn pick_many(ctx: &mut Context<'_, '_>, args: Args<'_>, wanted: Wanted) -> CommandResult {
    let key = ctx.key(args, 1);
    let Some(hash) = ctx.unit.hash(ctx.session.db, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let numbers = hash.numbers();
    let mut count = wanted.count;
    if !wanted.repeats || numbers.is_empty() {
        count = count.min(numbers.len());
    }
    wanted.write_header(&mut ctx.reply, count);
    if count > ELEMENTS_MIN {
        let fields = match hash.collection() {
            CollectionRef::Packed(packed) => Fields::Packed(packed.bytes.into()),
            CollectionRef::Big(big) => Fields::Pinned(ctx.server.keyspace.pin(big)),
        };
        let picks = Picks {
            fields,
            now: hash.now(),
            wanted,
            order: Order::new(wanted, count, &numbers, ctx.worker.random()),
            numbers,
        };
        ctx.reply.rest_from(Box::new(picks));
        return Ok(());
    }
    let draws = hash.draws(&numbers);
    let places = if wanted.repeats {
        Vec::new()
    } else {
        different(count, numbers.len(), || ctx.worker.random())
    };
    for turn in 0..count as usize {
        let picked = match places.get(turn) {
            Some(place) => draws.get(*place),
            None => draws.any(ctx.worker.random()),
        };
        wanted.write(&mut ctx.reply, picked.expect("there is one for each turn"));
    }
    Ok(())
}

/// Many picks, made as the client takes them.
#[derive(Debug)]
struct Picks {
    fields: Fields,
    now: UnixMillis,
    numbers: Numbers,
    wanted: Wanted,
    order: Order,
}

/// Fields to pick from, whatever becomes of the key.
#[derive(Debug)]
enum Fields {
    Packed(Box<[u8]>),
    Pinned(PinnedCollection),
}

/// Which field comes when.
#[derive(Debug)]
struct Order {
    turn: u64,
    end: u64,
    /// Unless fields may come again.
    shuffle: Option<Shuffle>,
    seed: u64,
}

impl Order {
    fn new(wanted: Wanted, count: u64, numbers: &Numbers, seed: u64) -> Self {
        Self {
            turn: 0,
            end: count,
            shuffle: (!wanted.repeats).then(|| Shuffle::new(numbers.len(), seed)),
            seed,
        }
    }

    fn next<'a>(&mut self, draws: &Draws<'a, '_>) -> Option<(Value<'a>, Value<'a>)> {
        if self.turn == self.end {
            return None;
        }
        let turn = self.turn;
        self.turn += 1;
        match self.shuffle {
            Some(shuffle) => draws.get(shuffle.place(turn)),
            None => draws.any(random_of(self.seed, turn)),
        }
    }
}

impl ReplySource for Picks {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position() + bytes;
        let collection = match &self.fields {
            Fields::Packed(bytes) => CollectionRef::Packed(PackedRef {
                packing: Packing::Hash,
                bytes,
            }),
            Fields::Pinned(pin) => CollectionRef::Big(pin),
        };
        let hash = HashRef::of(collection, self.now);
        let draws = hash.draws(&self.numbers);
        while reply.position() < end {
            let Some(picked) = self.order.next(&draws) else {
                return false;
            };
            self.wanted.write(reply, picked);
        }
        true
    }

    fn held_bytes(&self) -> usize {
        let fields = match &self.fields {
            Fields::Packed(bytes) => bytes.len(),
            Fields::Pinned(pin) => pin.memory_bytes(),
        };
        fields + self.numbers.memory_bytes()
    }
}
