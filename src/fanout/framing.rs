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
    /// Nothing but what carries it; its own last member says which event it is.
    Numbered(Numbered),
}

/// What carries an event that says its position itself.
///
/// The position is a text, and the last member of the payload's object: of the wrapper where there is one, else of the
/// event; of an array of events, a member of the last of them, as whoever has that one has them all. The bytes before it
/// are those of the payload without it. So nothing has to be parsed to write it, and it is found from behind to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numbered {
    /// A WebSocket frame of the payload's type, a line, or a piece with its length.
    pub carrier: Carrier,
    /// What the member is called.
    pub member: &'static str,
}

/// What carries an event that says its position itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A WebSocket frame, of the type that the payload has without a position.
    Frame,
    /// A line.
    Line,
    /// Four bytes of length, and the payload.
    Prefixed,
}

impl Numbered {
    /// What the member is called; the form of all venues has one of that name already, and calls it `position`.
    const MEMBER: &str = "sequence";

    fn write(self, id: EventId, out: &mut Vec<u8>) {
        // An array ends with its last object; whatever else may come is left as it is.
        let is_list = out.last() == Some(&b']');
        if is_list {
            out.pop();
        }
        if out.pop_if(|last| *last == b'}').is_some() {
            for part in [",\"", self.member, "\":\""] {
                out.extend_from_slice(part.as_bytes());
            }
            id.write(out);
            out.extend_from_slice(b"\"}");
        }
        if is_list {
            out.push(b']');
        }
    }
}

impl Framing {
    /// Something that carries payloads of a form, each with its position.
    pub fn numbered(carrier: Carrier, is_neutral: bool) -> Framing {
        Framing::Numbered(Numbered { carrier, member: if is_neutral { "position" } else { Numbered::MEMBER } })
    }
}

impl Framing {
    /// The type of the WebSocket frame that a payload of this type goes into; `None` where it goes into none.
    #[inline]
    pub(super) fn opcode(&self, payload: Opcode) -> Option<Opcode> {
        match self {
            Framing::Numbered(Numbered { carrier: Carrier::Frame, .. }) => Some(payload),
            Framing::Room(_) => Some(Opcode::Text),
            Framing::Packed(_) => Some(Opcode::Binary),
            Framing::Event(_) | Framing::Line | Framing::Prefixed | Framing::Numbered(_) => None,
        }
    }

    /// Whether a newer frame makes an older one worthless that was not sent yet, whatever is in them.
    pub(super) fn is_volatile(&self) -> bool {
        match self {
            Framing::Room(room) => room.is_volatile,
            Framing::Packed(room) => room.is_volatile,
            Framing::Event(_) | Framing::Line | Framing::Prefixed | Framing::Numbered(_) => false,
        }
    }

    /// Whether whoever gets its frames can tell that one is missing, and so must not be left without one.
    #[inline]
    pub(super) fn is_numbered(&self) -> bool {
        matches!(self, Framing::Numbered(_))
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
            Framing::Numbered(Numbered { carrier, .. }) => {
                if *carrier == Carrier::Prefixed {
                    out.extend_from_slice(&[0; 4]);
                }
            }
        }
    }

    /// Appends what stands behind a payload, the last in `out`. A room tells the id here; an event only if it was not
    /// told before. What is written anew as a whole is written to `spare`, and they are swapped.
    #[inline]
    pub(super) fn close(&self, id: EventId, told: Told, out: &mut Vec<u8>, spare: &mut Vec<u8>) {
        match self {
            Framing::Numbered(numbered) => {
                if told != Told::Not {
                    numbered.write(id, out);
                }
                match numbered.carrier {
                    Carrier::Frame => {}
                    Carrier::Line => out.push(b'\n'),
                    Carrier::Prefixed => write_length(out),
                }
            }
            Framing::Room(room) => room.write_tail(id, out),
            Framing::Packed(room) => {
                spare.clear();
                spare.resize(HEADER_BYTES_MAX, 0);
                room.write(&out[HEADER_BYTES_MAX..], id, spare);
                std::mem::swap(out, spare);
            }
            Framing::Event(_) => {
                out.push(b'\n');
                if told == Told::Now {
                    id.write_line(out);
                }
                out.push(b'\n');
            }
            Framing::Line => out.push(b'\n'),
            Framing::Prefixed => write_length(out),
        }
    }
}

fn write_length(out: &mut [u8]) {
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_be_bytes());
}

/// Whether an event says which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It does, before its payload where that is possible.
    Early,
    /// Now that its payload has been written.
    Now,
    /// It is not all of what a client has at that point.
    Not,
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
        let framed = |framing: Framing, early: Option<EventId>, late| {
            let told = if late { Told::Now } else { early.map_or(Told::Not, |_| Told::Early) };
            let mut out = Vec::new();
            framing.open(early, &mut out);
            out.extend_from_slice(b"{}");
            framing.close(EventId { epoch: 0xab, sequence: 7, place: 1 }, told, &mut out, &mut Vec::new());
            String::from_utf8(out).unwrap()
        };
        let event = || Framing::Event("trade".into());
        assert_eq!(framed(event(), Some(id), false), "id: 000000ab-7.1\nevent: trade\ndata: {}\n\n");
        assert_eq!(framed(event(), None, true), "event: trade\ndata: {}\nid: 000000ab-7.1\n\n");
        assert_eq!(framed(event(), None, false), "event: trade\ndata: {}\n\n");
        assert_eq!(framed(Framing::Line, Some(id), false), "{}\n");
        assert_eq!(framed(Framing::Prefixed, Some(id), false), "\0\0\0\x02{}");
    }

    #[test]
    fn a_position_is_the_last_member_of_the_last_object() {
        let id = EventId { epoch: 0xab, sequence: 7, place: 1 };
        let numbered = |payload: &str, carrier, told| {
            let (mut out, framing) = (Vec::new(), Framing::numbered(carrier, false));
            framing.open(Some(id), &mut out);
            out.extend_from_slice(payload.as_bytes());
            framing.close(id, told, &mut out, &mut Vec::new());
            String::from_utf8(out).unwrap()
        };
        let one = r#"{"a":[{}],"sequence":"000000ab-7.1"}"#;
        assert_eq!(numbered(r#"{"a":[{}]}"#, Carrier::Frame, Told::Early), one);
        assert_eq!(numbered(r#"{"a":[{}]}"#, Carrier::Line, Told::Now), format!("{one}\n"));
        assert_eq!(numbered(r#"{"a":[{}]}"#, Carrier::Prefixed, Told::Now), format!("\0\0\0\x24{one}"));
        let last = r#"[{"a":1},{"a":2,"sequence":"000000ab-7.1"}]"#;
        assert_eq!(numbered(r#"[{"a":1},{"a":2}]"#, Carrier::Frame, Told::Now), last);
        assert_eq!(numbered(r#"[{"a":1}]"#, Carrier::Line, Told::Not), "[{\"a\":1}]\n");
        assert_eq!(numbered("[]", Carrier::Frame, Told::Now), "[]");
    }
}
