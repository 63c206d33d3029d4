//! Any records in are the same records out, whatever is cut off, and whatever is damaged is named.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::tape::header::{HEADER_BYTES, Header};
use crate::tape::{Damage, Direction, Form, Message, Reader, Record, Settings, Store, TapeError, What, Writer};

type Memory = Cursor<Vec<u8>>;

/// A record with bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    ts_recv: i64,
    connection: u32,
    direction: Direction,
    form: Form,
    label: String,
    bytes: Vec<u8>,
}

impl Owned {
    fn message(&self) -> Message<'_> {
        Message {
            ts_recv: self.ts_recv,
            connection: self.connection,
            direction: self.direction,
            form: self.form,
            label: &self.label,
            bytes: &self.bytes,
        }
    }

    fn of(record: &Record<'_>) -> Owned {
        let message = &record.message;
        Owned {
            ts_recv: message.ts_recv,
            connection: message.connection,
            direction: message.direction,
            form: message.form,
            label: message.label.to_owned(),
            bytes: message.bytes.to_vec(),
        }
    }
}

fn any_record() -> impl Strategy<Value = Owned> {
    let direction = prop_oneof![Just(Direction::From), Just(Direction::To), Just(Direction::Note)];
    let time = prop_oneof![4 => 0..1_000_i64, 1 => any::<i64>()];
    let rest = (direction, 0..Form::ALL.len(), "[a-c]{0,2}", vec(any::<u8>(), 0..300));
    (time, prop_oneof![0..3_u32, any::<u32>()], rest).prop_map(|(ts_recv, connection, rest)| {
        let (direction, form, label, bytes) = rest;
        Owned { ts_recv, connection, direction, form: Form::ALL[form], label, bytes }
    })
}

/// Blocks as small as they get.
fn settings() -> Settings {
    Settings { block_bytes: 4 << 10, flush_every: Duration::from_secs(3_600), ..Settings::default() }
}

/// A tape with blocks of so many records.
fn write(records: &[Owned], per_block: usize, is_finished: bool) -> Vec<u8> {
    let (mut writer, cut) = Writer::on(Memory::default(), settings(), Header::default()).unwrap();
    assert_eq!(cut, None);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(writer.append(&record.message()).unwrap(), n as u64 + 1);
        if (n + 1) % per_block == 0 {
            writer.flush().unwrap();
        }
    }
    if is_finished {
        writer.finish().unwrap()
    } else {
        writer.flush().unwrap()
    }
    writer.store().get_ref().clone()
}

/// All records and all damages.
fn read(bytes: &[u8]) -> (Vec<(u64, Owned)>, Vec<Damage>) {
    let mut reader = Reader::on(Cursor::new(bytes)).unwrap();
    reader.check_digests();
    rest(&mut reader)
}

fn rest<R: Read + Seek>(reader: &mut Reader<R>) -> (Vec<(u64, Owned)>, Vec<Damage>) {
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    loop {
        match reader.read() {
            Ok(Some(record)) => records.push((record.sequence, Owned::of(&record))),
            Ok(None) => return (records, damages),
            Err(damage) => damages.push(damage),
        }
    }
}

fn numbered(records: &[Owned]) -> Vec<(u64, Owned)> {
    (1..).zip(records.iter().cloned()).collect()
}

fn trades(count: usize) -> Vec<Owned> {
    let trade = |n: usize| Owned {
        ts_recv: 1_700_000_000_000_000_000 + n as i64 * 1_000_000,
        connection: 0,
        direction: Direction::From,
        form: Form::Text,
        label: format!("binance S{} trade", n % 3),
        bytes: format!("{{\"e\":\"trade\",\"t\":{n},\"p\":\"{}\"}}", n * 7_919 % 10_007).into_bytes(),
    };
    (0..count).map(trade).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_records_in_are_the_same_records_out(
        records in vec(any_record(), 0..60),
        per_block in 1..20_usize,
        is_finished: bool,
        seek in any::<prop::sample::Index>(),
    ) {
        let bytes = write(&records, per_block, is_finished);
        let (found, damages) = read(&bytes);
        let expected = numbered(&records);
        prop_assert_eq!(&found, &expected);
        let is_expected = |damage: &Damage| !is_finished && damage.what == What::Unfinished;
        prop_assert!(damages.iter().all(is_expected), "{:?}", damages);

        let mut reader = Reader::on(Cursor::new(&bytes[..])).unwrap();
        let (at, _) = (seek.index(records.len() + 1), reader.read());
        reader.seek_sequence(at as u64 + 1);
        prop_assert_eq!(rest(&mut reader).0, &expected[at..]);
        let time = records.get(at).map_or(i64::MAX, |record| record.ts_recv);
        reader.seek_time(time);
        let first = expected.iter().position(|(_, record)| record.ts_recv >= time).unwrap_or(expected.len());
        prop_assert_eq!(rest(&mut reader).0, &expected[first..]);

        let tally = reader.index().tally.clone();
        prop_assert_eq!(reader.index().records(), records.len() as u64);
        for label in ["a", "bc"] {
            let total = tally.iter().find(|(name, _)| *name == label).map_or(0, |(_, total)| total.records);
            prop_assert_eq!(total, records.iter().filter(|record| record.label == label).count() as u64);
        }
    }

    #[test]
    fn cut_anywhere_every_whole_block_is_read_and_the_writer_goes_on(
        count in 1..40_usize,
        per_block in 1..8_usize,
        is_finished: bool,
        cut in any::<prop::sample::Index>(),
    ) {
        let records = trades(count);
        let whole = write(&records, per_block, is_finished);
        let ends: Vec<_> =
            Reader::on(Cursor::new(&whole[..])).unwrap().index().entries.iter().map(|entry| entry.end()).collect();
        let cut = cut.index(whole.len() + 1);
        let kept = ends.iter().filter(|end| **end <= cut as u64).count() * per_block;
        let expected = numbered(&records[..kept.min(count)]);
        if cut >= HEADER_BYTES {
            let (found, damages) = read(&whole[..cut]);
            prop_assert_eq!(&found, &expected);
            prop_assert!(!damages.is_empty() || (is_finished && cut == whole.len()));
        }

        let (mut writer, told) = Writer::on(Cursor::new(whole[..cut].to_vec()), settings(), Header::default()).unwrap();
        let end = ends.iter().rfind(|end| **end <= cut as u64).copied().unwrap_or(HEADER_BYTES as u64);
        let torn = if cut < HEADER_BYTES { cut as u64 } else { cut as u64 - end };
        let is_whole = is_finished && cut == whole.len();
        prop_assert_eq!(told.as_ref().map_or(0, |told| told.bytes), if is_whole { 0 } else { torn });
        if let Some(told) = told {
            prop_assert_eq!(told.known_until, expected.last().map(|(_, record)| record.ts_recv));
        }
        let added = trades(3);
        for record in &added {
            writer.append(&record.message()).unwrap();
        }
        writer.finish().unwrap();
        let all: Vec<_> = expected.into_iter().map(|(_, record)| record).chain(added).collect();
        prop_assert_eq!(read(writer.store().get_ref()), (numbered(&all), Vec::new()));
    }

    #[test]
    fn any_bit_that_is_flipped_is_noticed_and_named(
        count in 1..30_usize,
        is_finished: bool,
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let records = trades(count);
        let mut bytes = write(&records, 4, is_finished);
        let whole = Reader::on(Cursor::new(bytes.clone())).unwrap();
        let place = place.index(bytes.len());
        let block = whole.index().entries.iter().position(|entry| (entry.offset..entry.end()).contains(&(place as u64)));
        bytes[place] ^= 1 << bit;
        if place < 8 {
            prop_assert!(matches!(Reader::on(Cursor::new(bytes)), Err(TapeError::NoTape)));
            return Ok(());
        }
        let (found, damages) = read(&bytes);
        let named = damages.iter().any(|damage| damage.what != What::Unfinished);
        prop_assert!(named, "byte {}: {:?}", place, damages);
        // The other blocks are read.
        let expected: Vec<_> = numbered(&records)
            .into_iter()
            .filter(|(sequence, _)| block != Some((*sequence as usize - 1) / 4))
            .collect();
        let without_labels = |records: &[(u64, Owned)]| -> Vec<(u64, Vec<u8>)> {
            records.iter().map(|(sequence, record)| (*sequence, record.bytes.clone())).collect()
        };
        let outside = |records: &[(u64, Owned)]| -> Vec<(u64, Vec<u8>)> {
            let mut kept = without_labels(records);
            kept.retain(|(sequence, _)| block != Some((*sequence as usize - 1) / 4));
            kept
        };
        prop_assert_eq!(outside(&found), without_labels(&expected));
        if let Some(block) = block {
            let is_named = |damage: &Damage| damage.block == Some(block as u64);
            prop_assert!(damages.iter().any(is_named), "block {}: {:?}", block, damages);
        }
    }
}

#[test]
fn an_index_that_was_not_written_whole_costs_no_record() {
    let records = trades(20);
    let (open, finished) = (write(&records, 4, false), write(&records, 4, true));
    for length in open.len()..finished.len() {
        let (found, damages) = read(&finished[..length]);
        assert_eq!(found, numbered(&records));
        let is_named = |damage: &Damage| damage.what == What::Unfinished;
        let is_short = length < open.len() + 4;
        assert!(is_named(&damages[0]) && (is_short || damages.len() == 1), "{length}: {damages:?}");
        let memory = Cursor::new(finished[..length].to_vec());
        let (_, cut) = Writer::on(memory, settings(), Header::default()).unwrap();
        assert!(is_short || cut.is_some_and(|cut| cut.was_index && cut.bytes == (length - open.len()) as u64));
    }
}

#[test]
fn a_block_that_was_replaced_or_taken_out_breaks_the_chain() {
    let records = trades(40);
    let (bytes, other) = (write(&records, 10, false), write(&trades(41)[1..], 10, false));
    let entries = Reader::on(Cursor::new(bytes.clone())).unwrap().index().entries.clone();
    let others = Reader::on(Cursor::new(other.clone())).unwrap().index().entries.clone();
    let part = |bytes: &[u8], entry: &crate::tape::Entry| bytes[entry.offset as usize..entry.end() as usize].to_vec();
    let mut replaced = bytes[..entries[1].offset as usize].to_vec();
    replaced.extend(part(&other, &others[1]));
    replaced.extend(part(&bytes, &entries[2]));
    let whats = |bytes: &[u8]| read(bytes).1.into_iter().map(|damage| (damage.block, damage.what)).collect::<Vec<_>>();
    assert_eq!(whats(&replaced), [(None, What::Unfinished), (Some(1), What::Digest), (Some(2), What::Digest)]);

    let mut taken_out = bytes[..entries[1].offset as usize].to_vec();
    taken_out.extend(part(&bytes, &entries[2]));
    let missing = What::Missing { from: 11, to: 20 };
    assert_eq!(whats(&taken_out), [(None, What::Unfinished), (Some(1), missing), (Some(1), What::Digest)]);
}

/// A disk of so many bytes.
struct Disk {
    memory: Memory,
    capacity: Rc<Cell<usize>>,
}

impl Read for Disk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.memory.read(buffer)
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.capacity.get().saturating_sub(self.memory.position() as usize);
        match bytes.len().min(room) {
            0 if !bytes.is_empty() => Err(io::ErrorKind::StorageFull.into()),
            count => self.memory.write(&bytes[..count]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.memory.seek(to)
    }
}

impl Store for Disk {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.memory.truncate(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_writer_goes_on_when_there_is_room() {
    let records = trades(2_000);
    let capacity = Rc::new(Cell::new(5_000));
    let disk = Disk { memory: Memory::default(), capacity: Rc::clone(&capacity) };
    let (mut writer, _) = Writer::on(disk, settings(), Header::default()).unwrap();
    let (mut taken, mut refused) = (0, 0);
    for record in &records {
        while let Err(error) = writer.append(&record.message()) {
            assert!(matches!(&error, TapeError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull));
            refused += 1;
            let (found, damages) = read(writer.store().memory.get_ref());
            assert!(damages.iter().all(|damage| damage.what == What::Unfinished), "{damages:?}");
            assert!(found.len() <= taken && numbered(&records).starts_with(&found));
            capacity.set(capacity.get() + 1_000);
        }
        taken += 1;
    }
    assert!(refused > 3, "{refused}");
    capacity.set(usize::MAX);
    writer.finish().unwrap();
    assert_eq!(read(writer.store().memory.get_ref()), (numbered(&records), Vec::new()));
}

#[test]
fn a_block_is_closed_by_age_and_by_size() {
    let every = Settings { flush_every: Duration::ZERO, ..settings() };
    let (mut writer, _) = Writer::on(Memory::default(), every, Header::default()).unwrap();
    let records = trades(400);
    for record in &records[..5] {
        writer.append(&record.message()).unwrap();
    }
    writer.flush_due().unwrap();
    assert_eq!(writer.index().entries.len(), 5);

    let (mut writer, _) = Writer::on(Memory::default(), settings(), Header::default()).unwrap();
    for record in &records {
        writer.append(&record.message()).unwrap();
    }
    writer.flush_due().unwrap();
    let blocks = writer.index().entries.len();
    assert!(blocks > 1 && writer.index().entries.iter().all(|entry| entry.content_bytes <= 4 << 10), "{blocks}");
    let long = Owned { bytes: vec![b'x'; 16 << 20], ..records[0].clone() };
    writer.append(&long.message()).unwrap();
    let error = writer.append(&Owned { bytes: vec![b'x'; (16 << 20) + 1], ..long }.message()).unwrap_err();
    assert!(error.to_string().contains("16777217 bytes"), "{error}");
}

#[test]
fn what_is_no_tape_or_of_a_later_version_is_refused_by_name() {
    for bytes in [&b""[..], b"tape", b"1700000000000000000 {}\n", &[0x28; 200]] {
        let error = Reader::on(Cursor::new(bytes)).err().unwrap();
        assert!(error.to_string().contains("no tape"), "{error}");
    }
    assert!(Writer::on(Cursor::new(b"something else".to_vec()), settings(), Header::default()).is_err());
    let mut later = Header::default().encode();
    later[8] = 9;
    let crc = crc32fast::hash(&later[..60]);
    later[60..].copy_from_slice(&crc.to_le_bytes());
    let error = Reader::on(Cursor::new(&later[..])).err().unwrap();
    assert!(error.to_string().contains("version 9"), "{error}");
}

#[test]
fn without_an_index_a_block_behind_damaged_bytes_is_found() {
    let records = trades(50);
    let mut bytes = write(&records, 10, false);
    let entries = Reader::on(Cursor::new(bytes.clone())).unwrap().index().entries.clone();
    bytes[entries[1].offset as usize + 20] ^= 1;
    let (found, damages) = read(&bytes);
    let length = u64::from(entries[1].length);
    let expected = [
        Damage { block: None, offset: entries[4].end(), what: What::Unfinished },
        Damage { block: Some(1), offset: entries[1].offset, what: What::NoBlock { bytes: length } },
        Damage { block: Some(1), offset: entries[2].offset, what: What::Missing { from: 11, to: 20 } },
        Damage { block: Some(1), offset: entries[2].offset, what: What::Digest },
    ];
    assert_eq!(damages, expected);
    assert_eq!(found.len(), 40);
}
