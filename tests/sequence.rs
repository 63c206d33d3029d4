//! Positions from outside: what every protocol says when it is asked for them, and what a client that comes again is
//! told.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Client, PATIENCE, Server, connect, tape, trade};

/// Trades a millisecond apart.
fn trades(server_speed: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<(i64, String)> = (1..=2_000).map(|n| trade(n, 1_772_420_400_000 + n)).collect();
    let feed = tape(&folder, "trades.jsonl", &lines);
    let flags = ["--feed", &feed, "--speed", server_speed, "--wait-for-clients", "2", "--derive", "never"];
    let more = ["--ring-ticks", "16384", "--history-ticks", "8192", "--attempts-max", "0"];
    let server = Server::start(&[&flags[..], &more].concat());
    (folder, server)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The bytes without the position at their end, and the position.
fn split(text: &str) -> (String, String) {
    let (head, tail) = text.rsplit_once(",\"sequence\":\"").unwrap_or_else(|| panic!("no position: {text}"));
    let (position, end) = tail.split_once('"').unwrap();
    (format!("{head}{end}"), position.to_owned())
}

#[test]
fn whoever_asks_gets_the_same_bytes_with_a_position_behind_them() {
    for (path, in_wrapper) in [("/stream?streams=btcusdt@trade", true), ("/ws/btcusdt@trade", false)] {
        let (_folder, server) = trades("max");
        let mut plain = Client::open(&server, path);
        let separator = if in_wrapper { '&' } else { '?' };
        let mut sequenced = Client::open(&server, &format!("{path}{separator}sequence=true"));
        let begin = json(sequenced.next_event().text());
        assert!(begin["result"]["sequence"].is_string(), "{begin}");
        let mut positions = Vec::new();
        for _ in 0..500 {
            let (bytes, position) = split(sequenced.next_event().text());
            assert_eq!(bytes, plain.next_event().text());
            positions.push(position);
        }
        positions.dedup();
        assert_eq!(positions.len(), 500);
    }
}

#[test]
fn what_was_missed_comes_first_and_the_rest_follows() {
    let (_folder, server) = trades("max");
    let target = "/stream?streams=btcusdt@trade&sequence=true";
    let mut whole = Client::open(&server, target);
    let mut cut = Client::open(&server, target);
    assert_eq!(whole.next_event(), cut.next_event());
    let expected: Vec<String> = (0..2_000).map(|_| whole.next_event().text().to_owned()).collect();
    let mut seen: Vec<String> = (0..700).map(|_| cut.next_event().text().to_owned()).collect();
    drop(cut);
    let (_, last) = split(&seen[699]);
    let mut again = Client::open(&server, &format!("/stream?streams=btcusdt@trade&resume={last}"));
    assert_eq!(json(again.next_event().text()), json!({ "result": { "resumed": true, "from": last } }));
    seen.extend((700..2_000).map(|_| again.next_event().text().to_owned()));
    assert_eq!(seen, expected);
    let end = json(again.next_event().text());
    assert!(end["result"]["sequence"].is_string(), "{end}");
    // The first request of a connection without streams goes on as well.
    let mut asked = Client::open(&server, &format!("/stream?resume={last}"));
    asked.say(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#);
    assert_eq!(asked.next_event().text(), r#"{"result":null,"id":1}"#);
    assert_eq!(json(asked.next_event().text())["result"]["resumed"], true);
    assert_eq!(asked.next_event().text(), expected[700]);
}

#[test]
fn a_property_says_it_too() {
    let (_folder, server) = trades("max");
    let mut client = Client::open(&server, "/ws");
    assert_eq!(client.ask(r#"{"method":"GET_PROPERTY","params":["sequence"],"id":1}"#), r#"{"result":false,"id":1}"#);
    assert_eq!(
        client.ask(r#"{"method":"SET_PROPERTY","params":["sequence",true],"id":2}"#),
        r#"{"result":null,"id":2}"#
    );
    assert!(json(client.next_event().text())["result"]["sequence"].is_string());
    client.say(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":3}"#);
    assert_eq!(client.next_event().text(), r#"{"result":null,"id":3}"#);
    assert!(json(client.next_event().text())["result"]["sequence"].is_string());
    let _second = Client::open(&server, "/ws/btcusdt@trade");
    assert!(split(client.next_event().text()).0.contains(r#""t":1,"#));
}

#[test]
fn who_cannot_go_on_is_told_why_in_every_protocol() {
    let server = Server::start(&["--history-ticks", "64", "--attempts-max", "0", "--control"]);
    server.move_demo();
    let mut client = Client::open(&server, "/ws/btcusdt@trade?sequence=true");
    let first = json(client.next_event().text())["result"]["sequence"].as_str().unwrap().to_owned();
    let run = first.split_once('-').unwrap().0.to_owned();
    server.wait_for_count("ticks_read", 2_000);
    for (position, reason) in [
        ("nonsense".to_owned(), "that is no id of an event"),
        (format!("{:08x}-1.0", u32::from_str_radix(&run, 16).unwrap() ^ 1), "the id is of another run of the server"),
        (format!("{run}-999999999.0"), "the id is ahead of the feed"),
        (format!("{run}-1.0"), "what came after the id is no longer held"),
    ] {
        let from = if position == "nonsense" { Value::Null } else { position.clone().into() };
        let check = |text: &str| {
            let told = json(text)["result"].take();
            assert_eq!((&told["resumed"], &told["from"], &told["reason"]), (&false.into(), &from, &reason.into()));
            assert!(told["sequence"].as_str().is_some_and(|to| to.starts_with(&run)), "{told}");
        };
        let mut binance = Client::open(&server, &format!("/ws/btcusdt@trade?resume={position}"));
        check(binance.next_event().text());
        assert!(json(binance.next_event().text())["result"]["sequence"].is_string());
        let mut upbit = Client::open(&server, &format!("/websocket/v1?resume={position}"));
        upbit.say(r#"[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]"#);
        check(upbit.next_event().text());
        // It begins anew, as it always does there.
        assert_eq!(json(upbit.next_event().text())["stream_type"], "SNAPSHOT");
        let mut lines = Lines::open(&server);
        lines.say(&format!("RESUME {position} btcusdt@trade"));
        assert_eq!(lines.line(), r#"{"result":null}"#);
        check(&lines.line());
        let mut ndjson = connect(server.address);
        write!(ndjson, "GET /ndjson?streams=btcusdt@trade&resume={position} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let mut ndjson = BufReader::new(ndjson).lines().map(Result::unwrap).skip_while(|line| !line.is_empty());
        check(&ndjson.nth(1).unwrap());
    }
    for path in ["/ws/btcusdt@trade?sequence=1", "/websocket/v1?sequence=1", "/sbe/ws/btcusdt@trade?sequence=true"] {
        let key = format!("X-MBX-APIKEY: {}\r\n", "a".repeat(64));
        let head = Client::try_open_with(server.address, path, &key).err().unwrap_or_else(|| panic!("{path}"));
        assert!(head.starts_with("HTTP/1.1 400"), "{path}: {head}");
    }
}

#[test]
fn upbit_says_positions_in_every_format_and_compressed() {
    let server = Server::start(&["--speed", "10x"]);
    let mut client = Client::open(&server, "/websocket/v1?sequence=true");
    for format in ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"] {
        client.say(&format!(
            r#"[{{"ticket":"t"}},{{"type":"orderbook","codes":["KRW-BTC"],"is_only_realtime":true}},{{"format":"{format}"}}]"#
        ));
        while !client.next_event().text().starts_with(r#"{"result":{"sequence":"#) {}
        let frame = client.next_event();
        assert_eq!(frame.opcode, 2);
        let event = json(frame.text());
        let object = if format.ends_with("LIST") { &event[0] } else { &event };
        assert!(object["sequence"].as_str().is_some_and(|text| text.contains('-')), "{format}: {event}");
    }
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let mut client = Client::try_open_with(server.address, "/websocket/v1?sequence=true", offer).unwrap();
    client.say(r#"[{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"is_only_realtime":true}]"#);
    let mut payload = Vec::new();
    let mut deflated = 0;
    while deflated < 5 {
        let (_, is_deflated) = client.next_raw_into(&mut payload).unwrap();
        if !is_deflated {
            continue;
        }
        deflated += 1;
        let mut text = Vec::new();
        let mut inflater = flate2::Decompress::new(false);
        payload.extend_from_slice(&[0, 0, 0xff, 0xff]);
        text.reserve(1 << 16);
        inflater.decompress_vec(&payload, &mut text, flate2::FlushDecompress::Sync).unwrap();
        split(std::str::from_utf8(&text).unwrap());
    }
}

/// A client of the bare TCP port.
struct Lines(BufReader<TcpStream>);

impl Lines {
    fn open(server: &Server) -> Lines {
        let stream = TcpStream::connect(server.lines.unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Lines(BufReader::new(stream))
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn lines_go_on_from_a_position_and_the_form_of_all_venues_has_a_member_of_its_own() {
    let (_folder, server) = trades("max");
    let mut whole = Lines::open(&server);
    whole.say("SEQUENCE on");
    assert_eq!((whole.line(), &whole.line()[..23]), (r#"{"result":null}"#.into(), r#"{"result":{"sequence":""#));
    whole.say("SUBSCRIBE btcusdt@trade");
    whole.line();
    whole.line();
    let mut neutral = Lines::open(&server);
    neutral.say("SEQUENCE on");
    neutral.say("SUBSCRIBE all:binance:btcusdt@trade");
    (0..4).for_each(|_| drop(neutral.line()));
    let event = json(&neutral.line());
    assert!(event["sequence"].is_u64() && event["position"].is_string(), "{event}");
    let expected: Vec<String> = (0..2_000).map(|_| whole.line()).collect();
    let (_, from) = split(&expected[99]);
    let mut again = Lines::open(&server);
    again.say(&format!(r#"{{"method":"RESUME","params":["{from}","btcusdt@trade"],"id":9}}"#));
    assert_eq!(again.line(), r#"{"result":null,"id":9}"#);
    assert_eq!(json(&again.line())["result"]["resumed"], true);
    // How far it is with that is said where its core is, which need not be at the end.
    let mut lines = std::iter::repeat_with(|| again.line()).filter(|line| !line.starts_with(r#"{"result"#));
    let rest: Vec<String> = (100..2_000).map_while(|_| lines.next()).collect();
    drop(lines);
    assert!(rest == expected[100..], "{:?}", rest.iter().zip(&expected[100..]).find(|(got, want)| got != want));
    again.say(&format!("RESUME {from} btcusdt@trade"));
    while !again.line().contains("RESUME comes before all other streams") {}
}
