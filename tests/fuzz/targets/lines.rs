//! Connections with lines and pieces: they are told apart as a plain reading of the whole tells them, whatever pieces they come
//! in, and every answer is a line of JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tapecast::fanout::Dialect;
use tapecast::protocol::lines::{Mode, Reader};
use tapecast::session::lines::{LineLimits, LineSession};
use tapecast::session::rate::RateLimits;
use tapecast::session::selection::Manner;
use tapecast::session::{Effects, Incoming};

const BYTES_MAX: usize = 300;
const STREAMS_MAX: usize = 4;

// The first byte says in how large pieces the others come.
fuzz_target!(|bytes: &[u8]| {
    let Some((&size, bytes)) = bytes.split_first() else { return };
    let (mut reader, mut messages) = (Reader::new(BYTES_MAX), Vec::new());
    let mut read = Ok(());
    for piece in bytes.chunks(usize::from(size).max(1)) {
        read = reader.read(piece, |mode, message| {
            assert_eq!(mode, Mode::of(bytes[0]));
            messages.push(message.to_vec());
        });
        if read.is_err() {
            break;
        }
    }
    let (expected, is_too_long) = plain(bytes);
    assert_eq!((&messages, read.is_err()), (&expected, is_too_long), "in pieces of {size}");
    if let Some(first) = bytes.first() {
        speak(Mode::of(*first), &messages);
    }
});

/// The messages of a connection, and whether one is longer than allowed, all of it read at once.
fn plain(mut bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let (mut messages, Some(first)) = (Vec::new(), bytes.first()) else { return (Vec::new(), false) };
    match Mode::of(*first) {
        Mode::Lines => loop {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                return (messages, bytes.len() > BYTES_MAX);
            };
            if end > BYTES_MAX {
                return (messages, true);
            }
            messages.push(bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]).to_vec());
            bytes = &bytes[end + 1..];
        },
        Mode::Prefixed => {
            while let Some((length, rest)) = bytes.split_first_chunk() {
                let length = u32::from_be_bytes(*length) as usize;
                if length > BYTES_MAX {
                    return (messages, true);
                }
                let Some((message, behind)) = rest.split_at_checked(length) else { break };
                messages.push(message.to_vec());
                bytes = behind;
            }
            (messages, false)
        }
    }
}

fn speak(mode: Mode, messages: &[Vec<u8>]) {
    let limits = LineLimits {
        heartbeat_ms: 1_000,
        streams_max: STREAMS_MAX,
        rate: RateLimits { per_second: 0, burst: 0 },
        lifetime_ms: 0,
        manner: Manner { serves_retired_names: true, ..Manner::default() },
    };
    let mut session = LineSession::new(limits, 0);
    session.set_dialect(Dialect::from(mode));
    for (n, message) in messages.iter().enumerate() {
        let mut effects = Effects::default();
        session.on_message(Incoming::Binary(message), n as u64, &mut effects);
        session.on_time(n as u64, 0, &mut effects);
        if let Some(wants) = &effects.wants {
            assert!(wants.len() <= STREAMS_MAX && effects.snapshots.len() <= wants.len());
        }
        let (answers, is_too_long) = plain_answers(mode, &effects.frames.bytes);
        assert!(!is_too_long && answers.len() <= 1, "one answer to one request");
        for answer in answers {
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
        }
        if effects.end.is_some() {
            return;
        }
    }
}

/// What the client reads, which may be as long as it likes.
fn plain_answers(mode: Mode, bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut reader = Reader::new(1 << 20);
    let mut answers = Vec::new();
    let is_too_long = reader.read(bytes, |told, answer| {
        assert_eq!(told, mode);
        answers.push(answer.to_vec());
    });
    (answers, is_too_long.is_err())
}
