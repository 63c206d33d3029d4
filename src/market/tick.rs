//! The tick: one normalised market-data update, the only thing that travels through the ring.
//!
//! A tick carries what any venue's clients may be told about an update, in terms of no venue. Members that only one
//! exchange knows are optional. What has no fixed length, the levels of a book, lies beside the tick in the ring's
//! annex, as [`Level`]s.
//!
//! Times are nanoseconds since the Unix epoch, of the clock that their name says.

use crate::market::channel::{Channel, Stream};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbol, SymbolId};

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

/// Who crossed the spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    /// The buyer; the seller was the maker. Upbit's `BID`, Binance's `"m":false`.
    Buyer,
    /// The seller; the buyer was the maker. Upbit's `ASK`, Binance's `"m":true`.
    Seller,
}

/// One execution.
#[derive(Clone, Copy, Debug)]
pub struct Trade {
    /// Unique for its symbol. Binance counts by one; Upbit's has 16 or 17 digits and is no counter.
    pub id: i64,
    /// Price.
    pub price: Decimal,
    /// Executed size in the base currency.
    pub size: Decimal,
    /// When it was executed.
    pub ts_trade: i64,
    /// Who crossed the spread.
    pub taker: Taker,
    /// Comparison with yesterday, where the feed says it (Upbit).
    pub day: Option<DayChange>,
    /// Best bid and ask after it, where the feed says them (Upbit since 2024-11).
    pub best: Option<Best>,
}

/// Executions of one taker order at one price.
#[derive(Clone, Copy, Debug)]
pub struct AggTrade {
    /// Counts by one for its symbol.
    pub id: i64,
    /// Price.
    pub price: Decimal,
    /// Size of all of them.
    pub size: Decimal,
    /// First trade's id.
    pub first_id: i64,
    /// Last trade's id.
    pub last_id: i64,
    /// When they were executed.
    pub ts_trade: i64,
    /// Who crossed the spread.
    pub taker: Taker,
}

/// The best levels of both sides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Best {
    /// Lowest ask.
    pub ask: Level,
    /// Highest bid.
    pub bid: Level,
}

/// A change of the best bid or ask.
#[derive(Clone, Copy, Debug)]
pub struct BookTicker {
    /// The book's update id at that moment; the same counter as [`Depth::last_id`].
    pub update_id: i64,
    /// The best levels.
    pub best: Best,
}

/// Changes of the book. Its levels lie in the annex: `bids` of them, best first, then the asks.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// First update merged into it; the last one of the event before, plus one.
    pub first_id: i64,
    /// Last update merged into it.
    pub last_id: i64,
    /// How many of the levels are bids; the others are asks.
    pub bids: u32,
}

/// A candle.
#[derive(Clone, Copy, Debug)]
pub struct Kline {
    /// First instant.
    pub ts_open: i64,
    /// Last instant, in the unit of the feed: next open less one millisecond or microsecond.
    pub ts_close: i64,
    /// First trade's id, -1 without trades.
    pub first_id: i64,
    /// Last trade's id, -1 without trades.
    pub last_id: i64,
    /// Opening price.
    pub open: Decimal,
    /// Closing price, or the last so far.
    pub close: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// How many trades.
    pub trades: i64,
    /// Whether nothing more can be added to it.
    pub closed: bool,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
    /// Base volume bought by takers.
    pub taker_volume: Decimal,
    /// Quote volume spent by buying takers.
    pub taker_quote_volume: Decimal,
}

/// Statistics of the last 24 hours.
#[derive(Clone, Copy, Debug)]
pub struct Ticker {
    /// Last price less opening price.
    pub change: Decimal,
    /// The same in per cent of the opening price, three places.
    pub change_percent: Decimal,
    /// Quote volume by base volume.
    pub average: Decimal,
    /// Last price before the window.
    pub previous: Decimal,
    /// Last price.
    pub last: Level,
    /// Best bid and ask.
    pub best: Best,
    /// First price of the window.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
    /// The window's first instant.
    pub ts_open: i64,
    /// The window's last instant.
    pub ts_close: i64,
    /// First trade's id.
    pub first_id: i64,
    /// Last trade's id.
    pub last_id: i64,
    /// How many trades.
    pub trades: i64,
}

/// The shorter statistics of the last 24 hours.
#[derive(Clone, Copy, Debug)]
pub struct MiniTicker {
    /// Last price.
    pub close: Decimal,
    /// First price of the window.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
}

/// Statistics of a window that opens on a whole minute; which one, the channel says.
#[derive(Clone, Copy, Debug)]
pub struct WindowTicker {
    /// Last price less opening price.
    pub change: Decimal,
    /// The same in per cent of the opening price, three places.
    pub change_percent: Decimal,
    /// First price of the window.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Quote volume by base volume.
    pub average: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
    /// The window's first instant, a whole minute.
    pub ts_open: i64,
    /// The window's last instant.
    pub ts_close: i64,
    /// First trade's id, -1 without trades.
    pub first_id: i64,
    /// Last trade's id, -1 without trades.
    pub last_id: i64,
    /// How many trades.
    pub trades: i64,
}

/// The average price of five minutes.
#[derive(Clone, Copy, Debug)]
pub struct AvgPrice {
    /// Quote volume by base volume; the last price where nothing was traded.
    pub average: Decimal,
    /// When the last trade was executed.
    pub ts_trade: i64,
}

/// A candle as it grows: what was traded from `ts_open` on. It exists from its first trade on.
#[derive(Clone, Copy, Debug)]
pub struct Candle {
    /// First instant, a multiple of its unit.
    pub ts_open: i64,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price so far.
    pub close: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Turnover in the quote currency.
    pub turnover: Decimal,
}

/// An execution agreed on outside of the book. It is part of no candle and no statistics.
#[derive(Clone, Copy, Debug)]
pub struct BlockTrade {
    /// Unique for its symbol; a numbering apart from that of [`Trade::id`].
    pub id: i64,
    /// Price.
    pub price: Decimal,
    /// Executed size in the base currency.
    pub size: Decimal,
    /// When it was executed.
    pub ts_trade: i64,
    /// Who counts as having crossed the spread.
    pub taker: Taker,
}

/// The price an exchange takes a market to be worth.
#[derive(Clone, Copy, Debug)]
pub struct ReferencePrice {
    /// In the quote currency; `None` while the market has no reference price.
    pub price: Option<Decimal>,
    /// When it was valid, by the exchange's clock. The message carries no other time.
    pub ts_valid: i64,
}

/// The best levels of a book. They lie in the annex: `bids` of them, best first, then the asks.
#[derive(Clone, Copy, Debug)]
pub struct PartialDepth {
    /// The last update the book contains; the same counter as [`Depth::last_id`].
    pub last_update_id: i64,
    /// How many of the levels are bids; the others are asks.
    pub bids: u32,
}

/// Which way the price went since yesterday's close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Rise,
    Even,
    Fall,
}

/// The price against the close of the previous UTC day.
#[derive(Clone, Copy, Debug)]
pub struct DayChange {
    /// Close of the previous UTC day.
    pub previous_close: Decimal,
    /// Which way the price went.
    pub direction: Direction,
    /// By how much, never negative.
    pub amount: Decimal,
}

/// A price and the day it was reached.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The price.
    pub price: Decimal,
    /// The day, counted from 1970-01-01 in UTC.
    pub day: i32,
}

/// Whether a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum MarketState {
    Preview,
    Active,
    Delisted,
}

/// Statistics of the UTC day, with the last trade and the rolling 24 hours. All of it is Upbit's `ticker`.
#[derive(Clone, Copy, Debug)]
pub struct DayTicker {
    /// First price of the day.
    pub open: Decimal,
    /// Highest price of the day.
    pub high: Decimal,
    /// Lowest price of the day.
    pub low: Decimal,
    /// Last price.
    pub last: Level,
    /// Against yesterday.
    pub day: DayChange,
    /// The change with its sign.
    pub signed_change: Decimal,
    /// The change as a share of yesterday's close, ten places.
    pub change_rate: Decimal,
    /// The same with its sign.
    pub signed_change_rate: Decimal,
    /// Turnover of the day in the quote currency.
    pub turnover: Decimal,
    /// Volume of the day in the base currency.
    pub volume: Decimal,
    /// Volume sold by takers on the day.
    pub ask_volume: Decimal,
    /// Volume bought by takers on the day.
    pub bid_volume: Decimal,
    /// Rolling 24-hour turnover.
    pub turnover_24h: Decimal,
    /// Rolling 24-hour volume.
    pub volume_24h: Decimal,
    /// Who crossed the spread in the last trade.
    pub taker: Taker,
    /// When the last trade was executed.
    pub ts_trade: i64,
    /// Highest price of 52 weeks.
    pub highest_52w: Record,
    /// Lowest price of 52 weeks.
    pub lowest_52w: Record,
    /// Whether the market trades.
    pub state: MarketState,
    /// Upbit's deprecated `is_trading_suspended`.
    pub suspended: bool,
    /// Upbit's deprecated `market_warning`: true for `CAUTION`.
    pub caution: bool,
    /// The day it leaves the exchange; `None` for a market that stays.
    pub delisting_day: Option<i32>,
}

/// The upper part of a book. Its levels lie in the annex in pairs, ask then bid, best first; a side with fewer orders
/// than the other is filled with zeros.
#[derive(Clone, Copy, Debug)]
pub struct Orderbook {
    /// Sum of all ask sizes shown.
    pub total_ask: Decimal,
    /// Sum of all bid sizes shown.
    pub total_bid: Decimal,
    /// The step prices were grouped by, 0 for none; `None` where the recording is from before grouping (2024-01).
    pub grouping: Option<Decimal>,
}

/// A slot has this size whatever it holds, and the ring is this many times as large as its slots are many.
const _: () = assert!(size_of::<Tick>() <= 448);
