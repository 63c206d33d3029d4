//! Naive twins: they add up the list of trades anew for everything that is told.

use std::collections::BTreeMap;

use super::*;
use crate::market::trading::candle::span;

/// A trade as the twin remembers it, with the clock's second when it had come.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) trade: Trade,
    pub(super) second: i64,
}

/// Sums in 10^-8 and 10^-16, prices in 10^-8, in the order of ids.
struct Naive {
    ids: (i64, i64),
    n: i64,
    prices: [i128; 4],
    volume: i128,
    quote: i128,
    taker: (i128, i128),
}

fn naive<'a>(trades: impl Iterator<Item = &'a Trade>) -> Option<Naive> {
    let mut trades: Vec<&Trade> = trades.collect();
    trades.sort_by_key(|trade| trade.id);
    let (first, last) = (trades.first()?, trades.last()?);
    let price = |trade: &&Trade| trade.price.mantissa();
    let quote = |trade: &&Trade| trade.price.mantissa() * trade.size.mantissa();
    let bought = || trades.iter().filter(|trade| trade.taker == Taker::Buyer);
    Some(Naive {
        ids: (first.id, last.id),
        n: trades.len() as i64,
        prices: [price(first), trades.iter().map(price).max()?, trades.iter().map(price).min()?, price(last)],
        volume: trades.iter().map(|trade| trade.size.mantissa()).sum(),
        quote: trades.iter().map(quote).sum(),
        taker: (bought().map(|trade| trade.size.mantissa()).sum(), bought().map(quote).sum()),
    })
}

/// To the nearest, a half away from zero.
fn divide(a: i128, b: i128) -> i128 {
    let half = b / 2;
    if a < 0 { -((-a + half) / b) } else { (a + half) / b }
}

fn at(number: Decimal, scale: i32) -> i128 {
    assert_eq!(number.scale(), scale, "{number}");
    number.mantissa()
}

fn check_window(
    all: &[Trade],
    from: i64,
    second: i64,
    numbers: [Decimal; 6],
    rates: Option<[Decimal; 3]>,
    ids: Option<(i64, i64, i64)>,
) {
    let end = second * NS_PER_SECOND;
    let window = naive(all.iter().filter(|trade| (from..end).contains(&trade.ts_trade)));
    let last = all.iter().max_by_key(|trade| trade.id).unwrap().price.mantissa();
    let flat = Naive { ids: (-1, -1), n: 0, prices: [last; 4], volume: 0, quote: 0, taker: (0, 0) };
    let window = window.unwrap_or(flat);
    let [open, high, low, close, volume, quote] = numbers.map(|number| at(number, 8));
    assert_eq!([open, high, low, close], window.prices);
    assert_eq!((volume, quote), (window.volume, divide(window.quote, 100_000_000)));
    if let Some([change, percent, average]) = rates {
        assert_eq!(at(change, 8), close - open);
        assert_eq!(at(percent, 3), divide((close - open) * 100_000, open));
        assert_eq!(at(average, 8), if window.n == 0 { 0 } else { divide(window.quote, window.volume) });
    }
    if let Some(ids) = ids {
        assert_eq!(ids, (window.ids.0, window.ids.1, window.n));
    }
}

/// Checks a tick of a rolling window against all trades that had come before it.
pub(super) fn check_rolling(tick: &Tick, all: &[Trade]) {
    let second = tick.ts_event / NS_PER_SECOND;
    assert_eq!(tick.ts_event % NS_PER_SECOND, 0);
    match &tick.kind {
        Kind::Ticker(t) => {
            assert_eq!((t.ts_close, t.ts_close - t.ts_open), (tick.ts_event - 1, 86_400_000 * MS));
            let numbers = [t.open, t.high, t.low, t.last.price, t.volume, t.quote_volume];
            let rates = Some([t.change, t.change_percent, t.average]);
            check_window(all, t.ts_open + 1, second, numbers, rates, Some((t.first_id, t.last_id, t.trades)));
            assert!(t.last.size.same_spelling(all.last().unwrap().size));
            let before = all.iter().filter(|trade| trade.ts_trade <= t.ts_open);
            let before = before.max_by_key(|trade| (trade.ts_trade / NS_PER_SECOND, trade.id));
            assert!(t.previous.same_spelling(before.map_or(t.open, |trade| trade.price)));
        }
        Kind::MiniTicker(MiniTicker { close, open, high, low, volume, quote_volume }) => {
            let numbers = [*open, *high, *low, *close, *volume, *quote_volume];
            check_window(all, tick.ts_event - 86_400_000 * MS, second, numbers, None, None);
        }
        Kind::WindowTicker(t) => {
            let Channel::WindowTicker(window) = tick.channel else { panic!("{tick:?}") };
            let longer = t.ts_close / MS - t.ts_open / MS - window.seconds() * 1_000;
            assert!(t.ts_open % (60_000 * MS) == 0 && (0..60_000).contains(&longer), "{longer}");
            assert_eq!(t.ts_close, tick.ts_event - 1);
            let numbers = [t.open, t.high, t.low, t.close, t.volume, t.quote_volume];
            let rates = Some([t.change, t.change_percent, t.average]);
            check_window(all, t.ts_open, second, numbers, rates, Some((t.first_id, t.last_id, t.trades)));
        }
        Kind::AvgPrice(average) => {
            let within = tick.ts_event - 300_000 * MS..tick.ts_event;
            let window = naive(all.iter().filter(|trade| within.contains(&trade.ts_trade)));
            let last = all.last().unwrap();
            let expected = window.map_or(last.price.mantissa(), |sum| divide(sum.quote, sum.volume));
            assert_eq!((at(average.average, 8), average.ts_trade), (expected, last.ts_trade));
        }
        _ => panic!("{tick:?}"),
    }
}

/// Checks the candles of a series: none missing, each closed once and in time, each with its trades.
pub(super) fn check_candles(played: &Played, channel: Channel, seen: &[Seen]) {
    let Channel::Kline(interval, zone) = channel else { panic!("{channel:?}") };
    let period = if interval == Interval::S1 { 1 } else { 2 };
    let due = |end: i64| (end + 1 + period - 1).div_euclid(period) * period;
    let boundary = seen[0].second - seen[0].second % period;
    let first = (seen[0].trade.ts_trade / NS_PER_SECOND).max(boundary - 1);
    let (mut open, mut end) = span(interval, zone, first);
    let mut close = seen[0].trade.price.mantissa();
    let mut told_at = i64::MIN;
    for (tick, _) in played.of(channel) {
        let Kind::Kline(kline) = &tick.kind else { panic!("{tick:?}") };
        let second = tick.ts_event / NS_PER_SECOND;
        assert_eq!(tick.ts_event % (period * NS_PER_SECOND), 0);
        assert!(second > told_at, "{channel:?} twice at {second}");
        told_at = second;
        assert_eq!((kline.ts_open, kline.ts_close), (open * NS_PER_SECOND, end * NS_PER_SECOND - 1), "{channel:?}");
        let own = seen.iter().filter(|s| (open..end).contains(&(s.trade.ts_trade / NS_PER_SECOND)));
        // Known when it was told: closed candles know what came before their boundary, others what came before theirs.
        let known = own.filter(|s| s.second < due(end) && s.second < second);
        check_candle(kline, naive(known.map(|s| &s.trade)), close);
        if kline.closed {
            assert_eq!(second, due(end));
            (open, end) = span(interval, zone, end);
            close = kline.close.mantissa();
        } else {
            assert!(kline.trades > 0 && second < due(end));
        }
    }
    let now = played.engine.clock.now() / NS_PER_SECOND;
    assert!(due(end) > now - now % period, "{channel:?}: a closing is missing");
}

fn check_candle(kline: &Kline, naive: Option<Naive>, close: i128) {
    let flat = Naive { ids: (-1, -1), n: 0, prices: [close; 4], volume: 0, quote: 0, taker: (0, 0) };
    let expected = naive.unwrap_or(flat);
    assert_eq!((kline.first_id, kline.last_id, kline.trades), (expected.ids.0, expected.ids.1, expected.n));
    let prices = [kline.open, kline.high, kline.low, kline.close].map(|price| at(price, 8));
    assert_eq!(prices, expected.prices);
    let volumes = [kline.volume, kline.quote_volume, kline.taker_volume, kline.taker_quote_volume];
    let quote = |sum: i128| divide(sum, 100_000_000);
    let sums = [expected.volume, quote(expected.quote), expected.taker.0, quote(expected.taker.1)];
    assert_eq!(volumes.map(|volume| at(volume, 8)), sums);
}

/// Checks that no window has changed without being told, at the whole second that `told` reached.
pub(super) fn check_changes(told: &[(Tick, Vec<Level>)], all: &[Trade], last: &mut BTreeMap<Channel, (i64, i64, i64)>) {
    let Some((second, _)) = told.iter().find(|(tick, _)| matches!(tick.kind, Kind::Second)) else { return };
    for channel in windows() {
        let length = match channel {
            Channel::AvgPrice => 300,
            Channel::WindowTicker(window) => window.seconds(),
            _ => 86_400,
        };
        let mut from = second.ts_event - length * NS_PER_SECOND;
        if matches!(channel, Channel::WindowTicker(_)) {
            from = (from - 1).div_euclid(60 * NS_PER_SECOND) * 60 * NS_PER_SECOND;
        }
        let window = naive(all.iter().filter(|trade| (from..second.ts_event).contains(&trade.ts_trade)));
        let window = window.map_or((0, 0, 0), |window| (window.ids.0, window.ids.1, window.n));
        let is_told = told.iter().any(|(tick, _)| tick.channel == channel && tick.symbol == SymbolId(0));
        assert_eq!(is_told, last.insert(channel, window).unwrap_or_default() != window, "{channel:?}");
    }
}
