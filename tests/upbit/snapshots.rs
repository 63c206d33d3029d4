//! The newest value first, alone, or not at all.

use std::collections::BTreeMap;

use crate::support::{Client, Server};
use crate::{LIST, code, foreign, is_quiet, kind, let_pass, next, open, serve, stream_type};

/// Stream types in the order in which they came, for each type and code.
type Told = BTreeMap<(String, String), Vec<String>>;

/// Reads until each of so many streams has had so many events.
fn told(client: &mut Client, streams: usize, least: usize) -> Told {
    let mut told = Told::new();
    while told.len() < streams || told.values().any(|list| list.len() < least) {
        let event = next(client);
        let key = (kind(&event).to_owned(), code(&event).to_owned());
        told.entry(key).or_default().push(stream_type(&event).to_owned());
    }
    assert_eq!(told.len(), streams);
    told
}

fn has_one_snapshot_first(told: &Told) {
    for (stream, types) in told {
        assert_eq!(types[0], "SNAPSHOT", "{stream:?}");
        assert!(types[1..].iter().all(|name| name == "REALTIME"), "{stream:?} {types:?}");
    }
}

const CODES: [&str; 2] = ["KRW-BTC", "KRW-XRP"];

fn request(types: &[&str], codes: &[&str], flag: &str) -> String {
    let codes = serde_json::to_string(codes).unwrap();
    let object = |name: &&str| format!(r#"{{"type":"{name}","codes":{codes}{flag}}}"#);
    format!(r#"[{{"ticket":"a"}},{}]"#, types.iter().map(object).collect::<Vec<_>>().join(","))
}

#[test]
fn upbit_item_16_there_is_one_snapshot_before_the_first_event_of_what_a_tape_carries() {
    let server = Server::start(&["--speed", "20x"]);
    let request = request(&["ticker", "trade", "orderbook"], &CODES, "");
    // The first makes the streams wanted, the second joins them.
    let mut first = open(&server, &request);
    has_one_snapshot_first(&told(&mut first, 6, 5));
    has_one_snapshot_first(&told(&mut open(&server, &request), 6, 5));
}

#[test]
fn upbit_item_16_there_is_one_snapshot_before_the_first_event_of_what_is_derived() {
    let lines = foreign(3);
    let types = ["ticker", "trade", "orderbook", "candle.1s", "candle.1m", "candle.3m", "candle.240m"];
    let request = request(&types, &["USDT-BTC", "USDT-ETH"], "");
    let streams = 2 * types.len();
    // From the beginning on, when nothing is known yet; and in the midst of it.
    let (_folder, server) = serve(&lines, &[]);
    has_one_snapshot_first(&told(&mut open(&server, &request), streams, 5));
    let (_folder, server) = serve(&lines, &["--speed", "10x", "--wait-for-clients", "0"]);
    server.wait_for_count("messages_read", 400);
    let mut first = open(&server, &request);
    has_one_snapshot_first(&told(&mut first, streams, 5));
    has_one_snapshot_first(&told(&mut open(&server, &request), streams, 5));
}

#[test]
fn upbit_item_17_who_asks_for_snapshots_only_gets_one_for_each_code_and_may_stay() {
    let server = Server::start(&["--speed", "20x", "--writers", "1"]);
    let types = ["ticker", "trade", "orderbook"];
    let mut witness = open(&server, &request(&types, &CODES, ""));
    told(&mut witness, 6, 2);
    let mut client = open(&server, &request(&types, &CODES, r#","is_only_snapshot":true"#));
    let told = told(&mut client, 6, 1);
    assert!(told.values().all(|types| types == &["SNAPSHOT"]), "{told:?}");
    let_pass(&mut witness, 300);
    is_quiet(&mut client);
    client.say(LIST);
    assert_eq!(next(&mut client)["result"], serde_json::json!([]));
}

#[test]
fn upbit_item_18_who_asks_for_what_happens_only_gets_no_snapshot() {
    let server = Server::start(&["--speed", "20x"]);
    let types = ["ticker", "trade", "orderbook", "candle.1s"];
    let_pass(&mut open(&server, &request(&types, &CODES, "")), 30);
    let told = told(&mut open(&server, &request(&types, &CODES, r#","is_only_realtime":true"#)), 8, 3);
    assert!(told.values().flatten().all(|name| name == "REALTIME"), "{told:?}");
}

#[test]
fn upbit_items_16_to_18_each_object_has_flags_of_its_own() {
    let server = Server::start(&["--speed", "20x"]);
    let codes = r#""codes":["KRW-BTC","KRW-ETH"]"#;
    let mut client = open(
        &server,
        &format!(
            r#"[{{"ticket":"a"}},{{"type":"ticker",{codes},"is_only_snapshot":true}},{{"type":"trade",{codes},"isOnlyRealtime":true}},{{"type":"orderbook",{codes}}}]"#
        ),
    );
    let mut told = Told::new();
    for _ in 0..100 {
        let event = next(&mut client);
        let key = (kind(&event).to_owned(), code(&event).to_owned());
        told.entry(key).or_default().push(stream_type(&event).to_owned());
    }
    for ((name, _), types) in &told {
        match name.as_str() {
            "ticker" => assert_eq!(types, &["SNAPSHOT"]),
            "trade" => assert!(types.iter().all(|name| name == "REALTIME")),
            _ => assert!(types[0] == "SNAPSHOT" && types[1..].iter().all(|name| name == "REALTIME"), "{types:?}"),
        }
    }
    assert_eq!(told.keys().filter(|(name, _)| name != "trade").count(), 4);
}
