//! Changes of a book collected over a second: the slow depth stream out of the fast one.
//!
//! The merged change runs from the first id of the first change to the last id of the last, and holds for each price
//! the size that came last. Since nothing may be lost between two of them, it goes out before its time where the fast
//! stream has a gap, so that the hole stays as visible as it was, and where it would hold more than [`LEVELS_MAX`].
//!
//! Levels are kept as they came and sorted out only when somebody wants the change: most seconds of most symbols pass
//! unwanted.

use crate::market::tick::{Depth, Level};

/// The most levels collected before they are told; as many as the largest message of a feed.
pub const LEVELS_MAX: usize = 20_000;

/// Changes since the last boundary.
#[derive(Debug, Default)]
pub struct MergedDepth {
    ids: Option<(i64, i64)>,
    /// The last id ever added.
    last_id: Option<i64>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl MergedDepth {
    /// Whether what is collected must be taken before this change can be added.
    pub fn must_leave_before(&self, depth: &Depth, levels: usize) -> bool {
        self.ids.is_some_and(|(_, last)| depth.first_id > last.saturating_add(1))
            || (!self.is_empty() && self.bids.len() + self.asks.len() + levels > LEVELS_MAX)
    }

    /// Adds a change; one that holds nothing new is passed over.
    pub fn add(&mut self, depth: &Depth, levels: &[Level]) {
        if self.last_id.is_some_and(|last| depth.last_id <= last) {
            return;
        }
        // What it repeats of the change before was told with that.
        let begin = self.last_id.map_or(depth.first_id, |last| depth.first_id.max(last.saturating_add(1)));
        self.last_id = Some(depth.last_id);
        let (first, _) = self.ids.unwrap_or((begin, 0));
        self.ids = Some((first, depth.last_id));
        let (bids, asks) = levels.split_at(levels.len().min(depth.bids as usize));
        self.bids.extend_from_slice(bids);
        self.asks.extend_from_slice(asks);
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.ids.is_none()
    }

    /// Takes out the merged change, its levels into `levels`; `None` where nothing has changed.
    pub fn take(&mut self, levels: &mut Vec<Level>) -> Option<Depth> {
        let (first_id, last_id) = self.ids.take()?;
        levels.clear();
        last_of_each_price(&mut self.bids, levels);
        levels.reverse();
        let bids = levels.len() as u32;
        last_of_each_price(&mut self.asks, levels);
        Some(Depth { first_id, last_id, bids })
    }

    /// Forgets what was collected.
    pub fn clear(&mut self) {
        self.ids = None;
        self.bids.clear();
        self.asks.clear();
    }
}

/// Moves the levels, by rising price, the last of each.
fn last_of_each_price(side: &mut Vec<Level>, levels: &mut Vec<Level>) {
    side.sort_by_key(|level| level.price);
    for pair in 0..side.len() {
        if side.get(pair + 1).is_none_or(|next| next.price != side[pair].price) {
            levels.push(side[pair]);
        }
    }
    side.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::book::{Applied, Book};
    use crate::market::decimal::Decimal;
    use proptest::prelude::*;

    fn level(price: i64, size: i64) -> Level {
        Level { price: Decimal::new(price.into(), 2).unwrap(), size: Decimal::new(size.into(), 3).unwrap() }
    }

    #[test]
    fn a_gap_and_too_many_levels_make_it_leave() {
        let mut merged = MergedDepth::default();
        let depth = |first_id, last_id| Depth { first_id, last_id, bids: 0 };
        assert!(!merged.must_leave_before(&depth(5, 9), LEVELS_MAX));
        merged.add(&depth(5, 9), &[level(1, 1)]);
        assert!(!merged.must_leave_before(&depth(10, 10), LEVELS_MAX - 1));
        assert!(merged.must_leave_before(&depth(10, 10), LEVELS_MAX));
        assert!(merged.must_leave_before(&depth(11, 12), 0));
        merged.add(&depth(8, 9), &[level(2, 2)]);
        let mut levels = Vec::new();
        let taken = merged.take(&mut levels).unwrap();
        assert_eq!((taken.first_id, taken.last_id, levels), (5, 9, vec![level(1, 1)]));
        assert!(merged.is_empty() && merged.take(&mut Vec::new()).is_none());
    }

    type Change = (Vec<(i64, i64)>, Vec<(i64, i64)>, bool);

    proptest! {
        #[test]
        fn books_that_follow_it_are_those_that_follow_each_change(
            changes in proptest::collection::vec(
                (
                    proptest::collection::vec((0_i64..12, 0_i64..3), 0..5),
                    proptest::collection::vec((12_i64..24, 0_i64..3), 0..5),
                    any::<bool>(),
                ),
                1..40,
            ),
        ) {
            let (mut fast, mut slow) = (Book::from_snapshot(0, &[], &[]), Book::from_snapshot(0, &[], &[]));
            let (mut merged, mut levels, mut id) = (MergedDepth::default(), Vec::new(), 0);
            let changes: Vec<Change> = changes;
            for (bids, asks, is_boundary) in changes {
                let side = |side: &[(i64, i64)]| side.iter().map(|&(p, s)| level(p, s)).collect::<Vec<_>>();
                let (bids, asks) = (side(&bids), side(&asks));
                let depth = Depth { first_id: id + 1, last_id: id + 3, bids: bids.len() as u32 };
                id += 3;
                prop_assert_eq!(fast.apply(depth.first_id, depth.last_id, &bids, &asks), Applied::Applied);
                merged.add(&depth, &[bids, asks].concat());
                if is_boundary {
                    let taken = merged.take(&mut levels).unwrap();
                    let (bids, asks) = levels.split_at(taken.bids as usize);
                    prop_assert!(bids.windows(2).all(|pair| pair[0].price > pair[1].price));
                    prop_assert!(asks.windows(2).all(|pair| pair[0].price < pair[1].price));
                    prop_assert_eq!(taken.first_id, slow.last_update_id() + 1);
                    prop_assert_eq!(slow.apply(taken.first_id, taken.last_id, bids, asks), Applied::Applied);
                    prop_assert!(slow.bids().eq(fast.bids()) && slow.asks().eq(fast.asks()));
                }
            }
        }
    }
}
