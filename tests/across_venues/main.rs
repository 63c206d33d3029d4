//! Clients of one venue on the feed of another.

mod recorded;
#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use support::{Client, Server};

fn next(client: &mut Client) -> Value {
    let frame = client.next().expect("the connection lasts");
    serde_json::from_slice(&frame.payload).expect("JSON")
}

#[test]
fn an_upbit_client_gets_binances_trades_under_its_own_name_for_them() {
    let server = Server::start(&[]);
    let mut upbit = Client::open(&server, "/websocket/v1");
    upbit.say(r#"[{"ticket":"a"},{"type":"trade","codes":["USDT-ETH"],"is_only_realtime":true}]"#);
    let event = next(&mut upbit);
    assert_eq!((event["type"].as_str(), event["code"].as_str()), (Some("trade"), Some("USDT-ETH")));
    assert!(event["trade_price"].is_number() && event["sequential_id"].is_i64(), "{event}");
}

#[test]
fn a_binance_client_gets_upbits_trades_with_eight_places() {
    let server = Server::start(&[]);
    let mut binance = Client::open(&server, "/stream?streams=btckrw@trade");
    let event = next(&mut binance);
    assert_eq!((event["stream"].as_str(), event["data"]["s"].as_str()), (Some("btckrw@trade"), Some("BTCKRW")));
    for member in ["p", "q"] {
        let number = event["data"][member].as_str().expect("a string");
        assert_eq!(number.split_once('.').expect("a point").1.len(), 8, "{number}");
    }
}

#[test]
fn who_comes_before_a_streams_first_value_gets_it_as_a_snapshot() {
    let server = Server::start(&["--wait-for-clients", "1"]);
    let mut early = Client::open(&server, "/websocket/v1");
    early.say(r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-ETH"],"isOnlySnapshot":true}]"#);
    let (mut trades, mut books) = (Vec::new(), 0);
    while trades.len() < 3 {
        let event = next(&mut early);
        match event["type"].as_str() {
            Some("trade") => trades.push(event["stream_type"].as_str().expect("a type").to_owned()),
            Some("orderbook") => {
                assert_eq!(event["stream_type"], "SNAPSHOT");
                books += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(trades, ["SNAPSHOT", "REALTIME", "REALTIME"]);
    assert!(books <= 1);
}

#[test]
fn a_client_of_bithumb_asks_as_upbits_do_and_is_answered_in_bithumbs_order() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/bithumb/websocket/v1");
    client.say(r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC","USDT-ETH"]},{"type":"ticker","codes":["USDT-ETH"]},{"type":"orderbook","codes":["KRW-BTC"]}]"#);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 4 {
        let frame = client.next().expect("the connection lasts");
        assert_eq!(frame.opcode, 2);
        let event: Value = serde_json::from_slice(&frame.payload).expect("JSON");
        let (kind, code) = (event["type"].as_str().expect("a type"), event["code"].as_str().expect("a code"));
        let begin = match kind {
            "trade" => format!(r#"{{"type":"trade","code":"{code}","trade_price":"#),
            "ticker" => format!(r#"{{"type":"ticker","code":"{code}","opening_price":"#),
            _ => format!(r#"{{"type":"orderbook","code":"{code}","total_ask_size":"#),
        };
        assert!(frame.text().starts_with(&begin), "{}", frame.text());
        seen.insert((kind.to_owned(), code.to_owned()));
    }
    client.say(r#"[{"ticket":"a"},{"type":"candle.1s","codes":["KRW-BTC"]}]"#);
    let error = loop {
        let event = next(&mut client);
        if event.get("error").is_some() {
            break event;
        }
    };
    assert_eq!(error["error"]["name"], "INVALID_PARAM");
}

#[test]
fn upbits_quotations_are_answered_of_binances_markets_too() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/websocket/v1");
    client.say(r#"[{"ticket":"a"},{"type":"trade","codes":["USDT-ETH"]},{"type":"orderbook","codes":["USDT-ETH"]}]"#);
    // As many of each as are asked for below.
    let (mut trades, mut books) = (0, 0);
    while trades < 3 || books < 1 {
        match next(&mut client)["type"].as_str() {
            Some("trade") => trades += 1,
            other => books += i32::from(other == Some("orderbook")),
        }
    }
    let get = |path: &str| -> Value {
        let (status, _, body) = server.get(&format!("/v1/{path}"));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    };
    let markets = get("market/all");
    let count =
        |code: &str| markets.as_array().expect("a list").iter().filter(|market| market["market"] == code).count();
    assert_eq!((count("USDT-ETH"), count("KRW-BTC")), (1, 1));
    let ticker = &get("ticker?markets=USDT-ETH")[0];
    assert!(ticker["trade_price"].as_f64() > Some(0.0) && ticker["acc_trade_volume"].as_f64() > Some(0.0), "{ticker}");
    let book = &get("orderbook?markets=USDT-ETH&count=5")[0];
    assert_eq!(book["orderbook_units"].as_array().map(Vec::len), Some(5));
    assert!(
        book["orderbook_units"][0]["ask_price"].as_f64() > book["orderbook_units"][0]["bid_price"].as_f64(),
        "{book}"
    );
    let candle = &get("candles/minutes/1?market=USDT-ETH")[0];
    assert_eq!((candle["market"].as_str(), candle["unit"].as_i64()), (Some("USDT-ETH"), Some(1)));
    assert_eq!(get("trades/ticks?market=USDT-ETH&count=3").as_array().map(Vec::len), Some(3));
}
