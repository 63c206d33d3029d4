//! Order books: how many units, in which order, and what they sum up to.

use serde_json::Value;
use tapecast::market::decimal::Decimal;

use crate::support::Server;
use crate::{START_MS, answers, decimal, is_quiet, keys, let_pass, next, open, serve};

pub const KEYS: [&str; 2] = [
    "type code timestamp total_ask_size total_bid_size orderbook_units stream_type level",
    "ty cd tms tas tbs obu st lv",
];

/// The numbers of one side of a book's units, in order: price and size of each.
pub fn side(frame: &str, prefix: &str) -> Vec<(Decimal, Decimal)> {
    let units = &frame[frame.find("_units\":[").expect("units")..];
    let member = |unit: &str, name: &str| {
        let rest = unit.split_once(&format!("\"{prefix}_{name}\":")).unwrap_or_else(|| panic!("{prefix}: {unit}")).1;
        decimal(&rest[..rest.find([',', '}']).expect("an end")])
    };
    let units = units[..units.find(']').expect("an end")].split('{').skip(1);
    units.map(|unit| (member(unit, "price"), member(unit, "size"))).collect()
}

fn sum(levels: &[(Decimal, Decimal)]) -> Decimal {
    levels.iter().fold(Decimal::ZERO, |sum, (_, size)| sum.checked_add(*size).expect("in range"))
}

/// Sees that a whole window is well formed, and that its totals are right to the last digit.
pub fn is_whole(frame: &str) {
    assert_eq!(keys(frame), KEYS[0]);
    for prefix in ["ask", "bid"] {
        let levels = side(frame, prefix);
        assert_eq!(levels.len(), 30, "{frame}");
        let there = levels.iter().position(|(price, _)| price.is_zero()).unwrap_or(30);
        assert!(levels[there..].iter().all(|(price, size)| price.is_zero() && size.is_zero()), "{frame}");
        assert!(levels[..there].iter().all(|(_, size)| !size.is_zero()), "{frame}");
        let is_sorted = |pair: &[(Decimal, Decimal)]| match prefix {
            "ask" => pair[0].0 < pair[1].0,
            _ => pair[0].0 > pair[1].0,
        };
        assert!(levels[..there].windows(2).all(is_sorted), "{prefix} {frame}");
        assert_eq!(crate::number(frame, &format!("total_{prefix}_size")), sum(&levels), "{frame}");
    }
}

#[test]
fn upbit_item_23_24_a_suffix_says_how_many_units_and_is_not_in_the_code() {
    let server = Server::start(&[]);
    for (suffix, units) in [("", 30), (".1", 1), (".5", 5), (".15", 15), (".30", 30), (".20", 30), (".2", 30)] {
        for flag in ["is_only_snapshot", "is_only_realtime"] {
            let request =
                format!(r#"[{{"ticket":"a"}},{{"type":"orderbook","codes":["KRW-BTC{suffix}"],"{flag}":true}}]"#);
            let event = next(&mut open(&server, &request));
            assert_eq!(event["code"], "KRW-BTC");
            assert_eq!(event["orderbook_units"].as_array().unwrap().len(), units, "{suffix}");
        }
    }
}

#[test]
fn upbit_item_25_26_every_window_is_whole_and_sums_up() {
    let server = Server::start(&["--speed", "20x"]);
    let types = r#"{"type":"orderbook","codes":["KRW-BTC","KRW-XRP","BTC-ETH","USDT-BTC"]}"#;
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{types}]"#));
    for _ in 0..200 {
        is_whole(client.next().expect("the connection lasts").text());
    }
}

/// A book of three units as it was recorded in 2021, the last without an ask.
fn thin_book(code: &str, ms: i64) -> (i64, String) {
    let message = format!(
        r#"{{"ty":"orderbook","cd":"{code}","tms":{ms},"tas":0.30000000,"tbs":6.00077720,"obu":[{{"ap":1918.0,"bp":1917.0,"as":0.1,"bs":7.772E-4}},{{"ap":1925.0,"bp":1916.0,"as":0.2,"bs":1.0}},{{"ap":0,"bp":1910.0,"as":0.0,"bs":5.0}}],"st":"REALTIME"}}"#
    );
    (ms * 1_000_000, message)
}

#[test]
fn upbit_item_25_26_thin_windows_are_filled_up_and_their_totals_are_those_of_the_window() {
    let lines = [thin_book("KRW-IQ", START_MS)];
    let types = |suffix: &str| format!(r#"{{"type":"orderbook","codes":["KRW-IQ{suffix}"]}}"#);
    let frames = answers(&lines, &[], &types(""), "DEFAULT");
    is_whole(&frames[0]);
    assert_eq!(side(&frames[0], "ask").iter().filter(|(price, _)| !price.is_zero()).count(), 2);
    assert_eq!(side(&frames[0], "bid").iter().filter(|(price, _)| !price.is_zero()).count(), 3);
    let short = answers(&lines, &[], &types(".1"), "DEFAULT");
    for total in ["total_ask_size", "total_bid_size"] {
        assert_eq!(crate::number(&short[0], total), crate::number(&frames[0], total), "{total}");
    }
}

#[test]
fn upbit_item_28_the_level_is_a_number_and_0_without_one() {
    let server = Server::start(&[]);
    for (asked, told) in
        [("", 0), (r#","level":0"#, 0), (r#","level":100000"#, 100_000), (r#","level":"100000""#, 100_000)]
    {
        let request = format!(r#"[{{"ticket":"a"}},{{"type":"orderbook","codes":["KRW-BTC"]{asked}}}]"#);
        let mut client = open(&server, &request);
        for _ in 0..3 {
            assert_eq!(next(&mut client)["level"], Value::from(told), "{asked}");
        }
    }
}

#[test]
fn upbit_item_29_a_level_is_silent_where_a_market_has_none() {
    let server = Server::start(&["--speed", "20x", "--writers", "1"]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"orderbook","codes":["BTC-ETH","USDT-BTC"],"level":10},{"type":"orderbook","codes":["KRW-BTC"],"level":3}]"#,
    );
    let mut witness = open(&server, r#"[{"ticket":"a"},{"type":"orderbook","codes":["BTC-ETH","USDT-BTC"]}]"#);
    let_pass(&mut witness, 20);
    is_quiet(&mut client);
}

#[test]
fn upbit_item_30_levels_differ_from_object_to_object() {
    let lines = [thin_book("KRW-IQ", START_MS), thin_book("KRW-XRP", START_MS + 1)];
    let (_folder, server) = serve(&lines, &[]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"orderbook","codes":["KRW-IQ"],"level":10},{"type":"orderbook","codes":["KRW-XRP"],"level":100},{"type":"orderbook","codes":["KRW-IQ"]}]"#,
    );
    let frames = crate::rest(&mut client);
    let mut told: Vec<_> = frames.iter().map(|frame| crate::json(frame.text())).collect();
    told.sort_by_key(|event| (event["code"].as_str().map(str::to_owned), event["level"].as_i64()));
    let brief: Vec<_> = told
        .iter()
        .map(|event| (event["code"].as_str().unwrap(), &event["level"], &event["orderbook_units"][0]["ask_price"]))
        .collect();
    let [zero, ten, hundred] = [0, 10, 100].map(Value::from);
    let [plain, tens, hundreds] = [1918.0, 1920.0, 2000.0].map(Value::from);
    assert_eq!(brief, [("KRW-IQ", &zero, &plain), ("KRW-IQ", &ten, &tens), ("KRW-XRP", &hundred, &hundreds)]);
}
