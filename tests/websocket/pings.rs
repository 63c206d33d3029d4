//! 2: pings and pongs.

use super::*;

#[test]
fn websocket_2_pings_are_answered_with_what_they_hold() {
    let server = echo_server();
    let all: Vec<u8> = (0..=255).collect();
    for payload in [&b""[..], b"Hello, world!", &[0, 255, 254, 253, 252, 251, 0, 255], &all[..125], &all[131..]] {
        check(&server, &format!("{payload:?}"), &frame(PING, payload), &[heard(PONG, payload)]);
    }
}

#[test]
fn websocket_2_a_ping_of_126_bytes_fails_the_connection() {
    let server = echo_server();
    for first in [PING, PONG, CLOSE] {
        check(&server, &format!("{first:#x}"), &frame(first, &[0x03; 126]), &[closed(1002)]);
        // Its length alone shows it.
        check(&server, &format!("{first:#x}"), &[first, 0xff], &[closed(1002)]);
    }
}

#[test]
fn websocket_2_pongs_that_nobody_asked_for_are_not_answered() {
    let server = echo_server();
    check(&server, "a pong", &frame(PONG, b"unasked"), &[]);
    check(&server, "an empty pong", &frame(PONG, b""), &[]);
    let sent = frames(&[(PONG, b"unasked"), (PING, b"ping"), (PONG, &[0xff; 125])]);
    check(&server, "a ping between pongs", &sent, &[heard(PONG, b"ping")]);
}

#[test]
fn websocket_2_many_pings_are_all_answered_in_order() {
    let server = echo_server();
    let payloads: Vec<String> = (0..100).map(|n| format!("payload-{n}")).collect();
    let sent: Vec<u8> = payloads.iter().flat_map(|payload| frame(PING, payload.as_bytes())).collect();
    let expected: Vec<Heard> = payloads.iter().map(|payload| heard(PONG, payload.as_bytes())).collect();
    check(&server, "100 pings", &sent, &expected);
}
