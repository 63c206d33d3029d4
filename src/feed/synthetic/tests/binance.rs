//! The Binance lines agree with each other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{amount, decimal, keys, number, stream, tape};
use crate::feed::synthetic::chance::Chance;
use crate::feed::synthetic::outbox::Outbox;
use crate::feed::synthetic::{Plan, binance, catalog};

/// A book as a client keeps it: bids and asks by price.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Client {
    bids: BTreeMap<i128, i128>,
    asks: BTreeMap<i128, i128>,
    last_id: i64,
}

impl Client {
    fn snapshot(line: &str) -> Self {
        let message: Value = serde_json::from_str(line).unwrap();
        let mut client = Self::default();
        client.apply(&message["bids"], &message["asks"]);
        client.last_id = number(&message, "lastUpdateId");
        client
    }

    fn apply(&mut self, bids: &Value, asks: &Value) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels.as_array().unwrap() {
                let (price, size) = (decimal(level[0].as_str().unwrap()), decimal(level[1].as_str().unwrap()));
                assert!(price > 0 && size >= 0);
                assert!(size <= decimal("92233720368.54775807"));
                if size == 0 {
                    side.remove(&price);
                } else {
                    side.insert(price, size);
                }
            }
        }
        let (bid, ask) = (self.bids.last_key_value(), self.asks.first_key_value());
        assert!(bid.unwrap().0 < ask.unwrap().0, "crossed");
    }
}

/// The books that the tape opens with, by symbol, in the order of the catalogue.
fn snapshots() -> BTreeMap<String, Client> {
    let symbols = catalog::BINANCE.iter().map(|own| own.listing.symbol.to_owned());
    symbols.zip(tape().iter().map(|(_, line)| Client::snapshot(line))).collect()
}

/// All events of one stream, by symbol.
fn events(wanted: &str) -> BTreeMap<String, Vec<Value>> {
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (_, line) in tape() {
        if let Some((symbol, name, data)) = stream(line)
            && name == wanted
        {
            events.entry(symbol).or_default().push(data);
        }
    }
    assert_eq!(events.len(), catalog::BINANCE.len());
    events
}

#[test]
fn members_stand_in_the_documented_order() {
    for (_, line) in tape() {
        let Some((_, name, _)) = stream(line) else {
            continue;
        };
        let expected = match name.as_str() {
            "trade" => "e E s t p q T m M",
            "aggTrade" => "e E s a p q f l T m M",
            "bookTicker" => "u s b B a A",
            "depth" | "depth@100ms" => "e E s U u b a",
            "kline_1m" => "e E s k t T s i f L o c h l v n x q V Q B",
            "miniTicker" => "e E s c o h l v q",
            "ticker" => "e E s p P w x c Q b B a A o h l v q O C F L n",
            other => panic!("unexpected stream {other}"),
        };
        assert_eq!(keys(line)[2..].join(" "), expected);
    }
}

#[test]
fn decimals_have_eight_digits_and_percentages_three() {
    for data in events("ticker").values().flatten() {
        for (key, value) in data.as_object().unwrap() {
            if let Some((_, part)) = value.as_str().and_then(|text| text.split_once('.')) {
                assert_eq!(part.len(), if key == "P" { 3 } else { 8 }, "{key} of {data}");
            }
        }
    }
}

#[test]
fn diffs_follow_their_snapshot_without_gap_and_never_cross_the_book() {
    for (name, spacing_ms) in [("depth@100ms", 99), ("depth", 999)] {
        let mut clients = snapshots();
        for (symbol, diffs) in events(name) {
            let client = clients.get_mut(&symbol).unwrap();
            let mut last_ms = 0;
            let (last, others) = diffs.split_last().unwrap();
            for diff in others.iter().chain([last]) {
                assert_eq!(number(diff, "U"), client.last_id + 1);
                assert!(number(diff, "u") >= number(diff, "U"));
                client.last_id = number(diff, "u");
                client.apply(&diff["b"], &diff["a"]);
                // The last one restores the book and does not wait for its turn.
                let apart = number(diff, "E") - last_ms;
                assert!(apart >= spacing_ms || std::ptr::eq(diff, last), "{apart} ms apart");
                last_ms = number(diff, "E");
                for (levels, sign) in [(&diff["b"], -1), (&diff["a"], 1)] {
                    let prices = levels.as_array().unwrap().iter();
                    let prices: Vec<i128> = prices.map(|level| sign * decimal(level[0].as_str().unwrap())).collect();
                    assert!(prices.is_sorted_by(|one, next| one < next));
                }
            }
        }
    }
}

#[test]
fn update_ids_of_the_symbols_are_far_apart() {
    let mut ids: Vec<i64> = snapshots().values().map(|client| client.last_id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[1] - pair[0] > 100_000_000));
}

#[test]
fn the_last_diffs_restore_the_snapshot() {
    for name in ["depth@100ms", "depth"] {
        let mut clients = snapshots();
        for (symbol, diffs) in events(name) {
            for diff in &diffs {
                clients.get_mut(&symbol).unwrap().apply(&diff["b"], &diff["a"]);
            }
        }
        assert_eq!(clients, snapshots());
    }
}

#[test]
fn best_quotes_agree_with_the_book() {
    let mut clients = snapshots();
    let mut quotes: BTreeMap<String, Value> = BTreeMap::new();
    let mut checked = 0;
    // At the end the diff comes before the quote.
    let closing = Plan::default().start_ns + Plan::default().period_ns() - 30_000_000;
    for (_, line) in tape().iter().filter(|(recv, _)| *recv < closing) {
        let Some((symbol, name, data)) = stream(line) else {
            continue;
        };
        let client = clients.get_mut(&symbol).unwrap();
        if name == "bookTicker" {
            assert!(amount(&data, "b") < amount(&data, "a"));
            assert!(amount(&data, "B") > 0 && amount(&data, "A") > 0);
            if let Some(last) = quotes.insert(symbol, data.clone()) {
                assert!(number(&data, "u") > number(&last, "u"));
                assert!(["b", "B", "a", "A"].iter().any(|key| data[key] != last[key]), "unchanged");
            }
        } else if name == "depth@100ms" {
            client.apply(&data["b"], &data["a"]);
            if let Some(quote) = quotes.get(&symbol)
                && number(quote, "u") >= number(&data, "U")
            {
                let (bid, ask) = (client.bids.last_key_value(), client.asks.first_key_value());
                assert_eq!(bid, Some((&amount(quote, "b"), &amount(quote, "B"))));
                assert_eq!(ask, Some((&amount(quote, "a"), &amount(quote, "A"))));
                checked += 1;
            }
        }
    }
    assert!(checked > 1_000);
}

#[test]
fn trades_are_numbered_and_add_up_to_aggregate_trades() {
    for (symbol, aggregates) in events("aggTrade") {
        let trades = &events("trade")[&symbol];
        for pair in trades.windows(2) {
            assert_eq!(number(&pair[1], "t"), number(&pair[0], "t") + 1);
        }
        let mut rest = trades.iter();
        let mut last: Option<Value> = None;
        for aggregate in aggregates {
            let count = number(&aggregate, "l") - number(&aggregate, "f") + 1;
            let fills: Vec<&Value> = rest.by_ref().take(count as usize).collect();
            assert_eq!(number(fills[0], "t"), number(&aggregate, "f"));
            let size: i128 = fills.iter().map(|fill| amount(fill, "q")).sum();
            assert_eq!(size, amount(&aggregate, "q"));
            for fill in fills {
                assert!(amount(fill, "q") > 0);
                for key in ["p", "T", "m", "E"] {
                    assert_eq!(fill[key], aggregate[key]);
                }
                assert!((0..=1).contains(&(number(fill, "E") - number(fill, "T"))));
            }
            if let Some(last) = last {
                assert_eq!(number(&aggregate, "a"), number(&last, "a") + 1);
                assert!(number(&aggregate, "T") >= number(&last, "T") - 1);
            }
            last = Some(aggregate);
        }
        assert!(rest.next().is_none());
    }
}

#[test]
fn candles_are_the_trades_of_their_minute_and_close_once() {
    let mut trades: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut closed: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut open_events = 0;
    for (_, line) in tape() {
        let Some((symbol, name, data)) = stream(line) else {
            continue;
        };
        if name == "trade" {
            trades.entry(symbol.clone()).or_default().push(data);
            continue;
        } else if name != "kline_1m" {
            continue;
        }
        let candle = &data["k"];
        let span = number(candle, "t")..=number(candle, "T");
        assert_eq!(span.end() - span.start(), 59_999);
        assert_eq!(span.start() % 60_000, 0);
        let trades = trades.get(&symbol).map_or(&[][..], Vec::as_slice).iter();
        let own: Vec<&Value> = trades.filter(|trade| span.contains(&number(trade, "T"))).collect();
        check_candle(candle, &own);
        if candle["x"] == true {
            assert!(number(&data, "E") > *span.end());
            assert!(number(&data, "E") < span.end() + 50);
            closed.entry(symbol).or_default().push(*span.start());
        } else {
            assert!(span.contains(&number(&data, "E")));
            open_events += 1;
        }
    }
    assert!(open_events > 200);
    let start_ms = Plan::default().start_ns / 1_000_000;
    for own in catalog::BINANCE {
        assert_eq!(closed[own.listing.symbol], [start_ms, start_ms + 60_000]);
    }
}

fn check_candle(candle: &Value, trades: &[&Value]) {
    assert_eq!(number(candle, "n"), trades.len() as i64);
    let (Some(first), Some(last)) = (trades.first(), trades.last()) else {
        assert_eq!((number(candle, "f"), number(candle, "L")), (-1, -1));
        assert_eq!(amount(candle, "v"), 0);
        return;
    };
    assert_eq!(candle["f"], first["t"]);
    assert_eq!(candle["L"], last["t"]);
    assert_eq!(candle["o"], first["p"]);
    assert_eq!(candle["c"], last["p"]);
    let prices = trades.iter().map(|trade| amount(trade, "p"));
    assert_eq!(amount(candle, "h"), prices.clone().max().unwrap());
    assert_eq!(amount(candle, "l"), prices.min().unwrap());
    let all = |_: &&&Value| true;
    let bought = |trade: &&&Value| trade["m"] == false;
    assert_eq!(amount(candle, "v"), volume(trades, all));
    assert_eq!(amount(candle, "q"), money(trades, all));
    assert_eq!(amount(candle, "V"), volume(trades, bought));
    assert_eq!(amount(candle, "Q"), money(trades, bought));
}

fn volume(trades: &[&Value], which: fn(&&&Value) -> bool) -> i128 {
    trades.iter().filter(which).map(|trade| amount(trade, "q")).sum()
}

/// Prices and sizes have eight digits that count, so their product fits when those of one factor are dropped first.
fn money(trades: &[&Value], which: fn(&&&Value) -> bool) -> i128 {
    let product = |trade: &&Value| amount(trade, "p") / 100_000_000 * (amount(trade, "q") / 100_000_000);
    trades.iter().filter(which).map(product).sum()
}

#[test]
fn a_minute_without_trades_is_closed_too() {
    let start_ms = 1_772_420_400_000;
    let mut outbox = Outbox::new(Chance::new(1, 2));
    let mut pair = binance::Pair::new(catalog::BINANCE[8], 8, start_ms, Chance::new(1, 3));
    for ms in start_ms..start_ms + 180_000 {
        pair.tick(ms, &mut outbox);
    }
    let mut line = Vec::new();
    for minute in 0..2 {
        outbox.take(&mut line).unwrap();
        let (_, name, data) = stream(std::str::from_utf8(&line).unwrap()).unwrap();
        assert_eq!(name, "kline_1m");
        let candle = &data["k"];
        assert_eq!(number(candle, "t"), start_ms + minute * 60_000);
        assert_eq!(candle["x"], true);
        check_candle(candle, &[]);
        for key in ["o", "h", "l", "c"] {
            assert_eq!(candle[key], "0.86100000");
        }
    }
    assert_eq!(outbox.take(&mut line), None);
}

#[test]
fn tickers_count_the_trades_and_agree_with_themselves() {
    let mut since: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut before: BTreeMap<String, Value> = BTreeMap::new();
    let mut checked = 0;
    for (_, line) in tape() {
        let Some((symbol, name, data)) = stream(line) else {
            continue;
        };
        if name == "trade" {
            since.entry(symbol).or_default().push(data);
        } else if name == "ticker" {
            check_ticker(&data);
            let trades = since.remove(&symbol).unwrap_or_default();
            let trades: Vec<&Value> = trades.iter().collect();
            if let Some(last) = trades.last() {
                assert_eq!(data["c"], last["p"]);
                assert_eq!(data["Q"], last["q"]);
                assert_eq!(data["L"], last["t"]);
            }
            if let Some(before) = before.insert(symbol, data.clone()) {
                let grown = |key| amount(&data, key) - amount(&before, key);
                assert_eq!(grown("v"), volume(&trades, |_| true));
                assert_eq!(grown("q"), money(&trades, |_| true));
                assert_eq!(number(&data, "n") - number(&before, "n"), trades.len() as i64);
                checked += 1;
            }
        } else if name == "miniTicker"
            && let Some(ticker) = before.get(&symbol)
        {
            // The small one goes out 3 ms after the large one, so nearly always they tell the same.
            assert!(amount(&data, "v") >= amount(ticker, "v"));
            assert!(amount(&data, "h") >= amount(&data, "c") && amount(&data, "c") >= amount(&data, "l"));
            assert_eq!(data["o"], ticker["o"]);
        }
    }
    assert!(checked > 500);
}

fn check_ticker(data: &Value) {
    assert_eq!(number(data, "n"), number(data, "L") - number(data, "F") + 1);
    assert_eq!(number(data, "C") - number(data, "O"), 86_400_000);
    assert!(number(data, "E") >= number(data, "C"));
    let (open, close) = (amount(data, "o"), amount(data, "c"));
    assert_eq!(amount(data, "p"), close - open);
    assert!(amount(data, "h") >= close.max(open) && amount(data, "l") <= close.min(open));
    assert!(amount(data, "b") < amount(data, "a"));
    // Percent with three digits: off by at most half of the last one.
    let percent = decimal(data["P"].as_str().unwrap());
    assert!((percent * open - (close - open) * 100 * decimal("1")).abs() <= open * decimal("0.0005"));
    let (volume, money) = (amount(data, "v") / 100_000_000, amount(data, "q"));
    let mean = amount(data, "w") / 100_000_000;
    assert!((mean * volume - money).abs() <= volume, "w of {data}");
}
