//! `HOTKEYS`: the keys on which most is spent. Sessions, their options and their replies are those of Redis 8.6; without a
//! session `GET` tells what is seen all the time.

use std::collections::HashMap;

use protocol::parse_i64;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::hot_keys::{HotKey, KeyId, Metrics, Seen, Session, Spent};
use crate::info;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);

pub(super) const HOTKEYS: Command = Command::container("HOTKEYS", SUBCOMMANDS);

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", Exactly(2), NoKeys, FLAGS, get),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
    Command::new("RESET", Exactly(2), NoKeys, FLAGS, reset),
    Command::new("START", AtLeast(2), NoKeys, FLAGS, start),
    Command::new("STOP", Exactly(2), NoKeys, FLAGS, stop),
];

/// Keys that are told if nobody says how many.
const COUNT_DEFAULT: usize = 10;
const COUNT_MAX: i64 = 64;
const DURATION_SECONDS_MAX: i64 = 1_000_000;

/// `HOTKEYS START METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio]`: a session.
fn start(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    const UNDER_WAY: CommandError =
        CommandError::Line("ERR hotkey tracking session already in progress");
    let (now, hot_keys) = (ctx.unit.now(), &ctx.server.hot_keys);
    if hot_keys.session().is_some_and(|last| last.is_active(now)) {
        return Err(UNDER_WAY);
    }
    let mut session = parse_session(args)?;
    session.process_ms = info::process_ms();
    if !hot_keys.start(session, now) {
        return Err(UNDER_WAY);
    }
    // So that what stands behind it in the pipeline is seen.
    ctx.worker.sampler.heed(hot_keys);
    ctx.reply.ok();
    Ok(())
}

fn parse_session(args: Args<'_>) -> Result<Session, CommandError> {
    if args.len() < 4 || !args.is(2, "METRICS") {
        return Err(CommandError::Line("ERR METRICS parameter is required"));
    }
    let number = |at: usize, max: i64, error| match args.get(at).and_then(parse_i64) {
        Some(number @ 1..) if number <= max => Ok(number),
        _ => Err(CommandError::Line(error)),
    };
    let named = number(3, 2, "ERR METRICS count must be > 0 and <= 2")? as usize;
    let metrics = parse_metrics(args, named)?;
    let (mut count, mut duration_seconds, mut ratio) = (COUNT_DEFAULT, 0, 1);
    let mut at = 4 + named;
    while at < args.len() {
        if at + 1 == args.len() {
            return Err(CommandError::Syntax);
        } else if args.is(at, "COUNT") {
            count = number(at + 1, COUNT_MAX, "ERR COUNT must be between 1 and 64")? as usize;
        } else if args.is(at, "DURATION") {
            let error = "ERR DURATION must be between 1 and 1000000";
            duration_seconds = number(at + 1, DURATION_SECONDS_MAX, error)?;
        } else if args.is(at, "SAMPLE") {
            let error = "ERR SAMPLE ratio must be positive";
            ratio = number(at + 1, i32::MAX.into(), error)? as u32;
        } else if args.is(at, "SLOTS") {
            return Err(CommandError::Line(
                "ERR SLOTS parameter cannot be used in non-cluster mode",
            ));
        } else {
            return Err(CommandError::Syntax);
        }
        at += 2;
    }
    Ok(Session::new(
        metrics,
        count,
        ratio,
        duration_seconds * 1_000,
    ))
}

/// The first `named` words from the fifth on; those that mean nothing yet may be there.
fn parse_metrics(args: Args<'_>, named: usize) -> Result<Metrics, CommandError> {
    let mut metrics = Metrics {
        cpu: false,
        net: false,
    };
    for at in 4..(4 + named).min(args.len()) {
        let (metric, twice) = if args.is(at, "CPU") {
            let twice = "ERR METRICS CPU defined more than once!";
            (&mut metrics.cpu, twice)
        } else if args.is(at, "NET") {
            let twice = "ERR METRICS NET defined more than once!";
            (&mut metrics.net, twice)
        } else {
            continue;
        };
        if std::mem::replace(metric, true) {
            return Err(CommandError::Line(twice));
        }
    }
    if args.len() < 4 + named {
        return Err(CommandError::Line(
            "ERR METRICS count does not match number of metric types provided",
        ));
    }
    if !metrics.cpu && !metrics.net {
        return Err(CommandError::Line(
            "ERR METRICS no valid metrics passed. Supported: CPU|NET",
        ));
    }
    Ok(metrics)
}

/// `HOTKEYS STOP`: the end of the session; null if there is none.
fn stop(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    if ctx.server.hot_keys.stop(ctx.unit.now()) {
        ctx.worker.sampler.heed(&ctx.server.hot_keys);
        ctx.reply.ok();
    } else {
        ctx.reply.null();
    }
    Ok(())
}

/// `HOTKEYS RESET`: forgets the session that was stopped.
fn reset(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    if !ctx.server.hot_keys.forget_session(ctx.unit.now()) {
        return Err(CommandError::Line(
            "ERR hotkey tracking session in progress, stop tracking first",
        ));
    }
    ctx.reply.ok();
    Ok(())
}

/// `HOTKEYS GET`: what the session has seen, or what is seen all the time if there is none.
fn get(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let (now, hot_keys) = (ctx.unit.now(), &ctx.server.hot_keys);
    let report = match hot_keys.session() {
        Some(session) => {
            let [user_now, system_now] = info::process_ms();
            let [user, system] = session.process_ms;
            Report {
                seen: hot_keys.seen_in(&session, now),
                is_active: session.is_active(now),
                ratio: session.ratio,
                count: session.count,
                began_at_ms: session.began_at.0,
                process_ms: session.metrics.cpu.then_some([
                    user_now.saturating_sub(user),
                    system_now.saturating_sub(system),
                ]),
                metrics: session.metrics,
                has_accesses: false,
            }
        }
        None => {
            let seen = hot_keys.seen(now);
            Report {
                // Estimates of all traffic, so nothing is left to be multiplied.
                ratio: 1,
                count: COUNT_DEFAULT,
                is_active: false,
                began_at_ms: now.0 - seen.lasted_ms,
                process_ms: None,
                metrics: Metrics {
                    cpu: true,
                    net: true,
                },
                has_accesses: true,
                seen,
            }
        }
    };
    report.write(ctx);
    Ok(())
}

/// A reply of `HOTKEYS GET`.
struct Report {
    seen: Seen,
    is_active: bool,
    ratio: u32,
    count: usize,
    began_at_ms: i64,
    /// The process's user and system time.
    process_ms: Option<[u64; 2]>,
    metrics: Metrics,
    has_accesses: bool,
}

impl Report {
    fn write(&self, ctx: &mut Context<'_, '_>) {
        let (seen, Metrics { cpu, net }) = (&self.seen, self.metrics);
        // An array of one, for clients that put those of several nodes together.
        ctx.reply.array(1);
        let fields = 7
            + 2 * usize::from(self.process_ms.is_some())
            + usize::from(cpu)
            + 2 * usize::from(net)
            + usize::from(self.has_accesses);
        ctx.reply.map(fields);
        integer(ctx, "tracking-active", self.is_active.into());
        integer(ctx, "sample-ratio", self.ratio.into());
        ctx.reply.bulk(b"selected-slots");
        ctx.reply.array(1);
        ctx.reply.array(2);
        ctx.reply.integer(0);
        ctx.reply.integer(i64::from(storage::slot::SLOT_COUNT) - 1);
        integer(ctx, "all-commands-all-slots-us", micros(&seen.all));
        integer(ctx, "net-bytes-all-commands-all-slots", bytes(&seen.all));
        integer(ctx, "collection-start-time-unix-ms", self.began_at_ms);
        integer(ctx, "collection-duration-ms", seen.lasted_ms);
        if let Some([user, system]) = self.process_ms {
            integer(ctx, "total-cpu-time-user-ms", user as i64);
            integer(ctx, "total-cpu-time-sys-ms", system as i64);
        }
        if net {
            integer(ctx, "total-net-bytes", bytes(&seen.noted));
        }
        if cpu {
            self.write_ranking(ctx, "by-cpu-time-us", micros);
        }
        if net {
            self.write_ranking(ctx, "by-net-bytes", bytes);
        }
        if self.has_accesses {
            self.write_accesses(ctx);
        }
    }

    /// The first keys by `figure` with what they have of it, keys of the same name in several databases as one.
    fn write_ranking(&self, ctx: &mut Context<'_, '_>, field: &str, figure: fn(&Spent) -> i64) {
        let sums = sums_by_name(&self.seen.keys).into_iter();
        let figures = sums.map(|(name, spent)| (figure(&spent), name));
        let first = first_of(figures, self.count);
        ctx.reply.bulk(field.as_bytes());
        ctx.reply.array(2 * first.len());
        for (figure, name) in first {
            ctx.reply.bulk(name);
            ctx.reply.integer(figure);
        }
    }

    /// The first keys by accesses, with their databases.
    fn write_accesses(&self, ctx: &mut Context<'_, '_>) {
        let place = |key: &'_ HotKey| (accesses(&key.spent), (key.id.db, key.name.clone()));
        let first = first_of(self.seen.keys.iter().map(place), self.count);
        ctx.reply.bulk(b"by-accesses");
        ctx.reply.array(first.len());
        for (accesses, (db, name)) in first {
            ctx.reply.map(3);
            ctx.reply.bulk(b"key");
            ctx.reply.bulk(&name);
            integer(ctx, "db", db.into());
            integer(ctx, "accesses", accesses);
        }
    }
}

/// What was spent on keys, those of the same name in several databases as one. Names of which only the beginning is known
/// are told apart nevertheless.
fn sums_by_name(keys: &[HotKey]) -> Vec<(&[u8], Spent)> {
    let mut sums = HashMap::<KeyId, (&[u8], Spent)>::new();
    for key in keys {
        let unspent = || (&key.name[..], Spent::default());
        sums.entry(key.id.of_name()).or_insert_with(unspent).1 += key.spent;
    }
    sums.into_values().collect()
}

/// The `count` largest that are not nothing, the largest first.
fn first_of<T: Ord>(all: impl Iterator<Item = (i64, T)>, count: usize) -> Vec<(i64, T)> {
    let mut all: Vec<_> = all.filter(|(figure, _)| *figure > 0).collect();
    all.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    all.truncate(count);
    all
}

fn integer(ctx: &mut Context<'_, '_>, field: &str, value: i64) {
    ctx.reply.bulk(field.as_bytes());
    ctx.reply.integer(value);
}

/// Rounded up: what was accessed at all is told.
fn micros(spent: &Spent) -> i64 {
    (spent.cpu_nanos / 1_000.0).ceil() as i64
}

fn bytes(spent: &Spent) -> i64 {
    spent.net_bytes.round() as i64
}

fn accesses(spent: &Spent) -> i64 {
    spent.accesses.round() as i64
}

/// `HOTKEYS HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "HOTKEYS",
        &[
            (
                "GET",
                &[
                    "Return the keys on which most was spent: in the session, or without one of late.",
                    "Then they are estimates from a sample, and a minute makes the past weigh half.",
                ],
            ),
            ("RESET", &["Forget the session, which must have been stopped."]),
            (
                "START METRICS <count> [CPU] [NET] [COUNT <k>] [DURATION <seconds>] [SAMPLE <ratio>]",
                &[
                    "Begin a session, in which every access is counted (with SAMPLE one in <ratio>):",
                    "by time (CPU), by bytes of requests and replies (NET), or both.",
                    "GET returns the first <k> keys (default: 10).",
                    "DURATION ends it by itself.",
                ],
            ),
            ("STOP", &["End the session; GET still returns what it has seen."]),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use storage::KeyHasher;

    use super::*;

    #[test]
    fn names_are_one_in_all_databases_but_not_if_only_their_beginnings_are_the_same() {
        let beginning = "x".repeat(512);
        let (one, other) = (format!("{beginning}1"), format!("{beginning}2"));
        let key = |db, name: &str, accesses| HotKey {
            id: KeyId::new(db, KeyHasher::new(16, 99).hash(name.as_bytes())),
            name: beginning.clone().into_bytes(),
            spent: Spent {
                accesses,
                ..Spent::default()
            },
        };
        let keys = [key(0, &one, 1.0), key(7, &one, 2.0), key(0, &other, 4.0)];
        let sums = sums_by_name(&keys);
        assert!(sums.iter().all(|(name, _)| *name == beginning.as_bytes()));
        let mut counts: Vec<_> = sums.iter().map(|(_, spent)| spent.accesses).collect();
        counts.sort_by(f64::total_cmp);
        assert_eq!(counts, [3.0, 4.0]);
    }
}
