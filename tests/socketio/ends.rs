//! How sessions end: what may not be sent, and what a client is told that may come back.

use super::*;

#[test]
fn socketio_item_52_events_with_reserved_names_end_the_session() {
    let server = Server::start(&["--writers", "1", "--socketio-conformance"]);
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
