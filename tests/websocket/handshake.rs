//! The handshake (RFC 6455 section 4): what makes one, and what is answered to what is none.

use std::io::Read;

use super::*;
use crate::support::connect;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const ASKS: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";

/// The head of the answer to a request that begins with this line and has these headers.
fn head(server: &Server, line: &str, headers: &str) -> String {
    let mut stream = connect(server.address);
    write!(stream, "{line}\r\nHost: test\r\n{headers}\r\n").unwrap();
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a head");
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap().to_ascii_lowercase()
}

fn get(server: &Server, headers: &str) -> String {
    head(server, &format!("GET {ECHO} HTTP/1.1"), headers)
}

#[test]
fn websocket_handshake_a_key_is_answered_with_what_belongs_to_it() {
    let server = echo_server();
    // The example of RFC 6455 section 1.3, and one of another library's documentation.
    for (key, accept) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
    ] {
        let head = get(&server, &format!("{ASKS}{VERSION}Sec-WebSocket-Key: {key}\r\n"));
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        let line = format!("sec-websocket-accept: {}\r\n", accept.to_ascii_lowercase());
        assert!(head.contains(&line), "{head}");
        assert!(head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        assert!(!head.contains("sec-websocket-extensions") && !head.contains("sec-websocket-protocol"), "{head}");
    }
}

#[test]
fn websocket_handshake_tokens_stand_in_lists_and_in_any_case() {
    let server = echo_server();
    for asks in [
        "Upgrade: WebSocket\r\nConnection: upgrade\r\n",
        "UPGRADE: WEBSOCKET\r\nCONNECTION: UPGRADE\r\n",
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
        "Upgrade: websocket\r\nConnection: keep-alive ,\tUpgrade , x\r\n",
        "Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n",
        "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n",
        "Upgrade: websocket  \r\nConnection:Upgrade\r\n",
    ] {
        let head = get(&server, &format!("{asks}{KEY}{VERSION}"));
        assert!(head.starts_with("http/1.1 101 "), "{asks}{head}");
    }
    for asks in [
        "",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n",
        "Upgrade: websocket\r\nConnection: close\r\n",
        "Upgrade: websocket\r\nConnection: Upgraded\r\n",
        "Upgrade: websockets\r\nConnection: Upgrade\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade\r\n",
    ] {
        let head = get(&server, &format!("{asks}{KEY}{VERSION}"));
        assert!(head.starts_with("http/1.1 426 "), "{asks}{head}");
        assert!(head.contains("\r\nupgrade: websocket\r\n"), "{asks}{head}");
    }
}

#[test]
fn websocket_handshake_other_versions_are_told_the_one_that_is_spoken() {
    let server = echo_server();
    for version in ["", "8", "12", "14", "0", "013", "13, 8", "thirteen", "-13"] {
        let line = if version.is_empty() { String::new() } else { format!("Sec-WebSocket-Version: {version}\r\n") };
        for target in [ECHO, "/ws/btcusdt@trade", "/websocket/v1"] {
            let head = head(&server, &format!("GET {target} HTTP/1.1"), &format!("{ASKS}{KEY}{line}"));
            assert!(head.starts_with("http/1.1 426 "), "{version}: {head}");
            assert!(head.contains("\r\nsec-websocket-version: 13\r\n"), "{version}: {head}");
        }
    }
    let twice = get(&server, &format!("{ASKS}{KEY}{VERSION}Sec-WebSocket-Version: 8\r\n"));
    assert!(twice.starts_with("http/1.1 426 "), "{twice}");
}

#[test]
fn websocket_handshake_without_a_key_of_16_bytes_is_refused() {
    let server = echo_server();
    for key in [
        "",
        "Sec-WebSocket-Key: \r\n",
        "Sec-WebSocket-Key: short\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEyMzQ1Njc4\r\n",
        "Sec-WebSocket-Key: bmluZXRlZW4gYnl0ZXMgbG9uZw==\r\n",
        "Sec-WebSocket-Key: dGhpcnRlZW4gYnl0ZQ==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZS*ub25jZQ==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ] {
        for target in [ECHO, "/ws/btcusdt@trade", "/websocket/v1", "/socket.io/?EIO=4&transport=websocket"] {
            let head = head(&server, &format!("GET {target} HTTP/1.1"), &format!("{ASKS}{key}{VERSION}"));
            assert!(head.starts_with("http/1.1 400 "), "{target} {key}: {head}");
        }
    }
}

#[test]
fn websocket_handshake_is_a_get_of_http_1_1() {
    let server = echo_server();
    for method in ["POST", "PUT", "HEAD", "DELETE", "OPTIONS"] {
        let head =
            head(&server, &format!("{method} {ECHO} HTTP/1.1"), &format!("{ASKS}{KEY}{VERSION}Content-Length: 0\r\n"));
        assert!(head.starts_with("http/1.1 405 ") && head.contains("\r\nallow: get\r\n"), "{method}: {head}");
    }
    let head = head(&server, &format!("GET {ECHO} HTTP/1.0"), &format!("{ASKS}{KEY}{VERSION}"));
    assert!(head.split(' ').nth(1) == Some("426"), "{head}");
}

#[test]
fn websocket_handshake_frames_may_come_right_behind_it() {
    let server = echo_server();
    let mut stream = connect(server.address);
    let request = format!("GET {ECHO} HTTP/1.1\r\nHost: test\r\n{ASKS}{KEY}{VERSION}\r\n");
    stream.write_all(&[request.as_bytes(), &frame(TEXT, b"eager"), &frame(CLOSE, b"")].concat()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(bytes[end..], *b"\x81\x05eager\x88\x02\x03\xe8");
}

#[test]
fn websocket_handshake_there_is_no_echo_but_for_suites() {
    let server = Server::start(&[]);
    assert!(get(&server, &format!("{ASKS}{KEY}{VERSION}")).starts_with("http/1.1 404 "));
}
