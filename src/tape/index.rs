//! The index: where the blocks are and what they span.

use std::io::{self, Read, Seek, SeekFrom};

use crate::tape::block::{BLOCK_HEADER_BYTES, BlockHeader, CONTENT_BYTES_MAX, RECORDS_MAX};
use crate::tape::bytes::Bytes;
use crate::tape::header::HEADER_BYTES;
use crate::tape::record::SEQUENCE_MAX;
use crate::tape::tally::Tally;

/// What an index begins with.
const MAGIC: [u8; 4] = *b"TIDX";

const END_MAGIC: [u8; 4] = *b"TEND";
const HEAD_BYTES: usize = 16;
const ENTRY_BYTES: usize = 56;
const END_BYTES: usize = 24;

/// Longest index that is read, in bytes: blocks for a tape of some terabytes, with [`FILE_LABELS_MAX`] labels.
///
/// [`FILE_LABELS_MAX`]: crate::tape::tally::FILE_LABELS_MAX
const INDEX_BYTES_MAX: u64 = 1 << 30;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where in the file it begins.
    pub offset: u64,
    /// Of its first record.
    pub first_sequence: u64,
    /// How many records it has.
    pub count: u32,
    /// Length of its content before compression.
    pub content_bytes: u32,
    /// Length of the block in the file.
    pub length: u32,
    /// Lowest receive time.
    pub time_low: i64,
    /// Highest receive time.
    pub time_high: i64,
    /// Longest silence before one of its records, in nanoseconds.
    pub silence_ns: u64,
}

impl Entry {
    pub(super) fn new(offset: u64, header: &BlockHeader) -> Entry {
        Entry {
            offset,
            first_sequence: header.first_sequence,
            count: header.count,
            content_bytes: header.content_bytes,
            length: header.length() as u32,
            time_low: header.time_low,
            time_high: header.time_high,
            silence_ns: header.silence_ns,
        }
    }

    /// The number after that of its last record.
    pub fn end_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.count)
    }

    /// Where the next block begins.
    pub fn end(&self) -> u64 {
        self.offset + u64::from(self.length)
    }

    fn is_possible(&self, from: u64, to: u64) -> bool {
        let length = u64::from(self.length);
        self.offset >= from
            && length >= BLOCK_HEADER_BYTES as u64
            && self.offset.checked_add(length).is_some_and(|end| end <= to)
            && (1..=RECORDS_MAX).contains(&self.count)
            && self.first_sequence < SEQUENCE_MAX
            && self.content_bytes <= CONTENT_BYTES_MAX
            && self.time_low <= self.time_high
    }
}

/// All blocks of a file in their order, and what all of them hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// The blocks.
    pub entries: Vec<Entry>,
    /// Labels of the whole file.
    pub tally: Tally,
}

/// What stands at the end of a file.
pub(super) enum Ending {
    /// An index, which begins here.
    Index(Index, u64),
    /// One that is damaged.
    Damaged,
    /// None.
    None,
}

impl Index {
    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.count)).sum()
    }

    /// Lowest and highest receive time; `None` for a tape without records.
    pub fn span(&self) -> Option<(i64, i64)> {
        let low = self.entries.iter().map(|entry| entry.time_low).min()?;
        Some((low, self.entries.iter().map(|entry| entry.time_high).max()?))
    }

    /// Index and end, as they are stored behind the blocks, which end at `offset`.
    pub(super) fn encode(&self, offset: u64) -> Vec<u8> {
        let mut tally = Vec::new();
        self.tally.encode(true, &mut tally);
        let mut out = Vec::with_capacity(HEAD_BYTES + ENTRY_BYTES * self.entries.len() + tally.len() + END_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        out.extend_from_slice(&(tally.len() as u32).to_le_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.offset.to_le_bytes());
            out.extend_from_slice(&entry.first_sequence.to_le_bytes());
            for number in [entry.count, entry.content_bytes, entry.length, 0] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&entry.time_low.to_le_bytes());
            out.extend_from_slice(&entry.time_high.to_le_bytes());
            out.extend_from_slice(&entry.silence_ns.to_le_bytes());
        }
        out.extend_from_slice(&tally);
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        let (length, end) = (out.len() as u32, out.len());
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&END_MAGIC);
        let crc = crc32fast::hash(&out[end..]);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the index of a file of `length` bytes.
    pub(super) fn read(source: &mut (impl Read + Seek), length: u64) -> io::Result<Ending> {
        let Some(end_at) = length.checked_sub(END_BYTES as u64).filter(|at| *at >= HEADER_BYTES as u64) else {
            return Ok(Ending::None);
        };
        let mut end = [0; END_BYTES];
        source.seek(SeekFrom::Start(end_at))?;
        source.read_exact(&mut end)?;
        let is_whole = crc32fast::hash(&end[..END_BYTES - 4]).to_le_bytes() == end[END_BYTES - 4..];
        if !is_whole {
            return Ok(if end[16..20] == END_MAGIC { Ending::Damaged } else { Ending::None });
        }
        let mut bytes = Bytes(&end);
        let (Some(offset), Some(stored)) = (bytes.u64(), bytes.u32()) else { return Ok(Ending::Damaged) };
        let fits = offset.checked_add(u64::from(stored)) == Some(end_at) && u64::from(stored) <= INDEX_BYTES_MAX;
        if end[16..20] != END_MAGIC || offset < HEADER_BYTES as u64 || !fits {
            return Ok(Ending::Damaged);
        }
        let mut stored = vec![0; stored as usize];
        source.seek(SeekFrom::Start(offset))?;
        source.read_exact(&mut stored)?;
        Ok(Index::decode(&stored, offset).map_or(Ending::Damaged, |index| Ending::Index(index, offset)))
    }

    /// Whether an index begins where the blocks end; if so, whether it has the length it says, so that only what is
    /// behind it can be damaged.
    pub(super) fn begins_at(source: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Option<bool>> {
        if length.saturating_sub(at) < MAGIC.len() as u64 {
            return Ok(None);
        }
        let mut head = vec![0; HEAD_BYTES.min((length - at) as usize)];
        source.seek(SeekFrom::Start(at))?;
        source.read_exact(&mut head)?;
        let Some(rest) = head.strip_prefix(&MAGIC) else { return Ok(None) };
        let mut bytes = Bytes(rest);
        let (Some(_), Some(count), Some(tally_bytes)) = (bytes.u32(), bytes.u32(), bytes.u32()) else {
            return Ok(Some(false));
        };
        let expected = (HEAD_BYTES + END_BYTES) as u64 + u64::from(count) * ENTRY_BYTES as u64 + u64::from(tally_bytes);
        Ok(Some(expected == length - at))
    }

    fn decode(stored: &[u8], end: u64) -> Option<Index> {
        let mut bytes = Bytes(stored);
        if bytes.array()? != MAGIC || bytes.u32()? != crc32fast::hash(&stored[8..]) {
            return None;
        }
        let (count, tally_bytes) = (bytes.u32()? as usize, bytes.u32()? as usize);
        if bytes.0.len() != count.checked_mul(ENTRY_BYTES)?.checked_add(tally_bytes)? {
            return None;
        }
        let (mut entries, mut from) = (Vec::with_capacity(count), HEADER_BYTES as u64);
        for _ in 0..count {
            let (offset, first_sequence) = (bytes.u64()?, bytes.u64()?);
            let (records, content_bytes, length) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
            bytes.u32()?;
            let (time_low, time_high, silence_ns) = (bytes.i64()?, bytes.i64()?, bytes.u64()?);
            let count = records;
            let entry = Entry { offset, first_sequence, count, content_bytes, length, time_low, time_high, silence_ns };
            if !entry.is_possible(from, end) {
                return None;
            }
            from = entry.end();
            entries.push(entry);
        }
        Some(Index { entries, tally: Tally::decode(true, bytes.0)? })
    }
}
