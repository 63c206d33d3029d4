//! Rooms of clients that read MessagePack.

use crate::fanout::position::EventId;
use crate::protocol::msgpack::{NIL, close_str, write_array_head, write_json, write_str};
use crate::protocol::socketio::outgoing::{Sent, packed_head};
use crate::protocol::socketio::packet::is_reserved;

/// The same as a [`Room`](crate::fanout::Room), for the parser that writes packets in MessagePack.
///
/// ```text
///  {type: 2, nsp: "/binance", data: ["ticker", {…}, "btcusdt@ticker"]}
///  └────────────── head ─────────────────────┘   └───── tail ──────┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PackedRoom {
    head: Box<[u8]>,
    tail: Box<[u8]>,
    /// As [`Room::is_volatile`](crate::fanout::Room::is_volatile).
    pub is_volatile: bool,
    /// As [`Room::has_offset`](crate::fanout::Room::has_offset).
    pub has_offset: bool,
}

impl PackedRoom {
    /// The room of a stream: what the event is called, and how the client calls the stream. Where clients come back,
    /// `is_recoverable`, events end with their id, volatile ones with nil, as those of
    /// [`Room::recoverable`](crate::fanout::Room::recoverable) do.
    ///
    /// # Panics
    /// If the event's name is reserved: no client would take it for an event.
    pub fn new(namespace: &str, (event, stream): (&str, &str), is_volatile: bool, is_recoverable: bool) -> PackedRoom {
        assert!(!is_reserved(event), "`{event}` is reserved");
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        packed_head(Sent::Event, namespace, None, &mut head);
        write_array_head(3 + usize::from(is_recoverable), &mut head);
        write_str(event, &mut head);
        write_str(stream, &mut tail);
        if is_recoverable && is_volatile {
            tail.push(NIL);
        }
        let has_offset = is_recoverable && !is_volatile;
        PackedRoom { head: head.into(), tail: tail.into(), is_volatile, has_offset }
    }

    /// Appends an event whose payload is this JSON, with this id.
    ///
    /// Cost: one pass over the payload; nothing is allocated but what `out` grows by.
    #[inline]
    pub(super) fn write(&self, payload: &[u8], id: EventId, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        write_json(payload, &[], out);
        out.extend_from_slice(&self.tail);
        if self.has_offset {
            let start = out.len();
            out.push(0);
            id.write(out);
            close_str(start, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::Room;
    use crate::protocol::socketio::Packet;

    /// What the event says, read as a client's packet.
    fn said(is_volatile: bool, is_recoverable: bool, id: EventId) -> String {
        let room = PackedRoom::new("/binance", ("ticker", "btcusdt@ticker"), is_volatile, is_recoverable);
        let mut out = Vec::new();
        room.write(br#"{"s":"BTCUSDT","n":[1,2.5]}"#, id, &mut out);
        let packet = Packet::unpack(&out).unwrap();
        assert_eq!((&*packet.namespace, packet.id), ("/binance", None));
        packet.json.into()
    }

    #[test]
    fn socketio_item_63_and_66_a_packed_room_says_what_the_other_one_says() {
        let short = EventId { epoch: 10, sequence: 17, place: 2 };
        let long = EventId { epoch: 10, sequence: u64::MAX, place: u32::MAX };
        for (is_volatile, is_recoverable) in [(false, false), (true, false), (false, true), (true, true)] {
            for id in [short, long] {
                let mut room = Room { is_volatile, ..Room::new("/binance", "ticker", "btcusdt@ticker") };
                if is_recoverable {
                    room = room.recoverable();
                }
                let mut text = format!(r#"{}{{"s":"BTCUSDT","n":[1,2.5]}}"#, room.head).into_bytes();
                room.write_tail(id, &mut text);
                let text = String::from_utf8(text).unwrap();
                assert_eq!(text.strip_prefix("42/binance,"), Some(&*said(is_volatile, is_recoverable, id)));
            }
        }
    }

    #[test]
    #[should_panic(expected = "`disconnect` is reserved")]
    fn socketio_item_52_no_packed_room_has_events_with_a_reserved_name() {
        PackedRoom::new("/binance", ("disconnect", "btcusdt@ticker"), false, false);
    }
}
