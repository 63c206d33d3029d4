//! WebSocket frames as a server writes them (RFC 6455): unmasked, never fragmented.
//!
//! Reading and the handshake are the library's. Writing is ours, because a frame is rendered once for everybody who
//! wants it, and no library sends bytes that are framed already.

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

/// Appends a whole frame to `out`.
pub fn write_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let mut buffer = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
    buffer.resize(HEADER_BYTES_MAX, 0);
    buffer.extend_from_slice(payload);
    let start = frame_in_place(opcode, &mut buffer);
    out.extend_from_slice(&buffer[start..]);
}

/// Why a connection ends, as the close frame says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// RFC 6455 section 7.4.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: &'static str,
}

impl Close {
    /// The client asked for it, or all is said.
    pub const NORMAL: Close = Close { code: 1000, reason: "" };
    /// The tape has come to its end.
    pub const END_OF_TAPE: Close = Close { code: 1000, reason: "End of tape" };
    /// The server stops. Binance's code.
    pub const GOING_AWAY: Close = Close { code: 1001, reason: "Server shutdown" };
    /// The server stops. For Upbit's clients, which take 1000 and 1001 for the regular end and do not come back.
    pub const SERVICE_RESTART: Close = Close { code: 1012, reason: "Server shutdown" };
    /// Something in the client's frames is against the protocol.
    pub const PROTOCOL_ERROR: Close = Close { code: 1002, reason: "Protocol error" };
    /// A text that is not UTF-8.
    pub const NOT_UTF8: Close = Close { code: 1007, reason: "Not UTF-8" };
    /// A request against the rules of the venue.
    pub const INVALID_REQUEST: Close = Close { code: 1008, reason: "Invalid request" };
    /// More messages than a client may send.
    pub const TOO_MANY_REQUESTS: Close = Close { code: 1008, reason: "Too many requests" };
    /// The connection has lasted as long as one may.
    pub const LIFETIME: Close = Close { code: 1001, reason: "Connection lifetime reached" };
    /// No answer to a ping.
    pub const PONG_TIMEOUT: Close = Close { code: 1008, reason: "Pong timeout" };
    /// The client does not take what it subscribed to; it may come back.
    pub const SLOW_CONSUMER: Close = Close { code: 1013, reason: "Slow consumer" };
    /// A message larger than allowed.
    pub const TOO_LARGE: Close = Close { code: 1009, reason: "Message too large" };

    /// Appends the close frame.
    pub fn write(self, out: &mut Vec<u8>) {
        let mut payload = self.code.to_be_bytes().to_vec();
        payload.extend_from_slice(self.reason.as_bytes());
        write_frame(Opcode::Close, &payload, out);
    }
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

    #[test]
    fn a_close_frame_carries_code_and_reason() {
        let mut out = Vec::new();
        Close::SLOW_CONSUMER.write(&mut out);
        assert_eq!(out, [&[0x88, 15, 0x03, 0xf5][..], b"Slow consumer"].concat());
    }
}
