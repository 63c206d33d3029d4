//! The header of a client's frame, which may come byte by byte.
//!
//! ```text
//!  byte 0                      byte 1           0, 2 or 8 bytes        4 bytes
//!  fin rsv1 rsv2 rsv3 opcode   masked length7   length where           mask
//!                                               length7 is 126, 127
//! ```

use crate::protocol::websocket::{Close, Opcode};

/// Longest header of a masked frame.
const MASKED_HEADER_BYTES_MAX: usize = 14;

/// Most payload of a control frame (RFC 6455 section 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// What a header says. It breaks none of the rules that can be checked without knowing what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// `None` for the continuation of a message.
    pub(super) opcode: Option<Opcode>,
    /// Whether its message ends with it.
    pub(super) is_final: bool,
    /// The first reserved bit: the message is compressed (RFC 7692 section 6).
    pub(super) is_deflated: bool,
    pub(super) mask: [u8; 4],
    pub(super) payload_bytes: u64,
}

impl Header {
    /// Whether it may stand between the frames of a message.
    pub(super) fn is_control(&self) -> bool {
        matches!(self.opcode, Some(Opcode::Close | Opcode::Ping | Opcode::Pong))
    }
}

/// As much of a header as has come.
#[derive(Debug, Default)]
pub(super) struct PartialHeader {
    bytes: [u8; MASKED_HEADER_BYTES_MAX],
    filled: u8,
}

impl PartialHeader {
    /// Whether nothing of it has come.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Takes what belongs to the header off the front of `input`; the header, once it is whole.
    ///
    /// # Errors
    /// [`Close::PROTOCOL_ERROR`] as soon as the bytes show it.
    pub(super) fn take_from(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, Close> {
        loop {
            let filled = usize::from(self.filled);
            let needed = self.bytes_needed();
            let length = (needed - filled).min(input.len());
            let (head, rest) = std::mem::take(input).split_at_mut(length);
            self.bytes[filled..filled + length].copy_from_slice(head);
            self.filled += length as u8;
            *input = rest;
            if filled + length < needed {
                return Ok(None);
            }
            if needed == 2 {
                self.check_beginning()?;
            } else {
                self.filled = 0;
                return self.whole(needed).map(Some);
            }
        }
    }

    /// The length of the header, as far as it is known: the second byte decides it.
    fn bytes_needed(&self) -> usize {
        match (self.filled, self.bytes[1] & 0x7f) {
            (0 | 1, _) => 2,
            (_, 126) => 8,
            (_, 127) => 14,
            _ => 6,
        }
    }

    /// Checks the first two bytes.
    fn check_beginning(&self) -> Result<(), Close> {
        let [first, second, ..] = self.bytes;
        let (is_final, length) = (first & 0x80 != 0, second & 0x7f);
        let is_control = first & 0x08 != 0;
        let is_known = matches!(first & 0x0f, 0..=2 | 8..=10);
        let is_masked = second & 0x80 != 0;
        let fits = !is_control || (is_final && u64::from(length) <= CONTROL_BYTES_MAX);
        // Of the reserved bits only the first has got a meaning, and only on a message's first frame.
        let may_be_deflated = matches!(first & 0x0f, 1 | 2);
        let is_reserved = first & 0x30 != 0 || (first & 0x40 != 0 && !may_be_deflated);
        if is_known && is_masked && fits && !is_reserved { Ok(()) } else { Err(Close::PROTOCOL_ERROR) }
    }

    fn whole(&self, length: usize) -> Result<Header, Close> {
        let (bytes, mask) = (&self.bytes, &self.bytes[length - 4..length]);
        // The shortest form is the only one (RFC 6455 section 5.2).
        let (payload_bytes, least, most) = match length {
            6 => (u64::from(bytes[1] & 0x7f), 0, 125),
            8 => (u64::from(u16::from_be_bytes([bytes[2], bytes[3]])), 126, 0xffff),
            _ => {
                let mut number = [0; 8];
                number.copy_from_slice(&bytes[2..10]);
                (u64::from_be_bytes(number), 0x1_0000, i64::MAX as u64)
            }
        };
        if !(least..=most).contains(&payload_bytes) {
            return Err(Close::PROTOCOL_ERROR);
        }
        let opcode = match bytes[0] & 0x0f {
            1 => Some(Opcode::Text),
            2 => Some(Opcode::Binary),
            8 => Some(Opcode::Close),
            9 => Some(Opcode::Ping),
            10 => Some(Opcode::Pong),
            _ => None,
        };
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        let (is_final, is_deflated) = (bytes[0] & 0x80 != 0, bytes[0] & 0x40 != 0);
        Ok(Header { opcode, is_final, is_deflated, mask, payload_bytes })
    }
}
