//! What a venue is: an exchange, and both ends of its wire grammar.
//!
//! A venue's folder says how the messages of its servers are read (`decode`), how its clients ask (`stream`,
//! `request`), and how they are answered (`json`). Nothing in here knows sockets, sessions or clocks: bytes and ticks
//! in, ticks and bytes out. What everybody else needs to know of it is its [`Grammar`]. To add an exchange, add a
//! folder with one, and its line to the table below.
//!
//! # Across venues
//!
//! Every symbol of every feed is served in every venue's grammar: its name by [`pair`], its streams by the market
//! engine, which derives the channels that its own venue does not have, its numbers by [`translate`]. Clients that read
//! several venues alike are served the [`neutral`] form, which is no exchange's.
//!
//! | Binance | Upbit | what is lost or made up |
//! |---|---|---|
//! | `BTCUSDT` | `USDT-BTC` | symbols that are no pair of a known quote currency have their own name only |
//! | trade | trade | Upbit's ids have 16 and more digits and are no counter; numbers get 8 places for Binance |
//! | aggTrade | | of Upbit's trades: those of one side, price and millisecond |
//! | depth, partial depth, bookTicker | orderbook | a book of Upbit is as deep as its window; its update ids count windows |
//! | kline | candle | Binance tells when one closes and shows empty ones, Upbit does neither |
//! | ticker: rolling 24 hours | ticker: UTC day | yesterday's close and the records of 52 weeks are those of the tape |
//! | `best_*` of Upbit's trade | | the book's best levels at that moment; null before there is one |

pub mod binance;
pub mod bithumb;
mod cursor;
pub mod grammar;
pub mod json;
pub mod neutral;
pub mod pair;
pub mod translate;
pub mod upbit;

use thiserror::Error;

use crate::market::book::snapshot::Snapshot;
use crate::market::decimal::DecimalError;
use crate::market::symbol::{Make, Name, SymbolId, Symbols, Venue};
use crate::market::tick::{Level, Tick};
use crate::venue::grammar::Grammar;

/// The most levels one message may carry: two sides of the largest snapshot an exchange gives, and as much again.
pub const LEVELS_MAX: usize = 20_000;

/// What a raw message says.
#[derive(Debug)]
pub enum Message {
    /// An update; it stands in [`Decoder::tick`] and [`Decoder::levels`].
    Tick,
    /// Updates of many symbols at once, none with levels; their `sequence` and `ts_recv` are the caller's to set.
    List(Vec<Tick>),
    /// A whole order book, to start from.
    Snapshot(Snapshot),
}

/// Why a raw message gives no tick. None of these is fatal to a feed: they are counted by reason.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The text is not JSON, for instance because it was cut.
    #[error("not JSON")]
    NotJson,
    /// It is JSON, but nothing this venue's servers send on the streams served here.
    #[error("a message of a kind that is not served")]
    Unserved,
    /// A member that the message's kind must have is not there, or is of a wrong type.
    #[error("member `{0}` is missing or of a wrong type")]
    Member(&'static str),
    /// A number cannot be held exactly.
    #[error("a number is malformed or has too many digits")]
    Number,
    /// The symbol is empty, too long, holds characters no symbol has, or is one too many.
    #[error("the symbol is empty, too long, malformed or one too many")]
    Symbol,
    /// More levels than [`LEVELS_MAX`].
    #[error("more than {LEVELS_MAX} price levels")]
    Levels,
}

impl Rejected {
    /// A short name for counters; one for each variant, in the order of [`Rejected::index`].
    pub const LABELS: [&'static str; 7] = ["not_utf8", "not_json", "unserved", "member", "number", "symbol", "levels"];

    /// The variant's place in [`Rejected::LABELS`].
    pub fn index(self) -> usize {
        match self {
            Rejected::NotUtf8 => 0,
            Rejected::NotJson => 1,
            Rejected::Unserved => 2,
            Rejected::Member(_) => 3,
            Rejected::Number => 4,
            Rejected::Symbol => 5,
            Rejected::Levels => 6,
        }
    }
}

impl From<DecimalError> for Rejected {
    fn from(_: DecimalError) -> Self {
        Rejected::Number
    }
}

/// The table of venues: what each is called in code, its grammar, and what its feeds are made of. A message belongs to
/// the last one that takes it for its own.
macro_rules! venues {
    ($($name:ident: $grammar:path, $make:ident;)*) => {
        #[allow(non_upper_case_globals, missing_docs, reason = "they read like the variants they stand for")]
        impl Venue {
            $(pub const $name: Venue = Venue::new(Place::$name as u8, Make::$make);)*
        }

        impl Venue {
            /// All of them, in the order of the table.
            pub const ALL: [Venue; GRAMMARS.len()] = [$(Venue::$name),*];
        }

        enum Place {
            $($name),*
        }

        const GRAMMARS: &[&Grammar] = &[$(&$grammar),*];
    };
}

venues! {
    Binance: binance::GRAMMAR, Changes;
    Upbit: upbit::GRAMMAR, Windows;
    Bithumb: bithumb::GRAMMAR, Windows;
}

const _: () = assert!(GRAMMARS.len() <= Venue::COUNT_MAX);

impl Venue {
    /// What is to be known of it.
    #[inline]
    pub fn grammar(self) -> &'static Grammar {
        GRAMMARS[self.index()]
    }
}

/// Reads the raw messages of all venues. Its buffers are used again for each message: nothing is allocated for a tick
/// once they have grown to the largest.
#[derive(Default)]
pub struct Decoder {
    /// The update that was read last; its `sequence` and `ts_recv` are the caller's to set.
    pub tick: Tick,
    /// The levels of the update that was read last.
    pub levels: Vec<Level>,
    buffers: binance::decode::Decoder,
}

impl Decoder {
    /// Reads one raw message, received at `ts_recv`. The bytes are scratch afterwards.
    ///
    /// # Errors
    /// [`Rejected`] for whatever is no update; the decoder is as ready as before.
    pub fn decode(
        &mut self,
        venue: Venue,
        raw: &mut [u8],
        ts_recv: i64,
        symbols: &mut Symbols,
    ) -> Result<Message, Rejected> {
        self.levels.clear();
        let Decoder { tick, levels, buffers } = self;
        (venue.grammar().decode)(buffers, raw, ts_recv, symbols, tick, levels)
    }
}

/// Whose message it is, by its form.
pub fn venue_of(raw: &[u8]) -> Venue {
    let text = raw.trim_ascii_start();
    let takes_it = |venue: &Venue| (venue.grammar().is_message)(text);
    Venue::ALL.into_iter().rev().find(takes_it).unwrap_or(Venue::Binance)
}

/// Interns a symbol that a message names, refusing what would need escaping in JSON.
fn intern(symbols: &mut Symbols, venue: Venue, name: &str) -> Result<SymbolId, Rejected> {
    if let Some(id) = symbols.find_native(venue, name) {
        return Ok(id);
    }
    let clean = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+'));
    if !clean {
        return Err(Rejected::Symbol);
    }
    let name = Name::new(name).ok_or(Rejected::Symbol)?;
    symbols.add(pair::symbol(venue, name)).ok_or(Rejected::Symbol)
}
