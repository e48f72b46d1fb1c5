//! Commands that read single members.

use storage::geo::{Point, distance};

use super::arguments::unit;
use super::reply::{write_distance, write_point};
use crate::command::{Args, CommandError, CommandResult, Context};

/// `GEODIST key member1 member2 [M | KM | FT | MI]`: how far apart two members are, or null if one is missing.
pub(super) fn geodist(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let metres = match args.len() {
        4 => 1.0,
        5 => unit(args.at(4))?.metres(),
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    let point = |at| {
        let score = set?.score(args.at(at))?;
        Some(Point::of_score(score))
    };
    match (point(2), point(3)) {
        (Some(one), Some(other)) => write_distance(&mut ctx.reply, distance(one, other) / metres),
        _ => ctx.reply.null(),
    }
    Ok(())
}

/// `GEOHASH key [member [member ...]]`: the geohashes of members, each null if there is no such member.
pub(super) fn geohash(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => ctx.reply.bulk(&Point::of_score(score).geohash()),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `GEOPOS key [member [member ...]]`: longitudes and latitudes of members, each null if there is no such member.
pub(super) fn geopos(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let set = ctx.unit.sorted_set(ctx.session.db, &key)?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => write_point(&mut ctx.reply, Point::of_score(score)),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}
