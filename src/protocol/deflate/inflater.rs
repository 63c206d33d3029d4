//! What clients send, decompressed.

use flate2::{Decompress, FlushDecompress, Status};

use crate::protocol::deflate::FLUSH_TAIL;
use crate::protocol::websocket::Close;

/// Decompresses messages, each by itself. Memory: some 50 KiB from the first message on, and the largest recent one up
/// to `OUT_BYTES_KEPT`.
#[derive(Debug, Default)]
pub struct Inflater {
    state: Option<Decompress>,
    out: Vec<u8>,
}

/// An empty last block. It can be read only where a block may begin, so it shows a message that was cut off.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Most last blocks in one message: one for each flush of a sender that knows no other way (RFC 7692 section 7.2.3.4).
/// Each takes time that its two bytes do not show.
const LAST_BLOCKS_MAX: usize = 16;

/// Least room made for more of a message.
const OUT_BYTES_MIN: usize = 4 << 10;

/// Most memory kept for the next message.
const OUT_BYTES_KEPT: usize = 64 << 10;

impl Inflater {
    /// A message's payload, decompressed (RFC 7692 section 7.2.2).
    ///
    /// # Errors
    /// [`Close::TOO_LARGE`] as soon as more than `bytes_max` bytes have come out of it; [`Close::NOT_INFLATED`] if it is
    /// no compressed message, or a part of one.
    pub fn inflate(&mut self, payload: &[u8], bytes_max: usize) -> Result<&[u8], Close> {
        // Some send an empty message as nothing at all, though it should be a block's header.
        if payload.is_empty() {
            return Ok(&[]);
        }
        let state = self.state.get_or_insert_with(|| Decompress::new(false));
        state.reset(false);
        self.out.clear();
        self.out.shrink_to(OUT_BYTES_KEPT);
        let mut last_blocks = 0;
        for (mut input, is_tail) in [(payload, false), (&FLUSH_TAIL, true), (&LAST_BLOCK, true)] {
            // A sender that ended its message with a last block may have left out what follows it.
            if is_tail && last_blocks > 0 && state.total_in() == 0 {
                break;
            }
            // A full buffer may hide that more would come out of what was read.
            while !input.is_empty() || self.out.len() == self.out.capacity() {
                if self.out.len() == self.out.capacity() {
                    self.out.reserve(OUT_BYTES_MIN);
                }
                let (read, written) = (state.total_in(), self.out.len());
                let status = state.decompress_vec(input, &mut self.out, FlushDecompress::None);
                let read = (state.total_in() - read) as usize;
                input = &input[read..];
                if self.out.len() > bytes_max {
                    return Err(Close::TOO_LARGE);
                }
                match status {
                    Ok(Status::StreamEnd) if last_blocks < LAST_BLOCKS_MAX => {
                        last_blocks += 1;
                        state.reset(false);
                    }
                    Ok(_) if read > 0 || self.out.len() > written => {}
                    Ok(_) if input.is_empty() => break,
                    _ => return Err(Close::NOT_INFLATED),
                }
            }
        }
        // The end of the last block is the end of everything; otherwise something was begun and not ended.
        if state.total_in() == 0 { Ok(&self.out) } else { Err(Close::NOT_INFLATED) }
    }
    /// Memory kept for the next message, in bytes.
    #[cfg(test)]
    pub(super) fn bytes_kept(&self) -> usize {
        self.out.capacity()
    }
}
