//! Transcripts: what is sent and what must come back, as text that a person can read and that
//! the server under test, or Redis, can be held against.
//!
//! ```text
//! # A comment.
//! [GETRANGE: edges] needs LPUSH   a block: the command it is about, a title, conditions
//! > SET k "Hello"                 a command on the first connection …
//! +OK                             … and its reply (a pattern, see `pattern.rs`)
//! b> GET k                        the same on a second connection, named b
//! "Hello"
//! > GET missing
//! 2| $nil                         only in RESP2
//! 3| _                            only in RESP3
//! <                               reads one more reply, without sending anything
//! > QUIT
//! +OK
//! closed                          the server closes the connection
//! > CLIENT REPLY OFF
//! none                            no reply is due
//! ```
//!
//! Each block runs twice, once per dialect, on new connections and an empty keyspace. A command
//! with several reply lines has several replies. A line that begins with two spaces continues the
//! one before. Conditions: `needs COMMAND` (the server knows it), `since 7.2` (a Redis of at least
//! that version, or ours), `redis 8.4` and `valkey 9.0` (that product, or ours), `nuthatch`
//! (ours only), `own server` (the block may harm it), `resp2` (in that dialect only).

use std::collections::BTreeMap;

use crate::raw::{End, split_line};
use crate::{Pattern, RawClient, ServerKind, TestServer, wait_until};

/// The blocks of one file.
pub struct Transcript {
    /// The file's name, for messages.
    pub name: &'static str,
    /// Its blocks in order.
    pub blocks: Vec<Block>,
}

/// One block: a command and a conversation about it.
pub struct Block {
    /// The command in upper case, a subcommand after `|`: `CLIENT|ID`.
    pub command: String,
    /// The line of its heading.
    pub line: usize,
    /// What is said.
    pub steps: Vec<Step>,
    conditions: Vec<String>,
}

/// A command that is sent, or nothing, and the replies that follow.
pub struct Step {
    /// Its line in the file.
    pub line: usize,
    /// Which connection: `a`, unless it is named.
    pub connection: char,
    /// The command line, or `None` for `<`.
    pub send: Option<String>,
    /// What comes back.
    pub replies: Vec<(Option<Dialect>, Reply)>,
}

/// What one reply line asks for.
pub enum Reply {
    /// A reply of this form, with the text it was read from.
    Like(Pattern, String),
    /// The end of the connection.
    Closed,
    /// No reply at all; the next reply shows it.
    None,
}

/// The two forms of RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The default.
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

impl Transcript {
    /// Reads a transcript.
    ///
    /// # Panics
    /// With the line, when it is not well formed.
    pub fn parse(name: &'static str, text: &str) -> Transcript {
        let mut blocks: Vec<Block> = Vec::new();
        for (line, text) in joined_lines(text) {
            let fail = |reason: &str| -> ! { panic!("{name}:{line}: {reason}: {text}") };
            if text.starts_with('[') && text.contains(']') && is_heading(&text) {
                blocks.push(Block::heading(line, &text));
                continue;
            }
            let Some(block) = blocks.last_mut() else {
                fail("no block yet")
            };
            if let Some(step) = Step::opening(line, &text) {
                block.steps.push(step);
                continue;
            }
            let Some(step) = block.steps.last_mut() else {
                fail("a reply to nothing")
            };
            match reply_line(&text) {
                Ok(reply) => step.replies.push(reply),
                Err(reason) => fail(&reason),
            }
        }
        Transcript { name, blocks }
    }

    /// Fills in the replies of the steps that have none with what the server under test answers,
    /// and returns the new text. For writing transcripts: read what it wrote before you keep it.
    /// Steps that have replies and fail are named on stderr.
    pub fn recorded(&self, text: &str) -> String {
        let shared = TestServer::start();
        let mut answers: BTreeMap<usize, [Vec<String>; 2]> = BTreeMap::new();
        for block in &self.blocks {
            for (index, dialect) in [Dialect::Resp2, Dialect::Resp3].into_iter().enumerate() {
                if !block.applies(&shared, dialect) {
                    continue;
                }
                let own = block.has_condition("own server").then(TestServer::start);
                let server = own.as_ref().unwrap_or(&shared);
                let recorded = block.record(server, dialect, self.name);
                for (line, replies) in recorded {
                    answers.entry(line).or_default()[index] = replies;
                }
            }
        }
        let mut lines = String::new();
        for (index, line) in text.lines().enumerate() {
            lines.push_str(&format!("{line}\n"));
            let Some([resp2, resp3]) = answers.get(&(index + 1)) else {
                continue;
            };
            for count in 0..resp2.len().max(resp3.len()) {
                match (resp2.get(count), resp3.get(count)) {
                    (Some(a), Some(b)) if a == b => lines.push_str(&format!("{a}\n")),
                    (a, b) => {
                        for (mark, reply) in [("2| ", a), ("3| ", b)] {
                            if let Some(reply) = reply {
                                lines.push_str(&format!("{mark}{reply}\n"));
                            }
                        }
                    }
                }
            }
        }
        lines
    }

    /// Runs every block in both dialects, and returns what failed, one text per block.
    ///
    /// # Panics
    /// When a server dies under a block.
    pub fn failures(&self) -> Vec<String> {
        let shared = TestServer::start();
        let mut failures = Vec::new();
        for block in &self.blocks {
            for dialect in [Dialect::Resp2, Dialect::Resp3] {
                if !block.applies(&shared, dialect) {
                    continue;
                }
                let outcome = match block.has_condition("own server") {
                    true => block.run(&TestServer::start(), dialect),
                    false => block.run(&shared, dialect),
                };
                if let Err(reason) = outcome {
                    failures.push(format!("{}:{reason} ({dialect:?})", self.name));
                }
            }
        }
        failures
    }
}

impl Block {
    fn heading(line: usize, text: &str) -> Block {
        let (command, conditions) = text[1..].split_once(']').expect("it was looked for");
        // What follows a colon tells blocks about the same command apart.
        let command = command.split(':').next().unwrap_or_default();
        let conditions = conditions.split(',').map(|c| c.trim().to_owned());
        Block {
            command: command.to_owned(),
            line,
            steps: Vec::new(),
            conditions: conditions
                .filter(|condition| !condition.is_empty())
                .collect(),
        }
    }

    /// Whether the heading has this condition.
    pub fn has_condition(&self, condition: &str) -> bool {
        self.conditions.iter().any(|given| given == condition)
    }

    /// Whether the block applies to this server and dialect.
    pub fn applies(&self, server: &TestServer, dialect: Dialect) -> bool {
        self.conditions.iter().all(|condition| {
            let kind = server.kind();
            match condition.split_once(' ').unwrap_or((condition, "")) {
                ("needs", command) => knows(server, command),
                ("since", version) => {
                    let (major, minor) = version_of(version);
                    kind.at_least(major, minor)
                }
                ("redis", version) => match kind {
                    ServerKind::Redis(major, minor) => (major, minor) >= version_of(version),
                    other => other.is_nuthatch(),
                },
                ("valkey", version) => match kind {
                    ServerKind::Valkey(major, minor) => (major, minor) >= version_of(version),
                    other => other.is_nuthatch(),
                },
                ("nuthatch", _) => kind.is_nuthatch(),
                ("own", "server") => true,
                ("resp2", _) => dialect == Dialect::Resp2,
                _ => panic!("[{}] has an unknown condition: {condition}", self.command),
            }
        })
    }

    fn record(
        &self,
        server: &TestServer,
        dialect: Dialect,
        name: &str,
    ) -> Vec<(usize, Vec<String>)> {
        empty(server);
        let mut connections: Vec<(char, RawClient)> = Vec::new();
        let mut recorded = Vec::new();
        for step in &self.steps {
            let client = connection(&mut connections, step.connection, server, dialect);
            if !step.replies.is_empty() {
                if let Err(reason) = step.run(client, dialect) {
                    eprintln!("{name}:{reason} ({dialect:?})");
                }
                continue;
            }
            if let Some(line) = &step.send {
                client.send(&split_line(line).expect("a command line"));
            }
            recorded.push((step.line, client.read_what_comes()));
        }
        recorded
    }

    fn run(&self, server: &TestServer, dialect: Dialect) -> Result<(), String> {
        empty(server);
        let mut connections: Vec<(char, RawClient)> = Vec::new();
        for step in &self.steps {
            let client = connection(&mut connections, step.connection, server, dialect);
            step.run(client, dialect)?;
        }
        Ok(())
    }
}

impl Step {
    fn opening(line: usize, text: &str) -> Option<Step> {
        let (connection, rest) = match text.as_bytes() {
            [b'>' | b'<', ..] => ('a', text),
            [name @ b'a'..=b'z', b'>' | b'<', ..] => (char::from(*name), &text[1..]),
            _ => return None,
        };
        let send = match rest {
            "<" => None,
            // `>[` opens a push reply, not a command.
            _ => Some(rest.strip_prefix("> ")?.to_owned()),
        };
        Some(Step {
            line,
            connection,
            send,
            replies: Vec::new(),
        })
    }

    /// The replies that are due in `dialect`.
    pub fn replies_in(&self, dialect: Dialect) -> impl Iterator<Item = &Reply> {
        let due = move |given: &Option<Dialect>| given.is_none_or(|given| given == dialect);
        self.replies
            .iter()
            .filter(move |(given, _)| due(given))
            .map(|(_, reply)| reply)
    }

    fn run(&self, client: &mut RawClient, dialect: Dialect) -> Result<(), String> {
        let sent = self.send.as_deref().unwrap_or("<");
        let fail = |what: String| format!("{}: {sent}\n  {what}", self.line);
        if let Some(line) = &self.send {
            let args = split_line(line).map_err(fail)?;
            if !client.try_send_bytes(crate::encode_command(&args)) {
                return Err(fail("could not be sent".into()));
            }
        }
        if self.replies.is_empty() {
            return Err(fail("has no reply in the transcript".into()));
        }
        for reply in self.replies_in(dialect) {
            if matches!(reply, Reply::None) {
                continue;
            }
            match (reply, client.try_read()) {
                (Reply::Closed, Err(End::Closed)) => {}
                (Reply::Closed, Ok(value)) => {
                    return Err(fail(format!("answered {value}\n  expected to be closed")));
                }
                (Reply::Like(pattern, text), Ok(value)) => {
                    if !pattern.matches(&value) {
                        return Err(fail(format!("answered {value}\n  expected {text}")));
                    }
                }
                (Reply::None, Ok(_)) => unreachable!("nothing was read for it"),
                (_, Err(end)) => return Err(fail(end.to_string())),
            }
        }
        Ok(())
    }
}

/// The connection named `name`, made when it is first used.
fn connection<'a>(
    connections: &'a mut Vec<(char, RawClient)>,
    name: char,
    server: &TestServer,
    dialect: Dialect,
) -> &'a mut RawClient {
    if let Some(index) = connections.iter().position(|(given, _)| *given == name) {
        return &mut connections[index].1;
    }
    let client = match dialect {
        Dialect::Resp2 => server.raw(),
        Dialect::Resp3 => server.raw_resp3(),
    };
    connections.push((name, client));
    &mut connections.last_mut().expect("it was just pushed").1
}

/// Leaves nothing of the block before: no keys, no connections.
fn empty(server: &TestServer) {
    let mut control = server.raw();
    control.check("FLUSHALL", "+OK");
    wait_until("the connections of the block before are gone", || {
        control
            .run("INFO clients")
            .text()
            .contains("connected_clients:1\r\n")
    });
    drop(control);
    // The control connection is not to be seen by CLIENT LIST in the block, either: the next
    // one is, but it is the same one that looks.
}

fn knows(server: &TestServer, command: &str) -> bool {
    !matches!(
        server.raw().call(&["COMMAND", "INFO", command]).items(),
        [crate::Value::NullArray | crate::Value::Null | crate::Value::NullBulk]
    )
}

fn version_of(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let number = |text: &str| {
        text.parse()
            .unwrap_or_else(|_| panic!("not a version: {text}"))
    };
    (number(major), number(minor))
}

/// A heading is a command's name between brackets: an array pattern has quotes or signs in it.
fn is_heading(text: &str) -> bool {
    let name = text[1..].split([']', ':']).next().unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_uppercase() || b"|-_".contains(&byte);
    !name.is_empty() && name.bytes().all(is_name)
}

fn reply_line(text: &str) -> Result<(Option<Dialect>, Reply), String> {
    let (dialect, text) = match text.split_at_checked(3) {
        Some(("2| ", rest)) => (Some(Dialect::Resp2), rest),
        Some(("3| ", rest)) => (Some(Dialect::Resp3), rest),
        _ => (None, text),
    };
    let reply = match text {
        "closed" => Reply::Closed,
        "none" => Reply::None,
        text => Reply::Like(Pattern::parse(text)?, text.to_owned()),
    };
    Ok((dialect, reply))
}

/// The lines that say something, with their numbers; continuations joined.
fn joined_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line == "#" || line.starts_with("# ") {
            continue;
        }
        match (line.strip_prefix("  "), lines.last_mut()) {
            (Some(rest), Some((_, last))) => {
                last.push(' ');
                last.push_str(rest.trim_start());
            }
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}
