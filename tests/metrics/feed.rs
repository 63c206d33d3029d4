//! What the feed's thread counts: messages by venue, what is wrong with them, the ring, how late it is.

use std::thread;
use std::time::Duration;

use crate::exposition::Exposition;
use crate::support::{Client, Server, tape, trade};
use crate::{at_rest, wait_for};

fn upbit_trade(number: i64, ts_ms: i64) -> (i64, String) {
    let message = format!(
        r#"{{"type":"trade","code":"KRW-BTC","timestamp":{ts_ms},"trade_date":"2023-11-14","trade_time":"22:13:20","trade_timestamp":{ts_ms},"trade_price":90000000.0,"trade_volume":0.001,"ask_bid":"ASK","prev_closing_price":89000000.0,"change":"RISE","change_price":1000000.0,"sequential_id":{number},"best_ask_price":90001000.0,"best_ask_size":0.1,"best_bid_price":90000000.0,"best_bid_size":0.1,"stream_type":"REALTIME"}}"#
    );
    (ts_ms * 1_000_000, message)
}

#[test]
fn messages_are_counted_by_venue_and_what_is_wrong_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let ms = 1_700_000_000_000;
    let mut lines: Vec<_> = (0..5).map(|n| trade(n, ms + n)).collect();
    lines.push((ms * 1_000_000 + 6_000_000, "{\"e\":\"trade\",".into()));
    lines.push((ms * 1_000_000 + 6_000_000, r#"{"e":"somethingElse","s":"BTCUSDT"}"#.into()));
    // Before the one in front of it: the line is damaged, and no message.
    lines.push(trade(9, ms));
    let binance = tape(&folder, "binance.jsonl", &lines);
    let mut lines: Vec<_> = (0..3).map(|n| upbit_trade(n + 1, ms + n)).collect();
    lines.push((ms * 1_000_000 + 9_000_000, r#"{"type":"trade","code":"KRW-BTC"}"#.into()));
    let upbit = tape(&folder, "upbit.jsonl", &lines);
    let server = Server::start(&["--feed", &binance, "--feed", &upbit, "--speed", "max", "--writers", "2"]);
    let found = wait_for(&server, "the damaged line", |found| {
        found.sum("tapecast_lines_damaged_total", &[]) == 1.0 && found.sum("tapecast_messages_read_total", &[]) == 11.0
    });
    let by_venue = [("binance".to_owned(), 7.0), ("upbit".to_owned(), 4.0)].into();
    assert_eq!(found.by("tapecast_messages_read_total", "venue"), by_venue);
    assert_eq!(found.by("tapecast_lines_damaged_total", "reason"), [("timestamp_back".to_owned(), 1.0)].into());
    let rejected =
        |venue, reason| found.sum("tapecast_messages_rejected_total", &[("venue", venue), ("reason", reason)]);
    assert_eq!((rejected("binance", "not_json"), rejected("binance", "unserved")), (1.0, 1.0));
    assert_eq!((rejected("upbit", "member"), rejected("binance", "member")), (1.0, 0.0));
    assert_eq!(found.sum("tapecast_messages_rejected_total", &[]), 3.0);
    assert_eq!(server.count("messages_read"), 11, "the status has the sum");
}

#[test]
fn every_core_reads_what_was_published_and_is_not_behind_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..2_000).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let path = tape(&folder, "trades.jsonl", &lines);
    let server = Server::start(&["--feed", &path, "--speed", "max", "--writers", "2", "--ring-ticks", "1024"]);
    let found = wait_for(&server, "the end", |found| {
        found.sum("tapecast_messages_read_total", &[]) == 2_000.0
            && found.sum("tapecast_ring_lag_ticks", &[]) == 0.0
            && found.sum("tapecast_ticks_published_total", &[]) > 2_000.0
    });
    for core in ["0", "1"] {
        let read = found.sum("tapecast_ticks_read_total", &[("core", core)]);
        assert_eq!(read, found.sum("tapecast_ticks_published_total", &[]));
    }
    assert_eq!(found.sum("tapecast_ring_capacity_ticks", &[]), 1_024.0);
    assert_eq!(found.sum("tapecast_feed_lag_seconds", &[]), 0.0, "at speed max nothing is late");
    let newest = found.sum("tapecast_feed_timestamp_seconds", &[]);
    assert!((newest - 1_700_000_001.999).abs() < 0.2, "{newest}");
}

#[test]
fn at_a_pace_the_feed_is_as_late_as_its_thread_was() {
    let (_folder, server) = at_rest(&[]);
    let lag = Exposition::of(&server).sum("tapecast_feed_lag_seconds", &[]);
    // What is due now is taken after it was due, if only by the time that a look at the clock takes.
    assert!(lag > 0.0 && lag < 60.0, "{lag}");
    assert_eq!(Exposition::of(&server).sum("tapecast_passes_total", &[]), 0.0);
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "short.jsonl", &[trade(1, 1_700_000_000_000), trade(2, 1_700_000_000_010)]);
    let server = Server::start(&["--feed", &path, "--repeat"]);
    wait_for(&server, "three passes", |found| found.sum("tapecast_passes_total", &[]) >= 3.0);
}

#[test]
fn who_waits_for_whom_at_speed_max_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let events = 60_000;
    let long = |(time, message): (i64, String)| (time, message.replace("65000.1", "65000.10000000000000000000"));
    let lines: Vec<_> = (0..events).map(|n| long(trade(n, 1_700_000_000_000 + n / 20))).collect();
    let path = tape(&folder, "trades.jsonl", &lines);
    let flags = ["--feed", &path, "--speed", "max", "--wait-for-clients", "1", "--writers", "1"];
    let more =
        ["--ring-ticks", "1024", "--ping-interval", "0s", "--stall-limit", "60s", "--backlog-bytes-max", "1048576"];
    let server = Server::start(&[&flags[..], &more].concat());
    let before = Exposition::of(&server);
    for name in ["tapecast_ring_waits_total", "tapecast_ring_wait_seconds_total", "tapecast_gate_holds_total"] {
        assert_eq!(before.sum(name, &[]), 0.0, "{name}");
    }
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    // Nothing is read: the core holds its gate, the ring is full, and the feed waits, ever longer.
    let held = wait_for(&server, "the wait", |found| found.sum("tapecast_ring_wait_seconds_total", &[]) > 0.3);
    assert!(held.sum("tapecast_ring_waits_total", &[]) >= 1.0 && held.sum("tapecast_gate_holds_total", &[]) >= 1.0);
    assert!(held.sum("tapecast_ring_lag_ticks", &[]) > 500.0, "{}", held.sum("tapecast_ring_lag_ticks", &[]));
    let mut payload = Vec::new();
    let reader = thread::spawn(move || {
        for _ in 0..events {
            client.next_into(&mut payload).expect("a trade");
        }
        client
    });
    let rest = wait_for(&server, "the end", |found| {
        found.sum("tapecast_frames_delivered_total", &[]) >= events as f64
            && found.sum("tapecast_ring_lag_ticks", &[]) == 0.0
    });
    let client = reader.join().unwrap();
    let waited = rest.sum("tapecast_ring_wait_seconds_total", &[]);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(Exposition::of(&server).sum("tapecast_ring_wait_seconds_total", &[]), waited, "nobody waits any more");
    drop(client);
}
