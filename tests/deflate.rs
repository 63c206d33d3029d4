//! `permessage-deflate` on Upbit's socket from outside.

mod support;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use support::{Client, Server};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

fn open(server: &Server, target: &str, headers: &str) -> Client {
    Client::try_open_with(server.address, target, headers).unwrap_or_else(|head| panic!("{target}: {head}"))
}

/// The answer's extensions.
fn agreed(client: &Client) -> Option<&str> {
    client.head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-extensions").then_some(value.trim())
    })
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let (mut state, mut out) = (Decompress::new(false), Vec::with_capacity(4 << 20));
    for input in [payload, &TAIL] {
        let before = state.total_in();
        state.decompress_vec(input, &mut out, FlushDecompress::Sync).expect("compressed data");
        assert_eq!((state.total_in() - before) as usize, input.len());
    }
    out
}

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1_000);
    Compress::new(Compression::best(), false).compress_vec(message, &mut out, FlushCompress::Sync).expect("room");
    assert!(out.ends_with(&TAIL));
    out.truncate(out.len() - TAIL.len());
    out
}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    opcode: u8,
    is_deflated: bool,
    payload: Vec<u8>,
}

impl Raw {
    fn message(&self) -> Vec<u8> {
        if self.is_deflated { inflate(&self.payload) } else { self.payload.clone() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.message()).expect("UTF-8")
    }
}

fn next(client: &mut Client) -> Raw {
    let mut payload = Vec::new();
    let (opcode, is_deflated) = client.next_raw_into(&mut payload).expect("the connection lasts");
    Raw { opcode, is_deflated, payload }
}

/// Everything up to the close frame.
fn all(client: &mut Client) -> Vec<Raw> {
    let frames: Vec<Raw> = std::iter::repeat_with(|| next(client)).take_while(|frame| frame.opcode != 8).collect();
    client.send(8, &[]);
    frames
}

#[test]
fn upbit_item_06_compression_is_agreed_on_where_it_is_offered_and_enabled() {
    let (on, off) = (Server::start(&[]), Server::start(&["--deflate", "false"]));
    let plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let with_window = format!("{plain}; server_max_window_bits=15");
    let offer = |text: &str| format!("Sec-WebSocket-Extensions: {text}\r\n");
    for (headers, answer) in [
        (String::new(), None),
        (OFFER.to_owned(), Some(plain)),
        (offer("permessage-deflate"), Some(plain)),
        (offer("permessage-deflate; server_max_window_bits=15"), Some(&with_window[..])),
        (offer("permessage-deflate; server_max_window_bits=9"), None),
        (offer("permessage-deflate; server_max_window_bits=9, permessage-deflate"), Some(plain)),
        (offer("permessage-deflate; surprise") + &offer("permessage-deflate"), Some(plain)),
        (offer("permessage-deflate; client_max_window_bits=99"), None),
        (offer("x-webkit-deflate-frame"), None),
        (offer("\u{fc}, permessage-deflate"), None),
    ] {
        let mut client = open(&on, "/websocket/v1", &headers);
        assert_eq!(agreed(&client), answer, "{headers}");
        // Declined or not, the connection works.
        client.say("PING");
        assert_eq!(next(&mut client).text(), r#"{"status":"UP"}"#);
        assert_eq!(agreed(&open(&off, "/websocket/v1", &headers)), None);
    }
    for target in ["/ws/btcusdt@trade", "/stream?streams=btcusdt@trade", "/ws-api/v3"] {
        assert_eq!(agreed(&open(&on, target, OFFER)), None, "{target}");
    }
}

#[test]
fn upbit_deflate_compressed_frames_hold_what_others_get_and_are_the_same_for_all() {
    let flags = ["--speed", "max", "--exit-at-end", "--wait-for-clients", "3"];
    let mut server = Server::start(&flags);
    let codes = r#""codes":["KRW-BTC","KRW-ETH"]"#;
    let request = format!(
        r#"[{{"ticket":"a"}},{{"type":"ticker",{codes}}},{{"type":"trade",{codes}}},{{"type":"orderbook",{codes}}}]"#
    );
    let clients = ["", OFFER, OFFER].map(|headers| {
        let mut client = open(&server, "/websocket/v1", headers);
        client.say(&request);
        std::thread::spawn(move || all(&mut client))
    });
    let [plain, deflated, other] = clients.map(|client| client.join().unwrap());
    assert!(server.wait().success());
    assert!(plain.len() > 1_000, "{} frames", plain.len());
    assert!(deflated == other, "the same bytes for both");
    assert_eq!(deflated.len(), plain.len());
    for (deflated, plain) in deflated.iter().zip(&plain) {
        assert_eq!((deflated.opcode, deflated.is_deflated, plain.is_deflated), (2, true, false));
        assert!(deflated.message() == plain.payload, "{} is not {}", deflated.text(), plain.text());
    }
    let bytes = |frames: &[Raw]| frames.iter().map(|frame| frame.payload.len()).sum::<usize>();
    assert!(bytes(&deflated) < bytes(&plain) / 2, "{} of {}", bytes(&deflated), bytes(&plain));
}

#[test]
fn upbit_deflate_a_frame_is_rendered_once_however_many_agreed_on_compression() {
    let folder = tempfile::tempdir().unwrap();
    let trade = |number: i64| {
        let ms = 1_790_000_000_000 + number;
        let message = format!(
            r#"{{"ty":"trade","cd":"KRW-BTC","tms":{ms},"td":"2026-09-21","ttm":"14:13:20","ttms":{ms},"tp":1.0,"tv":1.0,"ab":"BID","pcp":1.0,"c":"EVEN","cp":0.0,"sid":{number},"st":"REALTIME"}}"#
        );
        (ms * 1_000_000, message)
    };
    let path = support::tape(&folder, "trades.jsonl", &(0..500).map(trade).collect::<Vec<_>>());
    for (offers, forms) in [(["", "", ""], 1), (["", OFFER, OFFER], 2), ([OFFER, OFFER, OFFER], 1)] {
        let as_recorded = ["--upbit-form", "recorded", "--derive", "never"];
        let flags =
            [&["--feed", &path, "--speed", "max", "--wait-for-clients", "3", "--writers", "1"], &as_recorded[..]]
                .concat();
        let server = Server::start(&flags);
        let mut clients = offers.map(|headers| {
            let mut client = open(&server, "/websocket/v1", headers);
            client.say(
                r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"],"isOnlyRealtime":true},{"format":"SIMPLE"}]"#,
            );
            client
        });
        for client in &mut clients {
            for number in 0..500 {
                assert_eq!(next(client).text(), trade(number).1);
            }
        }
        assert_eq!(server.count("frames_rendered"), 500 * forms);
    }
}

#[test]
fn upbit_deflate_snapshots_and_long_answers_are_compressed_and_short_ones_are_not() {
    let server = Server::start(&[]);
    let mut client = open(&server, "/websocket/v1", OFFER);
    client.say("PING");
    assert!(!next(&mut client).is_deflated);
    client.say(r#"[{"ticket":"a"},{"type":"orderbook","codes":["KRW-BTC"],"is_only_snapshot":true}]"#);
    let snapshot = next(&mut client);
    assert!(snapshot.is_deflated && snapshot.text().contains(r#""stream_type":"SNAPSHOT""#));
    // What 12,000 unknown codes look like: more than 64 KiB, and still more than that when compressed.
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'A' + (state >> 33) as u8 % 26)
    };
    let codes: Vec<String> = (0..12_000).map(|_| (0..14).map(|_| letter()).collect()).collect();
    let codes = serde_json::to_string(&codes).unwrap();
    client.say(&format!(r#"[{{"ticket":"a"}},{{"type":"trade","codes":{codes}}}]"#));
    client.say(r#"[{"ticket":"q"},{"method":"LIST_SUBSCRIPTIONS"}]"#);
    let list = next(&mut client);
    assert!(list.is_deflated && list.payload.len() > 65_536, "{} bytes", list.payload.len());
    let expected =
        format!(r#"{{"method":"LIST_SUBSCRIPTIONS","result":[{{"type":"trade","codes":{codes}}}],"ticket":"q"}}"#);
    assert!(list.text() == expected);
    client.say("nonsense");
    let error = next(&mut client);
    assert!(!error.is_deflated && error.text().contains("WRONG_FORMAT"));
    assert_eq!(next(&mut client).opcode, 8);
}

#[test]
fn upbit_deflate_clients_may_compress_what_they_ask_or_not() {
    let server = Server::start(&[]);
    let mut client = open(&server, "/websocket/v1", OFFER);
    let request = |ticket: &str| format!(r#"[{{"ticket":"{ticket}"}},{{"method":"LIST_SUBSCRIPTIONS"}}]"#).into_bytes();
    let answer = |ticket: &str| format!(r#"{{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"{ticket}"}}"#);
    client.send(0x41, &deflate(&request("text")));
    assert_eq!(next(&mut client).text(), answer("text"));
    client.send(0x42, &deflate(&request("binary")));
    assert_eq!(next(&mut client).text(), answer("binary"));
    client.send(1, &request("as it is"));
    assert_eq!(next(&mut client).text(), answer("as it is"));
    let parts = deflate(&request("parts"));
    client.send_fragment(0x41, &parts[..7]);
    client.send(9, b"in between");
    client.send_fragment(0, &parts[7..8]);
    client.send(0, &parts[8..]);
    assert_eq!(next(&mut client).opcode, 10);
    assert_eq!(next(&mut client).text(), answer("parts"));
    client.send(0x41, &deflate(b"PING"));
    assert_eq!(next(&mut client).text(), r#"{"status":"UP"}"#);
}

#[test]
fn upbit_deflate_hostile_messages_end_their_connection_and_no_other() {
    let server = Server::start(&["--message-bytes-max", "65536"]);
    let mut witness = open(&server, "/websocket/v1", OFFER);
    let bomb = deflate(&vec![b'['; 32 << 20]);
    assert!(bomb.len() < 65_536, "small enough to be taken in: {}", bomb.len());
    let cut = &deflate(br#"[{"ticket":"this is cut off"}]"#)[..12];
    for (what, opcode, payload, code) in [
        ("a bomb", 0x41, &bomb[..], 1009),
        ("too much as it is", 0x42, &vec![0; 80_000][..], 1009),
        ("no compressed data", 0x41, b"\xff\xff\xff", 1007),
        ("cut off", 0x41, cut, 1007),
        ("not UTF-8", 0x41, &deflate(&[0xff, 0xfe]), 1007),
        ("a compressed ping", 0x49, b"", 1002),
        ("the second reserved bit", 0x21, b"x", 1002),
    ] {
        let mut client = open(&server, "/websocket/v1", OFFER);
        client.send(opcode, payload);
        let frame = next(&mut client);
        assert_eq!((frame.opcode, &frame.payload[..2]), (8, &u16::to_be_bytes(code)[..]), "{what}");
    }
    let mut client = open(&server, "/websocket/v1", OFFER);
    client.send_fragment(0x41, b"\xf2\x48\xcd");
    client.send(0x40, b"\xc9\xc9\x07\x00");
    assert_eq!(next(&mut client).payload[..2], 1002_u16.to_be_bytes());
    witness.say("PING");
    assert_eq!(next(&mut witness).text(), r#"{"status":"UP"}"#);
}
