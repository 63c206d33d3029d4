//! Sessions as they begin, by protocol, and as they end, by reason.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use tapecast::config::RawConfig;

use crate::exposition::Exposition;
use crate::support::{Client, Server, connect, tape, trade};
use crate::{at_rest, wait_for};

const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;

fn reasons(found: &Exposition) -> BTreeMap<String, f64> {
    found.by("tapecast_disconnects_total", "reason")
}

/// Waits until one session has ended for this reason, and none for another.
fn expect_one(server: &Server, reason: &str) {
    let found = wait_for(server, reason, |found| found.sum("tapecast_disconnects_total", &[]) >= 1.0);
    assert_eq!(reasons(&found), [(reason.to_owned(), 1.0)].into());
    let left = wait_for(server, "the end", |found| found.sum("tapecast_sessions", &[]) == 0.0);
    assert_eq!(reasons(&left), [(reason.to_owned(), 1.0)].into(), "the first reason is the one");
}

#[test]
fn sessions_are_counted_by_what_they_speak() {
    let (_folder, server) = at_rest(&["--rooms", "--writers", "2", "--lines-listen", "127.0.0.1:0"]);
    let sockets = ["/ws/btcusdt@trade", "/stream", "/ws-api/v3", "/websocket/v1", "/rooms/a"];
    let clients: Vec<Client> = sockets.iter().map(|target| Client::open(&server, target)).collect();
    let http: Vec<_> = ["/sse?streams=btcusdt@trade", "/ndjson?streams=btcusdt@trade"]
        .iter()
        .map(|target| {
            let mut stream = connect(server.address);
            write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with("HTTP/1.1 200"), "{line}");
            reader
        })
        .collect();
    let mut lines = connect(server.lines.unwrap());
    lines.write_all(b"PING\n").unwrap();
    lines.read_exact(&mut [0]).unwrap();
    assert_eq!(server.get("/socket.io/?EIO=4&transport=polling").0, 200);
    let engine = Client::open(&server, "/socket.io/?EIO=4&transport=websocket");
    let found = wait_for(&server, "all", |found| found.sum("tapecast_sessions_opened_total", &[]) == 10.0);
    let expected = [
        ("binance", 2.0),
        ("binance_api", 1.0),
        ("lines", 1.0),
        ("ndjson", 1.0),
        ("rooms", 1.0),
        ("socketio", 2.0),
        ("sse", 1.0),
        ("upbit", 1.0),
    ];
    let expected = expected.map(|(protocol, count)| (protocol.to_owned(), count));
    assert_eq!(found.by("tapecast_sessions_opened_total", "protocol"), expected.into());
    assert_eq!((found.sum("tapecast_sessions", &[]), reasons(&found)), (10.0, BTreeMap::new()));
    drop((clients, http, lines, engine));
}

#[test]
fn a_client_that_leaves_has_left_however_it_goes() {
    let (_folder, server) = at_rest(&[]);
    let mut polite = Client::open(&server, "/ws");
    polite.send(8, &[0x03, 0xe9]);
    assert_eq!(polite.next_event().opcode, 8);
    drop(Client::open(&server, "/websocket/v1"));
    let mut lines = connect(server.lines.unwrap());
    lines.write_all(b"QUIT\n").unwrap();
    lines.read_to_end(&mut Vec::new()).unwrap();
    drop((polite, lines));
    let found = wait_for(&server, "three", |found| found.sum("tapecast_disconnects_total", &[]) == 3.0);
    assert_eq!(reasons(&found), [("client_left".to_owned(), 3.0)].into());
}

#[test]
fn what_a_client_does_wrong_is_told_apart() {
    let (_folder, server) = at_rest(&[]);
    let mut client = Client::open(&server, "/ws");
    (0..30).for_each(|_| client.say(LIST));
    drop(std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame"));
    drop(client);
    expect_one(&server, "rate_limit");

    let (_folder, server) = at_rest(&[]);
    let mut client = Client::open(&server, "/ws");
    client.send(2, b"bytes");
    assert_eq!(client.next_event().close().0, 1008);
    drop(client);
    expect_one(&server, "invalid_request");

    let (_folder, server) = at_rest(&[]);
    let mut client = Client::open(&server, "/ws");
    client.send(0x40 | 1, b"a reserved bit");
    assert_eq!(client.next_event().close().0, 1002);
    drop(client);
    expect_one(&server, "protocol_error");

    let (_folder, server) = at_rest(&["--message-bytes-max", "65536"]);
    let mut client = Client::open(&server, "/ws");
    client.send(1, &[b' '; 70_000]);
    assert_eq!(client.next_event().close().0, 1009);
    drop(client);
    expect_one(&server, "message_too_large");
}

#[test]
fn what_upbit_says_only_in_words_is_told_apart_as_well() {
    let (_folder, server) = at_rest(&["--upbit-requests", "2"]);
    let mut client = Client::open(&server, "/websocket/v1");
    (0..3).for_each(|_| client.say(r#"[{"ticket":"q"},{"method":"LIST_SUBSCRIPTIONS"}]"#));
    drop(std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame"));
    drop(client);
    expect_one(&server, "rate_limit");

    let (_folder, server) = at_rest(&[]);
    let mut client = Client::open(&server, "/websocket/v1");
    client.say("hello");
    drop(std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame"));
    drop(client);
    expect_one(&server, "invalid_request");

    let (_folder, server) = at_rest(&["--idle-timeout", "1s"]);
    let mut client = Client::open(&server, "/websocket/v1");
    assert_eq!(client.next(), None);
    drop(client);
    expect_one(&server, "idle");
}

#[test]
fn times_that_are_over_are_told_apart() {
    let (_folder, server) = at_rest(&["--connection-lifetime", "1s"]);
    let mut client = Client::open(&server, "/ws");
    assert_eq!(client.next_event().close().0, 1001);
    drop(client);
    expect_one(&server, "lifetime");

    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "one.jsonl", &[trade(1, 1_700_000_000_000)]);
    let server = Server::start(&["--feed", &path, "--ping-interval", "500ms", "--pong-timeout", "1s"]);
    let mut client = Client::open(&server, "/ws");
    assert_eq!(client.next_event().close(), (1008, "Pong timeout"));
    drop(client);
    expect_one(&server, "pong_timeout");
}

#[test]
fn a_room_that_is_full_and_a_poll_too_many_are_told_apart() {
    let (_folder, server) = at_rest(&["--rooms", "--rooms-members-max", "1"]);
    let mut first = Client::open(&server, "/rooms/a");
    assert!(first.next_event().text().contains("welcome"));
    let mut second = Client::open(&server, "/rooms/a");
    assert_eq!(second.next_event().close().0, 1013);
    let found = wait_for(&server, "the end", |found| found.sum("tapecast_disconnects_total", &[]) == 1.0);
    assert_eq!(reasons(&found), [("room_refused".to_owned(), 1.0)].into());

    let (_folder, server) = at_rest(&["--writers", "1"]);
    let (_, _, open) = server.get("/socket.io/?EIO=4&transport=polling");
    let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
    let mut stream = connect(server.address);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    write!(stream, "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let found = wait_for(&server, "the end", |found| found.sum("tapecast_disconnects_total", &[]) == 1.0);
    assert_eq!(reasons(&found), [("invalid_request".to_owned(), 1.0)].into());
}

/// Counters outlive the server that they are of, where it is a part of the process.
#[test]
fn the_ends_of_the_server_and_of_its_tape_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "one.jsonl", &[trade(1, 1_700_000_000_000)]);
    for (exit_at_end, reason) in [(true, "end_of_tape"), (false, "shutdown")] {
        let config = RawConfig {
            feed: vec![path.clone().into()],
            listen: Some("127.0.0.1:0".into()),
            writers: Some(1),
            wait_for_clients: Some(2),
            exit_at_end: Some(exit_at_end),
            pin: Some(false),
            ..RawConfig::default()
        };
        let mut server = tapecast::server::Server::start(config.check().unwrap()).unwrap();
        let open = |target| Client::try_open(server.address(), target).expect("an upgrade");
        let clients = ["/ws/btcusdt@trade", "/stream?streams=btcusdt@trade"].map(open);
        let readers = clients.map(|mut client| {
            std::thread::spawn(move || {
                drop(std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 8).expect("a close frame"));
                client.send(8, &1000_u16.to_be_bytes());
                assert_eq!(client.next(), None);
            })
        });
        if !exit_at_end {
            server.stop();
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(server.ended()).unwrap();
        let found = Exposition::parse(&server.metrics().to_openmetrics());
        assert_eq!(reasons(&found), [(reason.to_owned(), 2.0)].into());
        let due = found.sum("tapecast_frames_routed_total", &[]);
        let fates = ["delivered", "conflated", "dropped"].map(|fate| format!("tapecast_frames_{fate}_total"));
        assert_eq!(fates.iter().map(|name| found.sum(name, &[])).sum::<f64>(), due);
    }
}
