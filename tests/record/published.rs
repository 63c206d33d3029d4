//! What an exchange says is published on a NATS server, every message once and in order, with its receive time.

use std::process::Command;

use crate::backbone::{assert_same, messages};
use crate::nats::{Nats, Publisher, is_installed};
use crate::proxy::Proxy;
use crate::recorder::{Recorder, entries, wait_for};
use crate::support::{Server, tape, trade};

/// An exchange that says so many trades in as many milliseconds, to whom comes first.
pub fn exchange(folder: &tempfile::TempDir, count: i64) -> Server {
    let lines: Vec<_> = (1..=count).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let feed = tape(folder, "trades.jsonl", &lines);
    Server::start(&["--feed", &feed, "--wait-for-clients", "1"])
}

#[test]
fn a_stream_has_every_message_once_though_connections_and_server_are_lost() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tape, copy) = (folder.path().join("direct.tape"), folder.path().join("copy.tape"));
    let mut nats = Nats::start(folder.path(), &["-js"]);
    Publisher::to(&nats).make_stream("MD", "md.>");
    let proxy = Proxy::before(nats.address);
    let server = exchange(&folder, 4_000);
    let (host, to) = (server.address.to_string(), format!("nats://{}/md.binance?stream=MD", proxy.address));
    let recorder = Recorder::start(&tape, &["--from", "binance:btcusdt@trade", "--host", &host, "--to", &to]);
    for number in 1..=5 {
        wait_for(&tape, "some more", |entries| messages(entries).len() > 400 * number);
        while !proxy.cut() {}
        recorder.says("publisher: ");
    }
    nats.shut_down();
    wait_for(&tape, "some that wait", |entries| messages(entries).len() > 3_000);
    nats.restart();
    wait_for(&tape, "the end", |entries| messages(entries).len() == 4_000);
    recorder.end();

    let from = format!("nats://{}/md.binance?stream=MD&from=all", nats.address);
    let recorder = Recorder::start(&copy, &["--from", &from]);
    wait_for(&copy, "the copy", |entries| messages(entries).len() >= 4_000);
    recorder.end();
    assert_same(&messages(&entries(&copy)), &messages(&entries(&tape)));
}

#[test]
fn a_plain_subject_brings_what_it_is_told_without_a_tape_too() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.tape");
    let nats = Nats::start(folder.path(), &[]);
    let listener = Recorder::start(&copy, &["--from", &format!("nats://{}/md.*", nats.address), "--log", "info"]);
    listener.says("connection 0: nats://");
    let server = exchange(&folder, 500);
    let (host, to) = (server.address.to_string(), format!("nats://{}/md.binance", nats.address));
    let recorder = Recorder::without_tape(&["--from", "binance:btcusdt@trade", "--host", &host, "--to", &to]);
    let entries = wait_for(&copy, "all of it", |entries| messages(entries).len() == 500);
    recorder.end();
    listener.end();
    for (number, (_, text)) in messages(&entries).iter().enumerate() {
        assert!(text.contains(&format!("\"t\":{},", number + 1)), "{text}");
    }
}

#[test]
fn what_nobody_takes_is_said() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("direct.tape");
    let mut nats = Nats::start(folder.path(), &["-js"]);
    let mut publisher = Publisher::to(&nats);
    publisher.make_stream("MD", "md.>");
    publisher.make_stream("OTHER", "other.>");
    let server = exchange(&folder, 100);
    let host = server.address.to_string();
    let record = |to: &str| {
        Command::new(env!("CARGO_BIN_EXE_tapecast"))
            .args(["record", "--from", "binance:btcusdt@trade", "--host", &host, "--to", to])
            .output()
            .unwrap()
    };
    let at = nats.address;
    for (to, part) in [
        (format!("nats://{at}/md.a?stream=NONE"), "there is no stream `NONE`"),
        (format!("nats://{at}/md.*"), "without * and >"),
        (format!("nats://{at}/md.a?stream=MD&from=all"), "from= is for what is read"),
        (format!("nats://{at}"), "names no subject"),
    ] {
        let output = record(&to);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(part), "{to}: {said}");
    }
    // These are refused when there is a message, from an exchange of its own that still has some.
    for (to, part) in [
        (format!("nats://{at}/md.a?stream=OTHER"), "`md.a` is of the stream `MD`, not `OTHER`"),
        (format!("nats://{at}/nobodys?stream=MD"), "a message is not taken: no stream found"),
    ] {
        let server = exchange(&folder, 100);
        let arguments = ["--from", "binance:btcusdt@trade", "--host", &server.address.to_string(), "--to", &to];
        let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).arg("record").args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(part), "{to}: {said}");
    }
    // A server that is gone until the end; the tape has all of it.
    nats.kill();
    let server = exchange(&folder, 100);
    let host = server.address.to_string();
    let to = format!("nats://{at}/md.a?stream=MD");
    let recorder = Recorder::start(&tape, &["--from", "binance:btcusdt@trade", "--host", &host, "--to", &to]);
    wait_for(&tape, "all of it", |entries| messages(entries).len() == 100);
    let said = recorder.end_badly();
    assert!(said.iter().any(|line| line.contains("has not taken the last 100 messages")), "{said:?}");
}
