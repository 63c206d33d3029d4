//! The first bytes of a file.

use crate::tape::TapeError;
use crate::tape::bytes::Bytes;
use crate::tape::digest::Digest;
use crate::tape::record::SEQUENCE_MAX;

/// The version of the format that is written.
pub const VERSION: u16 = 1;

/// Its length.
pub const HEADER_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"tapecast";

/// What stands at the beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number of the file's first record; 1 where no file is before it.
    pub first_sequence: u64,
    /// The last digest of the file before in a series; zeros for none.
    pub before: Digest,
}

impl Default for Header {
    fn default() -> Header {
        Header { first_sequence: 1, before: Digest::default() }
    }
}

impl Header {
    /// As it is stored.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(HEADER_BYTES as u16).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(&self.before.0);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.try_into().expect("the parts have the header's length")
    }

    /// Reads it, and says whether its checksum is right. Where it is not, what follows can still be read.
    ///
    /// # Errors
    /// [`TapeError::NoTape`] and [`TapeError::Version`].
    pub fn decode(stored: &[u8]) -> Result<(Header, bool), TapeError> {
        let mut bytes = Bytes(stored.strip_prefix(&MAGIC).ok_or(TapeError::NoTape)?);
        let is_whole = stored.len() == HEADER_BYTES
            && crc32fast::hash(&stored[..HEADER_BYTES - 4]).to_le_bytes() == stored[HEADER_BYTES - 4..];
        let found = bytes.u16().ok_or(TapeError::NoTape)?;
        if is_whole && found != VERSION {
            return Err(TapeError::Version { found });
        }
        let read = |bytes: &mut Bytes<'_>| {
            bytes.take(6)?;
            Some(Header { first_sequence: bytes.u64()?, before: Digest(bytes.array()?) })
        };
        let header = read(&mut bytes).filter(|header| header.first_sequence < SEQUENCE_MAX);
        Ok((header.unwrap_or_default(), is_whole && header.is_some()))
    }
}
