//! Loads against a small server inside the test, which answers PING and knows nothing else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::*;
use crate::keys::{KeyOrder, KeySpace};

/// Answers every `PING` with `reply`, in pieces that cut replies anywhere, until the client leaves.
fn serve(reply: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap(), reply));
        }
    });
    address
}

fn answer(mut stream: TcpStream, reply: &[u8]) {
    // Without it each piece would wait for the acknowledgement of the one before.
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; 1000];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        // Each PING has one P, wherever the reading cut it.
        let pings = buffer[..read].iter().filter(|&&byte| byte == b'P').count();
        for piece in reply.repeat(pings).chunks(5) {
            if stream.write_all(piece).is_err() {
                return;
            }
        }
    }
}

fn spec(address: SocketAddr, pipeline: u64, rate: Option<f64>) -> LoadSpec {
    let keys = KeySpace::new(10, 16, "key:").unwrap();
    LoadSpec {
        address,
        connections: 3,
        pipeline,
        mix: Mix::new(&["ping".to_string()], &keys, 0).unwrap(),
        key_count: keys.count,
        key_order: KeyOrder::Uniform,
        rate,
        warm_up: Duration::ZERO,
        length: Length::Requests(1000),
        seed: 1,
        server_pid: Some(std::process::id()),
    }
}

#[test]
fn a_closed_loop_sends_and_counts_exactly_what_was_asked() {
    for pipeline in [1, 7, 2000] {
        let result = run(&spec(serve(b"+PONG\r\n"), pipeline, None)).unwrap();
        assert_eq!(result.commands, 1000);
        assert_eq!(result.latency.len(), 1000);
        assert_eq!((result.errors, result.nulls, result.unanswered), (0, 0, 0));
        assert!(result.cpu.is_some() && result.checked().is_ok());
    }
}

#[test]
fn an_open_loop_measures_every_request_even_when_late() {
    for (pipeline, rate) in [(1, 1e9), (16, 1e9), (1, 20_000.0)] {
        let result = run(&spec(serve(b"+PONG\r\n"), pipeline, Some(rate))).unwrap();
        assert_eq!(result.latency.len(), 1000);
        assert_eq!(result.unanswered, 0);
    }
}

#[test]
fn error_replies_make_a_result_worthless() {
    let result = run(&spec(serve(b"-ERR no\r\n"), 7, None)).unwrap();
    assert_eq!(result.errors, 1000);
    assert_eq!(
        result.checked().unwrap_err().to_string(),
        "1000 error replies, the first: ERR no"
    );
}

#[test]
fn nulls_are_counted() {
    assert_eq!(run(&spec(serve(b"$-1\r\n"), 7, None)).unwrap().nulls, 1000);
}

#[test]
fn loads_that_cannot_run_are_refused() {
    let address = serve(b"+PONG\r\n");
    assert!(run(&spec(address, 0, None)).is_err());
    assert!(run(&spec(address, 1, Some(0.0))).is_err());
    assert!(
        run(&LoadSpec {
            connections: 0,
            ..spec(address, 1, None)
        })
        .is_err()
    );
    assert!(run(&spec(serve(b"nonsense\r\n"), 1, None)).is_err());
}

#[test]
fn operations_run_beside_an_open_loop() {
    let spec = spec(serve(b"+PONG\r\n"), 1, Some(5000.0));
    let operations = vec![b"*1\r\n$4\r\nPING\r\n".to_vec(); 3];
    let (result, done) = run_beside(&spec, operations.clone()).unwrap();
    assert_eq!((result.latency.len(), result.unanswered), (1000, 0));
    let heads: Vec<&str> = done
        .iter()
        .map(|operation| operation.head.as_str())
        .collect();
    assert_eq!(heads, ["+PONG"; 3]);
    assert!(done.iter().all(|operation| !operation.took.is_zero()));
    assert!(run_beside(&LoadSpec { rate: None, ..spec }, operations).is_err());
}
