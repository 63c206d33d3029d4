//! How many packets a client may send.

use super::*;

const FLAGS: [&str; 6] = ["--writers", "1", "--socketio-message-rate", "1", "--socketio-message-burst", "20"];

#[test]
fn a_client_on_a_websocket_that_sends_too_much_is_closed_with_the_reason() {
    let server = Server::start(&FLAGS);
    let mut other = join(&server, "/binance");
    let mut client = join(&server, "/binance");
    // Joining was the first.
    (0..19).for_each(|id| client.say(&format!(r#"42/binance,{id}["subscriptions"]"#)));
    (0..19).for_each(|id| assert_eq!(text(&mut client), format!("43/binance,{id}[[]]")));
    assert_eq!(server.count("rate_limited"), 0);
    (0..60).for_each(|_| client.say("6"));
    assert_eq!(client.next().expect("a close frame").close(), (1008, "Too many requests"));
    assert_eq!(server.count("rate_limited"), 1);
    other.say(r#"42/binance,0["subscriptions"]"#);
    assert_eq!(text(&mut other), "43/binance,0[[]]");
}

#[test]
fn a_client_that_polls_and_sends_too_much_is_gone_whether_in_one_body_or_in_many() {
    let server = Server::start(&FLAGS);
    let client = Poller::join(&server, "/binance");
    assert_eq!(client.post(["6"; 60].join("\u{1e}").as_bytes()).status, 400);
    assert!(client.is_gone());
    let client = Poller::join(&server, "/binance");
    let refused = (0..60).map(|_| client.post(b"6").status).find(|status| *status != 200);
    assert_eq!(refused, Some(400));
    assert!(client.is_gone());
    assert_eq!(server.count("rate_limited"), 2);
}

#[test]
fn answers_to_pings_are_not_counted() {
    let flags = ["--socketio-ping-interval", "20ms", "--socketio-message-burst", "5", "--socketio-message-rate", "1"];
    let server = Server::start(&[&["--writers", "1"], &flags[..]].concat());
    let mut client = join(&server, "/binance");
    for _ in 0..12 {
        assert_eq!(text(&mut client), "2");
        client.say("3");
    }
    client.say(r#"42/binance,0["subscriptions"]"#);
    while text(&mut client) != "43/binance,0[[]]" {}
}
