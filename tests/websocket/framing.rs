//! 1: lengths, their forms, and masks.

use super::*;

const LENGTHS: [usize; 12] = [0, 1, 7, 125, 126, 127, 128, 1_000, 65_535, 65_536, 65_537, 200_000];

#[test]
fn websocket_1_messages_of_every_form_of_length_come_back() {
    let server = echo_server();
    for length in LENGTHS {
        for (first, filling) in [(TEXT, b'*'), (BINARY, 0xfe)] {
            let payload = vec![filling; length];
            check(&server, &format!("{length} bytes"), &frame(first, &payload), &[heard(first, &payload)]);
        }
    }
}

#[test]
fn websocket_1_messages_come_back_however_they_are_cut() {
    let server = echo_server();
    let payload: Vec<u8> = (0..70_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = frame(BINARY, &payload);
    for length in [997, 1_300, 8_192] {
        let mut client = open(&server, "");
        client.stream().set_nodelay(true).unwrap();
        sent.chunks(length).for_each(|piece| client.send_bytes(piece));
        assert!(next(&mut client) == Some(heard(BINARY, &payload)), "in pieces of {length}");
    }
}

#[test]
fn websocket_1_messages_come_back_in_their_order() {
    let server = echo_server();
    let texts: Vec<String> = (0..500).map(|n| format!("message {n}")).collect();
    let sent: Vec<u8> = texts.iter().flat_map(|text| frame(TEXT, text.as_bytes())).collect();
    let expected: Vec<Heard> = texts.iter().map(|text| heard(TEXT, text.as_bytes())).collect();
    check(&server, "500 texts", &sent, &expected);
}

#[test]
fn websocket_1_any_mask_will_do() {
    let server = echo_server();
    for mask in [[0; 4], [0xff; 4], [1, 2, 3, 4], *b"mask"] {
        check(&server, "a mask", &masked(TEXT, b"masked", mask), &[heard(TEXT, b"masked")]);
    }
}

#[test]
fn websocket_1_a_length_has_only_its_shortest_form() {
    let server = echo_server();
    let with = |head: &[u8], payload: &[u8]| [head, &[0; 4], payload].concat();
    for (what, sent) in [
        ("0 in 16 bits", with(&[TEXT, 0xfe, 0, 0], b"")),
        ("125 in 16 bits", with(&[TEXT, 0xfe, 0, 125], &[b'x'; 125])),
        ("5 in 64 bits", with(&[TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0, 5], b"hello")),
        ("65,535 in 64 bits", with(&[BINARY, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], &[0; 65_535])),
        ("the top bit of 64", with(&[BINARY, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 5], b"hello")),
        ("all of 64 bits", with(&[BINARY, 0xff, 255, 255, 255, 255, 255, 255, 255, 255], b"hello")),
    ] {
        check(&server, what, &sent, &[closed(1002)]);
    }
}

#[test]
fn websocket_1_a_frame_without_a_mask_fails_the_connection_behind_what_came_before() {
    let server = echo_server();
    for (what, bare) in [
        ("text", &b"\x81\x05hello"[..]),
        ("binary", b"\x82\x00"),
        ("ping", b"\x89\x00"),
        ("pong", b"\x8a\x01x"),
        ("close", b"\x88\x02\x03\xe8"),
        ("a continuation", b"\x80\x00"),
    ] {
        let sent = [&frame(TEXT, b"first")[..], bare].concat();
        check(&server, what, &sent, &[heard(TEXT, b"first"), closed(1002)]);
    }
}
