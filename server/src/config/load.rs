//! Building the configuration that the server starts with: file, stdin, environment, command line.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::{LoadError, Reason};
use super::line::split_args;
use super::pattern;
use super::settings::Config;
use super::table::{self, TABLE};
use super::value::Value;
use crate::command::names::CommandNames;

/// Where a configuration comes from. The environment is always read besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Whether stdin holds further lines.
    pub stdin: bool,
    /// The command line's options, as lines of a configuration file.
    pub options: Vec<u8>,
}

/// A configuration to start with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The absolute path of the configuration file, which `CONFIG REWRITE` rewrites.
    pub file: Option<PathBuf>,
    /// What the operator should know, one log line each, to be logged as warnings at start.
    pub warnings: Vec<String>,
    /// Whether somebody has set `maxmemory`.
    pub has_maxmemory: bool,
}

/// Prefix of environment variables that set directives: `NUTHATCH_MAXMEMORY`.
const ENVIRONMENT_PREFIX: &str = "NUTHATCH_";
/// Deepest nesting of `include`; more is taken for a circle.
const INCLUDE_DEPTH_MAX: usize = 16;
/// Most bytes read from one source.
const SOURCE_BYTES_MAX: u64 = 16 << 20;

/// Reads all sources; a later one wins: file, stdin, environment, command line.
///
/// An environment variable counts when its name is `NUTHATCH_` and a directive in upper case with `_`
/// for `-`. An empty one counts as unset, so that a compose file can pass on what it was not given; an unknown
/// one is a warning.
///
/// # Errors
/// [`LoadError`] at the first bad line, variable or file.
pub fn load(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    stdin: impl Read,
) -> Result<Loaded, LoadError> {
    let mut loader = Loader::new();
    let mut text = Vec::new();
    let file = sources.file.as_deref().map(absolute).transpose()?;
    if let Some(file) = &file {
        text = read_file(file)?;
    }
    if sources.stdin {
        text.extend(read_limited(stdin).map_err(|error| LoadError::open(Path::new("-"), &error))?);
    }
    loader.apply_text(&text, 0, 0)?;
    loader.apply_environment(environment)?;
    // Redis counts the lines of the command line on from those before it; scripts that parse the message see
    // the same numbers.
    let lines_before = text.split(|&byte| byte == b'\n').count();
    loader.apply_text(&sources.options, lines_before, 0)?;
    Ok(loader.finish(file))
}

/// `path` from the root, so that it stays right when the working directory changes.
fn absolute(path: &Path) -> Result<PathBuf, LoadError> {
    std::path::absolute(path).map_err(|error| LoadError::open(path, &error))
}

fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    std::fs::File::open(path)
        .and_then(read_limited)
        .map_err(|error| LoadError::open(path, &error))
}

fn read_limited(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > SOURCE_BYTES_MAX {
        return Err(std::io::Error::other("larger than 16 MiB"));
    }
    Ok(text)
}

struct Loader {
    config: Config,
    /// Directives given so far, by name.
    given: HashSet<&'static str>,
    warnings: Vec<String>,
}

impl Loader {
    fn new() -> Self {
        Loader {
            config: Config::default(),
            given: HashSet::new(),
            warnings: Vec::new(),
        }
    }

    /// Applies the lines of one source, counted on from `lines_before`.
    fn apply_text(
        &mut self,
        text: &[u8],
        lines_before: usize,
        depth: usize,
    ) -> Result<(), LoadError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            self.apply_line(line, depth)
                .map_err(|failure| match failure {
                    Failure::Bad(reason) => LoadError::Line {
                        number: lines_before + index + 1,
                        line: String::from_utf8_lossy(line).into_owned(),
                        reason: reason.into_owned(),
                    },
                    Failure::Inside(error) => error,
                })?;
        }
        Ok(())
    }

    fn apply_line(&mut self, line: &[u8], depth: usize) -> Result<(), Failure> {
        let args = split_args(line).ok_or("Unbalanced quotes in configuration line")?;
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let Some((name, words)) = args.split_first() else {
            return Ok(());
        };
        if table::find(name).is_some() {
            return Ok(self.set(name, words)?);
        }
        match (name.to_ascii_lowercase().as_slice(), words) {
            (b"include", [pattern]) => self.include(pattern, depth),
            (b"rename-command", [old, new]) => {
                self.config
                    .rename_commands
                    .push((old.to_vec(), new.to_vec()));
                CommandNames::new(&self.config.rename_commands)?;
                Ok(())
            }
            (b"user", [name, rules @ ..]) => Ok(check_user(name, rules)?),
            (b"loadmodule", [_, ..]) => Err("modules: not available in Nuthatch".into()),
            (name, [_]) if is_dropped(name) => Ok(()),
            _ => Err("Bad directive or wrong number of arguments".into()),
        }
    }

    /// Sets a directive known to exist. Repeated `save` lines add up; everything else replaces.
    fn set(&mut self, name: &[u8], words: &[&[u8]]) -> Result<(), Reason> {
        let Some(found) = table::find(name) else {
            return Ok(());
        };
        let directive = found.directive;
        let first = self.given.insert(directive.name);
        let earlier = directive.value(&self.config);
        directive.set(&mut self.config, words)?;
        if let (false, Value::Save(mut points), Value::Save(more)) =
            (first, earlier, directive.value(&self.config))
            && !more.is_empty()
        {
            points.extend(more);
            directive.store(&mut self.config, Value::Save(points));
        }
        Ok(())
    }

    /// `include FILE`: one file that must exist, or a pattern that may match none.
    fn include(&mut self, pattern: &[u8], depth: usize) -> Result<(), Failure> {
        if depth == INCLUDE_DEPTH_MAX {
            return Err("include: nested too deeply".into());
        }
        let path = self.config.dir.join(std::ffi::OsStr::from_bytes(pattern));
        let files = match pattern::is_pattern(pattern) {
            true => matching_files(&path),
            false => vec![path],
        };
        for file in files {
            let text = read_file(&file).map_err(Failure::Inside)?;
            self.apply_text(&text, 0, depth + 1)
                .map_err(Failure::Inside)?;
        }
        Ok(())
    }

    fn apply_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), LoadError> {
        let mut variables: Vec<(String, OsString)> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, value)| name.starts_with(ENVIRONMENT_PREFIX) && !value.is_empty())
            .collect();
        // The environment has no order of its own; a fixed one makes the first error reproducible.
        variables.sort();
        for (variable, value) in variables {
            let name = variable[ENVIRONMENT_PREFIX.len()..]
                .to_ascii_lowercase()
                .replace('_', "-");
            match table::find(name.as_bytes()) {
                Some(found) => {
                    // Each source gives all of its save points.
                    self.given.remove(found.directive.name);
                    set_whole(self, &name, value.as_bytes()).map_err(|reason| {
                        LoadError::Environment {
                            variable,
                            reason: reason.into_owned(),
                        }
                    })?;
                }
                None => self.warnings.push(format!(
                    "The environment variable {variable} is ignored: there is no option '{name}'"
                )),
            }
        }
        Ok(())
    }

    fn finish(mut self, file: Option<PathBuf>) -> Loaded {
        for directive in TABLE {
            // The default of `shards` depends on `threads`, which may have been given after it was computed.
            if directive.has_field() && !self.given.contains(directive.name) {
                let value = directive.default_value(&self.config);
                directive.store(&mut self.config, value);
            }
        }
        self.warnings.extend(
            TABLE
                .iter()
                .filter_map(|directive| directive.warning(&self.config)),
        );
        Loaded {
            config: self.config,
            file,
            warnings: self.warnings,
            has_maxmemory: self.given.contains("maxmemory"),
        }
    }
}

/// Sets a directive from one text that holds all its words.
fn set_whole(loader: &mut Loader, name: &str, value: &[u8]) -> Result<(), Reason> {
    let takes_words =
        table::find(name.as_bytes()).is_some_and(|found| found.directive.kind.takes_words());
    if !takes_words {
        return loader.set(name.as_bytes(), &[value]);
    }
    let words = split_args(value).ok_or("unbalanced quotes")?;
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    loader.set(name.as_bytes(), &words)
}

/// Why a line failed: itself, or something inside the file that it includes.
enum Failure {
    Bad(Reason),
    Inside(LoadError),
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Failure::Bad(reason)
    }
}

impl From<&'static str> for Failure {
    fn from(reason: &'static str) -> Self {
        Failure::Bad(reason.into())
    }
}

fn is_dropped(name: &[u8]) -> bool {
    table::DROPPED
        .iter()
        .any(|dropped| name == dropped.as_bytes())
}

/// `user NAME RULES…`: access control lists come later, but files that Redis has rewritten hold the line of the
/// default user. It is accepted when it grants everything without a password, which is what happens here anyway.
fn check_user(name: &[u8], rules: &[&[u8]]) -> Result<(), Reason> {
    const PERMISSIVE: [&str; 9] = [
        "on",
        "nopass",
        "sanitize-payload",
        "skip-sanitize-payload",
        "~*",
        "allkeys",
        "&*",
        "allchannels",
        "+@all",
    ];
    let permissive = |rule: &[u8]| {
        PERMISSIVE
            .iter()
            .any(|known| rule.eq_ignore_ascii_case(known.as_bytes()))
    };
    let is_given = |wanted: &[u8]| rules.iter().any(|rule| rule.eq_ignore_ascii_case(wanted));
    if name == b"default"
        && rules.iter().all(|rule| permissive(rule))
        && is_given(b"on")
        && is_given(b"nopass")
    {
        return Ok(());
    }
    Err("access control lists: not available in this version of Nuthatch; use requirepass".into())
}

/// The files that match `pattern`, whose components may hold wildcards, in the order of their names. Hidden files
/// need a literal dot. A directory that cannot be read matches nothing, as with the shell.
fn matching_files(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for component in pattern.components() {
        let wanted = component.as_os_str();
        if !pattern::is_pattern(wanted.as_bytes()) {
            paths.iter_mut().for_each(|path| path.push(wanted));
            continue;
        }
        paths = paths
            .iter()
            .flat_map(|directory| matching_entries(directory, wanted.as_bytes()))
            .collect();
    }
    paths.retain(|path| path.is_file());
    paths
}

fn matching_entries(directory: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<OsString> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .filter(|name| wanted.starts_with(b".") || !name.as_bytes().starts_with(b"."))
        .filter(|name| pattern::matches(wanted, name.as_bytes()))
        .collect();
    names.sort();
    names.into_iter().map(|name| directory.join(name)).collect()
}
