//! What can be wrong with a tape, and where.

use std::fmt;

/// Something is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The block, counted from 0, where it is known.
    pub block: Option<u64>,
    /// Where in the file: the first byte of what is damaged.
    pub offset: u64,
    /// What it is.
    pub what: What,
}

/// What is wrong. After each of them reading goes on with the next block whose header is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The file's header has a wrong checksum.
    FileHeader,
    /// There is no index, or only the beginning of one: the file was not finished, or is still written.
    Unfinished,
    /// The index has a wrong checksum, or says what cannot be; it was rebuilt from the blocks.
    Index,
    /// No block begins here, and none for so many bytes.
    NoBlock {
        /// Up to the next block, or the file's end.
        bytes: u64,
    },
    /// The block's header has a wrong checksum, or says what cannot be.
    BlockHeader,
    /// The block is another one than the index says.
    OtherBlock,
    /// The file ends within the block.
    CutOff {
        /// So many of its bytes are there.
        bytes: u64,
    },
    /// The tally has a wrong checksum or cannot be read.
    Tally,
    /// The content has a wrong checksum.
    Content,
    /// The content has the right checksum and cannot be read: it was written wrongly.
    Malformed,
    /// The block does not continue the chain of digests: it, or one before it, was replaced or taken out.
    Digest,
    /// Records are missing.
    Missing {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Records have numbers that were there before.
    Repeated {
        /// The first such number.
        from: u64,
    },
    /// The disk refused to read.
    Unreadable {
        /// What the system said.
        kind: std::io::ErrorKind,
    },
}

impl Damage {
    /// Whether records are lost, or cannot be trusted; false for what concerns only the way to them.
    pub fn is_loss(&self) -> bool {
        !matches!(self.what, What::FileHeader | What::Unfinished | What::Index | What::Tally)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            Some(block) => write!(f, "block {block} at byte {}: ", self.offset)?,
            None => write!(f, "byte {}: ", self.offset)?,
        }
        match &self.what {
            What::FileHeader => f.write_str("the file's header is damaged (checksum)"),
            What::Unfinished => f.write_str("the file has no index: it was not finished, or is still written"),
            What::Index => f.write_str("the index is damaged; it was rebuilt from the blocks"),
            What::NoBlock { bytes } => write!(f, "no whole block begins in these {bytes} bytes"),
            What::BlockHeader => f.write_str("its header is damaged (checksum)"),
            What::OtherBlock => f.write_str("it is another block than the index says"),
            What::CutOff { bytes } => write!(f, "the file ends within it, after {bytes} bytes"),
            What::Tally => f.write_str("its tally is damaged (checksum)"),
            What::Content => f.write_str("its content is damaged (checksum)"),
            What::Malformed => f.write_str("its content is malformed, though its checksum is right"),
            What::Digest => {
                f.write_str("it does not continue the chain of digests: a block was replaced, taken out or put in")
            }
            What::Missing { from, to } => write!(f, "the records {from} to {to} before it are missing"),
            What::Repeated { from } => write!(f, "its records begin at {from}, which was there before"),
            What::Unreadable { kind } => write!(f, "it cannot be read: {kind}"),
        }
    }
}
