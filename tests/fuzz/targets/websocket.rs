//! What a WebSocket client sends: the reader says the same of it in one piece and in many, and, where nothing is
//! compressed, the same as a plain reading of RFC 6455 that sees all of it at once.
//!
//! The first byte of the input says whether both sides agreed on compression, and how long the pieces are.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use tapecast::protocol::deflate::Inflater;
use tapecast::protocol::websocket::{Message, Reader};

const LIMIT: usize = 300;

/// Messages as they were read, with an opcode in place of their variant, and the code of the end.
type Read = (Vec<(u8, Vec<u8>)>, Option<u16>);

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((first, bytes)) = input.split_first() else { return Corpus::Reject };
    let deflates = first & 1 == 1;
    let whole = read([bytes], deflates);
    assert_eq!(whole, read(bytes.chunks(1 + usize::from(first >> 1) % 17), deflates));
    assert_eq!(whole, read(bytes.chunks(1), deflates));
    if !deflates {
        assert_eq!(whole, plainly(bytes));
    }
    for (opcode, payload) in whole.0 {
        assert!(payload.len() <= if opcode < 8 { LIMIT } else { 125 });
    }
    Corpus::Keep
});

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, deflates: bool) -> Read {
    let (mut reader, mut inflater) = (Reader::new(LIMIT), Inflater::default());
    let mut messages = Vec::new();
    for piece in pieces {
        let take = |message: Message<'_>| {
            messages.push(match message {
                Message::Text(text) => (1, text.as_bytes().to_vec()),
                Message::Binary(bytes) => (2, bytes.to_vec()),
                Message::Ping(payload) => (9, payload.to_vec()),
                Message::Pong(payload) => (10, payload.to_vec()),
            });
        };
        if let Err(close) = reader.read(&mut piece.to_vec(), deflates.then_some(&mut inflater), take) {
            return (messages, Some(close.code));
        }
    }
    (messages, None)
}

/// The same, read plainly.
fn plainly(mut bytes: &[u8]) -> Read {
    let mut messages = Vec::new();
    let mut begun: Option<(u8, Vec<u8>)> = None;
    let end = loop {
        let [first, second, rest @ ..] = bytes else { break None };
        let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
        let (is_control, short) = (opcode >= 8, usize::from(second & 0x7f));
        let is_known = [0, 1, 2, 8, 9, 10].contains(&opcode);
        let is_reserved = first & 0x30 != 0 || (first & 0x40 != 0 && !matches!(opcode, 1 | 2));
        if !is_known || is_reserved || second & 0x80 == 0 || (is_control && (!is_final || short > 125)) {
            break Some(1002);
        }
        let length_bytes = [0, 2, 8][short.saturating_sub(125).min(2)];
        if rest.len() < length_bytes + 4 {
            break None;
        }
        let (number, rest) = rest.split_at(length_bytes);
        let (mask, rest) = rest.split_at(4);
        let number = number.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        let (length, is_shortest) = match length_bytes {
            0 => (short as u128, true),
            2 => (number, number > 125),
            _ => (number, number > 0xffff && number >> 63 == 0),
        };
        let is_in_order = is_control || (opcode == 0) == begun.is_some();
        if !is_shortest || !is_in_order || first & 0x40 != 0 {
            break Some(1002);
        }
        let had = begun.as_ref().map_or(0, |(_, had)| had.len());
        if !is_control && length + had as u128 > LIMIT as u128 {
            break Some(1009);
        }
        let came = rest.len().min(length as usize);
        let is_whole = came == length as usize;
        let payload: Vec<u8> = rest[..came].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        bytes = &rest[came..];
        if is_control {
            match opcode {
                _ if !is_whole => break None,
                8 => break Some(code_of_answer(&payload)),
                _ => messages.push((opcode, payload)),
            }
            continue;
        }
        let (kind, mut message) = begun.take().unwrap_or((opcode, Vec::new()));
        message.extend(payload);
        let is_end = is_whole && is_final;
        let is_text = match std::str::from_utf8(&message) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none() && !is_end,
        };
        if kind == 1 && !is_text {
            break Some(1007);
        }
        if is_end {
            messages.push((kind, message));
        } else {
            begun = Some((kind, message));
        }
        if !is_whole {
            break None;
        }
    };
    (messages, end)
}

fn code_of_answer(payload: &[u8]) -> u16 {
    let code = match payload {
        [] => return 1000,
        [_] => return 1002,
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
    };
    let may_be_sent =
        (1000..5000).contains(&code) && ![1004, 1005, 1006].contains(&code) && !(1015..3000).contains(&code);
    match (may_be_sent, std::str::from_utf8(&payload[2..])) {
        (false, _) => 1002,
        (true, Err(_)) => 1007,
        (true, Ok(_)) => code,
    }
}
