//! Formats: of a request, and from then on of the whole connection.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Client, Server};
use crate::{LIST, code, json, keys, kind, open, stream_type};
use crate::{books, tickers, trades};

const TYPES: &str = r#"{"type":"ticker","codes":["KRW-BTC"]},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC"]},{"type":"candle.1s","codes":["KRW-BTC"]}"#;

const CANDLE: [&str; 2] = [
    "type code candle_date_time_utc candle_date_time_kst opening_price high_price low_price trade_price candle_acc_trade_volume candle_acc_trade_price timestamp stream_type",
    "ty cd cdttmu cdttmk op hp lp tp catv catp tms st",
];

const UNIT: [&str; 2] = ["ask_price bid_price ask_size bid_size", "ap bp as bs"];

/// Reads until snapshot and news of all four types have come, and sees that all of it is in the format.
fn all_types_are_in(client: &mut Client, format: &str) {
    let (is_short, is_list) = (format.starts_with("SIMPLE"), format.ends_with("LIST"));
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let frame = client.next().expect("the connection lasts");
        let text = frame.text();
        let objects = match json(text) {
            Value::Array(objects) if is_list => objects,
            object @ Value::Object(_) if !is_list => vec![object],
            _ => panic!("{format}: {text}"),
        };
        assert_eq!(objects.len(), 1, "one event in a list");
        let text = if is_list { &text[1..text.len() - 1] } else { text };
        let event = &objects[0];
        let expected = match kind(event) {
            "ticker" => tickers::KEYS,
            "trade" => trades::KEYS,
            "orderbook" => books::KEYS,
            _ => CANDLE,
        };
        assert_eq!(keys(text), expected[usize::from(is_short)], "{format}");
        if kind(event) == "orderbook" {
            let begin = text.find("[{").expect("units") + 1;
            assert_eq!(keys(&text[begin..=text.find('}').expect("an end")]), UNIT[usize::from(is_short)]);
        }
        assert_eq!(code(event), "KRW-BTC");
        if stream_type(event) == "REALTIME" {
            seen.insert(kind(event).to_owned());
        }
    }
}

#[test]
fn upbit_item_36_keys_are_short_and_lists_are_lists_where_that_is_asked_for() {
    let server = Server::start(&["--speed", "10x"]);
    for format in ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"] {
        let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{TYPES},{{"format":"{format}"}}]"#));
        all_types_are_in(&mut client, format);
    }
}

#[test]
fn upbit_item_37_the_format_of_a_later_request_is_that_of_all_streams() {
    let server = Server::start(&["--speed", "10x"]);
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{TYPES}]"#));
    all_types_are_in(&mut client, "DEFAULT");
    // A list changes nothing but the format; without one it is the first again.
    for format in ["SIMPLE_LIST", "JSON_LIST", "SIMPLE", "DEFAULT", "SIMPLE", ""] {
        let said = if format.is_empty() { String::new() } else { format!(r#",{{"format":"{format}"}}"#) };
        client.say(&LIST.replace(']', &format!("{said}]")));
        loop {
            let frame = client.next().expect("the connection lasts");
            if frame.text().contains("\"LIST_SUBSCRIPTIONS\"") {
                break;
            }
        }
        // Frames of before are in front of the answer.
        all_types_are_in(&mut client, if format.is_empty() { "DEFAULT" } else { format });
    }
}

#[test]
fn upbit_item_37_a_new_subscription_brings_its_format() {
    let server = Server::start(&["--speed", "10x"]);
    let mut client = open(&server, r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-ETH"]}]"#);
    client.next().expect("an answer");
    for format in ["SIMPLE", "JSON_LIST", "SIMPLE_LIST", "DEFAULT"] {
        client.say(&format!(r#"[{{"ticket":"a"}},{TYPES},{{"format":"{format}"}}]"#));
        // Frames of before may still be on their way; the first of the new ones is a snapshot.
        let is_first = |text: &str| {
            text.contains("\"SNAPSHOT\"")
                && text.contains("KRW-BTC")
                && text.starts_with('[') == format.ends_with("LIST")
                && text.contains("\"ty\"") == format.starts_with("SIMPLE")
        };
        while !is_first(client.next().expect("the connection lasts").text()) {}
        all_types_are_in(&mut client, format);
    }
}
