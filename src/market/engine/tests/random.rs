//! Markets in which anything may happen, compared with the twins.

use std::collections::BTreeMap;

use super::twin::{Seen, check_candles, check_changes, check_rolling};
use super::*;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// What happens next in a market: so much later (in milliseconds), a trade at this price that was executed some time
/// before its event, or silence.
#[derive(Clone, Debug)]
struct Step {
    later_ms: i64,
    trade: Option<(i64, i64, i64)>,
}

fn steps(longest_ms: &'static [i64], count: usize) -> impl Strategy<Value = Vec<Step>> {
    let later = proptest::sample::select(longest_ms).prop_flat_map(|longest| 0..longest);
    let trade = proptest::option::weighted(0.7, (900_i64..1_100, 1_i64..1_000, prop_oneof![0_i64..3, 0_i64..4_000]));
    proptest::collection::vec((later, trade).prop_map(|(later_ms, trade)| Step { later_ms, trade }), 1..count)
}

/// Plays steps; the trades with the clock's second after each, and checks each rolling window as it is told.
fn play(played: &mut Played, steps: &[Step]) -> Vec<Seen> {
    let (mut now, mut seen) = (BASE, Vec::<Seen>::new());
    let (mut trades, mut windows_told) = (Vec::new(), BTreeMap::new());
    let wants_all = windows().all(|channel| played.engine.interest().of(SymbolId(0)) & channel.bit() != 0);
    played.tick(9, now, Channel::DayTicker, Kind::MiniTicker(mini(1)), &[]);
    for step in steps {
        now += step.later_ms * MS;
        let told = played.told.len();
        let mut new = None;
        match step.trade {
            None => played.clock(now),
            Some((price, size, before_ms)) => {
                let trade = trade(100 + seen.len() as i64, price, size, now - before_ms * MS);
                played.trade(now, trade);
                new = Some(trade);
            }
        }
        for (tick, _) in &played.told[told..] {
            let is_rolling = matches!(tick.channel, Channel::Ticker | Channel::MiniTicker | Channel::AvgPrice);
            if is_rolling && tick.symbol == SymbolId(0) || matches!(tick.channel, Channel::WindowTicker(_)) {
                check_rolling(tick, &trades);
            }
        }
        if wants_all && played.engine.derive == Derive::Always {
            check_changes(&played.told[told..], &trades, &mut windows_told);
        }
        trades.extend(new);
        seen.extend(new.map(|trade| Seen { trade, second: now / NS_PER_SECOND }));
    }
    seen
}

/// Steps that once failed stand beside this file, and are tried first.
fn config() -> ProptestConfig {
    let failure_persistence = Some(Box::new(FileFailurePersistence::WithSource("regressions")) as _);
    ProptestConfig { cases: 64, failure_persistence, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn windows_and_long_candles_are_what_the_list_of_trades_says(
        steps in steps(&[1_500, 20_000, 600_000, 4_000_000, 30_000_000], 150),
    ) {
        let long = klines(Zone::Utc).skip(4).chain(klines(Zone::Plus8).skip(4));
        let mut played = Played::new(Derive::Always, windows().chain(long));
        let seen = play(&mut played, &steps);
        if !seen.is_empty() {
            for channel in klines(Zone::Utc).skip(4).chain(klines(Zone::Plus8).skip(4)) {
                check_candles(&played, channel, &seen);
            }
        }
        let counts = played.engine.counts();
        prop_assert_eq!(counts.trades_added, seen.len() as u64);
        prop_assert_eq!(counts.trades_repeated + counts.trades_refused, 0);
    }

    #[test]
    fn short_candles_and_windows_are_what_the_list_of_trades_says(steps in steps(&[30, 300, 2_000, 9_000], 300)) {
        let mut played = Played::new(Derive::Always, windows().chain(klines(Zone::Utc)).chain(klines(Zone::Plus8)));
        let seen = play(&mut played, &steps);
        if let Some(first) = seen.first() {
            for channel in klines(Zone::Utc).chain(klines(Zone::Plus8)) {
                check_candles(&played, channel, &seen);
            }
            // One-second candles close first, and what is left out of any is left out of one of those.
            let begin = (first.trade.ts_trade / NS_PER_SECOND).max(first.second - 1);
            let second_of = |s: &Seen| s.trade.ts_trade / NS_PER_SECOND;
            let late = seen.iter().filter(|s| second_of(s) < begin || s.second >= second_of(s) + 2);
            let pending = seen.iter().filter(|s| s.second == played.engine.clock.now() / NS_PER_SECOND);
            let (late, counted) = (late.count() as u64, played.engine.counts().late_trades);
            prop_assert!((late.saturating_sub(pending.count() as u64)..=late).contains(&counted), "{} {}", late, counted);
        }
    }

    #[test]
    fn who_wants_what_changes_nothing_but_what_is_published(
        steps in steps(&[30, 300, 2_000, 50_000], 200),
        wanted in any::<u64>(),
        derive in proptest::sample::select(&[Derive::Auto, Derive::Always][..]),
    ) {
        let all = || windows().chain(klines(Zone::Utc)).chain(klines(Zone::Plus8)).chain([Channel::AggTrade]).chain(candles());
        let mut full = Played::new(derive, all());
        let mut part = Played::new(derive, all().filter(|channel| wanted & channel.bit() != 0));
        let mut later = Played::new(derive, []);
        play(&mut full, &steps);
        play(&mut part, &steps);
        play(&mut later, &steps);
        let is_native = |tick: &Tick| matches!(tick.channel, Channel::Trade | Channel::DayTicker);
        let text = |ticks: &[(Tick, Vec<Level>)], wanted: u64| {
            let kept = ticks.iter().filter(|(tick, _)| is_native(tick) || wanted & tick.channel.bit() != 0);
            kept.map(|tick| format!("{tick:?}")).collect::<Vec<_>>()
        };
        prop_assert_eq!(text(&part.told, u64::MAX), text(&full.told, wanted));
        // And one that begins to be wanted in the middle goes on as if it had always been.
        all().for_each(|channel| later.engine.interest().set_everywhere(channel));
        let (at, late) = (full.told.len(), later.told.len());
        for played in [&mut full, &mut later] {
            let now = played.engine.clock.now();
            for n in 1..40 {
                played.trade(now + n * 310 * MS, trade(10_000 + n, 950 + n % 13, n, now + n * 310 * MS));
            }
        }
        prop_assert_eq!(text(&full.told[at..], u64::MAX), text(&later.told[late..], u64::MAX));
    }

    #[test]
    fn a_leap_of_the_clock_closes_what_many_steps_would_have(
        steps in steps(&[300, 5_000, 40_000], 40),
    ) {
        let closed = |played: &Played| {
            let mut closed: Vec<String> = Vec::new();
            for channel in klines(Zone::Utc).take(5) {
                closed.extend(played.of(channel).filter_map(|(tick, _)| match &tick.kind {
                    Kind::Kline(kline) if kline.closed => Some(format!("{channel:?} {} {kline:?}", tick.ts_event)),
                    _ => None,
                }));
            }
            closed
        };
        let (mut leaps, mut walks) =
            (Played::new(Derive::Always, klines(Zone::Utc)), Played::new(Derive::Always, klines(Zone::Utc)));
        for played in [&mut leaps, &mut walks] {
            played.tick(9, BASE, Channel::DayTicker, Kind::MiniTicker(mini(1)), &[]);
        }
        let mut now = BASE;
        for (n, step) in steps.iter().enumerate() {
            let begin = now;
            now += step.later_ms * MS;
            (begin / (100 * MS) + 1..).map(|n| n * 100 * MS).take_while(|&t| t <= now).for_each(|t| walks.clock(t));
            match step.trade {
                Some((price, size, _)) => {
                    leaps.trade(now, trade(n as i64, price, size, now));
                    walks.trade(now, trade(n as i64, price, size, now));
                }
                None => leaps.clock(now),
            }
        }
        prop_assert_eq!(closed(&leaps), closed(&walks));
    }

    #[test]
    fn books_that_follow_what_is_derived_are_the_book_that_is_kept(
        changes in proptest::collection::vec(
            (
                0_i64..400,
                proptest::collection::vec((0_i64..40, 0_i64..3), 0..6),
                proptest::collection::vec((40_i64..80, 0_i64..3), 0..6),
            ),
            1..150,
        ),
    ) {
        let partial = |pace| Levels::ALL.map(|levels| Channel::PartialDepth(levels, pace));
        let wanted = partial(Pace::Ms100).into_iter().chain(partial(Pace::Ms1000));
        let slow_channel = Channel::Depth(Pace::Ms1000);
        let mut played = Played::new(Derive::Always, wanted.chain([Channel::BookTicker, slow_channel]));
        played.engine.on_snapshot(Snapshot { symbol: None, last_update_id: 10, levels: vec![], bids: 0 });
        let (mut slow, mut id, mut now) = (Book::from_snapshot(10, &[], &[]), 10, BASE);
        let (mut best, mut told_at) = (None, BTreeMap::new());
        for (later, bids, asks) in changes {
            now += later * MS;
            let before = played.engine.book(SymbolId(0)).cloned();
            let levels: Vec<Level> = bids.iter().chain(&asks).map(|&(p, s)| level(p + 1, s)).collect();
            let depth = Depth { first_id: id + 1, last_id: id + 2, bids: bids.len() as u32 };
            id += 2;
            let from = played.told.len();
            played.tick(0, now, Channel::Depth(Pace::Ms100), Kind::Depth(depth), &levels);
            for (tick, levels) in &played.told[from..] {
                match (&tick.kind, tick.channel) {
                    (Kind::Depth(depth), Channel::Depth(Pace::Ms1000)) => {
                        prop_assert_eq!(depth.first_id, slow.last_update_id() + 1);
                        let (bids, asks) = levels.split_at(depth.bids as usize);
                        slow.apply(depth.first_id, depth.last_id, bids, asks);
                        let before = before.as_ref().unwrap();
                        prop_assert!(slow.bids().eq(before.bids()) && slow.asks().eq(before.asks()));
                    }
                    (Kind::PartialDepth(partial), Channel::PartialDepth(count, _)) => {
                        // Told before the change that reached the boundary.
                        let book = before.as_ref().unwrap();
                        prop_assert_eq!(partial.last_update_id, book.last_update_id());
                        let (bids, asks) = levels.split_at(partial.bids as usize);
                        prop_assert!(bids.iter().copied().eq(book.bids().take(count.count())));
                        prop_assert!(asks.iter().copied().eq(book.asks().take(count.count())));
                    }
                    (Kind::BookTicker(ticker), _) => {
                        let book = played.engine.book(SymbolId(0)).unwrap();
                        prop_assert_eq!(ticker.update_id, id);
                        prop_assert_eq!(book.bids().next().unwrap_or_default(), ticker.best.bid);
                        prop_assert!(best != Some((ticker.best.bid, ticker.best.ask)));
                        best = Some((ticker.best.bid, ticker.best.ask));
                    }
                    _ => {}
                }
                let unit = match tick.channel {
                    Channel::Depth(Pace::Ms1000) | Channel::PartialDepth(_, Pace::Ms1000) => 1_000 * MS,
                    Channel::PartialDepth(..) => 100 * MS,
                    _ => continue,
                };
                prop_assert_eq!(tick.ts_event % unit, 0);
                prop_assert!(told_at.insert(tick.channel, tick.ts_event).is_none_or(|last| last < tick.ts_event));
            }
            let book = played.engine.book(SymbolId(0)).unwrap();
            if let (Some(bid), Some(ask)) = (book.bids().next(), book.asks().next()) {
                prop_assert_eq!(best, Some((bid, ask)));
            }
        }
    }
}
