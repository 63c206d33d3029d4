//! What stands around a payload: an event of Socket.IO or of a server's, a line, a piece with its length.

use std::rc::Rc;

use crate::fanout::packed::PackedRoom;
use crate::fanout::position::EventId;
use crate::fanout::room::Room;
use crate::protocol::lines::Mode;
use crate::protocol::websocket::{Close, HEADER_BYTES_MAX, Opcode};
use crate::protocol::{events, lines};

/// What stands around a stream's payloads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// An event of Socket.IO, in a text frame.
    Room(Rc<Room>),
    /// The same in MessagePack, in a binary frame, its payload too.
    Packed(Rc<PackedRoom>),
    /// A server-sent event of this kind, with an id.
    Event(Rc<str>),
    /// A line.
    Line,
    /// Four bytes that say how long it is, big-endian.
    Prefixed,
}

impl Framing {
    /// The type of the WebSocket frame that it goes into; `None` where it goes into none.
    #[inline]
    pub(super) fn opcode(&self) -> Option<Opcode> {
        match self {
            Framing::Room(_) => Some(Opcode::Text),
            Framing::Packed(_) => Some(Opcode::Binary),
            Framing::Event(_) | Framing::Line | Framing::Prefixed => None,
        }
    }

    /// Whether a newer frame makes an older one worthless that was not sent yet, whatever is in them.
    pub(super) fn is_volatile(&self) -> bool {
        match self {
            Framing::Room(room) => room.is_volatile,
            Framing::Packed(room) => room.is_volatile,
            Framing::Event(_) | Framing::Line | Framing::Prefixed => false,
        }
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
            // Its head is written with all the rest.
            Framing::Packed(_) | Framing::Line => {}
            Framing::Prefixed => out.extend_from_slice(&[0; 4]),
        }
    }

    /// Appends what stands behind a payload, the last in `out`. A room tells the id here; an event only if it is to be
    /// told now, as it was not before. What is written anew as a whole is written to `spare`, and they are swapped.
    #[inline]
    pub(super) fn close(&self, id: EventId, is_to_be_told: bool, out: &mut Vec<u8>, spare: &mut Vec<u8>) {
        match self {
            Framing::Room(room) => room.write_tail(id, out),
            Framing::Packed(room) => {
                spare.clear();
                spare.resize(HEADER_BYTES_MAX, 0);
                room.write(&out[HEADER_BYTES_MAX..], id, spare);
                std::mem::swap(out, spare);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_stand_between_their_delimiters() {
        let id = EventId { epoch: 0xab, sequence: 7, place: 1 };
        let framed = |framing: Framing, early, late| {
            let mut out = Vec::new();
            framing.open(early, &mut out);
            out.extend_from_slice(b"{}");
            framing.close(EventId { epoch: 0xab, sequence: 7, place: 1 }, late, &mut out, &mut Vec::new());
            String::from_utf8(out).unwrap()
        };
        let event = || Framing::Event("trade".into());
        assert_eq!(framed(event(), Some(id), false), "id: 000000ab-7.1\nevent: trade\ndata: {}\n\n");
        assert_eq!(framed(event(), None, true), "event: trade\ndata: {}\nid: 000000ab-7.1\n\n");
        assert_eq!(framed(event(), None, false), "event: trade\ndata: {}\n\n");
        assert_eq!(framed(Framing::Line, Some(id), false), "{}\n");
        assert_eq!(framed(Framing::Prefixed, Some(id), false), "\0\0\0\x02{}");
    }
}
