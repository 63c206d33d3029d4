//! Every type in every format, as bytes: tapes and the frames they lead to lie in `tests/golden/upbit`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Client, Server, lines};

const FORMATS: [&str; 4] = ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/upbit")
}

/// The payloads that a client gets who asks for everything on a tape in a format, one a line.
fn frames(tape: &str, format: &str) -> String {
    let path = folder().join(tape);
    let messages: Vec<Value> =
        lines(&path).iter().map(|(_, message)| serde_json::from_str(message).expect("JSON")).collect();
    let each = |long: &str, short: &str| -> BTreeSet<String> {
        let member =
            |message: &Value| message.get(long).or(message.get(short)).and_then(Value::as_str).map(str::to_owned);
        messages.iter().map(|message| member(message).expect("a name")).collect()
    };
    let (types, codes) = (each("type", "ty"), each("code", "cd"));
    let mut request = vec![json!({"ticket": "golden"}), json!({"format": format})];
    for name in types {
        let suffix = if name == "orderbook" { ".5" } else { "" };
        let codes: Vec<String> = codes.iter().map(|code| format!("{code}{suffix}")).collect();
        request.push(json!({"type": name, "codes": codes, "is_only_realtime": true}));
    }
    let flags = ["--speed", "max", "--wait-for-clients", "1", "--exit-at-end", "--derive", "never", "--feed"];
    let mut server = Server::start(&[&flags[..], &[path.to_str().expect("UTF-8")]].concat());
    let mut client = Client::open(&server, "/websocket/v1");
    client.say(&Value::from(request).to_string());
    let mut text = String::new();
    for _ in &messages {
        let frame = client.next_event();
        assert_eq!(frame.opcode, 2);
        text.push_str(frame.text());
        text.push('\n');
    }
    assert_eq!(client.next_event().close(), (1000, "End of tape"));
    drop(client);
    assert!(server.wait().success());
    text
}

fn check(kind: &str) {
    let tape = format!("{kind}.tape.jsonl");
    for format in FORMATS {
        let path = folder().join(format!("{kind}.{}.jsonl", format.to_lowercase()));
        let actual = frames(&tape, format);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &actual).expect("the file can be written");
        }
        let expected = std::fs::read_to_string(&path).expect("the frames are there");
        for (number, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
            assert_eq!(actual, expected, "frame {number} of {tape} in {format}");
        }
        assert_eq!(actual, expected, "{tape} in {format}");
    }
}

#[test]
fn upbit_golden_tickers() {
    check("ticker");
}

#[test]
fn upbit_golden_trades() {
    check("trade");
}

#[test]
fn upbit_golden_order_books() {
    check("orderbook");
}

#[test]
fn upbit_golden_candles() {
    check("candle");
}
