//! The order book of one symbol, kept from a snapshot and the changes that follow it.
//!
//! The rules are those every Binance client follows (a change carries absolute sizes and the range `first_id ..=
//! last_id` of the updates merged into it): a change that ends before the book is old and skipped, one that begins
//! after the book's next update means that something was lost, anything else is applied.

pub mod books;
pub mod merged_depth;
pub mod snapshot;
pub mod upper_book;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::market::decimal::Decimal;
use crate::market::tick::Level;

/// A whole book: every price at which somebody offers, with the size there.
#[derive(Clone, Debug, Default)]
pub struct Book {
    bids: BTreeMap<Decimal, Decimal>,
    asks: BTreeMap<Decimal, Decimal>,
    last_update_id: i64,
}

/// What a change did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The book now stands at the change's last id.
    Applied,
    /// The book already held all of it.
    Old,
    /// Updates between the book and the change are missing; the book is as it was and no longer true.
    Gap {
        /// The first update that is missing.
        expected: i64,
        /// The first update the change holds.
        found: i64,
    },
}

impl Book {
    /// The book of a snapshot that was taken after the update `last_update_id`.
    pub fn from_snapshot(last_update_id: i64, bids: &[Level], asks: &[Level]) -> Book {
        let mut book = Book { last_update_id, ..Book::default() };
        set_levels(&mut book.bids, bids);
        set_levels(&mut book.asks, asks);
        book
    }

    /// Applies a change, or says why not. Cost: a tree search per level.
    pub fn apply(&mut self, first_id: i64, last_id: i64, bids: &[Level], asks: &[Level]) -> Applied {
        if last_id <= self.last_update_id {
            return Applied::Old;
        }
        let expected = self.last_update_id + 1;
        if first_id > expected {
            return Applied::Gap { expected, found: first_id };
        }
        set_levels(&mut self.bids, bids);
        set_levels(&mut self.asks, asks);
        self.last_update_id = last_id;
        Applied::Applied
    }

    /// The last update the book contains.
    pub fn last_update_id(&self) -> i64 {
        self.last_update_id
    }

    /// Bids, highest price first.
    pub fn bids(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.bids.iter().rev().map(|(&price, &size)| Level { price, size })
    }

    /// Asks, lowest price first.
    pub fn asks(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        self.asks.iter().map(|(&price, &size)| Level { price, size })
    }

    /// Makes these levels the book, and its last update the next one, unless they are it. The levels that change go
    /// to `changes`, bids, then asks, each best first; how many are bids. `None` where nothing changes. Both sides must
    /// be sorted, best first, without a size of zero. Cost: a walk over both books, and a tree search per change.
    pub fn replace(&mut self, bids: &[Level], asks: &[Level], changes: &mut Vec<Level>) -> Option<u32> {
        changes.clear();
        merge_changes(self.bids(), bids, |a, b| b.cmp(a), changes);
        let count = changes.len();
        merge_changes(self.asks(), asks, |a, b| a.cmp(b), changes);
        if changes.is_empty() {
            return None;
        }
        let (bids, asks) = changes.split_at(count);
        set_levels(&mut self.bids, bids);
        set_levels(&mut self.asks, asks);
        self.last_update_id += 1;
        Some(count as u32)
    }

    /// The change that turns this book into `target`: bids, then asks, each best first; how many are bids.
    pub fn difference(&self, target: &Book) -> (Vec<Level>, u32) {
        let mut levels = side_difference(&self.bids, &target.bids);
        levels.reverse();
        let bids = levels.len() as u32;
        levels.extend(side_difference(&self.asks, &target.asks));
        (levels, bids)
    }
}

fn set_levels(side: &mut BTreeMap<Decimal, Decimal>, levels: &[Level]) {
    for level in levels {
        if level.size.is_zero() {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.size);
        }
    }
}

/// What must be set and removed to make one side `to`, both in the same order; removed levels as below.
fn merge_changes(
    from: impl Iterator<Item = Level>,
    to: &[Level],
    order: impl Fn(&Decimal, &Decimal) -> Ordering,
    changes: &mut Vec<Level>,
) {
    let (mut from, mut to) = (from.peekable(), to.iter().copied().peekable());
    loop {
        let next = match (from.peek(), to.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => order(&old.price, &new.price),
        };
        let old = if next == Ordering::Greater { None } else { from.next() };
        let new = if next == Ordering::Less { None } else { to.next() };
        match (old, new) {
            (Some(old), None) => changes.push(Level { price: old.price, size: zero_like(old.size) }),
            (None, Some(new)) => changes.push(new),
            (Some(old), Some(new)) if old.size != new.size => changes.push(new),
            _ => {}
        }
    }
}

fn zero_like(size: Decimal) -> Decimal {
    Decimal::new(0, size.scale().max(0) as u8).expect("a scale in range stays in range")
}

/// What must be set and removed in `from` to make it `to`, by rising price. A removed level keeps the places of its
/// size, so that the zero is written as the exchange writes it.
fn side_difference(from: &BTreeMap<Decimal, Decimal>, to: &BTreeMap<Decimal, Decimal>) -> Vec<Level> {
    let mut levels: Vec<Level> = to
        .iter()
        .filter(|(price, size)| from.get(price) != Some(size))
        .map(|(&price, &size)| Level { price, size })
        .collect();
    levels.extend(
        from.iter()
            .filter(|(price, _)| !to.contains_key(price))
            .map(|(&price, size)| Level { price, size: zero_like(*size) }),
    );
    levels.sort_by_key(|level| level.price);
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level(price: i64, size: i64) -> Level {
        Level { price: Decimal::new(price.into(), 2).unwrap(), size: Decimal::new(size.into(), 8).unwrap() }
    }

    #[test]
    fn a_change_is_applied_skipped_or_shows_a_gap() {
        let mut book = Book::from_snapshot(100, &[level(10, 1)], &[level(11, 1)]);
        assert_eq!(book.apply(90, 100, &[level(10, 9)], &[]), Applied::Old);
        assert_eq!(book.apply(95, 103, &[level(10, 0), level(9, 2)], &[]), Applied::Applied);
        assert_eq!(book.bids().collect::<Vec<_>>(), [level(9, 2)]);
        assert_eq!(book.apply(105, 106, &[], &[]), Applied::Gap { expected: 104, found: 105 });
        assert_eq!(book.last_update_id(), 103);
    }

    #[test]
    fn removing_a_level_that_is_not_there_is_normal() {
        let mut book = Book::from_snapshot(1, &[], &[level(11, 1)]);
        assert_eq!(book.apply(2, 2, &[level(5, 0)], &[level(12, 0)]), Applied::Applied);
        assert_eq!((book.bids().len(), book.asks().len()), (0, 1));
    }

    proptest! {
        #[test]
        fn the_difference_of_two_books_leads_from_one_to_the_other(
            a in proptest::collection::vec((0_i64..40, 1_i64..4), 0..30),
            b in proptest::collection::vec((0_i64..40, 1_i64..4), 0..30),
        ) {
            let side = |levels: &[(i64, i64)]| levels.iter().map(|&(p, s)| level(p, s)).collect::<Vec<_>>();
            let mut from = Book::from_snapshot(1, &side(&a), &side(&b));
            let to = Book::from_snapshot(9, &side(&b), &side(&a));
            let (levels, bids) = from.difference(&to);
            let (bids, asks) = levels.split_at(bids as usize);
            prop_assert!(bids.windows(2).all(|w| w[0].price > w[1].price));
            prop_assert!(asks.windows(2).all(|w| w[0].price < w[1].price));
            let (mut replaced, mut changes) = (from.clone(), Vec::new());
            let sides = (to.bids().collect::<Vec<_>>(), to.asks().collect::<Vec<_>>());
            let found = replaced.replace(&sides.0, &sides.1, &mut changes);
            prop_assert_eq!(found.unwrap_or(0) as usize, bids.len());
            prop_assert_eq!(&changes, &levels);
            prop_assert_eq!(found.is_some(), !levels.is_empty());
            prop_assert_eq!(replaced.last_update_id(), 1 + i64::from(found.is_some()));
            from.apply(2, 9, bids, asks);
            for book in [&from, &replaced] {
                prop_assert_eq!(book.bids().collect::<Vec<_>>(), sides.0.clone());
                prop_assert_eq!(book.asks().collect::<Vec<_>>(), sides.1.clone());
            }
        }
    }
}
