//! The way out of a client that polls: a GET is held until there is something to answer it with.
//!
//! What the session is sent comes as WebSocket frames, the same bytes that everybody gets. They are taken only while a
//! GET is held; until then they wait where they are. Taken out of their framing and joined, they are the GET's answer.
//!
//! ```text
//!  81 7E hh ll 42/binance,[…]   81 03 2      82 02 01 02      ──▶   42/binance,[…] ␞ 2 ␞ bAQI=
//! ```

use crate::protocol::engineio::base64;
use crate::protocol::engineio::packet::SEPARATOR;

/// Bytes of an answer above which nothing more is put in it: it has more than enough, and the rest goes with the next.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Milliseconds between two empty answers while a probe lasts: without a pause a probe that is never finished would be
/// a storm of requests.
pub const NOOP_PAUSE_MS: u64 = 100;

/// What is held for a client that polls.
#[derive(Debug, Default)]
pub struct Exchange {
    is_held: bool,
    is_posting: bool,
    is_probed: bool,
    is_over: bool,
    body: Vec<u8>,
    next_noop_ms: u64,
}

/// A request that may not be while another one is: the session ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlapping;

impl Exchange {
    /// A GET has come.
    ///
    /// # Errors
    /// If another one is held.
    pub fn hold(&mut self) -> Result<(), Overlapping> {
        if self.is_held {
            return Err(Overlapping);
        }
        self.is_held = true;
        Ok(())
    }

    /// Whether a GET is held.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// Whether frames are taken now.
    pub fn takes(&self) -> bool {
        self.is_held && !self.is_over && self.body.len() < ANSWER_BYTES_MAX
    }

    /// Takes whole frames for the answer. A close frame becomes the packet that says so, and is the last.
    pub fn take(&mut self, frames: &[u8]) {
        let mut rest = frames;
        while !self.is_over
            && let Some((opcode, payload, behind)) = unframe(rest)
        {
            match opcode {
                8 => self.end(),
                2 => {
                    self.separate();
                    self.body.push(b'b');
                    base64::encode(payload, &mut self.body);
                }
                1 => {
                    self.separate();
                    self.body.extend_from_slice(payload);
                }
                // Pings and pongs are a connection's own, and no packets.
                _ => {}
            }
            rest = behind;
        }
    }

    /// The session is over: a held GET is told so, behind what it was to be answered with.
    pub fn end(&mut self) {
        if self.is_held && !self.is_over {
            self.separate();
            self.body.push(b'1');
        }
        self.is_over = true;
    }

    /// The client says that it leaves: a held GET is answered with nothing.
    pub fn leave(&mut self) {
        if self.is_held && self.body.is_empty() {
            self.body.push(b'6');
        }
        self.is_over = true;
    }

    /// The session goes on over a connection. True if a GET is held for which there is nothing: it has come too late, and
    /// is held no longer.
    pub fn is_too_late(&mut self) -> bool {
        let is_too_late = self.is_held && self.body.is_empty();
        self.is_held &= !is_too_late;
        is_too_late
    }

    /// Whether the session is over.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether the held GET can be answered.
    pub fn is_ready(&self) -> bool {
        self.is_held && !self.body.is_empty()
    }

    /// The answer to the held GET, which is held no longer.
    pub fn answer(&mut self) -> Vec<u8> {
        self.is_held = false;
        std::mem::take(&mut self.body)
    }

    /// A connection is being probed, or no longer: while it is, GETs are answered even if there is nothing.
    pub fn probe(&mut self, is_probed: bool) {
        self.is_probed = is_probed;
    }

    /// When a held GET is to be answered with nothing; `None` without a probe.
    pub fn noop_at_ms(&self) -> Option<u64> {
        (self.is_probed && self.is_held).then_some(self.next_noop_ms)
    }

    /// Answers a held GET with nothing, if it is time for that.
    pub fn noop(&mut self, now_ms: u64) {
        if self.noop_at_ms().is_some_and(|at_ms| now_ms >= at_ms) && self.body.is_empty() {
            self.body.push(b'6');
            self.next_noop_ms = now_ms + NOOP_PAUSE_MS;
        }
    }

    /// A POST has begun.
    ///
    /// # Errors
    /// If another one has not ended.
    pub fn begin_post(&mut self) -> Result<(), Overlapping> {
        if self.is_posting {
            return Err(Overlapping);
        }
        self.is_posting = true;
        Ok(())
    }

    /// The POST has been read.
    pub fn end_post(&mut self) {
        self.is_posting = false;
    }

    fn separate(&mut self) {
        if !self.body.is_empty() {
            self.body.push(SEPARATOR);
        }
    }
}

/// The first frame of those a server has written: opcode, payload, what stands behind it. `None` where there is none.
fn unframe(frames: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first, length], rest) = frames.split_first_chunk()?;
    let (length, rest) = match length {
        126 => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*bytes)), rest)
        }
        127 => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*bytes), rest)
        }
        length => (u64::from(length), rest),
    };
    let (payload, behind) = rest.split_at_checked(length as usize)?;
    Some((first & 0x0f, payload, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::{Close, Opcode, write_frame};
    use proptest::prelude::*;

    fn frames(messages: &[(Opcode, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        messages.iter().for_each(|(opcode, payload)| write_frame(*opcode, payload, &mut out));
        out
    }

    #[test]
    fn socketio_item_13_and_23_frames_become_a_body_joined_in_order_with_binary_in_base64() {
        let mut exchange = Exchange::default();
        assert!(!exchange.takes());
        exchange.hold().unwrap();
        assert!(exchange.takes() && !exchange.is_ready());
        let long = vec![b'4'; 70_000];
        exchange.take(&frames(&[(Opcode::Text, b"2"), (Opcode::Binary, &[1, 2]), (Opcode::Text, &long)]));
        exchange.take(&frames(&[(Opcode::Text, &long[..200])]));
        assert!(exchange.is_ready());
        let expected = [b"2\x1ebAQI=\x1e", &long[..], b"\x1e", &long[..200]].concat();
        assert_eq!(exchange.answer(), expected);
        assert!(!exchange.takes() && !exchange.is_ready());
    }

    #[test]
    fn socketio_item_15_and_16_requests_do_not_overlap() {
        let mut exchange = Exchange::default();
        assert_eq!((exchange.hold(), exchange.hold()), (Ok(()), Err(Overlapping)));
        exchange.end();
        assert_eq!(exchange.answer(), b"1");
        assert_eq!((exchange.begin_post(), exchange.begin_post()), (Ok(()), Err(Overlapping)));
        exchange.end_post();
        assert_eq!(exchange.begin_post(), Ok(()));
    }

    #[test]
    fn socketio_item_21_a_client_that_leaves_has_its_get_answered_with_nothing() {
        let mut exchange = Exchange::default();
        exchange.hold().unwrap();
        exchange.leave();
        assert_eq!(exchange.answer(), b"6");
        assert!(exchange.is_over());
    }

    #[test]
    fn control_frames_of_a_connection_are_no_packets() {
        let mut exchange = Exchange::default();
        exchange.hold().unwrap();
        exchange.take(&frames(&[(Opcode::Pong, b"\xff")]));
        assert!(!exchange.is_ready());
        exchange.take(&frames(&[(Opcode::Text, b"4a"), (Opcode::Pong, b""), (Opcode::Text, b"4b")]));
        assert_eq!(exchange.answer(), b"4a\x1e4b");
    }

    #[test]
    fn a_close_frame_is_the_last_packet() {
        let mut exchange = Exchange::default();
        exchange.hold().unwrap();
        let mut bytes = frames(&[(Opcode::Text, b"4a")]);
        Close::NORMAL.write(&mut bytes);
        exchange.take(&[bytes, frames(&[(Opcode::Text, b"4b")])].concat());
        exchange.end();
        assert_eq!(exchange.answer(), b"4a\x1e1");
    }

    #[test]
    fn socketio_item_44_while_a_probe_lasts_gets_are_answered_with_a_pause_between() {
        let mut exchange = Exchange::default();
        exchange.hold().unwrap();
        exchange.noop(50);
        assert!(!exchange.is_ready());
        exchange.probe(true);
        exchange.noop(50);
        assert_eq!(exchange.answer(), b"6");
        exchange.hold().unwrap();
        exchange.noop(149);
        assert_eq!((exchange.is_ready(), exchange.noop_at_ms()), (false, Some(150)));
        exchange.noop(150);
        assert_eq!(exchange.answer(), b"6");
    }

    proptest! {
        #[test]
        fn every_text_arrives_once_and_in_order(texts in proptest::collection::vec("4[a-z]{0,200}", 1..40)) {
            let mut exchange = Exchange::default();
            exchange.hold().unwrap();
            let messages: Vec<_> = texts.iter().map(|text| (Opcode::Text, text.as_bytes())).collect();
            exchange.take(&frames(&messages));
            prop_assert_eq!(String::from_utf8(exchange.answer()).unwrap(), texts.join("\u{1e}"));
        }
    }
}
