//! What stands around a payload: an event of Socket.IO or of a server's, a line, a piece with its length.
//!
//! # Ids of events
//!
//! `<epoch>-<sequence>.<place>`: the run of the server, the number of the raw message, and the how manieth tick of that
//! message it was, from 0. All cores read the same ticks, so an id means the same on each of them. It is finer than the
//! message's number because one message may cause several events, between two of which a connection may be cut.

use std::fmt;
use std::rc::Rc;

use crate::fanout::room::Room;
use crate::protocol::lines::Mode;
use crate::protocol::websocket::Close;
use crate::protocol::{events, lines};

/// What stands around a stream's payloads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// An event of Socket.IO, in a text frame.
    Room(Rc<Room>),
    /// A server-sent event of this kind, with an id.
    Event(Rc<str>),
    /// A line.
    Line,
    /// Four bytes that say how long it is, big-endian.
    Prefixed,
}

impl Framing {
    /// Whether it goes into a WebSocket frame.
    #[inline]
    pub(super) fn is_websocket(&self) -> bool {
        matches!(self, Framing::Room(_))
    }

    /// Appends what stands before a payload.
    #[inline]
    pub(super) fn open(&self, id: Option<EventId>, out: &mut Vec<u8>) {
        match self {
            Framing::Room(room) => out.extend_from_slice(room.head.as_bytes()),
            Framing::Event(kind) => {
                if let Some(id) = id {
                    id.write_line(out);
                }
                for part in ["event: ", kind, "\ndata: "] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            Framing::Line => {}
            Framing::Prefixed => out.extend_from_slice(&[0; 4]),
        }
    }

    /// Appends what stands behind a payload, the last in `out`. A room tells the id here; an event only if it is to be
    /// told now, as it was not before.
    #[inline]
    pub(super) fn close(&self, id: EventId, is_to_be_told: bool, out: &mut Vec<u8>) {
        match self {
            Framing::Room(room) => room.write_tail(id, out),
            Framing::Event(_) => {
                out.push(b'\n');
                if is_to_be_told {
                    id.write_line(out);
                }
                out.push(b'\n');
            }
            Framing::Line => out.push(b'\n'),
            Framing::Prefixed => {
                let length = (out.len() - 4) as u32;
                out[..4].copy_from_slice(&length.to_be_bytes());
            }
        }
    }
}

/// How a session is told what is no tick's: answers, heartbeats, the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// In WebSocket frames.
    #[default]
    WebSocket,
    /// In server-sent events.
    Events,
    /// In lines.
    Lines,
    /// In pieces with their length.
    Prefixed,
}

impl From<Mode> for Dialect {
    fn from(mode: Mode) -> Dialect {
        match mode {
            Mode::Lines => Dialect::Lines,
            Mode::Prefixed => Dialect::Prefixed,
        }
    }
}

impl Dialect {
    /// Appends a message of a kind, whose content is one line of JSON: an event of that kind, or an object with a member
    /// of its name. WebSocket's sessions write their own; for them nothing is appended.
    pub fn write(self, kind: &str, json: &str, out: &mut Vec<u8>) {
        let object = || format!(r#"{{"{kind}":{json}}}"#);
        match self {
            Dialect::WebSocket => {}
            Dialect::Events => events::write_event(kind, json, out),
            Dialect::Lines => lines::Mode::Lines.write(object().as_bytes(), out),
            Dialect::Prefixed => lines::Mode::Prefixed.write(object().as_bytes(), out),
        }
    }

    /// Appends the last word: code and reason, those of a close frame.
    pub fn write_close(self, close: Close, out: &mut Vec<u8>) {
        match self {
            Dialect::WebSocket => close.write(out),
            other => other.write("close", &format!(r#"{{"code":{},"reason":"{}"}}"#, close.code, close.reason), out),
        }
    }

    /// Whether the server ends the connection after its last word: only WebSocket has an answer to it.
    pub fn hangs_up(self) -> bool {
        self != Dialect::WebSocket
    }
}

/// An event's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventId {
    /// The run of the server.
    pub epoch: u32,
    /// Number of the raw message.
    pub sequence: u64,
    /// Which of its ticks, from 0.
    pub place: u32,
}

impl EventId {
    /// The next tick is one of this message.
    #[inline]
    pub(super) fn advance(&mut self, sequence: u64) {
        self.place = if sequence == self.sequence { self.place.wrapping_add(1) } else { 0 };
        self.sequence = sequence;
    }

    fn write_line(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"id: ");
        self.write(out);
        out.push(b'\n');
    }

    /// Appends it as it is displayed.
    #[inline]
    pub(super) fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let nibble = |n: u32| DIGITS[(self.epoch >> (28 - 4 * n) & 15) as usize];
        out.extend((0..8).map(nibble));
        out.push(b'-');
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(number.format(self.sequence).as_bytes());
        out.push(b'.');
        out.extend_from_slice(number.format(self.place).as_bytes());
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}.{}", self.epoch, self.sequence, self.place)
    }
}

/// How far a client has got, as it says itself: an [`EventId`], or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// `None` where it does not say.
    pub epoch: Option<u32>,
    /// Number of a raw message.
    pub sequence: u64,
    /// The last of its ticks that it has; `None` for all of them.
    pub place: Option<u32>,
}

impl Position {
    /// Reads `<epoch>-<sequence>.<place>`, `<sequence>.<place>` or `<sequence>`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Position> {
        let (epoch, rest) = match text.split_once('-') {
            Some((epoch, rest)) if epoch.len() == 8 => (Some(u32::from_str_radix(epoch, 16).ok()?), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (sequence, place) = match rest.split_once('.') {
            Some((sequence, place)) => (sequence, Some(place)),
            None => (rest, None),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(sequence) || !place.is_none_or(is_number) {
            return None;
        }
        let place = place.map(str::parse).transpose().ok()?;
        Some(Position { epoch, sequence: sequence.parse().ok()?, place })
    }

    /// Whether a core that has read this far may have more to read before it is there.
    pub fn is_beyond(&self, id: EventId) -> bool {
        let is_same_run = self.epoch.is_none_or(|epoch| epoch == id.epoch);
        is_same_run
            && (self.sequence > id.sequence
                || (self.sequence == id.sequence && self.place.is_none_or(|place| place > id.place)))
    }

    /// Whether the last tick it has had is the one of this id, and it says so.
    pub(super) fn is_at(&self, id: EventId) -> bool {
        self.sequence == id.sequence && self.place == Some(id.place)
    }

    /// Whether it has not had the tick of this id.
    pub(super) fn is_before(&self, id: EventId) -> bool {
        id.sequence > self.sequence
            || (id.sequence == self.sequence && self.place.is_some_and(|place| id.place > place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_are_ids_or_parts_of_them() {
        let read = |text| Position::parse(text);
        assert_eq!(read("12"), Some(Position { epoch: None, sequence: 12, place: None }));
        assert_eq!(read("12.3"), Some(Position { epoch: None, sequence: 12, place: Some(3) }));
        assert_eq!(read("0000ff00-12.3"), Some(Position { epoch: Some(0xff00), sequence: 12, place: Some(3) }));
        for text in ["", "x", "-1", "1.", ".1", "1.2.3", "ff-1.0", "0000ff00-", "+1", "1.+2", "18446744073709551616"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn payloads_stand_between_their_delimiters() {
        let id = EventId { epoch: 0xab, sequence: 7, place: 1 };
        let framed = |framing: Framing, early, late| {
            let mut out = Vec::new();
            framing.open(early, &mut out);
            out.extend_from_slice(b"{}");
            framing.close(EventId { epoch: 0xab, sequence: 7, place: 1 }, late, &mut out);
            String::from_utf8(out).unwrap()
        };
        let event = || Framing::Event("trade".into());
        assert_eq!(framed(event(), Some(id), false), "id: 000000ab-7.1\nevent: trade\ndata: {}\n\n");
        assert_eq!(framed(event(), None, true), "event: trade\ndata: {}\nid: 000000ab-7.1\n\n");
        assert_eq!(framed(event(), None, false), "event: trade\ndata: {}\n\n");
        assert_eq!(framed(Framing::Line, Some(id), false), "{}\n");
        assert_eq!(framed(Framing::Prefixed, Some(id), false), "\0\0\0\x02{}");
    }

    proptest! {
        #[test]
        fn ids_come_back_as_positions(epoch in any::<u32>(), sequence in any::<u64>(), place in any::<u32>()) {
            let id = EventId { epoch, sequence, place };
            let position = Position::parse(&id.to_string());
            prop_assert_eq!(position, Some(Position { epoch: Some(epoch), sequence, place: Some(place) }));
            let mut line = Vec::new();
            id.write_line(&mut line);
            prop_assert_eq!(String::from_utf8(line).unwrap(), format!("id: {id}\n"));
            prop_assert!(!position.unwrap().is_before(id));
            let next = EventId { sequence: sequence.saturating_add(1), place: 0, ..id };
            prop_assert!(sequence == u64::MAX || position.unwrap().is_before(next));
            prop_assert!(sequence == u64::MAX || Position::parse(&next.to_string()).unwrap().is_beyond(id));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", digits in "[0-9a-f.-]{0,30}") {
            Position::parse(&text);
            Position::parse(&digits);
        }
    }
}
