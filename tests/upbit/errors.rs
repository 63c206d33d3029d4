//! What is wrong with a request has a name; then the connection closes.

use std::time::{Duration, Instant};

use crate::support::{Client, Server};
use crate::{SOCKET, json, open};

/// Reads the error and the close frame that follows, and sees that both are as they should be.
fn is_refused(client: &mut Client, request: &str, name: &str) {
    let frame = client.next().expect("an error");
    let told = Instant::now();
    assert_eq!(frame.opcode, 2, "{request}");
    let error = json(frame.text());
    assert_eq!(error["error"]["name"], name, "{request}");
    assert_eq!(error.as_object().map(|outer| outer.keys().map(String::as_str).collect()), Some(vec!["error"]));
    let mut keys: Vec<_> = error["error"].as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["message", "name"], "{request}");
    assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{request}");
    assert_eq!(client.next().expect("a close frame").close().0, 1000, "{request}");
    assert!(told.elapsed() < Duration::from_secs(1), "{request}");
    client.send(8, &1000_u16.to_be_bytes());
    assert_eq!(client.next(), None, "{request}");
}

fn are_refused(requests: &[(&str, &str)]) {
    let server = Server::start(&[]);
    for (request, name) in requests {
        is_refused(&mut open(&server, request), request, name);
    }
}

#[test]
fn upbit_item_44_48_what_is_no_array_of_objects_has_a_wrong_format() {
    are_refused(&[
        ("hello", "WRONG_FORMAT"),
        ("ping", "WRONG_FORMAT"),
        ("PING ", "WRONG_FORMAT"),
        ("", "WRONG_FORMAT"),
        (r#"{"ticket":"a"}"#, "WRONG_FORMAT"),
        ("[]", "WRONG_FORMAT"),
        ("[1]", "WRONG_FORMAT"),
        (r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}"#, "WRONG_FORMAT"),
        (r#"[{"ticket":"a"},{"type":"ticker","codes":"KRW-BTC"}]"#, "WRONG_FORMAT"),
        (r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":1}]"#, "WRONG_FORMAT"),
    ]);
}

#[test]
fn upbit_item_45_48_what_is_missing_or_unknown_has_a_name() {
    are_refused(&[
        (r#"[{"type":"ticker","codes":["KRW-BTC"]}]"#, "NO_TICKET"),
        (r#"[{"ticket":""},{"type":"ticker","codes":["KRW-BTC"]}]"#, "NO_TICKET"),
        (r#"[{"ticket":"a"},{"codes":["KRW-BTC"]}]"#, "NO_TYPE"),
        (r#"[{"ticket":"a"}]"#, "NO_TYPE"),
        (r#"[{"ticket":"a"},{"format":"SIMPLE"}]"#, "NO_TYPE"),
        (r#"[{"ticket":"a"},{"type":"ticker"}]"#, "NO_CODES"),
        (r#"[{"ticket":"a"},{"type":"ticker","codes":[]}]"#, "INVALID_PARAM"),
        (r#"[{"ticket":"a"},{"type":"nope","codes":["KRW-BTC"]}]"#, "INVALID_PARAM"),
        (r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]},{"format":"JSON"}]"#, "INVALID_PARAM"),
        (r#"[{"ticket":"a"},{"method":"NOPE"}]"#, "INVALID_PARAM"),
        // One object too few spoils those that are right.
        (r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-NO"]},{"type":"nope","codes":["KRW-NO"]}]"#, "INVALID_PARAM"),
    ]);
}

#[test]
fn upbit_item_46_48_private_types_are_refused_on_the_public_socket() {
    are_refused(&[
        (r#"[{"ticket":"a"},{"type":"myOrder"}]"#, "INVALID_AUTH"),
        (r#"[{"ticket":"a"},{"type":"myOrder","codes":["KRW-BTC"]}]"#, "INVALID_AUTH"),
        (r#"[{"ticket":"a"},{"type":"myAsset"}]"#, "INVALID_AUTH"),
    ]);
}

#[test]
fn upbit_item_46_the_sockets_that_need_a_token_do_not_exist() {
    let server = Server::start(&[]);
    for name in ["private", "info"] {
        let head = Client::try_open(server.address, &format!("{SOCKET}/{name}")).err().expect("a refusal");
        assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    }
}

#[test]
fn upbit_item_47_the_error_comes_before_the_close_also_where_data_flows() {
    let server = Server::start(&["--speed", "20x"]);
    for format in ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"] {
        let types = r#"{"type":"orderbook","codes":["KRW-BTC","KRW-ETH","KRW-XRP"]}"#;
        let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{types},{{"format":"{format}"}}]"#));
        (0..20).for_each(|_| assert_eq!(client.next().expect("an event").opcode, 2));
        client.say("nonsense");
        let mut error = None;
        loop {
            let frame = client.next().expect("a close frame comes first");
            if frame.opcode == 8 {
                assert_eq!(frame.close().0, 1000);
                break;
            }
            if frame.text().starts_with("{\"error\"") {
                error = Some(Instant::now());
            }
        }
        assert!(error.expect("an error").elapsed() < Duration::from_secs(1), "{format}");
    }
}
