//! Binance's streams in the binary encoding, from outside; numbers are those of the checklist.

use crate::support::{Client, Server, tape};

const KEY: &str = "X-MBX-APIKEY: 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01\r\n";

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn binance_item_70_binary_streams_ask_for_a_key() {
    let server = Server::start(&[]);
    let refusal = |headers| Client::try_open_with(server.address, "/sbe/ws", headers).err().expect("no upgrade");
    assert!(refusal("").starts_with("HTTP/1.1 400"));
    assert!(refusal("X-MBX-APIKEY: short\r\n").starts_with("HTTP/1.1 401"));
    for target in ["/sbe/ws/btcusdt@trade", "/sbe/stream?streams=btcusdt@trade"] {
        Client::try_open_with(server.address, target, KEY).expect("an upgrade");
    }
}

#[test]
fn binance_item_71_73_binary_events_stand_beside_answers_in_json() {
    let server = Server::start(&[]);
    let mut client = Client::try_open_with(server.address, "/sbe/stream", KEY).expect("an upgrade");
    let names = r#""btcusdt@trade","btcusdt@bestBidAsk","btcusdt@depth","btcusdt@ticker""#;
    let answer = client.ask(&format!(r#"{{"method":"SUBSCRIBE","params":[{names}],"id":1}}"#));
    assert_eq!(answer, r#"{"result":null,"id":1}"#);
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();
    let mut last_id = None;
    while seen.len() < 3 || seen[&10_003] < 5 {
        let frame = client.next_event();
        assert_eq!(frame.opcode, 2);
        let bytes = &frame.payload;
        assert_eq!((u16_at(bytes, 4), u16_at(bytes, 6)), (1, 0), "schema and version");
        assert!(bytes.ends_with(b"\x07BTCUSDT"));
        *seen.entry(u16_at(bytes, 2)).or_default() += 1;
        let block = usize::from(u16_at(bytes, 0));
        assert!((1_700_000_000_000_000..2_000_000_000_000_000).contains(&i64_at(bytes, 8)), "microseconds");
        match u16_at(bytes, 2) {
            10_000 => assert_eq!((block, u16_at(bytes, 26), bytes.len()), (18, 25, 8 + 18 + 6 + 25 + 8)),
            10_001 => {
                assert_eq!((block, bytes.len()), (50, 66));
                assert!(i64_at(bytes, 26) < i64_at(bytes, 42), "the bid is below the ask");
            }
            10_003 => {
                let (first, last) = (i64_at(bytes, 16), i64_at(bytes, 24));
                assert!(last_id.is_none_or(|before| first == before + 1), "{last_id:?}, then {first}");
                last_id = Some(last);
                let bids = usize::from(u16_at(bytes, 36));
                assert_eq!((block, u16_at(bytes, 34)), (26, 16));
                let asks = usize::from(u16_at(bytes, 40 + bids * 16));
                assert_eq!(bytes.len(), 8 + 26 + 4 + 4 + (bids + asks) * 16 + 8);
            }
            other => panic!("template {other}"),
        }
    }
}

#[test]
fn binance_item_74_a_stalled_binary_reader_resumes_with_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let events = 150_000_i64;
    let line = |number: i64| {
        let payload = format!(r#"{{"u":{number},"s":"BTCUSDT","b":"65000.1","B":"1.0","a":"65001.0","A":"2.0"}}"#);
        (1_700_000_000_000_000_000 + number * 20_000, format!(r#"{{"stream":"btcusdt@bookTicker","data":{payload}}}"#))
    };
    let path = tape(&folder, "quotes.jsonl", &(0..events).map(line).collect::<Vec<_>>());
    let flags = [
        "--feed",
        &path,
        "--wait-for-clients",
        "1",
        "--exit-at-end",
        "--backlog-bytes-max",
        "1048576",
        "--stall-limit",
        "60s",
    ];
    let server = Server::start(&flags);
    let mut client = Client::try_open_with(server.address, "/sbe/ws/btcusdt@bestBidAsk", KEY).expect("an upgrade");
    server.wait_for_count("ticks_published", events as u64);
    let (mut last, mut count) = (-1, 0);
    loop {
        let frame = client.next().expect("a close frame comes first");
        if frame.opcode == 8 {
            break;
        }
        let id = i64_at(&frame.payload, 16);
        assert!(id > last, "{id} after {last}");
        (last, count) = (id, count + 1);
    }
    assert_eq!(last, events - 1, "the newest is never left out");
    assert!(count <= events);
}
