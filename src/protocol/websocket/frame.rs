//! Frames as a server writes them: unmasked, never fragmented.
//!
//! Writing is ours, because a frame is rendered once for everybody who wants it, and no library sends bytes that are
//! framed already.

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// UTF-8.
    Text = 1,
    /// Any bytes.
    Binary = 2,
    /// The last frame of its sender: a code and a reason.
    Close = 8,
    /// To be answered by a pong.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

/// Room to leave in front of a payload for the longest header.
pub const HEADER_BYTES_MAX: usize = 10;

/// Writes the header of a payload that begins at [`HEADER_BYTES_MAX`] into the bytes in front of it; returns where the
/// frame begins.
///
/// # Panics
/// If `buffer` is shorter than [`HEADER_BYTES_MAX`].
#[inline]
pub fn frame_in_place(opcode: Opcode, buffer: &mut [u8]) -> usize {
    let length = buffer.len() - HEADER_BYTES_MAX;
    let first = 0x80 | opcode as u8;
    if length < 126 {
        buffer[8] = first;
        buffer[9] = length as u8;
        8
    } else if length <= usize::from(u16::MAX) {
        buffer[6] = first;
        buffer[7] = 126;
        buffer[8..10].copy_from_slice(&(length as u16).to_be_bytes());
        6
    } else {
        buffer[0] = first;
        buffer[1] = 127;
        buffer[2..10].copy_from_slice(&(length as u64).to_be_bytes());
        0
    }
}

/// The same for a payload that is compressed (RFC 7692 section 6).
///
/// # Panics
/// As [`frame_in_place`] does.
#[inline]
pub fn deflated_frame_in_place(opcode: Opcode, buffer: &mut [u8]) -> usize {
    let start = frame_in_place(opcode, buffer);
    buffer[start] |= 0x40;
    start
}

/// Appends a whole frame to `out`.
pub fn write_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let mut buffer = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
    buffer.resize(HEADER_BYTES_MAX, 0);
    buffer.extend_from_slice(payload);
    let start = frame_in_place(opcode, &mut buffer);
    out.extend_from_slice(&buffer[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            write_frame(Opcode::Text, &vec![b'x'; length], &mut out);
            assert_eq!(out.len(), header.len() + length);
            assert_eq!(out[..header.len()], header);
        }
    }
}
