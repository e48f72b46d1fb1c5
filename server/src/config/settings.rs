//! The settings as the rest of the server reads them: one plain struct with a typed field for each setting that
//! has an effect, and the kept values of those that have none yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use storage::EvictionSettings;
use storage::typed::Limits;

use super::table;
use super::types::{
    KeyspaceEvents, LogFormat, LogLevel, MaxmemoryPolicy, MemoryShare, OutputBufferLimits,
    Permission, SavePoint, ShutdownOptions,
};
use super::value::Value;

/// All settings of one server. `Config::default()` is a server started without any configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `bind`: addresses to listen on, in order; `*` and `::*` are all of a family; a leading `-` means that a
    /// failure to bind is no error. Empty: no TCP.
    pub bind: Vec<String>,
    /// `port`: TCP port; 0 turns TCP off.
    pub port: u16,
    /// `unixsocket`: path of the unix socket, relative to `dir`; empty: none.
    pub unixsocket: String,
    /// `unixsocketperm`: file mode of the unix socket; 0 leaves what the umask gives.
    pub unixsocketperm: u32,
    /// `tcp-backlog`: length of the accept queue asked of the kernel.
    pub tcp_backlog: u32,
    /// `tcp-keepalive`: seconds between probes on idle connections; 0 turns them off.
    pub tcp_keepalive_seconds: u32,
    /// `timeout`: seconds after which an idle client is closed; 0 turns this off.
    pub timeout_seconds: u32,
    /// `maxclients`: most clients connected at once.
    pub maxclients: u32,
    /// `protected-mode`: without password, serve only clients from this machine.
    pub protected_mode: bool,
    /// `requirepass`: the password; empty: none.
    pub requirepass: Vec<u8>,
    /// `rename-command OLD NEW`, in file order; an empty new name removes the command.
    pub rename_commands: Vec<(Vec<u8>, Vec<u8>)>,
    /// `threads`: worker threads.
    pub threads: u32,
    /// `shards`: parts of the keyspace, a power of two.
    pub shards: u32,
    /// `databases`: number of databases.
    pub databases: u32,
    /// `dir`: the working directory, absolute; other paths are relative to it, see [`Config::path`].
    pub dir: PathBuf,
    /// `pidfile`: where to write the process id; empty: nowhere.
    pub pidfile: String,
    /// `logfile`: file that log lines are appended to; empty: stdout.
    pub logfile: String,
    /// `loglevel`: least important lines written.
    pub loglevel: LogLevel,
    /// `log-format`: how a log line looks.
    pub log_format: LogFormat,
    /// `maxmemory`: limit of `used_memory` in bytes; 0: none.
    pub maxmemory_bytes: u64,
    /// What `maxmemory` is unless somebody sets it: 0, or a part of the container's memory.
    pub maxmemory_default_bytes: u64,
    /// `maxmemory-policy`: which keys go when it is reached.
    pub maxmemory_policy: MaxmemoryPolicy,
    /// `maxmemory-clients`: what all clients together may take.
    pub maxmemory_clients: MemoryShare,
    /// `maxmemory-samples`: keys that policies compare which compare some.
    pub maxmemory_samples: u32,
    /// `lfu-log-factor`: how slowly LFU's counters rise.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`: minutes after which LFU's counters fall by one; 0: never.
    pub lfu_decay_minutes: u32,
    /// `hll-sparse-max-bytes`: longest HyperLogLog with sparse registers.
    pub hll_sparse_max_bytes: u64,
    /// `proto-max-bulk-len`: longest argument accepted, in bytes.
    pub proto_max_bulk_len_bytes: u64,
    /// `client-query-buffer-limit`: most unparsed request bytes kept for a client.
    pub client_query_buffer_limit_bytes: u64,
    /// `client-output-buffer-limit`: when slow readers are disconnected.
    pub client_output_buffer_limit: OutputBufferLimits,
    /// `notify-keyspace-events`: what is published about keys.
    pub notify_keyspace_events: KeyspaceEvents,
    /// `slowlog-log-slower-than`: microseconds; 0 logs everything, -1 nothing.
    pub slowlog_log_slower_than_us: i64,
    /// `slowlog-max-len`: entries kept.
    pub slowlog_max_len: usize,
    /// `latency-monitor-threshold`: milliseconds; 0 turns the monitor off.
    pub latency_monitor_threshold_ms: i64,
    /// `hash-max-listpack-entries` and its like: how long collections stay small.
    pub limits: Limits,
    /// `latency-tracking`: whether latency histograms per command are kept.
    pub latency_tracking: bool,
    /// `latency-tracking-info-percentiles`: percentiles in `INFO latencystats`, 0 to 100.
    pub latency_tracking_info_percentiles: Vec<f64>,
    /// `enable-debug-command`: who may use DEBUG.
    pub enable_debug_command: Permission,
    /// `enable-protected-configs`: who may set `dir` and `dbfilename` at run time.
    pub enable_protected_configs: Permission,
    /// `shutdown-on-sigterm`.
    pub shutdown_on_sigterm: ShutdownOptions,
    /// `shutdown-on-sigint`.
    pub shutdown_on_sigint: ShutdownOptions,
    /// `disable-thp`: whether entries never lie in huge pages.
    pub disable_thp: bool,
    /// `save`: save points; kept and shown, without effect until there are snapshots.
    pub save: Vec<SavePoint>,

    /// Values of directives without a field; see [`Config::value_of`].
    pub kept: KeptValues,
}

/// Values of directives that have no field in [`Config`], by name; an absent one has its default.
#[derive(Debug, Clone, Default)]
pub struct KeptValues(pub(super) BTreeMap<&'static str, Value>);

impl Default for Config {
    fn default() -> Self {
        table::defaults()
    }
}

impl Config {
    /// What all clients together may take, in bytes; `None`: there is no limit.
    pub fn clients_limit_bytes(&self) -> Option<u64> {
        let bytes = match self.maxmemory_clients {
            MemoryShare::Bytes(bytes) => bytes,
            MemoryShare::Percent(percent) => self.maxmemory_bytes / 100 * u64::from(percent),
        };
        (bytes > 0).then_some(bytes)
    }

    /// How keys are evicted; `None` if they are not.
    pub fn eviction(&self) -> Option<EvictionSettings> {
        Some(EvictionSettings {
            algorithm: self.maxmemory_policy.algorithm?,
            volatile_only: self.maxmemory_policy.volatile_only,
            samples: self.maxmemory_samples,
            lfu_log_factor: self.lfu_log_factor,
            lfu_decay_minutes: self.lfu_decay_minutes,
        })
    }

    /// All fields zero or empty: the ground on which the defaults of the table are laid.
    pub(super) fn blank() -> Self {
        Config {
            bind: Vec::new(),
            port: 0,
            unixsocket: String::new(),
            unixsocketperm: 0,
            tcp_backlog: 0,
            tcp_keepalive_seconds: 0,
            timeout_seconds: 0,
            maxclients: 0,
            protected_mode: false,
            requirepass: Vec::new(),
            rename_commands: Vec::new(),
            threads: 0,
            shards: 0,
            databases: 0,
            dir: PathBuf::new(),
            pidfile: String::new(),
            logfile: String::new(),
            loglevel: LogLevel::Notice,
            log_format: LogFormat::Human,
            maxmemory_bytes: 0,
            maxmemory_default_bytes: 0,
            maxmemory_policy: MaxmemoryPolicy::NONE,
            maxmemory_clients: MemoryShare::Bytes(0),
            maxmemory_samples: 0,
            lfu_log_factor: 0,
            lfu_decay_minutes: 0,
            hll_sparse_max_bytes: 0,
            proto_max_bulk_len_bytes: 0,
            client_query_buffer_limit_bytes: 0,
            client_output_buffer_limit: OutputBufferLimits::default(),
            notify_keyspace_events: KeyspaceEvents::default(),
            slowlog_log_slower_than_us: 0,
            slowlog_max_len: 0,
            limits: Limits::default(),
            latency_monitor_threshold_ms: 0,
            latency_tracking: false,
            latency_tracking_info_percentiles: Vec::new(),
            enable_debug_command: Permission::No,
            enable_protected_configs: Permission::No,
            shutdown_on_sigterm: ShutdownOptions::default(),
            shutdown_on_sigint: ShutdownOptions::default(),
            disable_thp: false,
            save: Vec::new(),
            kept: KeptValues::default(),
        }
    }

    /// `file` as named in a setting, relative to `dir`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// What one directive is set to, as `CONFIG GET` prints it; `None` when there is no such directive.
    ///
    /// For figures of `INFO` and the like about settings that have no field; not for hot paths.
    pub fn value_of(&self, name: &str) -> Option<Vec<u8>> {
        table::find(name.as_bytes()).map(|found| found.directive.format(self))
    }

    /// Where a probe from this machine reaches the server: the unix socket's path, or an address and port.
    /// `None` when it listens nowhere.
    pub fn probe_target(&self) -> Option<ProbeTarget> {
        if self.port != 0
            && let Some(address) = self.bind.first()
        {
            return Some(ProbeTarget::Tcp {
                host: probe_host(address),
                port: self.port,
            });
        }
        (!self.unixsocket.is_empty()).then(|| ProbeTarget::Unix(self.path(&self.unixsocket)))
    }
}

/// See [`Config::probe_target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeTarget {
    /// Connect over TCP.
    Tcp {
        /// Address or name, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// Connect to this unix socket.
    Unix(PathBuf),
}

/// The address to connect to for one address listened on.
fn probe_host(address: &str) -> String {
    let address = address.strip_prefix('-').unwrap_or(address);
    match address {
        "*" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::*" | "::" => "::1".to_owned(),
        other => other.to_owned(),
    }
}

/// Number of shards for `threads` workers where none is configured: 16 per worker, at least 64.
pub(super) fn default_shards(threads: u32) -> u32 {
    (threads * SHARDS_PER_WORKER)
        .next_power_of_two()
        .clamp(SHARDS_DEFAULT_MIN, SHARDS_MAX)
}

/// Number of workers where none is configured: the cores that this process may use.
pub(super) fn default_threads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    (cores as u32).clamp(1, THREADS_MAX)
}

/// Most worker threads.
pub const THREADS_MAX: u32 = 256;
/// Most shards.
pub const SHARDS_MAX: u32 = 16384;
const SHARDS_PER_WORKER: u32 = 16;
const SHARDS_DEFAULT_MIN: u32 = 64;

/// Absolute path of the directory that the process was started in; `/` where that is gone.
pub(super) fn start_dir() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned())
}

/// A field's type: how it turns into a [`Value`] and back.
///
/// `from_value` panics on a value of another kind. Only an error in the table can cause that, and a test sets
/// every row.
pub(super) trait Setting: Sized {
    fn to_value(&self) -> Value;
    fn from_value(value: Value) -> Self;
}

/// Implements [`Setting`] for types that one variant of `Value` holds as they are.
macro_rules! plain_setting {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl Setting for $type {
            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }
            fn from_value(value: Value) -> Self {
                match value {
                    Value::$variant(inner) => inner,
                    other => panic!("the table gives {other:?} where {} is needed", stringify!($variant)),
                }
            }
        }
    )*};
}
plain_setting! {
    bool => Flag,
    u64 => Memory,
    String => Text,
    Vec<u8> => Secret,
    Vec<String> => List,
    PathBuf => Dir,
    Vec<SavePoint> => Save,
    OutputBufferLimits => Limits,
    KeyspaceEvents => Events,
    Vec<f64> => Percentiles,
}

/// Implements [`Setting`] for integers; the row's bounds lie within the type.
macro_rules! integer_setting {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            fn to_value(&self) -> Value {
                Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
            fn from_value(value: Value) -> Self {
                match value {
                    Value::Integer(number) => {
                        Self::try_from(number).expect("the row's bounds lie within the field's type")
                    }
                    other => panic!("the table gives {other:?} where an integer is needed"),
                }
            }
        }
    )*};
}
integer_setting!(u16, u32, i64, usize);

/// Implements [`Setting`] for enums that a [`super::value::Kind::Choice`] selects.
macro_rules! choice_setting {
    ($type:ty { $($variant:ident = $word:literal),* $(,)? }) => {
        impl Setting for $type {
            fn to_value(&self) -> Value {
                Value::Choice(match self { $(Self::$variant => $word),* })
            }
            fn from_value(value: Value) -> Self {
                match value {
                    $(Value::Choice($word) => Self::$variant,)*
                    other => panic!("the table gives {other:?} where a {} is needed", stringify!($type)),
                }
            }
        }
    };
}
choice_setting!(LogLevel {
    Debug = "debug",
    Verbose = "verbose",
    Notice = "notice",
    Warning = "warning",
    Nothing = "nothing",
});
choice_setting!(LogFormat { Human = "human", Json = "json" });
choice_setting!(Permission { No = "no", Yes = "yes", Local = "local" });

impl Setting for MemoryShare {
    fn to_value(&self) -> Value {
        match *self {
            Self::Bytes(bytes) => Value::Memory(bytes),
            Self::Percent(percent) => Value::Percent(percent),
        }
    }

    fn from_value(value: Value) -> Self {
        match value {
            Value::Memory(bytes) => Self::Bytes(bytes),
            Value::Percent(percent) => Self::Percent(percent),
            other => panic!("the table gives {other:?} where a limit of memory is needed"),
        }
    }
}

impl Setting for MaxmemoryPolicy {
    fn to_value(&self) -> Value {
        Value::Choice(self.word())
    }

    fn from_value(value: Value) -> Self {
        match value {
            Value::Choice(word) => Self::of_word(word),
            other => panic!("the table gives {other:?} where a policy is needed"),
        }
    }
}

impl Setting for ShutdownOptions {
    fn to_value(&self) -> Value {
        let options = [
            ("save", self.save),
            ("nosave", self.nosave),
            ("now", self.now),
            ("force", self.force),
        ];
        let mut words: Vec<&str> = options
            .iter()
            .filter(|(_, on)| *on)
            .map(|(word, _)| *word)
            .collect();
        if words.is_empty() {
            words.push("default");
        }
        Value::Choices(words)
    }

    fn from_value(value: Value) -> Self {
        let Value::Choices(words) = value else {
            panic!("the table gives {value:?} where options of SHUTDOWN are needed")
        };
        ShutdownOptions {
            save: words.contains(&"save"),
            nosave: words.contains(&"nosave"),
            now: words.contains(&"now"),
            force: words.contains(&"force"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_follow_the_workers() {
        let cases = [
            (1, 64),
            (2, 64),
            (4, 64),
            (5, 128),
            (8, 128),
            (12, 256),
            (256, 4096),
        ];
        for (threads, shards) in cases {
            assert_eq!(default_shards(threads), shards, "{threads}");
        }
    }

    #[test]
    fn a_probe_finds_the_server() {
        let tcp = |host: &str, port| {
            Some(ProbeTarget::Tcp {
                host: host.to_owned(),
                port,
            })
        };
        let target = |bind: &[&str], port, unixsocket: &str| {
            let bind = bind.iter().map(|&word| word.to_owned()).collect();
            let unixsocket = unixsocket.to_owned();
            Config {
                bind,
                port,
                unixsocket,
                dir: "/srv".into(),
                ..Config::default()
            }
            .probe_target()
        };
        assert_eq!(
            target(&["127.0.0.1", "-::1"], 6379, ""),
            tcp("127.0.0.1", 6379)
        );
        assert_eq!(target(&["*", "-::*"], 7000, "/s"), tcp("127.0.0.1", 7000));
        assert_eq!(target(&["-::*"], 7000, ""), tcp("::1", 7000));
        assert_eq!(target(&["10.0.0.5"], 7000, ""), tcp("10.0.0.5", 7000));
        assert_eq!(
            target(&["*"], 0, "run/s"),
            Some(ProbeTarget::Unix("/srv/run/s".into()))
        );
        assert_eq!(
            target(&[], 6379, "/s"),
            Some(ProbeTarget::Unix("/s".into()))
        );
        assert_eq!(target(&[], 0, ""), None);
    }
}
