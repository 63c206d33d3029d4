//! How much REST gives at the most, what it says to wrong requests, and in which unit its times are.

use crate::support::{Client, Server, tape};
use crate::{START_MS, json};
use serde_json::Value;

/// A book of 6,000 levels a side, kept from a snapshot and a change.
fn deep_book() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let side = |step: i64| -> String {
        let level = |n: i64| format!(r#"["{}.00000000","1.50000000"]"#, 50_000 + step * (n + 1));
        (0..6_000).map(level).collect::<Vec<_>>().join(",")
    };
    let snapshot = format!(r#"{{"lastUpdateId":100,"bids":[{}],"asks":[{}]}}"#, side(-1), side(1));
    let change = |number: i64, ms: i64| {
        let event = format!(
            r#"{{"e":"depthUpdate","E":{ms},"s":"BTCUSDT","U":{number},"u":{number},"b":[["49999.00000000","2.00000000"]],"a":[]}}"#
        );
        (ms * 1_000_000, format!(r#"{{"stream":"btcusdt@depth@100ms","data":{event}}}"#))
    };
    let lines = [
        change(100, START_MS),
        ((START_MS + 10) * 1_000_000, snapshot),
        change(101, START_MS + 100),
        change(102, START_MS + 200),
    ];
    let path = tape(&folder, "deep.jsonl", &lines);
    let server = Server::start(&["--feed", &path, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/ws/btcusdt@depth@100ms");
    while json(client.next_event().text())["u"] != 102 {}
    (folder, server)
}

fn levels(depth: &Value, side: &str) -> usize {
    depth[side].as_array().expect("levels").len()
}

#[test]
fn binance_item_75_depth_is_clamped_at_5000_and_defaults_to_100() {
    let (_folder, server) = deep_book();
    for (query, count) in
        [("", 100), ("&limit=5", 5), ("&limit=5000", 5_000), ("&limit=5001", 5_000), ("&limit=100000", 5_000)]
    {
        let (status, _, body) = server.get(&format!("/api/v3/depth?symbol=BTCUSDT{query}"));
        let depth = json(&body);
        assert_eq!((status, levels(&depth, "bids"), levels(&depth, "asks")), (200, count, count), "{query}");
        assert_eq!(depth["lastUpdateId"], 102);
        assert_eq!(depth["bids"][0], serde_json::json!(["49999.00000000", "2.00000000"]));
        assert_eq!(depth["asks"][0], serde_json::json!(["50001.00000000", "1.50000000"]));
    }
}

#[test]
fn binance_item_78_an_unknown_symbol_is_minus_1121_everywhere() {
    let server = Server::start(&[]);
    for path in [
        "depth?symbol=NOSUCH",
        "trades?symbol=NOSUCH",
        "historicalTrades?symbol=NOSUCH",
        "aggTrades?symbol=NOSUCH",
        "klines?symbol=NOSUCH&interval=1m",
        "uiKlines?symbol=NOSUCH&interval=1m",
        "avgPrice?symbol=NOSUCH",
        "ticker/24hr?symbol=NOSUCH",
        "ticker/tradingDay?symbol=NOSUCH",
        "ticker?symbol=NOSUCH",
        "ticker/price?symbol=NOSUCH",
        "ticker/bookTicker?symbols=[%22NOSUCH%22]",
        "exchangeInfo?symbol=NOSUCH",
        "historicalBlockTrades?symbol=NOSUCH&fromId=1",
        "referencePrice?symbol=NOSUCH",
    ] {
        let (status, _, body) = server.get(&format!("/api/v3/{path}"));
        assert_eq!((status, body.as_str()), (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#), "{path}");
    }
}

/// All whole numbers of 13 and of 16 digits in an answer.
fn times(value: &Value, found: &mut [usize; 2]) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| times(item, found)),
        Value::Object(members) => members.values().for_each(|item| times(item, found)),
        Value::Number(number) => match number.to_string().len() {
            13 => found[0] += 1,
            16 => found[1] += 1,
            _ => {}
        },
        _ => {}
    }
}

#[test]
fn binance_item_79_every_time_of_every_answer_is_in_the_unit_of_the_header() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/ws/btcusdt@trade");
    client.next_event();
    for path in [
        "time",
        "trades?symbol=BTCUSDT&limit=3",
        "aggTrades?symbol=BTCUSDT&limit=3",
        "klines?symbol=BTCUSDT&interval=1m&limit=2",
        "uiKlines?symbol=BTCUSDT&interval=1m&limit=2",
        "avgPrice?symbol=BTCUSDT",
        "ticker/24hr?symbol=BTCUSDT",
        "ticker?symbol=BTCUSDT",
        "ticker/tradingDay?symbol=BTCUSDT",
        "exchangeInfo?symbol=BTCUSDT",
    ] {
        for (header, unit) in
            [("", 0), ("X-MBX-TIME-UNIT: MILLISECOND\r\n", 0), ("X-MBX-TIME-UNIT: microsecond\r\n", 1)]
        {
            let (status, _, body) = server.get_with(&format!("/api/v3/{path}"), header);
            assert_eq!(status, 200, "{path}: {body}");
            let mut found = [0, 0];
            times(&json(&body), &mut found);
            assert!(found[unit] > 0 && found[1 - unit] == 0, "{path} {header} {found:?} {body}");
        }
    }
    // Parameters may be in either unit.
    let first =
        json(&server.get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1").2)[0][0].as_i64().expect("a time");
    for start in [first, first * 1_000] {
        let klines =
            json(&server.get(&format!("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={start}&limit=1")).2);
        assert_eq!(klines[0][0].as_i64(), Some(first), "{start}");
    }
}
