//! Arguments as `COMMAND DOCS` describes them; command-line clients make their hints of it.

use crate::output::Output;

/// One argument, or a group of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    name: &'static str,
    kind: &'static str,
    /// Shown instead of the name.
    shown: Option<&'static str>,
    /// The key spec that finds it.
    key_spec: Option<u8>,
    /// The word in front of it, or the word that it is.
    word: Option<&'static str>,
    since: Option<&'static str>,
    deprecated_since: Option<&'static str>,
    optional: bool,
    multiple: bool,
    /// Repeated together with its word.
    multiple_token: bool,
    inner: &'static [Argument],
}

const fn plain(name: &'static str, kind: &'static str) -> Argument {
    Argument {
        name,
        kind,
        shown: None,
        key_spec: None,
        word: None,
        since: None,
        deprecated_since: None,
        optional: false,
        multiple: false,
        multiple_token: false,
        inner: &[],
    }
}

/// Any bytes.
pub(super) const fn string(name: &'static str) -> Argument {
    plain(name, "string")
}

/// A whole number.
pub(super) const fn integer(name: &'static str) -> Argument {
    plain(name, "integer")
}

/// A number.
pub(super) const fn double(name: &'static str) -> Argument {
    plain(name, "double")
}

/// A glob pattern.
pub(super) const fn pattern(name: &'static str) -> Argument {
    plain(name, "pattern")
}

/// A Unix time.
pub(super) const fn unix_time(name: &'static str) -> Argument {
    plain(name, "unix-time")
}

/// A key that this key spec finds.
pub(super) const fn key(name: &'static str, spec: u8) -> Argument {
    Argument {
        key_spec: Some(spec),
        ..plain(name, "key")
    }
}

/// The word itself.
pub(super) const fn token(name: &'static str, word: &'static str) -> Argument {
    Argument {
        word: Some(word),
        ..plain(name, "pure-token")
    }
}

/// One of several.
pub(super) const fn one_of(name: &'static str, inner: &'static [Argument]) -> Argument {
    Argument {
        inner,
        ..plain(name, "oneof")
    }
}

/// Several in a row.
pub(super) const fn block(name: &'static str, inner: &'static [Argument]) -> Argument {
    Argument {
        inner,
        ..plain(name, "block")
    }
}

impl Argument {
    /// The same, preceded by this word.
    pub(super) const fn after(self, word: &'static str) -> Self {
        Self {
            word: Some(word),
            ..self
        }
    }

    /// The same under another name for people.
    pub(super) const fn shown_as(self, text: &'static str) -> Self {
        Self {
            shown: Some(text),
            ..self
        }
    }

    /// The same, there since this version.
    pub(super) const fn since(self, version: &'static str) -> Self {
        Self {
            since: Some(version),
            ..self
        }
    }

    /// The same, deprecated since this version.
    pub(super) const fn deprecated_since(self, version: &'static str) -> Self {
        Self {
            deprecated_since: Some(version),
            ..self
        }
    }

    /// The same, but it may be left out.
    pub(super) const fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }

    /// The same, but it may be repeated.
    pub(super) const fn multiple(self) -> Self {
        Self {
            multiple: true,
            ..self
        }
    }

    /// The same, repeated with its word.
    pub(super) const fn multiple_token(self) -> Self {
        Self {
            multiple_token: true,
            ..self
        }
    }

    /// Writes the argument's map.
    pub(super) fn write(&self, reply: &mut Output<'_>) {
        let is_group = matches!(self.kind, "oneof" | "block");
        let texts = [
            (
                "display_text",
                if is_group {
                    None
                } else {
                    Some(self.shown.unwrap_or(self.name))
                },
            ),
            ("token", self.word),
            ("since", self.since),
            ("deprecated_since", self.deprecated_since),
        ];
        let flags = self.flags();
        let fields = 2
            + texts.iter().filter(|(_, text)| text.is_some()).count()
            + usize::from(self.key_spec.is_some())
            + usize::from(!flags.is_empty())
            + usize::from(is_group);
        reply.map(fields);
        write_text(reply, "name", self.name);
        write_text(reply, "type", self.kind);
        for (at, (field, text)) in texts.into_iter().enumerate() {
            if let Some(text) = text {
                write_text(reply, field, text);
            }
            // The reference's order: between the text shown and the word.
            if at == 0
                && let Some(spec) = self.key_spec
            {
                reply.bulk(b"key_spec_index");
                reply.integer(spec.into());
            }
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            reply.set(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if is_group {
            reply.bulk(b"arguments");
            write_all(self.inner, reply);
        }
    }

    fn flags(&self) -> Vec<&'static str> {
        let flags = [
            (self.optional, "optional"),
            (self.multiple, "multiple"),
            (self.multiple_token, "multiple_token"),
        ];
        flags
            .into_iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, name)| name)
            .collect()
    }
}

/// Writes the maps of all `arguments`.
pub(super) fn write_all(arguments: &[Argument], reply: &mut Output<'_>) {
    reply.array(arguments.len());
    arguments.iter().for_each(|argument| argument.write(reply));
}

/// Writes a field and its text.
pub(super) fn write_text(reply: &mut Output<'_>, field: &str, text: &str) {
    reply.bulk(field.as_bytes());
    reply.bulk(text.as_bytes());
}
