//! Logging: what `tracing` events become, where they go, and how `loglevel` changes at run time.
//!
//! | event | `loglevel` that shows it | mark |
//! |---|---|---|
//! | `error!`, `warn!` | warning | `#` |
//! | `info!` | notice | `*` |
//! | `debug!` | verbose | `-` |
//! | `trace!` | debug | `.` |
//!
//! A line looks as in Redis, `PID:M 20 Nov 2026 19:41:19.123 * text`, in local time (`TZ`, else the system's zone),
//! or is one JSON object (`log-format json`) with the time in UTC. Control characters are escaped in both: what a
//! peer sends cannot forge a line.
//!
//! Each line is one `write`. A log file is opened for each line, as Redis does, so it can be renamed or removed
//! under the running server, and others may append to it. Nothing is held across the write but the thread's own
//! line buffer. A thread that logs waits for the write: while stdout is a full pipe that nobody reads, that thread
//! stands still, and others run on until they log something too. Lines that cannot be written are lost. So nothing
//! is logged while a shard is locked.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use jiff::{Timestamp, tz::TimeZone};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;

use crate::config::{Config, LoadError, LogFormat, LogLevel, os_text};

/// The running log; changes what is logged.
#[derive(Debug, Clone)]
pub struct Logging {
    level: reload::Handle<LevelFilter, Registry>,
}

impl Logging {
    /// Logs from now on what `level` asks for, in all threads.
    pub fn set_level(&self, level: LogLevel) {
        // The handle outlives its subscriber only while the process exits, when no level matters.
        let _ = self.level.reload(filter(level));
    }
}

/// Starts logging as `config` says, for the whole process.
///
/// # Errors
/// [`LoadError::Setting`] when the log file cannot be opened, or when logging was started before.
pub fn init(config: &Config) -> Result<Logging, LoadError> {
    let (subscriber, logging) = subscriber(config.loglevel, config.log_format, Sink::open(config)?);
    tracing::subscriber::set_global_default(subscriber).map_err(|error| LoadError::Setting {
        reason: format!("Can't start logging: {error}"),
    })?;
    Ok(logging)
}

fn subscriber(
    level: LogLevel,
    format: LogFormat,
    sink: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> (impl Subscriber + Send + Sync, Logging) {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line {
            format,
            process_id: std::process::id(),
            zone: TimeZone::system(),
        })
        .with_writer(sink)
        .with_ansi(false)
        // By default a failed write is reported on stderr, once per line; a full disk would flood it.
        .log_internal_errors(false);
    (
        Registry::default().with(filter).with(lines),
        Logging { level: handle },
    )
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}

/// The mark and the name of an event's level.
fn level_words(level: Level) -> (char, &'static str) {
    match level {
        Level::ERROR | Level::WARN => ('#', "warning"),
        Level::INFO => ('*', "notice"),
        Level::DEBUG => ('-', "verbose"),
        Level::TRACE => ('.', "debug"),
    }
}

/// Where lines go.
enum Sink {
    /// A descriptor of its own: no lock of the standard library is held while a write waits.
    Stdout(File),
    File(PathBuf),
}

impl Sink {
    fn open(config: &Config) -> Result<Self, LoadError> {
        let failed = |error: io::Error| LoadError::Setting {
            reason: format!("Can't open the log file: {}", os_text(&error)),
        };
        if config.logfile.is_empty() {
            let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
            return Ok(Sink::Stdout(stdout.into()));
        }
        let path = config.path(&config.logfile);
        append_to(&path).map_err(failed)?;
        Ok(Sink::File(path))
    }
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = &'a Sink;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl io::Write for &Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(stdout) => {
                let mut stdout: &File = stdout;
                stdout.write(line)
            }
            Sink::File(path) => append_to(path)?.write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes one line of one event.
struct Line {
    format: LogFormat,
    process_id: u32,
    zone: TimeZone,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match self.format {
            LogFormat::Human => self.human(&mut writer, event),
            LogFormat::Json => self.json(&mut writer, event),
        }
    }
}

impl Line {
    /// `PID:M DATE TIME MARK text name=value …`. The letter is Redis's for a primary.
    fn human(&self, writer: &mut dyn fmt::Write, event: &Event<'_>) -> fmt::Result {
        let time = Timestamp::now().to_zoned(self.zone.clone());
        let (mark, _) = level_words(*event.metadata().level());
        write!(
            writer,
            "{}:M {} {mark}",
            self.process_id,
            time.strftime("%d %b %Y %H:%M:%S%.3f")
        )?;
        let fields = Fields::of(event);
        write!(HumanText(writer), " {}", fields.message)?;
        for (name, value) in fields.others {
            write!(HumanText(writer), " {name}={value}")?;
        }
        writer.write_char('\n')
    }

    /// `{"time":…,"level":…,"pid":…,"message":…}`, and `"fields":{…}` where the event has more.
    fn json(&self, writer: &mut dyn fmt::Write, event: &Event<'_>) -> fmt::Result {
        let (_, level) = level_words(*event.metadata().level());
        let (time, process_id) = (Timestamp::now(), self.process_id);
        write!(
            writer,
            "{{\"time\":\"{time:.3}\",\"level\":\"{level}\",\"pid\":{process_id},\"message\":\""
        )?;
        let fields = Fields::of(event);
        write!(JsonText(writer), "{}", fields.message)?;
        writer.write_char('"')?;
        let mut separator = ",\"fields\":{";
        for (name, value) in &fields.others {
            write!(writer, "{separator}\"{name}\":\"")?;
            write!(JsonText(writer), "{value}")?;
            writer.write_char('"')?;
            separator = ",";
        }
        writer.write_str(if fields.others.is_empty() {
            "}\n"
        } else {
            "}}\n"
        })
    }
}

/// An event's text and its further fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields
    }

    fn record(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}"));
    }
}

/// Passes text on with control characters escaped, so that one event stays one line.
struct HumanText<'a>(&'a mut dyn fmt::Write);

impl fmt::Write for HumanText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match char.is_control() {
                true => write!(self.0, "{}", char.escape_default())?,
                false => self.0.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// Passes text on as the inside of a JSON string (RFC 8259, section 7).
struct JsonText<'a>(&'a mut dyn fmt::Write);

impl fmt::Write for JsonText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match char {
                '"' | '\\' => write!(self.0, "\\{char}")?,
                '\n' => self.0.write_str("\\n")?,
                char if char.is_control() => write!(self.0, "\\u{:04x}", char as u32)?,
                char => self.0.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Collects lines in memory.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(line);
            Ok(line.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Memory {
        type Writer = Memory;
        fn make_writer(&'a self) -> Memory {
            self.clone()
        }
    }

    /// The lines that `log` writes at `level`.
    fn logged(level: LogLevel, format: LogFormat, log: impl FnOnce(&Logging)) -> Vec<String> {
        let memory = Memory::default();
        let (subscriber, logging) = subscriber(level, format, memory.clone());
        tracing::subscriber::with_default(subscriber, || log(&logging));
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn log_all() {
        tracing::error!("e");
        tracing::warn!("w");
        tracing::info!("i");
        tracing::debug!("d");
        tracing::trace!("t");
    }

    #[test]
    fn levels_choose_what_is_written() {
        let cases = [
            (LogLevel::Debug, "# # * - ."),
            (LogLevel::Verbose, "# # * -"),
            (LogLevel::Notice, "# # *"),
            (LogLevel::Warning, "# #"),
            (LogLevel::Nothing, ""),
        ];
        for (level, expected) in cases {
            let lines = logged(level, LogFormat::Human, |_| log_all());
            let marks: Vec<&str> = lines
                .iter()
                .map(|line| line.split(' ').nth(5).unwrap())
                .collect();
            assert_eq!(marks.join(" "), expected, "{level:?}");
        }
    }

    #[test]
    fn the_level_changes_at_run_time() {
        let lines = logged(LogLevel::Warning, LogFormat::Human, |logging| {
            tracing::info!("before");
            logging.set_level(LogLevel::Notice);
            tracing::info!("between");
            logging.set_level(LogLevel::Nothing);
            tracing::error!("after");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].ends_with(" * between"), "{lines:?}");
    }

    #[test]
    fn a_human_line_looks_like_one_of_redis() {
        let lines = logged(LogLevel::Notice, LogFormat::Human, |_| {
            tracing::info!(port = 6379, "Server\ninitialized\u{1b}[31m");
        });
        let words: Vec<&str> = lines[0].split(' ').collect();
        assert_eq!(words[0], format!("{}:M", std::process::id()));
        // Day, month, year, time with milliseconds.
        assert!(
            words[1].len() == 2 && words[1].bytes().all(|byte| byte.is_ascii_digit()),
            "{lines:?}"
        );
        assert!(
            words[2].len() == 3 && words[3].len() == 4 && words[4].len() == 12,
            "{lines:?}"
        );
        assert_eq!(
            words[5..].join(" "),
            "* Server\\ninitialized\\u{1b}[31m port=6379"
        );
    }

    #[test]
    fn a_json_line_is_one_object() {
        let lines = logged(LogLevel::Notice, LogFormat::Json, |_| {
            tracing::warn!("say \"a\\b\"\n\u{1}");
            tracing::info!(port = 6379, peer = "x\"y", "ready");
        });
        let after_time = |line: &str| line.split_once("Z\",").unwrap().1.to_owned();
        let pid = std::process::id();
        assert!(lines[0].starts_with("{\"time\":\"20"), "{lines:?}");
        assert_eq!(
            after_time(&lines[0]),
            format!(r#""level":"warning","pid":{pid},"message":"say \"a\\b\"\n\u0001"}}"#)
        );
        assert_eq!(
            after_time(&lines[1]),
            format!(
                r#""level":"notice","pid":{pid},"message":"ready","fields":{{"port":"6379","peer":"x\"y"}}}}"#
            )
        );
    }

    #[test]
    fn a_log_file_is_appended_to_and_may_be_moved() {
        let dir = std::env::temp_dir().join(format!("nuthatch-logging-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let config = Config {
            dir: dir.clone(),
            logfile: "a.log".to_owned(),
            ..Config::default()
        };
        let path = dir.join("a.log");
        std::fs::write(&path, "### Starting test\n").unwrap();
        let (subscriber, _logging) = subscriber(
            LogLevel::Notice,
            LogFormat::Human,
            Sink::open(&config).unwrap(),
        );
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("one");
            std::fs::rename(&path, dir.join("old.log")).unwrap();
            tracing::info!("two");
        });
        let (old, new) = (
            std::fs::read_to_string(dir.join("old.log")).unwrap(),
            std::fs::read_to_string(&path).unwrap(),
        );
        assert!(
            old.starts_with("### Starting test\n") && old.ends_with(" * one\n"),
            "{old}"
        );
        assert!(
            new.ends_with(" * two\n") && new.lines().count() == 1,
            "{new}"
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_log_file_that_cannot_be_opened_is_refused() {
        let config = Config {
            logfile: "/nonexistent-directory/a.log".to_owned(),
            ..Config::default()
        };
        let Err(error) = Sink::open(&config) else {
            panic!("opened a file in no directory")
        };
        assert!(
            error
                .to_string()
                .ends_with("\nCan't open the log file: No such file or directory"),
            "{error}"
        );
    }
}
