//! What the official suites are run against.

use super::*;

#[test]
fn socketio_item_46_the_handshakes_auth_reaches_the_application() {
    let server = Server::start(&["--writers", "2", "--socketio-conformance"]);
    let mut client = Client::open(&server, WEBSOCKET);
    text(&mut client);
    client.say(r#"40/custom,{"token":"123"}"#);
    assert!(text(&mut client).starts_with(r#"40/custom,{"sid":"#));
    assert_eq!(text(&mut client), r#"42/custom,["auth",{"token":"123"}]"#);
}

#[test]
fn the_engine_echoes_text_as_text_and_bytes_as_bytes() {
    let server = Server::start(&["--writers", "2", "--socketio-conformance"]);
    let mut poller = Poller::open_at(&server, "/engine.io/");
    poller.say("4hello\u{1e}bAQID\u{1e}4w\u{f6}rld");
    assert_eq!([poller.next(), poller.next(), poller.next()], ["4hello", "bAQID", "4w\u{f6}rld"]);
    let mut client = Client::open(&server, "/engine.io/?EIO=4&transport=websocket");
    text(&mut client);
    client.say("4hello");
    client.send(2, &[1, 2]);
    assert_eq!(text(&mut client), "4hello");
    assert_eq!(client.next().unwrap().payload, [1, 2]);
}
