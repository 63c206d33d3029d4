//! Files that may be tapes: whatever their bytes, reading ends, memory stays small, and what comes out is in order. What is
//! written from the same bytes comes back, also with a part of it changed or cut off, and the writer goes on from there.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tapecast::tape::header::Header;
use tapecast::tape::{Damage, Direction, Form, Message, Reader, Settings, TapeError, Writer};

fuzz_target!(|bytes: &[u8]| {
    // As it is; and behind a header, so that blocks are looked for in it.
    read(bytes);
    let mut behind = Header::default().encode().to_vec();
    behind.extend_from_slice(bytes);
    read(&behind);
    if let Ok((mut writer, _)) = Writer::on(Cursor::new(behind), settings(), Header::default()) {
        go_on(&mut writer);
    }
    round_trip(bytes);
});

fn settings() -> Settings {
    Settings { block_bytes: 4 << 10, flush_every: std::time::Duration::MAX, level: 1, is_synced: false }
}

/// Records as text, and how much was damaged.
fn read(bytes: &[u8]) -> Option<(Vec<(u64, Vec<u8>)>, Vec<Damage>)> {
    let mut reader = match Reader::on(Cursor::new(bytes)) {
        Ok(reader) => reader,
        Err(TapeError::NoTape | TapeError::Version { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    reader.check_digests();
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    loop {
        match reader.read() {
            Ok(Some(record)) => records.push((record.sequence, record.message.bytes.to_vec())),
            Ok(None) => break,
            Err(damage) => damages.push(damage),
        }
    }
    assert_eq!(reader.blocks_read(), reader.index().entries.len());
    if damages.is_empty() {
        assert!(records.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
        assert_eq!(records.len() as u64, reader.index().records());
    }
    Some((records, damages))
}

/// What is appended to whatever is there can be read.
fn go_on(writer: &mut Writer<Cursor<Vec<u8>>>) {
    let sequence = writer.append(&message(7, b"last")).expect("memory has room");
    writer.finish().expect("memory has room");
    let (records, _) = read(writer.store().get_ref()).expect("a tape");
    assert_eq!(records.last(), Some(&(sequence, b"last".to_vec())));
}

fn message(ts_recv: i64, bytes: &[u8]) -> Message<'_> {
    let (direction, form) = (Direction::From, Form::Text);
    Message { ts_recv, connection: 0, direction, form, label: if bytes.len() % 2 == 0 { "even" } else { "" }, bytes }
}

/// The first bytes say what becomes of the tape that the others are written to.
fn round_trip(bytes: &[u8]) {
    let [how, at_low, at_high, rest @ ..] = bytes else { return };
    let (mut writer, _) = Writer::on(Cursor::default(), settings(), Header::default()).expect("memory has room");
    let pieces: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    for (n, piece) in pieces.iter().enumerate() {
        writer.append(&message(n as i64, piece)).expect("memory has room");
        if n % 3 == 2 {
            writer.flush().expect("memory has room");
        }
    }
    writer.finish().expect("memory has room");
    let mut stored = writer.store().get_ref().clone();
    let expected: Vec<_> = (1..).zip(pieces.iter().map(|piece| piece.to_vec())).collect();
    let (records, damages) = read(&stored).expect("a tape");
    assert!(records == expected && damages.is_empty(), "{damages:?}");

    let at = usize::from(u16::from_le_bytes([*at_low, *at_high])) % stored.len();
    if *how < 0x80 {
        stored[at] ^= 1 << (how % 8);
        let Some((records, damages)) = read(&stored) else { return assert!(at < 8) };
        assert!(!damages.is_empty(), "a change of byte {at} is not noticed");
        assert!(records.iter().all(|record| expected.contains(record)), "a change of byte {at} changes records");
    } else {
        stored.truncate(at);
        if let Some((records, _)) = read(&stored) {
            assert!(expected.starts_with(&records));
        }
        let on = Writer::on(Cursor::new(stored), settings(), Header::default());
        go_on(&mut on.expect("what was cut off can be gone on with").0);
    }
}
