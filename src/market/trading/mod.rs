//! What is kept of one symbol's trades, and what is told of them once a second.
//!
//! A trade costs two additions when it comes: to the sums of its second and of its day. On the next whole second those
//! of seconds go into the candles and into the history of the day, and the streams whose numbers have changed are told:
//! candles as [`candle`] says, windows as follows.
//!
//! | stream | holds the trades `T` of | opens |
//! |---|---|---|
//! | ticker, mini ticker | `now` - 24 h `< T <= now` | at any second |
//! | window ticker | `open <= T <= now` | on the whole minute at or before `now` - length |
//! | average price | `now` - 5 min `< T <= now` | at any second |
//!
//! where `now`, the window's close, is the last nanosecond before the whole second on which it is told: a boundary is
//! reached before the first message that lies on it or after it. A window has changed when a trade has come into it or
//! has left it, a ticker also when the best bid or ask has.
//!
//! Upbit's candles are told on whole seconds, too ([`growing`]). Its ticker is told with every
//! trade: the [`day`], and the volume of the 86,400 whole seconds of which the last is the present
//! one. The sum of those that are over is kept while somebody asks for it, so it is added up once a second.
//!
//! Who asks instead of listening is answered at any instant, from the same sums and those of the present second.

pub mod aggregate;
pub mod bar;
pub mod candle;
pub mod chart;
pub mod day;
pub mod growing;
pub mod statistics;
pub mod summary;
pub mod trade_ids;
pub mod window;

use crate::market::channel::{Channel, Unit, Window};
use crate::market::civil::NS_PER_SECOND;
use crate::market::decimal::Decimal;
use crate::market::engine::wire::Wire;
use crate::market::tick::{AvgPrice, Best, DayTicker, Kind, Kline, Ticker, WindowTicker};
use crate::market::trading::candle::Candles;
use crate::market::trading::chart::{Chart, Cut, Stretch};
use crate::market::trading::day::{Day, ToldClose};
use crate::market::trading::growing::{Growing, Grown};
use crate::market::trading::statistics::{Places, Statistics, average_price};
use crate::market::trading::summary::{Bar, Execution, Summary};
use crate::market::trading::window::History;

/// The most seconds that are summed before they go into the candles; there are more only where trades come late.
const FRESH_MAX: usize = 16;

/// Length of the average price's window, in seconds.
const AVERAGE_SECONDS: i64 = 300;

/// The rolling windows of a symbol.
const VIEWS: [View; 5] =
    [View::Day, View::Average, View::Minutes(Window::H1), View::Minutes(Window::H4), View::Minutes(Window::D1)];

/// One rolling window.
#[derive(Clone, Copy, Debug)]
enum View {
    Day,
    Average,
    Minutes(Window),
}

impl View {
    /// The first second of the window that is told at the whole second `now`.
    fn start(self, now: i64) -> i64 {
        match self {
            View::Day => now - 86_400,
            View::Average => now - AVERAGE_SECONDS,
            View::Minutes(window) => {
                // The last nanosecond before `now` lies in the second before it.
                let open = now - window.seconds() - 1;
                open - open.rem_euclid(60)
            }
        }
    }
}

/// The state of a rolling window.
#[derive(Clone, Copy, Debug)]
struct Edge {
    /// The first second with a trade in it, where there is one.
    first: Option<i64>,
    is_changed: bool,
}

/// One symbol's trades.
#[derive(Debug)]
pub struct Trading {
    /// Sums by second that are not yet in the candles.
    fresh: Vec<Fresh>,
    candles: Candles,
    growing: Growing,
    day: Day,
    history: History,
    /// What the history holds from a second on; `None` since it has changed.
    rolling: Option<Rolling>,
    edges: [Edge; VIEWS.len()],
    last: Execution,
    places: Places,
    late: Late,
}

/// One second that is not over, or only just.
#[derive(Clone, Copy, Debug)]
struct Fresh {
    bar: Bar,
    ts_last: i64,
}

#[derive(Clone, Copy, Debug)]
struct Rolling {
    start: i64,
    volume: Decimal,
    turnover: Decimal,
}

/// Trades that came too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// For a candle with an end: it had closed.
    pub closed: u64,
    /// For a candle that grows or for the day: a newer one had begun.
    pub passed: u64,
}

/// The second an execution belongs to.
fn second_of(execution: &Execution) -> i64 {
    execution.ts_trade.div_euclid(NS_PER_SECOND)
}

impl Trading {
    /// Begins with a trade; `next` is the whole second that comes next.
    pub fn new(execution: &Execution, next: i64) -> Trading {
        let second = second_of(execution);
        let bar = Bar::of(execution, second);
        let mut trading = Trading {
            fresh: Vec::new(),
            candles: Candles::new(second, execution.price, next),
            growing: Growing::default(),
            day: Day::new(execution, &bar),
            history: History::default(),
            rolling: None,
            edges: [Edge { first: None, is_changed: false }; VIEWS.len()],
            last: *execution,
            places: Places::default(),
            late: Late::default(),
        };
        trading.add_second(execution, &bar, next);
        trading
    }

    /// Adds a trade that has not come before; `next` as above. Cost: two additions.
    #[inline]
    pub fn add(&mut self, execution: &Execution, next: i64) {
        let bar = Bar::of(execution, second_of(execution));
        self.late.passed += u64::from(self.day.add(execution, &bar));
        if execution.last_id > self.last.last_id {
            self.last = *execution;
        }
        self.add_second(execution, &bar, next);
    }

    #[inline]
    fn add_second(&mut self, execution: &Execution, bar: &Bar, next: i64) {
        self.places.observe(execution.price, execution.size);
        match self.fresh.iter_mut().rev().find(|fresh| fresh.bar.summary.start == bar.summary.start) {
            Some(fresh) => {
                fresh.bar.merge(bar);
                fresh.ts_last = fresh.ts_last.max(execution.ts_trade);
            }
            None => {
                if self.fresh.len() == FRESH_MAX {
                    self.settle(next);
                }
                self.fresh.push(Fresh { bar: *bar, ts_last: execution.ts_trade });
            }
        }
    }

    /// How many trades have been found since the time before to have come too late.
    pub fn take_late(&mut self) -> Late {
        std::mem::take(&mut self.late)
    }

    /// The day so far.
    pub fn day(&self) -> &Day {
        &self.day
    }

    /// The candle of a unit that was told last, or would have been; `None` before the first.
    pub fn grown(&self, unit: Unit) -> Option<Grown> {
        self.growing.told(unit)
    }

    /// The day's ticker in the second `second`. Cost: some divisions, and adding up a window the first time in a second.
    pub fn utc_day_ticker(&mut self, second: i64, told: Option<ToldClose>) -> DayTicker {
        let start = second - 86_399;
        let rolling = match self.rolling {
            Some(rolling) if rolling.start == start => rolling,
            _ => {
                let sum = self.history.sum(start, second + 1);
                Rolling { start, volume: sum.summary.volume, turnover: sum.summary.quote_volume }
            }
        };
        self.rolling = Some(rolling);
        let (mut volume, mut turnover) = (rolling.volume, rolling.turnover);
        for Fresh { bar, .. } in self.fresh.iter().filter(|fresh| fresh.bar.summary.start >= start) {
            volume = volume.checked_add(bar.summary.volume).unwrap_or(volume);
            turnover = turnover.checked_add(bar.summary.quote_volume).unwrap_or(turnover);
        }
        self.day.ticker(&self.last, told, (volume, turnover))
    }

    /// Tells what there is to tell at the whole second `now`.
    pub fn on_second(&mut self, now: i64, best: Option<Best>, is_best_changed: bool, wire: &mut Wire) {
        self.settle(now);
        for (number, view) in VIEWS.into_iter().enumerate() {
            let (start, edge) = (view.start(now), &mut self.edges[number]);
            if edge.first.is_some_and(|first| first < start) {
                *edge = Edge { first: self.history.first_from(start), is_changed: true };
            }
            let is_changed = std::mem::take(&mut edge.is_changed);
            match view {
                View::Day => self.send_tickers(now, best, is_changed, is_changed || is_best_changed, wire),
                View::Average if is_changed && wire.wants(Channel::AvgPrice) => self.send_average(now, wire),
                View::Minutes(window) if is_changed => self.send_window(window, now, wire),
                _ => {}
            }
        }
        self.candles.on_second(now, self.places, wire);
        self.growing.on_second(wire);
        self.history.drop_old(now);
    }

    /// Moves the sums of single seconds to where they are kept.
    fn settle(&mut self, next: i64) {
        if self.fresh.is_empty() {
            return;
        }
        self.rolling = None;
        self.fresh.sort_unstable_by_key(|fresh| fresh.bar.summary.start);
        for Fresh { bar, ts_last } in self.fresh.drain(..) {
            let second = bar.summary.start;
            if self.candles.add(&bar) {
                self.late.closed += bar.summary.trades.unsigned_abs();
            }
            if self.growing.add(&bar.summary, ts_last) {
                self.late.passed += bar.summary.trades.unsigned_abs();
            }
            self.history.add(&bar);
            for (edge, view) in self.edges.iter_mut().zip(VIEWS) {
                if second >= view.start(next) {
                    edge.is_changed = true;
                    edge.first = Some(edge.first.map_or(second, |first| first.min(second)));
                }
            }
        }
    }

    /// The candles of a stretch, oldest first; `now` is the time in nanoseconds.
    pub fn klines(&self, cut: Cut, stretch: Stretch, now: i64) -> Vec<Kline> {
        let fresh: Vec<Bar> = self.fresh.iter().map(|fresh| fresh.bar).collect();
        let (history, places, now) = (&self.history, self.places, now.div_euclid(NS_PER_SECOND));
        Chart { history, fresh: &fresh, places, now }.klines(cut, stretch)
    }

    /// Statistics of the 24 hours before `now`, from the whole second on in which they begin.
    pub fn day_ticker(&self, now: i64, best: Option<Best>) -> Ticker {
        let open = now - 86_400 * NS_PER_SECOND;
        let start = open.div_euclid(NS_PER_SECOND);
        let none = self.places.no_level();
        let best = best.unwrap_or(Best { ask: none, bid: none });
        self.statistics_from(start).ticker(self.history.price_before(start), &self.last, best, (open, now))
    }

    /// Statistics of all trades from the second `start` on, which must not be older than a day, or seven for a whole
    /// minute. `ts_close` is only passed on.
    pub fn window_ticker(&self, start: i64, ts_close: i64) -> WindowTicker {
        self.statistics_from(start).window_ticker((start * NS_PER_SECOND, ts_close))
    }

    /// The average price of the five minutes before `now`, from the whole second on in which they begin.
    pub fn average(&self, now: i64) -> AvgPrice {
        let sum = self.sum_from(now.div_euclid(NS_PER_SECOND) - AVERAGE_SECONDS);
        AvgPrice { average: average_price(&sum).unwrap_or(self.last.price), ts_trade: self.last.ts_trade }
    }

    fn statistics_from(&self, start: i64) -> Statistics {
        Statistics::new(&self.sum_from(start), self.last.price, self.places)
    }

    /// All trades from the second `start` on.
    fn sum_from(&self, start: i64) -> Summary {
        let mut sum = self.history.sum(start, i64::MAX).summary;
        let fresh = self.fresh.iter().map(|fresh| &fresh.bar.summary);
        fresh.filter(|summary| summary.start >= start).for_each(|summary| sum.merge(summary));
        sum
    }

    fn send_tickers(&self, now: i64, best: Option<Best>, mini: bool, full: bool, wire: &mut Wire) {
        let (mini, full) = (mini && wire.wants(Channel::MiniTicker), full && wire.wants(Channel::Ticker));
        if !mini && !full {
            return;
        }
        let start = View::Day.start(now);
        let statistics = Statistics::new(&self.history.sum(start, now).summary, self.last.price, self.places);
        let ts_event = now * NS_PER_SECOND;
        if full {
            let none = self.places.no_level();
            let best = best.unwrap_or(Best { ask: none, bid: none });
            let span = (start * NS_PER_SECOND - 1, ts_event - 1);
            let ticker = statistics.ticker(self.history.price_before(start), &self.last, best, span);
            wire.send(Channel::Ticker, ts_event, Kind::Ticker(ticker), &[]);
        }
        if mini {
            wire.send(Channel::MiniTicker, ts_event, Kind::MiniTicker(statistics.mini_ticker()), &[]);
        }
    }

    fn send_window(&self, window: Window, now: i64, wire: &mut Wire) {
        let channel = Channel::WindowTicker(window);
        if wire.wants(channel) {
            let start = View::Minutes(window).start(now);
            let statistics = Statistics::new(&self.history.sum(start, now).summary, self.last.price, self.places);
            let ticker = statistics.window_ticker((start * NS_PER_SECOND, now * NS_PER_SECOND - 1));
            wire.send(channel, now * NS_PER_SECOND, Kind::WindowTicker(ticker), &[]);
        }
    }

    fn send_average(&self, now: i64, wire: &mut Wire) {
        let sum = self.history.sum(View::Average.start(now), now);
        let average = average_price(&sum.summary).unwrap_or(self.last.price);
        let kind = Kind::AvgPrice(AvgPrice { average, ts_trade: self.last.ts_trade });
        wire.send(Channel::AvgPrice, now * NS_PER_SECOND, kind, &[]);
    }
}
