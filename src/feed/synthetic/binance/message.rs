//! The spelling of Binance's messages: compact JSON, members in the documented order, decimals with eight digits in strings.

use super::Pair;
use crate::feed::synthetic::book::{Level, Side};
use crate::feed::synthetic::line::{DAY_MS, Line};
use crate::feed::synthetic::market::Fill;
use crate::feed::synthetic::stats::Candle;

/// When an event was published, and when the trade behind it was made.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) event_ms: i64,
    pub(super) trade_ms: i64,
}

impl Pair {
    /// The answer of `GET /api/v3/depth`; it names no symbol.
    pub(super) fn write_snapshot(&self, line: &mut Line) {
        line.text("{\"lastUpdateId\":").whole(self.update_id);
        line.text(",\"bids\":[");
        self.write_levels(line, self.market.book().bids.iter());
        line.text("],\"asks\":[");
        self.write_levels(line, self.market.book().asks.iter());
        line.text("]}");
    }

    /// `bookTicker`: the only event without a type and a time.
    pub(super) fn write_book_ticker(&self, line: &mut Line) {
        self.write_stream(line, "bookTicker");
        line.text("\"u\":").whole(self.update_id);
        line.text(&self.symbol);
        let (bid, ask) = self.best();
        line.quoted("b", self.price(bid.price));
        line.quoted("B", self.size(bid.size));
        line.quoted("a", self.price(ask.price));
        line.quoted("A", self.size(ask.size));
        line.text("}}");
    }

    /// `trade`: one taker met one resting order.
    pub(super) fn write_trade(&self, line: &mut Line, times: Times, id: i64, fill: &Fill) {
        self.write_event(line, "trade", "trade", times.event_ms);
        line.number("t", id);
        line.quoted("p", self.price(fill.price));
        line.quoted("q", self.size(fill.size));
        write_trade_end(line, times, fill);
    }

    /// `aggTrade`: all that one taker got at one price.
    pub(super) fn write_agg_trade(&self, line: &mut Line, times: Times, ids: (i64, i64), fills: &[Fill]) {
        self.write_event(line, "aggTrade", "aggTrade", times.event_ms);
        line.number("a", self.agg_id);
        line.quoted("p", self.price(fills[0].price));
        line.quoted("q", self.size(fills.iter().map(|fill| fill.size).sum()));
        line.number("f", ids.0);
        line.number("l", ids.1);
        write_trade_end(line, times, &fills[0]);
    }

    /// `depthUpdate`: the sizes at these prices, as they are now.
    pub(super) fn write_diff(&self, line: &mut Line, ms: i64, channel: &super::Channel) {
        self.write_event(line, channel.name, "depthUpdate", ms);
        line.number("U", channel.from_id);
        line.number("u", self.update_id);
        for (key, side, prices) in [(",\"b\":[", Side::Bid, &channel.bids), ("],\"a\":[", Side::Ask, &channel.asks)] {
            let ladder = self.market.book().side(side);
            let level = |&price: &i64| Level { price, size: ladder.size_at(price) };
            line.text(key);
            self.write_levels(line, prices.iter().map(level));
        }
        line.text("]}}");
    }

    /// `kline`: one minute so far, or finally.
    pub(super) fn write_kline(&self, line: &mut Line, ms: i64, candle: &Candle, closed: bool) {
        let bar = &candle.bar;
        self.write_event(line, "kline_1m", "kline", ms);
        line.text(",\"k\":{\"t\":").whole(candle.start_ms);
        line.number("T", candle.end_ms() - 1);
        line.text(&self.symbol).text(",\"i\":\"1m\"");
        line.number("f", candle.first_id);
        line.number("L", candle.last_id);
        line.quoted("o", self.price(bar.open));
        line.quoted("c", self.price(bar.close));
        line.quoted("h", self.price(bar.high));
        line.quoted("l", self.price(bar.low));
        line.quoted("v", self.volume(bar.volume));
        line.number("n", candle.trades());
        line.text(if closed { ",\"x\":true" } else { ",\"x\":false" });
        line.quoted("q", self.money(bar.money));
        line.quoted("V", self.volume(bar.bought));
        line.quoted("Q", self.money(bar.bought_money));
        line.text(",\"B\":\"0\"}}}");
    }

    /// `24hrMiniTicker`.
    pub(super) fn write_mini_ticker(&self, line: &mut Line, ms: i64) {
        self.write_event(line, "miniTicker", "24hrMiniTicker", ms);
        line.quoted("c", self.price(self.day.close));
        line.quoted("o", self.price(self.day.open));
        self.write_range_and_volume(line);
        line.text("}}");
    }

    /// `24hrTicker`: a window that ends at `close_ms` and is a day long to the millisecond.
    pub(super) fn write_ticker(&self, line: &mut Line, ms: i64, close_ms: i64) {
        let day = &self.day;
        let change = i128::from(day.close - day.open);
        let (bid, ask) = self.best();
        self.write_event(line, "ticker", "24hrTicker", ms);
        line.quoted("p", change * i128::from(self.listing.listing.tick));
        line.text(",\"P\":\"");
        line.fixed(nearest(change * 100_000, i128::from(day.open)), 3);
        line.text("\"");
        line.quoted("w", nearest(self.money(day.money) * E8, self.volume(day.volume)));
        line.quoted("x", self.price(day.open - 1));
        line.quoted("c", self.price(day.close));
        line.quoted("Q", self.size(self.last_size));
        line.quoted("b", self.price(bid.price));
        line.quoted("B", self.size(bid.size));
        line.quoted("a", self.price(ask.price));
        line.quoted("A", self.size(ask.size));
        line.quoted("o", self.price(day.open));
        self.write_range_and_volume(line);
        line.number("O", close_ms - DAY_MS);
        line.number("C", close_ms);
        line.number("F", self.first_id);
        line.number("L", self.trade_id - 1);
        line.number("n", self.trade_id - self.first_id);
        line.text("}}");
    }

    fn write_range_and_volume(&self, line: &mut Line) {
        line.quoted("h", self.price(self.day.high));
        line.quoted("l", self.price(self.day.low));
        line.quoted("v", self.volume(self.day.volume));
        line.quoted("q", self.money(self.day.money));
    }

    fn write_levels(&self, line: &mut Line, levels: impl Iterator<Item = Level>) {
        for (number, level) in levels.enumerate() {
            line.text(if number == 0 { "[\"" } else { ",[\"" });
            line.fixed(self.price(level.price), 8).text("\",\"");
            line.fixed(self.size(level.size), 8).text("\"]");
        }
    }

    fn write_stream(&self, line: &mut Line, name: &str) {
        line.text(&self.stream).text(name).text("\",\"data\":{");
    }

    fn write_event(&self, line: &mut Line, stream: &str, event: &str, ms: i64) {
        self.write_stream(line, stream);
        line.text("\"e\":\"").text(event).text("\"");
        line.number("E", ms).text(&self.symbol);
    }

    fn price(&self, ticks: i64) -> i128 {
        i128::from(ticks) * i128::from(self.listing.listing.tick)
    }

    fn size(&self, lots: i64) -> i128 {
        self.volume(i128::from(lots))
    }

    fn volume(&self, lots: i128) -> i128 {
        lots * i128::from(self.listing.listing.lot)
    }

    /// A tick times a lot is a whole number of 1e-8 in every market of the catalogue.
    fn money(&self, money: i128) -> i128 {
        self.volume(money) * i128::from(self.listing.listing.tick) / E8
    }
}

/// The end of every trade: its time, whether the buyer's order was the one that waited, and a flag that means nothing.
fn write_trade_end(line: &mut Line, times: Times, fill: &Fill) {
    line.number("T", times.trade_ms);
    line.text(match fill.taker {
        Side::Bid => ",\"m\":false,\"M\":true}}",
        Side::Ask => ",\"m\":true,\"M\":true}}",
    });
}

/// A quotient, rounded to the nearest whole number, halves away from zero. The divisor is above zero.
fn nearest(value: i128, divisor: i128) -> i128 {
    (value.abs() * 2 + divisor) / (divisor * 2) * value.signum()
}

const E8: i128 = 100_000_000;
