//! 5: messages in several frames, and what may stand between them.

use super::*;

#[test]
fn websocket_5_messages_in_several_frames_come_back_in_one() {
    let server = echo_server();
    for (what, sent, expected) in [
        ("two", frames(&[(FIRST_OF_TEXT, b"frag"), (LAST, b"ment")]), heard(TEXT, b"fragment")),
        (
            "three",
            frames(&[(FIRST_OF_BINARY, b"\xff"), (MIDDLE, b"\0"), (LAST, b"\xfe")]),
            heard(BINARY, b"\xff\0\xfe"),
        ),
        ("an empty end", frames(&[(FIRST_OF_TEXT, b"all"), (LAST, b"")]), heard(TEXT, b"all")),
        ("an empty beginning", frames(&[(FIRST_OF_TEXT, b""), (LAST, b"all")]), heard(TEXT, b"all")),
        ("nothing at all", frames(&[(FIRST_OF_TEXT, b""), (MIDDLE, b""), (LAST, b"")]), heard(TEXT, b"")),
    ] {
        check(&server, what, &sent, &[expected]);
    }
}

#[test]
fn websocket_5_control_frames_between_fragments_are_answered_at_once() {
    let server = echo_server();
    let sent = frames(&[
        (FIRST_OF_TEXT, b"a"),
        (PING, b"one"),
        (MIDDLE, b"b"),
        (PONG, b"passed over"),
        (PING, b""),
        (LAST, b"c"),
        (PING, b"two"),
    ]);
    let expected = [heard(PONG, b"one"), heard(PONG, b""), heard(TEXT, b"abc"), heard(PONG, b"two")];
    check(&server, "pings", &sent, &expected);
    // At once: before the message goes on.
    let mut client = open(&server, "");
    client.send_bytes(&frames(&[(FIRST_OF_TEXT, b"a"), (PING, b"now")]));
    assert_eq!(next(&mut client), Some(heard(PONG, b"now")));
    client.send_bytes(&frame(LAST, b"b"));
    assert_eq!(next(&mut client), Some(heard(TEXT, b"ab")));
    // The client may go in the middle of a message.
    let sent = frames(&[(FIRST_OF_TEXT, b"a"), (CLOSE, &1001_u16.to_be_bytes()), (LAST, b"b")]);
    check(&server, "a close frame", &sent, &[closed(1001)]);
}

#[test]
fn websocket_5_control_frames_are_never_fragments() {
    let server = echo_server();
    for first in [PING, PONG, CLOSE] {
        let sent = frames(&[(first & 0x0f, b"\x03\xe8"), (LAST, b"ment")]);
        check(&server, &format!("{first:#x}"), &sent, &[closed(1002)]);
        let within = frames(&[(FIRST_OF_TEXT, b"a"), (first & 0x0f, b""), (LAST, b"b")]);
        check(&server, &format!("{first:#x} within a message"), &within, &[closed(1002)]);
    }
}

#[test]
fn websocket_5_frames_out_of_order_fail_the_connection() {
    let server = echo_server();
    for (what, sent, before) in [
        ("an end of nothing", frames(&[(LAST, b"x")]), None),
        ("a middle of nothing", frames(&[(MIDDLE, b"x"), (LAST, b"y")]), None),
        ("an empty end of nothing", frames(&[(LAST, b"")]), None),
        ("an end behind the end", frames(&[(FIRST_OF_TEXT, b"a"), (LAST, b"b"), (LAST, b"c")]), Some("ab")),
        ("a middle behind a text", frames(&[(TEXT, b"a"), (MIDDLE, b"c"), (TEXT, b"d")]), Some("a")),
        ("a text within a text", frames(&[(FIRST_OF_TEXT, b"a"), (TEXT, b"b")]), None),
        ("bytes within a text", frames(&[(FIRST_OF_TEXT, b"a"), (BINARY, b"b")]), None),
        ("two beginnings", frames(&[(FIRST_OF_BINARY, b"a"), (FIRST_OF_BINARY, b"b"), (LAST, b"c")]), None),
        ("a text behind a ping in a text", frames(&[(FIRST_OF_TEXT, b"a"), (PONG, b""), (TEXT, b"b")]), None),
    ] {
        let mut expected: Vec<Heard> = before.map(|text| heard(TEXT, text.as_bytes())).into_iter().collect();
        expected.push(closed(1002));
        check(&server, what, &sent, &expected);
    }
}
