//! `GEOSEARCH`, `GEOSEARCHSTORE`, and their older forms.

use protocol::Reply;
use storage::geo::Point;
use storage::listpack::Value;
use storage::typed::sorted_set::{
    GeoHit, GeoOrder, GeoSearch, Pair, SortedSetRef, content_of, sort, sorted_set_of,
};
use storage::typed::{Content, PackedLimit};
use storage::{ElementHasher, Key, ValueType};

use super::query::{Destination, Form, Query, Shown};
use super::reply::{write_distance, write_point};
use super::slices::{GeoSlices, StoreSearch};
use crate::command::bulk::{ATTEMPTS_MAX, Preparation, prepare};
use crate::command::sorted_set::store::store;
use crate::command::{Args, CommandResult, Context};
use crate::output::write_value;

/// `GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit [ASC |
/// DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`, or `BYPOLYGON num-vertices longitude latitude ...` in
/// place of centre and size: the members inside a shape.
pub(super) fn geosearch(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    search(ctx, args, Form::Search)
}

/// `GEOSEARCHSTORE destination source`, and what [`geosearch`] takes, with `STOREDIST` in place of `WITH...`: stores the
/// members inside a shape.
pub(super) fn geosearchstore(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    search(ctx, args, Form::SearchStore)
}

/// `GEORADIUS key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC |
/// DESC] [STORE key | STOREDIST key]`.
pub(super) fn georadius(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    search(ctx, args, Form::Radius { stores: true })
}

/// As [`georadius`], without `STORE` and `STOREDIST`.
pub(super) fn georadius_ro(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    search(ctx, args, Form::Radius { stores: false })
}

/// `GEORADIUSBYMEMBER key member radius M | KM | FT | MI`, and the options of [`georadius`].
pub(super) fn georadiusbymember(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    search(ctx, args, Form::RadiusByMember { stores: true })
}

/// As [`georadiusbymember`], without `STORE` and `STOREDIST`.
pub(super) fn georadiusbymember_ro(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    search(ctx, args, Form::RadiusByMember { stores: false })
}

/// A search that takes more than this is done in slices, where that can be: about 200 µs.
const EFFORT_AT_ONCE: u64 = 32 * 1024;

fn search(ctx: &mut Context<'_, '_>, args: Args<'_>, form: Form) -> CommandResult {
    let (db, source) = (ctx.db(), ctx.key(args, form.source()));
    let prepared = ctx.take_prepared::<Preparation<StoreSearch>>();
    let attempts = prepared.as_ref().map_or(0, |prepared| prepared.attempts);
    if let Some(prepared) = prepared
        && ctx.unit.still_holds(db, &source, prepared.work.held())
    {
        store_found(ctx, args, form, prepared.work);
        return Ok(());
    }
    // The type is checked before the arguments, as in Redis.
    let set = match attempts {
        0 => ctx.unit.sorted_set(db, &source)?,
        _ => ctx.unit.sorted_set_to_change(db, &source)?,
    };
    let query = Query::parse(args, form, set)?;
    let wanted = set.zip(query.search.as_ref());
    if let Some(destination) = query.destination {
        let stored = Stored {
            destination,
            metres: query.shown.metres,
        };
        let may_prepare = !ctx.in_exec && attempts < ATTEMPTS_MAX;
        let effort = match wanted.and_then(|(set, _)| set.big()) {
            Some(_) if may_prepare => EFFORT_AT_ONCE,
            _ => u64::MAX,
        };
        let hasher = ctx.server.keyspace.hasher().elements();
        let limit = ctx.config.limits.sorted_set;
        match (found(wanted, effort, &stored, limit, hasher), query.search) {
            (None, Some(search)) => prepare_store(ctx, &source, search, stored, attempts)?,
            (result, _) => {
                let (content, count) = result.expect("what is not there takes no effort");
                let key = ctx.key(args, destination.key);
                store(ctx, &key, content, count, form.event());
            }
        }
        return Ok(());
    }
    let Some((set, search)) = wanted else {
        ctx.reply.array(0);
        return Ok(());
    };
    let big = set.big().filter(|_| !ctx.in_exec);
    let effort = big.map_or(u64::MAX, |_| EFFORT_AT_ONCE);
    if let Some(hits) = set.geo_search(search, effort) {
        ctx.reply.array(hits.len());
        hits.for_each(|hit| write_hit(&mut ctx.reply, &hit, query.shown));
    } else if let Some(big) = big {
        let pin = ctx.server.keyspace.pin(big);
        let slices = GeoSlices::new(pin, set.hasher(), search, query.shown);
        ctx.continue_in_slices(slices);
    }
    Ok(())
}

/// How a result is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) destination: Destination,
    /// Metres of the unit of distances.
    pub(super) metres: f64,
}

impl Stored {
    /// The score that a member gets.
    pub(super) fn score(&self, score: f64, distance: f64) -> f64 {
        if self.destination.of_distances {
            distance / self.metres
        } else {
            score
        }
    }
}

/// What a search finds, to be stored, and how many members that are. `None`: it takes more than `effort`.
fn found(
    wanted: Option<(SortedSetRef<'_>, &GeoSearch)>,
    effort: u64,
    stored: &Stored,
    limit: PackedLimit,
    hasher: ElementHasher,
) -> Option<(Content<'static>, u64)> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    if let Some((set, search)) = wanted {
        let hits = set.geo_search(search, effort)?;
        pairs.extend(hits.map(|hit| (hit.member, stored.score(hit.score, hit.distance))));
        sort(&mut pairs);
    }
    let content = sorted_set_of(pairs.iter().copied(), limit, hasher);
    Some((content, pairs.len() as u64))
}

/// Has a long search done for a command that stores its result when it runs again.
fn prepare_store(
    ctx: &mut Context<'_, '_>,
    source: &Key<'_>,
    mut search: GeoSearch,
    stored: Stored,
    attempts: u32,
) -> CommandResult {
    let db = ctx.db();
    let held = ctx
        .unit
        .hold_value_again(db, source, ValueType::SortedSet)?;
    if search.count.is_none() {
        // It is sorted by scores in the end.
        search.order = GeoOrder::Found;
    }
    let work = StoreSearch::new(held, &search, stored, &ctx.server.keyspace);
    prepare(ctx, work, attempts);
    Ok(())
}

/// Stores what a long search has found.
fn store_found(ctx: &mut Context<'_, '_>, args: Args<'_>, form: Form, work: StoreSearch) {
    let key = ctx.key(args, work.stored.destination.key);
    let tree = work.finish();
    let count = tree.len();
    let hasher = ctx.server.keyspace.hasher().elements();
    let content = content_of(tree, ctx.config.limits.sorted_set, hasher);
    store(ctx, &key, content, count, form.event());
}

/// Answers a member with what is wanted of it, in an array of its own if that is more than the name.
pub(super) fn write_hit(reply: &mut Reply<'_>, hit: &GeoHit<Value<'_>>, shown: Shown) {
    if shown.count() > 0 {
        reply.array(1 + shown.count());
    }
    write_value(reply, hit.member);
    if shown.distance {
        write_distance(reply, hit.distance / shown.metres);
    }
    if shown.hash {
        reply.integer(hit.score as i64);
    }
    if shown.point {
        write_point(reply, Point::of_score(hit.score));
    }
}
