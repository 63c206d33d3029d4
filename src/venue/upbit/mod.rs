//! Upbit: requests by type and code, events in JSON with long or short keys; quotations by [`rest`].
//!
//! Numbers are JSON numbers, spelled as `spelling` says. Upbit has changed what it sends over the years; clients of
//! today are served what it sends today, whatever year a tape is from, or exactly what was recorded: [`Edition`].

pub mod decode;
pub mod grouping;
mod in_order;
pub mod json;
pub(in crate::venue) mod keys;
pub mod request;
pub mod rest;
mod spelling;
pub(in crate::venue) mod words;

use crate::market::channel::{Channel, Unit};
use crate::venue::grammar::{Grammar, Socket};
use crate::venue::pair::Pair;
use crate::venue::upbit::grouping::Grouping;

/// What is to be known of Upbit.
pub const GRAMMAR: Grammar = Grammar {
    name: "upbit",
    title: "Upbit",
    pair: |name| Pair::of_quote_and_base(name),
    symbol: |pair| pair.quote_and_base(),
    number: None,
    is_message,
    decode: |_, raw, ts_recv, symbols, tick, levels| decode::decode(raw, ts_recv, symbols, tick, levels),
    stream,
    socket: Some(Socket { path: "/websocket/v1", channel, write: json::write_payload }),
};

/// Whether a message begins with its type.
pub fn is_message(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"{").unwrap_or(text).trim_ascii_start();
    text.starts_with(b"\"ty\"") || text.starts_with(b"\"type\"")
}

/// The channel of a type; `None` for one that does not exist.
pub fn channel(kind: &str) -> Option<Channel> {
    match kind {
        "ticker" => Some(Channel::DayTicker),
        "trade" => Some(Channel::Trade),
        "orderbook" => Some(Channel::Orderbook),
        kind => Unit::from_name(kind.strip_prefix("candle.")?).map(Channel::Candle),
    }
}

/// The type of a channel; it is the same for all codes.
pub fn stream(_: &str, channel: Channel) -> Option<String> {
    match channel {
        Channel::DayTicker => Some("ticker".into()),
        Channel::Trade => Some("trade".into()),
        Channel::Orderbook => Some("orderbook".into()),
        Channel::Candle(unit) => Some(format!("candle.{}", unit.name())),
        _ => None,
    }
}

/// How a connection's frames look; each request chooses it anew, for the whole connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Long keys.
    #[default]
    Default,
    /// Short keys.
    Simple,
    /// Long keys, each event in an array.
    JsonList,
    /// Short keys, each event in an array.
    SimpleList,
}

/// Whether recordings are served as the exchange would send them today.
///
/// What has changed since the first recordings (2021): order books have 30 units instead of 15, or as many as were
/// asked for, and end with their `level` (2024-01); trades show the best levels (2024-11) and write the whole time of a
/// full minute, `18:17:00` instead of `18:17`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Edition {
    /// As today: members that a recording lacks are there, null where nobody knows them, order books are filled up with
    /// empty units, and numbers are spelled as today.
    #[default]
    Today,
    /// Exactly as recorded: members that a recording lacks are left out, and all spellings are its own.
    Recorded,
}

/// How the frames of a stream look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Long or short keys, lists or not.
    pub format: Format,
    /// Pairs of levels in order books.
    pub units: u8,
    /// The step to which prices in order books are merged; `None` for the exchange's own.
    pub grouping: Option<Grouping>,
    /// As recorded or as today; books with merged prices are always those of today, as they are in no recording.
    pub edition: Edition,
}

impl Format {
    /// Reads the value of a request's `format`.
    pub fn parse(text: &str) -> Option<Format> {
        match text {
            "DEFAULT" => Some(Format::Default),
            "SIMPLE" => Some(Format::Simple),
            "JSON_LIST" => Some(Format::JsonList),
            "SIMPLE_LIST" => Some(Format::SimpleList),
            _ => None,
        }
    }

    /// Whether keys are short.
    pub fn is_short(self) -> bool {
        matches!(self, Format::Simple | Format::SimpleList)
    }

    /// Whether each event stands in an array.
    pub fn is_list(self) -> bool {
        matches!(self, Format::JsonList | Format::SimpleList)
    }
}
