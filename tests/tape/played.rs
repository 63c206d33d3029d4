//! `serve --feed x.tape` plays what `serve --feed x.jsonl` plays.

use std::fs;
use std::time::{Duration, Instant};

use tapecast::tape::header::Header;
use tapecast::tape::{Direction, Form, Message, Reader, Settings, Writer};

use crate::support::{Client, PATIENCE, Server, trade};
use crate::{invented, path};

/// The first events of some streams.
fn played(feed: &str) -> Vec<String> {
    let server = Server::start(&["--feed", feed, "--speed", "max", "--wait-for-clients", "1"]);
    let streams = "btcusdt@trade/btcusdt@depth@100ms/ethusdt@bookTicker";
    let mut client = Client::open(&server, &format!("/stream?streams={streams}"));
    (0..500).map(|_| client.next_event().text().to_owned()).collect()
}

#[test]
fn a_tape_in_blocks_plays_as_the_lines_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, tape) = invented(&folder);
    assert_eq!(played(lines.to_str().unwrap()), played(&tape));
}

#[test]
fn what_a_session_did_is_passed_over_and_damage_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder, "session.tape");
    let mut writer = Writer::create(path.as_ref(), Settings::default(), Header::default()).unwrap();
    let first = 1_700_000_000_000_i64;
    for number in 1..=6_i64 {
        let (ts_recv, text) = trade(number, first + number);
        let mut append = |direction, form, bytes: &[u8]| {
            writer.append(&Message { ts_recv, connection: 0, direction, form, label: "", bytes }).unwrap();
        };
        append(Direction::Note, Form::Opened, b"wss://stream.example/ws");
        append(Direction::To, Form::Text, b"{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":1}");
        append(Direction::From, Form::Reply, b"{\"result\":null,\"id\":1}");
        append(Direction::From, Form::Ping, b"17");
        append(Direction::To, Form::Pong, b"17");
        append(Direction::From, Form::Text, text.as_bytes());
        append(Direction::Note, Form::Gap, b"the connection was lost");
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    let third = Reader::open(path.as_ref()).unwrap().index().entries[2];
    let mut bytes = fs::read(&path).unwrap();
    bytes[third.end() as usize - 1] ^= 1;
    fs::write(&path, bytes).unwrap();

    let server = Server::start(&["--feed", &path, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    for number in [1, 2, 4, 5, 6] {
        let event = client.next_event();
        assert!(event.text().contains(&format!("\"t\":{number},")), "{}", event.text());
    }
    // The counts are told when the feed rests.
    let metrics = || -> serde_json::Value {
        let status: serde_json::Value = serde_json::from_str(&server.get("/status").2).unwrap();
        status["metrics"].clone()
    };
    let begun = Instant::now();
    while metrics()["lines_damaged"]["block"] != 1 {
        assert!(begun.elapsed() < PATIENCE, "{}", metrics());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(metrics()["messages_rejected"]["unserved"], 0);
}
