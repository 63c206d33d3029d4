//! Live feeds: what an upstream says is served, and recorded on the way; books that broke are fetched again.

use tapecast::tape::{Direction, Form, Reader};

use crate::proxy::Proxy;
use crate::recorder::{Recorder, entries, streamed, wait_for};
use crate::support::{Client, Server, lines, recordings, tape, trade};

#[test]
fn a_live_feed_is_served_as_it_comes_and_recorded_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (1..=500).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let feed = tape(&folder, "trades.jsonl", &lines);
    let out = folder.path().join("live.tape");
    let upstream = Server::start(&["--feed", &feed, "--wait-for-clients", "1"]);
    let host = upstream.address.to_string();
    let live = ["--feed", "binance:btcusdt@trade", "--feed-host", &host, "--tape", out.to_str().unwrap()];
    let mut server = Server::start(&[&live[..], &["--wait-for-clients", "1"]].concat());
    let mut client = Client::open(&server, "/stream?streams=btcusdt@trade");
    for (_, text) in &lines {
        assert_eq!(client.next_event().text(), text);
    }
    let status: serde_json::Value = serde_json::from_str(&server.get("/status").2).unwrap();
    assert!(status["metrics"]["ingest"]["feed_lag_ns"].is_u64(), "{status}");
    server.signal("INT");
    assert!(server.wait().success());
    assert!(Reader::open(&out).unwrap().is_finished());
    let told: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(streamed(&entries(&out)), told);
}

#[test]
fn a_place_in_a_live_feed_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("live.tape");
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    upstream.set_nonblocking(true).unwrap();
    let host = upstream.local_addr().unwrap().to_string();
    for (flag, time) in [("--from", "09:30:00"), ("--to", "2026-11-20")] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tapecast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--feed", "binance:btcusdt@trade", "--feed-host", &host])
            .args(["--tape", out.to_str().unwrap(), flag, time])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(flag) && said.contains("no other place to be in"), "{said}");
        assert!(!out.exists() && upstream.accept().is_err());
    }
}

#[test]
fn candles_close_by_the_clock_of_a_live_feed_that_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let feed = tape(&folder, "one.jsonl", &[trade(1, now_ms)]);
    let upstream = Server::start(&["--feed", &feed, "--wait-for-clients", "1"]);
    let host = upstream.address.to_string();
    let live = ["--feed", "binance:btcusdt@trade", "--feed-host", &host];
    let server = Server::start(&[&live[..], &["--wait-for-clients", "1"]].concat());
    let mut client = Client::open(&server, "/ws/btcusdt@kline_1s");
    while !client.next_event().text().contains("\"x\":true") {}
}

#[test]
fn a_book_that_broke_is_noted_and_fetched_again() {
    let Some(folder) = recordings() else { return };
    let feed = folder.join("binance-spot-20210404-3sym.jsonl.zst");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("books.tape");
    let server =
        Server::start(&["--feed", feed.to_str().unwrap(), "--speed", "4x", "--repeat", "--wait-for-clients", "1"]);
    let proxy = Proxy::before(server.address);
    let host = proxy.address.to_string();
    let recorder = Recorder::start(&out, &["--from", "binance:btcusdt@depth@100ms", "--host", &host]);
    let snapshots = |entries: &[crate::recorder::Entry]| {
        entries.iter().filter(|entry| entry.form == Form::Text && entry.text.starts_with("{\"lastUpdateId\"")).count()
    };
    wait_for(&out, "the first book", |entries| snapshots(entries) == 1);
    let broke =
        |entry: &crate::recorder::Entry| entry.form == Form::Gap && entry.text.starts_with("BTCUSDT: book updates");
    wait_for(&out, "a gap", |entries| {
        proxy.cut();
        entries.iter().any(broke)
    });
    let all = wait_for(&out, "the next book", |entries| {
        let gap = entries.iter().position(broke).unwrap();
        snapshots(&entries[gap..]) >= 1
    });
    let gap = all.iter().position(broke).unwrap();
    let asked = |entry: &&crate::recorder::Entry| {
        entry.direction == Direction::To && entry.text.starts_with("GET /api/v3/depth?symbol=BTCUSDT&limit=1000 ")
    };
    assert!(all[gap..].iter().any(|entry| asked(&entry)));
    recorder.end();
}

#[test]
fn upbit_is_asked_as_upbit_is() {
    let Some(folder) = recordings() else { return };
    let feed = folder.join("upbit-20210405-10mkt.jsonl.zst");
    let told = lines(&feed);
    // Recorded in the format SIMPLE, and asked for in the other.
    let id_of = |text: &str| -> Option<i64> {
        let trade: serde_json::Value = serde_json::from_str(text).ok()?;
        let is_asked = [&trade["cd"], &trade["code"]].iter().any(|code| *code == "KRW-STX");
        trade["sid"].as_i64().or(trade["sequential_id"].as_i64()).filter(|_| is_asked)
    };
    let ids: Vec<i64> = told.iter().filter_map(|(_, text)| id_of(text)).collect();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("upbit.tape");
    let server = Server::start(&["--feed", feed.to_str().unwrap(), "--speed", "max", "--wait-for-clients", "1"]);
    let host = server.address.to_string();
    let recorder = Recorder::start(&out, &["--from", "upbit:trade,orderbook:KRW-STX", "--host", &host]);
    let recorded = |entries: &[crate::recorder::Entry]| -> Vec<i64> {
        let data = entries.iter().filter(|entry| matches!(entry.form, Form::Text | Form::Binary));
        data.filter(|entry| entry.direction == Direction::From).filter_map(|entry| id_of(&entry.text)).collect()
    };
    wait_for(&out, "all trades", |entries| recorded(entries).len() >= ids.len());
    recorder.end();
    assert!(ids.len() > 100);
    assert_eq!(recorded(&entries(&out)), ids);
}
