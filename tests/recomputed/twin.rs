//! What must be told of a symbol's trades, added up anew from the list of them for every single event.

use std::fmt::Write;

use crate::tape::{Moment, Symbol, Trade};

/// The trades of a stretch of time, added up: prices in units of 1e-8, volumes in 1e-8, quote volumes in 1e-16.
struct Sum {
    ids: (i64, i64),
    count: usize,
    open: i64,
    close: i64,
    high: i64,
    low: i64,
    volume: i128,
    quote: i128,
    bought: i128,
    bought_quote: i128,
}

/// Adds up; where there is nothing, the price that is shown instead.
fn sum(trades: &[Trade], price: i64) -> Sum {
    let (first, last) = (trades.first(), trades.last());
    let mut sum = Sum {
        ids: (first.map_or(-1, |trade| trade.id), last.map_or(-1, |trade| trade.id)),
        count: trades.len(),
        open: first.map_or(price, |trade| trade.price),
        close: last.map_or(price, |trade| trade.price),
        high: first.map_or(price, |trade| trade.price),
        low: first.map_or(price, |trade| trade.price),
        volume: 0,
        quote: 0,
        bought: 0,
        bought_quote: 0,
    };
    for trade in trades {
        let quote = i128::from(trade.price) * i128::from(trade.size);
        sum.high = sum.high.max(trade.price);
        sum.low = sum.low.min(trade.price);
        sum.volume += i128::from(trade.size);
        sum.quote += quote;
        if trade.is_bought {
            sum.bought += i128::from(trade.size);
            sum.bought_quote += quote;
        }
    }
    sum
}

/// The known trades from one whole second up to, not including, another.
fn between(symbol: &Symbol, known: usize, from: i64, to: i64) -> &[Trade] {
    let known = &symbol.trades[..known];
    let start = known.partition_point(|trade| trade.time < from * 1_000);
    let end = known.partition_point(|trade| trade.time < to * 1_000);
    &known[start..end]
}

/// The quotient to the nearest, a half away from zero.
fn divide(a: i128, b: i128) -> i128 {
    (a.abs() + b / 2) / b * a.signum()
}

/// So many units of 10^-places, written out.
fn decimal(units: i128, places: usize) -> String {
    let digits = format!("{:0>width$}", units.abs(), width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    format!("{}{whole}.{rest}", if units < 0 { "-" } else { "" })
}

fn eight(units: impl Into<i128>) -> String {
    decimal(units.into(), 8)
}

/// Units of 1e-16 with eight places.
fn quote(units: i128) -> String {
    eight(divide(units, 100_000_000))
}

/// An object under construction: members in the order they are given.
struct Event(String);

impl Event {
    fn new(kind: &str, second: i64, name: &str) -> Event {
        Event(format!(r#"{{"e":"{kind}","E":{},"s":"{name}""#, second * 1_000))
    }

    fn text(mut self, key: &str, value: impl AsRef<str>) -> Event {
        write!(self.0, r#","{key}":"{}""#, value.as_ref()).expect("a string takes all");
        self
    }

    fn int(mut self, key: &str, value: i64) -> Event {
        write!(self.0, r#","{key}":{value}"#).expect("a string takes all");
        self
    }

    fn end(self) -> String {
        self.0 + "}"
    }
}

/// Candles of `length` seconds, cut `shift` seconds ahead of UTC: a change is told on every second, or on every even
/// one for candles longer than a second; each candle is closed on the first of these that is a second after its end.
pub fn klines(name: &str, symbol: &Symbol, interval: &str, length: i64, shift: i64) -> Vec<String> {
    let period = if length == 1 { 1 } else { 2 };
    let due = |end: i64| (end + 1 + period - 1) / period * period;
    let first = &symbol.trades[0];
    let mut open = (first.time / 1_000 + shift).div_euclid(length) * length - shift;
    let (mut price, mut told, mut last, mut events) = (first.price, 0, i64::MIN, Vec::new());
    for Moment { second, known, .. } in &symbol.moments {
        let boundary = second - second % period;
        if boundary == std::mem::replace(&mut last, boundary) || *known == 0 {
            continue;
        }
        let mut has_closed = false;
        while due(open + length) <= boundary {
            let trades = between(symbol, *known, open, open + length);
            let closing = due(open + length);
            events.push(kline(name, interval, (open, open + length), &sum(trades, price), closing, true));
            price = trades.last().map_or(price, |trade| trade.price);
            has_closed = closing == boundary;
            (open, told) = (open + length, 0);
        }
        let trades = between(symbol, *known, open, open + length);
        if !has_closed && trades.len() > told {
            told = trades.len();
            events.push(kline(name, interval, (open, open + length), &sum(trades, price), boundary, false));
        }
    }
    events
}

fn kline(name: &str, interval: &str, (open, end): (i64, i64), sum: &Sum, second: i64, is_closed: bool) -> String {
    let inner = Event(format!(r#"{{"t":{}"#, open * 1_000))
        .int("T", end * 1_000 - 1)
        .text("s", name)
        .text("i", interval)
        .int("f", sum.ids.0)
        .int("L", sum.ids.1)
        .text("o", eight(sum.open))
        .text("c", eight(sum.close))
        .text("h", eight(sum.high))
        .text("l", eight(sum.low))
        .text("v", eight(sum.volume))
        .int("n", sum.count as i64)
        .0;
    let inner = Event(format!(r#"{inner},"x":{is_closed}"#))
        .text("q", quote(sum.quote))
        .text("V", eight(sum.bought))
        .text("Q", quote(sum.bought_quote))
        .text("B", "0")
        .end();
    let mut event = Event::new("kline", second, name);
    write!(event.0, r#","k":{inner}"#).expect("a string takes all");
    event.end()
}

/// What is told of a window on each second on which other trades are in it than on the one before. `from` is the first
/// second of the window that is told on a second; `also` says when it is told without a change.
fn windows(
    symbol: &Symbol,
    from: impl Fn(i64) -> i64,
    also: impl Fn(&Moment) -> bool,
    tell: impl Fn(&Moment, &Sum) -> String,
) -> Vec<String> {
    let (mut before, mut events) = ((0, -1, -1), Vec::new());
    let mut added = sum(&[], 0);
    for moment in symbol.moments.iter().filter(|moment| moment.known > 0) {
        let trades = between(symbol, moment.known, from(moment.second), moment.second);
        let now = (trades.len(), trades.first().map_or(-1, |t| t.id), trades.last().map_or(-1, |t| t.id));
        let is_changed = now != std::mem::replace(&mut before, now);
        if is_changed {
            added = sum(trades, symbol.trades[moment.known - 1].price);
        }
        if is_changed || also(moment) {
            events.push(tell(moment, &added));
        }
    }
    events
}

/// Change, change in per cent, and average price.
fn rates(sum: &Sum) -> [String; 3] {
    let change = i128::from(sum.close - sum.open);
    let average = if sum.volume == 0 { 0 } else { divide(sum.quote, sum.volume) };
    [eight(change), decimal(divide(change * 100_000, sum.open.into()), 3), eight(average)]
}

/// The ticker of the last 24 hours.
pub fn ticker(name: &str, symbol: &Symbol) -> Vec<String> {
    let from = |second| second - 86_400;
    windows(
        symbol,
        from,
        |moment| moment.is_best_changed,
        |moment, sum| {
            let Moment { second, known, best, .. } = *moment;
            let before = between(symbol, known, 0, from(second)).last().map_or(sum.open, |trade| trade.price);
            let [change, percent, average] = rates(sum);
            let [bid, bid_size, ask, ask_size] = best.unwrap_or_default().map(eight);
            Event::new("24hrTicker", second, name)
                .text("p", change)
                .text("P", percent)
                .text("w", average)
                .text("x", eight(before))
                .text("c", eight(sum.close))
                .text("Q", eight(symbol.trades[known - 1].size))
                .text("b", bid)
                .text("B", bid_size)
                .text("a", ask)
                .text("A", ask_size)
                .text("o", eight(sum.open))
                .text("h", eight(sum.high))
                .text("l", eight(sum.low))
                .text("v", eight(sum.volume))
                .text("q", quote(sum.quote))
                .int("O", from(second) * 1_000 - 1)
                .int("C", second * 1_000 - 1)
                .int("F", sum.ids.0)
                .int("L", sum.ids.1)
                .int("n", sum.count as i64)
                .end()
        },
    )
}

/// The shorter ticker of the last 24 hours.
pub fn mini_ticker(name: &str, symbol: &Symbol) -> Vec<String> {
    windows(
        symbol,
        |second| second - 86_400,
        |_| false,
        |moment, sum| {
            Event::new("24hrMiniTicker", moment.second, name)
                .text("c", eight(sum.close))
                .text("o", eight(sum.open))
                .text("h", eight(sum.high))
                .text("l", eight(sum.low))
                .text("v", eight(sum.volume))
                .text("q", quote(sum.quote))
                .end()
        },
    )
}

/// The ticker of a window that opens on a whole minute.
pub fn window_ticker(name: &str, symbol: &Symbol, window: &str, length: i64) -> Vec<String> {
    let from = |second: i64| (second - length - 1).div_euclid(60) * 60;
    windows(
        symbol,
        from,
        |_| false,
        |moment, sum| {
            let [change, percent, average] = rates(sum);
            Event::new(&format!("{window}Ticker"), moment.second, name)
                .text("p", change)
                .text("P", percent)
                .text("o", eight(sum.open))
                .text("h", eight(sum.high))
                .text("l", eight(sum.low))
                .text("c", eight(sum.close))
                .text("w", average)
                .text("v", eight(sum.volume))
                .text("q", quote(sum.quote))
                .int("O", from(moment.second) * 1_000)
                .int("C", moment.second * 1_000 - 1)
                .int("F", sum.ids.0)
                .int("L", sum.ids.1)
                .int("n", sum.count as i64)
                .end()
        },
    )
}

/// The average price of the last five minutes; the last price where there were no trades.
pub fn average_price(name: &str, symbol: &Symbol) -> Vec<String> {
    windows(
        symbol,
        |second| second - 300,
        |_| false,
        |moment, sum| {
            let average = if sum.volume == 0 { i128::from(sum.close) } else { divide(sum.quote, sum.volume) };
            Event::new("avgPrice", moment.second, name)
                .text("i", "5m")
                .text("w", eight(average))
                .int("T", symbol.trades[moment.known - 1].time)
                .end()
        },
    )
}
