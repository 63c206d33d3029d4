//! Addresses: which upgrade, which streams they have, and in which form events come.

use crate::support::{Client, Server};
use crate::{START_MS, int, json, rest, rest_json, serve, trades};

/// Trades of a symbol, a second apart, so that candles follow from them.
fn slow_trades(count: i64) -> Vec<(i64, String)> {
    (0..count).map(|number| crate::trade(number, START_MS + number * 1_000)).collect()
}

#[test]
fn binance_item_01_a_raw_address_delivers_bare_trades() {
    let (_folder, server) = serve(&trades(10), &[]);
    let events = rest_json(&mut Client::open(&server, "/ws/btcusdt@trade"));
    assert_eq!(events.iter().map(|event| int(event, "t")).collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
    assert!(events.iter().all(|event| event["e"] == "trade" && event.get("stream").is_none()));
}

#[test]
fn binance_item_02_a_raw_address_takes_several_streams() {
    let (_folder, server) = serve(&trades(10), &[]);
    let events = rest_json(&mut Client::open(&server, "/ws/btcusdt@trade/ethusdt@trade"));
    assert_eq!(events.iter().map(|event| int(event, "t")).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    for event in events {
        assert_eq!(event["s"], if int(&event, "t") % 2 == 0 { "BTCUSDT" } else { "ETHUSDT" });
        assert!(event["e"] == "trade" && event.get("stream").is_none());
    }
}

#[test]
fn binance_item_03_bare_addresses_have_no_streams_and_get_no_event() {
    let (_folder, server) = serve(&trades(100), &[]);
    let mut idle = ["/ws", "/ws/"].map(|target| Client::open(&server, target));
    for client in &mut idle {
        assert_eq!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#), r#"{"result":[],"id":1}"#);
    }
    // Somebody else gets the whole tape meanwhile.
    assert_eq!(rest(&mut Client::open(&server, "/ws/btcusdt@trade")).len(), 50);
    idle.iter_mut().for_each(|client| assert_eq!(rest(client), []));
}

#[test]
fn binance_item_04_an_address_with_a_number_waits_for_a_subscription() {
    for target in ["/ws/0", "/ws/49"] {
        let (_folder, server) = serve(&trades(4), &[]);
        let mut client = Client::open(&server, target);
        client.say(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":2}"#);
        assert_eq!(client.next_event().text(), r#"{"result":null,"id":2}"#, "the answer precedes the first event");
        let events = rest_json(&mut client);
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|event| event["e"] == "trade" && event.get("stream").is_none()));
    }
}

#[test]
fn binance_item_05_a_combined_address_wraps_the_events_of_each_stream() {
    let (_folder, server) = serve(&trades(10), &[]);
    let frames = rest(&mut Client::open(&server, "/stream?streams=btcusdt@trade/ethusdt@trade"));
    assert_eq!(frames.len(), 10);
    for (number, frame) in frames.iter().enumerate() {
        let name = ["btcusdt@trade", "ethusdt@trade"][number % 2];
        let head = format!(r#"{{"stream":"{name}","data":{{"e":"trade","E":"#);
        assert!(frame.text().starts_with(&head) && frame.text().ends_with("}}"), "{}", frame.text());
        assert_eq!(json(frame.text())["data"]["t"], number);
    }
}

#[test]
fn binance_item_06_a_combined_address_without_streams_wraps_what_is_subscribed_later() {
    for target in ["/stream", "/stream?streams="] {
        let (_folder, server) = serve(&trades(4), &[]);
        let mut client = Client::open(&server, target);
        assert_eq!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#), r#"{"result":[],"id":1}"#);
        let answer = client.ask(r#"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":-7}"#);
        assert_eq!(answer, r#"{"result":null,"id":-7}"#);
        let events = rest_json(&mut client);
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|event| event["stream"] == "ethusdt@trade" && event["data"]["e"] == "trade"));
    }
}

/// 7: a literal plus sign is one. 8: so is an escaped one, and the frames are the same to the byte.
#[test]
fn binance_item_07_08_a_plus_sign_comes_through_bare_and_escaped() {
    let frames = |target: &str| -> Vec<String> {
        let (_folder, server) = serve(&slow_trades(10), &["--derive", "always"]);
        rest(&mut Client::open(&server, target)).iter().map(|frame| frame.text().to_owned()).collect()
    };
    let literal = frames("/stream?streams=btcusdt@kline_1d@+08:00");
    assert!(literal.len() >= 4, "{literal:?}");
    for frame in &literal {
        assert!(frame.starts_with(r#"{"stream":"btcusdt@kline_1d@+08:00","data":{"e":"kline","#), "{frame}");
    }
    for escaped in [
        "/stream?streams=btcusdt%40kline_1d%40%2B08%3A00",
        "/stream?streams=btcusdt@kline_1d@%2B08:00",
        "/stream?streams=btcusdt%40kline_1d%40+08%3a00",
    ] {
        assert_eq!(frames(escaped), literal, "{escaped}");
    }
    // The same in a path, where events carry no name.
    let bare: Vec<String> = frames("/ws/btcusdt@kline_1d@+08:00");
    assert_eq!(bare, frames("/ws/btcusdt%40kline_1d%40%2B08%3A00"));
    assert_eq!(bare.iter().map(|data| json(data)).collect::<Vec<_>>(), {
        literal.iter().map(|frame| json(frame)["data"].clone()).collect::<Vec<_>>()
    });
    // An escaped slash separates names like any other.
    let two = frames("/stream?streams=btcusdt%40kline_1d%40%2B08%3A00%2Fbtcusdt%40trade");
    assert_eq!(two.iter().filter(|frame| frame.contains("@kline_1d@+08:00\"")).count(), literal.len());
    assert_eq!(two.iter().filter(|frame| frame.starts_with(r#"{"stream":"btcusdt@trade""#)).count(), 10);
}

/// Digits of every member that is a time, wherever it stands.
fn digits(target: &str, subscribe: bool) -> Vec<usize> {
    let streams = ["btcusdt@trade", "btcusdt@aggTrade", "btcusdt@kline_1s", "btcusdt@ticker", "btcusdt@avgPrice"];
    let (_folder, server) = serve(&slow_trades(10), &["--derive", "always"]);
    let mut client = Client::open(&server, target);
    if subscribe {
        let answer = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":{},"id":1}}"#, serde_json::json!(streams)));
        assert_eq!(answer, r#"{"result":null,"id":1}"#);
    }
    let mut kinds = std::collections::BTreeSet::new();
    let mut digits = Vec::new();
    for event in rest_json(&mut client) {
        let event = event.get("data").unwrap_or(&event);
        kinds.insert(event["e"].as_str().unwrap().to_owned());
        let times = ["E", "T", "O", "C"].iter().filter_map(|key| event.get(key));
        let inner = ["t", "T"].iter().filter_map(|key| event.get("k")?.get(key));
        digits.extend(times.chain(inner).map(|time| time.to_string().len()));
        // Ids are never scaled.
        assert!(event.get("t").is_none_or(|id| id.as_i64().is_some_and(|id| id < 10)), "{event}");
    }
    assert_eq!(kinds.len(), if subscribe { streams.len() } else { 1 }, "{kinds:?}");
    digits
}

#[test]
fn binance_item_09_microseconds_have_16_digits() {
    for target in [
        "/stream?timeUnit=MICROSECOND",
        "/ws?timeUnit=microsecond",
        "/ws?timeUnit=MICROSECOND&x=y",
        "/stream?timeUnit=microsecond",
    ] {
        assert!(digits(target, true).iter().all(|&digits| digits == 16), "{target}");
    }
    // As one widespread client writes it.
    let appended = digits("/stream?streams=btcusdt@trade?timeUnit=MICROSECOND", false);
    assert!(appended.iter().all(|&digits| digits == 16));
    let server = Server::start(&[]);
    let head = Client::try_open(server.address, "/ws?timeUnit=SECOND").err().expect("no upgrade");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

#[test]
fn binance_item_10_milliseconds_have_13_digits_and_are_the_default() {
    for target in ["/stream", "/ws", "/stream?timeUnit=MILLISECOND", "/ws?timeUnit=millisecond"] {
        assert!(digits(target, true).iter().all(|&digits| digits == 13), "{target}");
    }
}

#[test]
fn binance_item_11_the_unit_may_stand_before_the_streams_or_behind() {
    for target in [
        "/stream?timeUnit=MICROSECOND&streams=btcusdt@trade",
        "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND",
        "/ws/btcusdt@trade?timeUnit=MICROSECOND",
    ] {
        let digits = digits(target, false);
        assert!(digits.len() == 20 && digits.iter().all(|&digits| digits == 16), "{target}: {digits:?}");
    }
}

#[test]
fn binance_item_12_other_paths_answer_404() {
    let server = Server::start(&[]);
    for target in ["/stream/nonsense", "/foo", "/wsx", "/stream/btcusdt@trade"] {
        let head = Client::try_open(server.address, target).err().expect("no upgrade");
        assert!(head.starts_with("HTTP/1.1 404"), "{target}: {head}");
    }
}

#[test]
fn binance_item_13_an_address_of_1024_names_upgrades() {
    let names: Vec<String> = (0..1_022).map(|n| format!("symbol{n:05}usdt@bookTicker")).collect();
    for target in [
        format!("/stream?streams={}/btcusdt@trade/ethusdt@trade", names.join("/")),
        format!("/ws/btcusdt@trade/{}/ethusdt@trade", names.join("/")),
    ] {
        let (_folder, server) = serve(&trades(10), &["--wait-for-clients", "9"]);
        let mut client = Client::open(&server, &target);
        let list = json(&client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#));
        assert_eq!(list["result"].as_array().unwrap().len(), 1_024);
        // One more is told what it would be told over the connection; there is no request it could name.
        let mut client = Client::open(&server, &format!("{target}/ltcusdt@trade"));
        assert_eq!(client.next_event().text(), r#"{"error":{"code":4,"msg":"Too many subscriptions"}}"#);
        assert_eq!(client.next_event().close(), (1008, "Invalid request"));
    }
}
