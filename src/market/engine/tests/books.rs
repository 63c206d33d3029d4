//! Books of one venue as the other tells them: windows out of changes, changes out of windows.

use super::*;
use crate::market::book::upper_book::PAIRS;
use crate::market::channel::Stream;
use crate::market::tick::Orderbook;
use proptest::prelude::*;

const HUNDRED: i64 = 100 * MS;

fn pairs(book: &Book) -> Vec<Level> {
    let none = Level::default();
    let (mut asks, mut bids) = (book.asks(), book.bids());
    (0..PAIRS).flat_map(|_| [asks.next().unwrap_or(none), bids.next().unwrap_or(none)]).collect()
}

fn window(levels: &[Level]) -> Kind {
    let total = |side: usize| {
        let sizes = levels.iter().skip(side).step_by(2).map(|level| level.size);
        sizes.fold(Decimal::ZERO, |sum, size| sum.checked_add(size).unwrap())
    };
    Kind::Orderbook(Orderbook { total_ask: total(0), total_bid: total(1), grouping: None })
}

type Side = Vec<(i64, i64)>;

fn side(prices: std::ops::Range<i64>, count: usize) -> impl Strategy<Value = Side> {
    proptest::collection::vec((prices, 0_i64..3), 0..count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_the_books_upper_part_whoever_wants_them_and_when(
        changes in proptest::collection::vec((0_i64..250, side(0..80, 20), side(80..160, 20)), 1..120),
        since in 0_usize..120,
    ) {
        let channel = Channel::Orderbook;
        let stream = Stream { symbol: SymbolId(0), channel };
        let (mut full, mut late) = (Played::new(Derive::Auto, [channel]), Played::new(Derive::Auto, []));
        for played in [&mut full, &mut late] {
            played.engine.on_snapshot(Snapshot { symbol: None, last_update_id: 10, levels: vec![], bids: 0 });
        }
        let (mut now, mut id, mut changed_at, mut shown) = (BASE, 10, 0, None::<Vec<Level>>);
        let mut since_ts = None;
        for (n, (later, bids, asks)) in changes.into_iter().enumerate() {
            if n == since {
                late.engine.interest().set(stream);
                since_ts = Some(now);
            }
            let begin = now;
            now += later * MS;
            let book = full.engine.book(SymbolId(0)).cloned();
            let levels: Vec<Level> = bids.iter().chain(&asks).map(|&(p, s)| level(p + 1, s)).collect();
            let depth = Depth { first_id: id + 1, last_id: id + 1, bids: bids.len() as u32 };
            id += 1;
            let told = full.told.len();
            for played in [&mut full, &mut late] {
                played.clock((begin + now) / 2);
                played.tick(0, now, Channel::Depth(Pace::Ms100), Kind::Depth(depth), &levels);
            }
            // Where a boundary was reached, the book as it was before it is told, if it is another than before.
            let is_boundary = now / HUNDRED > begin / HUNDRED;
            let expected = book.filter(|_| is_boundary).map(|book| pairs(&book)).filter(|new| shown.as_ref() != Some(new));
            let found: Vec<_> = full.told[told..].iter().filter(|(t, _)| t.channel == channel && !t.restated).collect();
            prop_assert_eq!(found.len(), usize::from(expected.is_some()));
            if let (Some(new), [(tick, levels)]) = (expected, &found[..]) {
                prop_assert_eq!(levels, &new);
                prop_assert_eq!(tick.ts_event, changed_at);
                let Kind::Orderbook(orderbook) = &tick.kind else { panic!("{tick:?}") };
                let Kind::Orderbook(sums) = window(levels) else { panic!() };
                prop_assert_eq!((orderbook.total_ask, orderbook.total_bid), (sums.total_ask, sums.total_bid));
                prop_assert_eq!(orderbook.grouping, Some(Decimal::ZERO));
                shown = Some(new);
            }
            changed_at = now;
        }
        for played in [&mut full, &mut late] {
            (1..4).for_each(|n| played.clock(now + n * HUNDRED));
        }
        let real = |played: &Played| {
            let real = played.of(channel).filter(|(tick, _)| !tick.restated);
            real.map(|tick| format!("{tick:?}")).collect::<Vec<_>>()
        };
        let (of_full, of_late) = (real(&full), real(&late));
        prop_assert!(of_full.ends_with(&of_late));
        if let Some(since) = since_ts {
            // All but what was told on the boundary that came next.
            let after = |tick: &Tick| tick.sequence > 0 && tick.ts_recv > since + SKEW + HUNDRED;
            let missed = full.of(channel).filter(|(t, _)| !t.restated && after(t)).count() as i64 - of_late.len() as i64;
            prop_assert!(missed <= 1, "{} {}", of_full.len(), of_late.len());
            let state = |played: &Played| played.of(channel).last().map(|(_, levels)| levels.clone());
            prop_assert_eq!(state(&full), state(&late));
            prop_assert_eq!(late.of(channel).filter(|(tick, _)| tick.restated).count(), 1);
        }
    }

    #[test]
    fn changes_lead_from_the_first_window_to_every_later_one(
        windows in proptest::collection::vec((0_i64..250, side(1..30, 15), side(30..60, 15), 0_usize..4), 1..80),
    ) {
        let partial = |pace| Levels::ALL.map(|levels| Channel::PartialDepth(levels, pace));
        let paces = [Channel::Depth(Pace::Ms100), Channel::Depth(Pace::Ms1000), Channel::BookTicker];
        let mut played = Played::new(Derive::Auto, paces.into_iter().chain(partial(Pace::Ms100)));
        played.announce(0, Venue::Upbit);
        let (mut fast, mut slow, mut now) = (None::<Book>, None::<Book>, BASE);
        for (later, bids, asks, padding) in windows {
            now += later * MS;
            let sorted = |side: &Side| {
                let levels: std::collections::BTreeMap<i64, i64> = side.iter().map(|&(p, s)| (p, s + 1)).collect();
                levels.into_iter().map(|(price, size)| level(price, size)).collect::<Vec<_>>()
            };
            let (asks, mut bids) = (sorted(&asks), sorted(&bids));
            bids.reverse();
            let longest = asks.len().max(bids.len()) + padding;
            let at = |side: &[Level], n: usize| side.get(n).copied().unwrap_or_default();
            let levels: Vec<Level> = (0..longest).flat_map(|n| [at(&asks, n), at(&bids, n)]).collect();
            let before = fast.clone();
            let told = played.told.len();
            played.tick(0, now, Channel::Orderbook, window(&levels), &levels);
            for (tick, levels) in &played.told[told..] {
                match (&tick.kind, tick.channel) {
                    (Kind::Depth(depth), Channel::Depth(pace)) => {
                        let book = if pace == Pace::Ms100 { &mut fast } else { &mut slow };
                        let book = book.as_mut().unwrap();
                        let (bids, asks) = levels.split_at(depth.bids as usize);
                        prop_assert!(!levels.is_empty());
                        prop_assert_eq!(depth.first_id, book.last_update_id() + 1);
                        prop_assert!(pace == Pace::Ms1000 || depth.first_id == depth.last_id);
                        book.apply(depth.first_id, depth.last_id, bids, asks);
                        prop_assert!(pace == Pace::Ms1000 || tick.ts_event == now);
                    }
                    (Kind::PartialDepth(partial), Channel::PartialDepth(count, _)) => {
                        let book = before.as_ref().unwrap();
                        let (bids, asks) = levels.split_at(partial.bids as usize);
                        prop_assert_eq!(partial.last_update_id, book.last_update_id());
                        prop_assert!(bids.iter().copied().eq(book.bids().take(count.count())));
                        prop_assert!(asks.iter().copied().eq(book.asks().take(count.count())));
                    }
                    (Kind::BookTicker(ticker), _) => {
                        prop_assert_eq!(Some(ticker.update_id), played.engine.book(SymbolId(0)).map(Book::last_update_id));
                        prop_assert!(bids.is_empty() || ticker.best.bid == bids[0]);
                        prop_assert!(asks.is_empty() || ticker.best.ask == asks[0]);
                    }
                    _ => {}
                }
            }
            let first = || Some(Book::from_snapshot(1, &bids, &asks));
            fast = fast.or_else(first);
            slow = slow.or_else(first);
            let (followed, kept) = (fast.as_ref().unwrap(), played.engine.book(SymbolId(0)).unwrap());
            prop_assert_eq!(followed.last_update_id(), kept.last_update_id());
            prop_assert!(followed.bids().eq(kept.bids()) && followed.asks().eq(kept.asks()));
            prop_assert!(kept.bids().eq(bids.iter().copied()) && kept.asks().eq(asks.iter().copied()));
        }
        // The native windows all came through, and none was made beside them.
        prop_assert!(played.of(Channel::Orderbook).all(|(_, levels)| levels.len() <= 2 * 64));
    }
}

#[test]
fn grouped_windows_are_no_book_and_damaged_ones_do_no_harm() {
    let mut played = Played::new(Derive::Auto, [Channel::Depth(Pace::Ms100)]);
    played.announce(0, Venue::Upbit);
    let grouped = Kind::Orderbook(Orderbook {
        total_ask: Decimal::ZERO,
        total_bid: Decimal::ZERO,
        grouping: Some(decimal(10, 0)),
    });
    played.tick(0, BASE, Channel::Orderbook, grouped, &[level(20, 1), level(10, 1)]);
    assert!(played.engine.book(SymbolId(0)).is_none());
    let damaged = [level(30, 1), level(5, 1), level(20, 1), level(10, 1), level(30, 2)];
    played.tick(0, BASE, Channel::Orderbook, window(&damaged), &damaged);
    let book = played.engine.book(SymbolId(0)).unwrap();
    assert_eq!(book.asks().map(|ask| ask.price).collect::<Vec<_>>(), [decimal(20, 2), decimal(30, 2)]);
    assert_eq!(book.bids().next(), Some(level(10, 1)));
}

#[test]
fn a_window_that_nobody_saw_change_is_no_news_to_those_who_come_back() {
    let channel = Channel::Orderbook;
    let mut played = Played::new(Derive::Auto, []);
    let stream = Stream { symbol: SymbolId(0), channel };
    played.engine.on_snapshot(Snapshot { symbol: None, last_update_id: 10, levels: vec![level(5, 1)], bids: 1 });
    let change = |played: &mut Played, id: i64, ms: i64, size: i64| {
        let depth = Depth { first_id: id, last_id: id, bids: 1 };
        played.tick(0, BASE + ms * MS, Channel::Depth(Pace::Ms100), Kind::Depth(depth), &[level(4, size)]);
    };
    played.engine.interest().set(stream);
    change(&mut played, 11, 10, 1);
    played.clock(BASE + 100 * MS);
    played.engine.interest().clear(stream);
    change(&mut played, 12, 150, 2);
    played.clock(BASE + 200 * MS);
    played.engine.interest().set(stream);
    change(&mut played, 13, 250, 3);
    // The first window, then the state that was missed; the change between came on the boundary that nobody saw.
    (3..6).for_each(|n| played.clock(BASE + n * 100 * MS));
    change(&mut played, 14, 550, 7);
    played.clock(BASE + 600 * MS);
    let told: Vec<_> = played.of(channel).map(|(tick, levels)| (tick.restated, levels[3].size)).collect();
    let size = |size| level(4, size).size;
    assert_eq!(told, [(false, size(1)), (true, size(1)), (true, size(3)), (false, size(7))]);
}
