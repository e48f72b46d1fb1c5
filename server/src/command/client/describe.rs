//! One client as a line of `CLIENT LIST`.

use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

use storage::UnixMillis;

use crate::command::connection::DEFAULT_USER;
use crate::command::table::{Registered, table};
use crate::session::{ClientEntry, ClientFlags, Session};

/// Describes clients at one moment.
pub(super) struct Describer {
    now_ms: u64,
    /// The client that asks, and the bytes of its arguments: the only ones in memory that belong to a
    /// command and not to a buffer.
    asking: u64,
    argument_bytes: usize,
    /// Names of commands by their table id.
    commands: Vec<&'static str>,
}

impl Describer {
    /// A describer for the client `asking`, whose request has `argument_bytes`.
    pub(super) fn new(now: UnixMillis, asking: u64, argument_bytes: usize) -> Self {
        let now_ms = now.0.max(0) as u64;
        Self {
            now_ms,
            asking,
            argument_bytes,
            commands: command_names(),
        }
    }

    /// Appends the line of `client`, without a line end.
    ///
    /// The fields are those of Redis 7.2 and `watch`, which came later. A reply is written to the
    /// socket from a buffer that all clients of a worker share, so a client has no reply buffer of its
    /// own (`rbs`, `rbp`, `obl`); what the socket has not taken is in its list (`oll`, `omem`).
    pub(super) fn describe(&self, client: &ClientEntry, line: &mut Vec<u8>) {
        let ClientEntry {
            id,
            addr,
            laddr,
            fd,
            ..
        } = client;
        let names = client.names();
        let age = self.seconds_since(client.connected_at_ms);
        let idle = self.seconds_since(client.active_at_ms.load(Relaxed));
        write(
            line,
            format_args!("id={id} addr={addr} laddr={laddr} fd={fd} name="),
        );
        line.extend_from_slice(&names.name);
        write(line, format_args!(" age={age} idle={idle}"));
        describe_state(client, line);
        self.describe_memory(client, line);
        let command = self.command(client.last_command.load(Relaxed));
        let version = client.version.load(Relaxed);
        write(
            line,
            format_args!(" cmd={command} user={DEFAULT_USER} redir=-1 resp={version} lib-name="),
        );
        line.extend_from_slice(&names.lib_name);
        line.extend_from_slice(b" lib-ver=");
        line.extend_from_slice(&names.lib_ver);
    }

    fn describe_memory(&self, client: &ClientEntry, line: &mut Vec<u8>) {
        let asks = client.id == self.asking;
        let arguments = if asks { self.argument_bytes } else { 0 };
        let input = client.input_bytes.load(Relaxed);
        let free = client.input_free_bytes.load(Relaxed);
        let queued = client.queued_bytes.load(Relaxed);
        let pending = client.pending_bytes.load(Relaxed);
        let segments = client.pending_segments.load(Relaxed);
        let fixed = size_of::<ClientEntry>() + size_of::<Session>();
        let total = fixed + input + free + queued + pending + arguments;
        let events = if pending > 0 { "rw" } else { "r" };
        write(
            line,
            format_args!(" qbuf={input} qbuf-free={free} argv-mem={arguments} multi-mem={queued}"),
        );
        write(
            line,
            format_args!(" rbs=0 rbp=0 obl=0 oll={segments} omem={pending}"),
        );
        write(line, format_args!(" tot-mem={total} events={events}"));
    }

    fn seconds_since(&self, at_ms: u64) -> u64 {
        self.now_ms.saturating_sub(at_ms) / 1_000
    }

    fn command(&self, id: u16) -> &'static str {
        self.commands
            .get(usize::from(id))
            .copied()
            .unwrap_or("NULL")
    }
}

fn describe_state(client: &ClientEntry, line: &mut Vec<u8>) {
    let mut flags = client.flags();
    flags.set(ClientFlags::UNIX, client.is_unix);
    let db = client.db.load(Relaxed);
    let channels = client.channels.load(Relaxed);
    let patterns = client.patterns.load(Relaxed);
    let shard_channels = client.shard_channels.load(Relaxed);
    let queued = client.queued.load(Relaxed);
    let watched = client.watched.load(Relaxed);
    write(
        line,
        format_args!(" flags={flags} db={db} sub={channels} psub={patterns} ssub={shard_channels}"),
    );
    write(line, format_args!(" multi={queued} watch={watched}"));
}

fn write(line: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("memory takes every write");
}

/// Looked up once for a whole list, because finding a command by its id takes a walk over the table.
fn command_names() -> Vec<&'static str> {
    fn collect(command: &'static Registered, names: &mut [&'static str]) {
        names[usize::from(command.id)] = &command.full_name;
        command
            .subcommands
            .iter()
            .for_each(|sub| collect(sub, names));
    }
    let mut names = vec![""; table().registered_count()];
    table()
        .iter()
        .for_each(|command| collect(command, &mut names));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::registry::Peer;

    fn line(client: &ClientEntry, now_ms: i64) -> String {
        let mut line = Vec::new();
        Describer::new(UnixMillis(now_ms), 8, 10).describe(client, &mut line);
        String::from_utf8(line).unwrap()
    }

    fn client(id: u64, is_unix: bool) -> ClientEntry {
        let (addr, laddr) = if is_unix {
            ("/s:0", "/s:0")
        } else {
            ("[::1]:5", "[::1]:6379")
        };
        let (addr, laddr) = (addr.into(), laddr.into());
        let peer = Peer {
            addr,
            laddr,
            fd: 9,
            is_unix,
            is_local: true,
        };
        ClientEntry::new(id, 0, 0, peer, 10_500)
    }

    #[test]
    fn a_new_client_has_every_field_in_order() {
        let fixed = size_of::<ClientEntry>() + size_of::<Session>();
        let expected = format!(
            "id=7 addr=[::1]:5 laddr=[::1]:6379 fd=9 name= age=2 idle=2 flags=N db=0 sub=0 psub=0 ssub=0 \
             multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 \
             tot-mem={fixed} events=r cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver="
        );
        assert_eq!(line(&client(7, false), 12_600), expected);
    }

    #[test]
    fn figures_show_where_they_belong() {
        let client = client(8, true);
        client.set_names(|names| {
            (names.name, names.lib_name, names.lib_ver) =
                (b"n"[..].into(), b"l"[..].into(), b"1"[..].into());
        });
        client
            .last_command
            .store(table().find(b"ECHO").unwrap().id, Relaxed);
        let figures = [
            (&client.input_bytes, 1),
            (&client.input_free_bytes, 2),
            (&client.queued_bytes, 3),
            (&client.pending_bytes, 4),
            (&client.pending_segments, 5),
            (&client.watched, 6),
            (&client.channels, 7),
            (&client.patterns, 8),
            (&client.shard_channels, 9),
        ];
        figures
            .into_iter()
            .for_each(|(field, figure)| field.store(figure, Relaxed));
        let line = line(&client, 10_000);
        let fixed = size_of::<ClientEntry>() + size_of::<Session>();
        let parts = [
            "addr=/s:0 laddr=/s:0 fd=9 name=n age=0 idle=0 flags=U db=0 sub=7 psub=8 ssub=9 multi=-1 watch=6",
            &format!(
                "qbuf=1 qbuf-free=2 argv-mem=10 multi-mem=3 rbs=0 rbp=0 obl=0 oll=5 omem=4 tot-mem={} events=rw",
                fixed + 1 + 2 + 3 + 4 + 10
            ),
            "cmd=echo user=default redir=-1 resp=2 lib-name=l lib-ver=1",
        ];
        for part in parts {
            assert!(line.contains(part), "{part}\nin {line}");
        }
    }
}
