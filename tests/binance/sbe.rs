//! The streams in the binary encoding.

use std::collections::BTreeMap;

use crate::support::{Client, Server, tape};
use crate::{bare, rest, serve, synthetic};

const KEY: &str = "X-MBX-APIKEY: 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01\r\n";

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// A connection for binary events.
fn open(server: &Server, target: &str) -> Client {
    Client::try_open_with(server.address, target, KEY).unwrap_or_else(|head| panic!("{target}: {head}"))
}

#[test]
fn binance_item_70_binary_streams_ask_for_a_key() {
    let server = Server::start(&[]);
    let refusal = |headers| Client::try_open_with(server.address, "/sbe/ws", headers).err().expect("no upgrade");
    let missing = refusal("");
    assert!(missing.starts_with("HTTP/1.1 400"), "{missing}");
    assert!(refusal("X-MBX-APIKEY: short\r\n").starts_with("HTTP/1.1 401"));
    for target in ["/sbe/ws/btcusdt@trade", "/sbe/stream?streams=btcusdt@trade", "/sbe/ws", "/sbe/stream"] {
        open(&server, target);
    }
    Client::try_open(server.address, "/ws/btcusdt@trade").expect("JSON needs no key");
}

#[test]
fn binance_item_71_answers_are_text_in_json_and_events_are_binary() {
    let server = Server::start(&["--message-rate", "0"]);
    for target in ["/sbe/ws", "/sbe/stream"] {
        let mut client = open(&server, target);
        let names = r#""btcusdt@trade","btcusdt@bestBidAsk","btcusdt@depth","btcusdt@depth20""#;
        client
            .say(&format!(r#"{{"method":"SUBSCRIBE","params":[{names},"btcusdt@ticker","btcusdt@aggTrade"],"id":1}}"#));
        client.say(r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#);
        client.say(r#"{"method":"GET_PROPERTY","params":["x"],"id":3}"#);
        let mut answers = Vec::new();
        let mut templates = BTreeMap::<u16, usize>::new();
        while templates.len() < 4 || answers.len() < 3 {
            let frame = client.next_event();
            if frame.opcode == 1 {
                answers.push(frame.text().to_owned());
                continue;
            }
            assert_eq!(frame.opcode, 2);
            let bytes = &frame.payload;
            assert_eq!((u16_at(bytes, 4), u16_at(bytes, 6)), (1, 0), "schema and version");
            assert!(bytes.ends_with(b"\x07BTCUSDT"));
            *templates.entry(u16_at(bytes, 2)).or_default() += 1;
        }
        assert_eq!(templates.keys().copied().collect::<Vec<_>>(), [10_000, 10_001, 10_002, 10_003], "and nothing else");
        let list = format!(r#"{{"result":[{names},"btcusdt@ticker","btcusdt@aggTrade"],"id":2}}"#);
        let error = r#"{"error":{"code":0,"msg":"Unknown property"},"id":3}"#;
        assert_eq!(answers, [r#"{"result":null,"id":1}"#, list.as_str(), error], "{target}");
    }
    let mut client = open(&server, "/sbe/ws/btcusdt@trade");
    client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#);
    server.signal("TERM");
    let notice = std::iter::from_fn(|| client.next()).find(|frame| frame.opcode == 1).expect("a notice");
    assert!(notice.text().starts_with(r#"{"e":"serverShutdown","E":"#), "{}", notice.text());
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect()
}

/// 72: a tape of the very events that the vectors are of. A tape tells the two trades of the third vector in two
/// messages, and so they are sent: each with the vector's head, its own entry, and the vector's end.
#[test]
fn binance_item_72_the_test_vectors_come_bit_for_bit() {
    const RECEIVED: i64 = 1_790_000_000_123_456_000;
    let line = |stream: &str, data: &str| (RECEIVED, format!(r#"{{"stream":"btcusdt@{stream}","data":{data}}}"#));
    let trade = |id: i64, price: &str, size: &str| {
        let rest =
            format!(r#""s":"BTCUSDT","t":{id},"p":"{price}","q":"{size}","T":1790000000123001,"m":false,"M":true"#);
        line("trade", &format!(r#"{{"e":"trade","E":1790000000123456,{rest}}}"#))
    };
    let lines = [
        // Numbers of two and of five places: the exponents are those that a symbol's numbers need.
        trade(500, "65432.11000000", "0.00001000"),
        line(
            "bookTicker",
            r#"{"u":7000000042,"s":"BTCUSDT","b":"65432.10000000","B":"1.20000000","a":"65432.11000000","A":"0.45000000"}"#,
        ),
        line(
            "depth@100ms",
            r#"{"e":"depthUpdate","E":1790000000123456,"s":"BTCUSDT","U":7000000040,"u":7000000042,"b":[["65432.10000000","0.00000000"]],"a":[]}"#,
        ),
        trade(501, "65432.11000000", "0.01000000"),
        trade(502, "65432.15000000", "0.02500000"),
    ];
    let (_folder, server) = serve(&lines, &["--derive", "never"]);
    let frames = rest(&mut open(&server, "/sbe/stream?streams=btcusdt@trade/btcusdt@bestBidAsk/btcusdt@depth"));
    assert!(frames.iter().all(|frame| frame.opcode == 2));
    let frames: Vec<&[u8]> = frames.iter().map(|frame| frame.payload.as_slice()).collect();
    assert_eq!(frames.len(), 5);
    let best = hex("32 00 11 27 01 00 00 00 40 c2 27 da fe 5b 06 00 2a 86 3b a1 01 00 00 00 fe fb
        6a d7 63 00 00 00 00 00 c0 d4 01 00 00 00 00 00 6b d7 63 00 00 00 00 00 c8 af 00 00 00 00 00 00
        07 42 54 43 55 53 44 54");
    let depth =
        hex("1a 00 13 27 01 00 00 00 40 c2 27 da fe 5b 06 00 28 86 3b a1 01 00 00 00 2a 86 3b a1 01 00 00 00 fe fb
        10 00 01 00 6a d7 63 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00
        07 42 54 43 55 53 44 54");
    let trades = hex("12 00 10 27 01 00 00 00 40 c2 27 da fe 5b 06 00 79 c0 27 da fe 5b 06 00 fe fb 19 00 02 00 00 00
        f5 01 00 00 00 00 00 00 6b d7 63 00 00 00 00 00 e8 03 00 00 00 00 00 00 00
        f6 01 00 00 00 00 00 00 6f d7 63 00 00 00 00 00 c4 09 00 00 00 00 00 00 00
        07 42 54 43 55 53 44 54");
    assert_eq!((best.len(), depth.len(), trades.len()), (66, 66, 90));
    assert_eq!(frames[1], best);
    assert_eq!(frames[2], depth);
    let (head, entries) = trades.split_at(32);
    for (frame, entry) in frames[3..].iter().zip(entries.chunks_exact(25)) {
        let one = [&head[..28], &[1, 0, 0, 0], entry, &trades[82..]].concat();
        assert_eq!(*frame, one);
    }
}

/// 73: every byte of every event of an invented minute is accounted for by headers of these sizes.
#[test]
fn binance_item_73_group_headers_have_their_sizes() {
    let (_folder, server) = serve(&bare(synthetic(1)), &["--derive", "always"]);
    let streams = "btcusdt@trade/btcusdt@bestBidAsk/btcusdt@depth/btcusdt@depth20";
    let mut seen = BTreeMap::<u16, usize>::new();
    let mut last_id = None;
    for frame in rest(&mut open(&server, &format!("/sbe/stream?streams={streams}"))) {
        let bytes = &frame.payload;
        let (block, template) = (usize::from(u16_at(bytes, 0)), u16_at(bytes, 2));
        *seen.entry(template).or_default() += 1;
        assert!((1_700_000_000_000_000..2_000_000_000_000_000).contains(&i64_at(bytes, 8)), "microseconds");
        // Two bytes for an entry's size and two for their number.
        let small = |at: usize| {
            assert_eq!(u16_at(bytes, at), 16);
            at + 4 + 16 * usize::from(u16_at(bytes, at + 2))
        };
        let end = match template {
            10_000 => {
                assert_eq!((block, u16_at(bytes, 26)), (18, 25));
                let count = u32::from_le_bytes(bytes[28..32].try_into().unwrap());
                assert!(bytes[26 + 6 + 24] <= 1, "who was the maker");
                26 + 6 + 25 * count as usize
            }
            10_001 => {
                assert_eq!(block, 50);
                assert!(i64_at(bytes, 26) < i64_at(bytes, 42), "the bid is below the ask");
                58
            }
            10_002 => {
                assert_eq!(block, 18);
                assert_eq!(bytes.len(), 682, "20 levels a side");
                small(small(26))
            }
            10_003 => {
                assert_eq!(block, 26);
                let (first, last) = (i64_at(bytes, 16), i64_at(bytes, 24));
                assert!(last_id.is_none_or(|before| first == before + 1), "{last_id:?}, then {first}");
                last_id = Some(last);
                small(small(34))
            }
            other => panic!("template {other}"),
        };
        assert_eq!(&bytes[end..], b"\x07BTCUSDT", "template {template}");
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [10_000, 10_001, 10_002, 10_003]);
}

/// Plays as many events of one stream as do not fit into a socket and the backlog, to a client that reads nothing until
/// all have been published; what it reads then, and the close frame's code.
fn stall(stream: &str, flags: &[&str], count: i64, line: impl Fn(i64) -> String) -> (Vec<Vec<u8>>, u16) {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..count).map(|n| (1_700_000_000_000_000_000 + n * 20_000, line(n))).collect();
    let path = tape(&folder, "stall.jsonl", &lines);
    let mut all = vec![
        "--feed",
        &path,
        "--wait-for-clients",
        "1",
        "--exit-at-end",
        "--stall-limit",
        "60s",
        "--ping-interval",
        "0s",
    ];
    all.extend(flags);
    let server = Server::start(&all);
    let mut client = open(&server, &format!("/sbe/ws/{stream}"));
    // At speed max the tape itself waits for the client.
    if !flags.contains(&"max") {
        server.wait_for_count("ticks_published", count as u64);
    } else {
        server.wait_for_count("ring_waits", 1);
    }
    let mut frames = Vec::new();
    loop {
        let frame = client.next_event();
        if frame.opcode == 8 {
            return (frames, frame.close().0);
        }
        frames.push(frame.payload);
    }
}

#[test]
fn binance_item_74_a_stalled_reader_of_best_bid_and_ask_resumes_with_the_newest() {
    let count = 150_000;
    let (frames, code) = stall("btcusdt@bestBidAsk", &["--backlog-bytes-max", "1048576"], count, |n| {
        let payload = format!(r#"{{"u":{n},"s":"BTCUSDT","b":"65000.1","B":"1.0","a":"65001.0","A":"2.0"}}"#);
        format!(r#"{{"stream":"btcusdt@bookTicker","data":{payload}}}"#)
    });
    let ids: Vec<i64> = frames.iter().map(|bytes| i64_at(bytes, 16)).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "never an older one after a newer one");
    assert_eq!((ids.last(), code), (Some(&(count - 1)), 1000), "the newest is never left out");
    assert!(ids.len() < count as usize, "nothing was left out: the client was not behind");
}

/// At its own pace the tape waits for nobody: the reader is disconnected rather than given a hole. Where the tape waits,
/// the reader resumes and gets all.
#[test]
fn binance_item_74_a_stalled_reader_of_changes_never_has_a_hole() {
    let level = r#"["65000.10000000","1.00000000"],"#.repeat(20);
    let line = |n: i64| {
        let levels = level.trim_end_matches(',');
        let rest = format!(r#""s":"BTCUSDT","U":{},"u":{},"b":[{levels}],"a":[]"#, 2 * n, 2 * n + 1);
        let data = format!(r#"{{"e":"depthUpdate","E":{},{rest}}}"#, 1_700_000_000_000 + n / 50);
        format!(r#"{{"stream":"btcusdt@depth@100ms","data":{data}}}"#)
    };
    let chain = |frames: &[Vec<u8>]| {
        let ids: Vec<(i64, i64)> = frames.iter().map(|bytes| (i64_at(bytes, 16), i64_at(bytes, 24))).collect();
        assert!(ids.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1));
        assert_eq!(ids[0].0, 0);
    };
    let (frames, code) = stall("btcusdt@depth", &["--backlog-bytes-max", "1048576"], 40_000, line);
    chain(&frames);
    assert!(frames.len() < 40_000 && code == 1013, "{} events, then {code}", frames.len());
    let (frames, code) = stall("btcusdt@depth", &["--speed", "max"], 60_000, line);
    chain(&frames);
    assert_eq!((frames.len(), code), (60_000, 1000));
}
