//! Vectors of RFC 7692, offers, broken data, and what goes in comes out.

use proptest::prelude::*;

use super::{Deflater, Inflater, Level, agree};
use crate::protocol::websocket::{Close, Message, Opcode, Reader, deflated_frame_in_place};

const LIMIT: usize = 1 << 20;

fn inflate(payload: &[u8]) -> Result<Vec<u8>, u16> {
    Inflater::default().inflate(payload, LIMIT).map(<[u8]>::to_vec).map_err(|close| close.code)
}

fn deflate(level: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Deflater::new(Level::new(level).unwrap()).deflate(payload, &mut out);
    out
}

#[test]
fn the_examples_of_rfc_7692_section_7_2_3_are_read() {
    for (what, payload, text) in [
        ("7.2.3.1: one block", &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], "Hello"),
        ("7.2.3.3: a block stored as it is", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"),
        ("7.2.3.4: a last block", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"),
        ("the same without what follows it", b"\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello"),
        ("7.2.3.5: two blocks", b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"),
        ("7.2.3.6: an empty message", b"\x00", ""),
        ("an empty message as zlib makes one", b"\x02\x00", ""),
        ("an empty message as nothing", b"", ""),
    ] {
        assert_eq!(inflate(payload), Ok(text.as_bytes().to_vec()), "{what}");
    }
    // 7.2.3.2: the second of two messages that share a window, which nobody agrees on here.
    assert_eq!(inflate(b"\xf2\x00\x11\x00\x00"), Err(1007));
}

#[test]
fn hello_is_written_as_rfc_7692_section_7_2_3_1_has_it() {
    for level in 1..=9 {
        assert_eq!(deflate(level, b"Hello"), b"\xf2\x48\xcd\xc9\xc9\x07\x00", "level {level}");
        let mut frame = [&[0; 10][..], &deflate(level, b"Hello")].concat();
        let start = deflated_frame_in_place(Opcode::Text, &mut frame);
        assert_eq!(frame[start..], *b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    }
}

#[test]
fn a_compressed_message_in_two_frames_is_read() {
    // 7.2.3.1, masked with zeros.
    let mut bytes = *b"\x41\x83\0\0\0\0\xf2\x48\xcd\x80\x84\0\0\0\0\xc9\xc9\x07\x00";
    let (mut inflater, mut texts) = (Inflater::default(), Vec::new());
    let take = |message: Message<'_>| match message {
        Message::Text(text) => texts.push(text.to_owned()),
        other => panic!("{other:?}"),
    };
    Reader::new(LIMIT).read(&mut bytes, Some(&mut inflater), take).unwrap();
    assert_eq!(texts, ["Hello"]);
}

#[test]
fn offers_are_taken_or_declined() {
    const PLAIN: Option<&str> = Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    const WINDOW: Option<&str> =
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15");
    for (offers, answer) in [
        (&[][..], None),
        (&[""], None),
        (&["permessage-deflate"], PLAIN),
        (&[" permessage-deflate ; client_max_window_bits "], PLAIN),
        (&["permessage-deflate; client_max_window_bits=8"], PLAIN),
        (&["permessage-deflate; client_max_window_bits=\"15\""], PLAIN),
        (&["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], PLAIN),
        (&["permessage-deflate; server_max_window_bits=15"], WINDOW),
        (&["permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits"], WINDOW),
        // What cannot be kept to.
        (&["permessage-deflate; server_max_window_bits=14"], None),
        (&["permessage-deflate; server_max_window_bits=8"], None),
        // What is not allowed.
        (&["permessage-deflate; server_max_window_bits"], None),
        (&["permessage-deflate; server_max_window_bits=7"], None),
        (&["permessage-deflate; server_max_window_bits=16"], None),
        (&["permessage-deflate; server_max_window_bits=015"], None),
        (&["permessage-deflate; server_max_window_bits=+15"], None),
        (&["permessage-deflate; server_max_window_bits="], None),
        (&["permessage-deflate; server_max_window_bits=\"15"], None),
        (&["permessage-deflate; client_max_window_bits=7"], None),
        (&["permessage-deflate; client_max_window_bits=16"], None),
        (&["permessage-deflate; client_max_window_bits=08"], None),
        (&["permessage-deflate; client_max_window_bits=x"], None),
        (&["permessage-deflate; server_no_context_takeover=1"], None),
        (&["permessage-deflate; client_no_context_takeover=true"], None),
        (&["permessage-deflate; client_max_window_bits; client_max_window_bits"], None),
        (&["permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"], None),
        (&["permessage-deflate; unheard_of"], None),
        (&["permessage-deflate;"], None),
        (&["permessage-deflate; ="], None),
        (&["permessage-inflate"], None),
        (&["x-webkit-deflate-frame"], None),
        // The next one is tried, in the same header or another.
        (&["permessage-deflate; server_max_window_bits=10, permessage-deflate"], PLAIN),
        (&["permessage-deflate; unheard_of", "permessage-deflate; server_max_window_bits=15"], WINDOW),
        (&["other; a=\"1, permessage-deflate\""], None),
        (&["other; a=\"\\\", permessage-deflate\", permessage-deflate"], PLAIN),
        (&["other, permessage-deflate; client_max_window_bits"], PLAIN),
    ] {
        assert_eq!(agree(offers.iter().copied()), answer, "{offers:?}");
    }
}

#[test]
fn broken_data_is_refused_and_the_next_message_is_read() {
    let whole = deflate(6, "what is cut off is noticed, wherever that is. ".repeat(20).as_bytes());
    let mut inflater = Inflater::default();
    for length in 1..whole.len() {
        let cut = inflater.inflate(&whole[..length], LIMIT).map(<[u8]>::to_vec);
        assert_eq!(cut, Err(Close::NOT_INFLATED), "cut off after {length}");
        assert_eq!(inflater.inflate(b"\xf2\x48\xcd\xc9\xc9\x07\x00", LIMIT), Ok(&b"Hello"[..]));
    }
    for broken in [&b"\xff"[..], b"\x07", b"\x00\x05\x00\x00\x00Hello\x00", b"not compressed", &[0xaa; 1_000]] {
        assert_eq!(inflate(broken), Err(1007), "{broken:?}");
    }
}

#[test]
fn a_message_that_grows_without_end_is_refused_when_it_is_too_long() {
    let bomb = deflate(9, &vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let mut inflater = Inflater::default();
    assert_eq!(inflater.inflate(&bomb, LIMIT), Err(Close::TOO_LARGE));
    assert!(inflater.bytes_kept() < 3 * LIMIT);
    let whole = deflate(9, &vec![0; LIMIT]);
    assert_eq!(inflater.inflate(&whole, LIMIT).map(<[u8]>::len), Ok(LIMIT));
    assert_eq!(inflater.inflate(&whole, LIMIT - 1), Err(Close::TOO_LARGE));
    assert_eq!(inflater.inflate(&[0], LIMIT), Ok(&b""[..]));
    assert!(inflater.bytes_kept() <= 64 << 10, "what was large is given back");
}

#[test]
fn a_message_as_large_as_allowed_is_read_even_if_it_got_larger() {
    let mut chance = 1_u32;
    let mut byte = || {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (chance >> 24) as u8
    };
    let message: Vec<u8> = (0..100_000).map(|_| byte()).collect();
    let payload = deflate(6, &message);
    assert!(payload.len() > message.len());
    let framed =
        |payload: &[u8]| [b"\xc2\xff".as_slice(), &(payload.len() as u64).to_be_bytes(), &[0; 4], payload].concat();
    let read = |bytes_max: usize, mut bytes: Vec<u8>| {
        let (mut inflater, mut lengths) = (Inflater::default(), Vec::new());
        let take = |message: Message<'_>| match message {
            Message::Binary(bytes) => lengths.push(bytes.len()),
            other => panic!("{other:?}"),
        };
        Reader::new(bytes_max).read(&mut bytes, Some(&mut inflater), take).map(|()| lengths)
    };
    assert_eq!(read(100_000, framed(&payload)), Ok(vec![100_000]));
    assert_eq!(read(99_999, framed(&payload)), Err(Close::TOO_LARGE));
    // By its header, where it cannot be anything that is allowed.
    assert_eq!(read(80_000, framed(&payload)[..14].to_vec()), Err(Close::TOO_LARGE));
}

#[test]
fn endless_last_blocks_are_refused() {
    assert_eq!(inflate(&b"\x03\x00".repeat(16)), Ok(Vec::new()));
    assert_eq!(inflate(&b"\x03\x00".repeat(400_000)), Err(1007));
}

proptest! {
    #[test]
    fn what_is_deflated_is_inflated_again(
        level in 1_u8..=9,
        messages in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..300), 0_usize..600), 1..5),
    ) {
        let (mut deflater, mut inflater) = (Deflater::new(Level::new(level).unwrap()), Inflater::default());
        for (bytes, times) in messages {
            let message = bytes.repeat(times);
            let mut out = b"in front".to_vec();
            deflater.deflate(&message, &mut out);
            prop_assert_eq!(inflater.inflate(&out[8..], LIMIT).unwrap(), &message[..]);
        }
    }

    #[test]
    fn anything_at_all_is_inflated_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Inflater::default().inflate(&bytes, 10_000) {
            prop_assert!(message.len() <= 10_000);
        }
    }
}
