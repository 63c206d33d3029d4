//! Streams derived from a tape's trades and books against the ones the tape carries itself.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::engine::Origin;
use support::recordings;
use tapecast::feed::source::Source;
use tapecast::market::book::Book;
use tapecast::market::channel::{Channel, Interval, Pace, Zone};
use tapecast::market::engine::{Derive, Engine};
use tapecast::market::symbol::{SymbolId, Symbols};
use tapecast::market::tick::{Kind, Kline, Level, Tick};

/// What a tape says itself, and what follows from the rest of it.
struct Played {
    symbols: Symbols,
    native: Vec<(Tick, Vec<Level>)>,
    derived: Vec<(Tick, Vec<Level>)>,
    engine: Engine,
}

fn play(source: Source) -> Played {
    let wanted = [
        Channel::Kline(Interval::M1, Zone::Utc),
        Channel::Depth(Pace::Ms1000),
        Channel::BookTicker,
        Channel::AggTrade,
        Channel::Ticker,
    ];
    let (mut native, mut derived) = (Vec::new(), Vec::new());
    let (engine, symbols) = support::engine::play(source, Derive::Always, &wanted, |origin, tick, levels| {
        let ticks = if origin == Origin::Tape { &mut native } else { &mut derived };
        ticks.push((*tick, levels.to_vec()));
    });
    Played { symbols, native, derived, engine }
}

fn closed(ticks: &[(Tick, Vec<Level>)]) -> BTreeMap<(SymbolId, i64), Kline> {
    let closed = ticks.iter().filter_map(|(tick, _)| match (&tick.kind, tick.channel) {
        (Kind::Kline(kline), Channel::Kline(Interval::M1, Zone::Utc)) if kline.closed => {
            Some(((tick.symbol, kline.ts_open), *kline))
        }
        _ => None,
    });
    closed.collect()
}

/// Everything a candle says but the unit of its last instant.
fn text(kline: &Kline) -> String {
    format!("{:?}", Kline { ts_close: 0, ..*kline })
}

/// Compares closed candles, but for the first one of each symbol, of which a tape has a part; how many.
fn compare_candles(played: &Played) -> usize {
    let (native, derived) = (closed(&played.native), closed(&played.derived));
    let mut compared = 0;
    for (key, theirs) in &native {
        let first = derived.keys().find(|(symbol, _)| *symbol == key.0);
        if first.is_some_and(|first| first < key) {
            let ours = derived.get(key).unwrap_or_else(|| panic!("{key:?} is missing"));
            assert_eq!(text(ours), text(theirs), "{}", played.symbols.get(key.0).name.as_str());
            compared += 1;
        }
    }
    compared
}

/// Follows the derived changes of every second by a book that begins where the engine's did.
fn follow_books(played: &Played) -> usize {
    let mut followed = 0;
    for (symbol, _) in played.symbols.iter() {
        let (Some(start), Some(end)) = (played.engine.first_snapshot(symbol), played.engine.book(symbol)) else {
            continue;
        };
        let mut book: Book = start.clone();
        let mut last = None;
        for (tick, levels) in played.derived.iter().filter(|(tick, _)| tick.symbol == symbol) {
            let (Kind::Depth(depth), Channel::Depth(Pace::Ms1000)) = (&tick.kind, tick.channel) else { continue };
            assert!(last.is_none_or(|last| depth.first_id == last + 1));
            last = Some(depth.last_id);
            let (bids, asks) = levels.split_at(depth.bids as usize);
            book.apply(depth.first_id, depth.last_id, bids, asks);
            followed += 1;
        }
        assert_eq!(book.last_update_id(), end.last_update_id());
        // Far from the best prices a snapshot ends, and changes from before it may name levels beyond that end.
        assert!(book.bids().take(100).eq(end.bids().take(100)), "{symbol:?}");
        assert!(book.asks().take(100).eq(end.asks().take(100)), "{symbol:?}");
    }
    followed
}

/// How many native aggregate trades there are, and how many of them the derived ones do not repeat but for their ids.
fn compare_agg_trades(played: &Played) -> (usize, usize) {
    let key = |(tick, _): &(Tick, Vec<Level>)| match &tick.kind {
        Kind::AggTrade(trade) => {
            Some((tick.symbol, trade.first_id, trade.last_id, trade.price.to_string(), trade.size.to_string()))
        }
        _ => None,
    };
    let native: Vec<_> = played.native.iter().filter_map(key).collect();
    let derived: BTreeSet<_> = played.derived.iter().filter_map(key).collect();
    (native.len(), native.iter().filter(|trade| !derived.contains(trade)).count())
}

#[test]
fn what_the_demo_tape_says_itself_follows_from_its_trades_and_changes() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/feeds/demo.jsonl.zst");
    let played = play(Source::file(demo));
    let counts = played.engine.counts();
    assert_eq!((counts.trades_refused, counts.trades_repeated, counts.late_trades), (0, 0, 0), "{counts:?}");
    assert_eq!(counts.books.gaps, 0);
    assert_eq!(compare_candles(&played), 9);
    assert!(follow_books(&played) > 9 * 100);
    // Two orders of one side that met one price in one millisecond cannot be told apart.
    let (native, missing) = compare_agg_trades(&played);
    assert!(native > 1_000 && missing <= 2, "{missing} of {native}");
}

#[test]
fn books_of_recordings_follow_from_their_changes_taken_together() {
    let Some(folder) = recordings() else { return };
    for name in ["20240808-btc-eth", "20240723-nexo", "20210405-10sym", "20210404-3sym"] {
        let played = play(Source::file(folder.join(format!("binance-spot-{name}.jsonl.zst"))));
        let counts = played.engine.counts();
        assert!(counts.trades_added > 0 && counts.trades_refused + counts.times_refused == 0, "{name} {counts:?}");
        compare_candles(&played);
        assert!(follow_books(&played) > 100, "{name}");
    }
}
