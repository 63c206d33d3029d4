//! Binance spot: names of streams, requests, events in JSON.
//!
//! Times in payloads are milliseconds, or microseconds for a connection that asked for them.

pub mod address;
pub mod api;
pub mod decode;
pub mod json;
pub mod listing;
pub mod request;
pub mod rest;
pub mod sbe;
pub mod stream;
pub mod symbol;

use crate::market::decimal::Decimal;
use crate::market::quotient::rounded;
use crate::venue::grammar::Grammar;

/// What is to be known of Binance.
pub const GRAMMAR: Grammar = Grammar {
    name: "binance",
    title: "Binance",
    pair: symbol::pair,
    symbol: symbol::symbol,
    number: Some(number),
    // Binance's own messages have no key that they all begin with; whatever no other venue takes is one.
    is_message: |_| true,
    decode: |buffers, raw, ts_recv, symbols, tick, levels| buffers.decode(raw, ts_recv, symbols, tick, levels),
    stream: stream::name,
    socket: None,
};

/// The unit of every time in a connection's payloads; chosen in the address, fixed for its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// 13 digits nowadays.
    #[default]
    Milliseconds,
    /// 16 digits nowadays.
    Microseconds,
}

/// How a connection's events are written; chosen by where it connects, fixed for its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON in text frames.
    #[default]
    Json,
    /// The binary encoding of [`sbe`], in binary frames.
    Sbe,
}

impl TimeUnit {
    /// Reads the value of the `timeUnit` parameter: one of four spellings, `None` for any other.
    pub fn parse(text: &str) -> Option<TimeUnit> {
        match text {
            "MILLISECOND" | "millisecond" => Some(TimeUnit::Milliseconds),
            "MICROSECOND" | "microsecond" => Some(TimeUnit::Microseconds),
            _ => None,
        }
    }

    /// A time in nanoseconds in this unit, rounded down.
    #[inline]
    pub fn of(self, ns: i64) -> i64 {
        match self {
            TimeUnit::Milliseconds => ns.div_euclid(1_000_000),
            TimeUnit::Microseconds => ns.div_euclid(1_000),
        }
    }
}

/// Decimal places of prices and quantities.
const PLACES: u8 = 8;

/// A number of another venue as Binance writes it: with eight places, rounded where it has more.
pub fn number(number: Decimal) -> Decimal {
    rounded(number, PLACES).unwrap_or(number)
}
