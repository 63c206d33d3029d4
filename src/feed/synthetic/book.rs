//! The order book of one simulated market: price levels with their sizes.

use super::chance::Chance;

/// A side of the book, and of a taker: `Bid` buys, `Ask` sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Buyers.
    Bid,
    /// Sellers.
    Ask,
}

impl Side {
    /// The side across the spread.
    pub(super) fn other(self) -> Side {
        match self {
            Side::Bid => Side::Ask,
            Side::Ask => Side::Bid,
        }
    }

    /// Turns a price into a key, and a key into a price: of two keys of one side, the larger one is the better price.
    pub(super) fn key(self, price: i64) -> i64 {
        match self {
            Side::Bid => price,
            Side::Ask => -price,
        }
    }
}

/// One price level: price in ticks, size in lots, both above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// Price in ticks.
    pub(super) price: i64,
    /// Size in lots.
    pub(super) size: i64,
}

/// The levels of one side.
///
/// Sorted with the best level last: almost everything happens near the best, so almost nothing has to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ladder {
    side: Side,
    levels: Vec<Level>,
}

impl Ladder {
    fn new(side: Side) -> Self {
        Self { side, levels: Vec::new() }
    }

    /// How many levels there are.
    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// The level number `rank`, 0 being the best. The market never empties a side; a rank beyond the last level gives the last.
    pub(super) fn level(&self, rank: usize) -> Level {
        self.levels[self.levels.len().saturating_sub(rank + 1)]
    }

    /// The best level.
    pub(super) fn best(&self) -> Level {
        self.level(0)
    }

    /// The size that waits at a price; 0 where no level is.
    pub(super) fn size_at(&self, price: i64) -> i64 {
        self.find(price).map_or(0, |at| self.levels[at].size)
    }

    /// Sets the size at a price; 0 removes the level.
    pub(super) fn set(&mut self, price: i64, size: i64) {
        match self.find(price) {
            Ok(at) if size == 0 => {
                self.levels.remove(at);
            }
            Ok(at) => self.levels[at].size = size,
            Err(_) if size == 0 => {}
            Err(at) => self.levels.insert(at, Level { price, size }),
        }
    }

    /// All levels, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Level> + Clone + '_ {
        self.levels.iter().rev().copied()
    }

    fn find(&self, price: i64) -> Result<usize, usize> {
        let key = self.side.key(price);
        // Most changes are at the best level.
        match self.levels.last() {
            Some(best) if best.price == price => Ok(self.levels.len() - 1),
            _ => self.levels.binary_search_by_key(&key, |level| self.side.key(level.price)),
        }
    }
}

/// Both sides of one market; every bid lies below every ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Book {
    /// What is bid for.
    pub(super) bids: Ladder,
    /// What is on offer.
    pub(super) asks: Ladder,
}

impl Book {
    /// A book around `price`: see [`Shape`].
    pub(super) fn new(price: i64, shape: &Shape, chance: &mut Chance) -> Self {
        let mut book = Self { bids: Ladder::new(Side::Bid), asks: Ladder::new(Side::Ask) };
        let bid = price - shape.spread / 2;
        for (side, best) in [(Side::Bid, bid), (Side::Ask, bid + shape.spread)] {
            let mut key = side.key(best);
            for rank in 0..shape.levels {
                let price = side.key(key);
                if price < 1 {
                    break;
                }
                let size = if rank == 0 { chance.heavy(shape.best_lots, 1) } else { shape.size(price, chance) };
                book.side_mut(side).set(price, size.min(shape.lots_max));
                key -= shape.gap(rank, chance);
            }
        }
        book
    }

    /// One side.
    pub(super) fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    /// One side, to change it.
    pub(super) fn side_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    /// The prices at which this book differs from another one, side by side, in no particular order.
    pub(super) fn differences(&self, other: &Book) -> Vec<(Side, i64)> {
        let mut prices = Vec::new();
        for side in [Side::Bid, Side::Ask] {
            let (ours, theirs) = (self.side(side), other.side(side));
            for level in ours.iter() {
                if theirs.size_at(level.price) != level.size {
                    prices.push((side, level.price));
                }
            }
            for level in theirs.iter() {
                if ours.size_at(level.price) == 0 {
                    prices.push((side, level.price));
                }
            }
        }
        prices
    }
}

/// What a market's book looks like when nothing is going on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Levels on each side.
    pub(super) levels: usize,
    /// Usual distance between best bid and best ask, in ticks.
    pub(super) spread: i64,
    /// Mean distance between neighbours near the best, in sixteenths of a tick; 16 where every tick has its orders.
    pub(super) gap16: i64,
    /// Typical size at the best price, in lots.
    pub(super) best_lots: i64,
    /// Typical size further down, in lots.
    pub(super) level_lots: i64,
    /// No level holds more lots.
    pub(super) lots_max: i64,
}

impl Shape {
    /// The distance from the level of a rank to the next one; it grows with the rank.
    pub(super) fn gap(&self, rank: usize, chance: &mut Chance) -> i64 {
        let mean16 = (self.gap16 - 16) * (40 + rank as i64) / 40;
        // Sparse books are clumpy: the smaller of two draws, twice over, has a long tail and many neighbours.
        let reach = chance.between(0, mean16 * 6).min(chance.between(0, mean16 * 6));
        1 + reach / 32
    }

    /// The size of a level away from the best. Round prices attract orders, and round sizes are common.
    pub(super) fn size(&self, price: i64, chance: &mut Chance) -> i64 {
        let mut size = chance.heavy(self.level_lots, 1);
        if price % 100 == 0 {
            size *= 3;
        }
        if chance.permille(250) {
            size = chance.rounded(size);
        }
        size.min(self.lots_max)
    }
}
