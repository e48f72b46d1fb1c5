//! The glob patterns of `CONFIG GET` and `include`: `*`, `?`, `[a-z]`, `[^a]`, `\x`, without regard to case.

/// Whether the whole of `text` matches `pattern`; ASCII letters match in either case.
///
/// Takes time proportional to the product of the two lengths at worst: after a mismatch only the last `*`
/// is tried again, one byte further on.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if let Some(next) = match_one(pattern, p, text[t]) {
            p = next;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            retry = Some((after_star, from + 1));
            p = after_star;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Where `pattern` continues after its element at `at` has matched `byte`, or `None` when it does not match.
fn match_one(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    match pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => match_class(pattern, at + 1, byte),
        b'\\' if at + 1 < pattern.len() => same(pattern[at + 1], byte).then_some(at + 2),
        literal => same(*literal, byte).then_some(at + 1),
    }
}

/// As [`match_one`] for a class whose first byte after `[` is at `at`. A class without `]` ends with the pattern.
fn match_class(pattern: &[u8], mut at: usize, byte: u8) -> Option<usize> {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let byte = byte.to_ascii_lowercase();
    let mut found = false;
    loop {
        match pattern.get(at..).unwrap_or_default() {
            [] => return (found != negated).then_some(pattern.len()),
            [b']', ..] => return (found != negated).then_some(at + 1),
            [b'\\', escaped, ..] => {
                found |= same(*escaped, byte);
                at += 2;
            }
            [from, b'-', to, ..] if *to != b']' => {
                let (a, b) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
                found |= (a.min(b)..=a.max(b)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= same(*literal, byte);
                at += 1;
            }
        }
    }
}

fn same(a: u8, b: u8) -> bool {
    a.eq_ignore_ascii_case(&b)
}

/// Whether `text` holds a byte that makes it a pattern.
pub(super) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let cases = [
            ("*", "", true),
            ("*", "anything", true),
            ("max*", "maxmemory", true),
            ("max*", "amaxmemory", false),
            ("MAX*", "maxmemory", true),
            ("*max*", "list-max-listpack-size", true),
            ("*-m?x-*", "list-max-listpack-size", true),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxbxxbx", false),
            ("[m-p]ort", "port", true),
            ("[P-M]ORT", "port", true),
            ("[^p]ort", "port", false),
            ("[^p]ort", "sort", true),
            ("[a\\]]x", "]x", true),
            ("p[o", "po", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
