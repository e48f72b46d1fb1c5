//! Tests of the directive table as a whole, through the public interface.

use std::collections::HashSet;

use super::table::TABLE;
use super::*;

#[test]
fn names_are_unique() {
    let mut seen = HashSet::new();
    for directive in TABLE {
        for name in std::iter::once(directive.name).chain(directive.alias) {
            assert!(seen.insert(name), "{name}");
            assert!(
                table::find(name.to_ascii_uppercase().as_bytes()).is_some(),
                "{name}"
            );
        }
    }
}
