//! A client that gets back what it sends: what suites of WebSocket (RFC 6455, RFC 7692) expect of a server.

use crate::fanout::backlog::Mark;
use crate::protocol::deflate::{Deflater, Level};
use crate::protocol::websocket::{Close, HEADER_BYTES_MAX, Opcode, deflated_frame_in_place};
use crate::session::{Effects, Incoming};

/// Where it is served.
pub const PATH: &str = "/conformance/echo";

/// The largest message a client may send here, whatever holds elsewhere; suites send this much. Worst case in memory:
/// five times as much for each client that does, while its message is read, compressed and written.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Time without a word from a client after which it is given up: it is never asked whether it is still there, because
/// suites expect nothing but their own messages.
const IDLE_MS: u64 = 300_000;

/// A client of the echo.
#[derive(Debug)]
pub struct EchoSession {
    /// For a client that agreed on compression, what it is sent is compressed. Memory: some 300 KiB.
    deflater: Option<Deflater>,
    heard_ms: u64,
}

impl EchoSession {
    /// A connection made now. `window_bits` is the server's window, from 9 to 15, where both sides agreed on compression.
    pub fn new(window_bits: Option<u8>, now_ms: u64) -> EchoSession {
        let deflater = window_bits.map(|bits| Deflater::with_window(Level::default(), bits));
        EchoSession { deflater, heard_ms: now_ms }
    }

    /// A text comes back as a text, bytes as bytes, in order.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        self.heard_ms = now_ms;
        match message {
            Incoming::Text(text) => self.send(Opcode::Text, text.as_bytes(), effects),
            Incoming::Binary(bytes) => self.send(Opcode::Binary, bytes, effects),
            Incoming::Ping(payload) => effects.send(Opcode::Pong, payload),
            Incoming::Pong(_) => {}
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, effects: &mut Effects) {
        if now_ms >= self.heard_ms + IDLE_MS {
            effects.close(Close::IDLE);
        }
    }

    /// Every message is compressed if any is, whether or not that pays: it is for those who test that.
    fn send(&mut self, opcode: Opcode, payload: &[u8], effects: &mut Effects) {
        let Some(deflater) = &mut self.deflater else { return effects.send(opcode, payload) };
        let mut frame = vec![0; HEADER_BYTES_MAX];
        deflater.deflate(payload, &mut frame);
        let start = deflated_frame_in_place(opcode, &mut frame);
        effects.frames.push(&frame[start..], Mark::KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::End;

    fn answer(session: &mut EchoSession, message: Incoming<'_>) -> Vec<u8> {
        let mut effects = Effects::default();
        session.on_message(message, 1_000, &mut effects);
        assert_eq!(effects.end, None);
        effects.frames.bytes
    }

    #[test]
    fn messages_come_back_as_they_are_and_pings_are_answered() {
        let mut session = EchoSession::new(None, 0);
        assert_eq!(answer(&mut session, Incoming::Text("a")), b"\x81\x01a");
        assert_eq!(answer(&mut session, Incoming::Binary(b"")), b"\x82\x00");
        assert_eq!(answer(&mut session, Incoming::Ping(b"p")), b"\x8a\x01p");
        assert_eq!(answer(&mut session, Incoming::Pong(b"p")), b"");
    }

    #[test]
    fn messages_come_back_compressed_where_that_was_agreed_on() {
        let mut session = EchoSession::new(Some(15), 0);
        assert_eq!(answer(&mut session, Incoming::Text("Hello")), b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert_eq!(answer(&mut session, Incoming::Ping(b"p")), b"\x8a\x01p");
    }

    #[test]
    fn a_client_that_says_nothing_is_given_up() {
        let (mut session, mut effects) = (EchoSession::new(None, 0), Effects::default());
        answer(&mut session, Incoming::Pong(b""));
        session.on_time(1_000 + IDLE_MS - 1, &mut effects);
        assert_eq!(effects.end, None);
        session.on_time(1_000 + IDLE_MS, &mut effects);
        assert_eq!(effects.end, Some(End::Close(Close::IDLE)));
    }
}
