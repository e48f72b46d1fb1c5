//! Patterns that name a key, or a field of one, for each element.

use storage::{DbIndex, Key, KeyFamily, Unit};

/// `prefix*suffix`, perhaps with `->field` behind it; or `#`, which is the element itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<T> {
    /// The element.
    Element,
    /// Names no key: there is no star.
    Constant,
    /// A key.
    Key {
        prefix: T,
        suffix: T,
        /// A field of the hash there.
        field: Option<T>,
    },
}

/// A pattern that outlives the arguments.
pub(super) type OwnedPattern = Pattern<Box<[u8]>>;

impl<'a> Pattern<&'a [u8]> {
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

    /// The same for longer.
    pub(super) fn into_owned(self) -> OwnedPattern {
        match self {
            Pattern::Element => Pattern::Element,
            Pattern::Constant => Pattern::Constant,
            Pattern::Key {
                prefix,
                suffix,
                field,
            } => Pattern::Key {
                prefix: prefix.into(),
                suffix: suffix.into(),
                field: field.map(Into::into),
            },
        }
    }
}

impl<T: AsRef<[u8]>> Pattern<T> {
    /// Whether it names other keys.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }

    /// The keys that it names.
    pub(super) fn family(&self) -> Option<KeyFamily> {
        match self {
            Pattern::Element | Pattern::Constant => None,
            Pattern::Key { prefix, suffix, .. } => Some(KeyFamily {
                prefix: prefix.as_ref().into(),
                suffix: suffix.as_ref().into(),
            }),
        }
    }

    /// The key that it names for `element`.
    pub(super) fn key_for(&self, element: &[u8]) -> Option<Vec<u8>> {
        match self {
            Pattern::Element | Pattern::Constant => None,
            Pattern::Key { prefix, suffix, .. } => {
                Some([prefix.as_ref(), element, suffix.as_ref()].concat())
            }
        }
    }
}

/// What `pattern` stands for with `element`, if it is there: a string, or the value of a field.
pub(super) fn look_up<T: AsRef<[u8]>>(
    unit: &mut Unit<'_>,
    db: DbIndex,
    pattern: &Pattern<T>,
    element: &[u8],
) -> Option<Vec<u8>> {
    let name = match pattern {
        Pattern::Element => return Some(element.to_vec()),
        Pattern::Constant => return None,
        Pattern::Key { .. } => pattern.key_for(element)?,
    };
    let key = unit.keyspace().hasher().key(&name);
    value_at(unit, db, pattern, &key)
}

/// What `pattern` stands for if it names `key`.
pub(super) fn value_at<T: AsRef<[u8]>>(
    unit: &mut Unit<'_>,
    db: DbIndex,
    pattern: &Pattern<T>,
    key: &Key<'_>,
) -> Option<Vec<u8>> {
    let Pattern::Key { field, .. } = pattern else {
        return None;
    };
    match field {
        None => Some(unit.string(db, key).ok()??.to_vec()),
        Some(field) => {
            let elements = unit.keyspace().hasher().elements();
            let hash = unit.hash(db, key).ok()??;
            let mut value = Vec::new();
            hash.get(elements, field.as_ref())?.write_to(&mut value);
            Some(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_are_taken_apart() {
        fn key(
            prefix: &'static [u8],
            suffix: &'static [u8],
            field: Option<&'static [u8]>,
        ) -> Pattern<&'static [u8]> {
            Pattern::Key {
                prefix,
                suffix,
                field,
            }
        }
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
            let pattern = Pattern::new(text);
            assert_eq!(pattern, expected);
            assert_eq!(pattern.key_for(b"7"), pattern.into_owned().key_for(b"7"));
        }
    }
}
