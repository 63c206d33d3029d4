//! One simulated market: its book, and the orders that arrive.
//!
//! A fair price from outside ([`super::walk`]) leads; the book follows it as a real one does, by orders and never by decree.
//!
//! ```text
//!  fair price inside the slack around the middle     quotes grow and shrink, takers nibble, levels further down come and go
//!  fair price beyond it                              takers eat the quotes that are out of line, and makers withdraw them
//!  spread wider than usual                           makers step into it, first from the side that the fair price favours
//! ```
//!
//! So a price is left alone for a while, is eaten through in a burst, the spread gapes and closes again one step further on.
//! In the heat of news makers are slower to come back, and the spread stays open longer.

mod makers;

use super::book::{Book, Shape, Side};
use super::chance::{Chance, Pulse};

/// How a market trades.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// Its book at rest.
    pub(super) shape: Shape,
    /// Events a minute in a calm market, of all kinds.
    pub(super) events_per_minute: u32,
    /// Of a thousand events, how many are takers, and how many change the best quotes. The others happen further down.
    pub(super) take_permille: u32,
    /// See `take_permille`.
    pub(super) touch_permille: u32,
    /// Typical size of a taker, in lots.
    pub(super) take_lots: i64,
    /// How far the fair price may be from the middle before anybody acts, in 1/256 of a tick.
    pub(super) slack: i64,
}

/// A part of a taker's order that met one resting order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// Price in ticks.
    pub(super) price: i64,
    /// Size in lots.
    pub(super) size: i64,
    /// `Bid` when the taker bought.
    pub(super) taker: Side,
}

/// The state of a market, and what its last event changed.
pub(super) struct Market {
    habits: Habits,
    chance: Chance,
    pulse: Pulse,
    home: Book,
    book: Book,
    touched: Vec<(Side, i64)>,
    fills: Vec<Fill>,
    last_taker: Side,
    /// Sizes of orders that joined the best quotes lately and may be withdrawn again.
    joined: [i64; 16],
}

impl Market {
    /// A market whose book rests around `price`.
    pub(super) fn new(price: i64, habits: Habits, mut chance: Chance) -> Self {
        let home = Book::new(price, &habits.shape, &mut chance);
        let joined = std::array::from_fn(|_| chance.heavy(habits.shape.best_lots / 16 + 1, 1));
        Self {
            habits,
            pulse: Pulse::new(habits.events_per_minute),
            book: home.clone(),
            home,
            touched: Vec::new(),
            fills: Vec::new(),
            last_taker: Side::Bid,
            joined,
            chance,
        }
    }

    /// The book as it is.
    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    /// The levels that the last event changed, in the order of the changes.
    pub(super) fn touched(&self) -> &[(Side, i64)] {
        &self.touched
    }

    /// The trades of the last event.
    pub(super) fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// The market's own dice, for what a venue adds to an event.
    pub(super) fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }

    /// How many events the next millisecond brings.
    pub(super) fn arrivals(&mut self, heat: i64) -> u32 {
        self.pulse.arrivals(heat, &mut self.chance)
    }

    /// Wakes the market up, because a related one moved.
    pub(super) fn excite(&mut self, events: u32) {
        self.pulse.excite(events);
    }

    /// One event. Returns how far a taker carried the price beyond the fair price, in 1/256 of a tick; mostly 0.
    pub(super) fn act(&mut self, fair: i64, heat: i64) -> i64 {
        self.touched.clear();
        self.fills.clear();
        let (bid, ask) = (self.book.bids.best().price, self.book.asks.best().price);
        let pressure = fair - (bid + ask) * 128;
        if ask - bid > self.habits.shape.spread {
            // Makers are shyer in the heat, but a hole tempts them all the same.
            let closing = 700 * 256 / (heat as u32 / 2 + 192);
            let closing = if self.gapes() { closing.max(400) } else { closing };
            if self.chance.permille(closing) && self.step_in(fair, pressure) {
                return 0;
            }
        }
        let late = if pressure > 0 { Side::Ask } else { Side::Bid };
        if pressure.abs() > self.habits.slack && self.chance.permille(600) {
            let eaten = (2 * self.habits.take_permille).min(120);
            if self.chance.permille(eaten) {
                return self.take(late, true, fair);
            }
            self.withdraw(late, fair);
            return 0;
        }
        let dice = self.chance.below(1000);
        if dice < self.habits.take_permille {
            // Large orders are worked in pieces, so the next taker mostly goes the way of the last.
            let again = self.chance.permille(640);
            let taker = if again { self.last_taker } else { self.last_taker.other() };
            let hit = taker.other();
            return self.take(hit, false, fair);
        }
        if dice < self.habits.take_permille + self.habits.touch_permille {
            self.requote(late, heat);
        } else {
            self.rearrange();
        }
        0
    }

    /// Puts the book back to what it was at the start; the changed levels are in `touched`.
    pub(super) fn restore(&mut self) {
        self.fills.clear();
        self.touched = self.book.differences(&self.home);
        self.book.clone_from(&self.home);
    }

    /// A taker meets the side `hit`, either because its quotes are out of line (`eats`) or for reasons of its own.
    fn take(&mut self, hit: Side, eats: bool, fair: i64) -> i64 {
        let best = self.book.side(hit).best();
        let mut left = if eats {
            best.size * self.chance.between(15, 110) / 100
        } else {
            self.chance.heavy(self.habits.take_lots, 2)
        };
        if self.chance.permille(300) {
            left = self.chance.rounded(left);
        }
        left = left.max(1);
        let shape = self.habits.shape;
        let reach = shape.spread + 1 + (shape.gap16 - 16) / 2;
        let taker = hit.other();
        self.last_taker = taker;
        for _ in 0..LEVELS_PER_TAKER_MAX {
            let level = self.book.side(hit).best();
            let slips = hit.key(best.price) - hit.key(level.price);
            if left == 0 || slips > reach || self.side_is_short(hit) {
                break;
            }
            let eaten = left.min(level.size);
            self.fill(level.price, eaten, taker);
            self.put(hit, level.price, level.size - eaten);
            left -= eaten;
        }
        if self.book.side(hit).best().price == best.price {
            return 0;
        }
        let middle = (self.book.bids.best().price + self.book.asks.best().price) * 128;
        let beyond = middle - fair;
        if taker == Side::Bid { beyond.max(0) } else { beyond.min(0) }
    }

    /// Splits what a taker got at one price among the orders that waited there.
    fn fill(&mut self, price: i64, size: i64, taker: Side) {
        let mut left = size;
        let orders = 1 + self.chance.below(4).saturating_sub(1);
        for order in 1..=orders {
            let part = if order == orders || left < 4 { left } else { self.chance.between(1, left - 1) };
            self.fills.push(Fill { price, size: part, taker });
            left -= part;
            if left == 0 {
                return;
            }
        }
    }

    /// True when the spread is far wider than usual.
    fn gapes(&self) -> bool {
        let spread = self.book.asks.best().price - self.book.bids.best().price;
        spread > 2 * self.habits.shape.spread + self.habits.shape.gap16 / 8
    }

    /// True when a side may not lose another level.
    fn side_is_short(&self, side: Side) -> bool {
        self.book.side(side).len() <= self.habits.shape.levels * 3 / 4
    }

    fn put(&mut self, side: Side, price: i64, size: i64) {
        self.book.side_mut(side).set(price, size);
        self.touched.push((side, price));
    }
}

/// A taker is done after so many levels.
const LEVELS_PER_TAKER_MAX: usize = 8;
