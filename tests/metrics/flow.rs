//! Frames from where they are due to where they went: none is counted twice, none is forgotten.

use std::thread;

use crate::exposition::Exposition;
use crate::support::{Client, Server, tape, trade};
use crate::{at_rest, wait_for};

const FATES: [&str; 3] =
    ["tapecast_frames_delivered_total", "tapecast_frames_conflated_total", "tapecast_frames_dropped_total"];

fn fates(found: &Exposition, core: &str) -> f64 {
    FATES.iter().map(|name| found.sum(name, &[("core", core)])).sum()
}

#[test]
fn at_rest_what_was_due_was_delivered_conflated_or_dropped_on_every_core() {
    let folder = tempfile::tempdir().unwrap();
    let events = 100_000_i64;
    let line = |number: i64| {
        let (time, message) = trade(number, 1_700_000_000_000 + number / 40);
        match number % 2 {
            0 => (time, message.replace("65000.10000000", &format!("65000.1{:0>27}", 0))),
            _ => (
                time,
                format!(
                    r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{number},"s":"BTCUSDT","b":"65000.1{:0>27}","B":"1.0","a":"65001.0","A":"2.0"}}}}"#,
                    0
                ),
            ),
        }
    };
    let path = tape(&folder, "both.jsonl", &(0..events).map(line).collect::<Vec<_>>());
    let flags = ["--feed", &path, "--wait-for-clients", "12", "--writers", "2", "--ping-interval", "0s"];
    let server = Server::start(&[&flags[..], &["--backlog-bytes-max", "1048576"]].concat());
    // Some of each stop reading: those of trades are cut off, those of book tickers are conflated.
    let stalled: Vec<Client> =
        (0..4).map(|n| Client::open(&server, ["/ws/btcusdt@trade", "/ws/btcusdt@bookTicker"][n % 2])).collect();
    let readers: Vec<_> = (0..8)
        .map(|n| Client::open(&server, ["/ws/btcusdt@trade", "/ws/btcusdt@bookTicker"][n % 2]))
        .map(|mut client| {
            thread::spawn(move || {
                let mut payload = Vec::new();
                (0..events / 2).for_each(|_| assert!(client.next_into(&mut payload).is_some()));
                client
            })
        })
        .collect();
    let readers: Vec<Client> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    drop((readers, stalled));
    let found = wait_for(&server, "rest", |found| {
        found.sum("tapecast_sessions", &[]) == 0.0 && found.sum("tapecast_backlog_bytes", &[]) == 0.0
    });
    let mut routed = 0.0;
    for core in ["0", "1"] {
        let due = found.sum("tapecast_frames_routed_total", &[("core", core)]);
        assert_eq!(due, fates(&found, core), "core {core}");
        routed += due;
    }
    assert!(routed >= 8.0 * events as f64 / 2.0, "{routed}");
    assert!(found.sum("tapecast_frames_conflated_total", &[]) > 0.0);
    assert!(found.sum("tapecast_frames_dropped_total", &[]) > 0.0);
    assert_eq!((found.sum("tapecast_cohorts", &[]), found.sum("tapecast_sessions_behind", &[])), (0.0, 0.0));
    let opened = found.sum("tapecast_sessions_opened_total", &[]);
    assert_eq!((opened, found.sum("tapecast_disconnects_total", &[])), (12.0, 12.0));
    assert_eq!(found.sum("tapecast_disconnects_total", &[("reason", "slow_consumer")]), 2.0);
    assert!(found.sum("tapecast_written_bytes_total", &[]) > routed);
}

#[test]
fn what_waits_for_a_client_that_does_not_read_is_told_and_then_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: i64| {
        let (time, message) = trade(number, 1_700_000_000_000 + number / 200);
        (time, message.replace("65000.10000000", &format!("65000.1{:0>27}", 0)))
    };
    let path = tape(&folder, "trades.jsonl", &(0..60_000).map(line).collect::<Vec<_>>());
    let flags = ["--feed", &path, "--wait-for-clients", "1", "--writers", "1", "--ping-interval", "0s"];
    let server = Server::start(&[&flags[..], &["--backlog-bytes-max", "67108864"]].concat());
    assert_eq!(Exposition::of(&server).sum("tapecast_backlog_bytes", &[]), 0.0);
    let client = Client::open(&server, "/ws/btcusdt@trade");
    let found = wait_for(&server, "a backlog", |found| found.sum("tapecast_backlog_bytes", &[]) > 100_000.0);
    assert_eq!(found.sum("tapecast_sessions_behind", &[]), 1.0);
    drop(client);
    let found = wait_for(&server, "its end", |found| found.sum("tapecast_backlog_bytes", &[]) == 0.0);
    assert_eq!(found.sum("tapecast_sessions_behind", &[]), 0.0);
    assert!(found.sum("tapecast_frames_dropped_total", &[]) > 0.0);
}

#[test]
fn a_frame_is_rendered_once_for_all_of_a_core_and_its_batch_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "trades.jsonl", &(0..500).map(|n| trade(n, 1_700_000_000_000)).collect::<Vec<_>>());
    let flags = ["--feed", &path, "--wait-for-clients", "5", "--writers", "1", "--ping-interval", "0s"];
    let server = Server::start(&flags);
    let clients: Vec<Client> = (0..5).map(|_| Client::open(&server, "/ws/btcusdt@trade")).collect();
    let found = wait_for(&server, "all", |found| found.sum("tapecast_frames_delivered_total", &[]) == 5.0 * 500.0);
    assert_eq!(found.sum("tapecast_frames_rendered_total", &[]), 500.0);
    assert_eq!(found.sum("tapecast_batch_frames_sum", &[]), 500.0);
    let batches = found.sum("tapecast_batch_frames_count", &[]);
    assert_eq!(batches, found.sum("tapecast_batches_total", &[]), "one cohort");
    assert!((1.0..=500.0).contains(&batches), "{batches}");
    assert_eq!(found.sum("tapecast_writes_total", &[]), 5.0 * batches, "each batch is one write to each");
    assert_eq!((found.sum("tapecast_sessions", &[]), found.sum("tapecast_cohorts", &[])), (5.0, 1.0));
    assert_eq!(found.sum("tapecast_sessions_subscribed_total", &[]), 5.0);
    drop(clients);
}

#[test]
fn words_in_rooms_are_counted() {
    let (_folder, server) = at_rest(&["--rooms", "--rooms-message-burst", "3"]);
    let [mut one, mut other] = [(); 2].map(|()| Client::open(&server, "/rooms/lobby"));
    [&mut one, &mut other].into_iter().for_each(|client| assert!(client.next_event().text().contains("welcome")));
    (0..5).for_each(|_| one.say("hello"));
    (0..3).for_each(|_| assert_eq!(other.next_event().text(), "hello"));
    let found = wait_for(&server, "refusals", |found| found.sum("tapecast_room_refusals_total", &[]) >= 1.0);
    let said = found.sum("tapecast_room_messages_total", &[]);
    assert_eq!(said + found.sum("tapecast_room_refusals_total", &[]), 5.0);
    assert!(said >= 3.0, "{said}");
}
