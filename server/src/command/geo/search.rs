//! `GEOSEARCH`, `GEOSEARCHSTORE`, and their older forms.

use storage::geo::Point;
use storage::listpack::Value;
use storage::typed::sorted_set::{GeoHit, Pair, sort, sorted_set_of};

use super::query::{Destination, Details, Form, Query};
use super::reply::{write_distance, write_point};
use crate::command::sorted_set::store::store;
use crate::command::{Args, CommandResult, Context};
use crate::output::Output;

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

fn search(ctx: &mut Context<'_, '_>, args: Args<'_>, form: Form) -> CommandResult {
    let source = ctx.key(args, form.source());
    // The type is checked before the arguments, as in Redis.
    let set = ctx.unit.sorted_set(ctx.session.db, &source)?;
    let query = Query::parse(args, form, set)?;
    let found = set
        .zip(query.search)
        .map(|(set, search)| set.geo_search(search));
    let Some(destination) = query.destination else {
        match found {
            Some(hits) => write_hits(&mut ctx.reply, hits, query.details, query.metres),
            None => ctx.reply.array(0),
        }
        return Ok(());
    };
    let pairs = found.into_iter().flatten();
    let mut pairs: Vec<Pair<'_>> = pairs
        .map(|hit| pair_of(hit, destination, query.metres))
        .collect();
    sort(&mut pairs);
    let count = pairs.len() as u64;
    let hasher = ctx.server.keyspace.hasher().elements();
    let content = sorted_set_of(pairs.iter().copied(), ctx.config.limits.sorted_set, hasher);
    let key = ctx.key(args, destination.key);
    store(ctx, &key, content, count, form.event());
    Ok(())
}

/// What is stored of a member.
fn pair_of<'a>(hit: GeoHit<Value<'a>>, destination: Destination, metres: f64) -> Pair<'a> {
    let score = if destination.of_distances {
        hit.distance / metres
    } else {
        hit.score
    };
    (hit.member, score)
}

/// Answers members with what is wanted of each, in an array of its own if that is more than the name.
fn write_hits<'a>(
    reply: &mut Output<'_>,
    hits: impl ExactSizeIterator<Item = GeoHit<Value<'a>>>,
    details: Details,
    metres: f64,
) {
    reply.array(hits.len());
    for hit in hits {
        if details.count() > 0 {
            reply.array(1 + details.count());
        }
        reply.value(hit.member);
        if details.distance {
            write_distance(reply, hit.distance / metres);
        }
        if details.hash {
            reply.integer(hit.score as i64);
        }
        if details.point {
            write_point(reply, Point::of_score(hit.score));
        }
    }
}
