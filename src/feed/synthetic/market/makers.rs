//! What makers do: they withdraw, step in, change their quotes, and keep the book filled behind them.

use super::Market;
use crate::feed::synthetic::book::Side;

impl Market {
    /// Makers leave a side whose quotes the fair price has passed.
    pub(super) fn withdraw(&mut self, side: Side, fair: i64) {
        for _ in 0..3 {
            let best = self.book.side(side).best();
            if side.key(best.price * 256) <= side.key(fair) {
                return;
            }
            if self.side_is_short(side) {
                // A long way in one direction: the book moves along at its far end.
                self.insert_after(side, self.book.side(side).len() - 1);
            }
            let stays = best.size > self.habits.shape.best_lots && self.chance.permille(500);
            let kept = if stays { best.size * self.chance.between(10, 50) / 100 } else { 0 };
            self.put(side, best.price, kept);
            if stays {
                return;
            }
        }
    }

    /// A maker quotes inside the spread. False when the fair price leaves no room for it.
    pub(super) fn step_in(&mut self, fair: i64, pressure: i64) -> bool {
        let favoured = if pressure > 0 { Side::Bid } else { Side::Ask };
        let favoured = if self.chance.permille(850) { favoured } else { favoured.other() };
        for side in [favoured, favoured.other()] {
            let best = side.key(self.book.side(side).best().price);
            let across = side.key(self.book.side(side.other()).best().price);
            // Nobody bids above the fair price by more than the slack, or offers below it by more than that.
            let limit = (side.key(fair) + self.habits.slack).div_euclid(256);
            let usual = self.habits.shape.spread;
            let goal = (across - self.chance.between((usual / 3).max(1), usual)).min(limit);
            if goal <= best {
                continue;
            }
            let key = match self.chance.below(10) {
                0..6 => goal,
                6..8 => best + 1,
                _ => self.chance.between(best + 1, goal),
            };
            let share = self.chance.between(2, 16);
            let size = self.chance.heavy(self.habits.shape.best_lots * share / 16 + 1, 1);
            self.put(side, side.key(key), size.min(self.habits.shape.lots_max));
            return true;
        }
        false
    }

    /// The size at one of the best quotes changes; `late` is the side that the fair price makes unattractive.
    pub(super) fn requote(&mut self, late: Side, heat: i64) {
        let side = if self.chance.permille(540) { late } else { late.other() };
        let best = self.book.side(side).best();
        let usual = self.habits.shape.best_lots;
        let grows = match best.size {
            small if small < usual / 2 => 700,
            large if large > usual * 2 => 250,
            _ => 500,
        };
        let slot = self.chance.below(self.joined.len() as u32) as usize;
        if self.chance.permille(grows) {
            if self.chance.permille(600) {
                self.joined[slot] = self.chance.heavy(usual / 8 + 1, 1);
            }
            let size = (best.size + self.joined[slot]).min(self.habits.shape.lots_max);
            self.put(side, best.price, size);
            return;
        }
        // In the heat quotes are withdrawn for no visible reason, but nobody leaves a spread that already gapes.
        let gone = if self.gapes() { 0 } else { 30 * heat as u32 / 256 };
        let leaves = if self.chance.permille(gone) {
            best.size
        } else if self.joined[slot] < best.size {
            self.joined[slot]
        } else {
            (best.size * self.chance.between(5, 60) / 100).max(1)
        };
        if leaves < best.size || !self.side_is_short(side) {
            self.put(side, best.price, best.size - leaves);
        }
    }

    /// Something changes away from the best: a level comes, goes, or changes its size.
    pub(super) fn rearrange(&mut self) {
        let shape = self.habits.shape;
        let side = if self.chance.permille(500) { Side::Bid } else { Side::Ask };
        let count = self.book.side(side).len();
        if count > shape.levels * 9 / 8 {
            // The far end goes first, so that the book moves along with its price.
            let price = self.book.side(side).level(count - 1).price;
            return self.put(side, price, 0);
        }
        if self.chance.permille(600)
            && let Some(rank) = self.hole(side)
        {
            return self.insert_after(side, rank);
        }
        let rank = self.rank_near_best(count);
        let level = self.book.side(side).level(rank);
        let dice = self.chance.below(100);
        let missing = count < shape.levels;
        if dice < if missing { 55 } else { 25 } {
            let rank = if missing && dice < 12 { count - 1 } else { rank };
            self.insert_after(side, rank);
        } else if !missing && dice < 60 {
            let rank = if dice < 35 { count - 1 } else { rank };
            let price = self.book.side(side).level(rank).price;
            self.put(side, price, 0);
        } else {
            let size = shape.size(level.price, &mut self.chance);
            let size = if self.chance.permille(500) { size } else { level.size + (size / 8).max(1) };
            self.put(side, level.price, size.min(shape.lots_max));
        }
    }

    /// A new level between the one of a rank and the next; where there is no room, the level grows instead.
    fn insert_after(&mut self, side: Side, rank: usize) {
        let shape = self.habits.shape;
        let level = self.book.side(side).level(rank);
        let nearer = side.key(level.price);
        let further = if rank + 1 < self.book.side(side).len() {
            side.key(self.book.side(side).level(rank + 1).price)
        } else {
            nearer - shape.gap(rank, &mut self.chance) - 1
        };
        let mut key = self.chance.between(further + 1, nearer - 1);
        let round = key.div_euclid(50) * 50;
        if round > further && self.chance.permille(200) {
            key = round;
        }
        let price = side.key(key);
        if key >= nearer || price < 1 {
            let size = level.size + self.chance.heavy(shape.level_lots / 8 + 1, 1);
            return self.put(side, level.price, size.min(shape.lots_max));
        }
        let size = shape.size(price, &mut self.chance);
        self.put(side, price, size);
    }

    /// The first rank near the best that has no neighbour behind it, as a move of the price leaves it.
    fn hole(&self, side: Side) -> Option<usize> {
        let usual = 1 + (self.habits.shape.gap16 - 16) / 4;
        let levels = self.book.side(side).iter();
        let mut pairs = levels.clone().zip(levels.skip(1)).take(HOLES_WITHIN);
        pairs.position(|(level, next)| (level.price - next.price).abs() > usual)
    }

    /// A rank below the best, more often near it.
    fn rank_near_best(&mut self, count: usize) -> usize {
        let dice = u64::from(self.chance.bits());
        let square = (dice * dice) >> 32;
        1 + ((square * (count as u64 - 1)) >> 32) as usize
    }
}

/// Holes are noticed among so many of the best levels.
const HOLES_WITHIN: usize = 14;
