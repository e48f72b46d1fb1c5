//! `SORT` and `SORT_RO`: the elements of a list, set or sorted set, in the order of themselves or of other keys.

mod elements;
mod options;
mod order;
mod pattern;
mod runs;
mod slices;

use storage::typed::{CollectionRef, Held, ListBuilder};
use storage::{Key, ValueType};

use crate::command::bulk::ATTEMPTS_MAX;
use crate::command::keys::KeyPositions;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

use elements::{Elements, Share};
use options::SortOptions;
use order::{Order, Sorting};
use pattern::look_up;
use slices::SortSlices;

pub(crate) use options::names_other_keys;

/// More elements than these are not sorted under the lock, where that can be avoided.
const ELEMENTS_MAX: u64 = 4096;
/// Nor are more values than these looked up there.
const VALUES_MAX: usize = 16 * 1024;

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
    mut options: SortOptions<&[u8]>,
) -> CommandResult {
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let attempts = match ctx.take_prepared::<SortSlices>() {
        None => 0,
        Some(mut prepared) => {
            if prepared.is_current(ctx, &key) {
                return prepared.finish(ctx, args);
            }
            let attempts = prepared.attempts;
            ctx.after_unit(move |_| drop(prepared));
            attempts
        }
    };
    let entry = match attempts {
        0 => ctx.unit.find(db, &key),
        _ => ctx.unit.peek(db, &key),
    };
    let mut elements = Elements::default();
    let (mut value_type, mut len) = (ValueType::List, 0);
    if let Some(entry) = entry {
        value_type = entry.value_type();
        let is_sorted = matches!(
            value_type,
            ValueType::List | ValueType::Set | ValueType::SortedSet
        );
        let collection = entry
            .collection()
            .filter(|_| is_sorted)
            .ok_or(CommandError::WrongType)?;
        if value_type == ValueType::Set && options.destination.is_some() {
            options.order_what_has_none();
        }
        len = collection.len();
        let share = Share::new(&options, value_type, len);
        let is_exact = attempts < ATTEMPTS_MAX;
        // What is stored has to be exact.
        let may_wait = !ctx.in_exec && (is_exact || options.destination.is_none());
        let is_big = share.loaded.end - share.loaded.start > ELEMENTS_MAX;
        let values = share.answered.len().saturating_mul(options.gets.len());
        let is_long = match collection {
            CollectionRef::Big(_) => is_big || values > VALUES_MAX,
            // To go on in the middle takes going through what lies before.
            CollectionRef::Packed(_) => !is_big && values > VALUES_MAX,
        };
        if is_long && may_wait {
            let source = Held::of(Some(collection), &ctx.server.keyspace);
            let slices = SortSlices::new(ctx, source, share, &options, attempts + 1, is_exact);
            ctx.prepare_in_slices(slices);
            return Ok(());
        }
        elements.load(collection, share.loaded);
    }
    let share = Share::new(&options, value_type, len);
    let order = Order::new(&options, share.is_reversed);
    let mut sorting = Sorting::new(order, options.descending);
    for element in elements.iter() {
        sorting.add(element, |element| {
            let by = options.weights()?;
            look_up(ctx.unit, db, by, element)
        })?;
    }
    sorting.check()?;
    for _ in 0..share.answered.start {
        sorting.next();
    }
    match options.destination {
        None => reply(ctx, &options, sorting, share.answered.len()),
        Some(at) => {
            let list = collect(ctx, &options, sorting, share.answered.len());
            store(ctx, list, &ctx.key(args, at));
        }
    }
    Ok(())
}

fn reply(
    ctx: &mut Context<'_, '_>,
    options: &SortOptions<&[u8]>,
    mut sorting: Sorting,
    count: usize,
) {
    let db = ctx.db();
    ctx.reply.array(count * options.gets.len().max(1));
    for _ in 0..count {
        let Some(element) = sorting.next() else {
            return;
        };
        if options.gets.is_empty() {
            ctx.reply.bulk(element);
        }
        for pattern in &options.gets {
            let value = look_up(ctx.unit, db, pattern, element);
            ctx.reply.bulk_or_null(value.as_deref());
        }
    }
}

/// What is to be stored.
fn collect(
    ctx: &mut Context<'_, '_>,
    options: &SortOptions<&[u8]>,
    mut sorting: Sorting,
    count: usize,
) -> ListBuilder {
    let db = ctx.db();
    let mut list = ListBuilder::new(&ctx.config.limits, &ctx.server.keyspace);
    for _ in 0..count {
        let Some(element) = sorting.next() else {
            break;
        };
        if options.gets.is_empty() {
            list.push(element);
        }
        for pattern in &options.gets {
            // What is missing is stored as an empty string.
            let value = look_up(ctx.unit, db, pattern, element);
            list.push(value.as_deref().unwrap_or_default());
        }
    }
    list
}

/// Stores `list` at `destination`, whatever was there, announces it and answers the number of elements. Of an empty one
/// nothing is stored.
fn store(ctx: &mut Context<'_, '_>, list: ListBuilder, destination: &Key<'_>) {
    let (db, len) = (ctx.db(), list.len());
    let was_there = ctx.unit.peek(db, destination).is_some();
    if ctx.unit.set_collection(db, destination, list.finish()) {
        ctx.notify(EventClass::LIST, "sortstore", destination.bytes);
    } else if was_there {
        ctx.notify(EventClass::GENERIC, "del", destination.bytes);
    }
    ctx.reply.integer(len as i64);
}
