//! How a connection begins, and what its frames are.

use crate::support::{Client, Server, head_of};
use crate::{LIST, SOCKET, json, next};

const TICKER: &str = r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}]"#;

#[test]
fn upbit_item_01_a_handshake_needs_no_token_and_minds_none() {
    let server = Server::start(&[]);
    for headers in ["", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA\r\n"] {
        let mut client = Client::try_open_with(server.address, SOCKET, headers).expect("an upgrade");
        assert!(client.head.starts_with("HTTP/1.1 101 "), "{}", client.head);
        client.say(TICKER);
        assert_eq!(next(&mut client)["type"], "ticker", "{headers}");
    }
}

#[test]
fn upbit_item_02_unknown_parameters_and_the_sdks_headers_are_ignored() {
    let server = Server::start(&[]);
    let sdk = "X-Upbit-Client-Type: sdk\r\nX-Upbit-Client-Name: upbit-sdk\r\nX-Upbit-Client-Version: 1.1.0\r\n\
               X-Upbit-Runtime: python\r\nX-Upbit-Runtime-Version: 3.11\r\nX-Upbit-Later: 1\r\n";
    for (target, headers) in
        [("/websocket/v1?a=b&codes=%5B%5D&flag", ""), (SOCKET, sdk), ("/websocket/v1?type=nope", sdk)]
    {
        let mut client = Client::try_open_with(server.address, target, headers).expect("an upgrade");
        client.say(TICKER);
        assert_eq!(next(&mut client)["type"], "ticker", "{target} {headers}");
    }
}

#[test]
fn upbit_item_03_nothing_comes_before_the_first_request() {
    let server = Server::start(&["--idle-timeout", "2s"]);
    let mut client = Client::open(&server, SOCKET);
    assert_eq!(client.next(), None, "the connection is dropped without having been sent anything");
}

#[test]
fn upbit_item_04_every_message_is_one_binary_frame() {
    let server = Server::start(&[]);
    for requests in [vec![TICKER], vec!["PING"], vec![LIST], vec!["hello"], vec![TICKER, LIST, "PING", "hello"]] {
        let mut client = Client::open(&server, SOCKET);
        requests.iter().for_each(|request| client.say(request));
        let mut kinds = Vec::new();
        while kinds.len() < requests.len() {
            // That it is not one of several fragments, the client sees to.
            let frame = client.next().expect("an answer");
            assert_eq!(frame.opcode, 2, "{}", frame.text());
            let message = json(frame.text());
            let kind = ["type", "method", "status", "error"].into_iter().find(|key| message.get(key).is_some());
            let kind = kind.unwrap_or_else(|| panic!("{message}"));
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
}

#[test]
fn upbit_item_07_with_limits_the_answer_says_how_many_are_left() {
    let server = Server::start(&["--upbit-handshakes", "5"]);
    let key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let head = head_of(server.address, SOCKET, key).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("remaining-req: group=websocket; min=300; sec=4\r\n"), "{head}");
    assert!(head.contains("limit-by-ip: yes\r\n"), "{head}");
    let server = Server::start(&[]);
    assert!(!head_of(server.address, SOCKET, key).to_ascii_lowercase().contains("remaining-req"));
}

#[test]
fn upbit_requests_may_be_binary_too() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, SOCKET);
    client.send(2, TICKER.as_bytes());
    assert_eq!(next(&mut client)["type"], "ticker");
}
