//! Pings and their deadlines. Their timing is the subject, so bounds below are exact and bounds above generous.

use std::time::{Duration, Instant};

use super::*;

fn server(interval: &str, timeout: &str) -> Server {
    let times = ["--socketio-ping-interval", interval, "--socketio-ping-timeout", timeout];
    Server::start(&[&["--writers", "2"], &times[..]].concat())
}

#[test]
fn socketio_item_34_and_35_pings_come_an_interval_after_the_handshake_and_after_each_pong() {
    let server = server("300ms", "20s");
    let begun = Instant::now();
    let mut client = Client::open(&server, WEBSOCKET);
    text(&mut client);
    let mut since = begun;
    for _ in 0..3 {
        assert_eq!(text(&mut client), "2");
        assert!(since.elapsed() >= Duration::from_millis(300), "{:?}", since.elapsed());
        since = Instant::now();
        client.say("3");
    }
    let mut poller = Poller::open(&server);
    for _ in 0..2 {
        assert_eq!(poller.next(), "2");
        poller.say("3");
    }
}

#[test]
fn socketio_item_36_without_a_pong_the_session_ends_exact_to_the_request_that_comes_then() {
    let server = server("300ms", "200ms");
    for _ in 0..5 {
        let poller = Poller::open(&server);
        std::thread::sleep(Duration::from_millis(500));
        assert!(poller.is_gone());
    }
    let begun = Instant::now();
    let mut client = join(&server, "/binance");
    assert_eq!(text(&mut client), "2");
    assert!(ends(&mut client));
    assert!((Duration::from_millis(500)..Duration::from_secs(20)).contains(&begun.elapsed()));
}

#[test]
fn socketio_item_38_a_ping_passes_what_a_client_has_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let times = ["--socketio-ping-interval", "500ms", "--socketio-ping-timeout", "100s", "--stall-limit", "100s"];
    let server = trades(&folder, 30_000, 1, &[&["--writers", "1"], &times[..]].concat());
    let mut client = Poller::join(&server, "/binance");
    client.say(r#"42/binance,0["subscribe","btcusdt@trade"]"#);
    // Until the first GET everything waits; the ping comes later than most of it, and goes first.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(client.next(), "2");
    assert_eq!(client.next(), r#"43/binance,0[{"ok":true}]"#);
    for number in 1..=30_000 {
        let packet = client.next();
        assert_eq!(if packet == "2" { number } else { trade_id(&packet) }, number);
        if packet == "2" {
            assert_eq!(trade_id(&client.next()), number);
        }
    }
}
