//! Clients over TLS that do not keep up, as `tests/slow_consumers.rs` has them without.

use std::io::{Read, Write};
use std::thread;

use crate::peer::{Peer, SELF_SIGNED};
use crate::support::{Client, Server, tape, trade};

/// Many times what sockets and a backlog of 1 MiB hold.
const EVENTS: i64 = 100_000;

fn start(stream: &str, flags: &[&str]) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let line = |number| {
        let (time, message) = trade(number, 1_700_000_000_000 + number / 20);
        // A long frame: what matters is how fast backlogs fill.
        let price = format!("65000.1{:0>27}", 0);
        let message = match stream {
            "trade" => message.replace("65000.10000000", &price),
            _ => format!(
                r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{number},"s":"BTCUSDT","b":"{price}","B":"1.0","a":"65001.0","A":"2.0"}}}}"#
            ),
        };
        (time, message)
    };
    let path = tape(&folder, "tape.jsonl", &(0..EVENTS).map(line).collect::<Vec<_>>());
    let all = [&["--feed", &path, "--backlog-bytes-max", "1048576"], flags, &SELF_SIGNED].concat();
    (Server::start(&all), folder)
}

/// A number in an event. Parsing all of it would make slow clients of all.
fn number(text: &str, member: &str) -> i64 {
    let (_, rest) = text.split_once(&format!("\"{member}\":")).unwrap_or_else(|| panic!("no {member} in {text}"));
    rest[..rest.find(',').expect("more follows")].parse().expect("a number")
}

/// The next event's number; panics with the reason where the connection ends instead.
fn next_number(client: &mut Client<impl Read + Write>, member: &str) -> i64 {
    let frame = client.next_event();
    assert_eq!(frame.opcode, 1, "closed: {:?}", (frame.opcode == 8).then(|| frame.close()));
    number(frame.text(), member)
}

/// Reads trades until the last of the tape; each must follow the one before.
fn read_to_the_last(mut client: Client<impl Read + Write>) {
    for expected in 0..EVENTS {
        assert_eq!(next_number(&mut client, "t"), expected);
    }
}

/// Every frame that was due has come to something, once nobody is left.
fn assert_conserved(server: &Server) {
    while server.count("sessions") > 0 {
        thread::sleep(std::time::Duration::from_millis(20));
    }
    let [routed, delivered, conflated, dropped] =
        ["routed", "delivered", "conflated", "dropped"].map(|name| server.count(&format!("frames_{name}")));
    assert_eq!(routed, delivered + conflated + dropped);
}

#[test]
fn one_that_stops_reading_trades_is_cut_off_and_the_others_lose_nothing() {
    let (server, _folder) = start("trade", &["--wait-for-clients", "9"]);
    let peer = Peer::of(&server);
    let mut stalled = peer.open(&server, "/ws/btcusdt@trade");
    let readers: Vec<_> = (0..8)
        .map(|_| peer.open(&server, "/ws/btcusdt@trade"))
        .map(|client| thread::spawn(move || read_to_the_last(client)))
        .collect();
    server.wait_for_count("slow_consumers", 1);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    // What it did get is whole records and frames in order, up to where the kernel's buffers were full.
    let (mut next, mut reason) = (0, None);
    while let Some(frame) = stalled.next() {
        if frame.opcode == 8 {
            reason = Some(frame.close().0);
            break;
        }
        assert_eq!(number(frame.text(), "t"), next);
        next += 1;
    }
    assert!(next < EVENTS, "{next}");
    assert!(reason.is_none_or(|code| code == 1013), "{reason:?}");
    drop(stalled);
    assert!(server.count("frames_dropped") > 0);
    assert_conserved(&server);
}

#[test]
fn one_that_stops_reading_book_tickers_gets_the_newest_when_it_reads_again() {
    let (server, _folder) = start("bookTicker", &["--wait-for-clients", "1"]);
    let mut stalled = Peer::of(&server).open(&server, "/ws/btcusdt@bookTicker");
    server.wait_for_count("frames_conflated", 1);
    // The tape goes on to its end while this one sleeps; only then does it read.
    server.wait_for_count("ticks_published", EVENTS as u64);
    let (mut last, mut received) = (-1, 0);
    while last < EVENTS - 1 {
        let now = next_number(&mut stalled, "u");
        assert!(now > last, "{now} after {last}");
        (last, received) = (now, received + 1);
    }
    assert!(received < EVENTS, "something was left out");
    drop(stalled);
    assert_conserved(&server);
}

#[test]
fn flat_out_the_tape_waits_for_one_that_reads_slowly_and_it_gets_everything() {
    let flags = ["--speed", "max", "--wait-for-clients", "2", "--exit-at-end", "--stall-limit", "60s"];
    let (mut server, _folder) = start("trade", &flags);
    let peer = Peer::of(&server);
    let mut slow = peer.open(&server, "/ws/btcusdt@trade");
    let fast = peer.open(&server, "/ws/btcusdt@trade");
    let fast = thread::spawn(move || read_to_the_last(fast));
    for expected in 0..EVENTS {
        assert_eq!(next_number(&mut slow, "t"), expected);
        if expected % 4_000 == 0 {
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    assert_eq!(slow.next_event().close(), (1000, "End of tape"));
    slow.send(8, &[0x03, 0xe8]);
    assert_eq!(slow.next(), None);
    fast.join().unwrap();
    assert!(server.wait().success());
}
