//! Rooms: a stream as an event of Socket.IO, in one namespace.

use crate::market::symbol::Venue;
use crate::protocol::socketio::packet::{head, is_reserved};
use crate::venue::upbit::Layout;

/// What stands around a stream's payloads in one namespace; the same for all who are in the room.
///
/// ```text
///  42/binance,["ticker",{…},"btcusdt@ticker"]
///  └────── head ───────┘   └───── tail ─────┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Room {
    /// Whose clients call the stream so, and in whose grammar the payloads are.
    pub venue: Venue,
    /// How they are written, for venues that have a choice.
    pub layout: Layout,
    /// Before the payload.
    pub head: Box<str>,
    /// Behind it.
    pub tail: Box<str>,
    /// Whether payloads are in the form that is the same for all venues, and not in the venue's own.
    pub is_neutral: bool,
    /// Whether a newer event makes those worthless that the client has not taken yet, of whatever kind they are.
    pub is_volatile: bool,
    /// Whether events end with the number of their tick, from which a client that comes back goes on.
    pub has_offset: bool,
}

impl Room {
    /// The room of a stream: in whose grammar, what the event is called, and how the client calls the stream.
    ///
    /// # Panics
    /// If the event's name is reserved: no client would take it for an event.
    pub fn new(namespace: &str, (venue, layout): (Venue, Layout), event: &str, stream: &str) -> Room {
        assert!(!is_reserved(event), "`{event}` is reserved");
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        Room {
            venue,
            layout,
            head: format!("{}[{},", head('2', 0, namespace, None), quoted(event)).into(),
            tail: format!(",{}]", quoted(stream)).into(),
            is_neutral: false,
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

    /// Appends what stands behind a payload, in an event of the tick with this number.
    pub fn write_tail(&self, position: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.tail.as_bytes());
        if self.has_offset {
            out.extend_from_slice(itoa::Buffer::new().format(position).as_bytes());
            out.extend_from_slice(b"\"]");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::upbit::{Edition, Format};

    const LAYOUT: Layout = Layout { format: Format::Default, units: 30, grouping: None, edition: Edition::Today };

    #[test]
    fn a_room_stands_around_its_payloads() {
        let room = Room::new("/binance", (Venue::Binance, LAYOUT), "ticker", "btcusdt@ticker");
        assert_eq!((&*room.head, &*room.tail), (r#"42/binance,["ticker","#, r#","btcusdt@ticker"]"#));
        let mut out = Vec::new();
        room.recoverable().write_tail(17, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#","btcusdt@ticker","17"]"#);
    }

    #[test]
    #[should_panic(expected = "`disconnect` is reserved")]
    fn socketio_item_52_no_room_has_events_with_a_reserved_name() {
        Room::new("/binance", (Venue::Binance, LAYOUT), "disconnect", "btcusdt@ticker");
    }
}
