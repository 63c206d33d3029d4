//! The index from the blocks themselves, where it is missing.
//!
//! A header says how long its block is, so a walk from header to header reads a few hundred bytes of each block. Where
//! no header is, the next one is looked for byte by byte.

use std::io::{self, Read, Seek, SeekFrom};

use crate::tape::block::{BLOCK_HEADER_BYTES, BlockHeader, MAGIC};
use crate::tape::damage::{Damage, What};
use crate::tape::header::HEADER_BYTES;
use crate::tape::index::{Entry, Index};
use crate::tape::tally::Tally;

/// The most damages that are listed; behind them the walk goes on in silence.
const DAMAGES_MAX: usize = 4_096;

/// Bytes read at a time where a header is looked for.
const STRIDE: usize = 1 << 16;

/// What a walk has found.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) index: Index,
    pub(super) damages: Vec<Damage>,
    /// Where the last block ends.
    pub(super) end: u64,
}

impl Walk {
    /// Walks through the blocks from the file's header up to `length`.
    pub(super) fn through(source: &mut (impl Read + Seek), length: u64) -> io::Result<Walk> {
        let mut walk = Walk { end: HEADER_BYTES as u64, ..Walk::default() };
        let (mut at, mut tally) = (HEADER_BYTES as u64, Vec::new());
        while at < length {
            let Some(header) = read_header(source, at, length)? else {
                // A header of which too few bytes are there is the end of a block that was not written whole.
                let next = find(source, at + 1, length)?;
                walk.note(at, What::NoBlock { bytes: next.unwrap_or(length) - at });
                let Some(next) = next else { break };
                at = next;
                continue;
            };
            if header.length() > length - at {
                walk.note(at, What::CutOff { bytes: length - at });
                break;
            }
            walk.read_tally(source, at, &header, &mut tally)?;
            walk.index.entries.push(Entry::new(at, &header));
            at += header.length();
            walk.end = at;
        }
        Ok(walk)
    }

    fn read_tally(
        &mut self,
        source: &mut (impl Read + Seek),
        at: u64,
        header: &BlockHeader,
        stored: &mut Vec<u8>,
    ) -> io::Result<()> {
        stored.resize(header.tally_stored as usize, 0);
        source.seek(SeekFrom::Start(at + BLOCK_HEADER_BYTES as u64))?;
        source.read_exact(stored)?;
        match open_tally(header, stored) {
            Some(tally) => self.index.tally.add(&tally),
            None => self.note(at, What::Tally),
        }
        Ok(())
    }

    fn note(&mut self, offset: u64, what: What) {
        if self.damages.len() < DAMAGES_MAX {
            let block = Some(self.index.entries.len() as u64);
            self.damages.push(Damage { block, offset, what });
        }
    }
}

/// A tally from its stored bytes; `None` where it is damaged.
pub(super) fn open_tally(header: &BlockHeader, stored: &[u8]) -> Option<Tally> {
    if crc32fast::hash(stored) != header.tally_crc {
        return None;
    }
    let bytes = zstd::bulk::decompress(stored, header.tally_bytes as usize).ok()?;
    (bytes.len() == header.tally_bytes as usize).then(|| Tally::decode(false, &bytes))?
}

/// The header at `at`; `None` where there is no whole one.
pub(super) fn read_header(source: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Option<BlockHeader>> {
    if length - at < BLOCK_HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut stored = [0; BLOCK_HEADER_BYTES];
    source.seek(SeekFrom::Start(at))?;
    source.read_exact(&mut stored)?;
    Ok(BlockHeader::decode(&stored))
}

/// Where the next whole header is, from `at` on.
fn find(source: &mut (impl Read + Seek), mut at: u64, length: u64) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; STRIDE];
    while at + BLOCK_HEADER_BYTES as u64 <= length {
        let count = (length - at).min(STRIDE as u64) as usize;
        source.seek(SeekFrom::Start(at))?;
        source.read_exact(&mut bytes[..count])?;
        for place in memchr::memmem::find_iter(&bytes[..count], &MAGIC) {
            let place = at + place as u64;
            if read_header(source, place, length)?.is_some() {
                return Ok(Some(place));
            }
        }
        // A magic may lie across the seam.
        at += (count - (MAGIC.len() - 1)) as u64;
    }
    Ok(None)
}
