//! What is kept of markets for clients that ask for the newest ticker, order book, trades and candles: Upbit's quotation
//! interface. It is kept of every symbol, for those of any feed can be asked for there.
//!
//! One table on the ingest thread; it sees every tick that goes into the ring, so that an answer and the streams are of
//! the same state. Where the feed has no ticker, it is computed from the trades that are known.
//!
//! Worst case in memory per symbol 2.1 MiB: [`TRADES_MAX`] trades, [`SECONDS_MAX`] bars of a second, [`MINUTES_MAX`] of
//! a minute, [`HALF_HOURS_MAX`] of half an hour and [`DAYS_MAX`] of a day, each only where something was traded. All of
//! it grows only as it comes.
//!
//! Known limitation: of trades before the feed's beginning nothing is known.

use std::collections::VecDeque;

use crate::market::book::Book;
use crate::market::book::upper_book::UpperBook;
use crate::market::civil::{NS_PER_DAY, NS_PER_SECOND, day_and_second};
use crate::market::decimal::Decimal;
use crate::market::engine::clock::SKEW_NS_MAX;
use crate::market::quotient::quotient;
use crate::market::symbol::SymbolId;
use crate::market::tick::{DayChange, DayTicker, Direction, Kind, Level, MarketState, Orderbook, Record, Tick, Trade};
use crate::market::trading::bar::{Bar, Bars};

/// Trades kept: twice what one request may ask for.
pub const TRADES_MAX: usize = 1_000;
/// Bars of a second kept: an hour in which each second has a trade.
pub const SECONDS_MAX: usize = 3_600;
/// Bars of a minute kept: enough for 240 candles of 15 minutes.
pub const MINUTES_MAX: usize = 3_600;
/// Bars of half an hour kept: enough for 200 candles of four hours.
pub const HALF_HOURS_MAX: usize = 1_600;
/// Bars of a day kept: enough for 200 candles of a week.
pub const DAYS_MAX: usize = 1_400;

const MINUTE_NS: i64 = 60 * NS_PER_SECOND;
const YEAR_NS: i64 = 52 * 7 * NS_PER_DAY;

/// What is known of all markets.
#[derive(Debug, Default)]
pub struct Quotations {
    symbols: Vec<Option<Box<Quotation>>>,
}

/// What is known of one market.
#[derive(Debug)]
pub struct Quotation {
    /// The feed's own ticker and its event time.
    ticker: Option<(DayTicker, i64)>,
    orderbook: Option<BookWindow>,
    /// In the order of their times and ids, oldest first.
    trades: VecDeque<Trade>,
    seconds: Bars,
    minutes: Bars,
    half_hours: Bars,
    days: Bars,
}

/// The upper part of a book as it last was.
#[derive(Clone, Debug)]
pub struct BookWindow {
    /// When it last changed.
    pub ts_event: i64,
    /// Its sums.
    pub book: Orderbook,
    /// Ask, bid, ask, bid …, best first.
    pub levels: Vec<Level>,
}

impl Quotations {
    /// Takes in a tick that is published.
    ///
    /// Cost: for a trade four bars, for an order book a copy of its levels; nothing is allocated for either once the
    /// lists have grown.
    pub fn on_tick(&mut self, tick: &Tick, levels: &[Level]) {
        match &tick.kind {
            Kind::DayTicker(ticker) => self.market(tick.symbol).ticker = Some((*ticker, tick.ts_event)),
            Kind::Orderbook(book) => self.market(tick.symbol).on_orderbook(book, levels, tick.ts_event),
            Kind::Trade(trade) => self.market(tick.symbol).on_trade(trade, tick),
            _ => {}
        }
    }

    fn market(&mut self, symbol: SymbolId) -> &mut Quotation {
        if self.symbols.len() <= symbol.index() {
            self.symbols.resize_with(symbol.index() + 1, || None);
        }
        self.symbols[symbol.index()].get_or_insert_default()
    }

    /// What is known of a market; `None` before its first trade, order book or ticker.
    pub fn of(&self, symbol: SymbolId) -> Option<&Quotation> {
        self.symbols.get(symbol.index())?.as_deref()
    }
}

impl Default for Quotation {
    fn default() -> Quotation {
        Quotation {
            ticker: None,
            orderbook: None,
            trades: VecDeque::new(),
            seconds: Bars::new(NS_PER_SECOND, SECONDS_MAX),
            minutes: Bars::new(MINUTE_NS, MINUTES_MAX),
            half_hours: Bars::new(30 * MINUTE_NS, HALF_HOURS_MAX),
            days: Bars::new(NS_PER_DAY, DAYS_MAX),
        }
    }
}

impl Quotation {
    fn on_orderbook(&mut self, book: &Orderbook, levels: &[Level], ts_event: i64) {
        // A recording may hold books of several groupings; the one that others are made of has none.
        if book.grouping.is_some_and(|grouping| !grouping.is_zero()) {
            return;
        }
        let window = self.orderbook.get_or_insert_with(|| BookWindow { ts_event, book: *book, levels: Vec::new() });
        (window.ts_event, window.book) = (ts_event, *book);
        window.levels.clear();
        window.levels.extend_from_slice(levels);
    }

    fn on_trade(&mut self, trade: &Trade, tick: &Tick) {
        // One time far ahead would stand as the newest for ever.
        if trade.ts_trade < 0 || trade.ts_trade > tick.ts_recv.saturating_add(SKEW_NS_MAX) {
            return;
        }
        let place = |known: &Trade| (known.ts_trade, known.id);
        let at = self.trades.iter().rposition(|known| place(known) <= place(trade)).map_or(0, |at| at + 1);
        let is_repeated = at.checked_sub(1).is_some_and(|at| place(&self.trades[at]) == place(trade));
        // Whether one from before all that are kept has been seen, nobody knows.
        if is_repeated || (at == 0 && self.trades.len() == TRADES_MAX) {
            return;
        }
        if self.trades.len() == TRADES_MAX {
            self.trades.pop_front();
            self.trades.insert(at - 1, *trade);
        } else {
            self.trades.insert(at, *trade);
        }
        for bars in [&mut self.seconds, &mut self.minutes, &mut self.half_hours, &mut self.days] {
            bars.add(trade, tick.ts_event);
        }
    }

    /// The newest ticker with its event time: the feed's, and else what the trades come to. `None` before the first of
    /// either.
    pub fn ticker(&self) -> Option<(DayTicker, i64)> {
        self.ticker.or_else(|| self.computed_ticker())
    }

    /// The order book; `None` before the first.
    pub fn orderbook(&self) -> Option<&BookWindow> {
        self.orderbook.as_ref()
    }

    /// The last trades, by time and id, oldest first.
    pub fn trades(&self) -> &VecDeque<Trade> {
        &self.trades
    }

    /// Bars of a second.
    pub fn seconds(&self) -> &Bars {
        &self.seconds
    }

    /// The longest bars that candles of so many minutes are made of.
    pub fn minutes(&self, unit: u16) -> &Bars {
        if unit.is_multiple_of(30) { &self.half_hours } else { &self.minutes }
    }

    /// Bars of a UTC day.
    pub fn days(&self) -> &Bars {
        &self.days
    }

    /// Statistics of the UTC day of the last trade. The 24 hours before it count from a whole minute; the 52 weeks are
    /// those that are known.
    #[cold]
    fn computed_ticker(&self) -> Option<(DayTicker, i64)> {
        let (day, last) = (self.days.last()?, self.trades.back()?);
        let change = last.day.unwrap_or_else(|| self.change(day));
        let is_down = change.direction == Direction::Fall;
        let negative = |number: Decimal| Decimal::ZERO.checked_sub(number).unwrap_or(number);
        let rate = quotient(change.amount, change.previous_close, 10).unwrap_or_default();
        let (mut turnover_24h, mut volume_24h) = (Decimal::ZERO, Decimal::ZERO);
        for bar in self.minutes.since(last.ts_trade - NS_PER_DAY + 1) {
            turnover_24h = turnover_24h.checked_add(bar.turnover)?;
            volume_24h = volume_24h.checked_add(bar.volume)?;
        }
        let record = |price: Decimal, bar: &Bar| Record { price, day: day_and_second(bar.ts_open).0 };
        let year = || self.days.since(day.ts_open - YEAR_NS + NS_PER_DAY);
        let ticker = DayTicker {
            open: day.open,
            high: day.high,
            low: day.low,
            last: Level { price: last.price, size: last.size },
            day: change,
            signed_change: if is_down { negative(change.amount) } else { change.amount },
            change_rate: rate,
            signed_change_rate: if is_down { negative(rate) } else { rate },
            turnover: day.turnover,
            volume: day.volume,
            ask_volume: day.volume.checked_sub(day.bid_volume)?,
            bid_volume: day.bid_volume,
            turnover_24h,
            volume_24h,
            taker: last.taker,
            ts_trade: last.ts_trade,
            highest_52w: year()
                .map(|bar| record(bar.high, bar))
                .reduce(|a, b| if b.price > a.price { b } else { a })?,
            lowest_52w: year().map(|bar| record(bar.low, bar)).reduce(|a, b| if b.price < a.price { b } else { a })?,
            state: MarketState::Active,
            suspended: false,
            caution: false,
            delisting_day: None,
        };
        Some((ticker, day.ts_update))
    }

    /// A day against the one before, for trades that do not say it; against its own opening where there is none before.
    fn change(&self, day: &Bar) -> DayChange {
        let before = self.days.candles(1, Some(day.ts_open), |time| time);
        let previous_close = before.first().map_or(day.open, |before| before.close);
        let difference = day.close.checked_sub(previous_close).unwrap_or_default();
        let (direction, amount) = match difference.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Less => (Direction::Fall, previous_close.checked_sub(day.close).unwrap_or_default()),
            std::cmp::Ordering::Equal => (Direction::Even, Decimal::ZERO),
            std::cmp::Ordering::Greater => (Direction::Rise, difference),
        };
        DayChange { previous_close, direction, amount }
    }
}

impl BookWindow {
    /// The upper part of a whole book that changed last at `ts_event`.
    pub fn of(book: &Book, ts_event: i64) -> BookWindow {
        let mut upper = UpperBook::default();
        upper.update(book, ts_event);
        let (ts_event, book, levels) = upper.told();
        BookWindow { ts_event, book, levels: levels.to_vec() }
    }

    /// Its pairs of levels, ask and bid, best first.
    pub fn units(&self) -> impl Iterator<Item = (Level, Level)> {
        self.levels.chunks_exact(2).map(|unit| (unit[0], unit[1]))
    }

    /// The best price of whichever side has one; `None` where the book is empty.
    pub fn price(&self) -> Option<Decimal> {
        self.levels.iter().take(2).map(|level| level.price).find(|price| !price.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::tick::Taker;

    const DAY: i64 = 18_722 * NS_PER_DAY;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    fn traded(quotations: &mut Quotations, id: i64, ts_trade: i64, price: &str, size: &str, taker: Taker) {
        let change =
            DayChange { previous_close: decimal("43.20000000"), direction: Direction::Fall, amount: decimal("2.0") };
        let trade =
            Trade { id, price: decimal(price), size: decimal(size), ts_trade, taker, day: Some(change), best: None };
        let tick = Tick {
            symbol: SymbolId(1),
            ts_recv: ts_trade,
            ts_event: ts_trade + 7,
            kind: Kind::Trade(trade),
            ..Tick::default()
        };
        quotations.on_tick(&tick, &[]);
    }

    #[test]
    fn a_ticker_follows_from_the_trades_where_the_feed_has_none() {
        let mut quotations = Quotations::default();
        assert!(quotations.of(SymbolId(1)).is_none());
        let yesterday = DAY - 3_600 * NS_PER_SECOND;
        traded(&mut quotations, 1, yesterday, "50", "1", Taker::Buyer);
        traded(&mut quotations, 3, DAY + 9, "41.5", "2.50", Taker::Seller);
        traded(&mut quotations, 2, DAY + 5, "40", "1", Taker::Buyer);
        // The same once more changes nothing.
        traded(&mut quotations, 2, DAY + 5, "40", "1", Taker::Buyer);
        let (ticker, ts_event) = quotations.of(SymbolId(1)).unwrap().ticker().unwrap();
        assert_eq!(ts_event, DAY + 16);
        assert_eq!((ticker.open.to_string(), ticker.last.price.to_string()), ("40".into(), "41.5".into()));
        assert_eq!((ticker.volume.to_string(), ticker.turnover.to_string()), ("3.5".into(), "143.75".into()));
        assert_eq!((ticker.bid_volume.to_string(), ticker.ask_volume.to_string()), ("1".into(), "2.5".into()));
        assert_eq!((ticker.volume_24h.to_string(), ticker.turnover_24h.to_string()), ("4.5".into(), "193.75".into()));
        assert_eq!(
            (ticker.signed_change.to_string(), ticker.signed_change_rate.to_string()),
            ("-2.0".into(), "-0.0462962963".into())
        );
        assert_eq!((ticker.highest_52w.price.to_string(), ticker.highest_52w.day), ("50".into(), 18_721));
    }

    #[test]
    fn trades_are_bounded_in_order_and_each_once() {
        let mut quotations = Quotations::default();
        for number in (0..1_500).flat_map(|n| [2 * n + 1, 2 * n, 2 * n]) {
            traded(&mut quotations, number, DAY + number, "1", "1", Taker::Buyer);
        }
        let market = quotations.of(SymbolId(1)).unwrap();
        let ids: Vec<i64> = market.trades().iter().map(|trade| trade.id).collect();
        assert_eq!(ids, (2_000..3_000).collect::<Vec<i64>>());
        assert_eq!(market.days().last().unwrap().volume.to_string(), "3000");
    }

    #[test]
    fn a_time_far_ahead_is_not_believed() {
        let mut quotations = Quotations::default();
        let trade = Trade {
            id: 1,
            price: decimal("1"),
            size: decimal("1"),
            ts_trade: DAY + NS_PER_DAY,
            taker: Taker::Buyer,
            day: None,
            best: None,
        };
        let tick = Tick { symbol: SymbolId(1), ts_recv: DAY, kind: Kind::Trade(trade), ..Tick::default() };
        quotations.on_tick(&tick, &[]);
        assert!(quotations.of(SymbolId(1)).unwrap().trades().is_empty());
    }
}
