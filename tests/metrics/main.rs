//! What is counted, and told on `/metrics`: each number moves when what it counts happens, and at that alone.

mod endings;
mod exposition;
mod feed;
mod flow;
mod instrument;
#[path = "../support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use exposition::Exposition;
use support::{Client, PATIENCE, Server, connect, tape, trade};

/// A server whose tape of one trade is soon over, so that nothing moves by itself.
pub fn at_rest(flags: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let path = tape(&folder, "one.jsonl", &[trade(1, 1_700_000_000_000)]);
    let server = Server::start(&[&["--feed", &path, "--ping-interval", "0s"], flags].concat());
    server.wait_for_count("ticks_published", 3);
    (folder, server)
}

/// Asks until what is told is as it should be.
pub fn wait_for(server: &Server, what: &str, is_there: impl Fn(&Exposition) -> bool) -> Exposition {
    let begun = Instant::now();
    loop {
        let found = Exposition::of(server);
        if is_there(&found) {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} does not come: {found:#?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn the_text_is_what_openmetrics_asks_for_and_every_name_has_its_sentence() {
    let server = Server::start(&["--writers", "2"]);
    let (status, head, body) = server.get("/metrics");
    let head = head.to_ascii_lowercase();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    let found = Exposition::parse(&body);
    assert!(found.families.len() > 40, "{}", found.families.len());
    assert!(found.families.keys().all(|name| name.starts_with("tapecast_")));
    assert_eq!(found.sum("tapecast_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    for core in ["0", "1"] {
        found.sum("tapecast_ticks_read_total", &[("core", core)]);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let started = found.sum("tapecast_process_start_time_seconds", &[]);
    assert!((now - 600.0..=now).contains(&started), "{started}, now {now}");
    let (resident, seen) = (found.sum("tapecast_process_resident_memory_bytes", &[]), server.resident_bytes() as f64);
    assert!((seen / 2.0..seen * 2.0).contains(&resident), "{resident}, from outside {seen}");
}

#[test]
fn heads_are_answered_and_other_methods_are_not() {
    let (_folder, server) = at_rest(&[]);
    for (method, status, has_body) in [("HEAD", 200, false), ("POST", 405, true), ("GET", 200, true)] {
        let mut stream = connect(server.address);
        write!(stream, "{method} /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method}: {head}");
        assert_eq!(!body.is_empty(), has_body, "{method}: {body}");
        assert_eq!(head.to_ascii_lowercase().contains("allow: get, head"), status == 405, "{head}");
    }
    assert!(server.get("/nothing").2.contains("/metrics"), "what is not there leads to what is");
}

#[test]
fn the_status_says_the_same() {
    let (_folder, server) = at_rest(&["--writers", "2"]);
    let clients: Vec<Client> = (0..6).map(|_| Client::open(&server, "/ws/btcusdt@trade")).collect();
    server.wait_for_count("sessions_subscribed", 6);
    let found = Exposition::of(&server);
    for (field, name) in [
        ("messages_read", "messages_read_total"),
        ("ticks_published", "ticks_published_total"),
        ("ring_capacity", "ring_capacity_ticks"),
        ("ticks_read", "ticks_read_total"),
        ("frames_routed", "frames_routed_total"),
        ("bytes_written", "written_bytes_total"),
        ("sessions", "sessions"),
        ("sessions_subscribed", "sessions_subscribed_total"),
        ("cohorts", "cohorts"),
    ] {
        assert_eq!(found.sum(&format!("tapecast_{name}"), &[]), server.count(field) as f64, "{field}");
    }
    assert_eq!(found.by("tapecast_sessions_opened_total", "protocol"), [("binance".to_owned(), 6.0)].into());
    assert_eq!(server.count("opened_binance"), 6);
    drop(clients);
}

#[test]
fn requests_connections_and_files_are_counted() {
    let (_folder, server) = at_rest(&["--writers", "1", "--connections-max", "3"]);
    let before = Exposition::of(&server);
    for path in ["/status", "/api/v3/ping", "/v1/market/all", "/nothing", "/socket.io/?EIO=3&transport=polling"] {
        server.get(path);
    }
    let after = Exposition::of(&server);
    let grown = |name: &str| after.sum(name, &[]) - before.sum(name, &[]);
    // The five, and the one that asked.
    assert_eq!(grown("tapecast_http_requests_total"), 6.0);
    assert_eq!(grown("tapecast_connections_total"), 6.0);
    let clients: Vec<Client> = (0..3).map(|_| Client::open(&server, "/ws")).collect();
    let mut refused = connect(server.address);
    assert_eq!(refused.read(&mut [0]).unwrap_or(0), 0, "there is no room");
    drop(clients);
    let begun = Instant::now();
    let last = loop {
        // As long as there is no room for who asks, there is none.
        let mut stream = connect(server.address);
        let mut answer = String::new();
        let asked = write!(stream, "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        if asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok_and(|length| length > 0) {
            break Exposition::parse(answer.split_once("\r\n\r\n").unwrap().1);
        }
        assert!(begun.elapsed() < PATIENCE, "the three do not go");
    };
    assert!(last.sum("tapecast_connections_refused_total", &[]) >= 1.0);
}

#[test]
fn open_files_are_counted_where_the_system_tells() {
    let (_folder, server) = at_rest(&[]);
    let count = || Some(Exposition::of(&server)).filter(|found| found.has("tapecast_process_open_fds"));
    let count = || count().map(|found| found.sum("tapecast_process_open_fds", &[]));
    let Some(before) = count() else { return println!("skipped: this system does not tell") };
    let clients: Vec<Client> = (0..50).map(|_| Client::open(&server, "/ws")).collect();
    let after = count().unwrap();
    assert!((before + 45.0..before + 60.0).contains(&after), "{before}, with 50 clients {after}");
    drop(clients);
}

#[test]
fn what_comes_to_the_port_of_tls_is_counted_by_what_it_is() {
    let (_folder, server) = at_rest(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    let before = Exposition::of(&server);
    assert_eq!(before.by("tapecast_tls_handshakes_failed_total", "reason").len(), 0);
    let mut stream = connect(server.tls_address.unwrap());
    write!(stream, "GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream.read_to_string(&mut String::new()).unwrap();
    let mut other = connect(server.tls_address.unwrap());
    other.write_all(&[0, 1, 2, 3]).unwrap();
    let _ = other.read_to_end(&mut Vec::new());
    let found =
        wait_for(&server, "both failures", |found| found.sum("tapecast_tls_handshakes_failed_total", &[]) == 2.0);
    let expected = [("other".to_owned(), 1.0), ("plain_http".to_owned(), 1.0)];
    assert_eq!(found.by("tapecast_tls_handshakes_failed_total", "reason"), expected.into());
    assert_eq!(found.sum("tapecast_tls_handshakes_total", &[]), 0.0);
}
