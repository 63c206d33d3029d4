//! The upper part of a book, as Upbit tells it: the best thirty levels of both sides in pairs, whole each time.
//!
//! It is told on a whole 100 ms where it differs from how it stood on the one before. That takes the state of then, so
//! it is kept from when somebody wants it, and the first one is not told as news: a stream that is wanted from some
//! moment on is from there on the same as ever. Who has come is given the state itself (see
//! [`Tick::restated`](crate::market::tick::Tick::restated)).

use crate::market::book::Book;
use crate::market::decimal::Decimal;
use crate::market::tick::{Level, Orderbook};

/// Pairs of levels; a side that has fewer is filled up with zeros.
pub const PAIRS: usize = 30;

const NONE: Level = Level { price: Decimal::ZERO, size: Decimal::ZERO };

/// The upper part of one book as it stood on the last whole 100 ms; 1,920 bytes once it has been wanted.
#[derive(Debug, Default)]
pub struct UpperBook {
    /// Ask, bid, ask, bid, best first.
    levels: Vec<Level>,
    is_known: bool,
    /// Time of the book's last change when it came to be as it is.
    ts_event: i64,
}

impl UpperBook {
    /// Whether it is kept at present.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// It is no longer kept.
    pub fn forget(&mut self) {
        self.is_known = false;
    }

    /// Takes it from a book that changed last at `ts_event`; whether it is another than before. Cost: a walk over
    /// sixty levels.
    pub fn update(&mut self, book: &Book, ts_event: i64) -> bool {
        self.levels.resize(2 * PAIRS, NONE);
        let mut is_changed = !self.is_known;
        let (mut asks, mut bids) = (book.asks(), book.bids());
        for pair in self.levels.chunks_exact_mut(2) {
            let new = [asks.next().unwrap_or(NONE), bids.next().unwrap_or(NONE)];
            if pair != new {
                pair.copy_from_slice(&new);
                is_changed = true;
            }
        }
        self.is_known = true;
        if is_changed {
            self.ts_event = ts_event;
        }
        is_changed
    }

    /// Event time, sums and levels; the sums are exact.
    pub fn told(&self) -> (i64, Orderbook, &[Level]) {
        let total = |side: usize| {
            let sizes = self.levels.iter().skip(side).step_by(2).map(|level| level.size);
            sizes.fold(Decimal::ZERO, |sum, size| sum.checked_add(size).unwrap_or(sum))
        };
        let orderbook = Orderbook { total_ask: total(0), total_bid: total(1), grouping: Some(Decimal::ZERO) };
        (self.ts_event, orderbook, &self.levels)
    }
}
