//! Upbit's public socket from outside. Numbers are those of the checklist of the venue's conformance.

mod support;

use serde_json::Value;
use support::{Client, Server};

fn json(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(payload)))
}

fn open(server: &Server, request: &str) -> Client {
    let mut client = Client::open(server, "/websocket/v1?unknown=parameter");
    client.say(request);
    client
}

fn next(client: &mut Client) -> Value {
    let frame = client.next().expect("the connection lasts");
    assert_eq!(frame.opcode, 2, "every message is binary");
    json(&frame.payload)
}

#[test]
fn upbit_item_08_09_10_12_objects_come_in_any_order_and_united() {
    let server = Server::start(&[]);
    let ticker = r#"{"type":"ticker","codes":["KRW-BTC"]}"#;
    let more = r#"{"type":"ticker","codes":["KRW-ETH"]}"#;
    for request in [
        format!(r#"[{{"ticket":"a"}},{ticker},{more}]"#),
        format!(r#"[{{"ticket":"a"}},{{"format":"DEFAULT"}},{ticker},{more}]"#),
        format!(r#"[{more},{ticker},{{"ticket":"a"}}]"#),
    ] {
        let mut client = open(&server, &request);
        let mut codes = [next(&mut client), next(&mut client)].map(|event| event["code"].as_str().unwrap().to_owned());
        codes.sort();
        assert_eq!(codes, ["KRW-BTC", "KRW-ETH"]);
    }
}

#[test]
fn upbit_item_03_13_14_15_unknown_codes_are_silent_and_a_thousand_are_accepted() {
    let server = Server::start(&[]);
    let mut codes: Vec<String> = (0..1_000).map(|n| format!("KRW-NO{n}")).collect();
    codes.extend(["krw-btc".into(), "KRW-BTC".into()]);
    let codes = serde_json::to_string(&codes).unwrap();
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{{"type":"trade","codes":{codes}}}]"#));
    for kind in ["SNAPSHOT", "REALTIME", "REALTIME"] {
        let event = next(&mut client);
        assert_eq!((event["code"].as_str(), event["stream_type"].as_str()), (Some("KRW-BTC"), Some(kind)));
    }
}

#[test]
fn upbit_item_16_17_18_snapshots_come_first_alone_or_not_at_all() {
    let server = Server::start(&[]);
    let codes = r#""codes":["KRW-BTC","KRW-ETH"]"#;
    let mut client = open(
        &server,
        &format!(
            r#"[{{"ticket":"a"}},{{"type":"ticker",{codes},"is_only_snapshot":true}},{{"type":"trade",{codes},"isOnlyRealtime":true}},{{"type":"orderbook",{codes}}}]"#
        ),
    );
    let (mut tickers, mut books) = (0, std::collections::BTreeMap::<String, Vec<String>>::new());
    for _ in 0..80 {
        let event = next(&mut client);
        let stream_type = event["stream_type"].as_str().unwrap().to_owned();
        match event["type"].as_str().unwrap() {
            "ticker" => {
                assert_eq!(stream_type, "SNAPSHOT");
                tickers += 1;
            }
            "trade" => assert_eq!(stream_type, "REALTIME"),
            _ => books.entry(event["code"].as_str().unwrap().to_owned()).or_default().push(stream_type),
        }
    }
    assert_eq!((tickers, books.len()), (2, 2));
    for types in books.values() {
        assert_eq!(types[0], "SNAPSHOT");
        assert!(types.len() > 1 && types[1..].iter().all(|kind| kind == "REALTIME"), "{types:?}");
    }
}

#[test]
fn upbit_item_19_to_26_payloads_have_the_keys_and_sums_they_should() {
    let server = Server::start(&[]);
    let types = r#"{"type":"ticker","codes":["KRW-BTC"]},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC"]}"#;
    for (format, ticker_keys, trade_keys, book_keys) in [
        (
            "DEFAULT",
            "type code opening_price high_price low_price trade_price prev_closing_price acc_trade_price change change_price signed_change_price change_rate signed_change_rate ask_bid trade_volume acc_trade_volume trade_date trade_time trade_timestamp acc_ask_volume acc_bid_volume highest_52_week_price highest_52_week_date lowest_52_week_price lowest_52_week_date market_state is_trading_suspended delisting_date market_warning timestamp acc_trade_price_24h acc_trade_volume_24h stream_type",
            "type code timestamp trade_date trade_time trade_timestamp trade_price trade_volume ask_bid prev_closing_price change change_price sequential_id best_ask_price best_ask_size best_bid_price best_bid_size stream_type",
            "type code timestamp total_ask_size total_bid_size orderbook_units stream_type level",
        ),
        (
            "SIMPLE",
            "ty cd op hp lp tp pcp atp c cp scp cr scr ab tv atv tdt ttm ttms aav abv h52wp h52wdt l52wp l52wdt ms its dd mw tms atp24h atv24h st",
            "ty cd tms td ttm ttms tp tv ab pcp c cp sid bap bas bbp bbs st",
            "ty cd tms tas tbs obu st lv",
        ),
    ] {
        let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{types},{{"format":"{format}"}}]"#));
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 3 {
            let frame = client.next().unwrap();
            let text = frame.text().to_owned();
            let event = json(&frame.payload);
            let kind = event["type"].as_str().or(event["ty"].as_str()).unwrap().to_owned();
            let keys = match kind.as_str() {
                "ticker" => ticker_keys,
                "trade" => trade_keys,
                _ => book_keys,
            };
            assert_eq!(top_level_keys(&text).join(" "), keys);
            if kind == "orderbook" {
                let units = event["orderbook_units"].as_array().or(event["obu"].as_array()).unwrap();
                assert_eq!(units.len(), 30);
            }
            seen.insert(kind);
        }
    }
}

/// Keys of an object as they stand in its text, outermost only.
fn top_level_keys(text: &str) -> Vec<&str> {
    let (mut keys, mut depth) = (Vec::new(), 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b':' if depth == 1 && text.as_bytes()[at - 1] == b'"' => {
                let start = text[..at - 1].rfind('"').unwrap() + 1;
                keys.push(&text[start..at - 1]);
            }
            _ => {}
        }
    }
    keys
}

#[test]
fn upbit_item_23_24_a_suffix_says_how_many_levels_and_is_not_in_the_code() {
    let server = Server::start(&[]);
    for (suffix, units) in [("", 30), (".1", 1), (".5", 5), (".15", 15), (".30", 30), (".20", 30)] {
        let request = format!(r#"[{{"ticket":"a"}},{{"type":"orderbook","codes":["KRW-BTC{suffix}"]}}]"#);
        let event = next(&mut open(&server, &request));
        assert_eq!(event["code"], "KRW-BTC");
        assert_eq!(event["orderbook_units"].as_array().unwrap().len(), units, "{suffix}");
    }
}

#[test]
fn upbit_item_36_37_39_formats_and_subscriptions_are_replaced_by_the_next_request() {
    let server = Server::start(&[]);
    let mut client = open(&server, r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}]"#);
    assert_eq!(next(&mut client)["type"], "ticker");
    for (format, is_list, key) in [("SIMPLE", false, "ty"), ("JSON_LIST", true, "type"), ("SIMPLE_LIST", true, "ty")] {
        client.say(&format!(r#"[{{"ticket":"b"}},{{"type":"trade","codes":["KRW-ETH"]}},{{"format":"{format}"}}]"#));
        // Frames of the old set may still be on their way; after the new set's snapshot there are none.
        let is_new = |event: &Value| {
            let object = if is_list { event.get(0) } else { Some(event) };
            object.is_some_and(|object| object.get(key).is_some_and(|kind| kind == "trade"))
        };
        while !is_new(&next(&mut client)) {}
        for _ in 0..3 {
            let event = next(&mut client);
            assert!(is_new(&event), "{event}");
        }
    }
}

#[test]
fn upbit_item_41_42_subscriptions_can_be_listed() {
    let server = Server::start(&[]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-NONE"]},{"type":"orderbook","codes":["KRW-NO.5"]}]"#,
    );
    for (format, answer) in [
        (
            "DEFAULT",
            r#"{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-NONE"]},{"type":"orderbook","codes":["KRW-NO"],"level":0}],"ticket":"q"}"#,
        ),
        (
            "SIMPLE",
            r#"{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"ticker","cds":["KRW-NONE"]},{"ty":"orderbook","cds":["KRW-NO"],"lv":0}],"tckt":"q"}"#,
        ),
    ] {
        client.say(&format!(r#"[{{"ticket":"q"}},{{"method":"LIST_SUBSCRIPTIONS"}},{{"format":"{format}"}}]"#));
        assert_eq!(client.next_event().text(), answer);
    }
}

#[test]
fn upbit_item_44_to_48_errors_are_named_then_the_connection_closes_with_1000() {
    let server = Server::start(&[]);
    for (request, name) in [
        ("hello", "WRONG_FORMAT"),
        (r#"{"ticket":"a"}"#, "WRONG_FORMAT"),
        (r#"[{"type":"ticker","codes":["KRW-BTC"]}]"#, "NO_TICKET"),
        (r#"[{"ticket":"a"},{"codes":["KRW-BTC"]}]"#, "NO_TYPE"),
        (r#"[{"ticket":"a"},{"type":"ticker"}]"#, "NO_CODES"),
        (r#"[{"ticket":"a"},{"type":"ticker","codes":[]}]"#, "INVALID_PARAM"),
        (r#"[{"ticket":"a"},{"type":"nope","codes":["KRW-BTC"]}]"#, "INVALID_PARAM"),
        (r#"[{"ticket":"a"},{"type":"myOrder"}]"#, "INVALID_AUTH"),
    ] {
        let mut client = open(&server, request);
        let error = next(&mut client);
        assert_eq!(error["error"]["name"], name, "{request}");
        assert_eq!(error["error"].as_object().unwrap().len(), 2);
        assert!(error["error"]["message"].is_string());
        assert_eq!(client.next_event().close().0, 1000);
    }
}

#[test]
fn upbit_item_49_50_pings_are_answered_and_ping_in_text_starts_up() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/websocket/v1");
    client.send(9, b"x");
    assert_eq!(client.next().unwrap().opcode, 10);
    client.say("PING");
    assert_eq!(client.next_event().text(), r#"{"status":"UP"}"#);
}

#[test]
fn upbit_item_51_53_a_silent_connection_ends_without_a_close_frame_and_without_pings() {
    let server = Server::start(&["--idle-timeout", "2s"]);
    let begun = std::time::Instant::now();
    let mut client = Client::open(&server, "/websocket/v1");
    assert_eq!(client.next(), None);
    assert!((1.9..5.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}

#[test]
fn requests_may_be_binary_too() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/websocket/v1");
    client.send(2, br#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}]"#);
    assert_eq!(next(&mut client)["type"], "ticker");
}
