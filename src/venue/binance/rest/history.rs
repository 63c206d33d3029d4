//! Candles and windows for requests: computed from the trades that are known, and where the feed carries candles of its
//! own that know more, those.
//!
//! Of two candles that open at one instant the one with more trades is right: trades may be missing in one, because the
//! tape began in the middle of it or because nobody listens to it any more, but none are ever invented.

use std::cmp::Reverse;

use crate::market::channel::{Channel, Interval, Zone as Cutting};
use crate::market::civil::NS_PER_SECOND;
use crate::market::tick::{AvgPrice, Best, Kline, Ticker, WindowTicker};
use crate::market::trading::chart::{Cut, Stretch};
use crate::market::trading::statistics::{Places, Statistics};
use crate::market::trading::summary::Summary;
use crate::venue::binance::rest::lookup::Known;
use crate::venue::binance::rest::page::{Bounds, Page};
use crate::venue::binance::rest::reply::State;
use crate::venue::binance::rest::value::{Window, Zone};

/// How a request's candles are cut.
fn cut(interval: Interval, zone: Zone) -> Cut {
    Cut { interval, ahead: i64::from(zone.minutes()) * 60 }
}

/// The zones of published candles that are cut where these are.
fn cut_alike(cut: Cut) -> impl Iterator<Item = Cutting> {
    Cutting::ALL.into_iter().filter(move |zone| {
        let apart = cut.ahead - zone.seconds();
        cut.interval.seconds().map_or(apart == 0, |length| apart % length == 0)
    })
}

impl<'a> State<'a> {
    /// The candles of a page.
    pub(super) fn klines(&self, known: &Known<'a>, interval: Interval, zone: Zone, page: &Page) -> Vec<Kline> {
        let Bounds::Times { start, end } = page.bounds else { return Vec::new() };
        let cut = cut(interval, zone);
        let stretch = Stretch { start, end, limit: page.limit };
        let trading = self.trading(known);
        let mut all = trading.map_or_else(Vec::new, |trading| trading.klines(cut, stretch, self.engine.now()));
        let computed = all.len();
        for zone in cut_alike(cut) {
            let Some(published) = known.recent().and_then(|of| of.klines.get(&(interval, zone))) else { continue };
            let range = page.range(published.len(), |i| published[i].ts_open, |i| published[i].ts_open);
            all.extend(published.range(range));
        }
        if all.len() > computed {
            all.sort_by_key(|kline| (kline.ts_open, Reverse(kline.trades)));
            all.dedup_by_key(|kline| kline.ts_open);
            let range = page.range(all.len(), |i| all[i].ts_open, |i| all[i].ts_open);
            all.truncate(range.end);
            all.drain(..range.start);
        }
        all
    }

    /// Statistics of 24 hours: the feed's own, or those of the trades known; `None` where there is neither.
    pub(super) fn day_ticker(&self, known: &Known<'a>) -> Option<Ticker> {
        if let Some(of) = self.native(known, Channel::Ticker) {
            return of.ticker;
        }
        Some(self.trading(known)?.day_ticker(self.engine.now(), self.best(known)))
    }

    /// The average price of five minutes, as above.
    pub(super) fn average(&self, known: &Known<'a>) -> Option<AvgPrice> {
        if let Some(of) = self.native(known, Channel::AvgPrice) {
            return of.average;
        }
        Some(self.trading(known)?.average(self.engine.now()))
    }

    /// Best bid and ask, from the feed or from the book.
    pub(super) fn best(&self, known: &Known<'a>) -> Option<Best> {
        let (symbol, of) = known.told?;
        self.engine.instrument(symbol).and_then(|instrument| instrument.best()).or(of.best)
    }

    /// Statistics of a window that ends now and opens on a whole minute, so that it may be up to a minute longer.
    pub(super) fn rolling(&self, known: &Known<'a>, window: Window) -> Option<WindowTicker> {
        let (trading, now) = (self.trading(known)?, self.engine.now());
        let start = now.div_euclid(NS_PER_SECOND) - window.length().as_secs() as i64;
        Some(trading.window_ticker(start - start.rem_euclid(60), now))
    }

    /// Statistics of the day in a zone that the present moment lies in.
    pub(super) fn trading_day(&self, known: &Known<'a>, zone: Zone) -> Option<WindowTicker> {
        let cut = cut(Interval::D1, zone);
        let (open, end) = cut.span(self.engine.now().div_euclid(NS_PER_SECOND));
        let (ts_open, ts_close) = (open * NS_PER_SECOND, end * NS_PER_SECOND - 1);
        let computed = self.trading(known).map(|trading| trading.window_ticker(open, ts_close));
        let series = |zone| known.recent()?.klines.get(&(Interval::D1, zone))?.back();
        let published = cut_alike(cut).filter_map(series).find(|kline| kline.ts_open == ts_open);
        let published = published.map(|kline| of_candle(kline, (ts_open, ts_close)));
        computed.into_iter().chain(published).max_by_key(|ticker| ticker.trades)
    }
}

/// A candle's numbers as a window's.
fn of_candle(kline: &Kline, span: (i64, i64)) -> WindowTicker {
    let Kline { first_id, last_id, open, high, low, close, volume, quote_volume, trades, .. } = *kline;
    let mut places = Places::default();
    places.observe(close, volume);
    let summary = Summary { start: 0, first_id, last_id, trades, open, high, low, close, volume, quote_volume };
    Statistics::new(&summary, close, places).window_ticker(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candles_of_two_zones_are_the_same_where_these_are_whole_lengths_apart() {
        let zones = |interval, text: &str| cut_alike(cut(interval, Zone::parse(text).unwrap())).collect::<Vec<_>>();
        assert_eq!(zones(Interval::M1, "05:45"), Cutting::ALL);
        assert_eq!(zones(Interval::H1, "05:45"), []);
        assert_eq!(zones(Interval::H4, "8"), Cutting::ALL);
        assert_eq!(zones(Interval::H6, "2"), [Cutting::Plus8]);
        assert_eq!(zones(Interval::D1, "0"), [Cutting::Utc]);
        assert_eq!(zones(Interval::Mo1, "8"), [Cutting::Plus8]);
    }
}
