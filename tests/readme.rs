//! What the README says of the commands is what the server says.

use std::collections::BTreeMap;
use std::fmt::Write;

use harness::{RawClient, TestServer, Value};

const README: &str = include_str!("../README.md");
const BEGIN: &str = "<!-- commands: checked by the test `the_readme_lists_all_commands` -->\n";
const END: &str = "<!-- end of commands -->";

/// Names of a reply that is an array of strings.
fn names(reply: &Value) -> Vec<String> {
    let mut names: Vec<String> = reply
        .items()
        .iter()
        .map(|name| name.text().to_uppercase())
        .collect();
    names.sort();
    names
}

/// The section between the markers, as the server would write it: one row per group.
fn commands_section(client: &mut RawClient) -> String {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names(&client.call(&["COMMAND", "LIST"])) {
        if name.contains('|') {
            continue;
        }
        let docs = client.call(&["COMMAND", "DOCS", &name]);
        let group = docs.field(&name.to_lowercase()).field("group");
        let mut shown = format!("`{name}`");
        let pattern = format!("{name}|*");
        let inner = names(&client.call(&["COMMAND", "LIST", "FILTERBY", "PATTERN", &pattern]));
        if !inner.is_empty() {
            let inner: Vec<&str> = inner
                .iter()
                .filter_map(|inner| inner.split('|').nth(1))
                .filter(|&inner| inner != "HELP")
                .collect();
            write!(shown, " ({})", inner.join(", ")).expect("writing to a string");
        }
        groups
            .entry(group.text().to_owned())
            .or_default()
            .push(shown);
    }
    let mut section = "| group | commands |\n|---|---|\n".to_owned();
    // They only say that there is no cluster.
    groups.remove("cluster");
    for (group, commands) in groups {
        writeln!(section, "| {group} | {} |", commands.join(" ")).expect("writing to a string");
    }
    section
}

#[test]
fn the_readme_lists_all_commands() {
    let server = TestServer::start();
    if !server.kind().is_nuthatch() {
        return;
    }
    let expected = commands_section(&mut server.raw());
    let start = README.find(BEGIN).expect("the section begins") + BEGIN.len();
    let end = README.find(END).expect("the section ends");
    assert!(
        README[start..end] == expected,
        "the README's commands should be:\n{expected}"
    );
}
