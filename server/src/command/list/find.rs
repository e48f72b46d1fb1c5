//! Commands that look for elements: `LPOS`, `LINSERT`, `LREM`.
//!
//! In a big list that takes long unless they lie near the end where the search begins. So after a first look it goes on
//! without any lock, in a pin. What is to be changed then is changed when the command runs again, if the list is what it
//! was; if not the command begins anew.

use protocol::Reply;
use storage::collection::Collection;
use storage::typed::{CollectionRef, End, Held, ListRef, ListRemoval, ListSearch};
use storage::{Keyspace, PinnedCollection, ValueType};

use super::{check_elements, integer};
use crate::command::bulk::{ATTEMPTS_MAX, Answered, Preparation, Steps, answer, prepare};
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::long_reply::ELEMENTS_MIN;
use crate::notify::EventClass;
use crate::output::{Output, ReplySource};
use crate::server::Server;

/// Elements that are looked at under the lock: about 200 µs.
const LOOK_AT_ONCE: usize = 16 * 1024;

/// What `LPOS` looks for beside the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    from: End,
    /// Matches to leave out.
    skipped: u64,
    /// Most matches to answer, 0 for all; `None`: only one, and not as an array.
    count: Option<u64>,
    /// Most elements to look at, 0 for all.
    compared: u64,
}

impl Wanted {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        const RANK_RANGE: CommandError = CommandError::Line(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        );
        const RANK_ZERO: CommandError = CommandError::Line(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
             negative to start from the end of the list",
        );
        let mut wanted = Wanted {
            from: End::Left,
            skipped: 0,
            count: None,
            compared: 0,
        };
        let mut at = 3;
        while at < args.len() {
            let value = args.get(at + 1).ok_or(CommandError::Syntax)?;
            if args.is(at, "RANK") {
                let rank = integer(value)?;
                wanted.skipped = match rank {
                    0 => return Err(RANK_ZERO),
                    i64::MIN => return Err(RANK_RANGE),
                    rank => rank.unsigned_abs() - 1,
                };
                wanted.from = if rank < 0 { End::Right } else { End::Left };
            } else if args.is(at, "COUNT") {
                wanted.count = Some(natural(value, "ERR COUNT can't be negative")?);
            } else if args.is(at, "MAXLEN") {
                wanted.compared = natural(value, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok(wanted)
    }
}

/// An argument that is an integer from 0 on.
fn natural(text: &[u8], error: &'static str) -> Result<u64, CommandError> {
    let number = protocol::parse_i64(text).and_then(|number| u64::try_from(number).ok());
    number.ok_or(CommandError::Line(error))
}

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`: where elements are that equal this one.
pub(super) fn lpos(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let wanted = Wanted::parse(args)?;
    let all_if_zero = |count: u64| if count == 0 { u64::MAX } else { count };
    let (from, compared) = (wanted.from, all_if_zero(wanted.compared));
    let (skipped, most) = (wanted.skipped, wanted.count.map_or(1, all_if_zero));
    let key = ctx.key(args, 1);
    let list = ctx.unit.list(ctx.session.db, &key)?;
    if let Some(list @ ListRef::Big(tree)) = list {
        let mut search = ListSearch::new(args.at(2), from, skipped, most, compared);
        let is_array = wanted.count.is_some();
        let at_once = if ctx.in_exec {
            usize::MAX
        } else {
            LOOK_AT_ONCE
        };
        if search.step(list, at_once) {
            let pin = ctx
                .server
                .keyspace
                .pin_clone(Collection::List(tree.clone()));
            let positions = Positions {
                pin,
                search,
                is_array,
            };
            answer(ctx, positions);
        } else {
            write_positions(&mut ctx.reply, search, is_array);
        }
        return Ok(());
    }
    let mut found = list
        .into_iter()
        .flat_map(|list| list.positions_of(args.at(2), from, compared))
        .skip(usize::try_from(skipped).unwrap_or(usize::MAX));
    if wanted.count.is_none() {
        match found.next() {
            Some(index) => ctx.reply.integer(index as i64),
            None => ctx.reply.null(),
        }
        return Ok(());
    }
    let header = ctx.reply.begin_deferred();
    let mut matches = 0;
    for index in found.take(usize::try_from(most).unwrap_or(usize::MAX)) {
        ctx.reply.integer(index as i64);
        matches += 1;
    }
    ctx.reply.end_deferred_array(header, matches);
    Ok(())
}

/// A long `LPOS` on its way.
#[derive(Debug)]
struct Positions {
    pin: PinnedCollection,
    search: ListSearch,
    is_array: bool,
}

impl Steps for Positions {
    fn step(&mut self, work: usize) -> bool {
        let list = ListRef::of(CollectionRef::Big(&self.pin));
        self.search.step(list, work)
    }
}

impl Answered for Positions {
    fn write(self, reply: &mut Output<'_>, _: &Server) {
        write_positions(reply, self.search, self.is_array);
    }
}

fn write_positions(reply: &mut Output<'_>, search: ListSearch, is_array: bool) {
    if !is_array {
        match search.get(0) {
            Some(index) => reply.integer(index as i64),
            None => reply.null(),
        }
        return;
    }
    reply.array(search.len());
    let mut rest = FoundPositions { search, next: 0 };
    if rest.search.len() as u64 > ELEMENTS_MIN {
        reply.rest_from(Box::new(rest));
    } else {
        rest.write_some(reply, usize::MAX);
    }
}

/// What has been found and is still to be written.
#[derive(Debug)]
struct FoundPositions {
    search: ListSearch,
    next: usize,
}

impl ReplySource for FoundPositions {
    fn write_some(&mut self, reply: &mut Reply<'_>, bytes: usize) -> bool {
        let end = reply.position().saturating_add(bytes);
        while reply.position() < end {
            let Some(index) = self.search.get(self.next) else {
                return false;
            };
            reply.integer(index as i64);
            self.next += 1;
        }
        self.next < self.search.len()
    }

    fn held_bytes(&self) -> usize {
        self.search.memory_bytes()
    }
}

/// `LINSERT key BEFORE|AFTER pivot element`: adds an element beside the first one that equals `pivot`.
pub(super) fn linsert(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let behind = if args.is(2, "AFTER") {
        1
    } else if args.is(2, "BEFORE") {
        0
    } else {
        return Err(CommandError::Syntax);
    };
    check_elements(args, 4)?;
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let prepared = ctx.take_prepared::<Preparation<PivotSearch>>();
    let attempts = prepared.as_ref().map_or(0, |prepared| prepared.attempts);
    let current = prepared.filter(|prepared| ctx.unit.still_holds(db, &key, &prepared.work.held));
    let pivot = if let Some(prepared) = current {
        prepared.work.search.get(0)
    } else {
        let Some(list) = ctx.unit.list_to_change(db, &key)? else {
            ctx.reply.integer(0);
            return Ok(());
        };
        match list {
            ListRef::Packed(_) => list.positions_of(args.at(3), End::Left, u64::MAX).next(),
            ListRef::Big(_) => {
                let mut search = ListSearch::new(args.at(3), End::Left, 0, 1, u64::MAX);
                let at_once = if may_prepare(ctx.in_exec, attempts) {
                    LOOK_AT_ONCE
                } else {
                    usize::MAX
                };
                if search.step(list, at_once) {
                    let held = ctx.unit.hold_value_again(db, &key, ValueType::List)?;
                    prepare(ctx, PivotSearch { held, search }, attempts);
                    return Ok(());
                }
                search.get(0)
            }
        }
    };
    let limits = &ctx.config.limits;
    let edited = ctx.unit.edit_list(db, &key, limits, |list| {
        list.expect(args.at(4));
        pivot.map(|pivot| {
            list.insert(pivot + behind, args.at(4));
            list.list().len()
        })
    })?;
    let Some(len) = edited.result else {
        ctx.reply.integer(-1);
        return Ok(());
    };
    ctx.notify(EventClass::LIST, "linsert", key.bytes);
    ctx.reply.integer(len as i64);
    Ok(())
}

fn may_prepare(in_exec: bool, attempts: u32) -> bool {
    !in_exec && attempts < ATTEMPTS_MAX
}

/// A long `LINSERT` on its way.
#[derive(Debug)]
struct PivotSearch {
    held: Held,
    search: ListSearch,
}

impl Steps for PivotSearch {
    fn step(&mut self, work: usize) -> bool {
        let list = self.held.content().map(ListRef::of);
        list.is_some_and(|list| self.search.step(list, work))
    }
}

/// `LREM key count element`: removes elements that equal this one, the first `count`, the last `-count`, or with 0 all.
pub(super) fn lrem(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let count = integer(args.at(2))?;
    let from = if count < 0 { End::Right } else { End::Left };
    let most = match count.unsigned_abs() {
        0 => u64::MAX,
        count => count,
    };
    let (db, key) = (ctx.db(), ctx.key(args, 1));
    let prepared = ctx.take_prepared::<Preparation<ListRemoval>>();
    let attempts = prepared.as_ref().map_or(0, |prepared| prepared.attempts);
    let list = ctx.unit.list_to_change(db, &key)?;
    let mut current =
        prepared.filter(|prepared| list.is_some_and(|list| prepared.work.is_of(list)));
    if current.is_none()
        && may_prepare(ctx.in_exec, attempts)
        && let Some(list) = list
        && let Some(removal) = long_removal(list, args.at(3), from, most, &ctx.server.keyspace)
    {
        prepare(ctx, removal, attempts);
        return Ok(());
    }
    let limits = &ctx.config.limits;
    let edited = ctx
        .unit
        .edit_list(db, &key, limits, |list| match &mut current {
            Some(prepared) => list.finish_removal(&mut prepared.work),
            None => list.remove_equal(args.at(3), from, most),
        })?;
    if edited.result > 0 {
        ctx.notify(EventClass::LIST, "lrem", key.bytes);
    }
    if edited.is_gone {
        ctx.notify(EventClass::GENERIC, "del", key.bytes);
    }
    ctx.reply.integer(edited.result as i64);
    Ok(())
}

/// The removal of elements from a big list, if they are not all found at the first look.
fn long_removal(
    list: ListRef<'_>,
    element: &[u8],
    from: End,
    most: u64,
    keyspace: &Keyspace,
) -> Option<ListRemoval> {
    let ListRef::Big(tree) = list else {
        return None;
    };
    let mut search = ListSearch::new(element, from, 0, most, u64::MAX);
    if list.len() <= LOOK_AT_ONCE as u64 || !search.step(list, LOOK_AT_ONCE) {
        return None;
    }
    let pin = keyspace.pin_clone(Collection::List(tree.clone()));
    ListRemoval::new(pin, element, from, most)
}

impl Steps for ListRemoval {
    fn step(&mut self, work: usize) -> bool {
        ListRemoval::step(self, work)
    }
}
