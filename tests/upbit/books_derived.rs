//! Order books that are derived: from the snapshots and changes of a venue that has no windows.

use std::collections::BTreeMap;

use crate::books::{is_whole, side};
use crate::{START_MS, answers, decimal, foreign, int, json};

/// A snapshot of Binance with so many levels on each side, from 1,000 up and from 999 down, and the ids it ends with.
fn snapshot(levels: i64) -> (i64, String) {
    let side = |price: &dyn Fn(i64) -> i64| {
        let levels: Vec<_> = (0..levels).map(|n| format!(r#"["{}.00000000","1.00000000"]"#, price(n))).collect();
        levels.join(",")
    };
    let message =
        format!(r#"{{"lastUpdateId":100,"bids":[{}],"asks":[{}]}}"#, side(&|n| 999 - n), side(&|n| 1_000 + n));
    (START_MS * 1_000_000, message)
}

/// A change of one ask, `ms` after the beginning.
fn change(id: i64, ms: i64, price: &str, size: &str) -> (i64, String) {
    let time = START_MS + ms;
    let message = format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{time},"s":"BTCUSDT","U":{id},"u":{id},"b":[],"a":[["{price}","{size}"]]}}}}"#
    );
    (time * 1_000_000, message)
}

const TYPES: &str = r#"{"type":"orderbook","codes":["USDT-BTC","USDT-ETH"]}"#;

#[test]
fn upbit_item_25_26_derived_windows_are_whole_and_sum_up() {
    let frames = answers(&foreign(1), &[], TYPES, "DEFAULT");
    assert!(frames.len() > 500, "{}", frames.len());
    frames.iter().for_each(|frame| is_whole(frame));
}

#[test]
fn upbit_item_27_a_derived_book_is_told_once_in_100_ms_and_only_where_it_has_changed() {
    let frames = answers(&foreign(1), &[], TYPES, "DEFAULT");
    let mut last = BTreeMap::new();
    for frame in &frames {
        let event = json(frame);
        let code = event["code"].as_str().expect("a code").to_owned();
        // All that changes within a hundred milliseconds is told at their end, with the time of the last change.
        let hundred = int(&event, "timestamp").div_euclid(100);
        if let Some((before, units)) = last.insert(code, (hundred, event["orderbook_units"].clone())) {
            assert!(before < hundred, "{frame}");
            assert_ne!(units, event["orderbook_units"], "{frame}");
        }
    }
}

#[test]
fn upbit_item_27_what_changes_nothing_in_the_window_is_not_told() {
    let lines = [
        snapshot(40),
        change(101, 110, "1000.00000000", "2.00000000"),
        // Several within one hundred milliseconds.
        change(102, 210, "1000.00000000", "3.00000000"),
        change(103, 250, "1000.00000000", "4.00000000"),
        change(104, 290, "1000.00000000", "5.00000000"),
        // The same again, and what lies below the window.
        change(105, 410, "1000.00000000", "5.00000000"),
        change(106, 510, "1035.00000000", "9.00000000"),
        // There and back.
        change(107, 610, "1001.00000000", "7.00000000"),
        change(108, 650, "1001.00000000", "1.00000000"),
        change(109, 810, "1000.00000000", "6.00000000"),
        change(110, 990, "1000.00000000", "6.00000000"),
        change(111, 5_010, "1000.00000000", "6.00000000"),
    ];
    let types = r#"{"type":"orderbook","codes":["USDT-BTC"]}"#;
    let frames = answers(&lines, &[], types, "DEFAULT");
    let told: Vec<_> = frames.iter().map(|frame| side(frame, "ask")[0].1).collect();
    assert_eq!(told, ["2", "5", "6"].map(decimal), "{frames:#?}");
    let times: Vec<_> = frames.iter().map(|frame| int(&json(frame), "timestamp") - START_MS).collect();
    assert_eq!(times, [110, 290, 810]);
}
