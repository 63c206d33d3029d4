//! Why a connection ends, and how the other side is told.

use crate::protocol::websocket::frame::{Opcode, write_frame};

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
    /// Packets of Socket.IO in an encoding that is neither its own nor MessagePack.
    pub const UNSERVED_PARSER: Close =
        Close { code: 1003, reason: "Only the default and the msgpack parser are served" };
    /// Something in the client's frames is against the protocol.
    pub const PROTOCOL_ERROR: Close = Close { code: 1002, reason: "Protocol error" };
    /// A text that is not UTF-8.
    pub const NOT_UTF8: Close = Close { code: 1007, reason: "Not UTF-8" };
    /// A compressed message that cannot be decompressed.
    pub const NOT_INFLATED: Close = Close { code: 1007, reason: "Compressed data is broken" };
    /// A request against the rules of the venue.
    pub const INVALID_REQUEST: Close = Close { code: 1008, reason: "Invalid request" };
    /// More messages than a client may send.
    pub const TOO_MANY_REQUESTS: Close = Close { code: 1008, reason: "Too many requests" };
    /// The connection has lasted as long as one may.
    pub const LIFETIME: Close = Close { code: 1001, reason: "Connection lifetime reached" };
    /// The client has said nothing for long.
    pub const IDLE: Close = Close { code: 1001, reason: "Nothing heard for long" };
    /// No answer to a ping.
    pub const PONG_TIMEOUT: Close = Close { code: 1008, reason: "Pong timeout" };
    /// The client does not take what it subscribed to; it may come back.
    pub const SLOW_CONSUMER: Close = Close { code: 1013, reason: "Slow consumer" };
    /// A message larger than allowed.
    pub const TOO_LARGE: Close = Close { code: 1009, reason: "Message too large" };

    /// The answer to a client's close frame: its own code back, where it is one that may be sent (RFC 6455 section 7.4).
    pub fn answer_to(payload: &[u8]) -> Close {
        let [high, low, reason @ ..] = payload else {
            return if payload.is_empty() { Close::NORMAL } else { Close::PROTOCOL_ERROR };
        };
        match u16::from_be_bytes([*high, *low]) {
            1000..=1003 | 1007..=1014 | 3000..=4999 if std::str::from_utf8(reason).is_err() => Close::NOT_UTF8,
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Close { code, reason: "" },
            _ => Close::PROTOCOL_ERROR,
        }
    }

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
    fn a_close_frame_is_answered_with_its_own_code_where_that_may_be_sent() {
        for (payload, code) in [
            (&b""[..], 1000),
            (&[0x03, 0xe8], 1000),
            (b"\x03\xe9going", 1001),
            (&[0x0b, 0xb8], 3000),
            (&[0x13, 0x87], 4999),
            (&[0x03], 1002),
            (&[0, 0], 1002),
            (&[0x03, 0xec], 1002),
            (&[0x03, 0xed], 1002),
            (&[0x03, 0xee], 1002),
            (&[0x03, 0xf7], 1002),
            (&[0x07, 0xd0], 1002),
            (&[0x13, 0x88], 1002),
            (&[0x03, 0xe8, 0xff], 1007),
        ] {
            assert_eq!(Close::answer_to(payload).code, code, "{payload:?}");
        }
    }

    #[test]
    fn a_close_frame_carries_code_and_reason() {
        let mut out = Vec::new();
        Close::SLOW_CONSUMER.write(&mut out);
        assert_eq!(out, [&[0x88, 15, 0x03, 0xf5][..], b"Slow consumer"].concat());
    }
}
