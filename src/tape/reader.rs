//! Reading a tape: from any record or time on, block by block.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use zstd::bulk::Decompressor;

use crate::tape::block::{BLOCK_HEADER_BYTES, BlockHeader};
use crate::tape::bytes::Bytes;
use crate::tape::damage::{Damage, What};
use crate::tape::digest::Digest;
use crate::tape::header::{HEADER_BYTES, Header};
use crate::tape::index::{Ending, Entry, Index};
use crate::tape::record::{Head, Message, Record, read_head};
use crate::tape::recover::{Walk, open_tally};
use crate::tape::tally::Tally;
use crate::tape::{TapeError, io_error};

/// Reads a tape. Memory: one block as stored and unpacked, the heads of its records, and the index.
pub struct Reader<R: Read + Seek = File> {
    source: R,
    length: u64,
    header: Header,
    index: Index,
    is_finished: bool,
    /// What was met on the way and not told yet.
    damages: VecDeque<Damage>,
    /// The block that is loaded next.
    next_block: usize,
    block: Loaded,
    /// The number the next record should have.
    expected: Option<u64>,
    checks_digests: bool,
    /// The digest of the block before the next one; `None` where it is not known.
    digest: Option<Digest>,
    /// Records before these are passed over.
    from: Start,
}

/// Where a reader begins.
#[derive(Clone, Copy)]
enum Start {
    Sequence(u64),
    Time(i64),
}

/// The block that is being read.
#[derive(Default)]
struct Loaded {
    first_sequence: u64,
    tally: Tally,
    heads: Vec<Head>,
    content: Vec<u8>,
    stored: Vec<u8>,
    /// The head that comes next.
    at: usize,
}

impl Reader {
    /// Opens a tape.
    ///
    /// # Errors
    /// [`TapeError`]: what the system refuses, what is no tape, and what a later version has written.
    pub fn open(path: &Path) -> Result<Reader, TapeError> {
        let file = File::open(path).map_err(io_error("open"))?;
        if file.metadata().map_err(io_error("open"))?.is_dir() {
            return Err(io_error("open")(io::ErrorKind::IsADirectory.into()));
        }
        Reader::on(file)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads from anything; a file as [`Reader::open`] does. Cost: with an index, a few reads, without one, two for
    /// each block.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn on(mut source: R) -> Result<Reader<R>, TapeError> {
        let length = source.seek(SeekFrom::End(0)).map_err(io_error("find the end"))?;
        let mut first = vec![0; length.min(HEADER_BYTES as u64) as usize];
        source.rewind().and_then(|()| source.read_exact(&mut first)).map_err(io_error("read the header"))?;
        let (header, is_whole) = Header::decode(&first)?;
        let mut damages = VecDeque::new();
        if !is_whole {
            damages.push_back(Damage { block: None, offset: 0, what: What::FileHeader });
        }
        let ending = Index::read(&mut source, length).map_err(io_error("read the index"))?;
        let (index, is_finished) = match ending {
            Ending::Index(index, _) => (index, true),
            Ending::Damaged | Ending::None => {
                let walk = Walk::through(&mut source, length).map_err(io_error("read the blocks"))?;
                let begun = Index::begins_at(&mut source, walk.end, length).map_err(io_error("read the index"))?;
                let is_damaged = matches!(ending, Ending::Damaged) || begun == Some(true);
                let what = if is_damaged { What::Index } else { What::Unfinished };
                let mut found: VecDeque<Damage> = walk.damages.into();
                // What is left of an index is no block that is missing.
                let is_index =
                    |damage: &Damage| damage.offset == walk.end && matches!(damage.what, What::NoBlock { .. });
                if (is_damaged || begun.is_some()) && found.back().is_some_and(is_index) {
                    found.pop_back();
                }
                damages.push_back(Damage { block: None, offset: walk.end, what });
                damages.append(&mut found);
                (walk.index, false)
            }
        };
        let from = Start::Sequence(0);
        let digest = is_whole.then(|| Digest::of_header(&first));
        let expected = is_whole.then_some(header.first_sequence);
        let block = Loaded::default();
        let checks_digests = false;
        let mut reader = Reader {
            source,
            length,
            header,
            index,
            is_finished,
            damages,
            next_block: 0,
            block,
            expected,
            checks_digests,
            digest,
            from,
        };
        reader.check_start();
        Ok(reader)
    }

    /// An index that was made for other blocks has a hole where they were.
    fn check_start(&mut self) {
        let mut end = HEADER_BYTES as u64;
        for (number, entry) in self.index.entries.iter().enumerate().filter(|_| self.is_finished) {
            if entry.offset != end {
                let what = What::NoBlock { bytes: entry.offset - end };
                self.damages.push_back(Damage { block: Some(number as u64), offset: end, what });
            }
            end = entry.end();
        }
    }

    /// Makes it check the chain of digests as well, from the first block on: to be asked for before anything is read.
    pub fn check_digests(&mut self) {
        self.checks_digests = true;
    }

    /// The file's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The blocks.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the index was found and whole; it was made from the blocks otherwise.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// What opening has met; reading tells it first.
    pub fn damages(&self) -> impl Iterator<Item = &Damage> {
        self.damages.iter()
    }

    /// The digest of everything up to the block that was read last; `None` where that is damaged, and after a seek.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Up to where in the file it has come.
    pub fn position(&self) -> u64 {
        let last = self.next_block.checked_sub(1).and_then(|block| self.index.entries.get(block));
        last.map_or(HEADER_BYTES as u64, Entry::end)
    }

    /// How many blocks have been read or passed over.
    pub fn blocks_read(&self) -> usize {
        self.next_block
    }

    /// Goes to the first record of this number or a higher one.
    pub fn seek_sequence(&mut self, sequence: u64) {
        let block = self.index.entries.iter().position(|entry| entry.end_sequence() > sequence);
        self.seek_block(block, Start::Sequence(sequence));
    }

    /// Goes to the first record received at this time or later; the records behind it follow, whatever their times.
    pub fn seek_time(&mut self, ts_recv: i64) {
        let block = self.index.entries.iter().position(|entry| entry.time_high >= ts_recv);
        self.seek_block(block, Start::Time(ts_recv));
    }

    fn seek_block(&mut self, block: Option<usize>, from: Start) {
        self.next_block = block.unwrap_or(self.index.entries.len());
        self.from = from;
        self.block.heads.clear();
        self.block.at = 0;
        (self.expected, self.digest) = (None, None);
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`Damage`]; the next call goes on behind it.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, Damage> {
        loop {
            if let Some(damage) = self.damages.pop_front() {
                return Err(damage);
            }
            while let Some(head) = self.block.heads.get(self.block.at) {
                let sequence = self.block.first_sequence + self.block.at as u64;
                let is_before = match self.from {
                    Start::Sequence(from) => sequence < from,
                    Start::Time(from) => head.ts_recv < from,
                };
                if !is_before {
                    self.from = Start::Sequence(0);
                    self.block.at += 1;
                    return Ok(Some(self.block.record(self.block.at - 1)));
                }
                self.block.at += 1;
            }
            let Some(entry) = self.index.entries.get(self.next_block).copied() else { return Ok(None) };
            let number = self.next_block as u64;
            self.next_block += 1;
            self.block.heads.clear();
            self.block.at = 0;
            if let Err(what) = self.load(number, &entry) {
                if matches!(what, What::BlockHeader | What::OtherBlock | What::Unreadable { .. }) {
                    self.digest = None;
                }
                self.damages.push_back(Damage { block: Some(number), offset: entry.offset, what });
            }
            self.expected = Some(entry.end_sequence());
        }
    }

    /// Loads a block; what is wrong with it and leaves its records readable is noted.
    fn load(&mut self, number: u64, entry: &Entry) -> Result<(), What> {
        let mut stored_header = [0; BLOCK_HEADER_BYTES];
        let header = self.block.fetch(&mut self.source, entry, &mut stored_header)?;
        let mut note = |what| self.damages.push_back(Damage { block: Some(number), offset: entry.offset, what });
        if let Some(expected) = self.expected {
            if header.first_sequence > expected {
                note(What::Missing { from: expected, to: header.first_sequence - 1 });
            } else if header.first_sequence < expected {
                note(What::Repeated { from: header.first_sequence });
            }
        }
        let has_tally = self.block.unpack_tally(&header);
        if !has_tally {
            note(What::Tally);
        }
        let unpacked = self.block.unpack(&header);
        // What has a wrong checksum has a wrong digest, and is named already.
        let is_checked = self.checks_digests && has_tally && unpacked.is_ok();
        if is_checked && self.digest.is_some_and(|before| !header.continues(before, &stored_header, &self.block.stored))
        {
            note(What::Digest);
        }
        self.digest = Some(header.digest);
        unpacked
    }

    /// Whether a block can be read back as a whole.
    pub(super) fn is_whole(source: &mut R, entry: &Entry) -> io::Result<bool> {
        let mut block = Loaded::default();
        match block.fetch(source, entry, &mut [0; BLOCK_HEADER_BYTES]) {
            Ok(header) => Ok(block.unpack_tally(&header) && block.unpack(&header).is_ok()),
            Err(What::Unreadable { kind }) => Err(kind.into()),
            Err(_) => Ok(false),
        }
    }
}

impl Loaded {
    /// Reads header and stored bytes.
    fn fetch(
        &mut self,
        source: &mut (impl Read + Seek),
        entry: &Entry,
        stored_header: &mut [u8; BLOCK_HEADER_BYTES],
    ) -> Result<BlockHeader, What> {
        let unreadable = |error: io::Error| What::Unreadable { kind: error.kind() };
        source.seek(SeekFrom::Start(entry.offset)).map_err(unreadable)?;
        source.read_exact(stored_header).map_err(unreadable)?;
        let header = BlockHeader::decode(stored_header).ok_or(What::BlockHeader)?;
        if Entry::new(entry.offset, &header) != *entry {
            return Err(What::OtherBlock);
        }
        self.stored.resize(entry.length as usize - BLOCK_HEADER_BYTES, 0);
        source.read_exact(&mut self.stored).map_err(unreadable)?;
        self.first_sequence = header.first_sequence;
        Ok(header)
    }

    /// False for a tally that is damaged: its block has no labels then.
    fn unpack_tally(&mut self, header: &BlockHeader) -> bool {
        let tally = open_tally(header, &self.stored[..header.tally_stored as usize]);
        let is_whole = tally.is_some();
        self.tally = tally.unwrap_or_default();
        is_whole
    }

    fn unpack(&mut self, header: &BlockHeader) -> Result<(), What> {
        let stored = &self.stored[header.tally_stored as usize..];
        if crc32fast::hash(stored) != header.content_crc {
            return Err(What::Content);
        }
        let bytes = header.content_bytes as usize;
        self.content.clear();
        self.content.reserve_exact(bytes);
        let unpacked = Decompressor::new().and_then(|mut zstd| zstd.decompress_to_buffer(stored, &mut self.content));
        if !unpacked.is_ok_and(|count| count == bytes) {
            return Err(What::Malformed);
        }
        if self.read_heads(header.count).is_none() {
            self.heads.clear();
            return Err(What::Malformed);
        }
        Ok(())
    }

    fn read_heads(&mut self, count: u32) -> Option<()> {
        let mut bytes = Bytes(&self.content);
        let heads_bytes = bytes.u32()? as usize;
        let mut heads = Bytes(bytes.take(heads_bytes)?);
        let (mut start, mut time) = (4 + heads_bytes, 0);
        for _ in 0..count {
            let head = read_head(&mut heads, time, start)?;
            (start, time) = (start + head.length, head.ts_recv);
            self.heads.push(head);
        }
        (heads.0.is_empty() && start == self.content.len()).then_some(())
    }

    fn record(&self, at: usize) -> Record<'_> {
        let head = &self.heads[at];
        let message = Message {
            ts_recv: head.ts_recv,
            connection: head.connection,
            direction: head.direction,
            form: head.form,
            label: self.tally.label(head.label).unwrap_or(""),
            bytes: &self.content[head.start..head.start + head.length],
        };
        Record { sequence: self.first_sequence + at as u64, message }
    }
}
