//! Real recordings of one venue as the streams of the other, against naive recomputation.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::engine::{self, Origin};
use crate::support::recordings;
use tapecast::feed::source::Source;
use tapecast::market::book::Book;
use tapecast::market::channel::{Channel, Levels, Pace, Unit};
use tapecast::market::civil::NS_PER_SECOND;
use tapecast::market::decimal::Decimal;
use tapecast::market::engine::{Derive, Engine};
use tapecast::market::symbol::SymbolId;
use tapecast::market::tick::{AggTrade, Candle, DayTicker, Direction, Kind, Level, Taker, Tick, Trade};

/// Plays a recording; `seen` gets all that is published, in its order.
fn play(path: &Path, wanted: &[Channel], mut seen: impl FnMut(&Tick, &[Level])) -> Engine {
    let source = Source::file(path);
    let (engine, _) = engine::play(source, Derive::Auto, wanted, |origin, tick, levels| {
        if origin == Origin::Engine {
            seen(tick, levels);
        }
    });
    engine
}

fn add(a: Decimal, b: Decimal) -> Decimal {
    a.checked_add(b).expect("in range")
}

/// Both sides of a window, bids first, without what fills it up.
fn sides(levels: &[Level]) -> [Vec<Level>; 2] {
    let side = |first: usize| levels.iter().skip(first).step_by(2).copied().filter(|l| !l.size.is_zero()).collect();
    [side(1), side(0)]
}

#[derive(Default)]
struct Upbit {
    trades: Vec<Trade>,
    agg_trades: Vec<AggTrade>,
    window: [Vec<Level>; 2],
    fast: Option<Book>,
    slow: Option<Book>,
    best: Option<(Level, Level)>,
    due: Option<(Level, Level)>,
    partials: usize,
    tickers: usize,
}

#[test]
fn a_recording_of_upbit_is_aggregate_trades_book_tickers_and_depth() {
    let Some(folder) = recordings() else { return };
    let mut wanted = vec![Channel::AggTrade, Channel::BookTicker];
    wanted.extend([Pace::Ms100, Pace::Ms1000].map(Channel::Depth));
    wanted.extend(Levels::ALL.map(|levels| Channel::PartialDepth(levels, Pace::Ms100)));
    let mut symbols: BTreeMap<SymbolId, Upbit> = BTreeMap::new();
    let mut windows = 0;
    let engine = play(&folder.join("upbit-20210405-10mkt.jsonl.zst"), &wanted, |tick, levels| {
        let own = symbols.entry(tick.symbol).or_default();
        match (&tick.kind, tick.channel) {
            (Kind::Trade(trade), _) => own.trades.push(*trade),
            (Kind::AggTrade(trade), _) => own.agg_trades.push(*trade),
            (Kind::Orderbook(_), _) => {
                // What followed from the window before must have been told by now.
                assert_eq!(own.best, own.due);
                own.window = sides(levels);
                own.due = own.window[0].first().copied().zip(own.window[1].first().copied());
                let first = || Some(Book::from_snapshot(1, &own.window[0], &own.window[1]));
                own.fast = own.fast.take().or_else(first);
                own.slow = own.slow.take().or_else(first);
                windows += 1;
            }
            (Kind::Depth(depth), Channel::Depth(pace)) => {
                let book = if pace == Pace::Ms100 { &mut own.fast } else { &mut own.slow };
                let book = book.as_mut().expect("the first window comes before the first change");
                assert_eq!(depth.first_id, book.last_update_id() + 1);
                let (bids, asks) = levels.split_at(depth.bids as usize);
                book.apply(depth.first_id, depth.last_id, bids, asks);
                if pace == Pace::Ms100 {
                    assert!(book.bids().eq(own.window[0].iter().copied()));
                    assert!(book.asks().eq(own.window[1].iter().copied()));
                }
            }
            (Kind::PartialDepth(partial), Channel::PartialDepth(count, _)) => {
                let (bids, asks) = levels.split_at(partial.bids as usize);
                let best = |side: &Vec<Level>| side.iter().copied().take(count.count()).collect::<Vec<_>>();
                assert_eq!((bids, asks), (&best(&own.window[0])[..], &best(&own.window[1])[..]));
                assert_eq!(partial.last_update_id, own.fast.as_ref().unwrap().last_update_id());
                own.partials += 1;
            }
            (Kind::BookTicker(ticker), _) => {
                own.best = Some((ticker.best.bid, ticker.best.ask));
                assert_eq!(own.best, own.due);
                own.tickers += 1;
            }
            _ => {}
        }
    });
    assert_eq!(windows, 1_061);
    let counts = engine.counts();
    assert_eq!((counts.trades_added, counts.trades_repeated, counts.trades_refused), (672, 0, 0), "{counts:?}");
    assert_eq!(symbols.values().map(|own| own.trades.len()).sum::<usize>(), 672);
    for (symbol, own) in &symbols {
        let (fast, slow) = (own.fast.as_ref().unwrap(), own.slow.as_ref().unwrap());
        assert_eq!(fast.last_update_id(), engine.book(*symbol).unwrap().last_update_id());
        assert!(fast.last_update_id() == slow.last_update_id() && fast.bids().eq(slow.bids()));
        assert!(own.partials > 0 && own.tickers > 0);
        // Every trade in one aggregate trade, in the order of both.
        let mut rest = &own.trades[..];
        for (n, group) in own.agg_trades.iter().enumerate() {
            let count = rest.iter().position(|trade| trade.id == group.last_id).expect("its last trade") + 1;
            let (inside, others) = rest.split_at(count);
            assert_eq!((group.id, group.first_id), (n as i64 + 1, inside[0].id));
            assert_eq!(inside.iter().fold(Decimal::ZERO, |sum, trade| add(sum, trade.size)), group.size);
            let is_same = |t: &Trade| (t.price, t.taker, t.ts_trade) == (group.price, group.taker, group.ts_trade);
            assert!(inside.iter().all(is_same));
            rest = others;
        }
        assert!(rest.is_empty());
    }
}

/// The sums of a stretch of trades.
#[derive(Clone, Debug)]
struct Sums {
    open: Decimal,
    high: Decimal,
    low: Decimal,
    close: Decimal,
    volume: Decimal,
    bought: Decimal,
    turnover: Decimal,
    ts_last: i64,
}

fn include(sums: &mut Option<Sums>, trade: &Trade) {
    let (price, zero) = (trade.price, Decimal::ZERO);
    let new = Sums {
        open: price,
        high: price,
        low: price,
        close: price,
        volume: zero,
        bought: zero,
        turnover: zero,
        ts_last: 0,
    };
    let sums = sums.get_or_insert(new);
    (sums.high, sums.low, sums.close) = (sums.high.max(price), sums.low.min(price), price);
    sums.volume = add(sums.volume, trade.size);
    sums.turnover = add(sums.turnover, price.checked_mul(trade.size).expect("in range"));
    if trade.taker == Taker::Buyer {
        sums.bought = add(sums.bought, trade.size);
    }
    sums.ts_last = sums.ts_last.max(trade.ts_trade);
}

#[derive(Default)]
struct Binance {
    days: BTreeMap<i64, Option<Sums>>,
    all: Option<Sums>,
    candles: BTreeMap<(Unit, i64), Option<Sums>>,
    told: BTreeMap<(Unit, i64), (Candle, i64)>,
    last: Option<Trade>,
    tickers: u64,
}

impl Binance {
    fn on_trade(&mut self, trade: &Trade) {
        let second = trade.ts_trade / NS_PER_SECOND;
        include(self.days.entry(second / 86_400).or_default(), trade);
        include(&mut self.all, trade);
        for unit in Unit::ALL {
            include(self.candles.entry((unit, second / unit.seconds() * unit.seconds())).or_default(), trade);
        }
        self.last = Some(*trade);
    }

    fn check(&mut self, ticker: &DayTicker) {
        self.tickers += 1;
        let (last, all) = (self.last.unwrap(), self.all.as_ref().unwrap());
        let mut days = self.days.values().rev().flatten();
        let (today, yesterday) = (days.next().unwrap(), days.next());
        let previous = yesterday.map_or(all.open, |day| day.close);
        assert_eq!([ticker.open, ticker.high, ticker.low], [today.open, today.high, today.low]);
        assert!(ticker.last.price.same_spelling(last.price) && ticker.last.size.same_spelling(last.size));
        assert_eq!((ticker.volume, ticker.turnover), (today.volume, today.turnover));
        assert_eq!((ticker.bid_volume, add(ticker.ask_volume, ticker.bid_volume)), (today.bought, today.volume));
        // The recording is shorter than a day.
        assert_eq!((ticker.volume_24h, ticker.turnover_24h), (all.volume, all.turnover));
        assert_eq!((ticker.highest_52w.price, ticker.lowest_52w.price), (all.high, all.low));
        assert_eq!(ticker.day.previous_close, previous);
        assert_eq!(ticker.signed_change, last.price.checked_sub(previous).unwrap());
        let direction = match ticker.signed_change.mantissa().signum() {
            0 => Direction::Even,
            1 => Direction::Rise,
            _ => Direction::Fall,
        };
        assert_eq!(ticker.day.direction, direction);
    }
}

#[test]
fn a_recording_of_binance_is_a_days_ticker_and_candles_that_grow() {
    let Some(folder) = recordings() else { return };
    let wanted: Vec<Channel> = Unit::ALL.map(Channel::Candle).into_iter().chain([Channel::DayTicker]).collect();
    let mut symbols: BTreeMap<SymbolId, Binance> = BTreeMap::new();
    let engine = play(&folder.join("binance-spot-20240808-btc-eth.jsonl.zst"), &wanted, |tick, _| {
        if tick.restated {
            return;
        }
        let own = symbols.entry(tick.symbol).or_default();
        match (&tick.kind, tick.channel) {
            (Kind::Trade(trade), _) => own.on_trade(trade),
            (Kind::DayTicker(ticker), _) => own.check(ticker),
            (Kind::Candle(candle), Channel::Candle(unit)) => {
                assert_eq!(candle.ts_open % (unit.seconds() * NS_PER_SECOND), 0);
                own.told.insert((unit, candle.ts_open / NS_PER_SECOND), (*candle, tick.ts_event));
            }
            _ => {}
        }
    });
    let counts = engine.counts();
    assert_eq!((counts.passed_trades, counts.trades_repeated, counts.trades_refused), (0, 0, 0), "{counts:?}");
    let mut compared = 0;
    let traded: Vec<&Binance> = symbols.values().filter(|own| own.last.is_some()).collect();
    assert_eq!(traded.len(), 2);
    for own in &traded {
        assert!(own.told.keys().eq(own.candles.keys()));
        for (key, sums) in &own.candles {
            let (sums, (candle, ts_event)) = (sums.as_ref().unwrap(), &own.told[key]);
            assert_eq!(
                [candle.open, candle.high, candle.low, candle.close],
                [sums.open, sums.high, sums.low, sums.close]
            );
            assert_eq!(
                (candle.volume, candle.turnover, *ts_event),
                (sums.volume, sums.turnover, sums.ts_last),
                "{key:?}"
            );
            compared += 1;
        }
    }
    assert_eq!(traded.iter().map(|own| own.tickers).sum::<u64>(), counts.trades_added);
    assert!(compared > 500, "{compared}");
}
