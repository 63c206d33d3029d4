//! WebSocket from the start.

use super::*;

fn socketio(flags: &[&str]) -> Server {
    Server::start(&[&["--writers", "1"], flags].concat())
}

#[test]
fn socketio_item_02_the_first_frame_opens_the_session_without_upgrades() {
    let server = socketio(&[]);
    let mut client = Client::open(&server, WEBSOCKET);
    let open: Value = serde_json::from_str(text(&mut client).strip_prefix('0').unwrap()).unwrap();
    assert_eq!(open["upgrades"], serde_json::json!([]));
    assert_eq!(open.as_object().unwrap().len(), 5);
}

#[test]
fn socketio_item_28_messages_are_packets_in_one_part_or_several() {
    let server = conformance::calm();
    let mut client = join(&server, "/");
    assert_eq!(text(&mut client), r#"42["auth",{}]"#);
    client.send_fragment(1, br#"451-["message",{"_plac"#);
    client.send_fragment(0, br#"eholder":true,"#);
    client.send(0, br#""num":0}]"#);
    client.send(2, &[0, 255]);
    assert_eq!(text(&mut client), r#"451-["message-back",{"_placeholder":true,"num":0}]"#);
    let frame = client.next().unwrap();
    assert_eq!((frame.opcode, frame.payload), (2, vec![0, 255]));
    client.say(r#"451-["message",{"_placeholder":true,"num":0}]"#);
    client.say("bAP8=");
    text(&mut client);
    assert_eq!(client.next().unwrap().payload, [0, 255], "base 64 is read here, too");
}

#[test]
fn socketio_item_29_a_message_too_large_closes_with_1009() {
    let server = socketio(&["--socketio-payload-max", "1000"]);
    let mut client = join(&server, "/binance");
    client.send(1, &[b'4'; 1_001]);
    assert_eq!(client.next().unwrap().close().0, 1009);
}

#[test]
fn socketio_item_30_an_offer_to_compress_is_declined() {
    let server = socketio(&[]);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut client = Client::try_open_with(server.address, WEBSOCKET, offer).unwrap();
    assert!(!client.head.to_ascii_lowercase().contains("sec-websocket-extensions"), "{}", client.head);
    assert!(text(&mut client).starts_with("0{"));
}

#[test]
fn socketio_item_31_what_comes_behind_the_clients_close_is_ignored() {
    let server = socketio(&[]);
    let mut client = join(&server, "/binance");
    client.send(8, &[0x03, 0xe8]);
    client.say("41/binance,");
    client.say("1");
    assert_eq!(client.next().unwrap().close().0, 1000);
    assert!(client.next().is_none());
}

#[test]
fn socketio_item_32_33_and_37_packets_that_end_the_session() {
    let server = socketio(&[]);
    for packet in ["1", "", "abc", "2", "40/binance,", "42/upbit,[\"subscriptions\"]", "42/binance,[\"connect\"]"] {
        let mut client = join(&server, "/binance");
        client.say(packet);
        assert!(ends(&mut client), "{packet:?}");
    }
}

#[test]
fn socketio_item_45_and_47_namespaces_are_joined_or_refused() {
    let server = socketio(&[]);
    let mut client = Client::open(&server, WEBSOCKET);
    text(&mut client);
    for (said, head) in
        [("40", "40{\"sid\":\""), ("40/binance", "40/binance,{\"sid\":\""), ("40/upbit,{}", "40/upbit,{")]
    {
        client.say(said);
        let packet = text(&mut client);
        let reply: Value = serde_json::from_str(&packet[packet.find('{').unwrap()..]).unwrap();
        assert!(packet.starts_with(head) && reply.as_object().unwrap().len() == 1, "{packet}");
    }
    client.say("40/random,");
    assert_eq!(text(&mut client), r#"44/random,{"message":"Invalid namespace"}"#);
    client.say("42/upbit,0[\"subscriptions\"]");
    assert_eq!(text(&mut client), "43/upbit,0[[]]");
    let mut swift = Client::open(&server, WEBSOCKET);
    text(&mut swift);
    swift.say("40/,");
    assert!(text(&mut swift).starts_with("40{"));
}

#[test]
fn socketio_item_56_and_57_attachments_stay_with_their_packet_and_strays_end_the_session() {
    let server = conformance::calm();
    for messages in [&[(2, &b"x"[..])][..], &[(1, br#"451-["a",{"_placeholder":true,"num":0}]"#), (1, b"42[\"a\"]")]] {
        let mut client = join(&server, "/");
        messages.iter().for_each(|(opcode, payload)| client.send(*opcode, payload));
        assert!(ends(&mut client), "{messages:?}");
    }
    let mut client = join(&server, "/");
    text(&mut client);
    client.say(r#"451-7["message-with-ack",{"_placeholder":true,"num":0}]"#);
    client.send(2, b"x");
    assert_eq!(text(&mut client), r#"461-7[{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.next().unwrap().payload, b"x");
}

#[test]
fn socketio_item_62_a_server_that_stops_closes_the_transport_and_sends_no_41() {
    let mut server = socketio(&[]);
    let mut client = join(&server, "/binance");
    let poller = Poller::join(&server, "/binance");
    let held = poller.begin_get();
    // One core serves requests in the order in which they come: once this one is answered, the GET is held.
    poller.say("6");
    server.signal("INT");
    assert_eq!(client.next().unwrap().close().0, 1001);
    client.send(8, &[0x03, 0xe9]);
    assert_eq!(held.reply().said(), (200, "1"));
    assert!(server.wait().success());
}
