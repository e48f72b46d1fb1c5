//! Patterns that name a key, or a field of one, for each element.

use storage::{DbIndex, Unit};

/// `prefix*suffix`, perhaps with `->field` behind it; or `#`, which is the element itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// The element.
    Element,
    /// Names no key: there is no star.
    Constant,
    /// A key.
    Key {
        prefix: &'a [u8],
        suffix: &'a [u8],
        /// A field of the hash there.
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Pattern::Element;
        }
        // Redis looks for the star in a C string.
        let visible = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
        let Some(star) = memchr::memchr(b'*', visible) else {
            return Pattern::Constant;
        };
        let (prefix, rest) = (&text[..star], &text[star + 1..]);
        let arrow = memchr::memmem::find(rest, b"->").filter(|arrow| arrow + 2 < rest.len());
        match arrow {
            Some(arrow) => Pattern::Key {
                prefix,
                suffix: &rest[..arrow],
                field: Some(&rest[arrow + 2..]),
            },
            None => Pattern::Key {
                prefix,
                suffix: rest,
                field: None,
            },
        }
    }

    /// Whether it names other keys.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }
}

/// What `pattern` stands for with `element`, if it is there: a string, or the value of a field.
pub(super) fn look_up(
    unit: &mut Unit<'_>,
    db: DbIndex,
    pattern: &Pattern<'_>,
    element: &[u8],
) -> Option<Vec<u8>> {
    let (prefix, suffix, field) = match pattern {
        Pattern::Element => return Some(element.to_vec()),
        Pattern::Constant => return None,
        Pattern::Key {
            prefix,
            suffix,
            field,
        } => (prefix, suffix, field),
    };
    let name = [prefix, element, suffix].concat();
    let hasher = unit.keyspace().hasher();
    let key = hasher.key(&name);
    match field {
        None => Some(unit.string(db, &key).ok()??.to_vec()),
        Some(field) => {
            let elements = hasher.elements();
            let hash = unit.hash(db, &key).ok()??;
            let mut value = Vec::new();
            hash.get(elements, field)?.write_to(&mut value);
            Some(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_are_taken_apart() {
        let key = |prefix, suffix, field| Pattern::Key {
            prefix,
            suffix,
            field,
        };
        for (text, expected) in [
            (&b"#"[..], Pattern::Element),
            (b"nosort", Pattern::Constant),
            (b"", Pattern::Constant),
            (b"a\0*", Pattern::Constant),
            (b"w_*", key(b"w_", b"", None)),
            (b"*", key(b"", b"", None)),
            (b"a*b*c", key(b"a", b"b*c", None)),
            (b"h:*->f", key(b"h:", b"", Some(b"f"))),
            (b"h*x->f->g", key(b"h", b"x", Some(b"f->g"))),
            (b"h*->", key(b"h", b"->", None)),
            (b"->*x", key(b"->", b"x", None)),
        ] {
            assert_eq!(Pattern::new(text), expected);
        }
    }
}
