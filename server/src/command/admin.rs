//! The commands of the group "server", each from its own file.

use super::{
    Command, catalog, config, debug, hot_keys, info, latency, lolwut, memory, monitor, process,
    slowlog,
};

pub(super) const COMMANDS: &[Command] = &[
    catalog::COMMAND,
    config::CONFIG,
    debug::DEBUG,
    hot_keys::HOTKEYS,
    info::INFO,
    latency::LATENCY,
    lolwut::LOLWUT,
    memory::MEMORY,
    monitor::MONITOR,
    process::ROLE,
    process::SHUTDOWN,
    process::TIME,
    slowlog::SLOWLOG,
];
