//! Real recordings through decoder and market: every line accounted for, every book as it must be at the end.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::recordings;
use tapecast::feed::damage::Damage;
use tapecast::feed::merge::Merge;
use tapecast::feed::source::Source;
use tapecast::market::decimal::Decimal;
use tapecast::market::engine::Engine;
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{Kind, Level};
use tapecast::venue::{Decoder, Message, Rejected};

/// What a recording came to.
#[derive(Default)]
struct Played {
    symbols: Symbols,
    engine: Engine,
    ticks: usize,
    snapshots: usize,
    rejected: BTreeMap<&'static str, usize>,
    /// Count, quantity and notional sums, first and last id, last price; by symbol and kind.
    trades: BTreeMap<String, Trades>,
}

#[derive(Debug, PartialEq, Eq)]
struct Trades {
    count: u64,
    quantity: Decimal,
    notional: Decimal,
    first_id: i64,
    last_id: i64,
    last_price: Decimal,
}

fn play(path: &std::path::Path) -> Played {
    let mut feed = Merge::open(&[Source::file(path)]).expect("the recording opens");
    let (mut played, mut decoder, mut message) = (Played::default(), Decoder::default(), Vec::new());
    while let Some((ts_recv, venue)) = feed.next(&mut message) {
        match decoder.decode(venue, &mut message, ts_recv, &mut played.symbols) {
            Ok(Message::Tick) => {
                played.ticks += 1;
                played.engine.on_tick(&decoder.tick, &decoder.levels, &mut |_, _| {});
                let (kind, id, price, size) = match &decoder.tick.kind {
                    Kind::Trade(trade) => ("trade", trade.id, trade.price, trade.size),
                    Kind::AggTrade(trade) => ("aggTrade", trade.id, trade.price, trade.size),
                    _ => continue,
                };
                let name = format!("{} {kind}", played.symbols.get(decoder.tick.symbol).name.as_str());
                let zero = Decimal::ZERO;
                let sums = played.trades.entry(name).or_insert(Trades {
                    count: 0,
                    quantity: zero,
                    notional: zero,
                    first_id: id,
                    last_id: id,
                    last_price: price,
                });
                sums.count += 1;
                sums.quantity = sums.quantity.checked_add(size).expect("in range");
                sums.notional =
                    sums.notional.checked_add(price.checked_mul(size).expect("in range")).expect("in range");
                (sums.last_id, sums.last_price) = (id, price);
            }
            Ok(Message::List(ticks)) => played.ticks += ticks.len(),
            Ok(Message::Snapshot(snapshot)) => {
                played.snapshots += 1;
                played.engine.on_snapshot(snapshot);
            }
            Err(reason) => *played.rejected.entry(Rejected::LABELS[reason.index()]).or_default() += 1,
        }
    }
    assert_eq!(feed.damaged(), [0; Damage::COUNT], "the recordings have no damaged line");
    played
}

fn level(value: &Value) -> Level {
    let number = |index: usize| Decimal::parse(value[index].as_str().expect("a string").as_bytes()).expect("a number");
    Level { price: number(0), size: number(1) }
}

#[test]
fn every_line_of_every_spot_and_upbit_recording_is_decoded() {
    let Some(folder) = recordings() else { return };
    for (name, lines) in [
        ("binance-spot-20240808-btc-eth.jsonl.zst", 179_318),
        ("binance-spot-20240723-nexo.jsonl.zst", 114_078),
        ("binance-spot-20210405-10sym.jsonl.zst", 11_367),
        ("binance-spot-20210404-3sym.jsonl.zst", 4_719),
        ("binance-spot-20210417-10sym.jsonl.zst", 1_238),
        ("upbit-20210405-10mkt.jsonl.zst", 1_733),
    ] {
        let played = play(&folder.join(name));
        assert_eq!(played.rejected, BTreeMap::new(), "{name}");
        assert_eq!(played.ticks + played.snapshots, lines, "{name}");
    }
}

#[test]
fn what_is_not_served_is_counted_and_nothing_is_fatal() {
    let Some(folder) = recordings() else { return };
    let played = play(&folder.join("specimens-binance.jsonl"));
    // A partial book and a rolling one-hour ticker; the rest is served.
    assert_eq!((played.ticks, &played.rejected), (6, &BTreeMap::from([("unserved", 2)])));
    let played = play(&folder.join("specimens-upbit-default.jsonl"));
    assert_eq!((played.ticks, &played.rejected), (4, &BTreeMap::new()));
    for name in ["universe-binance-exchangeinfo-20211012.jsonl.zst", "universe-upbit-markets-20210417.jsonl"] {
        assert_eq!(play(&folder.join(name)).rejected, BTreeMap::from([("unserved", 1)]), "{name}");
    }
    let played = play(&folder.join("universe-binance-ticker24hr-20200415.jsonl.zst"));
    assert_eq!((played.ticks, &played.rejected), (786, &BTreeMap::new()));
    for name in ["binance-usdm-20230404-btc.jsonl.zst", "binance-coinm-20240808-btc-eth.jsonl.zst"] {
        play(&folder.join(name));
    }
}

#[test]
fn books_and_trades_end_as_the_recordings_say() {
    let Some(folder) = recordings() else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("answers to check against");
    let expected: Value = serde_json::from_str(&text).expect("JSON");
    let files = expected
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(name, _)| name.starts_with("binance-spot") && name.contains(".jsonl"));
    let mut books = 0;
    for (name, answers) in files {
        let played = play(&folder.join(name));
        for (symbol, answer) in answers["final_book"].as_object().expect("an object") {
            let id = played.symbols.find(Venue::Binance, symbol).expect("the symbol was met");
            let book = played.engine.book(id).unwrap_or_else(|| panic!("{name}: {symbol} has no book"));
            let place = format!("{name} {symbol}");
            assert_eq!(Some(book.last_update_id()), answer["last_update_id"].as_i64(), "{place}");
            assert_eq!(Some(book.bids().len() as u64), answer["bid_levels"].as_u64(), "{place}");
            assert_eq!(Some(book.asks().len() as u64), answer["ask_levels"].as_u64(), "{place}");
            assert_eq!(book.bids().next(), Some(level(&answer["best_bid"])), "{place}");
            assert_eq!(book.asks().next(), Some(level(&answer["best_ask"])), "{place}");
            books += 1;
        }
        assert_eq!(played.engine.counts().books.gaps, 0, "{name}");
        assert_eq!(played.engine.counts().books.books_synced as usize, played.snapshots, "{name}");
        let trades = answers["trades"].as_object().expect("an object");
        assert_eq!(played.trades.len(), trades.len(), "{name}");
        for (key, answer) in trades {
            let number = |member: &str| Decimal::parse(answer[member].as_str().unwrap().as_bytes()).unwrap();
            let sums = &played.trades[key];
            let same = Trades {
                count: answer["count"].as_u64().unwrap(),
                quantity: number("quantity"),
                notional: number("notional"),
                first_id: answer["first_id"].as_i64().unwrap(),
                last_id: answer["last_id"].as_i64().unwrap(),
                last_price: number("last_price"),
            };
            assert_eq!(*sums, same, "{name} {key}");
        }
    }
    assert_eq!(books, 26);
}

#[test]
fn snapshots_find_the_symbols_they_were_taken_of() {
    let Some(folder) = recordings() else { return };
    for name in ["binance-spot-20210404-3sym", "binance-spot-20210405-10sym", "binance-spot-20210417-10sym"] {
        let played = play(&folder.join(format!("{name}.jsonl.zst")));
        let meta = std::fs::read_to_string(folder.join(format!("{name}.meta.json"))).expect("a description");
        let meta: Value = serde_json::from_str(&meta).expect("JSON");
        for snapshot in meta["snapshots"].as_array().expect("a list") {
            let symbol = snapshot["symbol"].as_str().expect("a name");
            let id = played.symbols.find(Venue::Binance, symbol).expect("the symbol was met");
            let book = played.engine.first_snapshot(id).unwrap_or_else(|| panic!("{name}: none for {symbol}"));
            assert_eq!(Some(book.last_update_id()), snapshot["lastUpdateId"].as_i64(), "{name} {symbol}");
            assert_eq!(Some(book.bids().len() as u64), snapshot["bids"].as_u64(), "{name} {symbol}");
        }
    }
}
