//! The reader against well-behaved clients, cut up at will, and against others.

use proptest::prelude::*;

use super::{Close, Message, Reader};

const LIMIT: usize = 1_000;

/// A frame as a client sends it. `first` holds opcode, end mark and reserved bits.
fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, MASK)
}

/// A message as it was read, with an opcode in place of its variant.
type Read = (u8, Vec<u8>);

fn owned(message: Message<'_>) -> Read {
    match message {
        Message::Text(text) => (1, text.as_bytes().to_vec()),
        Message::Binary(bytes) => (2, bytes.to_vec()),
        Message::Ping(payload) => (9, payload.to_vec()),
        Message::Pong(payload) => (10, payload.to_vec()),
    }
}

/// Everything that is read from these pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Read>, Result<(), Close>) {
    let (mut reader, mut messages) = (Reader::new(LIMIT), Vec::new());
    for piece in pieces {
        if let Err(close) = reader.read(&mut piece.to_vec(), None, |message| messages.push(owned(message))) {
            return (messages, Err(close));
        }
    }
    (messages, Ok(()))
}

#[test]
fn the_examples_of_rfc_6455_section_5_7_are_read() {
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let (messages, end) = read([&hello[..], &pong[..]]);
    assert_eq!((messages, end), (vec![(1, b"Hello".to_vec()), (10, b"Hello".to_vec())], Ok(())));
}

#[test]
fn what_is_against_the_protocol_is_refused_with_its_code() {
    let unmasked = |first: u8, payload: &[u8]| [&[first, payload.len() as u8], payload].concat();
    let join = |frames: &[Vec<u8>]| frames.concat();
    let header = |bytes: &[u8]| [bytes, &MASK[..]].concat();
    let text_of = |length| masked(0x81, &vec![b'x'; length]);
    for (what, bytes, code) in [
        ("unmasked text", unmasked(0x81, b"hello"), 1002),
        ("unmasked ping", unmasked(0x89, b""), 1002),
        ("unmasked close", unmasked(0x88, b""), 1002),
        ("RSV1 that nobody agreed on", masked(0xc1, b"x"), 1002),
        ("RSV2", masked(0xa1, b"x"), 1002),
        ("RSV3", masked(0x91, b"x"), 1002),
        ("opcode 3", masked(0x83, b""), 1002),
        ("opcode 7", masked(0x87, b""), 1002),
        ("opcode 11", masked(0x8b, b""), 1002),
        ("opcode 15", masked(0x8f, b""), 1002),
        ("a ping in fragments", masked(0x09, b""), 1002),
        ("a close frame in fragments", masked(0x08, b""), 1002),
        ("a ping of 126 bytes", masked(0x89, &[0; 126]), 1002),
        ("a compressed ping", masked(0xc9, b""), 1002),
        ("a continuation of nothing", masked(0x80, b"x"), 1002),
        ("a text within a text", join(&[masked(0x01, b"x"), masked(0x81, b"x")]), 1002),
        ("a continuation behind the end", join(&[masked(0x01, b""), masked(0x80, b""), masked(0x80, b"")]), 1002),
        ("a compressed continuation", join(&[masked(0x01, b""), masked(0xc0, b"")]), 1002),
        ("125 in 16 bits", header(&[0x81, 0xfe, 0, 125]), 1002),
        ("65,535 in 64 bits", header(&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), 1002),
        ("a length above 63 bits", header(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), 1002),
        ("one byte more than allowed", text_of(LIMIT + 1), 1009),
        ("the header alone of too much", header(&[0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]), 1009),
        ("the header alone of the largest", header(&[0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]), 1009),
        ("too much in parts", join(&[masked(0x02, &[0; 600]), masked(0x80, &[0; 401])]), 1009),
        ("a text that is not UTF-8", masked(0x81, &[0xff]), 1007),
        ("a text with half a character", masked(0x81, &[0xe2, 0x82]), 1007),
        ("the same in parts", join(&[masked(0x01, &[0xe2]), masked(0x80, &[0x82])]), 1007),
        ("a surrogate", masked(0x81, &[0xed, 0xa0, 0x80]), 1007),
        ("a close frame of one byte", masked(0x88, &[3]), 1002),
        ("a close frame with 1005", masked(0x88, &[0x03, 0xed]), 1002),
        ("a close reason that is not UTF-8", masked(0x88, &[0x03, 0xe8, 0xc0]), 1007),
        ("the regular end", masked(0x88, &[0x03, 0xe8]), 1000),
        ("an end without a code", masked(0x88, &[]), 1000),
    ] {
        let whole = read([&bytes[..]]);
        assert_eq!(whole.1.map_err(|close| close.code), Err(code), "{what}");
        assert_eq!(whole, read(bytes.chunks(1)), "{what}, byte by byte");
    }
}

#[test]
fn a_text_that_is_not_utf8_is_refused_by_the_first_byte_that_shows_it() {
    let bad = "κόσμε".as_bytes().iter().copied().chain(*b"\xed\xa0\x80edited").collect::<Vec<u8>>();
    // U+1F600, and what would be above the last character there is.
    for (text, certain_at) in [(&bad[..], 11), (b"\xf0\x9f\x98\x80\xf4\x90", 5), (b"ab\xc0", 2), (b"\xe0\x9f", 1)] {
        let (mut reader, mut opened) = (Reader::new(LIMIT), masked(0x01, b""));
        reader.read(&mut opened, None, |_| panic!("not whole yet")).unwrap();
        let ends: Vec<_> = text.iter().map(|byte| reader.read(&mut masked(0x00, &[*byte]), None, |_| ())).collect();
        let first = ends.iter().position(|end| *end == Err(Close::NOT_UTF8));
        assert_eq!(first, Some(certain_at), "{text:?}: in frames of one byte");
        // The same inside of one frame that is longer than what has come of it.
        let mut frame = masked(0x81, &[text, &[b'x'; 100]].concat());
        frame.truncate(6 + certain_at);
        assert_eq!(read([&frame[..]]), (vec![], Ok(())), "{text:?}");
        let more = masked(0x81, &[text, &[b'x'; 100]].concat())[6 + certain_at];
        assert_eq!(read([&frame[..], &[more]]), (vec![], Err(Close::NOT_UTF8)), "{text:?}");
    }
    // Bytes are any.
    assert_eq!(read([&[masked(0x02, b"\xff"), masked(0x80, b"\xff")].concat()[..]]).0, [(2, vec![0xff, 0xff])]);
}

#[test]
fn nothing_behind_the_end_is_read() {
    let bytes = [masked(0x81, b"a"), masked(0x88, b""), masked(0x81, b"b")].concat();
    assert_eq!(read([&bytes[..]]), (vec![(1, b"a".to_vec())], Err(Close::NORMAL)));
}

#[test]
fn a_message_as_large_as_allowed_is_read_whole_and_in_parts() {
    let whole = masked(0x82, &[7; LIMIT]);
    let parts = [masked(0x02, &[7; 600]), masked(0x80, &[7; 400])].concat();
    for bytes in [whole, parts] {
        assert_eq!(read([&bytes[..]]), (vec![(2, vec![7; LIMIT])], Ok(())));
    }
}

#[test]
fn what_is_kept_is_what_came_and_only_until_the_message_is_whole() {
    let mut reader = Reader::new(1 << 20);
    let mut bytes = masked(0x82, &[7; 100_000]);
    let (begin, end) = bytes.split_at_mut(1_000);
    reader.read(begin, None, |_| panic!("not whole yet")).unwrap();
    assert!((900..4_000).contains(&reader.bytes_kept()), "not what the header announces");
    let mut seen = 0;
    reader.read(end, None, |_| seen += 1).unwrap();
    assert_eq!((seen, reader.bytes_kept()), (1, 0));
}

/// What a client may send: a message in parts, and pings in between.
#[derive(Clone, Debug)]
struct Sent {
    is_text: bool,
    parts: Vec<String>,
    ping: Option<Vec<u8>>,
    mask: [u8; 4],
}

fn sent() -> impl Strategy<Value = Sent> {
    let ping = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..=125));
    // Parts of a text need not be UTF-8, but joined they must be; whole ones will do, and bytes are cut below anyway.
    let part = prop_oneof!["[a-zé€😀]{0,20}", "x{110,180}"];
    (any::<bool>(), proptest::collection::vec(part, 1..4), ping, any::<[u8; 4]>())
        .prop_map(|(is_text, parts, ping, mask)| Sent { is_text, parts, ping, mask })
}

proptest! {
    #[test]
    fn any_frames_cut_anywhere_are_the_same_messages(
        all in proptest::collection::vec(sent(), 0..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for Sent { is_text, parts, ping, mask } in &all {
            let opcode = if *is_text { 1 } else { 2 };
            for (k, part) in parts.iter().enumerate() {
                let is_last = k + 1 == parts.len();
                let first = (if is_last { 0x80 } else { 0 }) | if k == 0 { opcode } else { 0 };
                bytes.extend(frame(first, part.as_bytes(), *mask));
                if let Some(ping) = ping {
                    bytes.extend(frame(0x89, ping, *mask));
                    // The last part's message is complete before the ping behind it.
                    if !is_last {
                        expected.push((9, ping.clone()));
                    }
                }
                if is_last {
                    expected.push((opcode, parts.concat().into_bytes()));
                    expected.extend(ping.iter().map(|ping| (9, ping.clone())));
                }
            }
        }
        prop_assert_eq!(read([&bytes[..]]), (expected, Ok(())));

        // The same with anything at all behind it, against the whole in one piece.
        bytes.extend(tail);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        let whole = read([&bytes[..]]);
        prop_assert_eq!(&read(pieces), &whole);
        prop_assert_eq!(&read(bytes.chunks(1)), &whole);
    }
}
