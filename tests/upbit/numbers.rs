//! Numbers: whatever spelling they come in, they go out as JSON numbers of exactly the same value.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use tapecast::market::decimal::Decimal;

use crate::{START_MS, answers, decimal, json};

/// Spellings of all kinds, those of the checklist first.
const SPELLINGS: [&str; 14] = [
    "1.16E8",
    "7.9E-4",
    "0E-8",
    "5.0E-4",
    "127.0",
    "123.00000000",
    "9.9E-7",
    "98765000",
    "31024567.8901200000000000",
    "80031245678.9012300000000000",
    "6E-8",
    "0.1",
    "123456789012.12345678",
    "0.0",
];

/// The members of an object, their values as they are spelled.
fn members(object: &str) -> BTreeMap<&str, &str> {
    let members: BTreeMap<&str, &RawValue> = serde_json::from_str(object).expect("an object");
    members.into_iter().map(|(key, value)| (key, value.get())).collect()
}

/// Plays a message to clients of all formats and compares its numbers: short name, long name, and what was put in.
fn check(kind: &str, message: &str, numbers: &[(&str, &str, &str)]) {
    let lines = [(START_MS * 1_000_000, message.to_owned())];
    let types = format!(r#"{{"type":"{kind}","codes":["KRW-IQ"],"is_only_realtime":true}}"#);
    for format in ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"] {
        for flags in [&["--derive", "never"][..], &["--derive", "never", "--upbit-form", "recorded"]] {
            let frames = answers(&lines, flags, &types, format);
            assert_eq!(frames.len(), 1, "{message}");
            let frame = frames[0].as_str();
            let object = if format.ends_with("LIST") { &frame[1..frame.len() - 1] } else { frame };
            let members = members(object);
            for (short, long, spelling) in numbers {
                let key = if format.starts_with("SIMPLE") { short } else { long };
                let text = members.get(*key).unwrap_or_else(|| panic!("{key} of {object}"));
                assert!(json(text).is_number(), "{key} of {object}");
                assert_eq!(decimal(text), decimal(spelling), "{key} of {object}");
            }
        }
    }
}

#[test]
fn upbit_item_34_35_trades_keep_their_numbers_in_any_spelling() {
    for (n, price) in SPELLINGS.into_iter().enumerate() {
        let spelling = |more: usize| SPELLINGS[(n + more) % SPELLINGS.len()];
        let message = format!(
            r#"{{"type":"trade","code":"KRW-IQ","timestamp":1773811812391,"trade_date":"2026-03-18","trade_time":"05:30:12","trade_timestamp":1773811812345,"trade_price":{price},"trade_volume":{},"ask_bid":"BID","prev_closing_price":{},"change":"RISE","change_price":{},"sequential_id":17738118123450003,"best_ask_price":{},"best_ask_size":{},"best_bid_price":{},"best_bid_size":{},"stream_type":"REALTIME"}}"#,
            spelling(1),
            spelling(2),
            spelling(3),
            spelling(4),
            spelling(5),
            spelling(6),
            spelling(7)
        );
        let names = [
            ("tv", "trade_volume"),
            ("pcp", "prev_closing_price"),
            ("cp", "change_price"),
            ("bap", "best_ask_price"),
            ("bas", "best_ask_size"),
            ("bbp", "best_bid_price"),
            ("bbs", "best_bid_size"),
        ];
        let mut numbers = vec![("tp", "trade_price", price), ("sid", "sequential_id", "17738118123450003")];
        numbers.extend(names.into_iter().enumerate().map(|(m, (short, long))| (short, long, spelling(m + 1))));
        check("trade", &message, &numbers);
    }
}

#[test]
fn upbit_item_34_35_candles_keep_their_numbers_in_any_spelling() {
    for n in 0..SPELLINGS.len() {
        let spelling = |more: usize| SPELLINGS[(n + more) % SPELLINGS.len()];
        let names = [
            ("op", "opening_price"),
            ("hp", "high_price"),
            ("lp", "low_price"),
            ("tp", "trade_price"),
            ("catv", "candle_acc_trade_volume"),
            ("catp", "candle_acc_trade_price"),
        ];
        let numbers: Vec<_> =
            names.into_iter().enumerate().map(|(m, (short, long))| (short, long, spelling(m))).collect();
        let members: Vec<_> = numbers.iter().map(|(short, _, text)| format!("\"{short}\":{text}")).collect();
        let message = format!(
            r#"{{"ty":"candle.1m","cd":"KRW-IQ","cdttmu":"2026-03-18T05:30:00","cdttmk":"2026-03-18T14:30:00",{},"tms":1773811812391,"st":"REALTIME"}}"#,
            members.join(",")
        );
        check("candle.1m", &message, &numbers);
    }
}

#[test]
fn upbit_item_34_35_tickers_keep_their_numbers_in_any_spelling() {
    let names = [
        ("op", "opening_price"),
        ("hp", "high_price"),
        ("lp", "low_price"),
        ("tp", "trade_price"),
        ("pcp", "prev_closing_price"),
        ("atp", "acc_trade_price"),
        ("cp", "change_price"),
        ("scp", "signed_change_price"),
        ("cr", "change_rate"),
        ("scr", "signed_change_rate"),
        ("tv", "trade_volume"),
        ("atv", "acc_trade_volume"),
        ("aav", "acc_ask_volume"),
        ("abv", "acc_bid_volume"),
        ("h52wp", "highest_52_week_price"),
        ("l52wp", "lowest_52_week_price"),
        ("atp24h", "acc_trade_price_24h"),
        ("atv24h", "acc_trade_volume_24h"),
    ];
    for n in 0..SPELLINGS.len() {
        let numbers: Vec<_> = names
            .into_iter()
            .enumerate()
            .map(|(m, (short, long))| (short, long, SPELLINGS[(n + m) % SPELLINGS.len()]))
            .collect();
        let number = |short: &str| numbers.iter().find(|(name, ..)| *name == short).expect("a number").2;
        let list = |shorts: &[&str]| {
            let members: Vec<_> = shorts.iter().map(|short| format!("\"{short}\":{}", number(short))).collect();
            members.join(",")
        };
        let message = format!(
            r#"{{"ty":"ticker","cd":"KRW-IQ",{},"c":"RISE",{},"ab":"BID",{},"tdt":"20260318","ttm":"053012","ttms":1773811812345,{},"h52wp":{},"h52wdt":"2025-08-11","l52wp":{},"l52wdt":"2026-02-06","ms":"ACTIVE","its":false,"dd":null,"mw":"NONE","tms":1773811812391,{},"st":"REALTIME"}}"#,
            list(&["op", "hp", "lp", "tp", "pcp", "atp"]),
            list(&["cp", "scp", "cr", "scr"]),
            list(&["tv", "atv"]),
            list(&["aav", "abv"]),
            number("h52wp"),
            number("l52wp"),
            list(&["atp24h", "atv24h"])
        );
        check("ticker", &message, &numbers);
    }
}

/// Every number in here, outer ones and those of units.
fn all_numbers(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| all_numbers(value, key, out)),
        Value::Array(elements) => elements.iter().for_each(|value| all_numbers(value, path, out)),
        Value::String(text) => {
            let is_quantity =
                !path.contains("date") && !path.contains("time") && Decimal::parse(text.as_bytes()).is_ok();
            assert!(!is_quantity, "{path} is a string");
        }
        Value::Number(_) => out.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn upbit_item_34_35_books_keep_their_numbers_in_any_spelling() {
    for n in 0..SPELLINGS.len() {
        let spelling = |more: usize| SPELLINGS[(n + more) % SPELLINGS.len()];
        let unit = |first: usize| {
            [("ap", 0), ("bp", 1), ("as", 2), ("bs", 3)]
                .map(|(key, more)| format!("\"{key}\":{}", spelling(first + more)))
        };
        let units = [unit(2).join(","), unit(6).join(",")];
        let message = format!(
            r#"{{"ty":"orderbook","cd":"KRW-IQ","tms":1773811812306,"tas":{},"tbs":{},"obu":[{{{}}},{{{}}}],"st":"REALTIME","lv":0}}"#,
            spelling(0),
            spelling(1),
            units[0],
            units[1]
        );
        check("orderbook", &message, &[("tas", "total_ask_size", spelling(0)), ("tbs", "total_bid_size", spelling(1))]);
        let lines = [(START_MS * 1_000_000, message)];
        let types = r#"{"type":"orderbook","codes":["KRW-IQ.5"],"is_only_realtime":true}"#;
        for format in ["DEFAULT", "SIMPLE"] {
            let frame = &answers(&lines, &["--derive", "never"], types, format)[0];
            let units = frame.split(['[', ']']).nth(1).expect("units");
            let numbers: Vec<_> = units.split(['{', '}', ',']).filter_map(|member| member.split_once("\":")).collect();
            for (more, (_, text)) in numbers.iter().take(8).enumerate() {
                assert_eq!(decimal(text), decimal(spelling(more + 2)), "{frame}");
            }
        }
    }
}

#[test]
fn upbit_item_34_what_comes_in_strings_goes_out_in_numbers() {
    let types = ["ticker", "trade", "orderbook", "candle.1m"]
        .map(|name| format!(r#"{{"type":"{name}","codes":["USDT-BTC"]}}"#))
        .join(",");
    let mut lines = crate::foreign(1);
    lines.truncate(600);
    let mut members = Vec::new();
    for frame in answers(&lines, &[], &types, "DEFAULT") {
        all_numbers(&json(&frame), "", &mut members);
    }
    members.sort();
    members.dedup();
    // Of four types: 20 of a ticker, 11 of a trade, 8 of a book, 7 of a candle, each name once.
    assert!(members.len() > 30, "{members:?}");
    // To the last digit, whatever the exchange filled up with zeros.
    let (_, original) = lines.iter().find(|(_, text)| text.contains("btcusdt@trade")).expect("a trade");
    let original = json(original);
    let frames = answers(&lines, &[], r#"{"type":"trade","codes":["USDT-BTC"]}"#, "DEFAULT");
    for (ours, theirs) in [("trade_price", "p"), ("trade_volume", "q")] {
        assert_eq!(crate::number(&frames[0], ours), decimal(original["data"][theirs].as_str().expect("a string")));
    }
}
