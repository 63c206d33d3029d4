//! Requests over a connection that are carried out: subscriptions, lists and the one property there is.

use crate::support::{Client, Server};
use crate::{START_MS, int, json, rest, rest_json, serve, trades};

const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#;

fn request(method: &str, names: &[&str]) -> String {
    format!(r#"{{"method":"{method}","params":{},"id":1}}"#, serde_json::json!(names))
}

const DONE: &str = r#"{"result":null,"id":1}"#;

#[test]
fn binance_item_14_subscribe_answers_exactly_and_unwrapped() {
    for target in ["/ws", "/stream", "/stream?streams=ethusdt@trade"] {
        let server = Server::start(&[]);
        let mut client = Client::open(&server, target);
        for number in [1, 312, 999_999_999] {
            client.say(&format!(r#"{{"method":"SUBSCRIBE","params":["nosuch@trade"],"id":{number}}}"#));
            let answer =
                std::iter::from_fn(|| Some(client.next_event())).find(|frame| frame.text().contains("\"id\":"));
            assert_eq!(answer.unwrap().text(), format!(r#"{{"result":null,"id":{number}}}"#), "{target}");
        }
    }
}

#[test]
fn binance_item_15_16_17_an_id_comes_back_as_it_came() {
    let server = Server::start(&["--message-rate", "0"]);
    for target in ["/ws", "/stream"] {
        let mut client = Client::open(&server, target);
        for id in [
            "0",
            "1",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "\"7f0c3c1e-5d1b-4a57-9d6e-0a2b8f0d1c33\"",
            "\"0123456789abcdef0123456789abcdef\"",
            "\"17\"",
            "null",
        ] {
            let answer = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":["nosuch@trade"],"id":{id}}}"#));
            assert_eq!(answer, format!(r#"{{"result":null,"id":{id}}}"#));
            let answer = client.ask(&format!(r#"{{"id":{id},"method":"GET_PROPERTY","params":["combined"]}}"#));
            assert_eq!(answer, format!(r#"{{"result":{},"id":{id}}}"#, target == "/stream"));
        }
    }
}

#[test]
fn binance_item_18_an_id_of_another_kind_is_refused() {
    let server = Server::start(&["--message-rate", "0"]);
    let mut client = Client::open(&server, "/ws");
    for id in [
        r#","id":"1234567890123456789012345678901234567""#,
        r#","id":1.5"#,
        r#","id":true"#,
        r#","id":{}"#,
        r#","id":[]"#,
        r#","id":9223372036854775808"#,
        "",
    ] {
        for method in [r#""LIST_SUBSCRIPTIONS""#, r#""SUBSCRIBE","params":["btcusdt@bookTicker"]"#] {
            let answer = client.ask(&format!(r#"{{"method":{method}{id}}}"#));
            let text = "Invalid request: request ID must be an unsigned integer";
            assert_eq!(answer, format!(r#"{{"error":{{"code":2,"msg":"{text}"}}}}"#), "{id}");
        }
    }
    assert_eq!(client.ask(LIST), r#"{"result":[],"id":3}"#, "nothing of it was carried out");
}

/// 19: the stream stops and the others go on. 20: a name that nobody subscribed to is acknowledged.
#[test]
fn binance_item_19_20_unsubscribing_stops_that_stream_alone() {
    // The request comes while events flow.
    let lines: Vec<_> = (0..6_000).map(|n| crate::trade(n, START_MS + n)).collect();
    let both = lines
        .iter()
        .flat_map(|(time, line)| [(*time, line.clone()), (*time, line.replace("BTC", "ETH").replace("btc", "eth"))]);
    let (_folder, server) = serve(&both.collect::<Vec<_>>(), &["--speed", "2x"]);
    let mut client = Client::open(&server, "/stream?streams=btcusdt@trade/ethusdt@trade");
    while int(&json(client.next_event().text())["data"], "t") < 400 {}
    client.say(&request("UNSUBSCRIBE", &["btcusdt@trade"]));
    let mut before = 0;
    while client.next_event().text() != DONE {
        before += 1;
    }
    assert!(before < 11_000, "the answer came after the end");
    assert_eq!(client.ask(&request("UNSUBSCRIBE", &["never@trade"])), DONE);
    let events = rest_json(&mut client);
    assert!(!events.is_empty() && events.iter().all(|event| event["stream"] == "ethusdt@trade"));
    let ids: Vec<i64> = events.iter().map(|event| int(&event["data"], "t")).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "the other stream has no hole");
    assert_eq!(ids.last(), Some(&5_999));
}

/// 21, 22: names that exist nowhere are acknowledged, and silent to the end of a tape that trades the symbol they mean.
#[test]
fn binance_item_21_22_unknown_and_upper_case_names_are_acknowledged_and_silent() {
    // Names that lead nowhere may yet be named by the tape, so both clients count as subscribed.
    let (_folder, server) = serve(&trades(1_000), &["--wait-for-clients", "2"]);
    let mut silent = Client::open(&server, "/ws");
    for name in ["nosuch@trade", "BTCUSDT@trade", "btcusdt@nosuch", "BTCUSDT@TRADE"] {
        assert_eq!(silent.ask(&request("SUBSCRIBE", &[name])), DONE, "{name}");
    }
    let mut mixed = Client::open(&server, "/ws");
    assert_eq!(mixed.ask(&request("SUBSCRIBE", &["nosuch@trade", "BTCUSDT@trade", "ethusdt@trade"])), DONE);
    let events = rest_json(&mut mixed);
    assert_eq!(events.len(), 500);
    assert!(events.iter().all(|event| event["s"] == "ETHUSDT"));
    assert_eq!(rest(&mut silent), []);
}

#[test]
fn binance_item_23_the_list_has_streams_of_the_address_and_later_ones() {
    let server = Server::start(&[]);
    for target in ["/stream?streams=btcusdt@trade/nosuch@kline_1m", "/ws/btcusdt@trade/nosuch@kline_1m"] {
        let mut client = Client::open(&server, target);
        assert_eq!(client.ask(&request("SUBSCRIBE", &["BTCUSDT@trade", "btcusdt@depth@100ms"])), DONE);
        assert_eq!(client.ask(&request("UNSUBSCRIBE", &["btcusdt@trade"])), DONE);
        let list = client.ask(LIST);
        assert_eq!(list, r#"{"result":["nosuch@kline_1m","BTCUSDT@trade","btcusdt@depth@100ms"],"id":3}"#);
    }
}

#[test]
fn binance_item_24_the_list_of_a_fresh_connection_is_empty() {
    let server = Server::start(&[]);
    for target in ["/ws", "/ws/", "/stream", "/stream?streams="] {
        assert_eq!(Client::open(&server, target).ask(LIST), r#"{"result":[],"id":3}"#, "{target}");
    }
}

#[test]
fn binance_item_25_subscribing_twice_counts_once() {
    // The tape starts when another client has subscribed, too.
    let (_folder, server) = serve(&trades(100), &["--wait-for-clients", "2"]);
    let mut client = Client::open(&server, "/ws/nosuch@trade/nosuch@trade");
    assert_eq!(client.ask(&request("SUBSCRIBE", &["nosuch@trade", "nosuch@trade"])), DONE);
    assert_eq!(client.ask(&request("SUBSCRIBE", &["btcusdt@trade", "btcusdt@trade"])), DONE);
    assert_eq!(client.ask(&request("SUBSCRIBE", &["btcusdt@trade"])), DONE);
    assert_eq!(client.ask(LIST), r#"{"result":["nosuch@trade","btcusdt@trade"],"id":3}"#);
    let _other = Client::open(&server, "/ws/ethusdt@trade");
    let ids: Vec<i64> = rest_json(&mut client).iter().map(|event| int(event, "t")).collect();
    assert_eq!(ids, (0..100).step_by(2).collect::<Vec<_>>(), "each event once");
}

#[test]
fn binance_item_26_the_property_follows_the_address() {
    let server = Server::start(&[]);
    for (target, combined) in
        [("/ws", false), ("/ws/btcusdt@trade", false), ("/stream", true), ("/stream?streams=", true)]
    {
        let answer = Client::open(&server, target).ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":2}"#);
        assert_eq!(answer, format!(r#"{{"result":{combined},"id":2}}"#), "{target}");
    }
}

/// Sets it on a connection whose streams come from the address and from a request; all of both change their form at
/// the answer, and none before.
#[test]
fn binance_item_27_setting_the_property_changes_all_later_events() {
    for (target, combined) in [("/ws/btcusdt@trade", false), ("/stream?streams=btcusdt@trade", true)] {
        let (_folder, server) = serve(&trades(10_000), &["--speed", "1x"]);
        let mut client = Client::open(&server, target);
        client.say(&request("SUBSCRIBE", &["ethusdt@trade"]));
        let mut wrapped = combined;
        for change in [!combined, combined, !combined] {
            client.say(&format!(r#"{{"method":"SET_PROPERTY","params":["combined",{change}],"id":5}}"#));
            let mut names = std::collections::BTreeSet::new();
            while names.len() < 2 || wrapped != change {
                let frame = client.next_event();
                let value = json(frame.text());
                match value.get("id") {
                    Some(id) if id == 5 => {
                        assert_eq!(frame.text(), r#"{"result":null,"id":5}"#);
                        (wrapped, names) = (change, std::collections::BTreeSet::new());
                    }
                    Some(_) => assert_eq!(frame.text(), DONE),
                    None => {
                        assert_eq!(value.get("stream").is_some(), wrapped, "{value}");
                        names.insert(value.get("data").unwrap_or(&value)["s"].to_string());
                    }
                }
            }
            let answer = client.ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":6}"#);
            assert_eq!(answer, format!(r#"{{"result":{change},"id":6}}"#));
        }
    }
}

/// Names that lead to one stream keep their own spelling, each of them.
#[test]
fn binance_item_28_the_wrapper_has_the_name_as_subscribed() {
    let names = [
        "btcusdt@trade",
        "btcusdt@kline_1s",
        "btcusdt@kline_1s@+08:00",
        "btcusdt@depth",
        "btcusdt@depth@1000ms",
        "btcusdt@depth5@1000ms",
        "!miniTicker@arr",
        "!miniTicker@arr@1000ms",
        "!miniTicker@arr@3000ms",
    ];
    let (_folder, server) = serve(&crate::bare(crate::synthetic(1)), &["--derive", "always"]);
    let mut client = Client::open(&server, "/stream");
    assert_eq!(client.ask(&request("SUBSCRIBE", &names)), DONE);
    let mut data = std::collections::BTreeMap::<String, Vec<String>>::new();
    for frame in rest(&mut client) {
        let rest = frame.text().strip_prefix(r#"{"stream":""#).expect("a wrapper");
        let (name, rest) = rest.split_once(r#"","data":"#).expect("a wrapper");
        data.entry(name.to_owned()).or_default().push(rest.to_owned());
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(data.keys().collect::<Vec<_>>(), sorted);
    assert_eq!(data["btcusdt@depth"], data["btcusdt@depth@1000ms"]);
    assert_eq!(data["btcusdt@kline_1s"], data["btcusdt@kline_1s@+08:00"]);
    assert_eq!(data["!miniTicker@arr"], data["!miniTicker@arr@1000ms"]);
}

#[test]
fn binance_item_29_200_names_in_one_request_are_one_message() {
    // Two messages and no more may come at once, and hardly any later.
    let server = Server::start(&["--message-rate", "1", "--message-burst", "2"]);
    let mut client = Client::open(&server, "/ws");
    let names: Vec<String> = (0..200).map(|n| format!("symbol{n:05}usdt@trade")).collect();
    client.say(&request("SUBSCRIBE", &names.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(client.next_event().text(), DONE);
    assert_eq!(json(&client.ask(LIST))["result"].as_array().unwrap().len(), 200);
}
