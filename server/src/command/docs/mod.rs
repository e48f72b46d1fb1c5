//! What `COMMAND DOCS` and `COMMAND INFO` say of a command beyond its row in the command table: one file per group, a
//! row per command and subcommand.
//!
//! A test holds these rows against the command table: none is missing and none is left over.

mod argument;
mod bitmap;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod pubsub;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod transactions;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::command::table::Registered;
use crate::output::Output;

use argument::{Argument, write_all, write_text};

/// What is known of one command or subcommand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doc {
    /// Lower-case name; `container|sub` for a subcommand.
    name: &'static str,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
    /// ACL categories beyond those that its flags imply.
    categories: &'static [&'static str],
    tips: &'static [&'static str],
    /// Said of its first key spec.
    key_notes: &'static [&'static str],
    /// Since which version what is so.
    history: &'static [(&'static str, &'static str)],
    /// Since when it is deprecated, and what to use instead.
    deprecated: Option<(&'static str, &'static str)>,
    /// Nothing for applications.
    system: bool,
    arguments: &'static [Argument],
}

impl Doc {
    const fn new(
        name: &'static str,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            since,
            complexity,
            summary,
            categories: &[],
            tips: &[],
            key_notes: &[],
            history: &[],
            deprecated: None,
            system: false,
            arguments: &[],
        }
    }

    const fn categories(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }

    const fn tips(self, tips: &'static [&'static str]) -> Self {
        Self { tips, ..self }
    }

    const fn key_notes(self, notes: &'static [&'static str]) -> Self {
        Self {
            key_notes: notes,
            ..self
        }
    }

    const fn history(self, history: &'static [(&'static str, &'static str)]) -> Self {
        Self { history, ..self }
    }

    const fn deprecated(self, since: &'static str, instead: &'static str) -> Self {
        Self {
            deprecated: Some((since, instead)),
            ..self
        }
    }

    const fn system(self) -> Self {
        Self {
            system: true,
            ..self
        }
    }

    const fn arguments(self, arguments: &'static [Argument]) -> Self {
        Self { arguments, ..self }
    }
}

const GROUPS: &[&[Doc]] = &[
    string::DOCS,
    sorted_set::DOCS,
    geo::DOCS,
    bitmap::DOCS,
    list::DOCS,
    stream::DOCS,
    hyperloglog::DOCS,
    generic::DOCS,
    hash::DOCS,
    set::DOCS,
    pubsub::DOCS,
    transactions::DOCS,
    connection::DOCS,
    cluster::DOCS,
    server::DOCS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Doc>> = LazyLock::new(|| {
    GROUPS
        .iter()
        .flat_map(|group| group.iter())
        .map(|doc| (doc.name, doc))
        .collect()
});

fn doc_of(command: &Registered) -> Option<&'static Doc> {
    BY_NAME.get(command.full_name.as_str()).copied()
}

/// ACL categories of a command beyond those that its flags imply.
pub(super) fn categories_of(command: &Registered) -> &'static [&'static str] {
    doc_of(command).map_or(&[], |doc| doc.categories)
}

/// Tips for clients that route commands or compare replies.
pub(super) fn tips_of(command: &Registered) -> &'static [&'static str] {
    doc_of(command).map_or(&[], |doc| doc.tips)
}

/// What is to be said of one of the command's key specs.
pub(super) fn key_notes_of(command: &Registered, spec: usize) -> Option<&'static str> {
    let notes = doc_of(command)?.key_notes.get(spec).copied();
    notes.filter(|notes| !notes.is_empty())
}

/// Writes the command's name and the map that describes it, its subcommands included.
pub(super) fn write(command: &Registered, reply: &mut Output<'_>) {
    reply.bulk(command.full_name.as_bytes());
    let Some(doc) = doc_of(command) else {
        reply.map(1);
        write_text(reply, "group", command.group);
        return;
    };
    reply.map(doc.field_count() + usize::from(!command.subcommands.is_empty()));
    doc.write_fields(command.group, reply);
    if !command.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(command.subcommands.len());
        command
            .subcommands
            .iter()
            .for_each(|subcommand| write(subcommand, reply));
    }
}

impl Doc {
    fn flags(&self) -> Vec<&'static str> {
        let flags = [
            (self.deprecated.is_some(), "deprecated"),
            (self.system, "syscmd"),
        ];
        flags
            .into_iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, name)| name)
            .collect()
    }

    fn field_count(&self) -> usize {
        4 + usize::from(!self.flags().is_empty())
            + 2 * usize::from(self.deprecated.is_some())
            + usize::from(!self.history.is_empty())
            + usize::from(!self.arguments.is_empty())
    }

    fn write_fields(&self, group: &str, reply: &mut Output<'_>) {
        write_text(reply, "summary", self.summary);
        write_text(reply, "since", self.since);
        write_text(reply, "group", group);
        write_text(reply, "complexity", self.complexity);
        let flags = self.flags();
        if !flags.is_empty() {
            reply.bulk(b"doc_flags");
            reply.set(flags.len());
            flags.iter().for_each(|flag| reply.simple(flag));
        }
        if let Some((since, instead)) = self.deprecated {
            write_text(reply, "deprecated_since", since);
            write_text(reply, "replaced_by", instead);
        }
        if !self.history.is_empty() {
            reply.bulk(b"history");
            reply.set(self.history.len());
            for (version, change) in self.history {
                reply.array(2);
                reply.bulk(version.as_bytes());
                reply.bulk(change.as_bytes());
            }
        }
        if !self.arguments.is_empty() {
            reply.bulk(b"arguments");
            write_all(self.arguments, reply);
        }
    }
}

#[cfg(test)]
mod tests;
