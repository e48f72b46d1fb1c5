//! The sections of `INFO`: one file each. Field names and their meaning are Redis's; what this version has not got
//! (files, replicas, scripts) stands there with the figure that says so.

mod clients;
mod commandstats;
mod cpu;
mod errorstats;
mod keyspace;
mod latencystats;
mod memory;
mod persistence;
mod replication;
mod server;
mod stats;
mod text;

use storage::Unit;

use crate::server::Server;

pub(crate) use cpu::process_ms;
pub(crate) use memory::{MemoryFigures, system_bytes};
use text::Text;

/// The version of Redis whose behaviour clients can expect.
pub(crate) const REDIS_VERSION: &str = "7.2.4";
/// Our own version.
pub(crate) const NUTHATCH_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A section: its name as clients ask for it, its title, whether `INFO` without arguments shows it, and what writes
/// its fields.
struct Section {
    name: &'static str,
    title: &'static str,
    is_default: bool,
    write: fn(&mut Text, &Server, &mut Unit<'_>),
}

const fn section(
    name: &'static str,
    title: &'static str,
    is_default: bool,
    write: fn(&mut Text, &Server, &mut Unit<'_>),
) -> Section {
    Section {
        name,
        title,
        is_default,
        write,
    }
}

/// All sections in the order in which they are shown.
const SECTIONS: &[Section] = &[
    section("server", "Server", true, server::write),
    section("clients", "Clients", true, clients::write),
    section("memory", "Memory", true, memory::write),
    section("persistence", "Persistence", true, persistence::write),
    section("stats", "Stats", true, stats::write),
    section("replication", "Replication", true, replication::write),
    section("cpu", "CPU", true, cpu::write),
    // There are no modules, so there is nothing below the title.
    section("modules", "Modules", true, |_, _, _| {}),
    section("commandstats", "Commandstats", false, commandstats::write),
    section("errorstats", "Errorstats", true, errorstats::write),
    section("latencystats", "Latencystats", false, latencystats::write),
    section("cluster", "Cluster", true, |text, _, _| {
        text.field("cluster_enabled", 0)
    }),
    section("keyspace", "Keyspace", true, keyspace::write),
];

/// Which sections a client wants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    default: bool,
    all: bool,
    /// Indices into `SECTIONS`.
    named: Vec<usize>,
}

impl Asked {
    /// From the arguments of `INFO`; unknown names ask for nothing.
    pub(crate) fn parse<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        let mut asked = Self {
            default: names.len() == 0,
            ..Self::default()
        };
        for name in names {
            let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
            if is("default") {
                asked.default = true;
            } else if is("all") || is("everything") {
                asked.all = true;
            } else if let Some(at) = SECTIONS.iter().position(|section| is(section.name)) {
                asked.named.push(at);
            }
        }
        asked
    }

    fn wants(&self, at: usize) -> bool {
        self.all || (self.default && SECTIONS[at].is_default) || self.named.contains(&at)
    }
}

/// The text of `INFO`. `unit` may visit every shard.
pub(crate) fn report(server: &Server, unit: &mut Unit<'_>, asked: &Asked) -> String {
    let mut text = Text::default();
    for (at, section) in SECTIONS.iter().enumerate() {
        if asked.wants(at) {
            text.title(section.title);
            (section.write)(&mut text, server, unit);
        }
    }
    text.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let asked = Asked::parse(words.into_iter());
        (0..SECTIONS.len())
            .filter(|&at| asked.wants(at))
            .map(|at| SECTIONS[at].name)
            .collect()
    }

    #[test]
    fn sections_are_chosen_as_in_the_reference() {
        assert_eq!(
            names(&["KeySpace", "clients", "keyspace"]),
            ["clients", "keyspace"]
        );
        assert_eq!(names(&["nosuch"]), [""; 0]);
        assert_eq!(names(&["all"]).len(), SECTIONS.len());
        assert_eq!(names(&["everything"]).len(), SECTIONS.len());
        assert_eq!(names(&[]), names(&["default"]));
        assert!(!names(&[]).contains(&"commandstats"));
        assert!(names(&["default", "latencystats"]).contains(&"latencystats"));
    }
}
