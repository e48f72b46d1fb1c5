//! `LATENCY`: spikes that the latency monitor saw, and how long commands take.

mod graph;
mod report;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::table::{Registered, table};
use super::{Args, Command, CommandError, CommandResult, Context, Flags};
use crate::stats::HistogramCounts;

const FLAGS: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE);

pub(super) const LATENCY: Command = Command::container("LATENCY", SUBCOMMANDS);

const SUBCOMMANDS: &[Command] = &[
    Command::new("DOCTOR", Exactly(2), NoKeys, FLAGS, doctor),
    Command::new("GRAPH", Exactly(3), NoKeys, FLAGS, draw),
    Command::new(
        "HELP",
        Exactly(2),
        NoKeys,
        Flags::LOADING.and(Flags::STALE),
        help,
    ),
    Command::new("HISTOGRAM", AtLeast(2), NoKeys, FLAGS, histogram),
    Command::new("HISTORY", Exactly(3), NoKeys, FLAGS, history),
    Command::new("LATEST", Exactly(2), NoKeys, FLAGS, latest),
    Command::new("RESET", AtLeast(2), NoKeys, FLAGS, reset),
];

/// `LATENCY LATEST`: each event's name, time and size of its latest spike, and its largest one.
fn latest(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let events = ctx.server.latency.all();
    ctx.reply.array(events.len());
    for (name, event) in events {
        let (at_seconds, ms) = event.history.back().copied().unwrap_or_default();
        ctx.reply.array(4);
        ctx.reply.bulk(name.as_bytes());
        ctx.reply.integer(at_seconds);
        ctx.reply.integer(ms as i64);
        ctx.reply.integer(event.max_ms as i64);
    }
    Ok(())
}

/// `LATENCY HISTORY event`: its spikes, oldest first.
fn history(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let spikes = ctx.server.latency.get(&args[2]).unwrap_or_default().history;
    ctx.reply.array(spikes.len());
    for (at_seconds, ms) in spikes {
        ctx.reply.array(2);
        ctx.reply.integer(at_seconds);
        ctx.reply.integer(ms as i64);
    }
    Ok(())
}

/// `LATENCY RESET [event …]`: how many events were forgotten.
fn reset(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let is_named = |event: &str| {
        args.from(2)
            .any(|name| name.eq_ignore_ascii_case(event.as_bytes()))
    };
    let forgotten = ctx
        .server
        .latency
        .reset(|event| args.len() == 2 || is_named(event));
    ctx.reply.integer(forgotten as i64);
    Ok(())
}

/// `LATENCY GRAPH event`.
fn draw(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let Some((name, event)) = ctx
        .server
        .latency
        .all()
        .into_iter()
        .find(|(name, _)| name.as_bytes() == &args[2])
    else {
        let text = [
            b"ERR No samples available for event '",
            super::error::shown(&args[2]),
            b"'",
        ]
        .concat();
        return Err(CommandError::Quoting(text.into()));
    };
    let text = graph::draw(name, &event, ctx.now().0 / 1_000);
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// `LATENCY DOCTOR`.
fn doctor(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let config = ctx.server.config.get();
    let text = report::report(&ctx.server.latency.all(), &config);
    ctx.reply.verbatim(b"txt", text.as_bytes());
    Ok(())
}

/// `LATENCY HISTOGRAM [command …]`: unknown commands and such as never ran are left out; a container stands for its
/// subcommands.
fn histogram(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let mut asked = Vec::new();
    match args.len() {
        2 => table()
            .iter()
            .for_each(|command| add_with_subcommands(command, &mut asked)),
        _ => args
            .from(2)
            .filter_map(|name| ctx.server.command_names.find_full(name))
            .for_each(|command| add_with_subcommands(command, &mut asked)),
    }
    let recorded: Vec<(&Registered, HistogramCounts)> = asked
        .into_iter()
        .map(|command| (command, ctx.server.stats.histogram(command.id)))
        .filter(|(_, counts)| counts.total() > 0)
        .collect();
    ctx.reply.map(recorded.len());
    for (command, counts) in recorded {
        ctx.reply.bulk(command.full_name.as_bytes());
        ctx.reply.map(2);
        ctx.reply.bulk(b"calls");
        ctx.reply.integer(counts.total() as i64);
        ctx.reply.bulk(b"histogram_usec");
        let steps = counts.cumulative_micros();
        ctx.reply.map(steps.len());
        for (micros, calls) in steps {
            ctx.reply.integer(micros as i64);
            ctx.reply.integer(calls as i64);
        }
    }
    Ok(())
}

fn add_with_subcommands(command: &'static Registered, to: &mut Vec<&'static Registered>) {
    to.push(command);
    command
        .subcommands
        .iter()
        .for_each(|subcommand| add_with_subcommands(subcommand, to));
}

/// `LATENCY HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "LATENCY",
        &[
            (
                "DOCTOR",
                &["Say in words what the latency monitor has seen."],
            ),
            ("GRAPH <event>", &["Draw the latest spikes of an event."]),
            (
                "HISTORY <event>",
                &["Return the spikes of an event: Unix time, milliseconds."],
            ),
            ("LATEST", &["Return the latest spike of each event."]),
            (
                "RESET [<event> ...]",
                &["Forget the spikes of events; without a name, of all."],
            ),
            (
                "HISTOGRAM [COMMAND ...]",
                &[
                    "Return how long commands took, as cumulative counts per microseconds.",
                    "Without a name, of all.",
                ],
            ),
        ],
    );
    Ok(())
}
