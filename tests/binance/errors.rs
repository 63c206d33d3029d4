//! Requests that are refused: the texts, which of them end the connection, and that nothing else does.

use crate::json;
use crate::support::{Client, Server};

const LIST: &str = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;

/// Asks on a raw and on a combined connection; the answer must be this one, and the connection go on.
fn check(cases: &[(&str, &str)]) {
    let server = Server::start(&["--message-rate", "0"]);
    for target in ["/ws", "/stream"] {
        let mut client = Client::open(&server, target);
        for (request, answer) in cases {
            client.say(request);
            assert_eq!(client.next_event().text(), *answer, "{request} on {target}");
            assert_eq!(client.ask(LIST), r#"{"result":[],"id":1}"#, "the connection stays open");
        }
    }
}

#[test]
fn binance_item_30_what_is_no_json_gets_code_3() {
    check(&[
        ("abc", r#"{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}"#),
        ("", r#"{"error":{"code":3,"msg":"Invalid JSON: EOF while parsing a value at line 1 column 0"}}"#),
        ("[object Object]", r#"{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 2"}}"#),
        ("{'a':1}", r#"{"error":{"code":3,"msg":"Invalid JSON: key must be a string at line 1 column 2"}}"#),
    ]);
}

#[test]
fn binance_item_31_an_unknown_method_is_named_beside_the_five() {
    check(&[
        (
            r#"{"method":"FOO","params":[],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: unknown variant `FOO`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"},"id":4}"#,
        ),
        (
            r#"{"method":"subscribe","params":[],"id":"a-b"}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: unknown variant `subscribe`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"},"id":"a-b"}"#,
        ),
    ]);
}

#[test]
fn binance_item_32_a_request_without_method_is_told_so() {
    check(&[
        (r#"{"params":[],"id":4}"#, r#"{"error":{"code":2,"msg":"Invalid request: missing field `method`"},"id":4}"#),
        (r#"{"id":null}"#, r#"{"error":{"code":2,"msg":"Invalid request: missing field `method`"},"id":null}"#),
    ]);
}

#[test]
fn binance_item_33_to_36_properties_have_errors_of_their_own() {
    check(&[
        (
            r#"{"method":"GET_PROPERTY","params":["x"],"id":4}"#,
            r#"{"error":{"code":0,"msg":"Unknown property"},"id":4}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["x",true],"id":4}"#,
            r#"{"error":{"code":0,"msg":"Unknown property"},"id":4}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["combined","true"],"id":4}"#,
            r#"{"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":4}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["combined",1],"id":4}"#,
            r#"{"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":4}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":[],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: property name must be a string"},"id":4}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":[1],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: property name must be a string"},"id":4}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":["combined",1],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":4}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["combined",true,1],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":4}"#,
        ),
        (
            r#"{"method":"LIST_SUBSCRIPTIONS","params":[1],"id":4}"#,
            r#"{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":4}"#,
        ),
    ]);
}

#[test]
fn binance_item_37_a_malformed_name_is_an_error_and_the_end() {
    let server = Server::start(&[]);
    for (target, names) in [("/ws", r#""@@@x###""#), ("/stream", r#""@@@x###""#), ("/ws", r#""btcusdt@trade","a b""#)] {
        let mut client = Client::open(&server, target);
        client.say(&format!(r#"{{"method":"SUBSCRIBE","params":[{names}],"id":4}}"#));
        // Nothing of a list with one bad name is applied: no event comes in between.
        let answer = r#"{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}"#;
        assert_eq!(client.next_event().text(), answer, "{names}");
        assert_eq!(client.next_event().close(), (1008, "Invalid request"));
    }
}

#[test]
fn binance_item_38_the_1025th_stream_is_an_error_and_the_end() {
    let server = Server::start(&[]);
    for target in ["/ws", "/stream", "/ws/s0@trade/s1@trade"] {
        let mut client = Client::open(&server, target);
        let names: Vec<String> = (0..1_024).map(|n| format!("\"s{n}@trade\"")).collect();
        let full = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, names.join(",")));
        assert_eq!(full, r#"{"result":null,"id":1}"#);
        assert_eq!(client.ask(r#"{"method":"SUBSCRIBE","params":["s7@trade"],"id":2}"#), r#"{"result":null,"id":2}"#);
        let list = json(&client.ask(LIST));
        assert_eq!(list["result"].as_array().unwrap().len(), 1_024);
        client.say(r#"{"method":"SUBSCRIBE","params":["one@more"],"id":3}"#);
        let answer = r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":3}"#;
        assert_eq!(client.next_event().text(), answer, "{target}");
        assert_eq!(client.next_event().close(), (1008, "Invalid request"));
    }
}

#[test]
fn binance_item_39_a_binary_frame_ends_the_connection() {
    let server = Server::start(&[]);
    for target in ["/ws", "/stream"] {
        let mut client = Client::open(&server, target);
        client.send(2, LIST.as_bytes());
        let first = client.next().expect("a frame");
        assert_eq!(first.close(), (1008, "Invalid request"), "no answer and no error before it");
    }
}

/// Every refusal there is, on each kind of connection and after the property was set: `error` and perhaps `id`, never
/// `stream` and `data`.
#[test]
fn binance_item_40_errors_stand_under_error_and_are_never_wrapped() {
    let server = Server::start(&["--message-rate", "0", "--streams-max", "3"]);
    let requests = [
        ("abc", 3),
        ("[1]", 2),
        (r#"{"method":"LIST_SUBSCRIPTIONS"}"#, 2),
        (r#"{"method":"FOO","id":4}"#, 2),
        (r#"{"id":4}"#, 2),
        (r#"{"method":"SUBSCRIBE","id":4}"#, 2),
        (r#"{"method":"SUBSCRIBE","params":"btcusdt@trade","id":4}"#, 2),
        (r#"{"method":"SUBSCRIBE","params":[1],"id":4}"#, 2),
        (r#"{"method":"UNSUBSCRIBE","params":{},"id":4}"#, 2),
        (r#"{"method":"GET_PROPERTY","params":["x"],"id":4}"#, 0),
        (r#"{"method":"SET_PROPERTY","params":["combined","true"],"id":4}"#, 1),
        (r#"{"method":"GET_PROPERTY","params":[],"id":4}"#, 2),
        (r#"{"method":"GET_PROPERTY","params":["combined",1],"id":4}"#, 2),
        (r#"{"method":"SUBSCRIBE","params":["@@@x###"],"id":4}"#, 2),
        (r#"{"method":"SUBSCRIBE","params":["a@b","b@b","c@b","d@b"],"id":4}"#, 4),
    ];
    let set = |value| format!(r#"{{"method":"SET_PROPERTY","params":["combined",{value}],"id":5}}"#);
    for (target, change) in [("/ws", None), ("/stream", None), ("/ws", Some(true)), ("/stream", Some(false))] {
        for (request, code) in requests {
            let mut client = Client::open(&server, target);
            change.map(|value| client.ask(&set(value)));
            client.say(request);
            let frame = client.next_event();
            assert_eq!(frame.opcode, 1);
            let value = json(frame.text());
            let members = value.as_object().unwrap();
            assert!(members.keys().all(|key| key == "error" || key == "id"), "{value}");
            assert_eq!(members.contains_key("id"), request.contains(r#""id""#), "{value}");
            let error = value["error"].as_object().unwrap();
            assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "msg"], "{value}");
            assert_eq!((&error["code"], error["msg"].is_string()), (&code.into(), true), "{request}: {value}");
        }
    }
}

#[test]
fn binance_hostile_frames_end_one_connection_and_nothing_else() {
    let server = Server::start(&["--message-bytes-max", "65536"]);
    let mut witness = Client::open(&server, "/ws/btcusdt@bookTicker");
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let mut client = Client::open(&server, "/ws");
    assert!(client.ask(&deep).starts_with(r#"{"error":{"code":3,"msg":"Invalid JSON: recursion limit exceeded"#));
    for (opcode, payload, code) in
        [(1, vec![0xff, 0xfe], 1007), (1, vec![b'x'; 70_000], 1009), (3, vec![], 1002), (0, vec![], 1002)]
    {
        let mut client = Client::open(&server, "/ws");
        client.send(opcode, &payload);
        assert_eq!(client.next_event().close().0, code, "opcode {opcode}");
    }
    // A message in pieces that never ends.
    let mut client = Client::open(&server, "/ws");
    client.send_fragment(1, &[b'x'; 40_000]);
    client.send_fragment(0, &[b'x'; 40_000]);
    assert_eq!(client.next_event().close().0, 1009);
    assert_eq!(witness.next_event().opcode, 1);
}
