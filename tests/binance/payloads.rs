//! What stands in events: every member of every kind, its place, its type and its width.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::support::Client;
use crate::{START_MS, bare, int, json, rest, serve, synthetic};

/// Members of an object with their text, in the order of the wire.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// What each kind of event consists of. `8` and `3`: decimals in strings with so many places; `T`: a time of 13 digits,
/// `I`: a whole number, `B`: a boolean, `S`: the symbol, `L`: levels; anything else is that very text.
const TRADE: &str = r#"e="trade" E=T s=S t=I p=8 q=8 T=T m=B M=true"#;
const AGG_TRADE: &str = r#"e="aggTrade" E=T s=S a=I p=8 q=8 f=I l=I T=T m=B M=true"#;
const BOOK_TICKER: &str = "u=I s=S b=8 B=8 a=8 A=8";
const PARTIAL: &str = "lastUpdateId=I bids=L asks=L";
const DEPTH: &str = r#"e="depthUpdate" E=T s=S U=I u=I b=L a=L"#;
const KLINE: &str = r#"e="kline" E=T s=S k=K"#;
const CANDLE: &str = r#"t=T T=T s=S i=interval f=I L=I o=8 c=8 h=8 l=8 v=8 n=I x=B q=8 V=8 Q=8 B="0""#;
const TICKER: &str =
    r#"e="24hrTicker" E=T s=S p=8 P=3 w=8 x=8 c=8 Q=8 b=8 B=8 a=8 A=8 o=8 h=8 l=8 v=8 q=8 O=T C=T F=I L=I n=I"#;
const MINI_TICKER: &str = r#"e="24hrMiniTicker" E=T s=S c=8 o=8 h=8 l=8 v=8 q=8"#;
const WINDOW: &str = r#"e=window E=T s=S p=8 P=3 o=8 h=8 l=8 c=8 w=8 v=8 q=8 O=T C=T F=I L=I n=I"#;
const AVERAGE: &str = r#"e="avgPrice" E=T s=S i="5m" w=8 T=T"#;

/// The streams of a symbol and what comes on them.
const KINDS: [(&str, &str); 23] = [
    ("trade", TRADE),
    ("aggTrade", AGG_TRADE),
    ("bookTicker", BOOK_TICKER),
    ("depth", DEPTH),
    ("depth@100ms", DEPTH),
    ("depth5", PARTIAL),
    ("depth10", PARTIAL),
    ("depth20", PARTIAL),
    ("depth5@100ms", PARTIAL),
    ("depth10@100ms", PARTIAL),
    ("depth20@100ms", PARTIAL),
    ("kline_1s", KLINE),
    ("kline_1m", KLINE),
    ("kline_1M", KLINE),
    ("kline_1d@+08:00", KLINE),
    ("kline_12h@+08:00", KLINE),
    ("ticker", TICKER),
    ("miniTicker", MINI_TICKER),
    ("ticker_1h", WINDOW),
    ("ticker_4h", WINDOW),
    ("ticker_1d", WINDOW),
    ("avgPrice", AVERAGE),
    ("kline_3d", KLINE),
];

fn is_decimal(text: &str, places: usize) -> bool {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or("");
    let (whole, rest) = inner.strip_prefix('-').unwrap_or(inner).split_once('.').unwrap_or(("", ""));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(rest) && rest.len() == places && (whole == "0" || !whole.starts_with('0'))
}

fn is_levels(text: &str) -> bool {
    let levels: Vec<[String; 2]> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    serde_json::to_string(&levels).unwrap() == text
        && levels.iter().flatten().all(|number| is_decimal(&format!("\"{number}\""), 8))
}

/// Checks one object against its description, to the byte.
fn check(text: &str, description: &str, symbol: &str, kind: &str) {
    let Members(members) = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let described: Vec<(&str, &str)> = description.split(' ').filter_map(|member| member.split_once('=')).collect();
    let order = |names: Vec<&str>| names.join(" ");
    assert_eq!(
        order(members.iter().map(|(name, _)| name.as_str()).collect()),
        order(described.iter().map(|(name, _)| *name).collect()),
        "{text}"
    );
    let rebuilt: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    assert_eq!(text, format!("{{{}}}", rebuilt.join(",")), "compact");
    let (head, rest) = kind.split_once('_').unwrap_or((kind, ""));
    for ((name, value), (_, type_)) in members.iter().zip(described) {
        let value = value.get();
        let is_right = match type_ {
            "8" => is_decimal(value, 8),
            "3" => is_decimal(value, 3),
            "T" => value.len() == 13 && value.parse::<u64>().is_ok(),
            "I" => value.parse::<i64>().is_ok_and(|number| number >= -1),
            "B" => value == "true" || value == "false",
            "S" => value == format!("\"{symbol}\""),
            "L" => is_levels(value),
            "K" => {
                check(value, CANDLE, symbol, kind);
                true
            }
            "interval" => head == "kline" && value == format!("\"{}\"", rest.split('@').next().unwrap()),
            "window" => value == format!("\"{rest}Ticker\""),
            literal => value == literal,
        };
        assert!(is_right, "{name}, which should be {type_}, in {text}");
    }
}

/// 52 to 56, 58 to 60 and 64, as far as they speak of members: each event of each stream, of two symbols, as the tape
/// has it and derived, wrapped and bare.
#[test]
fn binance_item_52_to_56_58_59_60_64_every_member_of_every_event_has_its_place_type_and_width() {
    let symbols = ["BTCUSDT", "ETHUSDT"];
    for (lines, derive) in [(synthetic(1), "auto"), (bare(synthetic(1)), "always")] {
        let names: Vec<String> = symbols
            .iter()
            .flat_map(|symbol| KINDS.map(|(kind, _)| format!("{}@{kind}", symbol.to_lowercase())))
            .chain(["!miniTicker@arr", "!ticker@arr", "!ticker_1h@arr"].map(str::to_owned))
            .collect();
        let (_folder, server) = serve(&lines, &["--derive", derive]);
        let mut client = Client::open(&server, &format!("/stream?streams={}", names.join("/")));
        let mut seen = BTreeMap::<String, usize>::new();
        for frame in rest(&mut client) {
            assert_eq!(frame.opcode, 1);
            let inner = frame.text().strip_prefix(r#"{"stream":""#).and_then(|text| text.strip_suffix('}'));
            let (stream, data) = inner.and_then(|text| text.split_once(r#"","data":"#)).expect("a wrapper");
            *seen.entry(stream.to_owned()).or_default() += 1;
            if let Some(kind) = stream.strip_prefix('!') {
                let tickers: Vec<Box<RawValue>> = serde_json::from_str(data).expect("an array");
                let texts: Vec<&str> = tickers.iter().map(|ticker| ticker.get()).collect();
                assert_eq!(data, format!("[{}]", texts.join(",")), "compact");
                let kind = kind.split('@').next().unwrap();
                let description = KINDS.iter().find(|(name, _)| *name == kind).expect("a kind").1;
                for text in texts {
                    let symbol = json(text)["s"].as_str().expect("a symbol").to_owned();
                    assert_eq!(symbol, symbol.to_uppercase());
                    check(text, description, &symbol, kind);
                }
                continue;
            }
            let (symbol, kind) = stream.split_once('@').unwrap();
            // 54: the name is lower case, what stands in the event is not.
            assert_eq!(symbol, symbol.to_lowercase());
            let description = KINDS.iter().find(|(name, _)| *name == kind).expect("a kind").1;
            check(data, description, &symbol.to_uppercase(), kind);
        }
        let silent: Vec<&String> = names.iter().filter(|name| !seen.contains_key(*name)).collect();
        assert!(silent.is_empty(), "{derive}: silent: {silent:?}");
    }
}

/// 55: order ids, as tapes from before 2024-06 have them, are not passed on.
#[test]
fn binance_item_55_a_trade_has_no_order_ids() {
    let line = |id: i64| {
        let time = START_MS + id;
        let data = format!(
            r#"{{"e":"trade","E":{time},"s":"BTCUSDT","t":{id},"p":"1.50000000","q":"2.00000000","b":71,"a":72,"T":{time},"m":true,"M":true}}"#
        );
        (time * 1_000_000, format!(r#"{{"stream":"btcusdt@trade","data":{data}}}"#))
    };
    let (_folder, server) = serve(&(0..5).map(line).collect::<Vec<_>>(), &[]);
    let frames = rest(&mut Client::open(&server, "/ws/btcusdt@trade"));
    assert_eq!(frames.len(), 5);
    frames.iter().for_each(|frame| check(frame.text(), TRADE, "BTCUSDT", "trade"));
}

/// 56: aggregate trades follow one another, and each covers the trades of one order.
#[test]
fn binance_item_56_aggregate_trades_cover_the_trades() {
    let (_folder, server) = serve(&bare(synthetic(1)), &["--derive", "always"]);
    let mut client = Client::open(&server, "/stream?streams=btcusdt@trade/btcusdt@aggTrade");
    let (mut trades, mut groups) = (BTreeMap::new(), Vec::new());
    for frame in rest(&mut client) {
        let mut event = json(frame.text());
        let data = event["data"].take();
        if event["stream"] == "btcusdt@trade" {
            trades.insert(int(&data, "t"), data);
        } else {
            check(&data_of(frame.text()), AGG_TRADE, "BTCUSDT", "aggTrade");
            groups.push(data);
        }
    }
    assert!(groups.len() > 100);
    for pair in groups.windows(2) {
        assert_eq!(int(&pair[1], "a"), int(&pair[0], "a") + 1);
        assert_eq!(int(&pair[1], "f"), int(&pair[0], "l") + 1);
    }
    for group in &groups {
        let mut size = 0;
        for id in int(group, "f")..=int(group, "l") {
            let trade = &trades[&id];
            assert!(["p", "T", "m"].iter().all(|member| trade[member] == group[member]), "{group} has {trade}");
            size += units(&trade["q"]);
        }
        assert_eq!(size, units(&group["q"]), "{group}");
    }
    assert!(groups.iter().any(|group| int(group, "l") > int(group, "f")), "some cover several");
}

fn data_of(text: &str) -> String {
    text.split_once(r#","data":"#).and_then(|(_, data)| data.strip_suffix('}')).expect("a wrapper").to_owned()
}

/// A decimal of eight places in units of 1e-8.
fn units(value: &serde_json::Value) -> i64 {
    value.as_str().expect("a string").replace('.', "").parse().expect("a decimal")
}

/// 58: the best of the book, one event per change of it, with the id of the change.
#[test]
fn binance_item_58_a_book_ticker_tells_each_change_of_the_best() {
    let (_folder, server) = serve(&bare(synthetic(1)), &["--derive", "always"]);
    let mut last = None;
    let frames = rest(&mut Client::open(&server, "/ws/btcusdt@bookTicker"));
    assert!(frames.len() > 50);
    for frame in frames {
        check(frame.text(), BOOK_TICKER, "BTCUSDT", "bookTicker");
        let event = json(frame.text());
        let best = ["b", "B", "a", "A"].map(|member| units(&event[member]));
        assert!(best[0] < best[2], "{event}");
        if let Some((id, before)) = last.replace((int(&event, "u"), best)) {
            assert!(int(&event, "u") > id && best != before, "{event}");
        }
    }
}

/// 59: a book of more than 20 levels a side; each event has as many as its name says, best first.
#[test]
fn binance_item_59_a_partial_book_has_its_levels_best_first() {
    let names: Vec<&str> = KINDS.iter().filter(|(_, what)| *what == PARTIAL).map(|(kind, _)| *kind).collect();
    let streams: Vec<String> = names.iter().map(|kind| format!("btcusdt@{kind}")).collect();
    let (_folder, server) = serve(&bare(synthetic(1)), &["--derive", "always"]);
    let frames = rest(&mut Client::open(&server, &format!("/stream?streams={}", streams.join("/"))));
    let mut seen = BTreeMap::<String, Vec<serde_json::Value>>::new();
    for frame in frames {
        check(&data_of(frame.text()), PARTIAL, "BTCUSDT", "depth");
        let mut event = json(frame.text());
        seen.entry(event["stream"].as_str().unwrap().to_owned()).or_default().push(event["data"].take());
    }
    for (kind, stream) in names.iter().zip(&streams) {
        let most: usize = kind[5..].split('@').next().unwrap().parse().unwrap();
        let mut ids = BTreeSet::new();
        for event in &seen[stream] {
            let prices = |side: &str| event[side].as_array().unwrap().iter().map(|l| units(&l[0])).collect::<Vec<_>>();
            let (bids, asks) = (prices("bids"), prices("asks"));
            assert_eq!((bids.len(), asks.len()), (most, most), "{stream}: the book has more than it may show");
            assert!(bids.windows(2).all(|pair| pair[0] > pair[1]) && asks.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(bids[0] < asks[0]);
            assert!(ids.insert(int(event, "lastUpdateId")), "{stream}: told twice");
        }
        let events = seen[stream].len();
        assert!(if kind.contains('@') { events > 300 } else { (50..=61).contains(&events) }, "{stream}: {events}");
    }
}

/// 60: one side changes, the other is an empty array; at both paces.
#[test]
fn binance_item_60_an_untouched_side_is_an_empty_array() {
    let line = |id: i64, ms: i64, bids: &str, asks: &str| {
        let time = START_MS + ms;
        let data =
            format!(r#"{{"e":"depthUpdate","E":{time},"s":"BTCUSDT","U":{id},"u":{id},"b":[{bids}],"a":[{asks}]}}"#);
        (time * 1_000_000, format!(r#"{{"stream":"btcusdt@depth@100ms","data":{data}}}"#))
    };
    let level = r#"["65432.10000000","0.00000000"]"#;
    let lines = [line(1, 0, level, ""), line(2, 1_000, "", level), line(3, 2_000, level, ""), line(4, 3_000, "", "")];
    for stream in ["btcusdt@depth@100ms", "btcusdt@depth"] {
        let (_folder, server) = serve(&lines, &["--derive", "always"]);
        let frames = rest(&mut Client::open(&server, &format!("/ws/{stream}")));
        assert!(frames.len() >= 3, "{stream}");
        for (frame, (bids, asks)) in frames.iter().zip([(level, ""), ("", level), (level, "")]) {
            check(frame.text(), DEPTH, "BTCUSDT", "depth");
            assert!(frame.text().ends_with(&format!(r#","b":[{bids}],"a":[{asks}]}}"#)), "{}", frame.text());
        }
    }
}
