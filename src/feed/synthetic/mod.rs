//! A market that never was: seeded tapes of Binance and Upbit messages that look like a recording.
//!
//! Recordings of real markets may not be given away, so what comes with the project is made here. Every line is what the exchange
//! would send, byte for byte in its spelling, and everything that can be checked against something else agrees with it: books
//! with diffs, candles with trades, tickers with both, one venue with the other.
//!
//! ```text
//!             walk            one fair price per asset, and how hot the markets are
//!               │
//!            market           one book per market; takers, makers, bursts
//!            ╱     ╲
//!      binance     upbit      numbers them, counts them, writes them
//!            ╲     ╱
//!            outbox           the way to the recorder: delays, stalls, receive times
//! ```
//!
//! # What a tape holds
//!
//! * First a REST snapshot of every Binance book, then the first order book of every Upbit market, then the live
//!   messages of both.
//! * Binance: `trade`, `aggTrade`, `bookTicker`, `depth@100ms`, `depth`, `kline_1m`, `ticker`, `miniTicker`, wrapped as on a
//!   combined stream. Upbit: `trade`, `ticker`, `orderbook` in format SIMPLE.
//! * Markets of very different liveliness, from BTCUSDT with dozens of quotes a second to one that trades a few times a minute.
//!
//! # A tape is a loop
//!
//! A tape may be played again and again, each time later by [`Plan::period_ns`]. Prices return home in the last part, and
//! the last diff of every book restores the first snapshot. Lines lie between 100 ms after the start and 100 ms after the
//! end, because the last minute's candle is closed by a message that comes after that minute; so the rounds join without overlap.
//!
//! # The same bytes, always
//!
//! A plan names one tape for ever: whole-number arithmetic only, a generator whose output is specified, distributions of our own,
//! no iteration over hashed collections. Memory does not grow with the length.
//!
//! # Known limitations
//!
//! * Rolling statistics only grow: nothing leaves the 24 hours during a tape. Cause: what would leave is not known. It shows on
//!   tapes of many hours.
//! * Counters and daily sums start again with every round of a loop, as they must when a tape is played twice.

mod binance;
mod book;
mod catalog;
pub(crate) mod chance;
mod digits;
mod line;
mod market;
mod outbox;
mod stats;
mod upbit;
mod walk;

#[cfg(test)]
mod tests;

use catalog::{BINANCE, Listing, UPBIT};
use chance::Chance;
use outbox::Outbox;
use stats::MINUTE_MS;
use walk::{STEP_MS, Walk};

/// Which tape to make. Equal plans make equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// When the tape starts, in nanoseconds since the epoch; cut to a whole minute.
    pub start_ns: i64,
    /// Length in minutes; 0 counts as 1.
    pub minutes: u32,
}

impl Default for Plan {
    /// Two minutes from 2026-03-02 03:00 UTC.
    fn default() -> Self {
        Self { seed: 1, start_ns: 1_772_420_400_000_000_000, minutes: 2 }
    }
}

impl Plan {
    /// The length of one round when the tape is played in a loop, in nanoseconds: a whole number of minutes.
    pub fn period_ns(&self) -> i64 {
        i64::from(self.minutes.max(1)) * MINUTE_MS * NS_PER_MS
    }
}

/// A tape in the making; an iterator over receive times and messages.
pub struct Synthetic {
    clock_ms: i64,
    /// From here on the markets are closed: books are restored and candles closed.
    closing_ms: i64,
    end_ms: i64,
    walk: Walk,
    chance: Chance,
    listings: Vec<Listing>,
    binance: Vec<binance::Pair>,
    upbit: Vec<upbit::Pair>,
    outbox: Outbox,
}

impl Synthetic {
    /// The beginning of a tape.
    pub fn new(plan: Plan) -> Self {
        let start_ms = plan.start_ns.div_euclid(MINUTE_MS * NS_PER_MS) * MINUTE_MS;
        let end_ms = start_ms + plan.period_ns() / NS_PER_MS;
        let lane = |number: usize| Chance::new(plan.seed, number as u64);
        let binance = BINANCE.iter().enumerate();
        let upbit = UPBIT.iter().enumerate();
        let listings: Vec<Listing> =
            (BINANCE.iter().map(|own| own.listing)).chain(UPBIT.iter().map(|own| own.listing)).collect();
        let mut tape = Self {
            clock_ms: start_ms + LEAD_MS,
            closing_ms: end_ms - CLOSING_MS,
            end_ms,
            walk: Walk::new(end_ms - CLOSING_MS - start_ms - LEAD_MS, &listings, lane(0)),
            chance: lane(1),
            outbox: Outbox::new(lane(2)),
            binance: binance
                .map(|(number, own)| binance::Pair::new(*own, number, start_ms, lane(100 + number)))
                .collect(),
            upbit: upbit.map(|(number, own)| upbit::Pair::new(*own, number, start_ms, lane(200 + number))).collect(),
            listings,
        };
        tape.open();
        tape
    }

    /// Writes the next message into `line`, replacing what is there, and returns its receive time in nanoseconds since the
    /// epoch; `None` at the end of the tape. Receive times never fall. Allocates nothing once its buffers have grown.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> Option<i64> {
        loop {
            if let Some(recv) = self.outbox.take(line) {
                return Some(recv);
            }
            if self.clock_ms >= self.end_ms + AFTER_END_MS {
                return None;
            }
            self.step();
        }
    }

    /// Snapshots and first books, a few milliseconds apart, as answers to requests come.
    fn open(&mut self) {
        for pair in &self.binance {
            pair.snapshot(self.clock_ms, &mut self.outbox);
            self.clock_ms += self.chance.between(2, 5);
        }
        for pair in &mut self.upbit {
            pair.open(self.clock_ms, &mut self.outbox);
            self.clock_ms += 1;
        }
    }

    /// The next millisecond of all markets.
    fn step(&mut self) {
        let ms = self.clock_ms;
        self.clock_ms += 1;
        for pair in &mut self.binance {
            pair.tick(ms, &mut self.outbox);
        }
        if ms < self.closing_ms {
            if ms % STEP_MS == 0 {
                self.walk.step(&self.listings);
            }
            if ms < self.closing_ms - CALM_END_MS {
                self.outbox.weather(ms);
                for pair in &mut self.upbit {
                    pair.tick(ms, &mut self.outbox);
                }
            }
            // Nobody is always first within a millisecond.
            let count = self.listings.len();
            let first = self.chance.below(count as u32) as usize;
            for number in first..first + count {
                self.trade(ms, number % count);
            }
        } else {
            // One market after the other closes, a millisecond each.
            let number = (ms - self.closing_ms) as usize;
            if number < self.listings.len() {
                self.restore(ms, number);
            }
        }
    }

    /// What one market does in a millisecond.
    fn trade(&mut self, ms: i64, number: usize) {
        let heat = self.walk.heat();
        let arrivals = self.market(number).arrivals(heat);
        for _ in 0..arrivals {
            let listing = &self.listings[number];
            let fair = self.walk.fair(number, listing);
            let beyond = match number.checked_sub(self.binance.len()) {
                None => self.binance[number].act(ms, fair, heat, &mut self.outbox),
                Some(upbit) => self.upbit[upbit].act(ms, fair, heat, &mut self.outbox) / 4,
            };
            if beyond != 0 {
                // A taker who carried the price away knew something, or is believed to: the asset keeps half of it.
                let asset = listing.base;
                let distance = beyond.clamp(-JUMP_MAX, JUMP_MAX) * BILLION / (listing.price * 512);
                self.walk.nudge(asset, distance);
                self.wake(asset, number);
            }
        }
    }

    /// The other markets of an asset notice.
    fn wake(&mut self, asset: catalog::Asset, but: usize) {
        for number in 0..self.listings.len() {
            if number != but && self.listings[number].base == asset {
                self.market(number).excite(1);
            }
        }
    }

    fn restore(&mut self, ms: i64, number: usize) {
        match number.checked_sub(self.binance.len()) {
            None => self.binance[number].restore(ms, &mut self.outbox),
            Some(upbit) => self.upbit[upbit].restore(ms, &mut self.outbox),
        }
    }

    fn market(&mut self, number: usize) -> &mut market::Market {
        match number.checked_sub(self.binance.len()) {
            None => self.binance[number].market(),
            Some(upbit) => self.upbit[upbit].market(),
        }
    }
}

impl Iterator for Synthetic {
    type Item = (i64, Vec<u8>);

    /// Allocates a vector for every message; [`Synthetic::next_line`] does not.
    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        let recv = self.next_line(&mut line)?;
        Some((recv, line))
    }
}

const NS_PER_MS: i64 = 1_000_000;
const BILLION: i64 = 1_000_000_000;

/// The first line leaves the exchange so long after the start, the first live message a little later.
const LEAD_MS: i64 = 100;

/// The markets close so long before the end. In the time before that the path does not stall, and no Upbit book is sent, so that
/// the last one comes at its due distance.
const CLOSING_MS: i64 = 30;
const CALM_END_MS: i64 = 100;

/// The candles of the last minute are closed within so much of the next one.
const AFTER_END_MS: i64 = 20;

/// The most that one taker may move the fair price, in 1/256 of a tick.
const JUMP_MAX: i64 = 1 << 20;
