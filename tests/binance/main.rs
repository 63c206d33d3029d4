//! Binance's streams from outside; `cargo test binance` runs all of that venue. The number in a test's name is that of
//! the item it checks in the checklist of the venue's conformance that the tests follow.

mod block_trades;
mod control;
mod derived;
mod errors;
mod limits;
mod liveness;
mod payloads;
mod rest;
mod rest_bounds;
mod rest_lists;
mod rest_symbols;
mod sbe;
#[path = "../support/mod.rs"]
mod support;
mod urls;

use std::process::Command;

use serde_json::Value;
use support::{Client, Frame, Server, tape, trade};

/// When invented tapes begin: a whole minute.
const START_MS: i64 = 1_790_000_040_000;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn int(value: &Value, member: &str) -> i64 {
    value[member].as_i64().unwrap_or_else(|| panic!("{member} of {value}"))
}

/// Trades of two symbols that alternate, one a millisecond; even ids are BTCUSDT's.
fn trades(count: i64) -> Vec<(i64, String)> {
    let line = |number: i64| {
        let (time, message) = trade(number, START_MS + number);
        (time, if number % 2 == 0 { message } else { message.replace("BTC", "ETH").replace("btc", "eth") })
    };
    (0..count).map(line).collect()
}

/// A server that plays these lines flat out, once a client has subscribed to something, and ends with them.
fn serve(lines: &[(i64, String)], flags: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "tape.jsonl", lines);
    let mut all = vec!["--feed", &path, "--exit-at-end"];
    all.extend(flags);
    // These clients answer no pings, and a busy machine may be slow.
    for default in [["--speed", "max"], ["--wait-for-clients", "1"], ["--ping-interval", "0s"]] {
        if !flags.contains(&default[0]) {
            all.extend(default);
        }
    }
    let server = Server::start(&all);
    (folder, server)
}

/// All that comes until the tape ends, but for pings.
fn rest(client: &mut Client) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        let frame = client.next_event();
        if frame.opcode == 8 {
            assert_eq!(frame.close(), (1000, "End of tape"));
            return frames;
        }
        frames.push(frame);
    }
}

/// The same as values.
fn rest_json(client: &mut Client) -> Vec<Value> {
    rest(client).iter().map(|frame| json(frame.text())).collect()
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

/// Of these, what the exchange's own streams of trades and changes have, and snapshots: all else must be derived.
fn bare(mut lines: Vec<(i64, String)>) -> Vec<(i64, String)> {
    lines.retain(|(_, message)| {
        ["@trade\"", "@depth@100ms\"", "{\"lastUpdateId\""].iter().any(|kept| message.contains(kept))
    });
    lines
}
