//! All order books of a feed.
//!
//! There is a book for every symbol that has depth changes and a snapshot. The changes of each depth stream are checked
//! to follow one another, and changes that arrive before their snapshot are kept until it is there.
//!
//! Where a feed tells the upper part of a book again and again, as Upbit does, the book is as deep as that and needs no
//! snapshot: the first window is one. Each later one that differs is one update, counted from the first window's 1, and
//! the change that leads to it is what a depth stream would have said. Books are changed by one of the two kinds only,
//! the one that comes first.
//!
//! Everything it keeps has a limit: [`CHANGES_WAITING_MAX`] changes per symbol without a snapshot (the oldest go
//! first, since the newest are the ones a later snapshot needs) and [`SNAPSHOTS_WAITING_MAX`] snapshots nobody
//! continues. Books are as large as the exchange's own.

use std::collections::VecDeque;

use crate::market::book::snapshot::{Change, Snapshot};
use crate::market::book::{Applied, Book};
use crate::market::channel::Pace;
use crate::market::symbol::SymbolId;
use crate::market::tick::{Depth, Level};

/// The most changes kept per symbol until its snapshot comes: some 100 seconds of a 100 ms stream.
pub const CHANGES_WAITING_MAX: usize = 1_024;

/// The most snapshots kept until a change continues them.
pub const SNAPSHOTS_WAITING_MAX: usize = 64;

/// What the books have met so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookCounts {
    /// Changes applied to a book.
    pub changes_applied: u64,
    /// Depth events whose first id is not the last id of the one before, plus one.
    pub gaps: u64,
    /// Books that became whole: a snapshot met the change that continues it.
    pub books_synced: u64,
    /// Snapshots given up because too many others waited.
    pub snapshots_dropped: u64,
    /// Changes given up because too many others waited.
    pub changes_dropped: u64,
}

/// Keeps all books.
#[derive(Debug, Default)]
pub struct Books {
    markets: Vec<Keeping>,
    snapshots: VecDeque<Snapshot>,
    /// The sides of a window on their way into a book.
    sides: [Vec<Level>; 2],
    counts: BookCounts,
}

/// What is known of one symbol.
#[derive(Debug, Default)]
struct Keeping {
    book: Option<Book>,
    /// The book's first snapshot; where a tape repeats, its book starts from there again.
    first_snapshot: Option<Book>,
    waiting: VecDeque<Change>,
    last_ids: [Option<i64>; 2],
    is_of_windows: bool,
}

impl Books {
    /// Takes in a snapshot; it is used as soon as a change continues it.
    pub fn on_snapshot(&mut self, snapshot: Snapshot) {
        let continued = |symbol: usize, market: &Keeping| {
            market.waiting.iter().any(|change| snapshot.continued_by(SymbolId(symbol as u32), change))
        };
        if let Some(symbol) = (0..self.markets.len()).find(|&s| continued(s, &self.markets[s])) {
            return self.sync(SymbolId(symbol as u32), snapshot);
        }
        if self.snapshots.len() == SNAPSHOTS_WAITING_MAX {
            self.snapshots.pop_front();
            self.counts.snapshots_dropped += 1;
        }
        self.snapshots.push_back(snapshot);
    }

    /// The book of a symbol; `None` until its snapshot and the change that continues it have come, and after a gap.
    pub fn book(&self, symbol: SymbolId) -> Option<&Book> {
        self.markets.get(symbol.index())?.book.as_ref()
    }

    /// The book of a symbol as its first snapshot had it.
    pub fn first_snapshot(&self, symbol: SymbolId) -> Option<&Book> {
        self.markets.get(symbol.index())?.first_snapshot.as_ref()
    }

    /// What it has met so far.
    pub fn counts(&self) -> BookCounts {
        self.counts
    }

    /// Takes in a change of the depth stream of this pace.
    pub fn on_depth(&mut self, symbol: SymbolId, pace: Pace, depth: &Depth, levels: &[Level]) {
        if self.markets.len() <= symbol.index() {
            self.markets.resize_with(symbol.index() + 1, Keeping::default);
        }
        let market = &mut self.markets[symbol.index()];
        if market.is_of_windows {
            return;
        }
        let last_id = &mut market.last_ids[pace as usize];
        if last_id.is_some_and(|last| depth.first_id != last + 1) {
            self.counts.gaps += 1;
        }
        *last_id = Some(depth.last_id);

        let (bids, asks) = levels.split_at(depth.bids as usize);
        if let Some(book) = &mut market.book {
            match book.apply(depth.first_id, depth.last_id, bids, asks) {
                Applied::Applied => self.counts.changes_applied += 1,
                Applied::Old => {}
                Applied::Gap { .. } => market.book = None,
            }
        }
        if market.book.is_some() {
            return;
        }
        let change = Change {
            first_id: depth.first_id,
            last_id: depth.last_id,
            levels: levels.to_vec(),
            bids: depth.bids as usize,
        };
        let found = self.snapshots.iter().position(|snapshot| snapshot.continued_by(symbol, &change));
        if market.waiting.len() == CHANGES_WAITING_MAX {
            market.waiting.pop_front();
            self.counts.changes_dropped += 1;
        }
        market.waiting.push_back(change);
        if let Some(snapshot) = found.and_then(|index| self.snapshots.remove(index)) {
            self.sync(symbol, snapshot);
        }
    }

    /// Takes in the upper part of a book: ask, bid, ask, bid, best first, with zeros where a side has fewer. `changes`
    /// gets what has changed; `None` for the first window, and where nothing has. Cost: a walk over the levels.
    pub fn on_window(&mut self, symbol: SymbolId, levels: &[Level], changes: &mut Vec<Level>) -> Option<Depth> {
        if self.markets.len() <= symbol.index() {
            self.markets.resize_with(symbol.index() + 1, Keeping::default);
        }
        let market = &mut self.markets[symbol.index()];
        if market.last_ids != [None; 2] {
            return None;
        }
        market.is_of_windows = true;
        for (first, side) in self.sides.iter_mut().enumerate() {
            let levels = levels.iter().skip(first).step_by(2);
            side.clear();
            side.extend(levels.copied().filter(|level| level.price.mantissa() > 0 && level.size.mantissa() > 0));
        }
        let [asks, bids] = &mut self.sides;
        // They come sorted; a damaged window must not break the book.
        if !asks.is_sorted_by(|a, b| a.price < b.price) {
            asks.sort_by_key(|level| level.price);
            asks.dedup_by_key(|level| level.price);
        }
        if !bids.is_sorted_by(|a, b| a.price > b.price) {
            bids.sort_by_key(|level| std::cmp::Reverse(level.price));
            bids.dedup_by_key(|level| level.price);
        }
        let Some(book) = &mut market.book else {
            market.book = Some(Book::from_snapshot(1, bids, asks));
            self.counts.books_synced += 1;
            return None;
        };
        let bids = book.replace(bids, asks, changes)?;
        self.counts.changes_applied += 1;
        let id = book.last_update_id();
        Some(Depth { first_id: id, last_id: id, bids })
    }

    /// Makes the snapshot the symbol's book and applies what had to wait for it.
    fn sync(&mut self, symbol: SymbolId, snapshot: Snapshot) {
        let market = &mut self.markets[symbol.index()];
        let mut book = snapshot.book();
        market.first_snapshot.get_or_insert_with(|| book.clone());
        for change in market.waiting.drain(..) {
            let (bids, asks) = change.levels.split_at(change.bids);
            if book.apply(change.first_id, change.last_id, bids, asks) == Applied::Applied {
                self.counts.changes_applied += 1;
            }
        }
        self.counts.books_synced += 1;
        market.book = Some(book);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::decimal::Decimal;

    fn level(price: i64, size: i64) -> Level {
        Level { price: Decimal::new(price.into(), 0).unwrap(), size: Decimal::new(size.into(), 0).unwrap() }
    }

    fn snapshot(last_update_id: i64, bid: i64, ask: i64) -> Snapshot {
        Snapshot { symbol: None, last_update_id, levels: vec![level(bid, 1), level(ask, 1)], bids: 1 }
    }

    fn depth(books: &mut Books, symbol: u32, first_id: i64, last_id: i64, price: i64) {
        let depth = Depth { first_id, last_id, bids: 1 };
        books.on_depth(SymbolId(symbol), Pace::Ms100, &depth, &[level(price, 7)]);
    }

    #[test]
    fn a_snapshot_before_its_changes_is_found_by_the_one_that_continues_it() {
        let mut books = Books::default();
        books.on_snapshot(snapshot(100, 50, 51));
        depth(&mut books, 0, 98, 99, 50);
        assert!(books.book(SymbolId(0)).is_none());
        depth(&mut books, 0, 100, 104, 49);
        assert_eq!(books.book(SymbolId(0)).unwrap().last_update_id(), 104);
        assert_eq!(books.counts().books_synced, 1);
    }

    #[test]
    fn a_snapshot_after_its_changes_takes_up_those_that_waited() {
        let mut books = Books::default();
        for id in 100..110 {
            depth(&mut books, 0, id, id, 50);
        }
        books.on_snapshot(snapshot(104, 50, 51));
        assert_eq!(books.book(SymbolId(0)).unwrap().last_update_id(), 109);
        assert_eq!(books.counts().changes_applied, 5);
    }

    #[test]
    fn where_two_symbols_share_ids_the_prices_decide() {
        let mut books = Books::default();
        depth(&mut books, 0, 100, 110, 3);
        depth(&mut books, 1, 100, 110, 50);
        books.on_snapshot(snapshot(104, 50, 51));
        assert!(books.book(SymbolId(0)).is_none());
        assert!(books.book(SymbolId(1)).is_some());
    }

    #[test]
    fn a_gap_is_counted_and_ends_the_book_until_the_next_snapshot() {
        let mut books = Books::default();
        books.on_snapshot(snapshot(1, 50, 51));
        depth(&mut books, 0, 2, 2, 50);
        depth(&mut books, 0, 4, 5, 50);
        assert_eq!(books.counts().gaps, 1);
        assert!(books.book(SymbolId(0)).is_none());
        books.on_snapshot(snapshot(4, 50, 51));
        assert_eq!(books.book(SymbolId(0)).unwrap().last_update_id(), 5);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut books = Books::default();
        for id in 0..2 * CHANGES_WAITING_MAX as i64 {
            depth(&mut books, 0, id, id, 50);
            books.on_snapshot(snapshot(1_000_000, 50, 51));
        }
        assert_eq!(books.counts().changes_dropped, CHANGES_WAITING_MAX as u64);
        assert_eq!(books.counts().snapshots_dropped, (2 * CHANGES_WAITING_MAX - SNAPSHOTS_WAITING_MAX) as u64);
    }
}
