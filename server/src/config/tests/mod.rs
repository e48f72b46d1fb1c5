//! Tests of the configuration through its public interface, and of the table as a whole.

use std::collections::HashSet;

use super::table::TABLE;
use super::value::Kind;
use super::*;

mod defaults;
mod load;
mod rewrite;
mod set;

/// What `loaded` says a directive is set to.
fn value(config: &Config, name: &str) -> String {
    let value = config
        .value_of(name)
        .unwrap_or_else(|| panic!("there is no {name}"));
    String::from_utf8(value).unwrap()
}

/// A configuration read from the text of a file.
fn load_text(text: &str) -> Result<Loaded, LoadError> {
    let sources = Sources {
        stdin: true,
        ..Sources::default()
    };
    super::load(&sources, [], text.as_bytes())
}

/// A directory of its own for one test, removed with its value.
struct TestDir(std::path::PathBuf);

impl TestDir {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("nuthatch-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        TestDir(path.canonicalize().unwrap())
    }

    /// Writes a file and returns its path.
    fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // A directory left behind does no harm to the next run, which has another process id.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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

/// Values worth trying for a kind: canonical ones, its bounds among them.
fn samples(kind: &Kind) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    match kind {
        Kind::Flag => texts(&["yes", "no"]),
        Kind::Integer { min, max } => vec![min.to_string(), max.to_string()],
        Kind::Clamped { low, high, .. } => vec![low.to_string(), high.to_string()],
        Kind::Octal { max } => vec!["0".to_owned(), format!("{max:o}")],
        Kind::PowerOfTwo { max } => vec!["1".to_owned(), max.to_string()],
        Kind::Memory { min, max } => {
            vec![min.to_string(), max.to_string(), (3u64 << 30).to_string()]
        }
        Kind::MemoryOrPercent => texts(&["0", "1048576", "10%"]),
        Kind::Choice(words) => texts(words),
        Kind::Shutdown => texts(&["default", "save now force", "nosave"]),
        Kind::Text(_) => texts(&["", "abc-1.x"]),
        Kind::Secret => texts(&["", "p\"a\\s s\n"]),
        Kind::Dir => texts(&["/"]),
        Kind::Addresses => texts(&["", "127.0.0.1 -::1"]),
        Kind::Save => texts(&["", "900 1 300 10"]),
        Kind::OutputBufferLimits => texts(&["normal 1 2 3 slave 1073741824 0 60 pubsub 4 5 6"]),
        Kind::KeyspaceEvents => texts(&["", "AKE", "xE"]),
        Kind::ReplicaOf => texts(&["host 6379"]),
        Kind::OomScores => texts(&["-2000 0 2000"]),
        Kind::Percentiles => texts(&["", "0 50.5 99.999 100"]),
    }
}

/// Parses `text` as CONFIG SET would, without regard to what this version supports.
fn parse(
    directive: &directive::Directive,
    config: &mut Config,
    text: &str,
) -> Result<(), error::Reason> {
    let words: Vec<&[u8]> = match directive.kind.takes_words() {
        true => text.as_bytes().split(|&byte| byte == b' ').collect(),
        false => vec![text.as_bytes()],
    };
    let value = directive.kind.parse(&words, &directive.value(config))?;
    directive.store(config, value);
    Ok(())
}

#[test]
fn every_directive_prints_what_it_parsed_and_reads_what_it_writes() {
    for directive in TABLE {
        for sample in samples(&directive.kind) {
            let name = directive.name;
            let mut config = Config::default();
            if let Err(reason) = parse(directive, &mut config, &sample) {
                // File names may not be empty.
                assert!(sample.is_empty(), "{name} {sample:?}: {reason}");
                continue;
            }
            let printed = String::from_utf8(directive.format(&config)).unwrap();
            assert_eq!(printed, sample, "{name}");

            // The form of the file, word by word as the loader would read it.
            let value = directive.value(&config);
            let mut reread = Config::default();
            let mut points = Vec::new();
            for form in directive.kind.file_forms(&value) {
                let words = line::split_args(&form).unwrap();
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                let parsed = directive
                    .kind
                    .parse(&words, &directive.value(&reread))
                    .unwrap();
                if let value::Value::Save(more) = &parsed {
                    points.extend(more.clone());
                }
                directive.store(&mut reread, parsed);
            }
            if matches!(directive.kind, Kind::Save) {
                directive.store(&mut reread, value::Value::Save(points));
            }
            assert_eq!(directive.value(&reread), value, "{name} {sample:?}");
        }
    }
}

#[test]
fn only_directives_without_a_field_may_lack_an_effect_silently() {
    for directive in TABLE {
        let silent = directive.support == directive::Support::Inert;
        assert!(!(silent && directive.has_field()), "{}", directive.name);
    }
}
