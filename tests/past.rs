//! Clients that are told the past first, from outside: what they missed and the ring no longer has, or what was since a
//! time of theirs; then live, without a hole and without a repeat.

mod support;

use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Value, json};
use support::{Client, Server, connect, lines, recordings, tape, trade};

/// So small that nothing of a second ago is in it.
const SMALL: [&str; 4] = ["--ring-ticks", "64", "--history-ticks", "8"];

const KINDS: [&str; 8] = ["depth@100ms", "depth", "aggTrade", "kline_1m", "bookTicker", "depth5", "ticker", "avgPrice"];

/// `seconds` of a recording of three symbols, and its first time.
fn recording(folder: &tempfile::TempDir, seconds: i64) -> Option<(String, i64)> {
    let lines = lines(&recordings()?.join("binance-spot-20210404-3sym.jsonl.zst"));
    let first = lines[0].0;
    let lines: Vec<_> = lines.into_iter().take_while(|(time, _)| *time < first + seconds * 1_000_000_000).collect();
    Some((tape(folder, "cut.jsonl", &lines), first))
}

fn streams(symbols: &[&str]) -> String {
    symbols.iter().flat_map(|symbol| KINDS.map(|kind| format!("{symbol}@{kind}"))).collect::<Vec<_>>().join("/")
}

/// Texts until one that is the last or the connection's end; answers apart.
fn texts(client: &mut Client, mut is_last: impl FnMut(&str) -> bool) -> (Vec<String>, Vec<Value>) {
    let (mut events, mut answers) = (Vec::new(), Vec::new());
    while let Some(frame) = client.next() {
        match frame.opcode {
            1 | 2 => {}
            8 => break,
            _ => continue,
        }
        let text = frame.text().to_owned();
        let is_over = is_last(&text);
        if text.starts_with(r#"{"result"#) || text.starts_with(r#"{"error"#) {
            answers.push(serde_json::from_str(&text).unwrap());
        } else {
            events.push(text);
        }
        if is_over {
            break;
        }
    }
    (events, answers)
}

fn control(server: &Server, body: &Value) -> Value {
    let mut stream = connect(server.address);
    let (address, body) = (server.address, body.to_string());
    let length = body.len();
    let head = format!("POST /control/replay HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The position that an event says of itself.
fn position(event: &str) -> String {
    let event: Value = serde_json::from_str(event).expect(event);
    event["sequence"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned()
}

#[test]
fn whoever_missed_more_than_the_ring_holds_is_told_it_from_the_tape_wherever_he_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, _)) = recording(&folder, 60) else { return };
    let flags = [&["--feed", &path, "--speed", "max", "--control", "--paused", "--exit-at-end"], &SMALL[..]].concat();
    let server = Server::start(&flags);
    let target = format!("/stream?streams={}&sequence=true", streams(&["btcusdt", "ethusdt"]));
    let mut whole = Client::open(&server, &target);
    let (_, begun) = texts(&mut whole, |text| text.starts_with(r#"{"result"#));
    let reader = std::thread::spawn(move || texts(&mut whole, |_| false).0);
    let (mut seen, mut place) = (Vec::<String>::new(), begun[0]["result"]["sequence"].as_str().unwrap().to_owned());
    let mut other = Client::open(&server, "/ws/dotusdt@trade");
    for (round, count) in (0..12).zip([1, 40, 77, 113, 150, 3].into_iter().cycle()) {
        control(&server, &json!({"step": 150}));
        if round % 4 == 2 {
            // Wants that come late: more is published from here on, and so there are other ids.
            let stream = ["btcusdt@miniTicker", "ethusdt@ticker_1h", "btcusdt@depth20"][round / 4];
            other.ask(&json!({"method": "SUBSCRIBE", "params": [stream], "id": 1}).to_string());
        }
        let mut client = Client::open(&server, &format!("{target}&resume={place}"));
        let mut left = count;
        // In the middle of the past, or behind all of it.
        let (events, answers) = texts(&mut client, |text| match text.starts_with(r#"{"result"#) {
            true => !text.contains("resumed"),
            false => {
                left -= 1;
                left == 0
            }
        });
        assert_eq!(answers[0]["result"]["resumed"], true, "{:?}", answers[0]);
        seen.extend(events);
        place = seen.last().map_or(place, |event| position(event));
    }
    assert!(server.count("pasts_told") > 5, "{}", server.count("pasts_told"));
    let mut client = Client::open(&server, &format!("{target}&resume={place}"));
    control(&server, &json!({"pause": false}));
    let drains = std::thread::spawn(move || texts(&mut other, |_| false));
    seen.extend(texts(&mut client, |_| false).0);
    let want = reader.join().unwrap();
    drains.join().unwrap();
    assert!(want.len() > 1_500, "{}", want.len());
    let differs = want.iter().zip(&seen).position(|(a, b)| a != b);
    assert!(differs.is_none(), "{differs:?}: {:?}", differs.map(|at| (&want[at], &seen[at])));
    assert_eq!(want.len(), seen.len());
}

#[test]
fn a_stream_is_told_since_a_time_then_live_though_nobody_wanted_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, first)) = recording(&folder, 30) else { return };
    let flags = [&["--feed", &path, "--speed", "20x", "--control", "--paused", "--exit-at-end"], &SMALL[..]].concat();
    // What somebody got who was there from the beginning.
    let server = Server::start(&flags);
    let mut whole = Client::open(&server, &format!("/stream?streams={}", streams(&["btcusdt"])));
    whole.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    control(&server, &json!({"pause": false}));
    let (want, _) = texts(&mut whole, |_| false);
    let since = first + 5_500_000_000;
    let ms = since / 1_000_000;
    let server = Server::start(&flags);
    let mut client = Client::open(&server, "/stream?streams=ethusdt@trade/ethusdt@depth@100ms");
    client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    control(&server, &json!({"step": 900}));
    control(&server, &json!({"pause": false}));
    let before = [client.next_event().text().to_owned()];
    let names: Vec<String> = KINDS.iter().map(|kind| format!("btcusdt@{kind}")).collect();
    client.say(&json!({"method": "SUBSCRIBE", "params": names, "from": since.to_string(), "id": 9}).to_string());
    let mut is_live = false;
    let (mut past, mut live) = (Vec::new(), Vec::new());
    let (events, answers) = texts(&mut client, |text| {
        is_live |= text.contains(r#""live":true"#);
        match text.contains(r#""stream":"btcusdt@"#) {
            true if is_live => live.push(text.to_owned()),
            true => past.push(text.to_owned()),
            false => {}
        }
        false
    });
    assert_eq!(answers[0], json!({"result": null, "id": 9}));
    assert_eq!((&answers[1]["result"]["live"], &answers[1]["result"]["reason"]), (&json!(true), &Value::Null));
    assert!(past.len() > 100 && live.len() > 100, "{} and {}", past.len(), live.len());
    // What it had already goes on meanwhile, without a hole.
    let updates = before.iter().chain(&events).filter(|text| text.contains("ethusdt@depth@100ms"));
    let mut last = None;
    for update in updates {
        let update: Value = serde_json::from_str(update).unwrap();
        let (from, to) = (update["data"]["U"].as_i64().unwrap(), update["data"]["u"].as_i64().unwrap());
        assert!(last.is_none_or(|last| from == last + 1), "{from} after {last:?}");
        last = Some(to);
    }
    let got: Vec<String> = past.into_iter().chain(live).collect();
    let begin = want.iter().position(|event| *event == got[0]).expect("what came first");
    assert_eq!(want.len() - begin, got.len());
    assert!(want[begin..] == got, "{:?}", want[begin..].iter().zip(&got).find(|(a, b)| a != b));
    // The first one is the first since then.
    let time = |event: &str| serde_json::from_str::<Value>(event).unwrap()["data"]["E"].as_i64();
    assert!(time(&got[0]).is_none_or(|time| time > ms - 2_000));
    assert!(begin > 20 && want[..begin].iter().filter_map(|event| time(event)).all(|time| time < ms + 200));
}

#[test]
fn every_protocol_tells_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..200).map(|n| trade(n, 1_700_000_000_000 + n * 100)).collect();
    let path = tape(&folder, "trades.jsonl", &all);
    let flags = [&["--feed", &path, "--speed", "max", "--control", "--paused"], &SMALL[..]].concat();
    let server = Server::start(&flags);
    control(&server, &json!({"step": 150}));
    let ids = |reader: &mut dyn BufRead, count: usize| {
        let (mut ids, mut line, mut marker) = (Vec::new(), String::new(), None);
        while ids.len() < count || marker.is_none() {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "the connection ends");
            if line.contains(r#""live":true"#) {
                assert!(!line.contains("reason"), "{line}");
                marker = Some(ids.len());
            } else if let Some(at) = line.find(r#""t":"#) {
                ids.push(line[at + 4..].split(',').next().unwrap().parse::<i64>().unwrap());
            }
        }
        (ids, marker.unwrap())
    };
    // 22:13:20 is where it begins, 22:13:30 the hundredth.
    let http = |target: &str| {
        let mut stream = connect(server.address);
        write!(stream, "GET {target} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        BufReader::new(stream)
    };
    let mut readers: Vec<BufReader<_>> = vec![
        http("/ndjson?streams=btcusdt@trade&from=22:13:30.000"),
        http("/sse?streams=btcusdt@trade&from=2023-11-14T22:13:30Z"),
    ];
    let mut bare = connect(server.lines.expect("lines"));
    bare.write_all(b"SUBSCRIBE btcusdt@trade FROM 22:13:30.000\n").unwrap();
    readers.push(BufReader::new(bare));
    for reader in &mut readers {
        let (past, marker) = ids(reader, 50);
        assert_eq!((past, marker), ((100..150).collect::<Vec<_>>(), 50));
    }
    let mut binance = Client::open(&server, "/ws/btcusdt@trade?from=1700000010000000000");
    let mut upbit = Client::open(&server, "/websocket/v1?from=22:13:30");
    upbit.say(r#"[{"ticket":"1"},{"type":"trade","codes":["USDT-BTC"]}]"#);
    for (client, id) in [(&mut binance, r#""t":"#), (&mut upbit, r#""sequential_id":"#)] {
        let mut seen = Vec::new();
        while let Some(frame) = client.next() {
            let text = frame.text();
            if text.contains(r#""live":true"#) {
                break;
            }
            if let Some(at) = text.find(id) {
                seen.push(text[at + id.len()..].split([',', '}']).next().unwrap().parse::<i64>().unwrap());
            }
        }
        assert_eq!(seen, (100..150).collect::<Vec<_>>(), "{id}");
    }
    control(&server, &json!({"step": 10}));
    for reader in &mut readers {
        let (mut line, mut next) = (String::new(), 150);
        while next < 160 {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if line.contains(r#""t":"#) {
                assert!(line.contains(&format!(r#""t":{next},"#)), "{line}");
                next += 1;
            }
        }
    }
    for next in 150..160 {
        assert!(binance.next_event().text().contains(&format!(r#""t":{next},"#)));
        assert!(upbit.next_event().text().contains(&format!(r#""sequential_id":{next},"#)));
    }
}

#[test]
fn what_cannot_be_told_is_said_and_the_client_is_live_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..50).map(|n| trade(n, 1_700_000_000_000 + n * 100)).collect();
    let path = tape(&folder, "trades.jsonl", &all);
    let server = Server::start(&["--feed", &path, "--speed", "max", "--control", "--paused"]);
    control(&server, &json!({"step": 20}));
    let reason = |server: &Server, time: &str| {
        let mut client = Client::open(server, "/ws");
        client.say(&json!({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "from": time, "id": 1}).to_string());
        let (_, answers) = texts(&mut client, |text| text.contains(r#""live":true"#));
        (answers.last().unwrap()["result"]["reason"].as_str().map(str::to_owned), client)
    };
    assert!(reason(&server, "noon").0.unwrap().starts_with("that is no time"));
    assert_eq!(reason(&server, "22:13:20").0, None);
    control(&server, &json!({"seek": "22:13:20.500"}));
    let (moved, mut client) = reason(&server, "22:13:20");
    assert_eq!(moved.unwrap(), "the tape has begun again, or has gone to another place");
    control(&server, &json!({"step": 1}));
    assert!(client.next_event().text().contains(r#""e":"trade""#));
    let made = Server::start(&["--feed", "bench:symbols=1,rate=100"]);
    let mut client = Client::open(&made, "/ws/s000usdt@ticker?from=09:00:00");
    let (_, answers) = texts(&mut client, |text| text.contains(r#""live":true"#));
    assert_eq!(answers[0]["result"]["reason"], "the feed is not recorded");
    assert!(client.next_event().text().contains("24hrTicker"));
    let head = Client::try_open(server.address, "/ws/btcusdt@trade?from=1&resume=1").err().unwrap();
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

#[test]
fn a_tape_that_is_moved_while_its_past_is_told_leaves_a_gap_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..200_000).map(|n| trade(n, 1_700_000_000_000 + n)).collect();
    let path = tape(&folder, "trades.jsonl", &all);
    let server = Server::start(&["--feed", &path, "--speed", "max", "--control", "--paused"]);
    control(&server, &json!({"step": 190_000}));
    // More than all buffers between here and there hold, so it is on its way until it is read.
    let mut client = Client::open(&server, "/ws/btcusdt@trade?from=22:13:20");
    server.wait_for_count("pasts_told", 1);
    control(&server, &json!({"seek": "22:13:21"}));
    let (events, answers) = texts(&mut client, |text| text.contains(r#""live":true"#));
    assert_eq!(answers[0]["result"]["reason"], "the tape has begun again, or has gone to another place");
    for (number, event) in events.iter().enumerate() {
        assert!(event.contains(&format!(r#""t":{number},"#)), "{event} is not the event with the number {number}");
    }
    assert!(events.len() < 190_000, "{}", events.len());
    control(&server, &json!({"step": 1}));
    assert!(client.next_event().text().contains(r#""e":"trade""#));
}
