//! Servers that misbehave: each is noted as what it is, and none keeps the recorder from trying again or from ending.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tapecast::tape::{Direction, Form};

use crate::recorder::{Entry, Recorder, count, wait_for};

/// A server that does this with each connection.
fn stand_in(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let behave = std::sync::Arc::new(behave);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let behave = std::sync::Arc::clone(&behave);
            std::thread::spawn(move || behave(stream));
        }
    });
    address
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Shakes hands as a server should.
fn shake(stream: &mut TcpStream) {
    let head = head(stream);
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap_or_default();
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let accept = STANDARD.encode(hash);
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    let _ = write!(stream, "{answer}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
}

/// Reads until the other side goes.
fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 1_024];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
}

/// Records such a server until two connections were lost, for this reason, and ends cleanly.
fn recorded(address: SocketAddr, flags: &[&str], reason: &str) -> Vec<Entry> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("bad.tape");
    let url = format!("ws://{address}/ws");
    let recorder = Recorder::start(&out, &[&["--from", url.as_str()], flags].concat());
    let entries = wait_for(&out, reason, |entries| {
        entries.iter().filter(|entry| entry.form == Form::Lost && entry.text.contains(reason)).count() >= 2
    });
    recorder.end();
    entries
}

#[test]
fn one_that_accepts_and_closes_or_speaks_another_language() {
    recorded(stand_in(drop), &[], "the request failed");
    let garbage = stand_in(|mut stream| {
        head(&mut stream);
        let _ = stream.write_all(b"\x00\x01 who are you?\r\n\r\n");
    });
    recorded(garbage, &[], "the request failed");
    let wrong_key = stand_in(|mut stream| {
        head(&mut stream);
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
        let _ = write!(stream, "{answer}\r\nSec-WebSocket-Accept: AAAA\r\n\r\n");
        swallow(stream);
    });
    recorded(wrong_key, &[], "does not fit the key");
}

#[test]
fn one_that_says_nothing_and_answers_no_ping() {
    let silent = stand_in(|mut stream| {
        shake(&mut stream);
        swallow(stream);
    });
    let entries = recorded(silent, &["--silence", "200ms"], "silent for 200ms");
    let pings = entries.iter().filter(|entry| entry.form == Form::Ping && entry.direction == Direction::To);
    assert!(pings.count() >= 2);
    // From the second connection on it is known since when nothing came.
    assert!(count(&entries, Form::Gap) >= 1);
}

#[test]
fn one_that_says_come_back_later() {
    let busy = stand_in(|mut stream| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
    });
    let entries = recorded(busy, &[], "429 Too Many Requests");
    let lost: Vec<_> = entries.iter().filter(|entry| entry.form == Form::Lost).collect();
    // It came back no sooner than it was asked to, although its own waits are milliseconds.
    assert!(lost[1].ts_recv - lost[0].ts_recv >= 1_000_000_000, "{lost:?}");
    let heads = entries.iter().filter(|entry| entry.form == Form::Handshake && entry.direction == Direction::From);
    assert!(heads.clone().count() >= 2 && heads.clone().all(|entry| entry.text.contains("retry-after: 1\r\n")));
}

#[test]
fn one_that_breaks_off_within_a_frame_or_sends_no_frames() {
    let cutting = stand_in(|mut stream| {
        shake(&mut stream);
        let _ = stream.write_all(b"\x81\x02{}\x81\x7e\x01\x00{\"half\":");
    });
    let entries = recorded(cutting, &[], "the connection broke");
    let messages: Vec<_> = entries.iter().filter(|entry| entry.form == Form::Text).map(|entry| &entry.text).collect();
    assert!(messages.len() >= 2 && messages.iter().all(|text| *text == "{}"), "{messages:?}");
    let garbled = stand_in(|mut stream| {
        shake(&mut stream);
        let _ = stream.write_all(&[0xff; 64]);
        swallow(stream);
    });
    recorded(garbled, &[], "the connection broke");
}

#[test]
fn one_that_closes_says_with_what_and_pings_are_answered() {
    let closing = stand_in(|mut stream| {
        shake(&mut stream);
        let _ = stream.write_all(b"\x89\x0217\x88\x04\x03\xe9by");
        swallow(stream);
    });
    let entries = recorded(closing, &["--subscribe", "hello"], "the server closed it with 1001");
    let first = |direction, form| {
        let found = entries.iter().find(|entry| (entry.direction, entry.form) == (direction, form));
        found.unwrap_or_else(|| panic!("no {form:?} {direction:?}: {entries:?}")).text.as_str()
    };
    assert_eq!(first(Direction::To, Form::Text), "hello");
    assert_eq!((first(Direction::From, Form::Ping), first(Direction::To, Form::Pong)), ("17", "17"));
    assert!(first(Direction::From, Form::Close).ends_with("by"));
}
