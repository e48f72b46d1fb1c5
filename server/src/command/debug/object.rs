//! `DEBUG OBJECT` and others about one value.

use storage::typed::CollectionRef;
use storage::{StringRef, ValueRef};

use crate::command::{Args, CommandError, CommandResult, Context};

/// The LRU clock of Redis counts seconds in 24 bits.
const LRU_CLOCK_MASK: i64 = (1 << 24) - 1;

/// `DEBUG OBJECT key [fast]`: one line that tools take apart.
pub(super) fn describe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() == 4 && !args.is(3, "fast") {
        return Err(CommandError::subcommand_syntax("DEBUG", &args[1]));
    }
    let (key, now) = (ctx.key(args, 2), ctx.now());
    let access = ctx.unit.access_of(ctx.session.db, &key);
    let entry = ctx.unit.peek(ctx.session.db, &key);
    let (Some(access), Some(entry)) = (access, entry) else {
        return Err(CommandError::NoSuchKey);
    };
    let idle_seconds = i64::from(access.idle_seconds(now));
    let mut line = format!(
        "Value at:{:p} refcount:1 encoding:{}",
        entry.key().as_ptr(),
        entry.encoding()
    );
    if args.len() == 3 {
        line += &format!(" serializedlength:{}", serialized_bytes(entry.value()));
    }
    let lru = (now.0 / 1_000 - idle_seconds) & LRU_CLOCK_MASK;
    line += &format!(" lru:{lru} lru_seconds_idle:{idle_seconds}");
    ctx.reply.simple(line);
    Ok(())
}

/// Bytes that the value takes in an RDB file, uncompressed: small collections as they stand, big ones element by element.
fn serialized_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::String(string) => string_bytes(string),
        ValueRef::Collection(CollectionRef::Packed(packed)) => with_length(packed.bytes.len()),
        ValueRef::Collection(CollectionRef::Big(big)) => {
            let mut bytes = with_length(big.len() as usize) - big.len() as usize;
            CollectionRef::Big(big).each_record(&mut |parts| {
                bytes += parts
                    .iter()
                    .map(|part| with_length(part.len()))
                    .sum::<usize>();
            });
            bytes
        }
    }
}

/// Integers of up to 32 bits have a form of their own.
fn string_bytes(value: StringRef<'_>) -> usize {
    match value {
        StringRef::Int(number) if i8::try_from(number).is_ok() => 2,
        StringRef::Int(number) if i16::try_from(number).is_ok() => 3,
        StringRef::Int(number) if i32::try_from(number).is_ok() => 5,
        value => with_length(value.len() as usize),
    }
}

/// What `len` bytes take with their length in front.
fn with_length(len: usize) -> usize {
    let header = match len {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..=0xffff_ffff => 5,
        _ => 9,
    };
    header + len
}

/// `DEBUG LISTPACK key`: writes what is in a listpack into the log, which is standard output unless it is set otherwise.
pub(super) fn listpack(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    let entry = ctx.unit.peek(ctx.session.db, &key);
    let collection = entry.ok_or(CommandError::NoSuchKey)?.collection();
    let listpack = match collection {
        Some(CollectionRef::Packed(packed)) => packed.listpack(),
        _ => None,
    };
    let listpack = listpack.ok_or(CommandError::Line("ERR Not a listpack encoded object."))?;
    let text = format!(
        "listpack of {} bytes with {} elements: {listpack:?}",
        listpack.byte_len(),
        listpack.len()
    );
    // Behind the unit, because a log line is I/O.
    ctx.after_unit(move |_| tracing::warn!("DEBUG LISTPACK: {text}"));
    ctx.reply.simple("Listpack structure printed on stdout");
    Ok(())
}

/// `DEBUG HTSTATS-KEY key [full]`: strings are no tables.
pub(super) fn table_statistics(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    require(ctx, args)?;
    Err(CommandError::Line(
        "ERR The value stored at the specified key is not represented using an hash table",
    ))
}

fn require(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let key = ctx.key(args, 2);
    match ctx.unit.peek(ctx.session.db, &key) {
        Some(_) => Ok(()),
        None => Err(CommandError::NoSuchKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialized_lengths_follow_the_rdb_format() {
        let long = vec![b'x'; 0x4000];
        let cases = [
            (StringRef::Int(-128), 2),
            (StringRef::Int(128), 3),
            (StringRef::Int(-40_000), 5),
            (StringRef::Int(i64::MIN), 21),
            (StringRef::Raw(b""), 1),
            (StringRef::Raw(&long[..0x3f]), 0x40),
            (StringRef::Raw(&long[..0x40]), 0x42),
            (StringRef::Raw(&long), 0x4005),
        ];
        for (value, expected) in cases {
            assert_eq!(string_bytes(value), expected, "{expected}");
        }
    }
}
