//! Candles of all lengths, in both zones, from what was traded second by second.
//!
//! All candles begin and end on whole seconds, so trades are summed by second first, and once a second the sum goes
//! into the candle of each series. Sixteen lengths in two zones are 22 series, not 32: lengths that divide the eight
//! hours between the zones have the same candles in both.
//!
//! A series speaks on its own boundaries: every second for one-second candles, every even second for the others. A
//! candle closes on the first boundary that is at least a second after its end, once; until then trades that come late
//! still count, afterwards they are left out and counted. On a boundary with a closing the next candle waits for the
//! one after:
//!
//! ```text
//!  12:00:58   12:01:00   12:01:02            12:01:04
//!   12:00 …    12:00 …    12:00, closed       12:01 …
//! ```
//!
//! From a symbol's first trade on every candle closes, also one without trades, which shows the close before it. The
//! first candle holds what a tape has of it. Weeks begin on Monday, months on the first, candles of three days on
//! days whose number since 1970-01-01 is a multiple of three.
//!
//! Where the clock leaps, all closings that were due are told, each with its own boundary as its time, and then what
//! has begun since; where nobody wants them, they are passed over in one step.

use crate::market::channel::{Channel, Interval, Zone};
use crate::market::civil::{Date, NS_PER_SECOND};
use crate::market::decimal::Decimal;
use crate::market::engine::wire::Wire;
use crate::market::tick::{Kind, Kline};
use crate::market::trading::statistics::Places;
use crate::market::trading::summary::Bar;

/// How many different series of candles a symbol has.
pub const SERIES: usize = 22;

/// How long seconds are remembered for candles that cannot begin before the one in front has closed: the time from
/// the end of a candle to its closing, and the second in between.
const SECONDS_REMEMBERED: i64 = 4;

/// The lengths whose candles differ between the zones.
const ZONED: [Interval; SERIES - 16] =
    [Interval::H6, Interval::H12, Interval::D1, Interval::D3, Interval::W1, Interval::Mo1];

/// First second of the candle that holds `second`, and of the one after it.
pub fn span(interval: Interval, zone: Zone, second: i64) -> (i64, i64) {
    span_ahead(interval, zone.seconds(), second)
}

/// The same where clocks are `ahead` seconds ahead of UTC.
pub fn span_ahead(interval: Interval, ahead: i64, second: i64) -> (i64, i64) {
    const DAY: i64 = 86_400;
    let local = second + ahead;
    let (open, end) = match interval {
        Interval::Mo1 => {
            let first = Date { day: 1, ..Date::from_days(local.div_euclid(DAY) as i32) };
            let next = match first.month {
                12 => Date { year: first.year + 1, month: 1, ..first },
                month => Date { month: month + 1, ..first },
            };
            (i64::from(first.to_days()) * DAY, i64::from(next.to_days()) * DAY)
        }
        _ => {
            let length = interval.seconds().unwrap_or(DAY);
            // The epoch was a Thursday.
            let phase = if interval == Interval::W1 { 4 * DAY } else { 0 };
            let open = local - (local - phase).rem_euclid(length);
            (open, open + length)
        }
    };
    (open - ahead, end - ahead)
}

/// Length and zone of a series.
fn series_of(number: usize) -> (Interval, Zone) {
    match number.checked_sub(Interval::ALL.len()) {
        None => (Interval::ALL[number], Zone::Utc),
        Some(zoned) => (ZONED[zoned], Zone::Plus8),
    }
}

/// The time between two boundaries of a series, in seconds.
fn period(number: usize) -> i64 {
    if number == Interval::S1 as usize { 1 } else { 2 }
}

/// The boundary on which a candle of this end closes: the first one at least a second after it.
fn due(number: usize, end: i64) -> i64 {
    let period = period(number);
    end + 1 + (-(end + 1)).rem_euclid(period)
}

/// All candles of one symbol that have not closed.
#[derive(Debug)]
pub struct Candles {
    series: [Series; SERIES],
    /// Seconds that may belong to a candle that has not begun.
    recent: Vec<Bar>,
    /// The last boundary of the slower series.
    boundary: i64,
}

/// The candle of one series that closes next.
#[derive(Clone, Copy, Debug)]
struct Series {
    open: i64,
    end: i64,
    bar: Bar,
    /// The price it is shown with while it has no trades.
    close: Decimal,
    is_changed: bool,
}

impl Candles {
    /// Candles that begin with a trade in this second at this price; `next` is the whole second that comes next.
    pub fn new(second: i64, price: Decimal, next: i64) -> Candles {
        let series = std::array::from_fn(|number| {
            let (interval, zone) = series_of(number);
            // A candle that should have closed by now is not begun any more.
            let boundary = next - 1 - (next - 1).rem_euclid(period(number));
            let (open, end) = span(interval, zone, second.max(boundary - 1));
            Series { open, end, bar: Bar::EMPTY, close: price, is_changed: false }
        });
        Candles { series, recent: Vec::new(), boundary: next - 1 - (next - 1).rem_euclid(2) }
    }

    /// Adds what was traded in the second `bar.summary.start`; whether a candle it belongs to had closed.
    pub fn add(&mut self, bar: &Bar) -> bool {
        let second = bar.summary.start;
        let (mut is_late, mut is_early) = (false, false);
        for series in &mut self.series {
            if second < series.open {
                is_late = true;
            } else if second < series.end {
                series.bar.merge(bar);
                series.is_changed = true;
            } else {
                is_early = true;
            }
        }
        if is_early {
            match self.recent.iter_mut().find(|known| known.summary.start == second) {
                Some(known) => known.merge(bar),
                None => self.recent.push(*bar),
            }
        }
        is_late
    }

    /// Tells what there is to tell at the whole second `now`; all that was traded before it has been added.
    pub fn on_second(&mut self, now: i64, places: Places, wire: &mut Wire) {
        let even = now - now.rem_euclid(2);
        let is_due = even > self.boundary;
        self.boundary = self.boundary.max(even);
        for number in 0..SERIES {
            match period(number) {
                1 => self.series[number].on_boundary(number, now, &self.recent, places, wire),
                _ if is_due => self.series[number].on_boundary(number, even, &self.recent, places, wire),
                _ => {}
            }
        }
        self.recent.retain(|bar| bar.summary.start >= now - SECONDS_REMEMBERED);
    }
}

impl Series {
    fn on_boundary(&mut self, number: usize, now: i64, recent: &[Bar], places: Places, wire: &mut Wire) {
        if due(number, self.end) <= now {
            if channels(number).any(|channel| wire.wants(channel)) {
                while due(number, self.end) <= now {
                    self.send(number, due(number, self.end), true, places, wire);
                    self.begin(number, self.end, recent);
                }
            } else {
                self.skip(number, now, recent);
            }
            // This boundary has had its closing; one that was leapt to may be free.
            if due(number, self.open) == now {
                return;
            }
        }
        if self.is_changed {
            self.is_changed = false;
            self.send(number, now, false, places, wire);
        }
    }

    /// Goes on to the candle that holds `second`, which is the next one.
    fn begin(&mut self, number: usize, second: i64, recent: &[Bar]) {
        if self.bar.summary.trades > 0 {
            self.close = self.bar.summary.close;
        }
        let (interval, zone) = series_of(number);
        (self.open, self.end) = span(interval, zone, second);
        self.bar = Bar::EMPTY;
        let within = |bar: &&Bar| (self.open..self.end).contains(&bar.summary.start);
        recent.iter().filter(within).for_each(|bar| self.bar.merge(bar));
        self.is_changed = self.bar.summary.trades > 0;
    }

    /// Goes on past all closings that are due at `now`, to where telling them would have led: the last second before
    /// a boundary lies in a candle that cannot have closed, and the one in front of that has.
    fn skip(&mut self, number: usize, now: i64, recent: &[Bar]) {
        let (interval, zone) = series_of(number);
        let opening = |second: i64| span(interval, zone, second).0;
        let passed = self.end..opening(now - 1);
        let last = recent
            .iter()
            .filter(|bar| passed.contains(&bar.summary.start))
            .max_by_key(|bar| (opening(bar.summary.start), bar.summary.last_id));
        self.begin(number, now - 1, recent);
        self.close = last.map_or(self.close, |bar| bar.summary.close);
    }

    fn send(&self, number: usize, second: i64, closed: bool, places: Places, wire: &mut Wire) {
        let kline = self.kline(closed, places);
        for channel in channels(number) {
            wire.send(channel, second * NS_PER_SECOND, Kind::Kline(kline), &[]);
        }
    }

    fn kline(&self, closed: bool, places: Places) -> Kline {
        kline((self.open, self.end), &self.bar, self.close, closed, places)
    }
}

/// The candle from the first second of `span` up to, not including, the last; without trades it shows `close`.
pub fn kline((open, end): (i64, i64), bar: &Bar, close: Decimal, closed: bool, places: Places) -> Kline {
    let Bar { mut summary, taker_volume, taker_quote_volume } = *bar;
    if summary.trades == 0 {
        (summary.open, summary.high, summary.low, summary.close) = (close, close, close, close);
    }
    Kline {
        ts_open: open * NS_PER_SECOND,
        ts_close: end * NS_PER_SECOND - 1,
        first_id: summary.first_id,
        last_id: summary.last_id,
        open: summary.open,
        close: summary.close,
        high: summary.high,
        low: summary.low,
        volume: places.volume(summary.volume),
        trades: summary.trades,
        closed,
        quote_volume: places.quote_volume(summary.quote_volume),
        taker_volume: places.volume(taker_volume),
        taker_quote_volume: places.quote_volume(taker_quote_volume),
    }
}

/// The channels a series is told on: one, or two where the zones agree.
fn channels(number: usize) -> impl Iterator<Item = Channel> {
    let (interval, zone) = series_of(number);
    let both = zone == Zone::Utc && !ZONED.contains(&interval);
    [Some(Channel::Kline(interval, zone)), both.then_some(Channel::Kline(interval, Zone::Plus8))].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn midnight(year: i32, month: u8, day: u8) -> i64 {
        i64::from(Date { year, month, day }.to_days()) * DAY
    }

    #[test]
    fn every_second_lies_in_one_candle_of_each_series() {
        for number in 0..SERIES {
            let (interval, zone) = series_of(number);
            for start in [0, midnight(2024, 2, 28) + 57_599, midnight(2025, 12, 31) + 57_600, 1_790_000_000] {
                for second in start..start + 10 {
                    let (open, end) = span(interval, zone, second);
                    assert!((open..end).contains(&second), "{interval:?} {zone:?} {second}");
                    assert_eq!(span(interval, zone, end).0, end);
                    assert_eq!(span(interval, zone, open - 1).1, open);
                    assert!(interval.seconds().is_none_or(|length| end - open == length));
                }
            }
        }
    }

    #[test]
    fn days_weeks_and_months_begin_where_their_zone_says() {
        let noon = midnight(2026, 3, 4) + DAY / 2;
        assert_eq!(span(Interval::D1, Zone::Utc, noon), (midnight(2026, 3, 4), midnight(2026, 3, 5)));
        assert_eq!(span(Interval::D1, Zone::Plus8, noon).0, midnight(2026, 3, 3) + 16 * 3_600);
        // A Wednesday, so its week began on the 2nd.
        assert_eq!(span(Interval::W1, Zone::Utc, noon).0, midnight(2026, 3, 2));
        assert_eq!(span(Interval::W1, Zone::Plus8, noon).0, midnight(2026, 3, 1) + 16 * 3_600);
        assert_eq!(span(Interval::Mo1, Zone::Utc, noon), (midnight(2026, 3, 1), midnight(2026, 4, 1)));
        let new_year = midnight(2026, 1, 1) - 8 * 3_600;
        assert_eq!(span(Interval::Mo1, Zone::Plus8, new_year - 1).1, new_year);
        assert_eq!(span(Interval::D3, Zone::Utc, noon).0 / DAY % 3, 0);
        assert_eq!(span(Interval::H12, Zone::Plus8, noon).0 % (12 * 3_600), 4 * 3_600);
        assert_eq!(span(Interval::H6, Zone::Plus8, noon).0 % (6 * 3_600), 4 * 3_600);
    }

    #[test]
    fn series_that_agree_in_both_zones_are_one() {
        let mut all: Vec<Channel> = (0..SERIES).flat_map(channels).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 32);
        for number in 0..16 {
            let (interval, _) = series_of(number);
            let agree = (0..3_000).all(|n| {
                let second = 1_790_000_000 + n * 7_919;
                span(interval, Zone::Utc, second) == span(interval, Zone::Plus8, second)
            });
            assert_eq!(agree, channels(number).count() == 2, "{interval:?}");
        }
    }

    #[test]
    fn a_candle_closes_on_the_first_boundary_a_second_after_its_end() {
        assert_eq!(due(0, 100), 101);
        assert_eq!(due(1, 120), 122);
        assert_eq!(due(1, 121), 122);
    }
}
