//! Everything that is served, over TLS: what handshakes come to, certificates that change, clients that are slow.

mod files;
mod handshakes;
mod peer;
mod reload;
mod slow;
#[path = "../support/mod.rs"]
mod support;

use peer::{BOTH, Peer, SELF_SIGNED, get, made_by};
use rustls::{HandshakeKind, ProtocolVersion};
use serde_json::Value;
use support::{Server, tape, trade};

#[test]
fn every_frame_of_binance_comes_over_wss() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..3_000).map(|n| trade(n, 1_700_000_000_000 + n / 10)).collect();
    let path = tape(&folder, "trades.jsonl", &lines);
    let flags = ["--feed", &path, "--speed", "max", "--wait-for-clients", "2", "--exit-at-end"];
    let mut server = Server::start(&[&flags[..], &SELF_SIGNED].concat());
    let peer = Peer::of(&server);
    let mut secure = peer.open(&server, "/stream?streams=btcusdt@trade");
    let mut plain = support::Client::open(&server, "/stream?streams=btcusdt@trade");
    for (_, message) in &lines {
        assert_eq!(secure.next_event().text(), message);
        assert_eq!(plain.next_event().text(), message);
    }
    assert_eq!(secure.next_event().close(), (1000, "End of tape"));
    secure.send(8, &[0x03, 0xe8]);
    assert_eq!(secure.next(), None);
    drop(plain);
    assert!(server.wait().success());
}

#[test]
fn requests_and_pings_are_answered_over_wss() {
    let server = Server::start(&SELF_SIGNED);
    let mut client = Peer::of(&server).open(&server, "/ws");
    // Long enough to come in several records, and to be read in several pieces.
    let streams: Vec<String> = (0..1_000).map(|n| format!("\"none{n:0>40}usdt@trade\"")).collect();
    let long = format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, streams.join(","));
    assert_eq!(client.ask(&long), r#"{"result":null,"id":1}"#);
    client.send(9, b"how are you");
    let pong = client.next_event();
    assert_eq!((pong.opcode, pong.text()), (10, "how are you"));
    client.send(8, &[0x03, 0xe8]);
    let close = client.next_event();
    assert_eq!(close.opcode, 8);
}

#[test]
fn upbit_speaks_over_wss() {
    let server = Server::start(&SELF_SIGNED);
    let mut client = Peer::of(&server).open(&server, "/websocket/v1");
    client.say(r#"[{"ticket":"1"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC"]}]"#);
    let mut kinds = std::collections::BTreeSet::new();
    while kinds.len() < 2 {
        let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
        assert_eq!(event["code"], "KRW-BTC");
        kinds.insert(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["orderbook", "trade"]);
}

#[test]
fn rest_and_the_page_come_over_https() {
    let server = Server::start(&SELF_SIGNED);
    let peer = Peer::of(&server);
    for (path, start) in [
        ("/api/v3/ping", "{}"),
        ("/v1/market/all", "[{\"market\":"),
        ("/status", "{\"feed\":"),
        ("/", "<!doctype html>"),
        ("/certificate.pem", "-----BEGIN CERTIFICATE-----"),
    ] {
        let answer = peer.get(&server, path);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        assert!(body.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase()), "{path}: {body}");
    }
    assert_eq!(server.get("/certificate.pem").0, 200);
    assert_eq!(Server::start(&[]).get("/certificate.pem").0, 404, "without TLS there is none");
}

#[test]
fn both_versions_are_spoken_and_sessions_taken_up_again_on_any_core() {
    let server = Server::start(&[&SELF_SIGNED[..], &["--writers", "3"]].concat());
    let certificate = [made_by(&server)];
    for (version, expected) in BOTH.iter().zip([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]) {
        let peer = Peer::new(&certificate, &[version]);
        let before = server.count("tls_resumed");
        for n in 0..12 {
            let stream = peer.connect(&server);
            assert_eq!(stream.conn.protocol_version(), Some(expected));
            let kind = if n == 0 { HandshakeKind::Full } else { HandshakeKind::Resumed };
            assert_eq!(stream.conn.handshake_kind(), Some(kind), "connection {n} with {expected:?}");
            assert!(get(stream, "/api/v3/ping").ends_with("{}"));
        }
        server.wait_for_count("tls_resumed", before + 11);
    }
    assert_eq!(server.count("tls_handshakes"), 24);
}

#[test]
fn a_connection_costs_some_ten_kilobytes() {
    const CLIENTS: u64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "one.jsonl", &[trade(1, 1_700_000_000_000)]);
    let flags = ["--feed", &path, "--attempts-max", "0", "--pong-timeout", "0s"];
    let server = Server::start(&[&flags[..], &SELF_SIGNED].concat());
    let peer = Peer::of(&server);
    // The first client brings what all share.
    let first = peer.open(&server, "/ws/btcusdt@trade");
    let before = server.resident_bytes();
    let clients: Vec<_> = (0..CLIENTS).map(|_| peer.open(&server, "/ws/btcusdt@trade")).collect();
    let each = server.resident_bytes().saturating_sub(before) / CLIENTS;
    println!("resident bytes a client over TLS: {each}");
    assert!(each < 32 << 10, "{each} bytes a client");
    drop((first, clients));
}
