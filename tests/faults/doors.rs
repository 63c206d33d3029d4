//! Who is not let in, and who is told that he asks too often.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use crate::support::{Client, PATIENCE, connect};
use crate::{Faulty, client};

/// A script whose fault strikes while the first client listens.
fn begun(script: &str) -> (Faulty, Client) {
    let faulty = Faulty::start(&format!("[[fault]]\nat = \"100ms\"\n{script}"));
    let mut client = faulty.open();
    for _ in 0..15 {
        client.next().expect("the connection lasts");
    }
    (faulty, client)
}

#[test]
fn connections_are_reset_for_a_time_and_those_that_are_there_stay() {
    let (faulty, mut there) = begun("what = \"refuse\"\nfor = \"1s\"");
    let begun = Instant::now();
    let mut refused = 0;
    loop {
        let mut stream = connect(faulty.server.address);
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        match stream.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => refused += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            other => panic!("{other:?}"),
        }
        there.next().expect("who is there stays");
        assert!(begun.elapsed() < PATIENCE, "it ends");
    }
    assert!(refused > 3 && begun.elapsed() >= Duration::from_millis(600), "{refused} in {:?}", begun.elapsed());
    faulty.open().next().unwrap();
    let told = faulty.told();
    assert_eq!((client(&told)["refused"].as_u64(), client(&told)["noticed"].as_bool()), (Some(refused), Some(true)));
    assert_eq!(faulty.counted("refuse"), 1);
}

#[test]
fn requests_and_handshakes_are_one_too_many_for_a_time() {
    let (faulty, _there) = begun("what = \"rate-limit\"\nfor = \"2s\"");
    let (status, head, body) = faulty.server.get("/api/v3/ping");
    assert_eq!(status, 429, "{body}");
    assert!(body.contains("-1003"), "{body}");
    let wait: u64 = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("retry-after: ").map(str::to_owned))
        .and_then(|seconds| seconds.parse().ok())
        .expect("it says how long to wait");
    assert!((1..=2).contains(&wait), "{wait}");
    let (status, _, body) = faulty.server.get("/v1/ticker?markets=KRW-BTC");
    assert_eq!((status, body.contains("Too many API requests")), (429, true), "{body}");
    for path in ["/ws/btcusdt@trade", "/websocket/v1"] {
        let head = Client::try_open(faulty.server.address, path).err().expect("no upgrade");
        assert!(head.starts_with("HTTP/1.1 429 ") && head.to_ascii_lowercase().contains("retry-after"), "{head}");
    }
    assert_eq!(faulty.server.get("/status").0, 200, "what is no exchange's is answered");
    let (begun, mut refused) = (Instant::now(), 4);
    while faulty.server.get("/api/v3/ping").0 == 429 {
        refused += 1;
        assert!(begun.elapsed() < PATIENCE, "it ends");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(wait + 1),
        "whoever waits as long as he is told to has waited enough"
    );
    let told = faulty.told();
    assert_eq!((client(&told)["refused"].as_u64(), client(&told)["noticed"].as_bool()), (Some(refused), Some(true)));
}

#[test]
fn one_venue_may_be_meant_and_a_ban_be_told() {
    let (faulty, _there) = begun("what = \"rate-limit\"\nfor = \"1h\"\nban = true\nwhom = \"binance\"");
    let (status, _, body) = faulty.server.get("/api/v3/ping");
    assert!(status == 418 && body.contains("banned until"), "{status} {body}");
    assert_ne!(faulty.server.get("/v1/ticker?markets=KRW-BTC").0, 429);
}

#[test]
fn requests_on_a_connection_that_is_there_are_one_too_many_as_well() {
    let faulty = Faulty::start_with(
        "[[fault]]\nat = \"100ms\"\nwhat = \"rate-limit\"\nfor = \"1h\"",
        &["--wait-for-clients", "1"],
    );
    let mut api = Client::open(&faulty.server, "/ws-api/v3");
    let mut client = faulty.open();
    for _ in 0..15 {
        client.next().expect("the connection lasts");
    }
    api.say(r#"{"id":1,"method":"ping"}"#);
    let answer: serde_json::Value = serde_json::from_str(api.next_event().text()).unwrap();
    assert_eq!((answer["status"].as_u64(), answer["error"]["code"].as_i64()), (Some(429), Some(-1003)), "{answer}");
}
