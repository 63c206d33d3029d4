//! The words for what has few values, both ways. The exchanges that write as Upbit does have the same.

use crate::market::tick::{Direction, MarketState, Taker};

/// Whose order it was that met one in the book, as JSON.
#[inline]
pub(in crate::venue) fn taker(taker: Taker) -> &'static str {
    match taker {
        Taker::Seller => "\"ASK\"",
        Taker::Buyer => "\"BID\"",
    }
}

/// The same read; `None` for any other word.
#[inline]
pub(super) fn read_taker(word: &str) -> Option<Taker> {
    match word {
        "BID" => Some(Taker::Buyer),
        "ASK" => Some(Taker::Seller),
        _ => None,
    }
}

/// Where the price stands beside yesterday's close, as JSON.
#[inline]
pub(in crate::venue) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Rise => "\"RISE\"",
        Direction::Even => "\"EVEN\"",
        Direction::Fall => "\"FALL\"",
    }
}

/// The same read; `None` for any other word.
#[inline]
pub(super) fn read_direction(word: &str) -> Option<Direction> {
    match word {
        "RISE" => Some(Direction::Rise),
        "EVEN" => Some(Direction::Even),
        "FALL" => Some(Direction::Fall),
        _ => None,
    }
}

/// Whether a market is open, as JSON.
#[inline]
pub(in crate::venue) fn state(state: MarketState) -> &'static str {
    match state {
        MarketState::Preview => "\"PREVIEW\"",
        MarketState::Active => "\"ACTIVE\"",
        MarketState::Delisted => "\"DELISTED\"",
    }
}

/// The same read; `None` for any other word.
#[inline]
pub(super) fn read_state(word: &str) -> Option<MarketState> {
    match word {
        "PREVIEW" => Some(MarketState::Preview),
        "ACTIVE" => Some(MarketState::Active),
        "DELISTED" => Some(MarketState::Delisted),
        _ => None,
    }
}

/// The exchange's warning of a market, as JSON.
#[inline]
pub(in crate::venue) fn warning(is_warned_of: bool) -> &'static str {
    if is_warned_of { "\"CAUTION\"" } else { "\"NONE\"" }
}
