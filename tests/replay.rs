//! A tape under control, from outside: what clients see while it is paused, moved, and played at other speeds.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;

use serde_json::{Value, json};
use support::{Client, Server, connect, recordings, tape, trade};

const SYMBOLS: [&str; 3] = ["btcusdt", "dotusdt", "ethusdt"];

/// Asks with these headers, each with its line's end.
fn request(server: &Server, method: &str, headers: &str, body: &str) -> (u16, Value) {
    let mut stream = connect(server.address);
    let (address, length) = (server.address, body.len());
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    write!(
        stream,
        "{method} /control/replay HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).expect(body))
}

fn control(server: &Server, body: &Value) -> Value {
    let (status, answer) = request(server, "POST", "", &body.to_string());
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A recording of three symbols, with depth, klines, aggregate trades and snapshots: `seconds` of it.
fn recording(folder: &tempfile::TempDir, seconds: i64) -> Option<(String, i64)> {
    let lines = support::lines(&recordings()?.join("binance-spot-20210404-3sym.jsonl.zst"));
    let first = lines[0].0;
    let lines: Vec<_> = lines.into_iter().take_while(|(time, _)| *time < first + seconds * 1_000_000_000).collect();
    Some((tape(folder, "cut.jsonl", &lines), first))
}

fn all_streams() -> String {
    let kinds = ["depth@100ms", "depth", "aggTrade", "kline_1m", "bookTicker", "depth5", "miniTicker", "ticker"];
    let of = |symbol: &str| kinds.map(|kind| format!("{symbol}@{kind}")).join("/");
    SYMBOLS.map(of).join("/")
}

/// All that a subscriber gets until the tape's end; `during` is called with the number of each frame.
fn heard(path: &str, speed: &str, mut during: impl FnMut(&Server, usize)) -> Vec<String> {
    let flags =
        ["--feed", path, "--speed", speed, "--wait-for-clients", "1", "--exit-at-end", "--control", "--writers", "1"];
    let server = Server::start(&flags);
    let mut client = Client::open(&server, &format!("/stream?streams={}", all_streams()));
    let mut frames = Vec::new();
    while let Some(frame) = client.next() {
        match frame.opcode {
            1 => frames.push(frame.text().to_owned()),
            8 => break,
            _ => continue,
        }
        during(&server, frames.len());
    }
    frames
}

#[test]
fn the_same_bytes_come_at_every_speed_and_with_pauses() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, _)) = recording(&folder, 8) else { return };
    let max = heard(&path, "max", |_, _| {});
    assert!(max.len() > 300, "{}", max.len());
    let fast = heard(&path, "60x", |_, _| {});
    let paused = heard(&path, "4x", |server, number| match number {
        50 | 120 => {
            let stopped = control(server, &json!({"pause": true}));
            assert_eq!(stopped["state"], "paused");
            assert_eq!(request(server, "GET", "", "").1["position"], stopped["position"]);
            let stepped = control(server, &json!({"step": 3}));
            assert_eq!(stepped["position"].as_u64(), stopped["position"].as_u64().map(|n| n + 3));
            assert_eq!(stepped["state"], "paused");
            assert_eq!(control(server, &json!({"pause": false}))["state"], "playing");
        }
        100 => assert_eq!(control(server, &json!({"speed": "20x"}))["speed"], "20x"),
        _ => {}
    });
    assert!(max == fast, "60x differs: {:?}", max.iter().zip(&fast).find(|(a, b)| a != b));
    assert!(max == paused, "pauses differ: {:?}", max.iter().zip(&paused).find(|(a, b)| a != b));
}

/// A book kept by the exchange's rules.
#[derive(Default)]
struct LocalBook {
    last: i64,
    sides: [BTreeMap<String, String>; 2],
    last_event_ms: i64,
}

impl LocalBook {
    fn of(depth: &Value) -> LocalBook {
        let mut book = LocalBook { last: depth["lastUpdateId"].as_i64().unwrap(), ..LocalBook::default() };
        book.set([&depth["bids"], &depth["asks"]]);
        book
    }

    fn set(&mut self, changes: [&Value; 2]) {
        for (side, changes) in self.sides.iter_mut().zip(changes) {
            for change in changes.as_array().unwrap() {
                let (price, size) = (change[0].as_str().unwrap(), change[1].as_str().unwrap());
                if size.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
                    side.remove(price);
                } else {
                    side.insert(price.to_owned(), size.to_owned());
                }
            }
        }
    }

    fn apply(&mut self, event: &Value) {
        let (first, last) = (event["U"].as_i64().unwrap(), event["u"].as_i64().unwrap());
        let time = event["E"].as_i64().unwrap();
        assert!(time >= self.last_event_ms, "times go back: {} after {}", time, self.last_event_ms);
        self.last_event_ms = time;
        if last <= self.last {
            return;
        }
        assert!(first <= self.last + 1, "a gap: {first} after {}", self.last);
        self.set([&event["b"], &event["a"]]);
        self.last = last;
    }
}

fn depth(server: &Server, symbol: &str) -> Value {
    let path = format!("/api/v3/depth?symbol={}&limit=5000", symbol.to_uppercase());
    let (status, _, body) = server.get(&path);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn local_books_equal_the_servers_after_each_move() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, first)) = recording(&folder, 60) else { return };
    let at = |ms: i64| (first + ms * 1_000_000).to_string();
    let server =
        Server::start(&["--feed", &path, "--speed", "max", "--control", "--paused", "--repeat", "--weight-max", "0"]);
    control(&server, &json!({"seek": at(5_000)}));
    let streams = SYMBOLS.map(|symbol| format!("{symbol}@depth@100ms/{symbol}@depth")).join("/");
    let mut client = Client::open(&server, &format!("/stream?streams={streams}"));
    assert!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).contains("@depth"));
    let book_of = |symbol: &str| LocalBook::of(&depth(&server, symbol));
    let mut books: BTreeMap<_, _> = SYMBOLS.map(|symbol| (symbol.to_owned(), book_of(symbol))).into();
    let mut slow: BTreeMap<_, _> = SYMBOLS.map(|symbol| (symbol.to_owned(), book_of(symbol))).into();
    let mut compared = 0;
    for command in [
        json!({"step": 50}),
        json!({"seek": at(20_000)}),
        json!({"seek": at(20_500), "step": 200}),
        json!({"seek": at(2_500)}),
        json!({"step": 100}),
        json!({"speed": 50, "seek": at(10_000)}),
        json!({"step": 300}),
        json!({"seek": at(0)}),
        json!({"seek": at(45_000), "step": 20}),
        json!({"seek": at(44_000), "step": 500}),
    ] {
        let answer = control(&server, &command);
        assert_eq!(answer["state"], "paused", "{answer}");
        let wanted: BTreeMap<_, _> = SYMBOLS.map(|symbol| (symbol, book_of(symbol))).into();
        while SYMBOLS.into_iter().any(|symbol| books[symbol].last < wanted[symbol].last) {
            let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
            let (symbol, pace) = event["stream"].as_str().unwrap().split_once('@').unwrap();
            if pace == "depth" {
                // What changed within a second comes behind the last change of it.
                let (slow, fast) = (slow.get_mut(symbol).unwrap(), &books[symbol]);
                slow.apply(&event["data"]);
                assert_eq!(slow.last, fast.last, "{symbol} after {command}");
                assert!(slow.sides == fast.sides, "{symbol} every second after {command}");
                compared += 1;
            } else {
                books.get_mut(symbol).unwrap().apply(&event["data"]);
            }
        }
        for symbol in SYMBOLS {
            assert_eq!(books[symbol].last, wanted[symbol].last, "{symbol} after {command}");
            assert!(books[symbol].sides == wanted[symbol].sides, "{symbol} after {command}");
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn the_market_after_a_move_is_what_it_is_after_playing_there() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, first)) = recording(&folder, 30) else { return };
    let at = |ms: i64| (first + ms * 1_000_000).to_string();
    let sides = |server: &Server| {
        SYMBOLS.map(|symbol| {
            let depth = depth(server, symbol);
            (depth["bids"].clone(), depth["asks"].clone())
        })
    };
    let played = Server::start(&["--feed", &path, "--speed", "max", "--to", &at(15_000), "--control", "--paused"]);
    control(&played, &json!({"step": 1_000_000}));
    let started = Server::start(&["--feed", &path, "--from", &at(15_000), "--control", "--paused"]);
    let moved = Server::start(&["--feed", &path, "--control", "--paused"]);
    control(&moved, &json!({"seek": at(15_000)}));
    let returned = Server::start(&["--feed", &path, "--control", "--paused"]);
    control(&returned, &json!({"seek": at(29_000)}));
    let there = control(&returned, &json!({"seek": at(15_000)}));
    assert_eq!(there["pass"], 1);
    let want = sides(&played);
    assert!(want.iter().all(|(bids, _)| bids.as_array().is_some_and(|bids| bids.len() > 100)));
    for (server, how) in [(&started, "started"), (&moved, "moved"), (&returned, "returned")] {
        assert_eq!(control(server, &json!({}))["position"], there["position"], "{how}");
        for ((got, want), symbol) in sides(server).iter().zip(&want).zip(SYMBOLS) {
            assert!(got == want, "{symbol} {how} there");
        }
    }
    let klines = |server: &Server| server.get("/api/v3/klines?symbol=BTCUSDT&interval=1m").2;
    assert_eq!(klines(&moved), klines(&played));
    assert_eq!(klines(&started), klines(&played));
}

#[test]
fn times_are_moved_to_now_for_any_tape() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..5).map(|n| trade(n, 1_700_000_013_250 + n)).collect();
    let path = tape(&folder, "odd.jsonl", &lines);
    let server = Server::start(&["--feed", &path, "--clock", "now", "--speed", "max", "--wait-for-clients", "1"]);
    let begun = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    for number in 0..5 {
        let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
        let (time, trade) = (event["E"].as_i64().unwrap(), event["T"].as_i64().unwrap());
        assert_eq!((time, event["t"].as_i64()), (trade, Some(number)));
        assert_eq!((time - 1_700_000_013_250 - number) % 60_000, 0);
        assert!((begun - 120_000..begun + 120_000).contains(&time), "{time} and {begun}");
    }
}

#[test]
fn ids_and_times_rise_whatever_is_done_and_the_end_is_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..100).map(|n| trade(n, 1_700_000_000_000 + n * 10)).collect();
    let path = tape(&folder, "second.jsonl", &lines);
    let server = Server::start(&["--feed", &path, "--speed", "max", "--control", "--paused"]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    let mut last = (-1, 0);
    let mut next = |count: usize| {
        for _ in 0..count {
            let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
            let this = (event["t"].as_i64().unwrap(), event["T"].as_i64().unwrap());
            assert!(this.0 > last.0 && this.1 > last.1, "{this:?} after {last:?}");
            last = this;
        }
    };
    assert_eq!(control(&server, &json!({"step": 60}))["position"], 60);
    next(60);
    // 2023-11-14T22:13:20Z is where it begins.
    let answer = control(&server, &json!({"seek": "22:13:20.100", "step": 20}));
    assert_eq!((&answer["position"], &answer["pass"]), (&json!(30), &json!(1)));
    next(20);
    let answer = control(&server, &json!({"seek": "2023-11-14T22:13:20.900Z", "step": 50}));
    assert_eq!((&answer["state"], &answer["position"]), (&json!("ended"), &json!(100)));
    next(10);
    let answer = control(&server, &json!({"seek": 1_700_000_000_000_000_000_i64, "pause": true}));
    assert_eq!((&answer["state"], &answer["time"]), (&json!("paused"), &json!("2023-11-14T22:13:20Z")));
    control(&server, &json!({"loop": true, "step": 250}));
    next(250);
}

#[test]
fn what_cannot_be_carried_out_is_refused_by_name_and_strangers_are_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "one.jsonl", &[trade(1, 1_700_000_000_000)]);
    let server = Server::start(&["--feed", &path, "--control", "--paused"]);
    for (body, part) in [
        (r#"{"rewind":true}"#, "unknown field `rewind`"),
        (r#"{"speed":"fast"}"#, "`fast` is no speed"),
        (r#"{"seek":"noon"}"#, "`noon` is no time"),
        (r#"{"step":0}"#, "step: 0"),
        (r#"{"pause":1}"#, "expected a boolean"),
        ("", "EOF"),
    ] {
        let (status, answer) = request(&server, "POST", "", body);
        assert_eq!(status, 400, "{body}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    let origin = "Origin: https://example.org\r\n";
    assert_eq!(request(&server, "POST", origin, r#"{"pause":false}"#).0, 403);
    assert_eq!(request(&server, "POST", "Host: example.org\r\n", r#"{"pause":false}"#).0, 403);
    assert_eq!(request(&server, "DELETE", "", "").0, 405);
    assert_eq!(request(&server, "GET", "", "").1["state"], "paused");
    let plain = Server::start(&["--feed", &path]);
    assert_eq!(request(&plain, "GET", "", "").0, 404);
    let guarded = Server::start(&["--feed", &path, "--control-token", "correct-horse"]);
    assert_eq!(request(&guarded, "GET", "", "").0, 401);
    assert_eq!(request(&guarded, "GET", "Authorization: Bearer correct-house\r\n", "").0, 401);
    assert_eq!(request(&guarded, "GET", "Authorization: Bearer correct-horse\r\nHost: example.org\r\n", "").0, 200);
}

#[test]
fn people_control_it_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..10).map(|n| trade(n, 1_700_000_000_000 + n * 1_000)).collect();
    let path = tape(&folder, "ten.jsonl", &lines);
    let server = Server::start(&["--feed", &path, "--control", "--paused", "--from", "22:13:22", "--to", "22:13:28"]);
    let url = format!("http://{}", server.address);
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(["ctl", &url]).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    assert!(run(&[]).1.starts_with("paused at 2023-11-14T22:13:22Z, 1x\n  message 2 of the tape, 0 heard"));
    assert!(run(&["step", "2"]).1.contains("message 4 of the tape, 2 heard"));
    assert!(run(&["speed", "max"]).1.contains(", max"));
    assert!(run(&["loop", "on"]).1.contains("in a loop"));
    assert!(run(&["loop", "off"]).0);
    assert!(run(&["seek", "22:13:26"]).1.starts_with("paused at 2023-11-14T22:13:26Z"));
    let (_, text) = run(&["--json", "step", "9"]);
    let answer: Value = serde_json::from_str(&text).expect(&text);
    assert_eq!((&answer["state"], &answer["position"]), (&json!("ended"), &json!(8)));
    let (is_well, text) = run(&["seek", "noon"]);
    assert!(!is_well && text.contains("`noon` is no time"), "{text}");
    let (is_well, text) = run(&["speed", "0x"]);
    assert!(!is_well && text.contains("`0x` is no speed"), "{text}");
}
