//! The bare TCP port from outside: lines of text, and pieces with their length in front.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};
use support::{PATIENCE, Server, tape, trade};

/// A client that speaks in lines.
struct Client(BufReader<TcpStream>);

impl Client {
    fn open(server: &Server) -> Client {
        let stream = TcpStream::connect(server.lines.expect("it listens for lines")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// The next line; `None` at the end of the connection.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("nothing came");
        line.pop().inspect(|last| assert_eq!(*last, '\n')).map(|_| line)
    }

    /// The answer to a request, events passed over.
    fn ask(&mut self, text: &str) -> String {
        self.send(format!("{text}\n").as_bytes());
        loop {
            let line = self.line().expect("an answer");
            if line.starts_with("{\"result\"") || line.starts_with("{\"error\"") {
                return line;
            }
        }
    }

    /// The next event, answers passed over.
    fn event(&mut self) -> Value {
        loop {
            let value: Value = serde_json::from_str(&self.line().expect("an event")).unwrap();
            if value.get("result").is_none() {
                return value;
            }
        }
    }

    /// The next piece, where each begins with its length.
    fn piece(&mut self) -> String {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).expect("a length");
        let mut piece = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut piece).expect("a piece");
        String::from_utf8(piece).unwrap()
    }

    fn send_piece(&mut self, text: &str) {
        self.send(&[&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat());
    }
}

fn trades(count: i64) -> Vec<(i64, String)> {
    (1..=count).map(|n| trade(n, 1_772_420_400_000 + n)).collect()
}

#[test]
fn words_and_json_subscribe_and_events_are_those_of_the_combined_stream() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "trades.jsonl", &trades(300));
    let server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "4"]);
    let (mut words, mut object, mut pieces) = (Client::open(&server), Client::open(&server), Client::open(&server));
    assert_eq!(words.ask("SUBSCRIBE btcusdt@trade"), r#"{"result":null}"#);
    let request = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#;
    assert_eq!(object.ask(request), r#"{"result":null,"id":1}"#);
    pieces.send_piece(request);
    assert_eq!(pieces.piece(), r#"{"result":null,"id":1}"#);
    let mut websocket = support::Client::open(&server, "/stream?streams=btcusdt@trade");
    for n in 1..=300 {
        let frame = websocket.next_event();
        assert!(frame.text().contains(&format!("\"t\":{n},")));
        assert_eq!(words.line().unwrap(), frame.text());
        assert_eq!(object.line().unwrap(), frame.text());
        assert_eq!(pieces.piece(), frame.text());
    }
}

#[test]
fn several_streams_of_several_venues_fit_a_line() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server);
    client.send(b"SUBSCRIBE btcusdt@bookTicker upbit:orderbook:KRW-BTC.5\r\n");
    assert_eq!(client.line().unwrap(), r#"{"result":null}"#);
    // What Upbit begins with comes before anything else of it.
    let snapshot = std::iter::repeat_with(|| client.event()).find(|event| event["type"] == "orderbook").unwrap();
    assert_eq!((&snapshot["stream_type"], &snapshot["code"]), (&json!("SNAPSHOT"), &json!("KRW-BTC")));
    assert_eq!(snapshot["orderbook_units"].as_array().unwrap().len(), 5);
    assert!(std::iter::repeat_with(|| client.event()).any(|event| event["stream"] == "btcusdt@bookTicker"));
    assert!(std::iter::repeat_with(|| client.event()).any(|event| event["stream_type"] == "REALTIME"));
    let list = r#"{"result":["btcusdt@bookTicker","upbit:orderbook:KRW-BTC.5"],"id":"q"}"#;
    assert_eq!(client.ask(r#"{"method":"LIST","id":"q"}"#), list);
    assert_eq!(client.ask("VENUE upbit"), r#"{"result":"upbit"}"#);
    assert_eq!(client.ask("UNSUBSCRIBE orderbook:KRW-BTC.5 binance:btcusdt@bookTicker"), r#"{"result":null}"#);
    assert_eq!(client.ask("LIST"), r#"{"result":[]}"#);
    assert_eq!(client.ask("SUBSCRIBE trade:KRW-BTC"), r#"{"result":null}"#);
    assert!(std::iter::repeat_with(|| client.event()).any(|event| event["type"] == "trade"));
}

#[test]
fn all_venues_are_told_of_in_one_form() {
    let server = Server::start(&["--speed", "10x"]);
    let mut client = Client::open(&server);
    assert_eq!(client.ask("VENUE all"), r#"{"result":"all"}"#);
    assert_eq!(client.ask("SUBSCRIBE binance:btcusdt@trade upbit:trade:KRW-BTC"), r#"{"result":null}"#);
    let mut members = std::collections::BTreeMap::new();
    while members.len() < 2 {
        let event = client.event();
        let keys: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
        members.insert(event["venue"].as_str().unwrap().to_owned(), keys);
    }
    assert_eq!(members["binance"], members["upbit"]);
}

#[test]
fn errors_are_lines_that_name_what_is_wrong() {
    let server = Server::start(&["--streams-max", "2", "--message-rate", "0"]);
    let mut client = Client::open(&server);
    for (text, code, reason) in [
        (
            "hello there",
            2,
            "`HELLO` is no request; there are SUBSCRIBE, UNSUBSCRIBE, RESUME, SEQUENCE, LIST, VENUE, PING, HELP and QUIT",
        ),
        ("SUBSCRIBE btcusdt@trades", 2, "`btcusdt@trades` is no stream of Binance"),
        ("SUBSCRIBE upbit:ticks:KRW-BTC", 2, "types are ticker, trade, orderbook"),
        ("VENUE nyse", 2, "`nyse` is no venue; there are binance, upbit, bithumb"),
        ("SUBSCRIBE a@trade b@trade c@trade", 4, "3 streams would be too many; there may be 2"),
        ("{\"method\":", 3, "Invalid JSON"),
    ] {
        let answer: Value = serde_json::from_str(&client.ask(text)).unwrap();
        assert_eq!(answer["error"]["code"], code, "{text}");
        assert!(answer["error"]["msg"].as_str().unwrap().contains(reason), "{answer}");
    }
    client.send(b"\xff\n");
    assert!(client.line().unwrap().contains("text in UTF-8"));
    assert!(client.ask("help").contains("SUBSCRIBE <stream>"));
    let pong: Value = serde_json::from_str(&client.ask("ping")).unwrap();
    assert!(pong["result"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn quitting_and_breaking_the_rules_end_with_a_last_line() {
    let server = Server::start(&["--message-bytes-max", "65536", "--message-rate", "1", "--message-burst", "3"]);
    let mut client = Client::open(&server);
    assert_eq!(client.ask("QUIT"), r#"{"result":null}"#);
    assert_eq!(client.line().unwrap(), r#"{"close":{"code":1000,"reason":""}}"#);
    assert_eq!(client.line(), None);

    let mut client = Client::open(&server);
    client.send(&[b'x'; 70_000]);
    assert_eq!(client.line().unwrap(), r#"{"close":{"code":1009,"reason":"Message too large"}}"#);
    assert_eq!(client.line(), None);

    let mut client = Client::open(&server);
    client.send(&[0, 0xff, 0xff, 0xff]);
    assert_eq!(client.piece(), r#"{"close":{"code":1009,"reason":"Message too large"}}"#);

    let mut client = Client::open(&server);
    client.send(&b"PING\n".repeat(4));
    assert!((0..3).all(|_| client.line().unwrap().starts_with("{\"result\":")));
    assert_eq!(client.line().unwrap(), r#"{"close":{"code":1008,"reason":"Too many requests"}}"#);
    assert_eq!(client.line(), None);
}

#[test]
fn requests_may_come_in_pieces_and_many_at_once() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server);
    for byte in b"VENUE upbit\r\n" {
        client.send(&[*byte]);
    }
    assert_eq!(client.line().unwrap(), r#"{"result":"upbit"}"#);
    client.send(b"\n\r\nVENUE binance\nVENUE\nLIST\n");
    assert_eq!(client.line().unwrap(), r#"{"result":"binance"}"#);
    assert_eq!(client.line().unwrap(), r#"{"result":"binance"}"#);
    assert_eq!(client.line().unwrap(), r#"{"result":[]}"#);
}

#[test]
fn a_heart_beats_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "one.jsonl", &trades(1));
    let server = Server::start(&["--feed", &feed, "--wait-for-clients", "9", "--lines-heartbeat", "500ms"]);
    let mut client = Client::open(&server);
    assert_eq!(client.ask("SUBSCRIBE btcusdt@trade"), r#"{"result":null}"#);
    let mut pieces = Client::open(&server);
    pieces.send_piece("LIST");
    assert_eq!(pieces.piece(), r#"{"result":[]}"#);
    for text in [client.line().unwrap(), client.line().unwrap(), pieces.piece()] {
        let beat: Value = serde_json::from_str(&text).unwrap();
        assert!(beat["heartbeat"].as_u64().unwrap() > 1_700_000_000_000, "{text}");
    }
}

#[test]
fn the_end_of_the_tape_and_of_the_server_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "few.jsonl", &trades(20));
    let mut server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "1", "--exit-at-end"]);
    let mut client = Client::open(&server);
    client.ask("SUBSCRIBE btcusdt@trade");
    for n in 1..=20 {
        assert_eq!(client.event()["data"]["t"], n);
    }
    assert_eq!(client.line().unwrap(), r#"{"close":{"code":1000,"reason":"End of tape"}}"#);
    assert_eq!(client.line(), None);
    drop(client);
    assert!(server.wait().success());

    let mut server = Server::start(&[]);
    let mut client = Client::open(&server);
    client.ask("LIST");
    server.signal("TERM");
    assert_eq!(client.line().unwrap(), r#"{"close":{"code":1001,"reason":"Server shutdown"}}"#);
    assert_eq!(client.line(), None);
    drop(client);
    assert!(server.wait().success());
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_with_whole_lines_only() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "long.jsonl", &trades(200_000));
    let flags = ["--feed", &feed, "--speed", "1000x", "--wait-for-clients", "1", "--backlog-bytes-max", "1048576"];
    let server = Server::start(&flags);
    let mut client = Client::open(&server);
    client.ask("SUBSCRIBE btcusdt@trade");
    server.wait_for_count("slow_consumers", 1);
    let (mut last, mut number) = (String::new(), 0);
    while let Some(line) = client.line() {
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if let Some(id) = event["data"]["t"].as_i64() {
            assert_eq!(id, number + 1, "a hole");
            number = id;
        }
        last = line;
    }
    assert!((1..200_000).contains(&number), "{number}");
    assert_eq!(last, r#"{"close":{"code":1013,"reason":"Slow consumer"}}"#);
}

#[test]
fn a_client_that_goes_is_forgotten() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server);
    client.ask("SUBSCRIBE btcusdt@trade");
    server.wait_for_count("sessions", 1);
    client.0.get_mut().shutdown(Shutdown::Both).unwrap();
    let begun = std::time::Instant::now();
    while server.count("sessions") > 0 {
        assert!(begun.elapsed() < PATIENCE, "the session stays");
        std::thread::yield_now();
    }
}

#[test]
fn the_port_may_be_another_or_none() {
    let server = Server::start(&["--lines-listen", "off"]);
    assert_eq!(server.lines, None);
    let server = Server::start(&["--lines-listen", "127.0.0.1:0"]);
    assert_eq!(Client::open(&server).ask("VENUE"), r#"{"result":"binance"}"#);
    // One that was asked for and cannot be had is a reason not to start.
    let taken = server.lines.unwrap().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tapecast"));
    let output = command.args(["serve", "--listen", "127.0.0.1:0", "--lines-listen", &taken]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains(&format!("cannot listen on {taken}")), "{error}");
}
