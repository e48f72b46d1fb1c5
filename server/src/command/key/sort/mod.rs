//! `SORT` and `SORT_RO`: the elements of a list, set or sorted set, in the order of themselves or of other keys.

mod elements;
mod options;
mod order;
mod pattern;
mod slices;

use storage::{Key, ValueType};

use crate::command::keys::KeyPositions;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

use elements::load;
use options::SortOptions;
use pattern::{Pattern, look_up};
use slices::SortSlices;

pub(crate) use options::names_other_keys;

/// More elements than these are not sorted under the lock, where that can be avoided.
const ELEMENTS_MAX: u64 = 4096;

/// Where the destination of `STORE` stands.
pub(super) fn destination(args: Args<'_>, found: &mut KeyPositions) {
    if let Some(at) = options::destination(args) {
        found.push(at as u32);
    }
}

/// Keys that derive from what is sorted cannot be named.
pub(super) fn derived_keys(_args: Args<'_>, _found: &mut KeyPositions) {}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA] [STORE destination]`.
pub(super) fn sort(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    sort_with(ctx, args, SortOptions::parse(args, true)?)
}

/// `SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA]`.
pub(super) fn sort_ro(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    sort_with(ctx, args, SortOptions::parse(args, false)?)
}

fn sort_with(
    ctx: &mut Context<'_, '_>,
    args: Args<'_>,
    mut options: SortOptions<'_>,
) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let elements = match ctx.unit.find(db, &key) {
        None => Vec::new(),
        Some(entry) => {
            let value_type = entry.value_type();
            let collection = entry
                .collection()
                .filter(|_| {
                    matches!(
                        value_type,
                        ValueType::List | ValueType::Set | ValueType::SortedSet
                    )
                })
                .ok_or(CommandError::WrongType)?;
            if value_type == ValueType::Set && options.destination.is_some() {
                options.order_what_has_none();
            }
            if let Some(pin) = slices::pin_if_long(collection, &options, ctx.in_exec, ctx.server) {
                let slices = SortSlices::new(pin, &options, ctx.reply.version());
                ctx.continue_in_slices(slices);
                return Ok(());
            }
            load(collection, &options)
        }
    };
    let sorted = order::sort(elements, &options, &mut |pattern, element| {
        look_up(ctx.unit, db, pattern, element)
    })?;
    match options.destination {
        None => reply(ctx, &options, &sorted),
        Some(at) => store(ctx, &options, &sorted, &ctx.key(args, at)),
    }
    Ok(())
}

fn reply(ctx: &mut Context<'_, '_>, options: &SortOptions<'_>, sorted: &[Vec<u8>]) {
    let db = ctx.db();
    ctx.reply.array(sorted.len() * options.gets.len().max(1));
    for element in sorted {
        if options.gets.is_empty() {
            ctx.reply.bulk(element);
        }
        for pattern in &options.gets {
            let value = look_up(ctx.unit, db, pattern, element);
            ctx.reply.bulk_or_null(value.as_deref());
        }
    }
}

fn store(
    ctx: &mut Context<'_, '_>,
    options: &SortOptions<'_>,
    sorted: &[Vec<u8>],
    destination: &Key<'_>,
) {
    let db = ctx.db();
    let found: Vec<Vec<u8>>;
    let elements = if options.gets.is_empty() {
        sorted
    } else {
        let value_of = |(element, pattern): (&Vec<u8>, &Pattern<'_>)| {
            // What is missing is stored as an empty string.
            look_up(ctx.unit, db, pattern, element).unwrap_or_default()
        };
        let pairs = sorted
            .iter()
            .flat_map(|element| options.gets.iter().map(move |pattern| (element, pattern)));
        found = pairs.map(value_of).collect();
        &found
    };
    let list = ctx.unit.list_of(
        elements.iter().map(|element| &element[..]),
        &ctx.config.limits,
    );
    let was_there = ctx.unit.peek(db, destination).is_some();
    if ctx.unit.set_collection(db, destination, list) {
        ctx.notify(EventClass::LIST, "sortstore", destination.bytes);
    } else if was_there {
        ctx.notify(EventClass::GENERIC, "del", destination.bytes);
    }
    ctx.reply.integer(elements.len() as i64);
}
