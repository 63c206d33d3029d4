//! A block: records on their way into the file, and what stands before them there.

use crate::tape::bytes::Bytes;
use crate::tape::digest::Digest;
use crate::tape::record::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX, Message, SEQUENCE_MAX, write_head};
use crate::tape::tally::{BLOCK_LABELS_MAX, LABEL_BYTES_MAX, Tally, Total};

/// Length of a block's header.
pub const BLOCK_HEADER_BYTES: usize = 112;

/// The most records in a block.
pub const RECORDS_MAX: u32 = 1 << 16;

/// Longest content: the longest message behind a block that was nearly full.
pub const CONTENT_BYTES_MAX: u32 = 24 << 20;

/// Longest content as stored; what cannot be compressed grows a little.
pub const CONTENT_STORED_MAX: u32 = 25 << 20;

/// Longest tally.
pub const TALLY_BYTES_MAX: u32 = 4 << 20;

/// Longest tally as stored.
pub const TALLY_STORED_MAX: u32 = 5 << 20;

/// What a block's header begins with.
pub(super) const MAGIC: [u8; 4] = *b"TBLK";

/// Where in a header the part begins that the digest covers, and where it ends.
const COVERED: std::ops::Range<usize> = 8..80;

/// What stands before a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Counted from 0 in its file.
    pub number: u64,
    /// Of the first record.
    pub first_sequence: u64,
    /// Lowest receive time.
    pub time_low: i64,
    /// Highest receive time.
    pub time_high: i64,
    /// Longest time between one of its records and the one before, in nanoseconds.
    pub silence_ns: u64,
    /// How many records.
    pub count: u32,
    /// Length of the content.
    pub content_bytes: u32,
    /// Its length as stored.
    pub content_stored: u32,
    /// Checksum of the content as stored.
    pub content_crc: u32,
    /// Length of the tally.
    pub tally_bytes: u32,
    /// Its length as stored.
    pub tally_stored: u32,
    /// Checksum of the tally as stored.
    pub tally_crc: u32,
    /// The chain up to and with this block.
    pub digest: Digest,
}

impl BlockHeader {
    /// Bytes of the whole block.
    pub fn length(&self) -> u64 {
        BLOCK_HEADER_BYTES as u64 + u64::from(self.tally_stored) + u64::from(self.content_stored)
    }

    /// The number that the record after the block has.
    pub fn end_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.count)
    }

    /// As it is stored; sets the digest on the way, from the one before and the parts as they are stored.
    pub(super) fn seal(&mut self, before: Digest, tally: &[u8], content: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
        let mut out = Vec::with_capacity(BLOCK_HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 4]);
        for number in [self.number, self.first_sequence, self.time_low as u64, self.time_high as u64, self.silence_ns] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let lengths = [self.count, self.content_bytes, self.content_stored, self.content_crc];
        for number in lengths.into_iter().chain([self.tally_bytes, self.tally_stored, self.tally_crc, 0]) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        self.digest = before.next(&out[COVERED], tally, content);
        out.extend_from_slice(&self.digest.0);
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out.try_into().expect("the parts have the header's length")
    }

    /// Reads one; `None` where there is none, it is damaged, or it says what cannot be.
    pub fn decode(stored: &[u8; BLOCK_HEADER_BYTES]) -> Option<BlockHeader> {
        let mut bytes = Bytes(stored);
        if bytes.array()? != MAGIC || bytes.u32()? != crc32fast::hash(&stored[8..]) {
            return None;
        }
        let (number, first_sequence, time_low, time_high) = (bytes.u64()?, bytes.u64()?, bytes.i64()?, bytes.i64()?);
        let (silence_ns, count) = (bytes.u64()?, bytes.u32()?);
        let (content_bytes, content_stored, content_crc) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
        let (tally_bytes, tally_stored, tally_crc) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
        bytes.u32()?;
        let header = BlockHeader {
            number,
            first_sequence,
            time_low,
            time_high,
            silence_ns,
            count,
            content_bytes,
            content_stored,
            content_crc,
            tally_bytes,
            tally_stored,
            tally_crc,
            digest: Digest(bytes.array()?),
        };
        header.is_possible().then_some(header)
    }

    /// Whether the chain leads from the block before to this one.
    pub(super) fn continues(&self, before: Digest, stored: &[u8; BLOCK_HEADER_BYTES], rest: &[u8]) -> bool {
        let (tally, content) = rest.split_at(self.tally_stored as usize);
        before.next(&stored[COVERED], tally, content) == self.digest
    }

    /// Nothing is allocated before this holds.
    fn is_possible(&self) -> bool {
        (1..=RECORDS_MAX).contains(&self.count)
            && self.first_sequence < SEQUENCE_MAX
            && self.content_bytes <= CONTENT_BYTES_MAX
            && self.content_stored <= CONTENT_STORED_MAX
            && self.tally_bytes <= TALLY_BYTES_MAX
            && self.tally_stored <= TALLY_STORED_MAX
            && self.time_low <= self.time_high
    }
}

/// A block that is being filled.
#[derive(Debug, Default)]
pub(super) struct Filling {
    heads: Vec<u8>,
    messages: Vec<u8>,
    pub(super) tally: Tally,
    pub(super) count: u32,
    pub(super) time_low: i64,
    pub(super) time_high: i64,
    pub(super) silence_ns: u64,
    /// The time of the last record.
    time_ns: i64,
}

impl Filling {
    /// How many bytes it would have.
    pub(super) fn bytes(&self) -> usize {
        4 + self.heads.len() + self.messages.len()
    }

    /// Whether a message still fits, with content up to `bytes_max`; any message fits an empty block.
    pub(super) fn has_room(&self, message: &Message<'_>, bytes_max: usize) -> bool {
        self.count == 0
            || (self.count < RECORDS_MAX
                && self.bytes() + HEAD_BYTES_MAX + message.bytes.len() <= bytes_max
                && (self.tally.len() < BLOCK_LABELS_MAX || self.tally.has(message.label)))
    }

    /// Adds a message that fits; `before_ns` is the time of the record before, in whatever block.
    pub(super) fn push(&mut self, message: &Message<'_>, before_ns: Option<i64>) {
        debug_assert!(message.bytes.len() <= MESSAGE_BYTES_MAX);
        let label = &message.label[..message.label.floor_char_boundary(LABEL_BYTES_MAX)];
        let place = self.tally.count(label, Total { records: 1, bytes: message.bytes.len() as u64 });
        let time = message.ts_recv;
        write_head(message, place, self.time_ns, &mut self.heads);
        self.messages.extend_from_slice(message.bytes);
        if self.count == 0 {
            (self.time_low, self.time_high) = (time, time);
        }
        (self.time_low, self.time_high) = (self.time_low.min(time), self.time_high.max(time));
        let silence = time.saturating_sub(before_ns.unwrap_or(time)).max(0) as u64;
        self.silence_ns = self.silence_ns.max(silence);
        self.time_ns = time;
        self.count += 1;
    }

    /// Writes the content in place of `out`.
    pub(super) fn write_content(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&(self.heads.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.heads);
        out.extend_from_slice(&self.messages);
    }

    /// Empties it; its memory stays.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.messages.clear();
        self.tally.clear();
        (self.count, self.time_low, self.time_high, self.silence_ns, self.time_ns) = (0, 0, 0, 0, 0);
    }
}
