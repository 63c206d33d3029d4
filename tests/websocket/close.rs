//! 7: how connections end.

use super::*;

fn with_reason(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

#[test]
fn websocket_7_codes_that_may_be_sent_come_back() {
    let server = echo_server();
    let registered = (1000_u16..=1003).chain(1007..=1014);
    for code in registered.chain([3000, 3001, 3999, 4000, 4001, 4999]) {
        check(&server, &format!("{code}"), &frame(CLOSE, &code.to_be_bytes()), &[closed(code)]);
        check(&server, &format!("{code}"), &frame(CLOSE, &with_reason(code, b"because")), &[closed(code)]);
        check(&server, &format!("{code}"), &frame(CLOSE, &with_reason(code, b"be\xffcause")), &[closed(1007)]);
    }
}

#[test]
fn websocket_7_codes_that_may_not_be_sent_are_against_the_protocol() {
    let server = echo_server();
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        check(&server, &format!("{code}"), &frame(CLOSE, &u16::to_be_bytes(code)), &[closed(1002)]);
        check(&server, &format!("{code}"), &frame(CLOSE, &with_reason(code, b"because")), &[closed(1002)]);
    }
}

#[test]
fn websocket_7_payloads_of_close_frames() {
    let server = echo_server();
    for (what, payload, code) in [
        ("nothing", vec![], 1000),
        ("half a code", vec![0x03], 1002),
        ("the longest reason", with_reason(1000, &[b'*'; 123]), 1000),
        ("a reason too long", with_reason(1000, &[b'*'; 124]), 1002),
        ("a reason in characters of many bytes", with_reason(1001, "\u{1f600}".as_bytes()), 1001),
        ("a reason that is no text", with_reason(1000, b"\xce\xba\xed\xa0\x80"), 1007),
        ("a reason that ends within a character", with_reason(1000, b"\xce"), 1007),
    ] {
        check(&server, what, &frame(CLOSE, &payload), &[closed(code)]);
    }
}

#[test]
fn websocket_7_what_comes_behind_a_close_frame_is_passed_over() {
    let server = echo_server();
    let end = (CLOSE, &1000_u16.to_be_bytes()[..]);
    for (what, behind) in [
        ("a text", (TEXT, &b"late"[..])),
        ("a ping", (PING, b"late")),
        ("another close frame", (CLOSE, b"\x03\xe9")),
        ("what is against the protocol", (0x83, b"late")),
    ] {
        let sent = frames(&[(TEXT, b"in time"), end, behind]);
        check(&server, what, &sent, &[heard(TEXT, b"in time"), closed(1000)]);
    }
}

#[test]
fn websocket_7_what_came_before_a_close_frame_comes_back_first_however_much_it_is() {
    let server = echo_server();
    let large = vec![b'*'; 8 << 20];
    let sent = [masked(TEXT, &large, [0; 4]), frame(CLOSE, &1000_u16.to_be_bytes())].concat();
    let mut client = open(&server, "");
    let sender = send_aside(&mut client, sent);
    sender.join().unwrap();
    assert!(rest(&mut client) == [heard(TEXT, &large), closed(1000)]);
}

#[test]
fn websocket_7_a_server_that_stops_says_so() {
    let mut server = echo_server();
    let mut client = open(&server, "");
    client.send_bytes(&frame(PING, b""));
    assert_eq!(next(&mut client), Some(heard(PONG, b"")));
    server.signal("INT");
    assert_eq!(next(&mut client), Some(closed(1001)));
    client.send_bytes(&frame(CLOSE, &1001_u16.to_be_bytes()));
    assert_eq!(next(&mut client), None);
    assert!(server.wait().success());
}
