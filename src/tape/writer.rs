//! Writing a tape: records in, whole blocks out.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::SeekFrom;
use std::path::Path;
use std::time::{Duration, Instant};

use zstd::bulk::Compressor;

use crate::tape::block::{BLOCK_HEADER_BYTES, BlockHeader, CONTENT_BYTES_MAX, Filling};
use crate::tape::digest::Digest;
use crate::tape::header::{HEADER_BYTES, Header};
use crate::tape::index::{Ending, Entry, Index};
use crate::tape::reader::Reader;
use crate::tape::record::{MESSAGE_BYTES_MAX, Message};
use crate::tape::recover::{Walk, read_header};
use crate::tape::store::Store;
use crate::tape::{TapeError, io_error};

/// How a tape is written.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Content at which a block is closed, in bytes before compression: 4 KiB to 8 MiB. Larger blocks compress better;
    /// who reads or seeks holds one in memory.
    pub block_bytes: usize,
    /// Age at which a block is closed, which is what a crash may cost.
    pub flush_every: Duration,
    /// How hard to compress, 1 to 19.
    pub level: i32,
    /// Whether every block is made to survive a power failure before the next is begun.
    pub is_synced: bool,
}

impl Settings {
    /// What [`Settings::block_bytes`] may be.
    pub const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 4 << 10..=8 << 20;
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { block_bytes: 1 << 20, flush_every: Duration::from_secs(1), level: 3, is_synced: false }
    }
}

const _: () = assert!(*Settings::BLOCK_BYTES.end() + MESSAGE_BYTES_MAX <= CONTENT_BYTES_MAX as usize);

/// What was cut off when a tape was opened to go on: what a process that was killed, or a full disk, left unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the file ends now.
    pub at: u64,
    /// How many bytes were no whole block.
    pub bytes: u64,
    /// Whether they were the beginning of an index, so that no record is lost.
    pub was_index: bool,
    /// Receive time of the last record that is there: of what came after it nothing is known. `None` where none is.
    pub known_until: Option<i64>,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { at, bytes, was_index, known_until } = self;
        if *was_index {
            return write!(f, "{bytes} bytes of an unfinished index behind byte {at} were cut; no record is lost");
        }
        write!(f, "{bytes} bytes behind byte {at} were no whole block and are cut; ")?;
        match known_until {
            Some(ns) => write!(f, "nothing is known of what came after {ns}"),
            None => f.write_str("nothing is known of what was before"),
        }
    }
}

/// Writes a tape. What was appended is in the file when [`Writer::flush`] returns, or when its block was closed by size
/// or age; [`Writer::finish`] adds the index. A writer that is dropped flushes, and leaves the index away.
///
/// An error leaves the file at the end of its last whole block, and the records of the open block in memory: a later
/// call tries again.
pub struct Writer<S: Store = File> {
    store: S,
    settings: Settings,
    block: Filling,
    /// When the open block got its first record.
    begun: Instant,
    index: Index,
    digest: Digest,
    /// Where the next block goes.
    end: u64,
    next_sequence: u64,
    last_ns: Option<i64>,
    is_finished: bool,
    compressor: Compressor<'static>,
    content: Vec<u8>,
    out: Vec<u8>,
}

impl Writer {
    /// Opens a tape to append to; makes it if it is not there. The second value says what was cut off.
    ///
    /// # Errors
    /// [`TapeError`]: what the system refuses, what another process writes, and what is no tape, or one of which the
    /// header is damaged.
    pub fn open(path: &Path, settings: Settings) -> Result<(Writer, Option<Cut>), TapeError> {
        Writer::on(open_alone(path)?, settings, Header::default())
    }

    /// Makes a tape in place of whatever was there.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn create(path: &Path, settings: Settings, header: Header) -> Result<Writer, TapeError> {
        let file = open_alone(path)?;
        file.set_len(0).map_err(io_error("empty"))?;
        Ok(Writer::on(file, settings, header)?.0)
    }
}

/// Opens a file that nobody else writes, and makes it if it is not there.
fn open_alone(path: &Path) -> Result<File, TapeError> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(io_error("open"))?;
    match file.try_lock() {
        // Where there are no locks, whoever starts two writers has to know what that does.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TapeError::Busy),
    }
}

impl<S: Store> Writer<S> {
    /// Appends to what is there; `header` is for a store that is empty, or holds less than a header.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn on(mut store: S, settings: Settings, header: Header) -> Result<(Writer<S>, Option<Cut>), TapeError> {
        let length = store.seek(SeekFrom::End(0)).map_err(io_error("find the end"))?;
        let mut first = vec![0; length.min(HEADER_BYTES as u64) as usize];
        store.rewind().and_then(|()| store.read_exact(&mut first)).map_err(io_error("read the header"))?;
        let compressor = Compressor::new(settings.level).map_err(io_error("begin to compress"))?;
        let mut writer = Writer {
            store,
            settings,
            block: Filling::default(),
            begun: Instant::now(),
            index: Index::default(),
            digest: Digest::of_header(&header.encode()),
            end: HEADER_BYTES as u64,
            next_sequence: header.first_sequence,
            last_ns: None,
            is_finished: false,
            compressor,
            content: Vec::new(),
            out: Vec::new(),
        };
        let beginning = header.encode();
        if first.len() < HEADER_BYTES && beginning.starts_with(&first[..first.len().min(12)]) {
            // New, or the process ended before the header was whole.
            let cut = Cut { at: 0, bytes: length, was_index: false, known_until: None };
            writer.store.truncate(0).map_err(io_error("cut"))?;
            writer.put(0, &beginning)?;
            return Ok((writer, (length > 0).then_some(cut)));
        }
        let (header, is_whole) = Header::decode(&first)?;
        if !is_whole {
            return Err(TapeError::Header);
        }
        (writer.digest, writer.next_sequence) = (Digest::of_header(&first), header.first_sequence);
        let cut = writer.go_on(length)?;
        Ok((writer, cut))
    }

    /// Finds the end of the blocks, and cuts off what is behind and no index.
    fn go_on(&mut self, length: u64) -> Result<Option<Cut>, TapeError> {
        let ending = Index::read(&mut self.store, length).map_err(io_error("read the index"))?;
        let was_finished = matches!(ending, Ending::Index(..));
        match ending {
            Ending::Index(index, end) => (self.index, self.end) = (index, end),
            Ending::Damaged | Ending::None => {
                let walk = Walk::through(&mut self.store, length).map_err(io_error("read the blocks"))?;
                (self.index, self.end) = (walk.index, walk.end);
                self.drop_torn()?;
            }
        }
        let was_index = was_finished
            || Index::begins_at(&mut self.store, self.end, length).map_err(io_error("read the end"))?.is_some();
        // An index that is whole stays until something is appended.
        self.is_finished = was_finished;
        if !was_finished {
            self.store.truncate(self.end).map_err(io_error("cut"))?;
        }
        let known_until = self.index.entries.last().map(|entry| entry.time_high);
        if let Some(last) = self.index.entries.last() {
            self.next_sequence = last.end_sequence();
            let header = read_header(&mut self.store, last.offset, self.end).map_err(io_error("read a block"))?;
            // A block that the index knows and whose header is damaged: the chain begins again behind it.
            self.digest = header.map_or(Digest::default(), |header| header.digest);
        }
        self.last_ns = known_until;
        let cut = Cut { at: self.end, bytes: length - self.end, was_index, known_until };
        Ok(Some(cut).filter(|cut| cut.bytes > 0 && !was_finished))
    }

    /// A system that went down may have kept a block's length and lost its bytes.
    fn drop_torn(&mut self) -> Result<(), TapeError> {
        while let Some(last) = self.index.entries.last().copied() {
            if Reader::is_whole(&mut self.store, &last).map_err(io_error("read a block"))? {
                return Ok(());
            }
            self.index.entries.pop();
            self.end = last.offset;
            let walk = Walk::through(&mut self.store, self.end).map_err(io_error("read the blocks"))?;
            (self.index, self.end) = (walk.index, walk.end);
        }
        Ok(())
    }

    /// Appends a record; its number. Cost: a copy, and every so many of them a block's compression and a write.
    ///
    /// # Errors
    /// [`TapeError`]; the record was not taken then.
    pub fn append(&mut self, message: &Message<'_>) -> Result<u64, TapeError> {
        if message.bytes.len() > MESSAGE_BYTES_MAX {
            return Err(TapeError::TooLong { bytes: message.bytes.len() });
        }
        let bytes_max = self.settings.block_bytes.clamp(*Settings::BLOCK_BYTES.start(), *Settings::BLOCK_BYTES.end());
        if !self.block.has_room(message, bytes_max) {
            self.flush()?;
        }
        self.flush_due()?;
        if self.block.count == 0 {
            self.begun = Instant::now();
        }
        self.block.push(message, self.last_ns);
        self.last_ns = Some(message.ts_recv);
        self.next_sequence += 1;
        Ok(self.next_sequence - 1)
    }

    /// Closes the open block if it is old enough; to be called now and then while nothing comes.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush_due(&mut self) -> Result<(), TapeError> {
        let is_due = self.block.count > 0 && self.begun.elapsed() >= self.settings.flush_every;
        if is_due { self.flush() } else { Ok(()) }
    }

    /// Closes the open block: all that was appended is in the file then.
    ///
    /// # Errors
    /// [`TapeError::Io`], for instance from a full disk; nothing of the block is in the file, and it is kept.
    pub fn flush(&mut self) -> Result<(), TapeError> {
        if self.block.count == 0 {
            return Ok(());
        }
        self.block.write_content(&mut self.content);
        let mut tally = Vec::new();
        self.block.tally.encode(false, &mut tally);
        let failed = || io_error("compress");
        let content_stored = self.compressor.compress(&self.content).map_err(failed())?;
        let tally_stored = self.compressor.compress(&tally).map_err(failed())?;
        let mut header = BlockHeader {
            number: self.index.entries.len() as u64,
            first_sequence: self.next_sequence - u64::from(self.block.count),
            time_low: self.block.time_low,
            time_high: self.block.time_high,
            silence_ns: self.block.silence_ns,
            count: self.block.count,
            content_bytes: self.content.len() as u32,
            content_stored: content_stored.len() as u32,
            content_crc: crc32fast::hash(&content_stored),
            tally_bytes: tally.len() as u32,
            tally_stored: tally_stored.len() as u32,
            tally_crc: crc32fast::hash(&tally_stored),
            digest: Digest::default(),
        };
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        out.extend_from_slice(&header.seal(self.digest, &tally_stored, &content_stored));
        debug_assert_eq!(out.len(), BLOCK_HEADER_BYTES);
        out.extend_from_slice(&tally_stored);
        out.extend_from_slice(&content_stored);
        let written = self.put(self.end, &out);
        self.out = out;
        written?;
        self.index.entries.push(Entry::new(self.end, &header));
        self.index.tally.add(&self.block.tally);
        self.digest = header.digest;
        self.end += header.length();
        self.is_finished = false;
        self.block.clear();
        Ok(())
    }

    /// Closes the open block and writes the index. More may be appended, which takes the index away again.
    ///
    /// # Errors
    /// As [`Writer::flush`]; all records but those of the open block are in the file.
    pub fn finish(&mut self) -> Result<(), TapeError> {
        self.flush()?;
        if self.is_finished {
            return Ok(());
        }
        let out = self.index.encode(self.end);
        self.put(self.end, &out)?;
        self.store.sync().map_err(io_error("sync"))?;
        self.is_finished = true;
        Ok(())
    }

    /// Writes at a place, whole or not at all.
    fn put(&mut self, at: u64, bytes: &[u8]) -> Result<(), TapeError> {
        if self.is_finished {
            self.store.truncate(self.end).map_err(io_error("cut"))?;
            self.is_finished = false;
        }
        let mut written = self.store.seek(SeekFrom::Start(at)).and_then(|_| self.store.write_all(bytes));
        if self.settings.is_synced {
            written = written.and_then(|()| self.store.sync());
        }
        if written.is_err() {
            // Whatever of it got there is in the way of the next try; should this fail too, the next start cuts it.
            let _ = self.store.truncate(at);
        }
        written.map_err(io_error("write"))
    }

    /// The number that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The digest of all blocks in the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes in the file, and about as many more as the open block will have at most.
    pub fn bytes(&self) -> u64 {
        self.end + if self.block.count == 0 { 0 } else { self.block.bytes() as u64 }
    }

    /// What is in the file.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Where it writes.
    pub fn store(&self) -> &S {
        &self.store
    }
}

impl<S: Store> Drop for Writer<S> {
    fn drop(&mut self) {
        // Whoever wants to know whether it went well calls `flush` or `finish`.
        let _ = self.flush();
    }
}
