//! How a connection is kept alive, and how it ends when nobody does.

use std::time::{Duration, Instant};

use crate::support::{Client, Server};
use crate::{SOCKET, json};

#[test]
fn upbit_item_49_a_ping_is_answered_with_the_same_bytes() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, SOCKET);
    for payload in [&b""[..], b"x", &[0xff; 125]] {
        client.send(9, payload);
        let pong = client.next().expect("a pong");
        assert_eq!((pong.opcode, pong.payload.as_slice()), (10, payload));
    }
}

/// When `UP` came after `PING`, in seconds, for so many times.
fn ups(client: &mut Client, count: usize) -> Vec<f64> {
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < count {
        let frame = client.next().expect("the connection lasts");
        if frame.payload == br#"{"status":"UP"}"# {
            assert_eq!(frame.opcode, 2);
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    times
}

#[test]
fn upbit_item_50_up_comes_every_ten_seconds_after_ping() {
    up_comes_every_ten_seconds(2);
}

#[test]
#[ignore = "takes a minute"]
fn upbit_item_50_up_goes_on_coming() {
    up_comes_every_ten_seconds(7);
}

/// On a connection without subscriptions and on one with some, `PING` said once and twice.
fn up_comes_every_ten_seconds(count: usize) {
    let server = Server::start(&[]);
    let simple = r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"]},{"format":"SIMPLE"}]"#;
    std::thread::scope(|scope| {
        for (first, pings) in [(None, 1), (None, 2), (Some(simple), 1), (Some(simple), 2)] {
            let server = &server;
            scope.spawn(move || {
                let mut client = Client::open(server, SOCKET);
                if let Some(request) = first {
                    client.say(request);
                }
                (0..pings).for_each(|_| client.say("PING"));
                let times = ups(&mut client, count);
                assert!(times[0] <= 10.0, "{times:?}");
                for pair in times.windows(2) {
                    assert!((9.5..=10.5).contains(&(pair[1] - pair[0])), "{times:?}");
                }
            });
        }
    });
}

/// Pings every `every` for `long` and sees the connection last; with nothing subscribed to.
fn stays_open_with_pings(server: &Server, every: Duration, long: Duration) {
    let mut client = Client::open(server, SOCKET);
    let begun = Instant::now();
    while begun.elapsed() < long {
        client.send(9, b"still here");
        let pong = client.next().expect("the connection lasts");
        assert_eq!((pong.opcode, pong.payload.as_slice()), (10, b"still here".as_slice()));
        // The time that passes is what is tested.
        std::thread::sleep(every);
    }
    client.send(9, b"end");
    assert_eq!(client.next().expect("the connection has lasted").opcode, 10);
}

#[test]
fn upbit_item_49_52_pings_are_answered_and_keep_a_connection() {
    let server = Server::start(&["--idle-timeout", "2s"]);
    stays_open_with_pings(&server, Duration::from_secs(1), Duration::from_secs(6));
}

#[test]
#[ignore = "takes five minutes"]
fn upbit_item_52_a_ping_a_minute_keeps_a_connection_for_five_minutes() {
    stays_open_with_pings(&Server::start(&[]), Duration::from_secs(60), Duration::from_secs(300));
}

#[test]
fn upbit_item_51_53_a_silent_connection_ends_without_a_close_frame_and_without_pings() {
    // What pings other clients does not ping these.
    let server = Server::start(&["--idle-timeout", "2s", "--ping-interval", "100ms"]);
    let begun = Instant::now();
    assert_eq!(Client::open(&server, SOCKET).next(), None);
    assert!((1.9..5.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}

#[test]
fn upbit_item_51_what_was_sent_only_once_does_not_keep_a_connection() {
    let server = Server::start(&["--idle-timeout", "2s"]);
    let mut client = Client::open(&server, SOCKET);
    client.say(r#"[{"ticket":"a"},{"type":"orderbook","codes":["KRW-BTC"],"is_only_snapshot":true}]"#);
    assert_eq!(json(client.next().expect("a snapshot").text())["stream_type"], "SNAPSHOT");
    let begun = Instant::now();
    assert_eq!(client.next(), None);
    assert!((1.4..5.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}

#[test]
fn upbit_item_51_53_events_alone_keep_a_connection() {
    let server = Server::start(&["--idle-timeout", "1s", "--ping-interval", "100ms"]);
    let mut client = Client::open(&server, SOCKET);
    client.say(r#"[{"ticket":"a"},{"type":"orderbook","codes":["KRW-BTC"]}]"#);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        assert_eq!(client.next().expect("the connection lasts").opcode, 2, "an event and no ping");
    }
}

#[test]
#[ignore = "takes two minutes"]
fn upbit_item_51_53_the_idle_limit_is_two_minutes() {
    let server = Server::start(&[]);
    let begun = Instant::now();
    assert_eq!(Client::open(&server, SOCKET).next(), None, "no close frame and no ping");
    assert!((118.0..122.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}
