//! Packets with attachments whose parts come in requests of their own, or over one transport and the other.

use super::*;

const HEADER: &str = r#"453-["message",{"_placeholder":true,"num":2},[{"_placeholder":true,"num":0}],{"a":{"_placeholder":true,"num":1}}]"#;

fn server() -> Server {
    conformance::calm()
}

fn joined(server: &Server) -> Poller {
    let mut client = Poller::join(server, "/");
    assert_eq!(client.next(), r#"42["auth",{}]"#);
    client
}

/// What a packet of the client comes back as.
fn back() -> String {
    HEADER.replace("message", "message-back")
}

fn base64(byte: u8, length: usize) -> String {
    // Three equal bytes are four characters that do not depend on their place.
    assert_eq!(length % 3, 0);
    let word = u32::from_be_bytes([0, byte, byte, byte]);
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four: String = [18, 12, 6, 0].map(|shift| char::from(digits[(word >> shift & 63) as usize])).iter().collect();
    format!("b{}", four.repeat(length / 3))
}

#[test]
fn socketio_item_24_a_packet_is_put_together_from_as_many_posts_as_it_comes_in() {
    let server = server();
    let mut client = joined(&server);
    for bodies in [
        vec![HEADER.to_owned(), base64(1, 3), base64(2, 6), base64(3, 9)],
        vec![format!("{HEADER}\u{1e}{}", base64(1, 3)), format!("{}\u{1e}{}", base64(2, 6), base64(3, 9))],
        vec![[HEADER, &base64(1, 3), &base64(2, 6), &base64(3, 9)].join("\u{1e}")],
        // A noop and an unasked pong are of the layer below, and no part of it.
        vec![HEADER.to_owned(), base64(1, 3), "6".into(), "3".into(), base64(2, 6), base64(3, 9)],
    ] {
        bodies.iter().for_each(|body| client.say(body));
        let packets: Vec<String> = (0..4).map(|_| client.next()).collect();
        assert_eq!(packets, [back(), base64(1, 3), base64(2, 6), base64(3, 9)]);
    }
}

#[test]
fn socketio_item_24_a_large_packet_comes_in_as_many_polls_as_it_takes() {
    let server = server();
    let mut client = joined(&server);
    let parts = [base64(1, 600_000), base64(2, 690_000), base64(3, 660_000)];
    for round in 0..2 {
        client.say(HEADER);
        parts.iter().for_each(|part| client.say(part));
        // One that is not held until all is there, and one that is.
        let held = (round == 1).then(|| client.begin_get());
        client.say(&format!(r#"42{round}["message-with-ack"]"#));
        if let Some(held) = held {
            client.waiting.extend(held.reply().body.split('\u{1e}').map(str::to_owned));
        }
        assert_eq!(client.next(), back());
        for part in &parts {
            assert!(client.next() == *part, "an attachment has changed on its way");
        }
        assert_eq!(client.next(), format!("43{round}[]"));
    }
}

#[test]
fn socketio_item_24_a_packet_may_begin_before_the_upgrade_and_end_behind_it() {
    let server = server();
    for over_polling in 0..4 {
        let client = joined(&server);
        let (polled, framed) = [1, 2, 3].split_at(over_polling.max(1) - 1);
        if over_polling > 0 {
            client.say(HEADER);
        }
        polled.iter().for_each(|byte| client.say(&base64(*byte, 3)));
        let mut socket = client.websocket();
        socket.say("2probe");
        assert_eq!(text(&mut socket), "3probe");
        socket.say("5");
        if over_polling == 0 {
            socket.say(HEADER);
        }
        framed.iter().for_each(|byte| socket.send(2, &[*byte; 3]));
        assert_eq!(text(&mut socket), back());
        for byte in 1..=3 {
            let frame = socket.next().unwrap();
            assert_eq!((frame.opcode, frame.payload), (2, vec![byte; 3]));
        }
    }
}

#[test]
fn socketio_item_24_what_a_poll_has_not_taken_comes_over_the_websocket_whole_and_in_order() {
    let server = server();
    let client = joined(&server);
    client.say(HEADER);
    (1..=3).for_each(|byte| client.say(&base64(byte, 3)));
    let mut socket = client.websocket();
    socket.say("2probe");
    assert_eq!(text(&mut socket), "3probe");
    socket.say("5");
    socket.say(r#"427["message-with-ack",1]"#);
    assert_eq!(text(&mut socket), back());
    for byte in 1..=3 {
        let frame = socket.next().unwrap();
        assert_eq!((frame.opcode, frame.payload), (2, vec![byte; 3]), "bytes are bytes there");
    }
    assert_eq!(text(&mut socket), "437[1]");
}
