//! Tapes: damaged lines, several tapes as one, tapes that repeat, the built-in one.

mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::{Client, Server, tape, trade};

#[test]
fn damaged_lines_are_skipped_counted_by_kind_and_the_tape_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.jsonl");
    let good = |number| {
        let (time, message) = trade(number, 1_700_000_000_000 + number);
        format!("{time} {message}")
    };
    let mut bytes = Vec::new();
    for line in [
        good(1),
        "no timestamp here".into(),
        good(2),
        good(3)[..90].to_owned(),
        "1500000000000000000 {\"too\":\"early\"}".into(),
        format!("{} not json at all", 1_700_000_000_005_000_000_i64),
        good(4).replace("1700000000004000000", "1700000000006000000").replace("\"q\":\"0.00100000\",", ""),
        format!("{} {{\"e\":\"unheardOf\"}}", 1_700_000_000_007_000_000_i64),
        good(8),
    ] {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    // Not UTF-8, in the middle of a name.
    let mut line = good(9).into_bytes();
    let place = line.windows(7).position(|w| w == b"BTCUSDT").unwrap();
    line[place] = 0xff;
    bytes.extend_from_slice(&line);
    bytes.push(b'\n');
    bytes.extend_from_slice(good(10).as_bytes());
    std::fs::write(&path, bytes).unwrap();

    let mut server = Server::start(&["--feed", path.to_str().unwrap(), "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    for number in [1, 2, 8, 10] {
        let text = client.next_event().text().to_owned();
        assert!(text.contains(&format!("\"t\":{number},")), "{text}");
    }
    let status: Value = serde_json::from_str(&server.get("/status").2).unwrap();
    let metrics = &status["metrics"];
    assert_eq!(metrics["lines_damaged"]["no_timestamp"], 1);
    assert_eq!(metrics["lines_damaged"]["timestamp_back"], 1);
    assert_eq!(metrics["messages_rejected"]["not_json"], 2);
    assert_eq!(metrics["messages_rejected"]["not_utf8"], 1);
    assert_eq!(metrics["messages_rejected"]["member"], 1);
    assert_eq!(metrics["messages_rejected"]["unserved"], 1);
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn each_kind_of_damage_is_reported_once_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        [trade(1, 1_700_000_000_000), (1_700_000_000_000_000_000, "{".into()), (1_700_000_000_000_000_000, "{".into())];
    let path = tape(&folder, "twice.jsonl", &lines);
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["serve", "--listen", "127.0.0.1:0", "--speed", "max", "--exit-at-end", "--feed", &path])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.matches("not JSON").count(), 1, "{text}");
    assert!(text.contains("twice.jsonl: line 2"), "{text}");
    assert_eq!(text.matches("WARN").count(), 1, "{text}");
}

#[test]
fn several_tapes_are_merged_by_receive_time() {
    let folder = tempfile::tempdir().unwrap();
    let even: Vec<_> = (0..100).filter(|n| n % 2 == 0).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let odd: Vec<_> = (0..100).filter(|n| n % 2 == 1).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let (even, odd) = (tape(&folder, "even.jsonl", &even), tape(&folder, "odd.jsonl", &odd));
    let flags = ["--feed", &even, "--feed", &odd, "--speed", "max", "--wait-for-clients", "1", "--exit-at-end"];
    let server = Server::start(&flags);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    for number in 0..100 {
        assert!(client.next_event().text().contains(&format!("\"t\":{number},")));
    }
}

#[test]
fn the_pace_is_the_recorded_one_times_the_speed() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..11).map(|n| trade(n, 1_700_000_000_000 + n * 1_000)).collect();
    let path = tape(&folder, "ten_seconds.jsonl", &lines);
    let server = Server::start(&["--feed", &path, "--speed", "10x", "--wait-for-clients", "1", "--exit-at-end"]);
    // The tape begins when somebody has subscribed, which is later.
    let begun = Instant::now();
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    for _ in 0..11 {
        client.next_event();
    }
    // Ten seconds of tape in one; never early, and a machine that is busy may be late.
    assert!(begun.elapsed().as_millis() >= 950, "{:?}", begun.elapsed());
}

/// Prices to sizes of both sides, as a client's own book holds them.
type Book = BTreeMap<(bool, String), String>;

/// Follows the streams of one symbol through three rounds of a tape, flat out.
fn follow_rounds(path: &str) {
    let server = Server::start(&["--feed", path, "--speed", "max", "--wait-for-clients", "1", "--repeat"]);
    let kinds = ["trade", "aggTrade", "depth@100ms", "depth", "bookTicker", "kline_1m", "ticker"];
    let streams = kinds.map(|kind| format!("btcusdt@{kind}")).join("/");
    let mut client = Client::open(&server, &format!("/stream?streams={streams}"));
    let (mut last, mut times): (BTreeMap<String, i64>, BTreeMap<String, i64>) = Default::default();
    let (mut books, mut seams): (BTreeMap<String, Book>, BTreeMap<String, Vec<Book>>) = Default::default();
    let mut first_times: BTreeMap<String, i64> = BTreeMap::new();
    while seams.values().map(Vec::len).min().is_none_or(|seams| seams < 3) || seams.len() < 2 {
        let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
        let (name, data) = (event["stream"].as_str().unwrap().to_owned(), &event["data"]);
        let int = |member: &str| data[member].as_i64().unwrap();
        let (low, high) = match data["e"].as_str() {
            Some("trade") => (int("t"), int("t")),
            Some("aggTrade") => (int("a"), int("a")),
            Some("depthUpdate") => (int("U"), int("u")),
            Some("kline") => {
                assert_eq!(data["k"]["t"].as_i64().unwrap() % 60_000, 0, "candles stay aligned");
                continue;
            }
            Some(_) => {
                assert_eq!(int("n"), int("L") - int("F") + 1);
                assert_eq!(int("C") - int("O"), 86_400_000);
                continue;
            }
            None => {
                let before = last.insert(name, int("u"));
                assert!(before.is_none_or(|before| before <= int("u")), "book ticker ids fall");
                continue;
            }
        };
        let before = last.insert(name.clone(), high);
        assert!(before.is_none_or(|before| low == before + 1), "{name}: {before:?}, then {low}");
        let time = int("E");
        let before = times.insert(name.clone(), time);
        assert!(before.is_none_or(|before| before <= time), "{name}: time falls from {before:?} to {time}");
        if data["e"] == "depthUpdate" {
            let round = (time - *first_times.entry(name.clone()).or_insert(time)) / 60_000;
            let book = books.entry(name.clone()).or_default();
            let seams = seams.entry(name).or_default();
            if round as usize > seams.len() {
                seams.push(book.clone());
            }
            apply(book, data);
        }
    }
    // What changed in a round stands after the seam as it did one round before: the book has come back.
    for (name, seams) in seams {
        assert!(seams[0].len() > 50, "{name}: {} levels", seams[0].len());
        assert!(seams.windows(2).all(|pair| pair[0] == pair[1]), "{name}: the book is another one after a round");
    }
}

fn apply(book: &mut Book, event: &Value) {
    for (side, is_bid) in [("b", true), ("a", false)] {
        for level in event[side].as_array().unwrap() {
            let key = (is_bid, level[0].as_str().unwrap().to_owned());
            match level[1].as_str().unwrap() {
                "0.00000000" => book.remove(&key),
                size => book.insert(key, size.to_owned()),
            };
        }
    }
}

#[test]
fn across_the_seam_ids_and_times_rise_and_books_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["tape", "synth", "--seed", "7", "--minutes", "1", "--out", "-"];
    let made = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap().stdout;
    let whole = folder.path().join("whole.jsonl");
    std::fs::write(&whole, &made).unwrap();
    follow_rounds(whole.to_str().unwrap());
    // A tape that ends in the middle of things: here the seam must lead the book back.
    let lines: Vec<&[u8]> = made.split_inclusive(|&byte| byte == b'\n').collect();
    let cut = folder.path().join("cut.jsonl");
    std::fs::write(&cut, lines[..lines.len() * 6 / 10].concat()).unwrap();
    follow_rounds(cut.to_str().unwrap());
}

#[test]
fn the_built_in_tape_is_the_generators_and_plays_now() {
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["tape", "synth", "--seed", "1", "--out", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let shipped = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/feeds/demo.jsonl.zst")).unwrap();
    assert!(
        zstd::decode_all(shipped.as_slice()).unwrap() == output.stdout,
        "feeds/demo.jsonl.zst is not what seed 1 makes"
    );

    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let age_ms = now_ms - event["E"].as_i64().unwrap();
    assert!((0..5_000).contains(&age_ms), "an event of {age_ms} ms ago");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let make = |seed: &str| {
        let arguments = ["tape", "synth", "--seed", seed, "--minutes", "1", "--out", "-"];
        Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap().stdout
    };
    let first = make("5");
    assert!(!first.is_empty());
    assert!(first == make("5"));
    assert!(first != make("6"));
}
