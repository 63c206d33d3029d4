//! Upbit: the lines that its socket sends for one market in format SIMPLE.
//!
//! Prices of the order book and of a trade are plain decimals, sizes there are shortest doubles; the ticker, the comparison with
//! yesterday and the totals of the book have a fixed scale. That is the mixture of printers that the exchange itself uses.

use super::book::{Level, Side};
use super::catalog::UpbitListing;
use super::chance::Chance;
use super::line::Line;
use super::market::{Fill, Market};
use super::outbox::Outbox;
use super::stats::CalendarDay;

/// One market and everything that is counted about it.
pub(super) struct Pair {
    listing: UpbitListing,
    market: Market,
    day: CalendarDay,
    /// When the book last changed, if that has not been sent.
    changed_ms: Option<i64>,
    /// The order book units that were sent last.
    sent: [Unit; UNITS],
    sent_ms: i64,
    trade_ms: i64,
    /// Trades so far in `trade_ms`.
    trade_number: i64,
    phase_ms: i64,
}

/// One row of the order book: the levels of one rank. Price and size are zero where a side has no more levels.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Unit {
    ask: Level,
    bid: Level,
}

impl Pair {
    /// The market at the start of a tape; `number` tells the markets' timers apart.
    pub(super) fn new(listing: UpbitListing, number: usize, start_ms: i64, chance: Chance) -> Self {
        let common = &listing.listing;
        Self {
            market: Market::new(common.price, common.habits, chance),
            day: CalendarDay::new(common, listing.yesterday, start_ms),
            changed_ms: None,
            sent: [NO_UNIT; UNITS],
            sent_ms: 0,
            trade_ms: start_ms,
            trade_number: -1,
            phase_ms: (17 + 29 * number as i64) % BOOK_EVERY_MS,
            listing,
        }
    }

    /// The market behind the lines.
    pub(super) fn market(&mut self) -> &mut Market {
        &mut self.market
    }

    /// One event of the market; see [`Market::act`] for the answer.
    pub(super) fn act(&mut self, ms: i64, fair: i64, heat: i64, outbox: &mut Outbox) -> i64 {
        let beyond = self.market.act(fair, heat);
        if !self.market.touched().is_empty() {
            self.changed_ms = Some(ms);
        }
        if !self.market.fills().is_empty() {
            self.trades(ms, outbox);
        }
        beyond
    }

    /// The order book, every tenth of a second at most and only when it has changed.
    pub(super) fn tick(&mut self, ms: i64, outbox: &mut Outbox) {
        if ms % BOOK_EVERY_MS == self.phase_ms
            && ms >= self.sent_ms + BOOK_EVERY_MS
            && let Some(changed_ms) = self.changed_ms.take()
        {
            self.order_book(ms, changed_ms, outbox);
        }
    }

    /// The book as it stands, as the first line of the market.
    pub(super) fn open(&mut self, ms: i64, outbox: &mut Outbox) {
        self.order_book(ms, ms, outbox);
    }

    /// The last change of the tape: the book returns to what it was at the start.
    pub(super) fn restore(&mut self, ms: i64, outbox: &mut Outbox) {
        self.market.restore();
        self.order_book(ms, ms, outbox);
    }

    fn order_book(&mut self, ms: i64, changed_ms: i64, outbox: &mut Outbox) {
        let mut units = [NO_UNIT; UNITS];
        let book = self.market.book();
        for (unit, level) in units.iter_mut().zip(book.asks.iter()) {
            unit.ask = level;
        }
        for (unit, level) in units.iter_mut().zip(book.bids.iter()) {
            unit.bid = level;
        }
        if units == self.sent {
            return;
        }
        self.sent = units;
        self.sent_ms = ms;
        let total = |side: fn(&Unit) -> Level| units.iter().map(|unit| i128::from(side(unit).size)).sum::<i128>();
        outbox.post(ms, |line| {
            line.text("{\"ty\":\"orderbook\",\"cd\":\"").text(self.listing.listing.symbol);
            line.text("\",\"tms\":").whole(changed_ms);
            line.text(",\"tas\":").fixed(total(|unit| unit.ask), 8);
            line.text(",\"tbs\":").fixed(total(|unit| unit.bid), 8);
            line.text(",\"obu\":[");
            for (number, unit) in units.iter().enumerate() {
                line.text(if number == 0 { "{\"ap\":" } else { ",{\"ap\":" });
                line.plain(self.price(unit.ask.price), 8).text(",\"bp\":");
                line.plain(self.price(unit.bid.price), 8).text(",\"as\":");
                line.shortest8(unit.ask.size).text(",\"bs\":");
                line.shortest8(unit.bid.size).text("}");
            }
            line.text("],\"st\":\"REALTIME\",\"lv\":0}");
        });
    }

    /// Two lines for every fill: the trade, and the ticker that counts it.
    fn trades(&mut self, ms: i64, outbox: &mut Outbox) {
        let trade_ms = (ms - self.market.chance().between(3, 26)).max(self.trade_ms);
        if trade_ms > self.trade_ms {
            self.trade_ms = trade_ms;
            self.trade_number = -1;
        }
        for fill in self.market.fills() {
            self.trade_number += 1;
            self.day.add(trade_ms, fill);
            outbox.post(ms, |line| self.trade(line, ms, fill));
            outbox.post(ms, |line| self.ticker(line, ms, fill));
        }
    }

    fn trade(&self, line: &mut Line, ms: i64, fill: &Fill) {
        let (bid, ask) = (self.market.book().bids.best(), self.market.book().asks.best());
        line.text("{\"ty\":\"trade\",\"cd\":\"").text(self.listing.listing.symbol);
        line.text("\",\"tms\":").whole(ms);
        line.text(",\"td\":\"").date(self.trade_ms, "-");
        line.text("\",\"ttm\":\"").time(self.trade_ms, ":");
        line.text("\",\"ttms\":").whole(self.trade_ms);
        line.text(",\"tp\":").plain(self.price(fill.price), 8);
        line.text(",\"tv\":").shortest8(fill.size);
        line.text(",\"ab\":\"").text(taker(fill));
        line.text("\",\"pcp\":").scaled(self.price(self.day.yesterday), 8);
        line.text(",\"c\":\"").text(self.change());
        line.text("\",\"cp\":").scaled(self.price(self.signed_change().abs()), 8);
        line.text(",\"sid\":").whole(self.trade_ms * 10_000 + self.trade_number);
        line.text(",\"bap\":").plain(self.price(ask.price), 8);
        line.text(",\"bas\":").shortest8(ask.size);
        line.text(",\"bbp\":").plain(self.price(bid.price), 8);
        line.text(",\"bbs\":").shortest8(bid.size);
        line.text(",\"st\":\"REALTIME\"}");
    }

    fn ticker(&self, line: &mut Line, ms: i64, fill: &Fill) {
        let (bar, tick) = (&self.day.bar, i128::from(self.listing.listing.tick));
        let change = self.signed_change();
        // Ten decimals, halves away from zero.
        let yesterday = i128::from(self.day.yesterday);
        let rate = (i128::from(change.abs()) * 20_000_000_000 + yesterday) / (yesterday * 2);
        line.text("{\"ty\":\"ticker\",\"cd\":\"").text(self.listing.listing.symbol);
        line.text("\",\"op\":").scaled(self.price(bar.open), 8);
        line.text(",\"hp\":").scaled(self.price(bar.high), 8);
        line.text(",\"lp\":").scaled(self.price(bar.low), 8);
        line.text(",\"tp\":").scaled(self.price(bar.close), 8);
        line.text(",\"pcp\":").scaled(self.price(self.day.yesterday), 8);
        line.text(",\"atp\":").fixed(bar.money * tick, 16);
        line.text(",\"c\":\"").text(self.change());
        line.text("\",\"cp\":").scaled(self.price(change.abs()), 8);
        line.text(",\"scp\":").scaled(self.price(change), 8);
        if rate == 0 {
            line.text(",\"cr\":0,\"scr\":0");
        } else {
            line.text(",\"cr\":").scaled(rate, 10);
            line.text(",\"scr\":").scaled(rate * i128::from(change.signum()), 10);
        }
        line.text(",\"ab\":\"").text(taker(fill));
        line.text("\",\"tv\":").scaled(i128::from(fill.size), 8);
        line.text(",\"atv\":").scaled(bar.volume, 8);
        line.text(",\"tdt\":\"").date(self.trade_ms, "");
        line.text("\",\"ttm\":\"").time(self.trade_ms, "");
        line.text("\",\"ttms\":").whole(self.trade_ms);
        line.text(",\"aav\":").scaled(bar.volume - bar.bought, 8);
        line.text(",\"abv\":").scaled(bar.bought, 8);
        let (highest, lowest) = (self.listing.highest, self.listing.lowest);
        line.text(",\"h52wp\":").scaled(self.price(highest.0), 8);
        line.text(",\"h52wdt\":\"").text(highest.1);
        line.text("\",\"l52wp\":").scaled(self.price(lowest.0), 8);
        line.text(",\"l52wdt\":\"").text(lowest.1);
        line.text("\",\"ms\":\"ACTIVE\",\"its\":false,\"dd\":null,\"mw\":\"NONE\",\"tms\":").whole(ms);
        line.text(",\"atp24h\":").plain(self.day.rolling.1 * tick, 16);
        line.text(",\"atv24h\":").plain(self.day.rolling.0, 8);
        line.text(",\"st\":\"REALTIME\"}");
    }

    fn signed_change(&self) -> i64 {
        self.day.bar.close - self.day.yesterday
    }

    fn change(&self) -> &'static str {
        match self.signed_change() {
            0 => "EVEN",
            1.. => "RISE",
            _ => "FALL",
        }
    }

    fn price(&self, ticks: i64) -> i128 {
        i128::from(ticks) * i128::from(self.listing.listing.tick)
    }
}

/// The side of the taker, as Upbit calls it.
fn taker(fill: &Fill) -> &'static str {
    match fill.taker {
        Side::Bid => "BID",
        Side::Ask => "ASK",
    }
}

/// A frame always has so many units.
const UNITS: usize = 30;

/// What stands where a side has fewer levels.
const NO_UNIT: Unit = Unit { ask: NO_LEVEL, bid: NO_LEVEL };
const NO_LEVEL: Level = Level { price: 0, size: 0 };

/// No market sends its book more often.
const BOOK_EVERY_MS: i64 = 100;
