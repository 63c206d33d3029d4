//! What everybody but its own folder needs to know of a venue.

use crate::market::channel::Channel;
use crate::market::decimal::Decimal;
use crate::market::symbol::Symbols;
use crate::market::tick::{Level, Tick};
use crate::venue::binance::decode::Decoder as Buffers;
use crate::venue::pair::Pair;
use crate::venue::upbit::Layout;
use crate::venue::upbit::json::StreamType;
use crate::venue::{Message, Rejected};

/// An exchange's grammar: how its symbols are spelled, how its messages are told and read, how its clients ask.
#[derive(Debug)]
pub struct Grammar {
    /// In lower case, as flags, logs and addresses spell it.
    pub name: &'static str,
    /// As people write it.
    pub title: &'static str,
    /// The two sides of a symbol; `None` for one that has none.
    pub pair: for<'a> fn(&'a str) -> Option<Pair<'a>>,
    /// What a pair is called.
    pub symbol: fn(Pair<'_>) -> String,
    /// A number of another venue's feed as this one writes it; `None` where its writer takes them in any form.
    pub number: Option<fn(Decimal) -> Decimal>,
    /// Whether a message, from its first character on, has the form of this venue's.
    pub is_message: fn(&[u8]) -> bool,
    /// Reads a message into the tick and the levels, which are empty. The bytes are scratch afterwards.
    pub decode: Decode,
    /// What its clients call a channel of a symbol, as a whole; `None` for a channel they do not have.
    pub stream: fn(&str, Channel) -> Option<String>,
    /// The public socket, where its clients ask as Upbit's do.
    pub socket: Option<Socket>,
}

/// Reads one raw message: buffers, message, receive time, symbols, and where tick and levels go.
pub type Decode =
    fn(&mut Buffers, &mut [u8], i64, &mut Symbols, &mut Tick, &mut Vec<Level>) -> Result<Message, Rejected>;

/// A socket on which each request replaces everything: types, codes and format.
#[derive(Debug)]
pub struct Socket {
    /// Where it is.
    pub path: &'static str,
    /// The channel of a type, `None` for one that the venue does not have.
    pub channel: fn(&str) -> Option<Channel>,
    /// Appends an event's payload, see [`write_payload`](crate::venue::upbit::json::write_payload).
    pub write: Write,
}

/// Appends the payload of a tick: tick, levels, code, layout, snapshot or update, scratch, and where it goes. False, and
/// nothing appended, for one that the venue has no words for.
pub type Write = fn(&Tick, &[Level], &str, &Layout, StreamType, &mut Vec<Level>, &mut Vec<u8>) -> bool;
