//! What we send, compressed.

use flate2::{Compress, Compression, FlushCompress};

use crate::protocol::deflate::FLUSH_TAIL;

/// How hard a message is compressed: 1 for least work to 9 for fewest bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// A level, if there is such a one.
    pub fn new(level: u8) -> Option<Level> {
        (1..=9).contains(&level).then_some(Level(level))
    }
}

/// Level 2: on market data 15 to 31 % fewer bytes than level 1 for about twice the work. Levels above it take at most 5 %
/// off that, for up to 1.6 times the work; `benches/README.md` has the figures.
impl Default for Level {
    fn default() -> Level {
        Level(2)
    }
}

/// Compresses messages, each by itself. Memory: some 300 KiB.
#[derive(Debug)]
pub struct Deflater(Compress);

impl Deflater {
    /// A compressor for messages of any connection.
    pub fn new(level: Level) -> Deflater {
        Deflater(Compress::new(Compression::new(level.0.into()), false))
    }

    /// The same with a window of 2^`window_bits` bytes: nothing is referred to that lies further back (RFC 7692
    /// section 7.1.2.1).
    ///
    /// # Panics
    /// If `window_bits` is not between 9 and 15.
    pub fn with_window(level: Level, window_bits: u8) -> Deflater {
        Deflater(Compress::new_with_window_bits(Compression::new(level.0.into()), false, window_bits))
    }

    /// Appends a message's payload to `out`, compressed as RFC 7692 section 7.2.1 says.
    ///
    /// Allocates nothing once `out` has grown. Costs some microseconds however short the payload is.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.0.reset();
        loop {
            let read = self.0.total_in() as usize;
            // What does not get smaller gets larger by little.
            out.reserve(payload.len() - read + SPARE_BYTES);
            let compressed = self.0.compress_vec(&payload[read..], out, FlushCompress::Sync);
            compressed.expect("compressing fails only when it is used against its rules");
            if self.0.total_in() as usize == payload.len() && out.len() < out.capacity() {
                break;
            }
        }
        debug_assert!(out.ends_with(&FLUSH_TAIL));
        out.truncate(out.len() - FLUSH_TAIL.len());
    }
}

/// Room for headers of blocks that are stored as they are, and for the flush.
const SPARE_BYTES: usize = 64;
