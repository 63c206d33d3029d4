//! A tape in blocks: a `.tape` file, which holds what was received, and what was said and done meanwhile, as it was.
//!
//! ```text
//!  append ─▶ block ─▶ zstd ─▶ ┌────────┬───────┬───────┬─ ─ ─┬───────┬─────────┐ ─▶ Reader ─▶ records
//!                             │ header │ block │ block │     │ block │  index  │
//!                             └────────┴───────┴───────┴─ ─ ─┴───────┴─────────┘
//! ```
//!
//! Memory is one block, in the writer as in the reader, and some 60 bytes for each block of the file. A file is only
//! ever appended to, a block at a time: whatever ends a process, the blocks before stay whole, and the next
//! [`Writer::open`] cuts what is no whole block and says so. The index makes opening and seeking a few reads; where it
//! is missing, because a process was killed or still writes, it is rebuilt from the headers of the blocks.
//!
//! # Layout, version 1
//!
//! Integers are little endian, times nanoseconds since the Unix epoch, checksums CRC-32 (ISO-HDLC), digests SHA-256.
//! First the file's header, 64 bytes:
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 8 | `tapecast` |
//! | 8 | 2 | version, 1 |
//! | 10 | 2 | length of this header, 64 |
//! | 12 | 4 | 0 |
//! | 16 | 8 | sequence number of the first record |
//! | 24 | 32 | last digest of the file before this one in a series; zeros if there is none |
//! | 56 | 4 | 0 |
//! | 60 | 4 | checksum of the bytes 0 to 59 |
//!
//! Then blocks, one right behind the other, each with a header of 112 bytes:
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 4 | `TBLK` |
//! | 4 | 4 | checksum of the bytes 8 to 111 |
//! | 8 | 8 | number of the block in its file, from 0 |
//! | 16 | 8 | sequence number of the first record; those of a file count up by one, so the last follows |
//! | 24 | 8 | lowest receive time, signed |
//! | 32 | 8 | highest receive time, signed |
//! | 40 | 8 | longest silence before one of its records, in nanoseconds |
//! | 48 | 4 | number of records, 1 to 65,536 |
//! | 52 | 4 | length of the content, at most 24 MiB |
//! | 56 | 4 | length of the content as stored, at most 25 MiB |
//! | 60 | 4 | checksum of the content as stored |
//! | 64 | 4 | length of the tally, at most 4 MiB |
//! | 68 | 4 | length of the tally as stored, at most 5 MiB |
//! | 72 | 4 | checksum of the tally as stored |
//! | 76 | 4 | 0 |
//! | 80 | 32 | digest of: the digest before, the bytes 8 to 79 of this header, tally and content as stored |
//!
//! Behind it the tally and the content, each one zstd frame. The digest before that of the first block is the digest of
//! the file's header; so the last digest of a file stands for all that is in it, and in the files before.
//!
//! The *tally* lists the labels of the block's records, each as: length (1 byte), label (UTF-8), number of records (4),
//! bytes of their messages (8). The *content* is the length of the heads (4), the heads, and the messages. A head is:
//!
//! | | |
//! |---|---|
//! | varint, zigzag | receive time less that of the record before; of the first record the time itself |
//! | varint | number of the connection |
//! | 1 byte | [`Direction`] in the upper two bits, [`Form`] in the others |
//! | varint | place of the label in the tally, from 1; 0 for none |
//! | varint | length of the message, at most 16 MiB |
//!
//! Varints have 7 bits a byte, the lowest first. Behind the last block of a file that was finished stand the index,
//! which is 16 bytes, 56 for each block, and the tally of all blocks (not compressed, 8 bytes for a number of
//! records), and 24 bytes that end the file:
//!
//! | at | bytes | index | | at | bytes | end |
//! |---|---|---|---|---|---|---|
//! | 0 | 4 | `TIDX` | | 0 | 8 | where the index begins |
//! | 4 | 4 | checksum of all that follows | | 8 | 4 | its length |
//! | 8 | 4 | number of blocks | | 12 | 4 | 0 |
//! | 12 | 4 | length of the tally | | 16 | 4 | `TEND` |
//! | | | | | 20 | 4 | checksum of the bytes 0 to 19 |
//!
//! The 56 bytes of a block are: where it begins (8), sequence number of its first record (8), number of records (4),
//! length of the content (4), length of the block with its header (4), 0 (4), lowest and highest time (8 each), longest
//! silence (8).
//!
//! # Known limitation
//!
//! What the kernel has taken survives the process; what survives a power failure is what was synced:
//! [`Settings::is_synced`] does so after every block, at the cost of waiting for the disk.

pub mod block;
mod bytes;
pub mod damage;
pub mod digest;
pub mod header;
pub mod index;
pub mod reader;
pub mod record;
mod recover;
pub mod rotation;
pub mod series;
pub mod store;
pub mod tally;
pub mod writer;

#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

pub use damage::{Damage, What};
pub use digest::Digest;
pub use index::{Entry, Index};
pub use reader::Reader;
pub use record::{Direction, Form, Message, Record};
pub use store::Store;
pub use tally::{Tally, Total};
pub use writer::{Cut, Settings, Writer};

/// What names of such files end in.
pub const EXTENSION: &str = "tape";

/// Why a tape cannot be opened, read or written at all. What is wrong with single blocks is [`Damage`].
#[derive(Debug, Error)]
pub enum TapeError {
    /// The system refused something.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else writes it.
    #[error("it is being written by another process")]
    Busy,
    /// It does not begin as a tape does.
    #[error("it is no tape: it does not begin with `tapecast`")]
    NoTape,
    /// A later program has written it.
    #[error("it has version {found} of the format, and this program reads version {}", header::VERSION)]
    Version {
        /// The version.
        found: u16,
    },
    /// The file's header cannot be trusted to append to.
    #[error("its header is damaged: it can be read, but not continued")]
    Header,
    /// A record that does not fit.
    #[error("a message of {bytes} bytes: a record holds at most {} MiB", record::MESSAGE_BYTES_MAX >> 20)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

/// Names what was tried when the system refused.
fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> TapeError {
    move |source| TapeError::Io { action, source }
}
