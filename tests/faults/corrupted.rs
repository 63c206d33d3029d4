//! Messages with a byte that is another.

use std::io::{BufRead, BufReader, Write};

use serde_json::Value;

use crate::support::{Client, connect};
use crate::{Faulty, are_whole};

fn script(part: &str, count: u32) -> String {
    format!("[[fault]]\nwhat = \"corrupt\"\nat = \"200ms\"\npart = \"{part}\"\ncount = {count}")
}

fn trades(client: &mut Client, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| client.next().expect("the connection lasts").payload).collect()
}

fn id(payload: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Value>(payload).ok()?["t"].as_i64()
}

#[test]
fn so_many_payloads_are_no_json_and_all_others_are_whole() {
    let faulty = Faulty::start(&script("payload", 3));
    let payloads = trades(&mut faulty.open(), 200);
    let broken: Vec<&Vec<u8>> = payloads.iter().filter(|payload| id(payload).is_none()).collect();
    assert_eq!(broken.len(), 3);
    assert!(
        broken.iter().all(|payload| payload.starts_with(b"}\"e\":\"trade\"") && std::str::from_utf8(payload).is_ok())
    );
    let mended: Vec<i64> = payloads
        .iter()
        .map(|payload| if payload[0] == b'}' { [b"{", &payload[1..]].concat() } else { payload.clone() })
        .map(|payload| id(&payload).unwrap())
        .collect();
    assert!(are_whole(&mended), "nothing else has changed");
    assert_eq!(faulty.counted("corrupt"), 1);
}

#[test]
fn a_text_is_not_utf8() {
    let faulty = Faulty::start(&script("utf8", 1));
    let payloads = trades(&mut faulty.open(), 100);
    assert_eq!(payloads.iter().filter(|payload| std::str::from_utf8(payload).is_err()).count(), 1);
}

#[test]
fn a_frame_has_bits_that_mean_nothing() {
    let faulty = Faulty::start(&script("frame", 1));
    let mut client = faulty.open();
    let mut heads = Vec::new();
    // A frame of these trades has four bytes of head.
    let stream = client.stream().try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    for _ in 0..100 {
        let mut head = [0; 4];
        std::io::Read::read_exact(&mut reader, &mut head).unwrap();
        let length = u16::from_be_bytes([head[2], head[3]]);
        assert_eq!(head[1], 126);
        std::io::copy(&mut std::io::Read::take(&mut reader, length.into()), &mut std::io::sink()).unwrap();
        heads.push(head[0]);
    }
    assert_eq!(heads.iter().filter(|head| **head == 0xb1).count(), 1, "{heads:x?}");
    assert!(heads.iter().all(|head| matches!(head, 0x81 | 0xb1)));
}

#[test]
fn an_event_for_browsers_is_no_json() {
    let faulty = Faulty::start(&script("payload", 1));
    let mut stream = connect(faulty.server.address);
    write!(stream, "GET /sse?streams=btcusdt@trade HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let events: Vec<String> =
        lines.filter_map(|line| Some(line.strip_prefix("data: ")?.to_owned())).take(100).collect();
    assert_eq!(events.iter().filter(|event| serde_json::from_str::<Value>(event).is_err()).count(), 1);
}
