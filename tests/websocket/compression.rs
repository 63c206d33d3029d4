//! 12 and 13: `permessage-deflate` (RFC 7692): what is agreed on, and messages that are compressed, or should be.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::*;

const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What a sender leaves out at the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// First bytes of frames of compressed messages.
const DEFLATED_TEXT: u8 = 0xc1;
const DEFLATED_BINARY: u8 = 0xc2;
const FIRST_OF_DEFLATED_TEXT: u8 = 0x41;

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1_000);
    Compress::new(Compression::best(), false).compress_vec(message, &mut out, FlushCompress::Sync).expect("room");
    assert!(out.ends_with(&TAIL));
    out.truncate(out.len() - TAIL.len());
    out
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let (mut state, mut out) = (Decompress::new(false), Vec::with_capacity(64 << 10));
    for mut input in [payload, &TAIL] {
        while !input.is_empty() {
            out.reserve(64 << 10);
            let before = state.total_in();
            state.decompress_vec(input, &mut out, FlushDecompress::Sync).expect("compressed data");
            input = &input[(state.total_in() - before) as usize..];
        }
    }
    out
}

/// What was agreed on.
fn agreed(client: &Client) -> Option<&str> {
    client.head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-extensions").then_some(value.trim())
    })
}

/// The headers of these offers, one each.
fn offers(all: &[&str]) -> String {
    all.iter().map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n")).collect()
}

/// The next frame, which is compressed, as its message.
fn next_inflated(client: &mut Client) -> Heard {
    let (first, payload) = next(client).expect("the connection lasts");
    assert_eq!(first & 0x40, 0x40, "not compressed: {first:#x}");
    (first & 0xbf, inflate(&payload))
}

/// What goes with an offer, and comes back.
fn works(client: &mut Client, what: &str) {
    let is_deflated = agreed(client).is_some();
    let message = "over and over ".repeat(1_000);
    client.send_bytes(&frame(TEXT, message.as_bytes()));
    let expected = heard(TEXT, message.as_bytes());
    let came = if is_deflated { next_inflated(client) } else { next(client).expect("the connection lasts") };
    assert!(came == expected, "{what}");
}

#[test]
fn websocket_13_offers_are_taken_or_declined() {
    let server = echo_server();
    let with_window = |bits: u8| Some(format!("{ANSWER}; server_max_window_bits={bits}"));
    let plain = || Some(ANSWER.to_owned());
    let mut cases: Vec<(Vec<&str>, Option<String>)> = vec![
        (vec![], None),
        (vec!["permessage-deflate"], plain()),
        (vec!["permessage-deflate; server_no_context_takeover"], plain()),
        (vec!["permessage-deflate; client_no_context_takeover"], plain()),
        (vec!["permessage-deflate; client_no_context_takeover; server_no_context_takeover"], plain()),
        (vec!["permessage-deflate; client_max_window_bits"], plain()),
        (vec!["permessage-deflate; client_max_window_bits=8"], plain()),
        (vec!["permessage-deflate; client_max_window_bits=\"15\""], plain()),
        (vec!["permessage-deflate; server_max_window_bits=9"], with_window(9)),
        (vec!["permessage-deflate;server_max_window_bits=12;client_max_window_bits"], with_window(12)),
        (vec!["permessage-deflate; server_max_window_bits=\"10\"; server_no_context_takeover"], with_window(10)),
        (vec!["permessage-deflate; server_max_window_bits=15"], with_window(15)),
        // Several in one header, and in several.
        (vec!["permessage-deflate; server_max_window_bits=99, permessage-deflate"], plain()),
        (vec!["permessage-deflate; surprise, permessage-deflate; server_max_window_bits=11"], with_window(11)),
        (vec!["permessage-deflate; server_max_window_bits=10, permessage-deflate"], with_window(10)),
        (vec!["x-webkit-deflate-frame, permessage-deflate"], plain()),
        (vec!["permessage-bzip2; level=9", "permessage-deflate"], plain()),
    ];
    for declined in [
        // What zlib does not have.
        "permessage-deflate; server_max_window_bits=8",
        // Values that there are not.
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=x",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        // Parameters that there are not, or twice.
        "permessage-deflate; unheard_of",
        "permessage-deflate; unheard_of=1; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=11",
        "permessage-deflate;",
        "permessage-inflate",
    ] {
        cases.push((vec![declined], None));
    }
    for (all, answer) in cases {
        let mut client = open(&server, &offers(&all));
        assert_eq!(agreed(&client), answer.as_deref(), "{all:?}");
        works(&mut client, &format!("{all:?}"));
    }
}

#[test]
fn websocket_13_no_more_than_the_window_is_looked_back() {
    let server = echo_server();
    // 600 bytes that do not compress, twice: only who looks back so far sees that.
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..600).map(|_| byte()).collect();
    let message = noise.repeat(2);
    for (bits, is_seen) in [(9, false), (11, true), (15, true)] {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let mut client = open(&server, &offers(&[&offer]));
        client.send_bytes(&frame(BINARY, &message));
        let (first, payload) = next(&mut client).unwrap();
        assert_eq!(first, DEFLATED_BINARY, "{bits} bits");
        assert_eq!(payload.len() < 1_000, is_seen, "{bits} bits: {} bytes", payload.len());
        assert!(inflate(&payload) == message, "{bits} bits");
    }
}

#[test]
fn websocket_12_messages_of_every_length_come_back_compressed() {
    let server = echo_server();
    let mut client = open(&server, OFFER);
    for length in [0_u64, 1, 16, 125, 126, 127, 1_000, 65_535, 65_536, 131_072, 1 << 20] {
        let message: Vec<u8> = (0..length).map(|n| b'a' + (n * n / 7 % 23) as u8).collect();
        for (first, opcode) in [(DEFLATED_TEXT, TEXT), (DEFLATED_BINARY, BINARY)] {
            let sender = send_aside(&mut client, masked(first, &deflate(&message), [1, 2, 3, 4]));
            assert!(next_inflated(&mut client) == (opcode, message.clone()), "{length} bytes");
            sender.join().unwrap();
        }
    }
}

#[test]
fn websocket_12_messages_may_be_compressed_or_not_and_in_parts() {
    let server = echo_server();
    let mut client = open(&server, OFFER);
    let deflated = deflate(b"in parts");
    let (one, two) = deflated.split_at(3);
    for (what, sent, expected) in [
        ("compressed", frame(DEFLATED_TEXT, &deflate(b"compressed")), heard(TEXT, b"compressed")),
        ("as it is", frame(TEXT, b"as it is"), heard(TEXT, b"as it is")),
        ("bytes as they are", frame(BINARY, &[0xff; 200]), heard(BINARY, &[0xff; 200])),
        ("as it is, in parts", frames(&[(FIRST_OF_TEXT, b"a"), (LAST, b"b")]), heard(TEXT, b"ab")),
        ("in two frames", frames(&[(FIRST_OF_DEFLATED_TEXT, one), (LAST, two)]), heard(TEXT, b"in parts")),
        (
            "with empty frames",
            frames(&[(FIRST_OF_DEFLATED_TEXT, b""), (MIDDLE, &deflated), (MIDDLE, b""), (LAST, b"")]),
            heard(TEXT, b"in parts"),
        ),
        ("empty", frame(DEFLATED_TEXT, b"\0"), heard(TEXT, b"")),
        ("empty in two frames", frames(&[(FIRST_OF_DEFLATED_TEXT, b"\0"), (LAST, b"")]), heard(TEXT, b"")),
        ("as nothing at all", frame(DEFLATED_BINARY, b""), heard(BINARY, b"")),
        ("empty as it is", frame(TEXT, b""), heard(TEXT, b"")),
        // RFC 7692 section 7.2.3: stored, with a last block, in two blocks.
        ("stored", frame(DEFLATED_TEXT, b"\x00\x05\x00\xfa\xffHello\x00"), heard(TEXT, b"Hello")),
        ("with a last block", frame(DEFLATED_TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), heard(TEXT, b"Hello")),
        (
            "in two blocks",
            frame(DEFLATED_TEXT, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
            heard(TEXT, b"Hello"),
        ),
    ] {
        client.send_bytes(&sent);
        assert_eq!(next_inflated(&mut client), expected, "{what}");
    }
    // Byte by byte in frames, with pings in between, which are never compressed.
    let message = "byte by byte \u{1f600}".repeat(30);
    let deflated = deflate(message.as_bytes());
    client.send_bytes(&frame(FIRST_OF_DEFLATED_TEXT, b""));
    for byte in &deflated {
        client.send_bytes(&frames(&[(MIDDLE, &[*byte]), (PING, &[*byte])]));
        assert_eq!(next(&mut client), Some(heard(PONG, &[*byte])));
    }
    client.send_bytes(&frame(LAST, b""));
    assert_eq!(next_inflated(&mut client), heard(TEXT, message.as_bytes()));
}

#[test]
fn websocket_12_nothing_is_kept_from_one_message_to_the_next() {
    let server = echo_server();
    let mut client = open(&server, OFFER);
    let message = frame(TEXT, b"the same again, and the same again");
    let answers = [(); 3].map(|()| {
        client.send_bytes(&message);
        next(&mut client).unwrap()
    });
    assert!(answers[0] == answers[1] && answers[1] == answers[2]);
    // RFC 7692 section 7.2.3.2: what refers to the message before it is refused, for the client was told so.
    check_with(
        &server,
        OFFER,
        "a message that refers back",
        &frames(&[(DEFLATED_TEXT, b"\xf2\x00\x11\x00\x00")]),
        &[closed(1007)],
    );
}

#[test]
fn websocket_12_the_bit_for_compression_stands_on_first_frames_of_messages_only() {
    let server = echo_server();
    let deflated = deflate(b"Hello");
    for (what, sent) in [
        ("an end", frames(&[(FIRST_OF_DEFLATED_TEXT, &deflated[..3]), (LAST | 0x40, &deflated[3..])])),
        ("a middle", frames(&[(FIRST_OF_DEFLATED_TEXT, &deflated), (MIDDLE | 0x40, b""), (LAST, b"")])),
        ("an end of what is not compressed", frames(&[(FIRST_OF_TEXT, b"a"), (LAST | 0x40, &deflated)])),
        ("a ping", frame(PING | 0x40, b"")),
        ("a pong", frame(PONG | 0x40, &deflated)),
        ("a close frame", frame(CLOSE | 0x40, b"\x03\xe8")),
        ("a ping in a message", frames(&[(FIRST_OF_DEFLATED_TEXT, &deflated), (PING | 0x40, b"")])),
        ("the second bit", frame(0xa1, b"a")),
        ("the third bit", frame(0x91, b"a")),
        ("the second bit too", frame(0xe1, &deflated)),
    ] {
        check_with(&server, OFFER, what, &sent, &[closed(1002)]);
    }
    check(&server, "where nobody agreed on it", &frame(DEFLATED_TEXT, &deflated), &[closed(1002)]);
}

#[test]
fn websocket_12_what_cannot_be_decompressed_is_refused() {
    let server = echo_server();
    let whole = deflate("what is cut off is noticed, wherever that is. ".repeat(20).as_bytes());
    for (what, payload) in [
        ("a block of no kind", &b"\xff\xff\xff"[..]),
        ("what is not compressed", b"not compressed"),
        ("a length that does not fit", b"\x00\x05\x00\x00\x00Hello\x00"),
        ("cut off early", &whole[..5]),
        ("cut off late", &whole[..whole.len() - 3]),
        ("no text", &deflate(b"\xff\xfe")),
        ("no text to the end", &deflate(b"\xe2\x82")),
    ] {
        check_with(&server, OFFER, what, &frame(DEFLATED_TEXT, payload), &[closed(1007)]);
    }
    check_with(
        &server,
        OFFER,
        "bytes need not be a text",
        &frames(&[(DEFLATED_BINARY, &deflate(b"\xff\xfe"))]),
        &[heard(DEFLATED_BINARY, &deflate(b"\xff\xfe"))],
    );
}

#[test]
fn websocket_12_what_grows_too_large_is_refused() {
    let server = echo_server();
    let most = deflate(&vec![b'0'; 16 << 20]);
    let bomb = deflate(&vec![b'0'; (16 << 20) + 1]);
    assert!(bomb.len() < 100_000);
    let mut client = open(&server, OFFER);
    client.send_bytes(&frame(DEFLATED_TEXT, &most));
    assert!(next_inflated(&mut client) == (TEXT, vec![b'0'; 16 << 20]), "as large as allowed");
    client.send_bytes(&frame(DEFLATED_TEXT, &bomb));
    assert_eq!(rest(&mut client), [closed(1009)]);
    let before = server.resident_bytes_peak();
    let mut client = open(&server, OFFER);
    client.send_bytes(&frame(DEFLATED_BINARY, &deflate(&vec![0; 160 << 20])));
    assert_eq!(rest(&mut client), [closed(1009)]);
    let peak = server.resident_bytes_peak();
    assert!(peak < before + (64 << 20), "{before} before, {peak} at the peak");
}
