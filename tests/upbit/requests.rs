//! What a request may look like, and which codes are served.

use std::collections::BTreeSet;

use crate::support::{Client, Server};
use crate::{SOCKET, code, is_quiet, json, keys, kind, let_pass, next, open, played, rest, serve, stream_type, trade};
use crate::{START_MS, tickers, trades};

#[test]
fn upbit_item_08_without_a_format_keys_are_long() {
    let server = Server::start(&[]);
    let mut client = open(&server, r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}]"#);
    let frame = client.next().expect("an answer");
    assert_eq!(keys(frame.text()), tickers::KEYS[0]);
    assert_eq!((kind(&json(frame.text())), code(&json(frame.text()))), ("ticker", "KRW-BTC"));
}

#[test]
fn upbit_item_09_objects_come_in_any_order() {
    let server = Server::start(&[]);
    let (ticket, format) = (r#"{"ticket":"a"}"#, r#"{"format":"SIMPLE"}"#);
    let data = r#"{"type":"trade","codes":["KRW-BTC"]}"#;
    for request in [
        format!("[{ticket},{data},{format}]"),
        format!("[{ticket},{format},{data}]"),
        format!("[{data},{ticket},{format}]"),
        format!("[{data},{format},{ticket}]"),
        format!("[{format},{ticket},{data}]"),
    ] {
        let frame = open(&server, &request).next().expect("an answer");
        assert_eq!(keys(frame.text()), trades::KEYS[1], "{request}");
    }
    let frame = open(&server, &format!("[{data},{ticket}]")).next().expect("an answer");
    assert_eq!(keys(frame.text()), trades::KEYS[0]);
}

#[test]
fn upbit_item_10_objects_of_the_same_type_are_united() {
    let server = Server::start(&[]);
    let object = |code: &str| format!(r#"{{"type":"ticker","codes":["{code}"]}}"#);
    let request = format!(r#"[{{"ticket":"a"}},{},{}]"#, object("KRW-BTC"), object("KRW-ETH"));
    let mut client = open(&server, &request);
    let mut realtime = BTreeSet::new();
    while realtime.len() < 2 {
        let event = next(&mut client);
        if stream_type(&event) == "REALTIME" {
            realtime.insert(code(&event).to_owned());
        }
    }
    assert_eq!(realtime.iter().map(String::as_str).collect::<Vec<_>>(), ["KRW-BTC", "KRW-ETH"]);
}

#[test]
fn upbit_item_11_one_request_serves_all_four_types() {
    let server = Server::start(&[]);
    let types = ["ticker", "trade", "orderbook", "candle.1s"];
    let objects = types.map(|name| format!(r#"{{"type":"{name}","codes":["KRW-BTC"]}}"#)).join(",");
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{objects}]"#));
    let mut seen = BTreeSet::new();
    while seen.len() < 2 * types.len() {
        let event = next(&mut client);
        assert_eq!(code(&event), "KRW-BTC");
        assert!(types.contains(&kind(&event)), "{event}");
        seen.insert((kind(&event).to_owned(), stream_type(&event).to_owned()));
    }
}

#[test]
fn upbit_item_12_flags_have_two_spellings() {
    let lines: Vec<_> = (0..20).map(|n| trade("KRW-IQ", START_MS + n, "44", "1", "BID")).collect();
    for flag in ["is_only_realtime", "isOnlyRealtime"] {
        for value in ["true", r#""true""#] {
            let (_folder, server) = serve(&lines, &[]);
            let request = format!(r#"[{{"ticket":"a"}},{{"type":"trade","codes":["KRW-IQ"],"{flag}":{value}}}]"#);
            let frames = rest(&mut open(&server, &request));
            assert_eq!(frames.len(), 20, "{flag}");
            assert!(frames.iter().all(|frame| stream_type(&json(frame.text())) == "REALTIME"), "{flag}");
        }
    }
    let (_folder, server) = played(&lines, &[]);
    for flag in ["is_only_snapshot", "isOnlySnapshot"] {
        let request = format!(r#"[{{"ticket":"a"}},{{"type":"trade","codes":["KRW-IQ"],"{flag}":true}}]"#);
        let mut client = open(&server, &request);
        assert_eq!(stream_type(&next(&mut client)), "SNAPSHOT", "{flag}");
        client.say(crate::LIST);
        assert_eq!(next(&mut client)["result"], serde_json::json!([]), "nothing is to follow");
    }
}

#[test]
fn upbit_item_13_a_thousand_codes_give_a_snapshot_for_each_that_is_known() {
    let known: Vec<String> = (0..900).map(|n| format!("{}-C{n}", ["KRW", "BTC", "USDT"][n % 3])).collect();
    let lines: Vec<_> = (START_MS..).zip(&known).map(|(ms, code)| trade(code, ms, "44", "1", "BID")).collect();
    let (_folder, server) = played(&lines, &[]);
    let unknown = (0..100).map(|n| format!("KRW-NO{n}"));
    // Known and unknown ones among each other.
    let codes: Vec<String> = unknown.chain(known.iter().cloned()).collect();
    assert_eq!(codes.len(), 1_000);
    let codes = serde_json::to_string(&codes).unwrap();
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{{"type":"trade","codes":{codes}}}]"#));
    let mut seen = BTreeSet::new();
    for _ in 0..900 {
        let event = next(&mut client);
        assert_eq!(stream_type(&event), "SNAPSHOT");
        assert!(seen.insert(code(&event).to_owned()), "twice: {event}");
    }
    assert!(known.iter().all(|code| seen.contains(code)));
    is_quiet(&mut client);
}

/// Asks for codes that are not served, alone and beside one that is, and sees that nothing comes of it.
fn are_silent(codes: &[&str]) {
    let server = Server::start(&["--writers", "1", "--speed", "10x"]);
    let types = |codes: &[&str]| {
        let codes = serde_json::to_string(codes).unwrap();
        let object = |name: &str| format!(r#"{{"type":"{name}","codes":{codes}}}"#);
        ["ticker", "trade", "orderbook", "candle.1s"].map(object).join(",")
    };
    let mut alone = open(&server, &format!(r#"[{{"ticket":"a"}},{}]"#, types(codes)));
    let mut beside = open(&server, &format!(r#"[{{"ticket":"a"}},{}]"#, types(&[codes, &["KRW-BTC"]].concat())));
    let mut kinds = BTreeSet::new();
    for n in 0.. {
        let event = next(&mut beside);
        assert_eq!(code(&event), "KRW-BTC", "{event}");
        kinds.insert(kind(&event).to_owned());
        if n > 100 && kinds.len() == 4 {
            break;
        }
    }
    is_quiet(&mut alone);
    // It is as good as any other.
    alone.say(r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"]}]"#);
    let_pass(&mut alone, 2);
}

#[test]
fn upbit_item_14_unknown_codes_are_silent_and_known_ones_beside_them_served() {
    are_silent(&["KRW-NO", "NO-BTC", "BTC-KRW", "KRWBTC", "", "KRW-", "KRW-BTC.", "\u{c6d0}"]);
}

#[test]
fn upbit_item_15_codes_in_lower_case_are_silent() {
    are_silent(&["krw-btc", "Krw-Btc", "KRW-btc", "usdt-btc"]);
}

#[test]
fn upbit_items_14_and_15_of_other_types_than_books_a_suffix_is_part_of_the_code() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, SOCKET);
    client.say(r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC.5"]}]"#);
    is_quiet(&mut client);
}
