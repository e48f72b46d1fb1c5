//! Every command, option by option: the transcripts in `tests/commands/`, and the tests that no
//! command was forgotten.
//!
//! A transcript says what is sent and what must come back in both dialects; the harness's
//! `transcript.rs` explains the format. To write one, leave the replies out, run
//! `NUTHATCH_TEST_BINARY=/usr/bin/redis-server cargo test -p nuthatch-tests record -- --ignored`,
//! which fills them in, and read them.

use harness::Transcript;

/// File name and text of each transcript.
const TRANSCRIPTS: &[(&str, &str)] = &[
    ("strings", include_str!("commands/strings.txt")),
    ("bitmaps", include_str!("commands/bitmaps.txt")),
    ("keys", include_str!("commands/keys.txt")),
    ("pubsub", include_str!("commands/pubsub.txt")),
    ("transactions", include_str!("commands/transactions.txt")),
    ("connection", include_str!("commands/connection.txt")),
    ("server", include_str!("commands/server.txt")),
    ("newer", include_str!("commands/newer.txt")),
];

#[track_caller]
fn check(name: &str) {
    let (name, text) = TRANSCRIPTS.iter().find(|(given, _)| *given == name).expect("a transcript");
    let failures = Transcript::parse(name, text).failures();
    assert!(failures.is_empty(), "{} blocks fail:\n\n{}", failures.len(), failures.join("\n\n"));
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
