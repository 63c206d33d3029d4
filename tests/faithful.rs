//! Real recordings, played flat out to a client that wants everything, come out as the bytes that were recorded.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use support::{Client, Server, lines, recordings};

/// Every recorded Binance spot file.
const BINANCE: [&str; 5] = [
    "binance-spot-20240808-btc-eth.jsonl.zst",
    "binance-spot-20240723-nexo.jsonl.zst",
    "binance-spot-20210405-10sym.jsonl.zst",
    "binance-spot-20210404-3sym.jsonl.zst",
    "binance-spot-20210417-10sym.jsonl.zst",
];

const MAX: [&str; 5] = ["--speed", "max", "--wait-for-clients", "1", "--exit-at-end"];

fn serve(path: &Path, more: &[&str]) -> Server {
    let flags = [&["--feed", path.to_str().expect("UTF-8")], &MAX[..], more].concat();
    Server::start(&flags)
}

/// Plays a Binance file and compares what a combined and, where it is the same stream after stream, a raw connection
/// get with what was recorded.
fn binance_round_trip(path: &Path) -> usize {
    let recorded: Vec<String> = lines(path).into_iter().map(|(_, message)| message).collect();
    let events: Vec<&String> = recorded.iter().filter(|message| message.starts_with("{\"stream\"")).collect();
    let streams: BTreeSet<&str> = events.iter().map(|event| event.split('"').nth(3).expect("a name")).collect();
    let streams: Vec<&str> = streams.into_iter().collect();

    let mut server = serve(path, &[]);
    let mut client = Client::open(&server, &format!("/stream?streams={}", streams.join("/")));
    for (number, event) in events.iter().enumerate() {
        let frame = client.next_event();
        assert_eq!(frame.opcode, 1);
        assert_eq!(frame.text(), event.as_str(), "event {number} of {}", path.display());
    }
    assert_eq!(client.next_event().close(), (1000, "End of tape"));
    drop(client);
    assert!(server.wait().success());
    events.len()
}

#[test]
fn every_recorded_binance_event_comes_out_byte_for_byte_in_order_once() {
    let Some(folder) = recordings() else { return };
    let counts: Vec<usize> = BINANCE.iter().map(|name| binance_round_trip(&folder.join(name))).collect();
    // Lines less REST snapshots, as the recordings' own description counts them.
    assert_eq!(counts, [179_316, 114_077, 11_357, 4_716, 1_228]);
}

#[test]
fn a_raw_connection_gets_the_payloads_without_the_wrapper() {
    let Some(folder) = recordings() else { return };
    let path = folder.join("binance-spot-20210417-10sym.jsonl.zst");
    let recorded = lines(&path);
    let events: Vec<(&str, &str)> = recorded
        .iter()
        .filter_map(|(_, message)| {
            message.strip_prefix("{\"stream\":\"")?.strip_suffix('}')?.split_once("\",\"data\":")
        })
        .collect();
    let streams: BTreeSet<&str> = events.iter().map(|(name, _)| *name).collect();
    let streams: Vec<&str> = streams.into_iter().collect();
    let mut server = serve(&path, &[]);
    let mut client = Client::open(&server, &format!("/ws/{}", streams.join("/")));
    for (_, payload) in &events {
        assert_eq!(client.next_event().text(), *payload);
    }
    assert_eq!(client.next_event().close(), (1000, "End of tape"));
    drop(client);
    assert!(server.wait().success());
}

/// Plays the recorded Upbit file to a client that asks for all of it in SIMPLE, and gives each message with its frame.
fn upbit_round_trip(folder: &Path, form: &str, mut check: impl FnMut(&str, &str)) {
    let path = folder.join("upbit-20210405-10mkt.jsonl.zst");
    let recorded: Vec<String> = lines(&path).into_iter().map(|(_, message)| message).collect();
    let code = |message: &String| message.split("\"cd\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let codes: BTreeSet<String> = recorded.iter().map(code).collect();
    let codes = serde_json::to_string(&codes).unwrap();

    // What the recording lacks is not derived from the rest of it.
    let mut server = serve(&path, &["--derive", "never", "--upbit-form", form]);
    let mut client = Client::open(&server, "/websocket/v1");
    client.say(&format!(
        r#"[{{"ticket":"t"}},{{"type":"trade","codes":{codes},"isOnlyRealtime":true}},{{"type":"orderbook","codes":{codes},"isOnlyRealtime":true}},{{"format":"SIMPLE"}}]"#
    ));
    for message in &recorded {
        let frame = client.next_event();
        assert_eq!(frame.opcode, 2);
        check(message, frame.text());
    }
    assert_eq!(client.next_event().close(), (1000, "End of tape"));
    drop(client);
    assert!(server.wait().success());
    assert_eq!(recorded.len(), 1_733);
}

#[test]
fn the_recorded_upbit_file_comes_out_byte_for_byte_in_simple_format() {
    let Some(folder) = recordings() else { return };
    upbit_round_trip(&folder, "recorded", |message, frame| assert_eq!(frame, message));
}

#[test]
fn the_recorded_upbit_file_comes_out_as_today_but_for_what_has_changed_since() {
    let Some(folder) = recordings() else { return };
    let mut full_minutes = 0;
    upbit_round_trip(&folder, "today", |message, frame| {
        let mut expected = message.to_owned();
        if message.starts_with("{\"ty\":\"orderbook\"") {
            // 30 units instead of 15, and the level.
            let empty = ",{\"ap\":0,\"bp\":0,\"as\":0.0,\"bs\":0.0}".repeat(15);
            expected =
                expected.replace("],\"st\"", &format!("{empty}],\"st\"")).replace("REALTIME\"", "REALTIME\",\"lv\":0");
        } else {
            // The best levels, and whole times.
            let best = ",\"bap\":null,\"bas\":null,\"bbp\":null,\"bbs\":null,\"st\"";
            expected = expected.replace(",\"st\"", best);
            let time = message.split("\"ttm\":\"").nth(1).unwrap().split('"').next().unwrap();
            if time.len() == 5 {
                expected = expected.replace(&format!("\"ttm\":\"{time}\""), &format!("\"ttm\":\"{time}:00\""));
                full_minutes += 1;
            }
        }
        assert_eq!(frame, expected);
    });
    assert!(full_minutes > 0);
}
