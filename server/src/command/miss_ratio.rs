//! `MEMORY MRC`: the hit ratio at other sizes.

use super::{Args, CommandResult, Context};
use crate::miss_ratio::Figures;

/// Its lines in `MEMORY HELP`.
pub(super) const HELP: (&str, &[&str]) = (
    "MRC",
    &[
        "Return the hit ratio of the last minutes, that of exact LRU, and estimates of",
        "what it would be with other sizes of maxmemory.",
    ],
);

/// `MEMORY MRC`: the miss ratio curve, as hit ratios. What is not known yet is null.
pub(super) fn mrc(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.unit.publish_memory();
    let Figures {
        memory_bytes,
        ratios,
        curve,
    } = Figures::read(ctx.server);
    let reply = &mut ctx.reply;
    let integers = [
        ("references", ratios.lookups as u64),
        ("samples", ratios.samples as u64),
        ("samples.dropped", ratios.dropped_samples),
        ("tracked.keys", ratios.tracked_keys as u64),
        ("memory.bytes", memory_bytes),
    ];
    let estimate = |at: usize| ratios.estimates.get(at).copied();
    let doubles = [
        ("sampling.rate", Some(ratios.sampling_rate)),
        ("hit-ratio.measured", ratios.measured),
        ("hit-ratio.lru", ratios.lru),
        ("hit-ratio.half-memory", estimate(0)),
        ("hit-ratio.double-memory", estimate(1)),
    ];
    reply.map(integers.len() + doubles.len() + 1);
    for (name, value) in integers {
        reply.bulk(name.as_bytes());
        reply.integer(value as i64);
    }
    for (name, value) in doubles {
        reply.bulk(name.as_bytes());
        match value {
            Some(value) => reply.double(value),
            None => reply.null(),
        }
    }
    reply.bulk(b"curve");
    reply.array(curve.len());
    for (bytes, hit_ratio) in curve {
        reply.array(2);
        reply.integer(bytes as i64);
        reply.double(hit_ratio);
    }
    Ok(())
}
