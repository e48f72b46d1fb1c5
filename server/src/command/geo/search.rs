//! `GEOSEARCH`, `GEOSEARCHSTORE`, and their older forms.

use protocol::Reply;
use storage::geo::Point;
use storage::listpack::Value;
use storage::typed::sorted_set::{GeoHit, Pair, sort, sorted_set_of};

use super::query::{Destination, Form, Query, Shown};
use super::reply::{write_distance, write_point};
use super::slices::GeoSlices;
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
    let source = ctx.key(args, form.source());
    // The type is checked before the arguments, as in Redis.
    let set = ctx.unit.sorted_set(ctx.session.db, &source)?;
    let query = Query::parse(args, form, set)?;
    let wanted = set.zip(query.search.as_ref());
    if let Some(destination) = query.destination {
        let hits = wanted.and_then(|(set, search)| set.geo_search(search, u64::MAX));
        let pairs = hits
            .into_iter()
            .flatten()
            .map(|hit| pair_of(&hit, destination, query.shown.metres));
        let mut pairs: Vec<Pair<'_>> = pairs.collect();
        sort(&mut pairs);
        let count = pairs.len() as u64;
        let hasher = ctx.server.keyspace.hasher().elements();
        let limit = ctx.config.limits.sorted_set;
        let content = sorted_set_of(pairs.iter().copied(), limit, hasher);
        let key = ctx.key(args, destination.key);
        store(ctx, &key, content, count, form.event());
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

/// What is stored of a member.
fn pair_of<'a>(hit: &GeoHit<Value<'a>>, destination: Destination, metres: f64) -> Pair<'a> {
    let score = if destination.of_distances {
        hit.distance / metres
    } else {
        hit.score
    };
    (hit.member, score)
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
