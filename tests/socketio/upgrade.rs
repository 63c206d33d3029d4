//! From polling to a WebSocket.

use super::*;

#[test]
fn socketio_item_39_a_probe_is_answered_and_so_is_the_get_that_is_held() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::join(&server, "/binance");
    let held = client.begin_get();
    let mut socket = client.websocket();
    socket.say("2probe");
    assert_eq!(text(&mut socket), "3probe");
    assert_eq!(held.reply().said(), (200, "6"));
    socket.say("5");
    socket.say("42/binance,0[\"subscriptions\"]");
    assert_eq!(text(&mut socket), "43/binance,0[[]]");
}

#[test]
fn socketio_item_40_nothing_is_lost_or_doubled_or_out_of_order_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = trades(&folder, 60_000, 1, &["--writers", "3"]);
    let mut client = Poller::join(&server, "/binance");
    client.say(r#"42/binance,0["subscribe","btcusdt@trade"]"#);
    assert_eq!(client.next(), r#"43/binance,0[{"ok":true}]"#);
    let mut number = 0;
    let mut expect = |packet: &str| {
        number += 1;
        assert_eq!(trade_id(packet), number);
        number
    };
    while expect(&client.next()) < 10_000 {}
    let mut socket = client.websocket();
    socket.say("2probe");
    assert_eq!(text(&mut socket), "3probe");
    // Polls go on until the client has made up its mind.
    for _ in 0..3 {
        let reply = client.get();
        client.waiting.extend(reply.body.split('\u{1e}').map(str::to_owned));
    }
    while let Some(packet) = client.waiting.pop_front() {
        if packet != "6" {
            expect(&packet);
        }
    }
    socket.say("5");
    while expect(&text(&mut socket)) < 60_000 {}
}

#[test]
fn socketio_item_41_probe_and_upgrade_back_to_back_and_gets_behind_them() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::join(&server, "/binance");
    let mut socket = client.websocket();
    socket.say("2probe");
    socket.say("5");
    assert_eq!(text(&mut socket), "3probe");
    socket.say("42/binance,0[\"subscriptions\"]");
    assert_eq!(text(&mut socket), "43/binance,0[[]]");
    assert_eq!(client.get().said(), (400, r#"{"code":3,"message":"Bad request"}"#));
    socket.say("1");
    assert!(ends(&mut socket));
    drop(socket);
    let begun = std::time::Instant::now();
    while !client.is_gone() {
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn socketio_item_41_a_get_that_was_quicker_than_the_upgrade_is_refused_like_one_behind_it() {
    let server = Server::start(&["--writers", "1"]);
    let client = Poller::join(&server, "/binance");
    let mut socket = client.websocket();
    let held = client.begin_get();
    socket.say("5");
    assert_eq!(held.reply().said(), (400, r#"{"code":3,"message":"Bad request"}"#));
    socket.say("42/binance,0[\"subscriptions\"]");
    assert_eq!(text(&mut socket), "43/binance,0[[]]");
}

#[test]
fn socketio_item_42_a_second_websocket_is_closed_and_the_first_not_disturbed() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::join(&server, "/binance");
    let mut first = client.websocket();
    first.say("2probe");
    assert_eq!(text(&mut first), "3probe");
    assert!(ends(&mut client.websocket()));
    first.say("5");
    first.say("42/binance,0[\"subscriptions\"]");
    assert_eq!(text(&mut first), "43/binance,0[[]]");
    assert!(ends(&mut client.websocket()));
    first.say("42/binance,1[\"subscriptions\"]");
    assert_eq!(text(&mut first), "43/binance,1[[]]");
}

#[test]
fn socketio_item_43_a_probe_that_fails_leaves_the_session_as_it_was() {
    let server = Server::start(&["--writers", "2", "--socketio-upgrade-timeout", "2s"]);
    let mut client = Poller::join(&server, "/binance");
    let mut nonsense = client.websocket();
    nonsense.say("4hello");
    assert!(ends(&mut nonsense));
    let mut slow = client.websocket();
    slow.say("2probe");
    assert_eq!(text(&mut slow), "3probe");
    assert!(ends(&mut slow), "upgradeTimeout is over");
    drop((nonsense, slow));
    client.say("42/binance,0[\"subscriptions\"]");
    loop {
        match &*client.next() {
            "6" => {}
            other => break assert_eq!(other, "43/binance,0[[]]"),
        }
    }
    let mut socket = client.websocket();
    socket.say("2probe");
    assert_eq!(text(&mut socket), "3probe");
    socket.say("5");
    socket.say("42/binance,1[\"subscriptions\"]");
    assert_eq!(text(&mut socket), "43/binance,1[[]]");
}

#[test]
fn socketio_item_44_an_open_probe_is_no_storm_of_requests() {
    let server = Server::start(&["--writers", "2"]);
    let client = Poller::join(&server, "/binance");
    let mut socket = client.websocket();
    socket.say("2probe");
    assert_eq!(text(&mut socket), "3probe");
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(client.get().said(), (200, "6"));
    }
    assert!(begun.elapsed().as_millis() >= 390, "{:?}", begun.elapsed());
}

#[test]
fn socketio_item_24_attachments_may_come_over_the_other_transport() {
    let server = conformance::calm();
    let mut client = Poller::join(&server, "/");
    assert_eq!(client.next(), r#"42["auth",{}]"#);
    client.say(r#"451-["message",{"_placeholder":true,"num":0}]"#);
    let mut socket = client.websocket();
    socket.say("2probe");
    socket.say("5");
    socket.send(2, b"x");
    assert_eq!(text(&mut socket), "3probe");
    assert_eq!(text(&mut socket), r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    assert_eq!(socket.next().unwrap().payload, b"x");
}
