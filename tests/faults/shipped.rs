//! The scripts that come with the program, each with a client that was not written for it and is seen to notice: npm's
//! `ws` and `socket.io-client`, ccxt, and one that keeps a book as Binance's documentation says.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::book::Book;
use crate::program::{Program, node_with, script};
use crate::support::{Client, PATIENCE, Server, connect};
use crate::{SHOWN, TOKEN};

/// The demo tape with a script; from the first client on where it waits for one.
fn start(script: &str, flags: &[&str]) -> Server {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/feeds/demo.jsonl.zst");
    let own = ["--feed", demo, "--repeat", "--faults", script, "--control-token", TOKEN, "--log", "error"];
    Server::start(&[&own, flags].concat())
}

/// Has a script that speaks to the server run to its good end.
fn pass(server: &Server, package: &str, name: &str) -> bool {
    let Some(node) = node_with(package) else { return false };
    let mut command = script(&node, name);
    Program::start(command.arg(format!("ws://{}", server.address))).pass();
    true
}

/// The report, as soon as connections are not refused.
fn report(server: &Server) -> Value {
    let begun = Instant::now();
    loop {
        let mut stream = connect(server.address);
        let mut answer = String::new();
        let asked = write!(stream, "GET /control/faults HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{SHOWN}\r\n");
        if asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
            return serde_json::from_str(body).unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "nobody is let in");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the report says of each fault of a kind: all clients that were hit.
fn hit(server: &Server, what: &str) -> Vec<Value> {
    let report = report(server);
    let faults = report["faults"].as_array().unwrap().iter().filter(|fault| fault["what"] == what);
    let fired = faults.flat_map(|fault| fault["fired"].as_array().unwrap());
    fired.flat_map(|fired| fired["clients"].as_array().unwrap().clone()).collect()
}

fn noticed(hits: &[Value]) -> usize {
    hits.iter().filter(|hit| hit["noticed"] == true).count()
}

#[test]
fn exchange_restart_is_noticed_by_ws_and_by_socketio() {
    let server = start("exchange-restart", &["--wait-for-clients", "1", "--speed", "10x"]);
    if !pass(&server, "socket.io-client", "fault_restart.mjs") {
        return;
    }
    let hits = hit(&server, "shutdown");
    let mut kinds: Vec<&str> = hits.iter().filter_map(|hit| hit["kind"].as_str()).filter(|kind| *kind != "-").collect();
    kinds.sort_unstable();
    assert_eq!((kinds, noticed(&hits)), (vec!["binance", "socketio"], hits.len()), "{hits:#?}");
}

#[test]
fn the_24h_cut_is_noticed_by_ccxt() {
    let server = start("24h-cut", &[]);
    if !pass(&server, "ccxt", "fault_cut.mjs") {
        return;
    }
    let hits = hit(&server, "lifetime");
    assert_eq!((hits.len(), noticed(&hits)), (1, 1), "{hits:#?}");
}

#[test]
fn a_gap_in_depth_is_noticed_by_ccxt() {
    let server = start("gap-in-depth", &["--speed", "5x"]);
    if !pass(&server, "ccxt", "fault_gap.mjs") {
        return;
    }
    let hits = hit(&server, "skip");
    assert!(noticed(&hits) >= 1, "{hits:#?}");
    assert!(hits.iter().any(|hit| hit["snapshot_asked_after_ms"].is_u64()), "{hits:#?}");
}

#[test]
fn a_gap_in_depth_is_mended_by_who_keeps_a_book_as_documented() {
    let server = start("gap-in-depth", &["--wait-for-clients", "1", "--speed", "5x"]);
    let mut client = Client::open(&server, "/ws/btcusdt@depth@100ms");
    let mut book = Book::begin(&server, &mut client);
    // Of each kind of fault at least one: 18 s of the tape, and some more.
    while book.holes < 3 || book.repeats < 2 {
        book.take(&server, &mut client);
    }
    let hits = hit(&server, "skip");
    assert!(hits.iter().any(|hit| hit["snapshot_asked_after_ms"].is_u64()), "{hits:#?}");
    assert!(book.matches(&server, &mut client), "the book is the server's own in the end");
}

#[test]
fn a_slow_feed_is_noticed_by_who_looks_at_the_clock() {
    let server = start("slow-feed", &["--clock", "now"]);
    if !pass(&server, "ws", "fault_slow.mjs") {
        return;
    }
    let hits = hit(&server, "delay");
    assert_eq!((hits.len(), noticed(&hits), &hits[0]["close_code"]), (1, 1, &4000.into()), "{hits:#?}");
}

#[test]
fn a_flapping_network_is_outlived_by_socketio() {
    let flags = ["--socketio-ping-interval", "1s", "--socketio-ping-timeout", "3s"];
    let server = start("flapping-network", &flags);
    if !pass(&server, "socket.io-client", "fault_flapping.mjs") {
        return;
    }
    let (dropped, dead) = (hit(&server, "drop"), hit(&server, "half-open"));
    // Whoever was cut off just now is not back yet.
    assert!(dropped.len() >= 5 && noticed(&dropped) >= 3, "{dropped:#?}");
    let left = dead.iter().filter(|hit| hit["ended_by"] == "client").count();
    assert!(left >= 2, "a client that hears nothing leaves by itself: {dead:#?}");
}

#[test]
fn a_dead_connection_is_noticed_by_ccxts_own_pings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead.toml");
    std::fs::write(&path, "[[fault]]\nwhat = \"half-open\"\nafter = \"1s\"\ntimes = 1").unwrap();
    let server = start(path.to_str().unwrap(), &[]);
    if !pass(&server, "ccxt", "fault_dead.mjs") {
        return;
    }
    let hits = hit(&server, "half-open");
    assert_eq!((hits.len(), noticed(&hits), &hits[0]["ended_by"]), (1, 1, &"client".into()), "{hits:#?}");
}
