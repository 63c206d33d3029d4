//! Kinds of ticks about order books. The levels lie beside the tick.

use crate::market::decimal::Decimal;
use crate::market::tick::Level;

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

/// The best levels of a book. They lie in the annex: `bids` of them, best first, then the asks.
#[derive(Clone, Copy, Debug)]
pub struct PartialDepth {
    /// The last update the book contains; the same counter as [`Depth::last_id`].
    pub last_update_id: i64,
    /// How many of the levels are bids; the others are asks.
    pub bids: u32,
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
