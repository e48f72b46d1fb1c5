//! `CONFIG GET` and other questions about directives.

use super::pattern;
use super::settings::Config;
use super::table::{self, TABLE};

/// The answer to `CONFIG GET patterns…`: names and values, in the order of the table, an alias after its directive.
///
/// A literal name is answered as the client wrote it; a pattern answers with the table's names, aliases included
/// and hidden ones excluded. Nothing appears twice.
pub fn get(config: &Config, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    for directive in TABLE {
        for name in std::iter::once(directive.name).chain(directive.alias) {
            let asked = patterns
                .iter()
                .find_map(|&asked| answer_name(asked, name, directive.hidden));
            if let Some(asked) = asked {
                found.push((asked, directive.format(config)));
            }
        }
    }
    found
}

/// The name under which `asked` gets an answer from the directive or alias `name`, if it does.
fn answer_name(asked: &[u8], name: &str, hidden: bool) -> Option<Vec<u8>> {
    if asked.eq_ignore_ascii_case(name.as_bytes()) {
        return Some(asked.to_vec());
    }
    let matched = !hidden && pattern::is_pattern(asked) && pattern::matches(asked, name.as_bytes());
    matched.then(|| name.as_bytes().to_vec())
}

/// Whether the value of this directive must not be shown in logs, SLOWLOG or MONITOR. Unknown names are not.
pub fn is_sensitive(name: &[u8]) -> bool {
    table::find(name).is_some_and(|found| found.directive.sensitive)
}

/// The default of a directive as `CONFIG GET` prints it, or `None` when there is none of this name.
pub fn default_of(name: &str) -> Option<String> {
    let found = table::find(name.as_bytes())?;
    let value = found.directive.default_value(&Config::default());
    Some(String::from_utf8_lossy(&found.directive.kind.format(&value)).into_owned())
}
