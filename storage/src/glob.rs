//! Redis's glob patterns, as in KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any bytes, also none |
//! | `?` | one byte |
//! | `[abc]`, `[a-z]`, `[^a]` | one byte of the class, or one outside it |
//! | `\x` | the byte `x` itself, inside a class too |
//!
//! The corners are Redis's, because clients can see them: a class that never ends lasts to the end
//! of the pattern, the bounds of a range may stand in either order and compare as signed bytes, and
//! nothing but the empty pattern matches the empty text.
//!
//! Every element but `*` matches exactly one byte. So once a later `*` is reached, an earlier one
//! never has to be tried again: if the rest fails after the later star, it fails for every other
//! choice too. One resumption point is enough, and the time is at most pattern × text.

/// More separate stars than this in one match, and Redis (since 7.2.6) answers "no match".
const STARS_MAX: usize = 1000;

/// Whether `text` as a whole matches `pattern`.
pub fn glob_match(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Sensitive)
}

/// As [`glob_match`], with ASCII letters of either case alike, except for escaped ones in a class.
pub fn glob_match_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, Case::Ignored)
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Sensitive,
    Ignored,
}

impl Case {
    #[inline]
    fn fold(self, byte: u8) -> u8 {
        match self {
            Case::Sensitive => byte,
            Case::Ignored => byte.to_ascii_lowercase(),
        }
    }
}

fn matches_with(mut pattern: &[u8], mut text: &[u8], case: Case) -> bool {
    // Where to go on after a mismatch: behind the last star, one byte further into the text.
    let mut resume: Option<(&[u8], &[u8])> = None;
    let mut stars = 0;
    let Some(mut byte) = text.first() else {
        return pattern.is_empty();
    };
    loop {
        if pattern.first() == Some(&b'*') {
            pattern = skip_stars(pattern);
            stars += 1;
            if pattern.is_empty() {
                return true;
            }
            if stars > STARS_MAX {
                return false;
            }
            resume = Some((pattern, text));
            continue;
        }
        if let Some(rest) = match_element(pattern, *byte, case) {
            pattern = rest;
            text = &text[1..];
            match text.first() {
                Some(next) => byte = next,
                // From a later place the same elements would run out of text even earlier.
                None => return skip_stars(pattern).is_empty(),
            }
            continue;
        }
        let Some((behind_star, from)) = resume else {
            return false;
        };
        text = &from[1..];
        pattern = behind_star;
        resume = Some((pattern, text));
        match text.first() {
            Some(next) => byte = next,
            None => return false,
        }
    }
}

fn skip_stars(mut pattern: &[u8]) -> &[u8] {
    while let [b'*', rest @ ..] = pattern {
        pattern = rest;
    }
    pattern
}

/// Matches one byte with the first element of `pattern`, which is not a star. Returns the pattern
/// behind the element, or `None` when the byte does not match or no element is left.
#[inline]
fn match_element(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    let (literal, rest) = match pattern {
        [] => return None,
        [b'?', rest @ ..] => return Some(rest),
        [b'[', class @ ..] => return match_class(class, byte, case),
        // A backslash that ends the pattern stands for itself.
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal, rest),
    };
    (case.fold(literal) == case.fold(byte)).then_some(rest)
}

/// `class` begins behind the opening bracket.
fn match_class(class: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    let (negated, mut class) = match class {
        [b'^', class @ ..] => (true, class),
        class => (false, class),
    };
    let mut found = false;
    // The order of these arms is visible: `[a-]` is a range up to `]` and so never ends, and an
    // escaped byte is compared exactly even where case is ignored.
    let rest = loop {
        class = match class {
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => break rest,
            [] => break class,
            [first, b'-', last, rest @ ..] => {
                found |= range_contains(*first, *last, byte, case);
                rest
            }
            [literal, rest @ ..] => {
                found |= case.fold(*literal) == case.fold(byte);
                rest
            }
        };
    };
    (found != negated).then_some(rest)
}

/// The bounds are put in order first and folded to lower case after that, so `[Z-a]` without regard
/// to case is empty. Bytes from 128 on are below zero, as `char` is on the platforms Redis runs on.
fn range_contains(first: u8, last: u8, byte: u8, case: Case) -> bool {
    let (mut low, mut high) = (first, last);
    if low.cast_signed() > high.cast_signed() {
        (low, high) = (high, low);
    }
    let [low, high, byte] = [low, high, byte].map(|bound| case.fold(bound).cast_signed());
    low <= byte && byte <= high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &[u8], text: &[u8], expected: bool) {
        let what = format!("{} on {}", pattern.escape_ascii(), text.escape_ascii());
        assert_eq!(glob_match(pattern, text), expected, "{what}");
    }

    #[test]
    fn stars_and_question_marks() {
        check(b"", b"", true);
        check(b"", b"a", false);
        check(b"*", b"", false);
        check(b"**", b"", false);
        check(b"*", b"a", true);
        check(b"a", b"", false);
        check(b"h?llo", b"hello", true);
        check(b"h?llo", b"hllo", false);
        check(b"h*llo", b"hllo", true);
        check(b"h*llo", b"heeeello", true);
        check(b"h*llo*", b"hello", true);
        check(b"h*llo**", b"hello", true);
        check(b"h*llo?", b"hello", false);
        check(b"*ab", b"aab", true);
        check(b"*ab", b"aba", false);
        check(b"a*b*c", b"aXbXbXc", true);
        check(b"a*b*c", b"aXcXb", false);
        check(b"?", b"\xff", true);
        check(b"a?", b"a", false);
        check(b"*\0*", b"a\0b", true);
    }

    #[test]
    fn classes() {
        check(b"h[ae]llo", b"hallo", true);
        check(b"h[ae]llo", b"hillo", false);
        check(b"h[^e]llo", b"hallo", true);
        check(b"h[^e]llo", b"hello", false);
        check(b"[a-c]", b"b", true);
        check(b"[c-a]", b"b", true);
        check(b"[a-c]", b"-", false);
        check(b"[-a]", b"-", true);
        check(b"[\\-a]", b"a", true);
        check(b"[a\\]b]", b"]", true);
        check(b"[\\^a]", b"^", true);
        check(b"[]", b"a", false);
        check(b"[^]", b"a", true);
        check(b"[]a]", b"a", false);
        // Bytes from 128 on are negative: this range reaches from -1 to 97.
        check(b"[a-\xff]", b"\xff", true);
        check(b"[a-\xff]", b"\x10", true);
        check(b"[a-\xff]", b"b", false);
        check(b"[a-\xff]", b"\xfe", false);
        check(b"[\x80-\xff]", b"\x90", true);
    }

    #[test]
    fn class_without_an_end_lasts_to_the_end_of_the_pattern() {
        check(b"[", b"[", false);
        check(b"[^", b"x", true);
        check(b"[a", b"a", true);
        check(b"[a", b"ab", false);
        check(b"[ab", b"b", true);
        check(b"[a-", b"-", true);
        check(b"[a-]", b"]", true);
        check(b"[a-]", b"a", true);
        check(b"[a-]b", b"b", true);
        check(b"[a\\", b"\\", true);
        check(b"*[a", b"bca", true);
    }

    #[test]
    fn escapes() {
        check(b"\\*", b"*", true);
        check(b"\\*", b"a", false);
        check(b"a\\", b"a\\", true);
        check(b"\\\\", b"\\", true);
        check(b"\\", b"\\", true);
        check(b"*\\*", b"ab*", true);
        check(b"*\\?", b"ab", false);
    }

    #[test]
    fn case_is_ignored_on_request() {
        for (pattern, text, expected) in [
            (&b"MAX*"[..], &b"maxmemory"[..], true),
            (b"[A-C]x", b"bX", true),
            (b"[a-c]", b"B", true),
            (b"[ABC]", b"b", true),
            (b"[\\A]", b"a", false),
            (b"[\\A]", b"A", true),
            (b"\\A", b"a", true),
            (b"[Z-a]", b"z", false),
            (b"[Z-a]", b"a", false),
        ] {
            let what = format!("{} on {}", pattern.escape_ascii(), text.escape_ascii());
            assert_eq!(glob_match_ignoring_case(pattern, text), expected, "{what}");
        }
        check(b"MAX*", b"maxmemory", false);
    }

    #[test]
    fn more_than_a_thousand_stars_never_match() {
        let text = vec![b'a'; 3000];
        check(&b"*a".repeat(1000), &text, true);
        check(&b"*a".repeat(1001), &text, false);
        check(&[&b"*a".repeat(1000)[..], b"*"].concat(), &text, true);
        check(&[&b"*".repeat(5000)[..], b"a"].concat(), &text, true);
    }

    /// A matcher that tries every star again would not come back from these at all.
    #[test]
    fn many_stars_that_fail_late_end_soon() {
        let pattern = [&b"a*".repeat(60)[..], b"b"].concat();
        check(&pattern, &[b'a'; 10_000], false);
        let pattern = [&b"*?[a]".repeat(300)[..], b"b"].concat();
        check(&pattern, &[b'a'; 10_000], false);
    }
}
