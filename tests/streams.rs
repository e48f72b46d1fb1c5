//! Clients that wait for streams.

use harness::TestServer;

#[test]
fn a_client_that_waits_reads_all_its_streams_again() {
    let server = TestServer::start();
    if !server.kind().at_least(7, 2) {
        return;
    }
    let mut writer = server.raw();
    // Whichever has come to be ready, and however often a stream is named.
    let mut reader = server.block("XREAD BLOCK 0 STREAMS a b a 0 0 0", 1);
    for (line, reply) in [
        ("MULTI", "+OK"),
        ("XADD b 1-1 f v", "+QUEUED"),
        ("XADD a 2-2 f v", "+QUEUED"),
        ("EXEC", "[\"1-1\", \"2-2\"]"),
    ] {
        writer.check(line, reply);
    }
    reader.expect_reply(
        "[[\"a\", [[\"2-2\", [\"f\", \"v\"]]]], [\"b\", [[\"1-1\", [\"f\", \"v\"]]]], [\"a\", [[\"2-2\", [\"f\", \"v\"]]]]]",
    );
    // What has become something else is an error.
    let mut reader = server.block("XREAD BLOCK 0 STREAMS none b 0 $", 1);
    writer.check("SET none x", "+OK");
    writer.check("XADD b 3-1 f v", "\"3-1\"");
    reader.expect_reply("-WRONGTYPE Operation against a key holding the wrong kind of value");
    writer.check("XGROUP CREATE a g $", "+OK");
    writer.check("XGROUP CREATE b g $", "+OK");
    let mut reader = server.block("XREADGROUP GROUP g c BLOCK 0 STREAMS b a > >", 1);
    writer.check("XADD a 4-1 f v", "\"4-1\"");
    reader.expect_reply("[[\"a\", [[\"4-1\", [\"f\", \"v\"]]]]]");
    server.wait_for_blocked(0);
}

#[test]
fn what_others_have_pending_for_too_long_wakes_who_claims() {
    let server = TestServer::start();
    if !server.kind().at_least(8, 8) {
        return;
    }
    let mut writer = server.raw();
    writer.check("XGROUP CREATE s g $ MKSTREAM", "+OK");
    let command = "XREADGROUP GROUP g c BLOCK 0 CLAIM 100 STREAMS s >";
    let mut first = server.block(command, 1);
    let mut second = server.block(&command.replace(" c ", " d "), 2);
    // The first client gets it as something new, and the other one when it has had it for long enough.
    writer.check("XADD s 1-0 f v", "\"1-0\"");
    first.expect_reply("[[\"s\", [[\"1-0\", [\"f\", \"v\"], :0, :0]]]]");
    second.expect_reply("[[\"s\", [[\"1-0\", [\"f\", \"v\"], int(100..20000), :1]]]]");
    server.wait_for_blocked(0);
    writer.check("XPENDING s g - + 9 c", "[]");
    writer.check(
        "XPENDING s g - + 9 d",
        "[[\"1-0\", \"d\", int(0..20000), :2]]",
    );
    // Time is up before anything can be claimed, and what is acknowledged meanwhile never is.
    writer.check(
        "XREADGROUP GROUP g e BLOCK 30 CLAIM 60000 STREAMS s >",
        "*nil",
    );
    let mut third = server.block("XREADGROUP GROUP g e BLOCK 300 CLAIM 120 STREAMS s >", 1);
    writer.check("XACK s g 1-0", ":1");
    third.expect_reply("*nil");
    // What is said to have been delivered long ago can be claimed at once.
    writer.check("XADD s 2-0 f v", "\"2-0\"");
    writer.check("XCLAIM s g c 0 2-0 FORCE JUSTID", "[\"2-0\"]");
    writer.check("XGROUP SETID s g $", "+OK");
    let command = "XREADGROUP GROUP g d BLOCK 0 CLAIM 600000 STREAMS s >";
    let mut fourth = server.block(command, 1);
    writer.check("XCLAIM s g c 0 2-0 IDLE 700000 JUSTID", "[\"2-0\"]");
    fourth.expect_reply("[[\"s\", [[\"2-0\", [\"f\", \"v\"], int(700000..800000), :1]]]]");
}

#[test]
fn what_is_released_wakes_who_claims() {
    let server = TestServer::start();
    if !server.kind().at_least(8, 8) {
        return;
    }
    let mut writer = server.raw();
    for id in ["1-0", "2-0", "3-0"] {
        writer.check(&format!("XADD s {id} f v"), &format!("\"{id}\""));
    }
    writer.check("XGROUP CREATE s g 0", "+OK");
    writer.run("XREADGROUP GROUP g c STREAMS s >");
    let mut plain = server.block("XREADGROUP GROUP g x BLOCK 0 STREAMS s >", 1);
    let mut claimer = server.block(
        "XREADGROUP GROUP g d BLOCK 0 CLAIM 900000 COUNT 2 STREAMS s >",
        2,
    );
    // In the order in which they were released; released once more is last.
    writer.check("MULTI", "+OK");
    writer.check("XNACK s g FAIL IDS 3 1-0 3-0 2-0", "+QUEUED");
    writer.check("XNACK s g FAIL IDS 1 1-0", "+QUEUED");
    writer.check("EXEC", "[:3, :1]");
    claimer.expect_reply(
        "[[\"s\", [[\"3-0\", [\"f\", \"v\"], :-1, :1], [\"2-0\", [\"f\", \"v\"], :-1, :1]]]]",
    );
    server.wait_for_blocked(1);
    writer.check("XADD s 4-0 f v", "\"4-0\"");
    plain.expect_reply("[[\"s\", [[\"4-0\", [\"f\", \"v\"]]]]]");
}
