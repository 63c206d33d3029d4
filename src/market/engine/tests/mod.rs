//! The engine, case by case; beside it against naive twins, for whatever may happen.

mod books;
mod growing;
mod random;
mod restating;
mod twin;

use super::*;
use crate::market::channel::{Interval, Levels, Unit, Window, Zone};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Name, Symbol, Venue};
use crate::market::tick::{AggTrade, Best, BookTicker, Depth, Kline, MiniTicker, Taker, Trade};

const MS: i64 = 1_000_000;
/// 2026-09-21 14:13:20.
const BASE: i64 = 1_790_000_000_000 * MS;
/// How far the receive clock stands away from the exchange's.
const SKEW: i64 = 3_456 * MS;

/// An engine with all it has told.
struct Played {
    engine: Engine,
    told: Vec<(Tick, Vec<Level>)>,
    sequence: u64,
}

impl Played {
    fn new(derive: Derive, wanted: impl IntoIterator<Item = Channel>) -> Played {
        let engine = Engine::new(derive);
        wanted.into_iter().for_each(|channel| engine.interest().set_everywhere(channel));
        Played { engine, told: Vec::new(), sequence: 0 }
    }

    fn tick(&mut self, symbol: u32, ts_event: i64, channel: Channel, kind: Kind, levels: &[Level]) {
        self.sequence += 1;
        let (sequence, ts_recv) = (self.sequence, ts_event + SKEW);
        let tick = Tick { sequence, ts_recv, ts_event, symbol: SymbolId(symbol), channel, restated: false, kind };
        let told = &mut self.told;
        self.engine.on_tick(&tick, levels, &mut |tick, levels| told.push((*tick, levels.to_vec())));
    }

    fn announce(&mut self, symbol: u32, venue: Venue) {
        let kind = Kind::Announce(Symbol::new(venue, Name::new("KRW-BTC").unwrap()));
        let tick = Tick { symbol: SymbolId(symbol), kind, ..Tick::default() };
        self.engine.on_tick(&tick, &[], &mut |_, _| {});
    }

    fn trade(&mut self, ts_event: i64, trade: Trade) {
        self.tick(0, ts_event, Channel::Trade, Kind::Trade(trade), &[]);
    }

    /// A clock message at the market's time `now`.
    fn clock(&mut self, now: i64) {
        self.sequence += 1;
        let told = &mut self.told;
        self.engine.on_clock(now + SKEW, self.sequence, &mut |tick, levels| told.push((*tick, levels.to_vec())));
    }

    fn of(&self, channel: Channel) -> impl Iterator<Item = &(Tick, Vec<Level>)> {
        let is_word = |tick: &Tick| matches!(tick.kind, Kind::Second | Kind::Announce(_) | Kind::End);
        self.told.iter().filter(move |(tick, _)| tick.channel == channel && !is_word(tick))
    }
}

fn decimal(mantissa: i64, scale: u8) -> Decimal {
    Decimal::new(mantissa.into(), scale).unwrap()
}

fn trade(id: i64, price: i64, size: i64, ts_trade: i64) -> Trade {
    let taker = if (id * 7 + price) % 3 == 0 { Taker::Buyer } else { Taker::Seller };
    Trade { id, price: decimal(price, 8), size: decimal(size, 8), ts_trade, taker, day: None, best: None }
}

fn level(price: i64, size: i64) -> Level {
    Level { price: decimal(price, 2), size: decimal(size, 3) }
}

fn klines(zone: Zone) -> impl Iterator<Item = Channel> {
    Interval::ALL.into_iter().map(move |interval| Channel::Kline(interval, zone))
}

fn windows() -> impl Iterator<Item = Channel> {
    let rolling = [Channel::Ticker, Channel::MiniTicker, Channel::AvgPrice];
    rolling.into_iter().chain(Window::ALL.map(Channel::WindowTicker))
}

fn candles() -> impl Iterator<Item = Channel> {
    Unit::ALL.into_iter().map(Channel::Candle)
}

fn mini(price: i64) -> MiniTicker {
    let price = decimal(price, 8);
    MiniTicker { close: price, open: price, high: price, low: price, volume: price, quote_volume: price }
}

#[test]
fn what_is_timed_comes_before_the_tick_that_reached_it_and_the_second_is_announced_last() {
    let mut played = Played::new(Derive::Always, [Channel::MiniTicker, Channel::AggTrade]);
    played.trade(BASE + 10 * MS, trade(1, 100, 5, BASE));
    played.trade(BASE + 1_020 * MS, trade(2, 100, 5, BASE + 1_010 * MS));
    let told: Vec<(Channel, u64)> = played.told.iter().map(|(tick, _)| (tick.channel, tick.sequence)).collect();
    // The group of the first trade had been complete for long; the second has no channel of its own.
    let expected = [
        (Channel::Trade, 1),
        (Channel::MiniTicker, 2),
        (Channel::AggTrade, 2),
        (Channel::Trade, 2),
        (Channel::Trade, 2),
    ];
    assert_eq!(told, expected);
    assert!(matches!(played.told[3].0.kind, Kind::Second));
    assert_eq!(played.told[3].0.ts_event, BASE + 1_000 * MS);
    assert_eq!(played.engine.counts().ticks_derived, 2);
}

#[test]
fn a_candle_is_told_every_two_seconds_and_closed_two_seconds_after_its_end() {
    let minute = Channel::Kline(Interval::M1, Zone::Utc);
    let mut played = Played::new(Derive::Always, [minute, Channel::Kline(Interval::S1, Zone::Plus8)]);
    // 14:13:55; a trade in every second up to 14:14:04, then none.
    let begin = BASE / NS_PER_SECOND + 35;
    for tenth in 0..1_500 {
        let now = begin * NS_PER_SECOND + tenth * 100 * MS;
        match (tenth % 10, tenth / 10) {
            (5, 0..10) => played.trade(now, trade(tenth, 100, 5, now)),
            _ => played.clock(now),
        }
    }
    let told = |channel| {
        let describe = move |(tick, _): &(Tick, Vec<Level>)| {
            let Kind::Kline(kline) = &tick.kind else { panic!("{tick:?}") };
            let after = |ns: i64| ns / NS_PER_SECOND - begin;
            (after(tick.ts_event), after(kline.ts_open), kline.trades, kline.closed)
        };
        played.of(channel).map(describe).collect::<Vec<_>>()
    };
    let minutes = [
        (1, -55, 1, false),
        (3, -55, 3, false),
        (5, -55, 5, false),
        (7, -55, 5, true),
        (9, 5, 4, false),
        (11, 5, 5, false),
        (67, 5, 5, true),
        (127, 65, 0, true),
    ];
    assert_eq!(told(minute), minutes);
    let seconds = told(Channel::Kline(Interval::S1, Zone::Plus8));
    assert_eq!(seconds[..3], [(1, 0, 1, false), (2, 0, 1, true), (3, 1, 1, true)]);
    assert_eq!(seconds[10..13], [(11, 9, 1, true), (12, 10, 0, true), (13, 11, 0, true)]);
}

#[test]
fn a_gap_in_the_changes_stays_a_gap_when_they_are_taken_together() {
    let slow = Channel::Depth(Pace::Ms1000);
    let mut played = Played::new(Derive::Always, [slow]);
    for (ms, first_id, last_id) in [(0, 5, 6), (100, 7, 9), (200, 12, 13), (300, 14, 14)] {
        let depth = Depth { first_id, last_id, bids: 1 };
        played.tick(0, BASE + ms * MS, Channel::Depth(Pace::Ms100), Kind::Depth(depth), &[level(ms, 1)]);
    }
    played.clock(BASE + 1_000 * MS);
    let told: Vec<(i64, i64, i64, usize)> = played
        .of(slow)
        .map(|(tick, levels)| match &tick.kind {
            Kind::Depth(depth) => ((tick.ts_event - BASE) / MS, depth.first_id, depth.last_id, levels.len()),
            _ => panic!("{tick:?}"),
        })
        .collect();
    assert_eq!(told, [(200, 5, 9, 2), (1_000, 12, 14, 2)]);
}

#[test]
fn native_streams_win_unless_told_otherwise() {
    let count = |derive, native_from: i64| {
        let mut played = Played::new(derive, [Channel::MiniTicker]);
        for n in 0..20 {
            if n >= native_from {
                played.tick(0, BASE + n * 500 * MS, Channel::MiniTicker, Kind::MiniTicker(mini(7)), &[]);
            }
            played.trade(BASE + n * 500 * MS, trade(n, 100, 5, BASE + n * 500 * MS));
        }
        let is_native = |kind: &Kind| matches!(kind, Kind::MiniTicker(mini) if mini.open == decimal(7, 8));
        let native = played.of(Channel::MiniTicker).filter(|(tick, _)| is_native(&tick.kind)).count();
        (native, played.of(Channel::MiniTicker).count() - native)
    };
    assert_eq!(count(Derive::Auto, 0), (20, 0));
    // Nine whole seconds are reached; those within three seconds of the first trade wait for a native stream.
    assert_eq!(count(Derive::Auto, 99), (0, 7));
    // The native stream that comes with the fifth second comes after what is told for it.
    assert_eq!(count(Derive::Auto, 10), (10, 3));
    assert_eq!(count(Derive::Always, 1), (0, 9));
    assert_eq!(count(Derive::Always, 0), (1, 9));
    assert_eq!(count(Derive::Never, 99), (0, 0));
}

#[test]
fn aggregate_trades_stand_in_where_there_are_no_others() {
    let mut played = Played::new(Derive::Always, [Channel::Kline(Interval::S1, Zone::Utc)]);
    let agg = |id, first_id, last_id| AggTrade {
        id,
        price: decimal(100, 8),
        size: decimal(5, 8),
        first_id,
        last_id,
        ts_trade: BASE,
        taker: Taker::Buyer,
    };
    played.tick(0, BASE, Channel::AggTrade, Kind::AggTrade(agg(1, 10, 14)), &[]);
    played.tick(0, BASE, Channel::AggTrade, Kind::AggTrade(agg(1, 10, 14)), &[]);
    // Single trades take over; those that were in an aggregate one are not counted again.
    for id in 13..17 {
        played.trade(BASE, trade(id, 100, 5, BASE));
    }
    played.tick(0, BASE, Channel::AggTrade, Kind::AggTrade(agg(2, 15, 16)), &[]);
    played.clock(BASE + 2_000 * MS);
    let (tick, _) = played.of(Channel::Kline(Interval::S1, Zone::Utc)).last().unwrap();
    let Kind::Kline(kline) = &tick.kind else { panic!("{tick:?}") };
    assert_eq!((kline.first_id, kline.last_id, kline.trades, kline.closed), (10, 16, 7, true));
    assert_eq!(kline.volume, decimal(15, 8));
    let counts = played.engine.counts();
    assert_eq!((counts.trades_added, counts.trades_repeated), (7, 3));
    // The aggregate trade that came after single ones was dropped: Always derives them.
    assert_eq!((counts.natives_dropped, played.of(Channel::AggTrade).count()), (1, 2));
}

#[test]
fn years_of_silence_cost_nothing_where_nobody_listens() {
    let mut played = Played::new(Derive::Always, []);
    for symbol in 0..50 {
        played.tick(symbol, BASE, Channel::Trade, Kind::Trade(trade(1, 100, 5, BASE)), &[]);
    }
    for year in 1..100 {
        played.clock(BASE + year * 31_556_952 * NS_PER_SECOND);
    }
    assert_eq!(played.told.len(), 50 + 99);
    // Somebody comes and finds the present candle.
    played
        .engine
        .interest()
        .set(crate::market::channel::Stream { symbol: SymbolId(3), channel: Channel::Kline(Interval::S1, Zone::Utc) });
    let now = BASE + 99 * 31_556_952 * NS_PER_SECOND;
    played.clock(now + 5_000 * MS);
    let opened: Vec<i64> =
        played.of(Channel::Kline(Interval::S1, Zone::Utc)).map(|(t, _)| (t.ts_event - now) / NS_PER_SECOND).collect();
    assert_eq!(opened, [1, 2, 3, 4, 5]);
}

#[test]
fn what_cannot_be_believed_or_summed_is_counted_and_passed_on() {
    let mut played = Played::new(Derive::Always, windows());
    played.trade(BASE, trade(1, 100, 5, BASE));
    played.trade(BASE, trade(2, 0, 5, BASE));
    played.trade(BASE, Trade { ts_trade: i64::MAX, ..trade(3, 100, 5, BASE) });
    played.tick(0, i64::MAX - SKEW, Channel::Trade, Kind::Trade(trade(4, 100, 5, BASE)), &[]);
    let counts = played.engine.counts();
    assert_eq!((counts.trades_added, counts.trades_refused, counts.times_refused), (1, 3, 2));
    assert_eq!(played.told.len(), 4);
}

#[test]
fn trades_without_a_promised_order_count_once_each_and_take_their_place() {
    let seconds = Channel::Kline(Interval::S1, Zone::Utc);
    let mut played = Played::new(Derive::Auto, [seconds, Channel::AggTrade]);
    played.announce(0, Venue::Upbit);
    for (id, price) in [(10, 100), (12, 300), (11, 200), (12, 300), (10, 100)] {
        played.trade(BASE, trade(id, price, 5, BASE));
    }
    played.clock(BASE + 2_000 * MS);
    let counts = played.engine.counts();
    assert_eq!((counts.trades_added, counts.trades_repeated), (3, 2));
    let (tick, _) = played.of(seconds).last().unwrap();
    let Kind::Kline(kline) = &tick.kind else { panic!("{tick:?}") };
    assert_eq!((kline.first_id, kline.last_id, kline.trades), (10, 12, 3));
    assert_eq!((kline.open, kline.close), (decimal(100, 8), decimal(300, 8)));
    assert_eq!(played.of(Channel::AggTrade).count(), 3);
}

#[test]
fn a_trade_is_completed_with_what_its_feed_does_not_say() {
    let play = |derive| {
        let mut played = Played::new(derive, []);
        let best = Best { bid: level(10, 1), ask: level(11, 1) };
        let kind = Kind::BookTicker(BookTicker { update_id: 1, best });
        played.trade(BASE, trade(1, 100, 5, BASE));
        played.tick(0, BASE, Channel::BookTicker, kind, &[]);
        played.trade(BASE, trade(2, 90, 5, BASE));
        // The next UTC day.
        played.trade(BASE + 86_400_000 * MS, trade(3, 95, 5, BASE + 86_400_000 * MS));
        let trades = played.of(Channel::Trade).map(|(tick, _)| match tick.kind {
            Kind::Trade(trade) => (trade.day.map(|day| (day.previous_close, day.direction, day.amount)), trade.best),
            _ => panic!("{tick:?}"),
        });
        trades.collect::<Vec<_>>()
    };
    use crate::market::tick::Direction::{Even, Fall, Rise};
    let told = play(Derive::Auto);
    let days: Vec<_> = told.iter().map(|(day, _)| day.unwrap()).collect();
    let number = |n| decimal(n, 8);
    assert_eq!(days, [(number(100), Even, number(0)), (number(100), Fall, number(10)), (number(90), Rise, number(5))]);
    assert_eq!(
        told.iter().map(|(_, best)| best.map(|best| best.ask)).collect::<Vec<_>>()[..2],
        [None, Some(level(11, 1))]
    );
    assert!(play(Derive::Never).iter().all(|(day, best)| day.is_none() && best.is_none()));
}

#[test]
fn tickers_carry_the_best_levels_and_are_told_when_these_change() {
    let mut played = Played::new(Derive::Auto, [Channel::Ticker]);
    let best = |bid, ask| Best { bid: level(bid, 1), ask: level(ask, 1) };
    let quote = |played: &mut Played, ms: i64, best: Best| {
        let kind = Kind::BookTicker(BookTicker { update_id: ms, best });
        played.tick(0, BASE + ms * MS, Channel::BookTicker, kind, &[]);
    };
    played.trade(BASE, trade(1, 100, 5, BASE));
    quote(&mut played, 2_000, best(10, 11));
    played.clock(BASE + 3_000 * MS);
    quote(&mut played, 3_500, best(10, 11));
    played.clock(BASE + 4_000 * MS);
    quote(&mut played, 4_500, best(10, 12));
    played.clock(BASE + 5_000 * MS);
    let asks: Vec<(i64, Decimal)> = played
        .of(Channel::Ticker)
        .map(|(tick, _)| match &tick.kind {
            Kind::Ticker(ticker) => ((tick.ts_event - BASE) / NS_PER_SECOND, ticker.best.ask.price),
            _ => panic!("{tick:?}"),
        })
        .collect();
    assert_eq!(asks, [(3, decimal(11, 2)), (5, decimal(12, 2))]);
}
