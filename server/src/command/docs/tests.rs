use std::collections::HashSet;

use protocol::Version;

use super::*;
use crate::command::table::table;
use crate::output::Outbox;

fn each_command(visit: &mut dyn FnMut(&'static Registered)) {
    fn walk(command: &'static Registered, visit: &mut dyn FnMut(&'static Registered)) {
        visit(command);
        command
            .subcommands
            .iter()
            .for_each(|subcommand| walk(subcommand, visit));
    }
    table().iter().for_each(|command| walk(command, visit));
}

#[test]
fn every_command_is_described() {
    let mut missing = Vec::new();
    each_command(&mut |command| {
        if doc_of(command).is_none() {
            missing.push(command.full_name.clone());
        }
    });
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn no_row_is_left_over_or_doubled() {
    let mut known = HashSet::new();
    each_command(&mut |command| {
        known.insert(command.full_name.as_str());
    });
    let rows = || {
        GROUPS
            .iter()
            .flat_map(|group| group.iter())
            .map(|doc| doc.name)
    };
    let left_over: Vec<&str> = rows().filter(|name| !known.contains(name)).collect();
    assert!(
        left_over.is_empty(),
        "rows without a command: {left_over:?}"
    );
    assert_eq!(rows().count(), BY_NAME.len(), "two rows of one name");
}

#[test]
fn rows_keep_to_the_form() {
    fn check(argument: &Argument, owner: &str) {
        let mut outbox = Outbox::default();
        argument.write(&mut outbox.reply(Version::Resp3));
        assert!(
            outbox.bytes.starts_with(b"%"),
            "{owner}: an argument is a map"
        );
    }
    for doc in GROUPS.iter().flat_map(|group| group.iter()) {
        assert!(
            doc.summary.ends_with('.'),
            "{}: the summary is a sentence",
            doc.name
        );
        assert_eq!(
            doc.since.split('.').count(),
            3,
            "{}: a version has three parts",
            doc.name
        );
        assert!(
            doc.categories.iter().all(|name| name.starts_with('@')),
            "{}",
            doc.name
        );
        doc.arguments
            .iter()
            .for_each(|argument| check(argument, doc.name));
    }
}
