//! How sessions end: what may not be sent, and what a client is told that may come back.

use super::*;

#[test]
fn socketio_item_52_events_with_reserved_names_end_the_session() {
    let server = conformance::calm_on("1");
    let names = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
    for name in names {
        for packet in [format!(r#"42["{name}"]"#), format!(r#"427["{name}",1]"#)] {
            let mut client = join(&server, "/");
            client.say(&packet);
            assert!(ends(&mut client), "{packet}");
            let poller = Poller::join(&server, "/");
            assert_eq!(poller.post(packet.as_bytes()).status, 400, "{packet}");
            assert!(poller.is_gone());
        }
        let mut client = join(&server, "/");
        client.say(&format!(r#"451-["{name}",{{"_placeholder":true,"num":0}}]"#));
        assert!(ends(&mut client), "{name} with an attachment");
    }
    // Others are names like any other, be they words of the protocol in other versions.
    let mut client = join(&server, "/");
    assert_eq!(text(&mut client), r#"42["auth",{}]"#);
    for (id, name) in ["error", "ping", "reconnect", "Connect", "message-with-ack"].into_iter().enumerate() {
        client.say(&format!(r#"42{id}["{name}"]"#));
    }
    assert_eq!(text(&mut client), "434[]");
}

#[test]
fn socketio_item_62_no_end_of_the_servers_making_is_a_41() {
    let flags = ["--writers", "1", "--socketio-ping-interval", "1s", "--socketio-ping-timeout", "500ms"];
    let mut server = Server::start(&[&flags[..], &["--socketio-message-burst", "10"]].concat());
    // All that comes until the connection ends, pings left out, and the code it ends with.
    let rest = |client: &mut Client| {
        let mut texts = Vec::new();
        loop {
            let frame = client.next().expect("a close frame");
            match frame.opcode {
                8 => return (texts, frame.close().0),
                _ if frame.text() == "2" => {}
                _ => texts.push(frame.text().to_owned()),
            }
        }
    };
    let mut wrong = join(&server, "/binance");
    wrong.say("42/upbit,[\"subscriptions\"]");
    assert_eq!(rest(&mut wrong), (vec![], 1008));
    let mut loud = join(&server, "/binance");
    (0..20).for_each(|_| loud.say("6"));
    assert_eq!(rest(&mut loud), (vec![], 1008));
    let mut mute = join(&server, "/binance");
    assert_eq!(rest(&mut mute), (vec![], 1008));
    let mut loyal = join(&server, "/binance");
    server.signal("INT");
    assert_eq!(rest(&mut loyal), (vec![], 1001));
    loyal.send(8, &[0x03, 0xe9]);
    assert!(server.wait().success());
}

#[test]
fn socketio_item_66_a_client_with_a_parser_that_is_not_known_is_told_so_and_not_left_waiting() {
    let server = Server::start(&["--writers", "2"]);
    // No MessagePack, half a packet, and what is none though it is MessagePack.
    for (bytes, base64) in
        [(&b"\xc1"[..], "bwQ=="), (b"\x83\xa4type\x00", "bg6R0eXBlAA=="), (b"\x93\x01\x02\x03", "bkwECAw==")]
    {
        let mut client = Client::open(&server, WEBSOCKET);
        assert!(text(&mut client).starts_with("0{"));
        client.send(2, bytes);
        let close = client.next().unwrap();
        assert_eq!(close.close(), (1003, "Only the default and the msgpack parser are served"));
        let poller = Poller::open(&server);
        let held = poller.begin_get();
        assert_eq!(poller.post(base64.as_bytes()).said(), (400, ""));
        // Either it was held by then, and is told of the end, or it came later.
        let reply = held.reply();
        assert!(
            matches!(reply.said(), (200, "1") | (400, r#"{"code":1,"message":"Session ID unknown"}"#)),
            "{reply:?}"
        );
        assert!(poller.is_gone());
    }
    // Others may send bytes where they belong.
    let mut other = join(&server, "/binance");
    other.say(r#"451-/binance,1["subscriptions",{"_placeholder":true,"num":0}]"#);
    other.send(2, b"x");
    assert_eq!(text(&mut other), "43/binance,1[[]]");
}
