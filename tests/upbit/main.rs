//! Upbit's public socket and its quotations by REST, from outside; `cargo test upbit` runs all of that venue. The number
//! in a test's name is that of the item it checks in the checklist of the venue's conformance that the tests follow.
//! Items 5, 38, 40 and 43 are about foreign clients: their tests are in `tests/clients.rs`; item 6 is in
//! `tests/deflate.rs`.

mod books;
mod books_derived;
mod candles;
mod errors;
mod formats;
mod golden;
mod handshake;
mod limits;
mod liveness;
mod numbers;
mod requests;
mod rest;
mod rest_history;
mod snapshots;
mod spelling;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;
mod tickers;
mod today;
mod trades;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use serde_json::value::RawValue;
use support::{Client, Frame, Server, tape};
use tapecast::market::decimal::Decimal;

const SOCKET: &str = "/websocket/v1";

/// When invented tapes begin: a whole minute, and no whole five.
const START_MS: i64 = 1_790_000_040_000;

/// What the client has subscribed to.
const LIST: &str = r#"[{"ticket":"q"},{"method":"LIST_SUBSCRIPTIONS"}]"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A client that has sent this request.
fn open(server: &Server, request: &str) -> Client {
    let mut client = Client::open(server, SOCKET);
    client.say(request);
    client
}

/// The next message.
fn next(client: &mut Client) -> Value {
    let frame = client.next().expect("the connection lasts");
    assert_eq!(frame.opcode, 2, "every message is binary");
    json(frame.text())
}

/// The member of an event, by its long or its short key.
fn text<'a>(event: &'a Value, long: &str, short: &str) -> &'a str {
    event.get(long).or(event.get(short)).and_then(Value::as_str).unwrap_or_else(|| panic!("{long} of {event}"))
}

fn int(event: &Value, member: &str) -> i64 {
    event[member].as_i64().unwrap_or_else(|| panic!("{member} of {event}"))
}

fn kind(event: &Value) -> &str {
    text(event, "type", "ty")
}

fn code(event: &Value) -> &str {
    text(event, "code", "cd")
}

fn stream_type(event: &Value) -> &str {
    text(event, "stream_type", "st")
}

/// The exact number that stands at a member of an object.
fn number(object: &str, member: &str) -> Decimal {
    let members: BTreeMap<&str, &RawValue> = serde_json::from_str(object).expect("an object");
    decimal(members.get(member).unwrap_or_else(|| panic!("{member} of {object}")).get())
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Keys of an object as they stand in its text, outermost only.
fn keys(text: &str) -> String {
    let (mut keys, mut depth) = (Vec::new(), 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b':' if depth == 1 && text.as_bytes()[at - 1] == b'"' => {
                let start = text[..at - 1].rfind('"').unwrap() + 1;
                keys.push(&text[start..at - 1]);
            }
            _ => {}
        }
    }
    keys.join(" ")
}

/// Whether a text is of this form: `9` stands for a digit, everything else for itself.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'9' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// Sees that nothing is on its way to a client but what answers this, so that it has been sent nothing before.
fn is_quiet(client: &mut Client) {
    client.say("PING");
    assert_eq!(next(client).to_string(), r#"{"status":"UP"}"#, "nothing comes in between");
}

/// Sees that so many further events of a client's streams pass.
fn let_pass(witness: &mut Client, events: usize) {
    for _ in 0..events {
        next(witness);
    }
}

/// A server that plays these lines flat out, once a client has subscribed to something, and ends with them.
fn serve(lines: &[(i64, String)], flags: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "tape.jsonl", lines);
    let mut all = vec!["--feed", &path, "--exit-at-end"];
    all.extend(flags);
    for default in [["--speed", "max"], ["--wait-for-clients", "1"]] {
        if !flags.contains(&default[0]) {
            all.extend(default);
        }
    }
    let server = Server::start(&all);
    (folder, server)
}

/// A server that has read these lines to their end, and stays.
fn played(lines: &[(i64, String)], flags: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "tape.jsonl", lines);
    let server = Server::start(&[&["--feed", &path, "--speed", "max"], flags].concat());
    server.wait_for_count("messages_read", lines.len() as u64);
    (folder, server)
}

/// All that comes until the tape ends.
fn rest(client: &mut Client) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        let frame = client.next().expect("a close frame comes first");
        if frame.opcode == 8 {
            assert_eq!(frame.close(), (1000, "End of tape"));
            return frames;
        }
        assert_eq!(frame.opcode, 2);
        frames.push(frame);
    }
}

/// All that a client gets of a tape who asks for these types in this format.
fn answers(lines: &[(i64, String)], flags: &[&str], types: &str, format: &str) -> Vec<String> {
    let (_folder, server) = serve(lines, flags);
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{types},{{"format":"{format}"}}]"#));
    rest(&mut client).iter().map(|frame| frame.text().to_owned()).collect()
}

/// A recorded trade, with its receive time.
fn trade(code: &str, ms: i64, price: &str, size: &str, side: &str) -> (i64, String) {
    let message = format!(
        r#"{{"ty":"trade","cd":"{code}","tms":{ms},"td":"2026-09-21","ttm":"14:14:00","ttms":{ms},"tp":{price},"tv":{size},"ab":"{side}","pcp":43.20000000,"c":"RISE","cp":1.00000000,"sid":{ms}0000,"st":"REALTIME"}}"#
    );
    (ms * 1_000_000, message)
}

/// The lines of an invented tape of so many minutes.
fn synthetic(minutes: u32) -> Vec<(i64, String)> {
    let arguments = ["tape", "synth", "--seed", "11", "--minutes", &minutes.to_string(), "--out", "-"];
    let made = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap().stdout;
    let split = |line: &str| {
        let (time, message) = line.split_once(' ').expect("a receive time");
        (time.parse().expect("a number"), message.to_owned())
    };
    String::from_utf8(made).unwrap().lines().map(split).collect()
}

/// Of an invented tape, what Upbit sends.
fn native(minutes: u32) -> Vec<(i64, String)> {
    let mut lines = synthetic(minutes);
    lines.retain(|(_, message)| message.starts_with("{\"ty\""));
    lines
}

/// Of an invented tape, trades, changes and snapshots of two symbols at Binance: for an Upbit client all must be derived.
fn foreign(minutes: u32) -> Vec<(i64, String)> {
    let mut lines = synthetic(minutes);
    lines.retain(|(_, message)| {
        message.starts_with("{\"lastUpdateId\"")
            || ["btcusdt", "ethusdt"].iter().any(|symbol| {
                ["trade", "depth@100ms"].iter().any(|stream| message.contains(&format!("\"{symbol}@{stream}\"")))
            })
    });
    lines
}
