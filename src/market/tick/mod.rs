//! The tick: one normalised market-data update, the only thing that travels through the ring.
//!
//! A tick carries what any venue's clients may be told about an update, in terms of no venue. Members that only one
//! exchange knows are optional. What has no fixed length, the levels of a book, lies beside the tick in the ring's
//! annex, as [`Level`]s.
//!
//! Times are nanoseconds since the Unix epoch, of the clock that their name says.

pub mod book;
pub mod statistics;
pub mod trade;

use crate::market::channel::{Channel, Stream};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbol, SymbolId};

pub use book::{Best, BookTicker, Depth, Orderbook, PartialDepth};
pub use statistics::{Candle, DayTicker, Kline, MarketState, MiniTicker, Record, Ticker, WindowTicker};
pub use trade::{AggTrade, AvgPrice, BlockTrade, DayChange, Direction, ReferencePrice, Taker, Trade};

/// One update of one stream, or a word to the cores that travels in order with the updates.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// Number of the raw message that caused it, from 1, without holes within an epoch. Ticks of one message share it.
    pub sequence: u64,
    /// When the raw message was received or recorded.
    pub ts_recv: i64,
    /// The exchange's clock at the event; equal to `ts_recv` where the message carried no time of its own
    /// (Binance `bookTicker`, `referencePrice`).
    pub ts_event: i64,
    /// Whose update it is; meaningless for [`Kind::Announce`], [`Kind::Second`] and [`Kind::End`].
    pub symbol: SymbolId,
    /// The channel it belongs to; meaningless as above.
    pub channel: Channel,
    /// Nothing happened: the state of the stream is told again, for those who have come since it was told last. It is
    /// their snapshot, and nobody else's news.
    pub restated: bool,
    /// What happened.
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "slots of the ring have one size, and a tick is written in place")]
pub enum Kind {
    /// A symbol is used for the first time by the tick after this one; its id is the next free one.
    Announce(Symbol),
    /// The feed has ended; nothing follows.
    End,
    /// All timed ticks of this second have been published; what is told once a second about many symbols together can
    /// be told now. `ts_event` is the whole second of the market clock.
    Second,
    /// An execution.
    Trade(Trade),
    /// Executions of one taker order at one price.
    AggTrade(AggTrade),
    /// Best bid and ask.
    BookTicker(BookTicker),
    /// Changed levels; bids, then asks, in the annex.
    Depth(Depth),
    /// A candle.
    Kline(Kline),
    /// Statistics of the last 24 hours.
    Ticker(Ticker),
    /// The shorter statistics of the last 24 hours.
    MiniTicker(MiniTicker),
    /// Statistics of the UTC day.
    DayTicker(DayTicker),
    /// The upper part of a book; ask, bid, ask, bid … in the annex, best first.
    Orderbook(Orderbook),
    /// The best levels; bids, then asks, in the annex.
    PartialDepth(PartialDepth),
    /// Statistics of a window that opens on a whole minute.
    WindowTicker(WindowTicker),
    /// The average price of five minutes.
    AvgPrice(AvgPrice),
    /// A candle as it grows.
    Candle(Candle),
    /// An execution agreed on outside of the book.
    BlockTrade(BlockTrade),
    /// The price an exchange takes a market to be worth.
    ReferencePrice(ReferencePrice),
}

impl Tick {
    /// The stream it belongs to.
    #[inline]
    pub fn stream(&self) -> Stream {
        Stream { symbol: self.symbol, channel: self.channel }
    }
}

impl Default for Tick {
    /// What a slot holds before anything was published.
    fn default() -> Self {
        Tick {
            sequence: 0,
            ts_recv: 0,
            ts_event: 0,
            symbol: SymbolId(0),
            channel: Channel::Trade,
            restated: false,
            kind: Kind::End,
        }
    }
}

/// A price and what is offered there. A size of zero removes the level (in [`Depth`]) or fills an empty place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// In the quote currency.
    pub price: Decimal,
    /// In the base currency, absolute, never a difference.
    pub size: Decimal,
}

/// A slot has this size whatever it holds, and the ring is this many times as large as its slots are many.
const _: () = assert!(size_of::<Tick>() <= 448);
