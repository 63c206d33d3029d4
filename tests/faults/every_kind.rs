//! Every kind of client is known by its name, and is hit in its own dialect; over TLS as without.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::peer::{Peer, SELF_SIGNED};
use crate::support::{Client, connect};
use crate::{Faulty, are_whole, client};

fn websocket(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

fn plain(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn each_kind_is_cut_off_by_its_name_and_told_in_its_own_way() {
    let close = "\u{3}\u{f4}";
    for (kind, request, told) in [
        ("binance", websocket("/ws/btcusdt@trade"), close),
        ("binance-api", websocket("/ws-api/v3"), close),
        ("upbit", websocket("/websocket/v1"), close),
        ("socketio", websocket("/socket.io/?EIO=4&transport=websocket"), close),
        ("rooms", websocket("/rooms/lobby"), close),
        ("sse", plain("/sse?streams=btcusdt@trade"), "event: close"),
        ("ndjson", plain("/ndjson?streams=btcusdt@trade"), "{\"close\":"),
        ("lines", "SUBSCRIBE btcusdt@trade\n".to_owned(), "{\"close\":"),
    ] {
        let script = format!("[[fault]]\nwhat = \"drop\"\nafter = \"200ms\"\nclose = 1012\nwhom = \"{kind}\"");
        let faulty = Faulty::start_with(&script, &["--rooms"]);
        let address =
            if kind == "lines" { faulty.server.lines.expect("a port for lines") } else { faulty.server.address };
        let mut stream = connect(address);
        stream.write_all(request.as_bytes()).unwrap();
        let (mut bytes, mut read) = ([0; 65_536], Vec::new());
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            read.extend_from_slice(&bytes[..length]);
            // A client of WebSocket says goodbye as well.
            if read.windows(4).any(|window| window == [0x88, 0x02, 0x03, 0xf4]) {
                break;
            }
        }
        let tail = &read[read.len().saturating_sub(100)..];
        let is_told = if told == close { tail.ends_with(&[0x88, 2, 3, 0xf4]) } else { contains(tail, told.as_bytes()) };
        assert!(is_told, "{kind}: {}", String::from_utf8_lossy(tail));
        let report = faulty.told();
        assert_eq!((&client(&report)["kind"], &report["clients_hit"]), (&kind.into(), &1.into()), "{report:#}");
        assert_eq!(client(&report)["ended_by"], "fault");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn over_tls_a_line_stalls_lies_and_is_late_as_without() {
    let script = "[[fault]]\nwhat = \"freeze\"\nat = \"300ms\"\nfor = \"1s\"\n\
                  [[fault]]\nwhat = \"corrupt\"\nat = \"1500ms\"\n\
                  [[fault]]\nwhat = \"delay\"\nat = \"2s\"\nby = \"100ms to 200ms\"\nfor = \"500ms\"\n\
                  [[fault]]\nwhat = \"drop\"\nat = \"3s\"\nclose = 1001";
    let faulty = Faulty::start_with(script, &[&["--wait-for-clients", "1"], &SELF_SIGNED[..]].concat());
    let mut client = Peer::of(&faulty.server).open(&faulty.server, "/ws/btcusdt@trade");
    let (mut ids, mut broken, mut longest, mut last) = (Vec::new(), 0, Duration::ZERO, Instant::now());
    let close = loop {
        let frame = client.next().expect("it ends with a close frame");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if frame.opcode == 8 {
            break frame.close().0;
        }
        let text = frame.text().to_owned();
        broken += usize::from(text.starts_with('}'));
        ids.extend(crate::id(&text.replacen('}', "{", usize::from(text.starts_with('}')))));
    };
    assert!(are_whole(&ids) && ids.len() > 250, "{} trades", ids.len());
    assert_eq!((close, broken), (1001, 1));
    assert!(longest >= Duration::from_millis(900), "{longest:?}");
}

#[test]
fn a_client_of_socketio_that_polls_is_cut_off_as_well() {
    let script = "[[fault]]\nwhat = \"drop\"\nafter = \"300ms\"\nwhom = \"socketio\"";
    let faulty = Faulty::start_with(script, &[]);
    let (status, _, packet) = faulty.server.get("/socket.io/?EIO=4&transport=polling");
    assert_eq!(status, 200, "{packet}");
    let sid = packet.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id").to_owned();
    faulty.wait_until("it is cut off", |told| client(told)["ended_by"] == "fault");
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let (status, _, body) = faulty.server.get(&path);
    assert!(status == 400 && body.contains("Session ID unknown"), "{status} {body}");
}

#[test]
fn a_client_that_comes_back_by_another_way_is_not_taken_for_another() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"drop\"\nat = \"200ms\"");
    crate::read_to_end(&mut faulty.open());
    let mut upbit = Client::open(&faulty.server, "/websocket/v1");
    upbit.say("PING");
    upbit.next().expect("it is served");
    assert_eq!(client(&faulty.told())["noticed"], false, "a client of Upbit is no client of Binance that came back");
}
