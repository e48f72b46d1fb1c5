//! `BITFIELD`: integers of any width at any place of a string.

use std::collections::BTreeMap;

use storage::bitfield::{FieldType, Overflow};
use storage::{Key, StringRef};

use super::{bit_offset, bit_offset_in_units};
use crate::command::string::integer;
use crate::command::{Args, CommandError, CommandResult, Context};
use crate::notify::EventClass;

/// One subcommand.
#[derive(Clone, Copy, Debug)]
struct Operation {
    kind: FieldType,
    offset: u64,
    action: Action,
}

/// What a subcommand does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Operation {
    /// The bytes a string must have to hold the field.
    fn len_min(&self) -> u64 {
        (self.offset + u64::from(self.kind.bits())).div_ceil(8)
    }

    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }
}

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset
/// increment ...]`: reads and writes integers.
pub(super) fn bitfield(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let operations = parse(args, ctx.config.proto_max_bulk_len_bytes)?;
    if operations.iter().any(Operation::writes) {
        change(ctx, args, &operations)
    } else {
        read(ctx, args, &operations)
    }
}

/// `BITFIELD_RO key [GET type offset ...]`: reads integers.
pub(super) fn bitfield_ro(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let operations = parse(args, ctx.config.proto_max_bulk_len_bytes)?;
    if operations.iter().any(Operation::writes) {
        return Err(CommandError::Line(
            "ERR BITFIELD_RO only supports the GET subcommand",
        ));
    }
    read(ctx, args, &operations)
}

fn parse(args: Args<'_>, string_bytes_max: u64) -> Result<Vec<Operation>, CommandError> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while at < args.len() {
        let following = args.len() - at - 1;
        if args.is(at, "OVERFLOW") && following >= 1 {
            overflow = parse_overflow(args, at + 1)?;
            at += 2;
            continue;
        }
        let is_get = args.is(at, "GET") && following >= 2;
        let is_set = args.is(at, "SET") && following >= 3;
        let is_increment = args.is(at, "INCRBY") && following >= 3;
        if !(is_get || is_set || is_increment) {
            return Err(CommandError::Syntax);
        }
        let kind = FieldType::parse(args.at(at + 1)).ok_or(UNKNOWN_TYPE)?;
        let offset = match args.at(at + 2) {
            [b'#', index @ ..] => bit_offset_in_units(index, kind.bits(), string_bytes_max)?,
            offset => bit_offset(offset, string_bytes_max)?,
        };
        let action = if is_get {
            Action::Get
        } else if is_set {
            Action::Set(integer(args.at(at + 3))?, overflow)
        } else {
            Action::Increment(integer(args.at(at + 3))?, overflow)
        };
        operations.push(Operation {
            kind,
            offset,
            action,
        });
        at += if is_get { 3 } else { 4 };
    }
    Ok(operations)
}

fn parse_overflow(args: Args<'_>, index: usize) -> Result<Overflow, CommandError> {
    const OVERFLOWS: [(&str, Overflow); 3] = [
        ("WRAP", Overflow::Wrap),
        ("SAT", Overflow::Saturate),
        ("FAIL", Overflow::Fail),
    ];
    let named = OVERFLOWS.into_iter().find(|(name, _)| args.is(index, name));
    named
        .map(|(_, overflow)| overflow)
        .ok_or(CommandError::Line("ERR Invalid OVERFLOW type specified"))
}

const UNKNOWN_TYPE: CommandError = CommandError::Line(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);

fn read(ctx: &mut Context<'_, '_>, args: Args<'_>, operations: &[Operation]) -> CommandResult {
    let key = ctx.key(args, 1);
    let value = ctx.unit.string(ctx.session.db, &key)?;
    ctx.reply.array(operations.len());
    for operation in operations {
        ctx.reply.integer(
            operation
                .kind
                .read(operation.offset, |at| byte_of(value, at)),
        );
    }
    Ok(())
}

/// A byte of a string, behind whose end there are zeros.
fn byte_of(value: Option<StringRef<'_>>, at: u64) -> u8 {
    value.and_then(|value| value.byte(at)).unwrap_or(0)
}

/// What a list of operations comes to, computed before anything is written: without a change the key must
/// not count as changed.
struct Plan {
    /// What each operation answers; `None` where it would overflow and must not.
    replies: Vec<Option<i64>>,
    /// Bytes with their new values.
    bytes: BTreeMap<u64, u8>,
    changes: u64,
    /// The string's length afterwards.
    len: u64,
}

impl Plan {
    fn make(value: Option<StringRef<'_>>, operations: &[Operation]) -> Self {
        let old_len = value.map_or(0, |value| value.len());
        let needed = operations
            .iter()
            .filter(|operation| operation.writes())
            .map(Operation::len_min)
            .max();
        let len = needed.unwrap_or(0).max(old_len);
        let mut plan = Plan {
            replies: Vec::with_capacity(operations.len()),
            bytes: BTreeMap::new(),
            changes: 0,
            len,
        };
        // In a string that grows, every write counts as a change.
        let grows = len > old_len || value.is_none();
        for operation in operations {
            let reply = plan.carry_out(value, operation, grows);
            plan.replies.push(reply);
        }
        plan
    }

    fn carry_out(
        &mut self,
        value: Option<StringRef<'_>>,
        operation: &Operation,
        grows: bool,
    ) -> Option<i64> {
        let Operation {
            kind,
            offset,
            action,
        } = *operation;
        let old = kind.read(offset, |at| {
            self.bytes
                .get(&at)
                .copied()
                .unwrap_or_else(|| byte_of(value, at))
        });
        let (new, reply) = match action {
            Action::Get => return Some(old),
            Action::Set(value, overflow) => (kind.convert(value, overflow)?, old),
            Action::Increment(increment, overflow) => {
                let sum = kind.add(old, increment, overflow)?;
                (sum, sum)
            }
        };
        if grows || new != old {
            self.changes += 1;
            kind.write(offset, new, |at, change| {
                let byte = self.bytes.entry(at).or_insert_with(|| byte_of(value, at));
                *byte = change(*byte);
            });
        }
        Some(reply)
    }
}

fn change(ctx: &mut Context<'_, '_>, args: Args<'_>, operations: &[Operation]) -> CommandResult {
    let key = ctx.key(args, 1);
    let value = ctx.unit.string_to_change(ctx.session.db, &key)?;
    let old_len = value.map(|value| value.len());
    let plan = Plan::make(value, operations);
    if plan.changes > 0 || old_len != Some(plan.len) {
        write(ctx, &key, &plan)?;
    }
    ctx.reply.array(plan.replies.len());
    for reply in &plan.replies {
        match reply {
            Some(reply) => ctx.reply.integer(*reply),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

fn write(ctx: &mut Context<'_, '_>, key: &Key<'_>, plan: &Plan) -> CommandResult {
    ctx.check_fits(plan.len)?;
    ctx.unit
        .with_string_mut(ctx.session.db, key, plan.len, |value| {
            plan.bytes
                .iter()
                .for_each(|(at, byte)| value.set_byte(*at as usize, *byte));
        })?;
    if plan.changes > 0 {
        // Redis counts every write; storage has counted one.
        ctx.unit.tally.dirty += plan.changes - 1;
        ctx.notify(EventClass::STRING, "setbit", key.bytes);
    }
    Ok(())
}
