//! 6: texts are UTF-8, and are refused as soon as they can no longer be.

use super::*;

const VALID: [&str; 12] = [
    "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!",
    "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}",
    "\0",
    "\u{7f}",
    "\u{80}",
    "\u{7ff}",
    "\u{800}",
    "\u{d7ff}\u{e000}",
    "\u{fffd}\u{fffe}\u{ffff}",
    "\u{10000}",
    "\u{1f600}",
    "\u{10ffff}",
];

/// Bytes that are no text, and how many of them may come before that is certain.
const INVALID: [(&str, &[u8], usize); 20] = [
    ("a continuation byte alone", b"\x80", 0),
    ("the last of them", b"\xbf", 0),
    ("two of them", b"ok\x80\xbf", 2),
    ("a beginning and a letter", b"\xc3a", 1),
    ("a beginning of three and a letter", b"\xe2\x82a", 2),
    ("a beginning of four and a letter", b"\xf0\x9f\x98a", 3),
    ("FE", b"\xfe", 0),
    ("FF", b"\xff", 0),
    ("five bytes", b"\xf8\x88\x80\x80\x80", 0),
    ("six bytes", b"\xfc\x84\x80\x80\x80\x80", 0),
    ("a slash in two bytes", b"\xc0\xaf", 0),
    ("a slash in three bytes", b"\xe0\x80\xaf", 1),
    ("a slash in four bytes", b"\xf0\x80\x80\xaf", 1),
    ("the highest too long in two", b"\xc1\xbf", 0),
    ("the highest too long in three", b"\xe0\x9f\xbf", 1),
    ("the highest too long in four", b"\xf0\x8f\xbf\xbf", 1),
    ("the first surrogate", b"\xed\xa0\x80", 1),
    ("the last surrogate", b"\xed\xbf\xbf", 1),
    ("above the last character", b"\xf4\x90\x80\x80", 1),
    ("far above it", b"\xf5\x80\x80\x80", 0),
];

#[test]
fn websocket_6_texts_come_back_wherever_they_are_cut() {
    let server = echo_server();
    for text in VALID {
        let bytes = text.as_bytes();
        check(&server, text, &frame(TEXT, bytes), &[heard(TEXT, bytes)]);
        let mut sent = frame(FIRST_OF_TEXT, b"");
        sent.extend(bytes.iter().flat_map(|byte| frame(MIDDLE, &[*byte])));
        sent.extend(frame(LAST, b""));
        check(&server, &format!("{text} in frames of one byte"), &sent, &[heard(TEXT, bytes)]);
        check(&server, &format!("{text} as bytes"), &frame(BINARY, bytes), &[heard(BINARY, bytes)]);
    }
}

#[test]
fn websocket_6_what_is_no_text_is_refused_in_whole_frames_and_in_parts() {
    let server = echo_server();
    for (what, bytes, _) in INVALID {
        check(&server, what, &frame(TEXT, bytes), &[closed(1007)]);
        let around = [b"in front ", bytes, b" behind"].concat();
        check(&server, what, &frame(TEXT, &around), &[closed(1007)]);
        let sent = frames(&[(TEXT, b"first"), (FIRST_OF_TEXT, b"a"), (MIDDLE, bytes), (LAST, b"z")]);
        check(&server, what, &sent, &[heard(TEXT, b"first"), closed(1007)]);
        check(&server, what, &frame(BINARY, bytes), &[heard(BINARY, bytes)]);
    }
}

#[test]
fn websocket_6_what_ends_within_a_character_is_no_text() {
    let server = echo_server();
    for bytes in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f", b"\xf0\x9f\x98", b"whole \xf4\x8f\xbf"] {
        check(&server, &format!("{bytes:?}"), &frame(TEXT, bytes), &[closed(1007)]);
        let sent = frames(&[(FIRST_OF_TEXT, bytes), (LAST, b"")]);
        check(&server, &format!("{bytes:?} in parts"), &sent, &[closed(1007)]);
    }
}

#[test]
fn websocket_6_what_is_no_text_is_refused_before_the_message_ends() {
    let server = echo_server();
    for (what, bytes, certain_at) in INVALID {
        let (begin, rest) = bytes.split_at(certain_at);
        // In frames, none of which is the last.
        let sent = frames(&[(FIRST_OF_TEXT, begin), (MIDDLE, &rest[..1])]);
        check(&server, what, &sent, &[closed(1007)]);
        // In a frame of which no more comes; what may still become a text is waited for.
        let mut client = open(&server, "");
        let whole = frame(TEXT, &[bytes, &[b'x'; 100]].concat());
        client.send_bytes(&whole[..6 + certain_at]);
        client.send_bytes(&whole[6 + certain_at..=6 + certain_at]);
        assert_eq!(super::rest(&mut client), [closed(1007)], "{what}");
        let mut client = open(&server, "");
        client.send_bytes(&frames(&[(FIRST_OF_TEXT, begin), (PING, b"still there?")]));
        assert_eq!(next(&mut client), Some(heard(PONG, b"still there?")), "{what}");
    }
}
