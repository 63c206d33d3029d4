//! HTTP long-polling.

use super::*;

#[test]
fn socketio_item_13_and_17_a_get_is_held_and_packets_are_answered_in_order() {
    let server = Server::start(&["--writers", "2"]);
    let mut client = Poller::open(&server);
    let held = client.begin_get();
    client.say("40/upbit,\u{1e}40/binance,\u{1e}42/binance,0[\"subscriptions\"]");
    client.say("42/binance,1[\"subscriptions\"]\u{1e}42/binance,2[\"subscriptions\"]");
    let reply = held.reply();
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    client.waiting.extend(reply.body.split('\u{1e}').map(str::to_owned));
    let packets: Vec<String> = (0..5).map(|_| client.next()).collect();
    assert!(packets[0].starts_with("40/upbit,") && packets[1].starts_with("40/binance,"), "{packets:?}");
    assert_eq!(packets[2..], [0, 1, 2].map(|id| format!("43/binance,{id}[[]]")));
}

#[test]
fn socketio_item_15_a_second_get_ends_the_session() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::join(&server, "/binance");
    let held = client.begin_get();
    // Which of two connections is served first is nobody's promise.
    let mut second = client.get();
    let mut first = held.reply();
    if first.status == 400 {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!((first.said(), second.said()), ((200, "1"), (400, "")));
    assert!(client.is_gone());
}

#[test]
fn socketio_item_16_a_second_post_ends_the_session() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::join(&server, "/binance");
    let head = format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n4", client.target);
    let begun = Asked::raw(server.address, head.as_bytes());
    // The first one is being read once the server has taken in its head; until then the second would be the first.
    let mut is_refused = false;
    for _ in 0..200 {
        let reply = client.post(b"3");
        if reply.status == 400 {
            is_refused = true;
            break;
        }
        std::thread::yield_now();
    }
    assert!(is_refused && client.is_gone());
    drop(begun);
}

#[test]
fn socketio_item_18_and_19_a_bad_body_ends_the_session_behind_what_came_before() {
    let server = Server::start(&["--writers", "2"]);
    for body in [&b"abc"[..], b"", b"40\x1eabc", b"2", b"42[\"x\"]", b"4\xff", b"40\x1e40"] {
        let client = Poller::open(&server);
        assert_eq!(client.post(body).status, 400, "{body:?}");
        assert!(client.is_gone(), "{body:?}");
    }
    let client = Poller::join(&server, "/binance");
    let kind = "Content-Type: application/octet-stream\r\n";
    assert_eq!(Asked::new(server.address, "POST", &client.target, kind, b"3").reply().status, 400);
    assert!(client.is_gone());
}

#[test]
fn socketio_item_20_a_body_too_large_is_refused_and_the_session_goes_on() {
    let server = Server::start(&["--writers", "2", "--socketio-payload-max", "1000"]);
    let mut client = Poller::join(&server, "/binance");
    assert_eq!(client.post(&[b'4'; 1_001]).said(), (413, ""));
    client.say("42/binance,5[\"subscriptions\"]");
    assert_eq!(client.next(), "43/binance,5[[]]");
}

#[test]
fn socketio_item_21_a_client_that_leaves_has_its_get_answered_with_nothing() {
    let server = Server::start(&["--writers", "1"]);
    let client = Poller::join(&server, "/binance");
    let held = client.begin_get();
    // On one core requests are served in the order in which they came.
    client.say("1");
    assert_eq!(held.reply().said(), (200, "6"));
    assert!(client.is_gone());
}

/// A server whose sessions end with their requests or not at all.
fn patient() -> Server {
    Server::start(&["--writers", "2", "--socketio-message-rate", "0", "--socketio-ping-interval", "1h"])
}

/// Waits until a session is gone.
fn expect_gone(client: &Poller, what: &str) {
    // A GET meanwhile would be a second one, or the only one; a POST of a noop changes nothing.
    let begun = std::time::Instant::now();
    while client.post(b"6").status == 200 {
        assert!(begun.elapsed() < PATIENCE, "the session outlives its {what}");
        std::thread::yield_now();
    }
    assert!(client.is_gone());
}

#[test]
fn socketio_item_22_a_client_that_drops_its_get_is_gone() {
    let server = patient();
    // Some come to the session's core, some to the other; the end comes with the request, or while it is held.
    for round in 0..20 {
        let client = Poller::join(&server, "/binance");
        let held = client.begin_get();
        if round % 2 == 0 {
            // The core that has answered this has not necessarily taken the GET in, but mostly.
            client.say("6");
        }
        drop(held);
        expect_gone(&client, "GET");
    }
}

#[test]
fn a_client_that_drops_its_post_is_gone() {
    let server = patient();
    for _ in 0..10 {
        let client = Poller::join(&server, "/binance");
        let head = format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n4", client.target);
        drop(Asked::raw(server.address, head.as_bytes()));
        expect_gone(&client, "POST");
    }
}

#[test]
fn socketio_item_23_and_24_attachments_come_in_base64_and_in_requests_of_their_own() {
    let server = conformance::calm();
    let mut client = Poller::join(&server, "/");
    assert_eq!(client.next(), r#"42["auth",{}]"#);
    client.say(r#"452-["message",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#);
    client.say("bAQIDBA==\n");
    client.say("b-_8");
    let expected = r#"452-["message-back",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#;
    let packets: Vec<String> = (0..3).map(|_| client.next()).collect();
    assert_eq!(packets, [expected, "bAQIDBA==", "b+/8="]);
}

#[test]
fn socketio_item_25_bodies_come_late_in_chunks_and_when_they_are_asked_for() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::open(&server);
    let mut late = Asked::raw(
        server.address,
        format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n", client.target).as_bytes(),
    );
    late.0.get_mut().write_all(b"4").unwrap();
    late.0.get_mut().write_all(b"0").unwrap();
    assert_eq!(late.reply().said(), (200, "ok"));
    let chunked = format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n40/up\r\n4\r\nbit,\r\n0\r\n\r\n",
        client.target
    );
    assert_eq!(Asked::raw(server.address, chunked.as_bytes()).reply().said(), (200, "ok"));
    let mut expects = Asked::raw(
        server.address,
        format!("POST {} HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", client.target)
            .as_bytes(),
    );
    let mut line = String::new();
    expects.0.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    expects.0.read_line(&mut line).unwrap();
    expects.0.get_mut().write_all(b"3").unwrap();
    assert_eq!(expects.reply().said(), (200, "ok"));
}

#[test]
fn socketio_item_26_every_request_of_its_own_connection_finds_the_session_on_any_core() {
    let folder = tempfile::tempdir().unwrap();
    let server = trades(&folder, 20_000, 1, &["--writers", "4"]);
    let mut client = Poller::join(&server, "/binance");
    client.say(r#"42/binance,0["subscribe","btcusdt@trade"]"#);
    assert_eq!(client.next(), r#"43/binance,0[{"ok":true}]"#);
    for number in 1..=20_000 {
        assert_eq!(trade_id(&client.next()), number);
    }
}

#[test]
fn socketio_item_69_sessions_that_are_opened_and_left_alone_do_not_stay() {
    let flags = ["--writers", "2", "--socketio-connect-timeout", "300ms", "--socketio-ping-interval", "200ms"];
    let server = Server::start(&[&flags[..], &["--socketio-ping-timeout", "200ms"]].concat());
    let clients: Vec<Poller> = (0..300).map(|_| Poller::open(&server)).collect();
    let begun = std::time::Instant::now();
    let status = |server: &Server| serde_json::from_str::<Value>(&server.get("/status").2).unwrap();
    let sessions = |status: &Value| -> u64 {
        status["metrics"]["cores"].as_array().unwrap().iter().filter_map(|core| core["sessions"].as_u64()).sum()
    };
    while sessions(&status(&server)) > 0 || begun.elapsed().as_millis() < 500 {
        assert!(begun.elapsed() < PATIENCE, "sessions stay");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(clients.iter().all(Poller::is_gone));
}
