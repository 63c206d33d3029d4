//! Packets: what a WebSocket message holds, and one part of a polled body.

use std::borrow::Cow;

use crate::protocol::engineio::base64;

/// What stands between the packets of a polled body.
pub const SEPARATOR: u8 = 0x1e;

/// A packet from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Only a server's.
    Open,
    /// The client leaves.
    Close,
    /// A probe of a new connection, `probe`; no client sends any other.
    Ping(&'a str),
    /// The answer to a ping.
    Pong,
    /// What the layer above says in text.
    Text(&'a str),
    /// What it says in bytes.
    Binary(Cow<'a, [u8]>),
    /// From here on everything goes over the connection that was probed.
    Upgrade,
    /// Nothing.
    Noop,
}

impl<'a> Packet<'a> {
    /// Reads one that came as text; `None` for what is none, an empty one included.
    pub fn parse(text: &'a str) -> Option<Packet<'a>> {
        let data = text.get(1..)?;
        Some(match text.as_bytes().first()? {
            b'0' => Packet::Open,
            b'1' => Packet::Close,
            b'2' => Packet::Ping(data),
            b'3' => Packet::Pong,
            b'4' => Packet::Text(data),
            b'5' => Packet::Upgrade,
            b'6' => Packet::Noop,
            b'b' => Packet::Binary(base64::decode(data.as_bytes())?.into()),
            _ => return None,
        })
    }
}

/// The packets of a polled body, in order, still as text.
pub fn split(body: &str) -> impl Iterator<Item = &str> {
    body.split(SEPARATOR as char)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_are_told_by_their_first_character() {
        assert_eq!(Packet::parse("40/binance,"), Some(Packet::Text("0/binance,")));
        assert_eq!(Packet::parse("2probe"), Some(Packet::Ping("probe")));
        assert_eq!(Packet::parse("bAQID"), Some(Packet::Binary(vec![1, 2, 3].into())));
        for text in ["", "7", "abc", "\u{e4}", "bA"] {
            assert_eq!(Packet::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_body_is_its_packets_in_order_and_an_empty_one_is_an_empty_packet() {
        let packets: Vec<_> = split("4a\u{1e}4\u{20ac}\u{1e}3").map(Packet::parse).collect();
        assert_eq!(packets, [Some(Packet::Text("a")), Some(Packet::Text("\u{20ac}")), Some(Packet::Pong)]);
        assert_eq!(split("").map(Packet::parse).collect::<Vec<_>>(), [None]);
    }

    proptest! {
        #[test]
        fn socketio_item_69_no_text_makes_reading_packets_panic(text in "\\PC{0,40}") {
            split(&text).for_each(|packet| {
                let _ = Packet::parse(packet);
            });
        }
    }
}
