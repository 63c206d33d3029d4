//! Rooms: a stream as an event of Socket.IO, in one namespace.

use crate::fanout::position::EventId;
use crate::protocol::socketio::outgoing::{Sent, head};
use crate::protocol::socketio::packet::is_reserved;

/// What stands around a stream's payloads in one namespace; the same for all who are in the room.
///
/// ```text
///  42/binance,["ticker",{…},"btcusdt@ticker"]
///  └────── head ───────┘   └───── tail ─────┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Room {
    /// Before the payload.
    pub head: Box<str>,
    /// Behind it.
    pub tail: Box<str>,
    /// Whether a newer event makes those worthless that the client has not taken yet, of whatever kind they are.
    pub is_volatile: bool,
    /// Whether events end with their id, from which a client that comes back goes on.
    pub has_offset: bool,
}

impl Room {
    /// The room of a stream: what the event is called, and how the client calls the stream.
    ///
    /// # Panics
    /// If the event's name is reserved: no client would take it for an event.
    pub fn new(namespace: &str, event: &str, stream: &str) -> Room {
        assert!(!is_reserved(event), "`{event}` is reserved");
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        Room {
            head: format!("{}[{},", head(Sent::Event, 0, namespace, None), quoted(event)).into(),
            tail: format!(",{}]", quoted(stream)).into(),
            is_volatile: false,
            has_offset: false,
        }
    }

    /// The same for clients that come back. The last text of an event is what they go on from, so none may end with
    /// another: volatile ones, which are never sent again, end with null.
    #[must_use]
    pub fn recoverable(mut self) -> Room {
        let tail = self.tail.trim_end_matches(']');
        self.has_offset = !self.is_volatile;
        self.tail = if self.has_offset { format!("{tail},\"") } else { format!("{tail},null]") }.into();
        self
    }

    /// Appends what stands behind a payload, in an event with this id.
    pub fn write_tail(&self, id: EventId, out: &mut Vec<u8>) {
        out.extend_from_slice(self.tail.as_bytes());
        if self.has_offset {
            id.write(out);
            out.extend_from_slice(b"\"]");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_stands_around_its_payloads() {
        let room = Room::new("/binance", "ticker", "btcusdt@ticker");
        assert_eq!((&*room.head, &*room.tail), (r#"42/binance,["ticker","#, r#","btcusdt@ticker"]"#));
        let mut out = Vec::new();
        room.recoverable().write_tail(EventId { epoch: 10, sequence: 17, place: 2 }, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#","btcusdt@ticker","0000000a-17.2"]"#);
    }

    #[test]
    #[should_panic(expected = "`disconnect` is reserved")]
    fn socketio_item_52_no_room_has_events_with_a_reserved_name() {
        Room::new("/binance", "disconnect", "btcusdt@ticker");
    }
}
