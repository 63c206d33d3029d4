//! Quotations by REST that look back: trades and candles.

use serde_json::{Value, json};

use crate::rest::{DAY_MS, get, keys, parse, played, trade};
use crate::support::tape;

#[test]
fn upbit_item_58_trades_come_newest_first_and_page_by_id_day_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let second = |day: i64, second: i64| DAY_MS + day * 86_400_000 + second * 1_000;
    let lines = [
        trade("KRW-IQ", second(-2, 50), 0, "1", "1", "BID"),
        trade("KRW-IQ", second(-1, 3_600), 0, "2", "1", "BID"),
        trade("KRW-IQ", second(-1, 7_200), 0, "3", "1", "BID"),
        trade("KRW-IQ", second(0, 10), 0, "4", "1", "BID"),
        trade("KRW-IQ", second(0, 20), 1, "6", "1", "BID"),
        // Later on the wire, earlier at the exchange; and one that comes twice.
        trade("KRW-IQ", second(0, 20), 0, "5", "0.25", "ASK"),
        trade("KRW-IQ", second(0, 20), 0, "5", "0.25", "ASK"),
    ];
    let path = tape(&folder, "upbit.jsonl", &lines);
    let server = played(&["--feed", &path, "--speed", "max"], 7);
    let (_, _, body) = server.get("/v1/trades/ticks?market=KRW-IQ");
    assert_eq!(
        keys(&body),
        "market trade_date_utc trade_time_utc timestamp trade_price trade_volume prev_closing_price change_price ask_bid \
         sequential_id"
    );
    let prices = |query: &str| -> Vec<i64> {
        let trades = get(&server, &format!("trades/ticks?market=KRW-IQ{query}"));
        trades.as_array().unwrap().iter().map(|trade| trade["trade_price"].as_i64().unwrap()).collect()
    };
    assert_eq!(prices(""), [6]);
    assert_eq!(prices("&count=500"), [6, 5, 4, 3, 2, 1]);
    assert_eq!(prices("&count=9&to=00:00:20"), [4, 3, 2, 1]);
    assert_eq!(prices("&count=2&to=000020"), [4, 3]);
    assert_eq!(prices("&count=9&days_ago=1"), [3, 2]);
    assert_eq!(prices("&count=9&daysAgo=1&to=020000"), [2]);
    assert_eq!(prices("&count=9&days_ago=7"), [] as [i64; 0]);
    let (_, _, body) = server.get("/v1/trades/ticks?market=KRW-IQ&cursor=1617580820000001");
    let expected = r#"[{"market":"KRW-IQ","trade_date_utc":"2021-04-05","trade_time_utc":"00:00:20","timestamp":1617580820000,"trade_price":5,"trade_volume":0.25,"prev_closing_price":43.2,"change_price":-2,"ask_bid":"ASK","sequential_id":1617580820000000}]"#;
    assert_eq!(body, expected);
}

/// 2024-01-01 00:00:00 UTC, a Monday, in milliseconds.
const NEW_YEAR_MS: i64 = 1_704_067_200_000;

/// A tape whose trades fall into two weeks, months and years, and the price of bitcoin beside them.
fn candle_tape(folder: &tempfile::TempDir) -> (String, u64) {
    let at = |ms: i64| NEW_YEAR_MS + ms;
    let lines = [
        trade("BTC-IQ", at(-120_000), 0, "0.5", "1", "BID"),
        trade("BTC-IQ", at(-60_000), 0, "2", "2", "BID"),
        trade("KRW-BTC", at(500), 0, "1.0E7", "1", "BID"),
        trade("BTC-IQ", at(1_000), 0, "3", "1", "BID"),
        trade("BTC-IQ", at(1_999), 0, "5.0E-4", "0.5", "ASK"),
        trade("BTC-IQ", at(61_000), 0, "4", "1.00000000", "BID"),
        trade("BTC-IQ", at(180_000), 0, "1.5", "2", "BID"),
    ];
    (tape(folder, "upbit.jsonl", &lines), lines.len() as u64)
}

#[test]
fn upbit_item_58_candles_come_newest_first_and_only_where_something_was_traded() {
    let folder = tempfile::tempdir().unwrap();
    let (path, messages) = candle_tape(&folder);
    let server = played(&["--feed", &path, "--speed", "max"], messages);
    let (_, _, body) = server.get("/v1/candles/minutes/1?market=BTC-IQ&count=2&to=2024-01-01T00:03:00Z");
    let expected = concat!(
        r#"[{"market":"BTC-IQ","candle_date_time_utc":"2024-01-01T00:01:00","candle_date_time_kst":"2024-01-01T09:01:00","#,
        r#""opening_price":4,"high_price":4,"low_price":4,"trade_price":4,"timestamp":1704067261082,"#,
        r#""candle_acc_trade_price":4,"candle_acc_trade_volume":1,"unit":1},"#,
        r#"{"market":"BTC-IQ","candle_date_time_utc":"2024-01-01T00:00:00","candle_date_time_kst":"2024-01-01T09:00:00","#,
        r#""opening_price":3,"high_price":3,"low_price":0.0005,"trade_price":0.0005,"timestamp":1704067202081,"#,
        r#""candle_acc_trade_price":3.00025,"candle_acc_trade_volume":1.5,"unit":1}]"#
    );
    assert_eq!(body, expected);
    let starts = |query: &str| -> Vec<String> {
        let candles = get(&server, &format!("candles/{query}"));
        let starts = candles.as_array().unwrap().iter().map(|candle| candle["candle_date_time_utc"].as_str().unwrap());
        starts.map(str::to_owned).collect()
    };
    assert_eq!(starts("minutes/1?market=BTC-IQ").len(), 1, "one unless more are asked for");
    assert_eq!(
        starts("minutes/3?market=BTC-IQ&count=3"),
        ["2024-01-01T00:03:00", "2024-01-01T00:00:00", "2023-12-31T23:57:00"]
    );
    assert_eq!(starts("minutes/240?market=BTC-IQ&count=200"), ["2024-01-01T00:00:00", "2023-12-31T20:00:00"]);
    assert_eq!(
        starts("seconds?market=BTC-IQ&count=200&to=2024-01-01+00:01:01"),
        ["2024-01-01T00:00:01", "2023-12-31T23:59:00", "2023-12-31T23:58:00"]
    );
    // The same instant in three spellings; a candle that begins there is not told.
    for to in ["2024-01-01T00:03:00Z", "2024-01-01%2000:03:00", "2024-01-01T09:03:00%2B09:00"] {
        assert_eq!(starts(&format!("minutes/1?market=BTC-IQ&to={to}")), ["2024-01-01T00:01:00"], "{to}");
    }
}

#[test]
fn upbit_item_58_longer_candles_have_members_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (path, messages) = candle_tape(&folder);
    let server = played(&["--feed", &path, "--speed", "max"], messages);
    let (_, _, body) = server.get("/v1/candles/days?market=BTC-IQ&count=2&convertingPriceUnit=KRW");
    let expected = concat!(
        r#"[{"market":"BTC-IQ","candle_date_time_utc":"2024-01-01T00:00:00","candle_date_time_kst":"2024-01-01T09:00:00","#,
        r#""opening_price":3,"high_price":4,"low_price":0.0005,"trade_price":1.5,"timestamp":1704067380082,"#,
        r#""candle_acc_trade_price":10.00025,"candle_acc_trade_volume":4.5,"prev_closing_price":43.2,"#,
        r#""change_price":-41.7,"change_rate":-0.9652777778,"converted_trade_price":15000000},"#
    );
    assert!(body.starts_with(expected), "{body}");
    let days = parse(&body);
    assert_eq!(days[1]["converted_trade_price"], Value::Null, "no price of bitcoin on that day");
    assert!(get(&server, "candles/days?market=BTC-IQ")[0].get("converted_trade_price").is_none());
    for (length, first_days) in [
        ("weeks", ["2024-01-01", "2023-12-25"]),
        ("months", ["2024-01-01", "2023-12-01"]),
        ("years", ["2024-01-01", "2023-01-01"]),
    ] {
        let (_, _, body) = server.get(&format!("/v1/candles/{length}?market=BTC-IQ&count=9"));
        assert_eq!(
            keys(&body),
            "market candle_date_time_utc candle_date_time_kst opening_price high_price low_price trade_price timestamp \
             candle_acc_trade_price candle_acc_trade_volume first_day_of_period"
        );
        let candles = parse(&body);
        let told: Vec<&str> =
            candles.as_array().unwrap().iter().map(|c| c["first_day_of_period"].as_str().unwrap()).collect();
        assert_eq!(told, first_days, "{length}");
    }
    let years = get(&server, "candles/years?market=BTC-IQ&to=2024-01-01T00:00:00Z");
    assert_eq!((&years[0]["opening_price"], &years[0]["trade_price"]), (&json!(0.5), &json!(2)));
    assert_eq!(years[0]["candle_acc_trade_volume"], 3);
}
