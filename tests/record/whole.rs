//! What is recorded of a replay is what was replayed, whatever happens to connections and recorder.

use std::time::Duration;

use tapecast::tape::Form;

use crate::proxy::Proxy;
use crate::recorder::{Recorder, count, entries, streamed, wait_for};
use crate::support::{Server, lines, recordings, trade};

const STREAMS: &str = "btcusdt@depth@100ms,ethusdt@depth@100ms,dotusdt@depth@100ms,btcusdt@aggTrade,ethusdt@aggTrade,\
                       dotusdt@aggTrade,btcusdt@kline_1m,ethusdt@kline_1m,dotusdt@kline_1m";

fn recording() -> Option<(String, Vec<String>)> {
    let path = recordings()?.join("binance-spot-20210404-3sym.jsonl.zst");
    let told = lines(&path).into_iter().map(|(_, text)| text).filter(|text| text.starts_with("{\"stream\"")).collect();
    Some((path.to_str().unwrap().to_owned(), told))
}

fn invented(folder: &tempfile::TempDir, count: i64) -> (String, Vec<String>) {
    let lines: Vec<_> = (1..=count).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let path = crate::support::tape(folder, "trades.jsonl", &lines);
    (path, lines.into_iter().map(|(_, text)| text).collect())
}

#[test]
fn a_recording_of_a_replay_is_the_tape_that_was_replayed() {
    let Some((feed, told)) = recording() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("copy.tape");
    let server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "1"]);
    let (from, host) = (format!("binance:{STREAMS}"), server.address.to_string());
    let recorder = Recorder::start(&out, &["--from", &from, "--host", &host]);
    wait_for(&out, "all messages", |entries| {
        let snapshots = entries.iter().filter(|entry| entry.text.starts_with("{\"lastUpdateId\"")).count();
        streamed(entries).len() >= told.len() && snapshots >= 3
    });
    let said = recorder.end();
    assert!(said.iter().any(|line| line.contains(" messages, ") && line.contains(" 0 gaps")), "{said:?}");
    let entries = entries(&out);
    assert_eq!(streamed(&entries), told);
    assert_eq!(count(&entries, Form::Gap), 0, "{:#?}", entries.iter().find(|entry| entry.form == Form::Gap));
    assert!(count(&entries, Form::Opened) == 1 && count(&entries, Form::Handshake) == 2 + 2 * 3);
    assert!(entries.windows(2).all(|pair| pair[0].ts_recv <= pair[1].ts_recv));
}

#[test]
fn over_tls_books_included_it_is_the_same() {
    let Some((feed, told)) = recording() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (out, certificate) = (folder.path().join("copy.tape"), folder.path().join("certificate.pem"));
    let flags = ["--feed", &feed, "--speed", "max", "--wait-for-clients", "1"];
    let server = Server::start(&[&flags[..], &["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]].concat());
    std::fs::write(&certificate, server.get("/certificate.pem").2).unwrap();
    let (from, host) = (format!("binance:{STREAMS}"), format!("wss://{}", server.tls_address.unwrap()));
    // Whom it does not know it does not trust.
    let stranger = Recorder::start(&folder.path().join("none.tape"), &["--from", &from, "--host", &host]);
    wait_for(&folder.path().join("none.tape"), "distrust", |entries| {
        entries.iter().any(|entry| entry.form == Form::Lost && entry.text.contains("invalid peer certificate"))
    });
    stranger.end();
    let ca = certificate.to_str().unwrap();
    let recorder = Recorder::start(&out, &["--from", &from, "--host", &host, "--ca", ca]);
    wait_for(&out, "all messages", |entries| {
        let snapshots = entries.iter().filter(|entry| entry.text.starts_with("{\"lastUpdateId\"")).count();
        streamed(entries).len() >= told.len() && snapshots >= 3
    });
    recorder.end();
    let entries = entries(&out);
    assert_eq!(streamed(&entries), told);
    assert_eq!((count(&entries, Form::Gap), count(&entries, Form::Lost)), (0, 0));
}

#[test]
fn with_two_connections_twenty_cuts_lose_nothing_and_repeat_nothing() {
    let Some((feed, told)) = recording() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("copy.tape");
    let server = Server::start(&["--feed", &feed, "--speed", "10x", "--wait-for-clients", "2"]);
    let proxy = Proxy::before(server.address);
    let (from, host) = (format!("binance:{STREAMS}"), proxy.address.to_string());
    let flags = ["--from", &from, "--host", &host, "--connections", "2", "--snapshot-levels", "0"];
    let recorder = Recorder::start(&out, &flags);
    for number in 1..=20 {
        // Both are there before one is cut.
        wait_for(&out, "two connections", |entries| {
            let (opened, lost) = (count(entries, Form::Opened), count(entries, Form::Lost));
            let joined = entries.iter().filter(|entry| entry.text == "its messages count from here on").count();
            opened == number + 1 && lost == number - 1 && joined == number + 1
        });
        assert!(proxy.cut());
    }
    wait_for(&out, "all messages", |entries| streamed(entries).last() == told.last().map(String::as_str).as_ref());
    recorder.end();
    let entries = entries(&out);
    assert_eq!(count(&entries, Form::Lost), 20);
    assert_eq!(count(&entries, Form::Gap), 0);
    let streamed = streamed(&entries);
    let differs = streamed.iter().zip(&told).position(|(recorded, told)| recorded != told);
    assert_eq!((differs, streamed.len()), (None, told.len()));
}

#[test]
fn with_one_connection_what_is_missing_lies_where_a_gap_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, told) = invented(&folder, 4_000);
    let out = folder.path().join("copy.tape");
    let server = Server::start(&["--feed", &feed, "--wait-for-clients", "1"]);
    let proxy = Proxy::before(server.address);
    let host = proxy.address.to_string();
    let recorder = Recorder::start(&out, &["--from", "binance:btcusdt@trade", "--host", &host]);
    for number in 1..=5 {
        wait_for(&out, "a connection", |entries| {
            let after = entries.iter().rposition(|entry| entry.form == Form::Opened).unwrap_or(0);
            count(entries, Form::Opened) == number && streamed(&entries[after..]).len() > 20
        });
        assert!(proxy.cut());
    }
    wait_for(&out, "the end", |entries| streamed(entries).last() == told.last().map(String::as_str).as_ref());
    recorder.end();
    let (mut next, mut may_miss) = (0, false);
    for entry in &entries(&out) {
        may_miss |= entry.form == Form::Gap;
        if entry.text.starts_with("{\"stream\"") {
            let at =
                told[next..].iter().position(|text| *text == entry.text).expect("nothing comes twice or out of order");
            assert!(at == 0 || may_miss, "{at} messages are missing before {}", entry.text);
            (next, may_miss) = (next + at + 1, false);
        }
    }
    assert_eq!(next, told.len());
}

#[test]
fn renewed_connections_lose_nothing_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, told) = invented(&folder, 6_000);
    let out = folder.path().join("copy.tape");
    let server = Server::start(&["--feed", &feed, "--wait-for-clients", "1"]);
    let host = server.address.to_string();
    let flags = ["--from", "binance:btcusdt@trade", "--host", &host, "--renew-after", "400ms"];
    let recorder = Recorder::start(&out, &flags);
    wait_for(&out, "the end", |entries| streamed(entries).last() == told.last().map(String::as_str).as_ref());
    recorder.end();
    let entries = entries(&out);
    assert!(count(&entries, Form::Opened) > 4);
    assert_eq!((count(&entries, Form::Gap), count(&entries, Form::Lost)), (0, 0));
    assert_eq!(streamed(&entries), told);
}

#[test]
fn a_killed_recorder_loses_what_was_not_flushed_and_its_successor_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, told) = invented(&folder, 8_000);
    let out = folder.path().join("copy.tape");
    let server = Server::start(&["--feed", &feed, "--wait-for-clients", "1"]);
    let host = server.address.to_string();
    let flags = ["--from", "binance:btcusdt@trade", "--host", &host];
    let recorder = Recorder::start(&out, &flags);
    let seen = wait_for(&out, "a thousand", |entries| streamed(entries).len() > 1_000);
    recorder.kill();
    let left = entries(&out);
    assert!(left.len() >= seen.len());
    // Half a block, as a kill in the middle of a write leaves it.
    let mut file = std::fs::OpenOptions::new().append(true).open(&out).unwrap();
    std::io::Write::write_all(&mut file, &[0x54; 300]).unwrap();
    drop(file);
    let recorder = Recorder::start(&out, &flags);
    recorder.says("300 bytes behind byte");
    wait_for(&out, "the end", |entries| streamed(entries).last() == told.last().map(String::as_str).as_ref());
    recorder.end();
    let entries = entries(&out);
    let before = streamed(&left).len();
    assert_eq!(streamed(&entries)[..before], told[..before]);
    let gap = &entries[left.len()];
    assert!(gap.form == Form::Gap && gap.text.contains("300 bytes behind byte"), "{gap:?}");
    assert!(gap.ts_recv - left.last().unwrap().ts_recv < Duration::from_secs(60).as_nanos() as i64);
    let after = streamed(&entries[left.len()..]);
    assert_eq!(after, told[told.len() - after.len()..]);
}
