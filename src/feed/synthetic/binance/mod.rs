//! Binance: the lines that its combined stream sends for one market, and the REST snapshot they continue.

mod message;

use super::book::{Level, Side};
use super::catalog::BinanceListing;
use super::chance::Chance;
use super::market::Market;
use super::outbox::Outbox;
use super::stats::{Bar, Candle, MINUTE_MS};
use message::Times;

/// One market and everything that is counted about it.
pub(super) struct Pair {
    listing: BinanceListing,
    market: Market,
    /// `{"stream":"btcusdt@`
    stream: String,
    /// `,"s":"BTCUSDT"`
    symbol: String,
    update_id: i64,
    trade_id: i64,
    agg_id: i64,
    channels: [Channel; 2],
    candle: Candle,
    /// The candle of the minute before, while its closing event is due.
    closed: Option<Candle>,
    candle_changed: bool,
    day: Bar,
    last_size: i64,
    first_id: i64,
    ticker_changed: bool,
    mini_changed: bool,
    phase_ms: i64,
}

/// One diff stream: what has changed since its last event.
#[derive(Default)]
struct Channel {
    name: &'static str,
    from_id: i64,
    bids: Vec<i64>,
    asks: Vec<i64>,
}

impl Pair {
    /// The market at the start of a tape; `number` tells the markets' timers apart.
    pub(super) fn new(listing: BinanceListing, number: usize, start_ms: i64, chance: Chance) -> Self {
        let common = &listing.listing;
        let market = Market::new(common.price, common.habits, chance);
        let mut day = Bar::day(common, common.day_lots);
        day.close = market.book().bids.best().price;
        Self {
            stream: format!("{{\"stream\":\"{}@", common.symbol.to_ascii_lowercase()),
            symbol: format!(",\"s\":\"{}\"", common.symbol),
            update_id: listing.update_id,
            trade_id: listing.trade_id,
            agg_id: listing.agg_id,
            channels: ["depth@100ms", "depth"].map(|name| Channel {
                name,
                from_id: listing.update_id + 1,
                ..Channel::default()
            }),
            candle: Candle::new(start_ms, day.close),
            closed: None,
            candle_changed: false,
            day,
            last_size: common.habits.take_lots,
            first_id: listing.trade_id - listing.day_trades,
            ticker_changed: false,
            mini_changed: false,
            phase_ms: number as i64,
            listing,
            market,
        }
    }

    /// The market behind the lines.
    pub(super) fn market(&mut self) -> &mut Market {
        &mut self.market
    }

    /// The answer of `GET /api/v3/depth`, to which the first diffs are added.
    pub(super) fn snapshot(&self, ms: i64, outbox: &mut Outbox) {
        outbox.post(ms, |line| self.write_snapshot(line));
    }

    /// One event of the market; see [`Market::act`] for the answer.
    pub(super) fn act(&mut self, ms: i64, fair: i64, heat: i64, outbox: &mut Outbox) -> i64 {
        let best = self.best();
        let beyond = self.market.act(fair, heat);
        self.note_changes();
        // Trades and quotes come from different machines of the exchange; the quote is mostly first.
        let quote_first = self.market.chance().permille(800);
        if quote_first && self.best() != best {
            self.book_ticker(ms, outbox);
        }
        self.trades(ms, outbox);
        if !quote_first && self.best() != best {
            self.book_ticker(ms, outbox);
        }
        beyond
    }

    /// The timed streams of one millisecond.
    pub(super) fn tick(&mut self, ms: i64, outbox: &mut Outbox) {
        if ms == self.candle_due_ms() {
            let closed = self.closed.take().unwrap_or_else(|| self.next_candle());
            self.kline(ms, &closed, true, outbox);
        }
        if ms % 100 == DEPTH_PHASE_MS {
            self.diff(ms, DEPTH_100MS, outbox);
        }
        if ms % 1_000 == 500 + DEPTH_PHASE_MS {
            self.diff(ms, DEPTH_1000MS, outbox);
        }
        let since = (ms - self.phase_ms * 97) % 2_000;
        if since == 300 && self.candle_changed {
            self.candle_changed = false;
            let candle = self.candle;
            self.kline(ms, &candle, false, outbox);
        }
        if since % 1_000 == 41 && self.ticker_changed {
            self.ticker_changed = false;
            let close_ms = ms - self.market.chance().between(0, 4);
            outbox.post(ms, |line| self.write_ticker(line, ms, close_ms));
        }
        if since % 1_000 == 44 && self.mini_changed {
            self.mini_changed = false;
            outbox.post(ms, |line| self.write_mini_ticker(line, ms));
        }
    }

    /// The last changes of the tape: the book returns to its snapshot.
    pub(super) fn restore(&mut self, ms: i64, outbox: &mut Outbox) {
        let best = self.best();
        self.market.restore();
        self.note_changes();
        self.diff(ms, DEPTH_100MS, outbox);
        self.diff(ms, DEPTH_1000MS, outbox);
        if self.best() != best {
            self.book_ticker(ms, outbox);
        }
    }

    /// When the closing event of a minute goes out: a few milliseconds into the next one.
    fn candle_due_ms(&self) -> i64 {
        let candle = self.closed.as_ref().unwrap_or(&self.candle);
        candle.end_ms() + 1 + self.phase_ms * 5 % 13
    }

    fn next_candle(&mut self) -> Candle {
        let next = self.candle.next();
        self.candle_changed = false;
        std::mem::replace(&mut self.candle, next)
    }

    fn best(&self) -> (Level, Level) {
        (self.market.book().bids.best(), self.market.book().asks.best())
    }

    /// Every changed level is an update of its own, and is remembered for the next event of both diff streams.
    fn note_changes(&mut self) {
        for &(side, price) in self.market.touched() {
            self.update_id += 1;
            for channel in &mut self.channels {
                match side {
                    Side::Bid => channel.bids.push(price),
                    Side::Ask => channel.asks.push(price),
                }
            }
        }
    }

    fn book_ticker(&mut self, ms: i64, outbox: &mut Outbox) {
        self.ticker_changed = true;
        outbox.post(ms, |line| self.write_book_ticker(line));
    }

    /// A line for every fill of the last event, then one for each price that the taker paid.
    fn trades(&mut self, ms: i64, outbox: &mut Outbox) {
        if self.market.fills().is_empty() {
            return;
        }
        // The matching engine's clock is read before the publisher's, but no trade may belong to the minute before.
        let late = ms % MINUTE_MS != 0 && self.market.chance().permille(400);
        let trade_ms = ms - i64::from(late);
        let times = Times { event_ms: ms, trade_ms };
        if trade_ms >= self.candle.end_ms() {
            self.closed = Some(self.next_candle());
        }
        let mut id = self.trade_id;
        for fill in self.market.fills() {
            outbox.post(ms, |line| self.write_trade(line, times, id, fill));
            self.candle.add(id, fill);
            self.day.add(fill);
            self.last_size = fill.size;
            id += 1;
        }
        let mut first = self.trade_id;
        for fills in self.market.fills().chunk_by(|one, next| one.price == next.price) {
            let next = first + fills.len() as i64;
            outbox.post(ms, |line| self.write_agg_trade(line, times, (first, next - 1), fills));
            self.agg_id += 1;
            first = next;
        }
        self.trade_id = id;
        self.candle_changed = true;
        self.ticker_changed = true;
        self.mini_changed = true;
    }

    fn diff(&mut self, ms: i64, channel: usize, outbox: &mut Outbox) {
        if self.channels[channel].from_id > self.update_id {
            return;
        }
        let mut changes = std::mem::take(&mut self.channels[channel]);
        changes.bids.sort_unstable_by_key(|&price| -price);
        changes.bids.dedup();
        changes.asks.sort_unstable();
        changes.asks.dedup();
        outbox.post(ms, |line| self.write_diff(line, ms, &changes));
        changes.bids.clear();
        changes.asks.clear();
        changes.from_id = self.update_id + 1;
        self.channels[channel] = changes;
    }

    fn kline(&self, ms: i64, candle: &Candle, closed: bool, outbox: &mut Outbox) {
        outbox.post(ms, |line| self.write_kline(line, ms, candle, closed));
    }
}

/// Places of the two diff streams.
const DEPTH_100MS: usize = 0;
const DEPTH_1000MS: usize = 1;

/// Diff events leave at this millisecond of every tenth of a second.
const DEPTH_PHASE_MS: i64 = 8;
