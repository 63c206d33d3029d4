//! States told again: once for each stream that is newly wanted, and to no one's harm.

use super::*;
use crate::market::channel::Stream;
use crate::market::interest::Change;

fn restated(played: &Played) -> Vec<(SymbolId, Channel)> {
    played.told.iter().filter(|(tick, _)| tick.restated).map(|(tick, _)| (tick.symbol, tick.channel)).collect()
}

fn all() -> Vec<Channel> {
    [Channel::Trade, Channel::DayTicker, Channel::Orderbook].into_iter().chain(candles()).collect()
}

#[test]
fn what_is_newly_wanted_is_told_once_as_soon_as_there_is_something_to_tell() {
    let mut played = Played::new(Derive::Auto, []);
    played.engine.on_snapshot(Snapshot { symbol: None, last_update_id: 10, levels: vec![level(5, 1)], bids: 1 });
    let symbol = SymbolId(0);
    let set = |played: &Played, channel| played.engine.interest().set(Stream { symbol, channel });
    let clear = |played: &Played, channel| played.engine.interest().clear(Stream { symbol, channel });
    all().into_iter().for_each(|channel| set(&played, channel));
    set(&played, Channel::Ticker);
    played.clock(BASE - 100 * MS);
    played.tick(0, BASE, Channel::Depth(Pace::Ms1000), Kind::Depth(Depth { first_id: 1, last_id: 1, bids: 0 }), &[]);
    played.clock(BASE + 10 * MS);
    assert_eq!(restated(&played), []);
    played.trade(BASE + 20 * MS, trade(1, 100, 5, BASE + 20 * MS));
    played.clock(BASE + 30 * MS);
    assert_eq!(restated(&played), [(symbol, Channel::Trade), (symbol, Channel::DayTicker)]);
    // The candles of the trade are told on the second, and again for those who want them; then never again.
    (1..30).for_each(|n| played.clock(BASE + n * 100 * MS));
    let expected: Vec<_> = all().into_iter().filter(|&c| c != Channel::Orderbook).map(|c| (symbol, c)).collect();
    assert_eq!(restated(&played), expected);
    // So is the book, when there is one.
    let depth = Depth { first_id: 11, last_id: 11, bids: 1 };
    played.tick(0, BASE + 3_010 * MS, Channel::Depth(Pace::Ms100), Kind::Depth(depth), &[level(4, 1)]);
    played.clock(BASE + 3_050 * MS);
    (31..40).for_each(|n| played.clock(BASE + n * 100 * MS));
    assert_eq!(restated(&played)[expected.len()..], [(symbol, Channel::Orderbook)]);
    // Wanted anew is told anew.
    let count = restated(&played).len();
    clear(&played, Channel::Orderbook);
    clear(&played, Channel::DayTicker);
    played.clock(BASE + 4_100 * MS);
    set(&played, Channel::Orderbook);
    set(&played, Channel::DayTicker);
    (42..45).for_each(|n| played.clock(BASE + n * 100 * MS));
    assert_eq!(restated(&played)[count..], [(symbol, Channel::DayTicker), (symbol, Channel::Orderbook)]);
    assert_eq!(played.engine.counts().states_restated, count as u64 + 2);
    let (tick, levels) = played.told.iter().rev().find(|(tick, _)| tick.channel == Channel::Orderbook).unwrap();
    assert_eq!((tick.ts_event, levels[1], levels[3]), (BASE + 3_010 * MS, level(5, 1), level(4, 1)));
}

#[test]
fn what_is_wanted_of_every_symbol_is_told_of_each() {
    let mut played = Played::new(Derive::Auto, []);
    for symbol in 0..3 {
        played.tick(symbol, BASE, Channel::Trade, Kind::Trade(trade(1, 100, 5, BASE)), &[]);
    }
    played.engine.interest().set_everywhere(Channel::Trade);
    (0..5).for_each(|n| played.clock(BASE + n * 100 * MS));
    assert_eq!(restated(&played), [0, 1, 2].map(|symbol| (SymbolId(symbol), Channel::Trade)));
    // One that appears later has its newest trade told, too.
    played.tick(7, BASE + 500 * MS, Channel::Trade, Kind::Trade(trade(1, 100, 5, BASE)), &[]);
    (6..9).for_each(|n| played.clock(BASE + n * 100 * MS));
    assert_eq!(restated(&played)[3..], [(SymbolId(7), Channel::Trade)]);
}

#[test]
fn of_native_streams_the_newest_tick_is_told() {
    for derive in [Derive::Auto, Derive::Never] {
        let mut played = Played::new(derive, []);
        played.announce(0, Venue::Upbit);
        for price in [7, 8] {
            played.tick(0, BASE + price * MS, Channel::DayTicker, Kind::MiniTicker(mini(price)), &[level(price, 1)]);
        }
        played.trade(BASE + 9 * MS, trade(1, 100, 5, BASE));
        played.engine.interest().set(Stream { symbol: SymbolId(0), channel: Channel::DayTicker });
        (1..50).for_each(|n| played.clock(BASE + n * 100 * MS));
        let told: Vec<_> = played.told.iter().filter(|(tick, _)| tick.restated).collect();
        let [(tick, levels)] = told[..] else { panic!("{told:?}") };
        assert!(matches!(tick.kind, Kind::MiniTicker(mini) if mini.open == decimal(8, 8)));
        assert_eq!((tick.ts_event, levels[..].to_vec()), (BASE + 8 * MS, vec![level(8, 1)]));
    }
}

#[test]
fn real_ticks_are_the_same_whether_or_not_something_was_told_again() {
    let play = |clears: bool| {
        let mut played = Played::new(Derive::Auto, []);
        let symbol = SymbolId(0);
        for channel in all() {
            played.engine.interest().set(Stream { symbol, channel });
        }
        for n in 0..400 {
            let now = BASE + n * 70 * MS;
            if n % 3 == 0 {
                played.trade(now, trade(n, 100 + n % 7, 5, now - (n % 11) * 40 * MS));
            }
            if clears && n % 50 == 20 {
                // Gone when the clock strikes and back before anything comes: only the state is told again.
                let change = |channel, is_wanted| Change::Stream(Stream { symbol, channel }, is_wanted);
                all().into_iter().for_each(|channel| played.engine.note_wanted(change(channel, false)));
                played.engine.restate(Cause { sequence: 0, ts_recv: 0 }, &mut |_, _| {});
                all().into_iter().for_each(|channel| played.engine.note_wanted(change(channel, true)));
            }
            played.clock(now + 30 * MS);
        }
        let real: Vec<String> =
            played.told.iter().filter(|(tick, _)| !tick.restated).map(|tick| format!("{tick:?}")).collect();
        (real, played.engine.counts().states_restated)
    };
    let ((quiet, few), (told, many)) = (play(false), play(true));
    assert_eq!(quiet, told);
    assert_eq!((few, many), (11, 11 * 9));
}
