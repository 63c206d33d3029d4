//! Clients of one venue on the feed of another.

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
    upbit.say(r#"[{"ticket":"a"},{"type":"trade","codes":["USDT-BTC"],"is_only_realtime":true}]"#);
    let event = next(&mut upbit);
    assert_eq!((event["type"].as_str(), event["code"].as_str()), (Some("trade"), Some("USDT-BTC")));
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
