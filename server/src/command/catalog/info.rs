//! A command's row as `COMMAND INFO` shows it: flags, key positions, ACL categories, tips, key specs, subcommands.

use smallvec::SmallVec;

use crate::command::keys::KeyAccess;
use crate::command::table::Registered;
use crate::command::{Args, Flags, KeySpec, docs};
use crate::output::Output;

use super::write_words;

/// Writes the ten fields of a command.
pub(super) fn write(command: &Registered, reply: &mut Output<'_>) {
    let row = &command.row;
    let (first, last, step) = row.keys.legacy_range();
    reply.array(10);
    reply.bulk(command.full_name.as_bytes());
    reply.integer(row.arity.as_redis());
    write_words(reply, &flag_names(command));
    reply.integer(first);
    reply.integer(last);
    reply.integer(step);
    write_words(reply, &categories(command));
    let tips = docs::tips_of(command);
    reply.set(tips.len());
    tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    write_key_specs(command, reply);
    reply.set(command.subcommands.len());
    command
        .subcommands
        .iter()
        .for_each(|subcommand| write(subcommand, reply));
}

/// Flags by their names. A container has none: what it is depends on its subcommands.
fn flag_names(command: &Registered) -> SmallVec<[&'static str; 8]> {
    let mut flags = command.row.flags;
    if has_movable_keys(&command.row.keys) {
        flags = flags.and(Flags::MOVABLE_KEYS);
    }
    let named = Flags::ALL.iter().filter(|(flag, _)| flags.has(*flag));
    named.filter_map(|(_, name)| *name).collect()
}

/// Whether clients cannot find the keys from first, last and step alone.
fn has_movable_keys(keys: &KeySpec) -> bool {
    match keys {
        KeySpec::NoKeys | KeySpec::One(_) | KeySpec::Range { .. } => false,
        KeySpec::NumKeys { .. }
        | KeySpec::AfterWord { .. }
        | KeySpec::HalfAfterWord { .. }
        | KeySpec::Custom(_) => true,
        KeySpec::All(specs) => specs.iter().any(has_movable_keys),
    }
}

/// All ACL categories, in the order in which Redis lists them.
pub(super) fn categories(command: &Registered) -> SmallVec<[&'static str; 8]> {
    const ORDER: [&str; 21] = [
        "@keyspace",
        "@read",
        "@write",
        "@set",
        "@sortedset",
        "@list",
        "@hash",
        "@string",
        "@bitmap",
        "@hyperloglog",
        "@geo",
        "@stream",
        "@pubsub",
        "@admin",
        "@fast",
        "@slow",
        "@blocking",
        "@dangerous",
        "@connection",
        "@transaction",
        "@scripting",
    ];
    let flags = command.row.flags;
    let implied = [
        (Flags::READ, "@read"),
        (Flags::WRITE, "@write"),
        (Flags::PUBSUB, "@pubsub"),
        (Flags::ADMIN, "@admin"),
        (Flags::ADMIN, "@dangerous"),
        (Flags::BLOCKING, "@blocking"),
    ];
    let speed = if flags.has(Flags::FAST) {
        "@fast"
    } else {
        "@slow"
    };
    let own = docs::categories_of(command);
    let is_in = |name: &&str| {
        *name == speed
            || own.contains(name)
            || implied
                .iter()
                .any(|(flag, implied)| flags.has(*flag) && implied == name)
    };
    ORDER.into_iter().filter(is_in).collect()
}

/// The key specs of a command, flattened.
fn specs_of(command: &Registered) -> &[KeySpec] {
    match &command.row.keys {
        KeySpec::NoKeys => &[],
        KeySpec::All(specs) => specs,
        one => std::slice::from_ref(one),
    }
}

/// How the keys of the command's spec `index` are used.
fn access_of(command: &Registered, index: usize) -> KeyAccess {
    let row = &command.row;
    match row.access.get(index).or(row.access.last()) {
        Some(access) => *access,
        None if row.flags.has(Flags::PUBSUB) => KeyAccess::CHANNEL,
        None if row.flags.has(Flags::WRITE) => KeyAccess::UPDATE,
        None => KeyAccess::READ,
    }
}

/// Whether any argument of the command is a key; channels are none.
pub(super) fn has_keys(command: &Registered) -> bool {
    (0..specs_of(command).len()).any(|index| access_of(command, index) != KeyAccess::CHANNEL)
}

/// The keys of a request, in the order of the specs, and how each is used.
pub(super) fn keys_of<'a>(command: &Registered, args: Args<'a>) -> Vec<(&'a [u8], KeyAccess)> {
    let mut found = Vec::new();
    for (index, spec) in specs_of(command).iter().enumerate() {
        let access = varying_access(command, args).unwrap_or_else(|| access_of(command, index));
        spec.each(args, &mut |at| found.push((args.at(at), access)));
    }
    found
}

/// How a command whose options decide about it uses its key.
fn varying_access(command: &Registered, args: Args<'_>) -> Option<KeyAccess> {
    match command.full_name.as_str() {
        "set" => {
            let reads = ["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"];
            let is_read = (3..args.len()).any(|at| reads.iter().any(|option| args.is(at, option)));
            Some(if is_read {
                KeyAccess::UPDATE
            } else {
                KeyAccess::OVERWRITE
            })
        }
        "bitfield" => Some(if bitfield_only_reads(args) {
            KeyAccess::READ
        } else {
            KeyAccess::UPDATE
        }),
        _ => None,
    }
}

/// Whether a `BITFIELD` request has no operation but `GET`; anything unknown counts as a write.
fn bitfield_only_reads(args: Args<'_>) -> bool {
    let mut at = 2;
    while at < args.len() {
        at += match () {
            () if args.is(at, "GET") => 3,
            () if args.is(at, "OVERFLOW") => 2,
            () => return false,
        };
    }
    true
}

fn write_key_specs(command: &Registered, reply: &mut Output<'_>) {
    let specs = specs_of(command);
    reply.set(specs.len());
    for (index, spec) in specs.iter().enumerate() {
        let notes = docs::key_notes_of(command, index);
        reply.map(3 + usize::from(notes.is_some()));
        if let Some(notes) = notes {
            reply.bulk(b"notes");
            reply.bulk(notes.as_bytes());
        }
        reply.bulk(b"flags");
        write_words(reply, access_of(command, index).0);
        let (begin, find) = parts_of(spec);
        reply.bulk(b"begin_search");
        begin.write(reply);
        reply.bulk(b"find_keys");
        find.write(reply);
    }
}

/// One half of a key spec: its type and the fields of its `spec` map.
struct Part {
    kind: &'static str,
    fields: SmallVec<[(&'static str, Field); 3]>,
}

enum Field {
    Number(i64),
    Word(&'static str),
}

impl Part {
    fn new(kind: &'static str, fields: impl IntoIterator<Item = (&'static str, Field)>) -> Self {
        Self {
            kind,
            fields: fields.into_iter().collect(),
        }
    }

    fn index(at: u16) -> Self {
        Self::new("index", [("index", Field::Number(at.into()))])
    }

    fn keyword(word: &'static str, from: u16) -> Self {
        Self::new(
            "keyword",
            [
                ("keyword", Field::Word(word)),
                ("startfrom", Field::Number(from.into())),
            ],
        )
    }

    fn range(last: i64, step: u16, limit: i64) -> Self {
        let fields = [
            ("lastkey", last),
            ("keystep", step.into()),
            ("limit", limit),
        ];
        Self::new(
            "range",
            fields.map(|(name, number)| (name, Field::Number(number))),
        )
    }

    fn unknown() -> Self {
        Self::new("unknown", [])
    }

    fn write(&self, reply: &mut Output<'_>) {
        reply.map(2);
        reply.bulk(b"type");
        reply.bulk(self.kind.as_bytes());
        reply.bulk(b"spec");
        reply.map(self.fields.len());
        for (name, field) in &self.fields {
            reply.bulk(name.as_bytes());
            match field {
                Field::Number(number) => reply.integer(*number),
                Field::Word(word) => reply.bulk(word.as_bytes()),
            }
        }
    }
}

/// Where the search for keys begins, and how it goes on from there.
fn parts_of(spec: &KeySpec) -> (Part, Part) {
    match *spec {
        KeySpec::One(at) => (Part::index(at), Part::range(0, 1, 0)),
        KeySpec::Range { first, last, step } => {
            // Counted from the first key, unless it counts from the end.
            let last = if last < 0 {
                i64::from(last)
            } else {
                i64::from(last) - i64::from(first)
            };
            (Part::index(first), Part::range(last, step, 0))
        }
        KeySpec::NumKeys { at, first, step } => {
            let fields = [
                ("keynumidx", 0),
                ("firstkey", i64::from(first) - i64::from(at)),
                ("keystep", step.into()),
            ];
            (
                Part::index(at),
                Part::new(
                    "keynum",
                    fields.map(|(name, number)| (name, Field::Number(number))),
                ),
            )
        }
        KeySpec::AfterWord { word, from } => (Part::keyword(word, from), Part::range(0, 1, 0)),
        KeySpec::HalfAfterWord { word, from, .. } => {
            (Part::keyword(word, from), Part::range(-1, 1, 2))
        }
        KeySpec::NoKeys | KeySpec::All(_) | KeySpec::Custom(_) => {
            (Part::unknown(), Part::unknown())
        }
    }
}
