//! Upbit's ticker and candles against naive twins.

use super::*;
use crate::market::tick::{Candle, DayTicker, Direction};
use proptest::prelude::*;

/// So much later (in milliseconds), a trade of this id's neighbourhood at this price, executed so long before its event.
type Step = (i64, Option<(i64, i64, i64, i64)>);

fn steps(longest_ms: &'static [i64], count: usize) -> impl Strategy<Value = Vec<Step>> {
    let later = proptest::sample::select(longest_ms).prop_flat_map(|longest| 0..longest);
    let before = prop_oneof![0_i64..3, 0_i64..300, 0_i64..4_000];
    let trade = proptest::option::weighted(0.8, (0_i64..40, 900_i64..1_100, 1_i64..1_000, before));
    proptest::collection::vec((later, trade), 1..count)
}

fn sum(numbers: impl Iterator<Item = Decimal>) -> Decimal {
    numbers.fold(Decimal::ZERO, |sum, number| sum.checked_add(number).unwrap())
}

fn turnover<'a>(trades: impl Iterator<Item = &'a Trade>) -> Decimal {
    sum(trades.map(|trade| trade.price.checked_mul(trade.size).unwrap()))
}

fn day(trade: &Trade) -> i64 {
    trade.ts_trade / (86_400 * NS_PER_SECOND)
}

fn second(trade: &Trade) -> i64 {
    trade.ts_trade / NS_PER_SECOND
}

/// Checks a ticker against all trades so far.
fn check_day(told: &DayTicker, all: &[Trade], now: i64) {
    let today = all.iter().map(day).max().unwrap();
    let last = all.iter().max_by_key(|trade| trade.id).unwrap();
    let own: Vec<Trade> = all.iter().filter(|trade| day(trade) == today).copied().collect();
    let before = all.iter().filter(|trade| day(trade) < today).max_by_key(|trade| (day(trade), trade.id));
    let by_id = |trade: &&Trade| trade.id;
    let prices = || own.iter().map(|trade| trade.price);
    assert_eq!(told.open, own.iter().min_by_key(by_id).unwrap().price);
    assert_eq!((told.high, told.low), (prices().max().unwrap(), prices().min().unwrap()));
    assert!(told.last.price.same_spelling(last.price) && told.last.size.same_spelling(last.size));
    assert_eq!((told.ts_trade, told.taker), (last.ts_trade, last.taker));
    let taken_by = |taker| sum(own.iter().filter(|trade| trade.taker == taker).map(|trade| trade.size));
    assert_eq!((told.ask_volume, told.bid_volume), (taken_by(Taker::Seller), taken_by(Taker::Buyer)));
    assert_eq!(told.volume, told.ask_volume.checked_add(told.bid_volume).unwrap());
    assert_eq!(told.turnover, turnover(own.iter()));
    let rolling: Vec<Trade> =
        all.iter().filter(|trade| second(trade) > now / NS_PER_SECOND - 86_400).copied().collect();
    assert_eq!(told.volume_24h, sum(rolling.iter().map(|trade| trade.size)));
    assert_eq!(told.turnover_24h, turnover(rolling.iter()));
    // The change and its rates.
    let previous = before.map_or(all[0].price, |trade| trade.price);
    assert_eq!(told.day.previous_close, previous);
    assert_eq!(told.signed_change, last.price.checked_sub(previous).unwrap());
    let (direction, sign) = match told.signed_change.mantissa() {
        0 => (Direction::Even, 1),
        more if more > 0 => (Direction::Rise, 1),
        _ => (Direction::Fall, -1),
    };
    assert_eq!(told.day.direction, direction);
    assert_eq!(told.day.amount.mantissa(), sign * told.signed_change.mantissa());
    assert_eq!(told.change_rate.mantissa(), sign * told.signed_change_rate.mantissa());
    assert_eq!((told.change_rate.scale(), told.signed_change_rate.scale()), (10, 10));
    // Within half a unit of the tenth place.
    let product = told.change_rate.checked_mul(previous).unwrap();
    let distance = product.checked_sub(told.day.amount).unwrap();
    assert!(distance.mantissa().abs() * 2 <= previous.mantissa() * 10_i128.pow(distance.scale() as u32 - 18));
    let records = all.iter().map(|trade| trade.price);
    assert_eq!(
        (told.highest_52w.price, told.lowest_52w.price),
        (records.clone().max().unwrap(), records.min().unwrap())
    );
    let first_at = |price| i64::from(all.iter().find(|trade| trade.price == price).map(day).unwrap() as i32);
    assert_eq!(i64::from(told.highest_52w.day), first_at(told.highest_52w.price));
    assert_eq!(i64::from(told.lowest_52w.day), first_at(told.lowest_52w.price));
}

/// The candles of a unit as a list of trades has them.
struct Twin {
    unit: Unit,
    newest: i64,
    /// Trades in their candles.
    taken: Vec<(i64, Trade)>,
    /// Candles that have changed and were not told, at most two.
    untold: Vec<i64>,
}

impl Twin {
    /// The trades that have come since the whole second before, and what is told at this one.
    fn on_second(&mut self, fresh: &[Trade]) -> Option<(Candle, i64)> {
        let mut fresh = fresh.to_vec();
        fresh.sort_by_key(second);
        for trade in fresh {
            let open = second(&trade).div_euclid(self.unit.seconds()) * self.unit.seconds();
            if open < self.newest {
                continue;
            }
            self.newest = open;
            self.taken.push((open, trade));
            if !self.untold.contains(&open) {
                self.untold.push(open);
            }
            // The newest and the one before.
            if self.untold.len() > 2 {
                self.untold.remove(0);
            }
        }
        (!self.untold.is_empty()).then(|| self.untold.remove(0)).map(|open| self.candle(open))
    }

    fn candle(&self, open: i64) -> (Candle, i64) {
        let own: Vec<Trade> = self.taken.iter().filter(|(at, _)| *at == open).map(|(_, trade)| *trade).collect();
        let by_id = |trade: &&Trade| trade.id;
        let prices = || own.iter().map(|trade| trade.price);
        let candle = Candle {
            ts_open: open * NS_PER_SECOND,
            open: own.iter().min_by_key(by_id).unwrap().price,
            high: prices().max().unwrap(),
            low: prices().min().unwrap(),
            close: own.iter().max_by_key(by_id).unwrap().price,
            volume: sum(own.iter().map(|trade| trade.size)),
            turnover: turnover(own.iter()),
        };
        (candle, own.iter().map(|trade| trade.ts_trade).max().unwrap())
    }
}

fn check(steps: &[Step], venue: Venue) {
    let mut played = Played::new(Derive::Always, candles().chain([Channel::DayTicker]));
    played.announce(0, venue);
    let twin = |unit| Twin { unit, newest: i64::MIN, taken: Vec::new(), untold: Vec::new() };
    let mut twins = Unit::ALL.map(twin);
    let (mut all, mut fresh, mut now, mut id) = (Vec::<Trade>::new(), Vec::new(), BASE, 1_000);
    played.tick(9, now, Channel::Ticker, Kind::MiniTicker(mini(1)), &[]);
    for &(later_ms, new) in steps {
        now += later_ms * MS;
        let told = played.told.len();
        let mut added = None;
        match new {
            None => played.clock(now),
            Some((back, price, size, before_ms)) => {
                id += 41;
                let id = if venue == Venue::Upbit { id - 3 * back } else { id };
                let trade = trade(id, price, size, now - before_ms * MS);
                played.trade(now, trade);
                added = Some(trade).filter(|trade| all.iter().all(|known| known.id != trade.id));
            }
        }
        all.extend(added);
        let told: Vec<Tick> = played.told[told..].iter().map(|(tick, _)| *tick).filter(|tick| !tick.restated).collect();
        if told.iter().any(|tick| matches!(tick.kind, Kind::Second)) {
            for twin in &mut twins {
                let expected = twin.on_second(&fresh).map(|told| format!("{told:?}"));
                let found = told.iter().find_map(|tick| match (&tick.kind, tick.channel) {
                    (Kind::Candle(candle), Channel::Candle(unit)) if unit == twin.unit => {
                        Some(format!("{:?}", (*candle, tick.ts_event)))
                    }
                    _ => None,
                });
                assert_eq!(found, expected, "{:?}", twin.unit);
            }
            fresh.clear();
        }
        let of_units = told.iter().filter(|tick| matches!(tick.kind, Kind::Candle(_))).count();
        assert!(of_units <= Unit::ALL.len());
        fresh.extend(added);
        let days: Vec<&Tick> = told.iter().filter(|tick| matches!(tick.kind, Kind::DayTicker(_))).collect();
        assert_eq!(days.len(), usize::from(added.is_some()));
        for tick in days {
            let Kind::DayTicker(ticker) = &tick.kind else { continue };
            assert_eq!(tick.ts_event, now);
            check_day(ticker, &all, now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn tickers_and_candles_are_what_the_list_of_trades_says(steps in steps(&[30, 300, 2_000, 9_000], 300)) {
        check(&steps, Venue::Binance);
    }

    #[test]
    fn so_they_are_over_days_and_where_ids_are_in_no_order(
        steps in steps(&[1_500, 20_000, 600_000, 4_000_000, 30_000_000], 150),
    ) {
        check(&steps, Venue::Upbit);
    }
}

#[test]
fn yesterdays_close_is_what_a_feed_says_where_it_does() {
    let mut played = Played::new(Derive::Always, [Channel::DayTicker]);
    played.trade(BASE, trade(1, 100, 5, BASE));
    let day = crate::market::trading::day::change(decimal(120, 8), decimal(80, 8));
    played.trade(BASE, Trade { day: Some(day), ..trade(2, 120, 5, BASE) });
    played.trade(BASE, trade(3, 80, 5, BASE));
    let told: Vec<(Decimal, String)> = played
        .of(Channel::DayTicker)
        .map(|(tick, _)| match &tick.kind {
            Kind::DayTicker(ticker) => (ticker.day.previous_close, ticker.signed_change_rate.to_string()),
            _ => panic!("{tick:?}"),
        })
        .collect();
    let rates = ["0.0000000000", "0.5000000000", "0.0000000000"].map(String::from);
    let closes = [100, 80, 80].map(|price| decimal(price, 8));
    assert_eq!(told, closes.into_iter().zip(rates).collect::<Vec<_>>());
}

#[test]
fn a_day_ends_with_its_last_trade_and_a_window_after_so_many_seconds() {
    const DAY: i64 = 86_400 * NS_PER_SECOND;
    let midnight = BASE / DAY * DAY + DAY;
    let mut played = Played::new(Derive::Always, [Channel::DayTicker]);
    let mut last = |ms: i64, id: i64, price: i64, before_ms: i64| {
        let now = midnight + ms * MS;
        played.trade(now, trade(id, price, 5, now - before_ms * MS));
        let (tick, _) = played.of(Channel::DayTicker).last().unwrap();
        let Kind::DayTicker(ticker) = tick.kind else { panic!("{tick:?}") };
        (ticker.open, ticker.day.previous_close, ticker.volume, ticker.volume_24h)
    };
    let (price, size) = (|n: i64| decimal(n, 8), |n: i64| decimal(5 * n, 8));
    assert_eq!(last(-500, 1, 100, 0), (price(100), price(100), size(1), size(1)));
    // Not before the first trade of the new day, and then not without those that come late.
    assert_eq!(last(10, 2, 110, 20), (price(100), price(100), size(2), size(2)));
    assert_eq!(last(20, 4, 120, 0), (price(120), price(110), size(1), size(3)));
    assert_eq!(last(30, 5, 130, 40), (price(120), price(130), size(1), size(4)));
    assert_eq!(played.engine.counts().passed_trades, 0);
    played.clock(midnight + 1_000 * MS);
    assert_eq!(played.engine.counts().passed_trades, 1);
    // The second before midnight is in the window up to the last second of the day, and no longer.
    let mut volume = |ms: i64, id: i64| {
        played.trade(midnight + ms * MS, trade(id, 100, 5, midnight + ms * MS));
        match played.of(Channel::DayTicker).last().unwrap().0.kind {
            Kind::DayTicker(ticker) => ticker.volume_24h,
            _ => panic!(),
        }
    };
    assert_eq!(volume(86_398_999, 6), size(5));
    assert_eq!(volume(86_399_000, 7), size(3));
    assert_eq!(volume(86_400_000, 8), size(3));
}
