//! Snapshots of books that do not say whose book they are.
//!
//! A REST answer on a tape names no symbol, and it may stand before the first change of its book, in the middle of the
//! changes it already contains, or long before the one that continues it. What ties a snapshot to a symbol is the
//! chain of update ids: the change with `first_id <= snapshot id + 1 <= last_id` continues it. Ids of different
//! symbols may meet by chance, so the prices must agree as well.

use crate::market::book::Book;
use crate::market::decimal::Decimal;
use crate::market::symbol::SymbolId;
use crate::market::tick::Level;

/// A whole book as an exchange sent it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whose it is, where the message says so.
    pub symbol: Option<SymbolId>,
    /// The last update it contains.
    pub last_update_id: i64,
    /// Bids, then asks, each best first.
    pub levels: Vec<Level>,
    /// How many of the levels are bids.
    pub bids: usize,
}

/// A change of a book kept until its snapshot is there.
#[derive(Clone, Debug)]
pub struct Change {
    /// First update merged into it.
    pub first_id: i64,
    /// Last update merged into it.
    pub last_id: i64,
    /// Bids, then asks.
    pub levels: Vec<Level>,
    /// How many of the levels are bids.
    pub bids: usize,
}

impl Snapshot {
    /// The book it describes.
    pub fn book(&self) -> Book {
        let (bids, asks) = self.levels.split_at(self.bids);
        Book::from_snapshot(self.last_update_id, bids, asks)
    }

    /// Whether `change`, of the book of `symbol`, is the one that continues this snapshot.
    pub fn continued_by(&self, symbol: SymbolId, change: &Change) -> bool {
        let next = self.last_update_id + 1;
        self.symbol.is_none_or(|own| own == symbol)
            && change.first_id <= next
            && next <= change.last_id
            && self.prices_agree(change)
    }

    /// Whether any price of the change lies between half the best bid and twice the best ask. A change without levels
    /// says nothing against it.
    fn prices_agree(&self, change: &Change) -> bool {
        let (bids, asks) = self.levels.split_at(self.bids);
        let two = Decimal::new(2, 0).expect("2 is in range");
        let twice = |price: Decimal| price.checked_mul(two).unwrap_or(price);
        change.levels.is_empty()
            || change.levels.iter().any(|level| {
                bids.first().is_none_or(|bid| twice(level.price) >= bid.price)
                    && asks.first().is_none_or(|ask| level.price <= twice(ask.price))
            })
    }
}
