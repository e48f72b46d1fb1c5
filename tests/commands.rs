//! Every command, option by option: the transcripts in `tests/commands/`, and the tests that no
//! command was forgotten.
//!
//! A transcript says what is sent and what must come back in both dialects; the harness's
//! `transcript.rs` explains the format. To write one, leave the replies out, run
//! `NUTHATCH_TEST_BINARY=/usr/bin/redis-server cargo test -p nuthatch-tests record -- --ignored`,
//! which fills them in, and read them.

use harness::{Block, Dialect, RawClient, Reply, Step, TestServer, Transcript, Value};

/// File name and text of each transcript.
const TRANSCRIPTS: &[(&str, &str)] = &[
    ("strings", include_str!("commands/strings.txt")),
    ("bitmaps", include_str!("commands/bitmaps.txt")),
    ("hyperloglogs", include_str!("commands/hyperloglogs.txt")),
    ("sets", include_str!("commands/sets.txt")),
    ("lists", include_str!("commands/lists.txt")),
    ("hashes", include_str!("commands/hashes.txt")),
    ("sorted_sets", include_str!("commands/sorted_sets.txt")),
    ("streams", include_str!("commands/streams.txt")),
    ("sorting", include_str!("commands/sorting.txt")),
    ("geo", include_str!("commands/geo.txt")),
    ("keys", include_str!("commands/keys.txt")),
    ("pubsub", include_str!("commands/pubsub.txt")),
    ("transactions", include_str!("commands/transactions.txt")),
    ("connection", include_str!("commands/connection.txt")),
    ("server", include_str!("commands/server.txt")),
    ("newer", include_str!("commands/newer.txt")),
];

#[track_caller]
fn check(name: &str) {
    let (name, text) = TRANSCRIPTS
        .iter()
        .find(|(given, _)| *given == name)
        .expect("a transcript");
    let failures = Transcript::parse(name, text).failures();
    assert!(
        failures.is_empty(),
        "{} blocks fail:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn strings_answer_as_written() {
    check("strings");
}

#[test]
fn bitmaps_answer_as_written() {
    check("bitmaps");
}

#[test]
fn hyperloglogs_answer_as_written() {
    check("hyperloglogs");
}

#[test]
fn lists_answer_as_written() {
    check("lists");
}

#[test]
fn sets_answer_as_written() {
    check("sets");
}

#[test]
fn hashes_answer_as_written() {
    check("hashes");
}

#[test]
fn sorted_sets_answer_as_written() {
    check("sorted_sets");
}

#[test]
fn streams_answer_as_written() {
    check("streams");
}

#[test]
fn sorting_answers_as_written() {
    check("sorting");
}

#[test]
fn geo_answers_as_written() {
    check("geo");
}

#[test]
fn keys_answer_as_written() {
    check("keys");
}

#[test]
fn pubsub_answers_as_written() {
    check("pubsub");
}

#[test]
fn transactions_answer_as_written() {
    check("transactions");
}

#[test]
fn connection_answers_as_written() {
    check("connection");
}

#[test]
fn server_answers_as_written() {
    check("server");
}

#[test]
fn newer_commands_answer_as_written() {
    check("newer");
}

/// One line of `commands/info.txt`: a command as `COMMAND INFO` must describe it.
struct Described<'a> {
    name: &'a str,
    arity: i64,
    /// Flags, first key, last key, step and ACL categories, as they stand in the file.
    rest: String,
}

/// Served only together with CLIENT TRACKING, which comes later.
const OPTIONAL: &[&str] = &["client|getredir", "client|trackinginfo"];

/// Succeeds only with a configuration file: `process.rs` starts a server that has one.
const TRIED_ELSEWHERE: &[&str] = &["config|rewrite"];

/// Has no key, though its category acts on strings.
const KEYLESS: &[&str] = &["pfselftest"];

/// Commands that act on strings: each must show what it does to a key of another type.
const STRING_CATEGORIES: &[&str] = &["@string", "@bitmap", "@hyperloglog"];

fn described() -> Vec<Described<'static>> {
    let lines = include_str!("commands/info.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines.map(Described::parse).collect()
}

impl<'a> Described<'a> {
    fn parse(line: &'a str) -> Described<'a> {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("a line has at least three words");
        let (name, arity) = (word(), word().parse().expect("the arity is a number"));
        Described {
            name,
            arity,
            rest: word().to_owned(),
        }
    }

    /// The first words of a call: the name, a subcommand as a word of its own.
    fn words(&self) -> Vec<String> {
        self.name
            .to_uppercase()
            .split('|')
            .map(str::to_owned)
            .collect()
    }

    /// Calls with too few and, for a fixed arity, too many arguments.
    fn wrong_calls(&self) -> Vec<Vec<String>> {
        let least = self.arity.unsigned_abs() as usize;
        let mut lengths = vec![least - 1];
        if self.arity > 0 {
            lengths.push(least + 1);
        }
        let words = self.words();
        lengths.retain(|&length| length >= words.len());
        lengths
            .iter()
            .map(|&length| padded(&words, length))
            .collect()
    }
}

fn padded(words: &[String], length: usize) -> Vec<String> {
    let mut words = words.to_vec();
    words.resize(length, "1".to_owned());
    words
}

/// What `COMMAND INFO` answers for `name`, in the form of `commands/info.txt`.
fn description(client: &mut RawClient, name: &str) -> Option<String> {
    let reply = client.call(&["COMMAND", "INFO", name]);
    let Value::Array(info) = &reply.items()[0] else {
        return None;
    };
    let list = |value: &Value| {
        let mut words: Vec<&str> = value.items().iter().map(Value::text).collect();
        words.sort_unstable();
        match words.is_empty() {
            true => "-".to_owned(),
            false => words.join(","),
        }
    };
    let keys: Vec<String> = info[3..6]
        .iter()
        .map(|key| key.integer().to_string())
        .collect();
    let (flags, categories) = (list(&info[2]), list(&info[6]));
    let arity = info[1].integer();
    Some(format!(
        "{} {arity} {flags} {} {categories}",
        info[0].text(),
        keys.join(" ")
    ))
}

/// Every name that the server lists, subcommands as `container|subcommand`.
fn listed(client: &mut RawClient) -> Vec<String> {
    let mut names = Vec::new();
    for command in client.run("COMMAND").items() {
        let info = command.items();
        names.push(info[0].text().to_owned());
        names.extend(
            info[9]
                .items()
                .iter()
                .map(|sub| sub.items()[0].text().to_owned()),
        );
    }
    names
}

/// The blocks of all transcripts about `name`.
fn blocks_about<'a>(transcripts: &'a [Transcript], name: &str) -> Vec<&'a Block> {
    let name = name.to_uppercase();
    transcripts
        .iter()
        .flat_map(|t| &t.blocks)
        .filter(|block| block.command == name)
        .collect()
}

/// Whether the block calls its own command with success in `dialect`.
fn succeeds(block: &Block, dialect: Dialect) -> bool {
    let words: Vec<&str> = block.command.split('|').collect();
    let calls = |step: &&Step| {
        let line = step.send.as_deref().unwrap_or_default();
        let mut said = line.split(' ');
        words.iter().all(|word| {
            said.next()
                .is_some_and(|said| said.eq_ignore_ascii_case(word))
        })
    };
    let is_good = |reply: &Reply| match reply {
        Reply::Like(pattern, _) => !pattern.is_error(),
        // SHUTDOWN succeeds by ending the connection, CLIENT REPLY OFF by not answering.
        Reply::Closed | Reply::None => true,
    };
    block
        .steps
        .iter()
        .filter(calls)
        .any(|step| step.replies_in(dialect).any(is_good))
}

/// Whether the command cannot succeed on a server that stands alone.
fn needs_cluster(name: &str) -> bool {
    name.starts_with("cluster|") || ["asking", "readonly", "readwrite"].contains(&name)
}

fn all_transcripts() -> Vec<Transcript> {
    TRANSCRIPTS
        .iter()
        .map(|(name, text)| Transcript::parse(name, text))
        .collect()
}

#[test]
fn every_command_is_tried_in_both_dialects() {
    let transcripts = all_transcripts();
    let server = TestServer::start();
    let mut names: Vec<String> = described().iter().map(|d| d.name.to_owned()).collect();
    if server.kind().is_nuthatch() {
        names.extend(listed(&mut server.raw()));
    }
    names.sort();
    names.dedup();
    let untried = |name: &&String| {
        if TRIED_ELSEWHERE.contains(&name.as_str()) {
            return false;
        }
        let blocks = blocks_about(&transcripts, name);
        if needs_cluster(name) {
            return blocks.is_empty();
        }
        [Dialect::Resp2, Dialect::Resp3]
            .iter()
            .any(|&d| !blocks.iter().any(|b| succeeds(b, d)))
    };
    // A container is tried by what it answers to a wrong subcommand.
    let is_container = |name: &String| names.iter().any(|n| n.starts_with(&format!("{name}|")));
    let missing: Vec<&String> = names
        .iter()
        .filter(untried)
        .filter(|n| !is_container(n))
        .collect();
    assert!(
        missing.is_empty(),
        "no transcript shows what these do: {missing:?}"
    );
    let containers = names.iter().filter(|name| is_container(name));
    let silent: Vec<&String> = containers
        .filter(|name| blocks_about(&transcripts, name).is_empty())
        .collect();
    assert!(
        silent.is_empty(),
        "no transcript tries these without a subcommand: {silent:?}"
    );
}

#[test]
fn every_string_command_is_tried_on_another_type() {
    let transcripts = all_transcripts();
    let touches_strings = |described: &&Described<'_>| {
        let has = |category| {
            described
                .rest
                .split([' ', ','])
                .any(|word| word == category)
        };
        STRING_CATEGORIES.iter().any(|category| has(*category))
            && !KEYLESS.contains(&described.name)
    };
    let lacks = |described: &&Described<'_>| {
        let blocks = blocks_about(&transcripts, described.name);
        !blocks
            .iter()
            .any(|block| block.has_condition("needs LPUSH"))
    };
    let described = described();
    let missing = described.iter().filter(touches_strings).filter(lacks);
    let missing: Vec<&str> = missing.map(|described| described.name).collect();
    assert!(
        missing.is_empty(),
        "no transcript tries these on a list: {missing:?}"
    );
}

#[test]
fn wrong_arity_is_answered_by_every_command() {
    let server = TestServer::start();
    let mut failures = Vec::new();
    for mut client in [server.raw(), server.raw_resp3()] {
        let known = listed(&mut client);
        for described in described() {
            if !known.iter().any(|name| name == described.name) {
                continue;
            }
            for call in described.wrong_calls() {
                let reply = client.call(&call);
                let text = format!("wrong number of arguments for '{}' command", described.name);
                let expected = match described.name {
                    "exec" => format!("EXECABORT Transaction discarded because of: {text}"),
                    _ => format!("ERR {text}"),
                };
                if reply != Value::Error(expected.clone()) {
                    failures.push(format!("{call:?}: answered {reply}, expected -{expected}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn command_info_describes_every_command_as_redis_does() {
    let server = TestServer::start();
    let mut client = server.raw();
    let mut failures = Vec::new();
    for Described { name, arity, rest } in described() {
        let expected = format!("{name} {arity} {rest}");
        match description(&mut client, name) {
            Some(found) if found == expected => {}
            // They took no command without arguments before.
            Some(_) if name.starts_with("command|getkeys") && !server.kind().at_least(7, 2) => {}
            Some(found) => failures.push(format!("found    {found}\nexpected {expected}")),
            None if OPTIONAL.contains(&name) || !server.kind().is_nuthatch() => {}
            None => failures.push(format!("not served: {name}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn command_list_count_and_docs_name_the_same_commands() {
    let server = TestServer::start();
    let mut client = server.raw();
    let list = client.run("COMMAND LIST");
    // The unfiltered list holds the subcommands, too.
    let is_command = |name: &&str| !name.contains('|');
    let mut names: Vec<&str> = list
        .items()
        .iter()
        .map(Value::text)
        .filter(is_command)
        .collect();
    names.sort_unstable();
    assert_eq!(client.run("COMMAND COUNT").integer(), names.len() as i64);
    let docs = client.run("COMMAND DOCS").pairs();
    let mut documented: Vec<&str> = docs.iter().map(|(name, _)| name.text()).collect();
    documented.sort_unstable();
    assert_eq!(documented, names);
    for (name, doc) in &docs {
        for field in ["summary", "since", "group"] {
            assert!(
                !doc.field(field).text().is_empty(),
                "{} has no {field}",
                name.text()
            );
        }
    }
}

#[test]
fn an_unknown_command_is_answered_with_the_start_of_its_arguments() {
    let server = TestServer::start();
    let mut client = server.raw();
    let check = |client: &mut RawClient, line: &str, expected: &str| {
        assert_eq!(
            client.run(line),
            Value::Error(expected.to_owned()),
            "{line}"
        );
    };
    check(
        &mut client,
        "NOSUCH",
        "ERR unknown command 'NOSUCH', with args beginning with: ",
    );
    check(
        &mut client,
        "nosuch a \"b c\"",
        "ERR unknown command 'nosuch', with args beginning with: 'a' 'b c' ",
    );
    // The name and the arguments are cut at 128 bytes.
    let long = "x".repeat(300);
    check(
        &mut client,
        &format!("{long} {long} y"),
        &format!(
            "ERR unknown command '{}', with args beginning with: '{}' ",
            &long[..128],
            &long[..128]
        ),
    );
    // Line ends cannot break out of the error line.
    check(
        &mut client,
        "\"a\\r\\nb\" \"c\\nd\"",
        "ERR unknown command 'a  b', with args beginning with: 'c d' ",
    );
}

#[test]
fn names_and_options_are_the_same_in_any_case() {
    let server = TestServer::start();
    let mut client = server.raw();
    client.check("sEt k v eX 100 Nx", "+OK");
    client.check("cLiEnT gEtNaMe", "$nil");
    client.check("object ENCODING k", "\"embstr\"");
    client.check("Config Get MaxMemory", "[\"MaxMemory\", \"0\"]");
}

/// Not a test: fills in the replies that the transcripts lack.
#[test]
#[ignore = "writes into the source tree"]
fn record() {
    for (name, text) in TRANSCRIPTS {
        let recorded = Transcript::parse(name, text).recorded(text);
        let path = format!("{}/commands/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, recorded).expect("the transcript can be written");
    }
}
