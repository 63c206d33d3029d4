//! Events over plain HTTP from outside: `/sse` as a browser reads it, `/ndjson` as a script does.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use support::{PATIENCE, Server, tape, trade};

/// An event with all of its lines, or an id or comments that stand alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Event {
    id: Option<String>,
    kind: String,
    data: String,
    comments: Vec<String>,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A connection that listens.
struct Listener {
    reader: BufReader<TcpStream>,
    head: String,
    /// Bytes after which nothing more is read, as if the connection were cut there.
    left: usize,
    /// As a browser remembers it.
    last_event_id: String,
}

impl Listener {
    fn open(address: SocketAddr, target: &str) -> Listener {
        Self::open_with(address, target, "")
    }

    /// With more headers, each with its line's end.
    fn open_with(address: SocketAddr, target: &str, headers: &str) -> Listener {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        Listener { reader, head, left: usize::MAX, last_event_id: String::new() }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(self.left as u64);
        limited.read_until(b'\n', &mut line).expect("nothing came");
        self.left -= line.len();
        line.pop_if(|last| *last == b'\n')?;
        Some(String::from_utf8(line).unwrap())
    }

    /// The next event, read as the standard says; `None` where the connection ends or is cut, in an event or not.
    fn block(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                _ if line.is_empty() => break,
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("event", kind)) => event.kind = kind.to_owned(),
                Some(("data", data)) => event.data = data.to_owned(),
                Some(("", comment)) => event.comments.push(comment.to_owned()),
                _ => panic!("no line of an event: {line}"),
            }
        }
        if let Some(id) = &event.id {
            self.last_event_id.clone_from(id);
        }
        Some(event)
    }

    /// The next one that a browser would hand out.
    fn event(&mut self) -> Option<Event> {
        loop {
            let event = self.block()?;
            if !event.data.is_empty() {
                return Some(event);
            }
        }
    }
}

/// Trades a millisecond apart, and a book ticker with each tenth.
fn busy_tape(trades: i64) -> Vec<(i64, String)> {
    let mut lines = Vec::new();
    for n in 1..=trades {
        let ts_ms = 1_772_420_400_000 + n;
        lines.push(trade(n, ts_ms));
        if n % 10 == 0 {
            let text = format!(
                r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{n},"s":"BTCUSDT","b":"65000.00000000","B":"1.00000000","a":"65000.10000000","A":"{n}.00000000"}}}}"#
            );
            lines.push((ts_ms * 1_000_000 + 1, text));
        }
    }
    // What ends it, on a stream of its own.
    let last = 1_772_420_400_000 + trades + 3_000;
    lines.push((last * 1_000_000, trade(1, last).1.replace("btcusdt", "ethusdt").replace("BTCUSDT", "ETHUSDT")));
    lines
}

#[test]
fn the_head_is_that_of_an_event_stream_and_the_first_thing_is_an_id() {
    let server = Server::start(&["--cors-origin", "https://page.example"]);
    let mut listener = Listener::open(server.address, "/sse?streams=btcusdt@trade");
    let head = listener.head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    for line in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-store\r\n",
        "connection: close\r\n",
        "access-control-allow-origin: https://page.example\r\n",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
    let first = listener.block().unwrap();
    assert!(first.id.is_some() && first.data.is_empty(), "{first:?}");
    let event = listener.event().unwrap();
    assert_eq!(event.kind, "trade");
    assert_eq!(event.json()["stream"], "btcusdt@trade");
    assert_eq!(event.json()["data"]["e"], "trade");
}

#[test]
fn payloads_are_those_of_the_combined_stream_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "busy.jsonl", &busy_tape(500));
    let server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "3"]);
    let streams = "btcusdt@trade/btcusdt@kline_1m/ethusdt@trade";
    let mut events = Listener::open(server.address, &format!("/sse?streams={streams}"));
    let mut lines = Listener::open(server.address, &format!("/ndjson?streams={streams}"));
    let mut websocket = support::Client::open(&server, &format!("/stream?streams={streams}"));
    assert!(lines.head.to_ascii_lowercase().contains("content-type: application/x-ndjson\r\n"), "{}", lines.head);
    let mut count = 0;
    loop {
        let frame = websocket.next_event();
        let event = events.event().unwrap();
        assert_eq!(event.data, frame.text());
        assert_eq!(lines.line().unwrap(), frame.text());
        count += 1;
        if frame.text().contains("ethusdt@trade") {
            break;
        }
        assert_eq!(event.kind, if frame.text().contains("kline") { "kline_1m" } else { "trade" });
    }
    assert!(count > 500, "{count}");
}

#[test]
fn those_who_want_the_same_share_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "busy.jsonl", &busy_tape(200));
    let flags = ["--feed", &feed, "--speed", "max", "--wait-for-clients", "4", "--writers", "1", "--derive", "never"];
    let server = Server::start(&flags);
    let mut listeners: Vec<Listener> = ["/sse", "/sse", "/sse", "/ndjson"]
        .map(|path| Listener::open(server.address, &format!("{path}?streams=btcusdt@trade/ethusdt@trade")))
        .into();
    let taken: Vec<Vec<Event>> =
        listeners[..3].iter_mut().map(|listener| (0..201).map(|_| listener.event().unwrap()).collect()).collect();
    assert!(taken[0] == taken[1] && taken[1] == taken[2]);
    assert_eq!((0..201).map(|_| listeners[3].line().unwrap()).count(), 201);
    // Once for the three of one kind, once for the other.
    assert_eq!(server.count("frames_rendered"), 2 * 201);
    assert_eq!(server.count("cohorts"), 2);
}

#[test]
fn upbit_begins_with_snapshots_and_an_id_behind_all_of_them() {
    let server = Server::start(&["--writers", "1"]);
    let target = "/sse?venue=upbit&streams=ticker:KRW-BTC/orderbook:KRW-BTC.5&format=SIMPLE";
    // Both have a value once somebody has seen one of each.
    let mut before = Listener::open(server.address, target);
    for kind in ["ticker", "orderbook"] {
        while before.event().unwrap().kind != kind {}
    }
    let mut listener = Listener::open(server.address, target);
    let first: Vec<Event> = (0..3).map(|_| listener.block().unwrap()).collect();
    assert_eq!([&*first[0].kind, &*first[1].kind, &*first[2].kind], ["ticker", "orderbook", ""]);
    assert_eq!(first[0].json()["st"], "SNAPSHOT");
    assert_eq!(first[1].json()["obu"].as_array().unwrap().len(), 5);
    assert!(first[0].id.is_none() && first[1].id.is_none() && first[2].id.is_some(), "{first:?}");
    let next = listener.event().unwrap();
    assert_eq!(next.json()["st"], "REALTIME");
    assert!(next.id.is_some());
}

#[test]
fn all_venues_are_told_of_in_one_form() {
    let server = Server::start(&["--speed", "10x"]);
    let streams = "binance:btcusdt@bookTicker/upbit:orderbook:KRW-BTC.1/binance:!miniTicker@arr";
    let mut listener = Listener::open(server.address, &format!("/sse?venue=all&streams={streams}"));
    let mut kinds = std::collections::BTreeMap::new();
    while kinds.len() < 3 {
        let Some(event) = listener.event() else { panic!("it ends") };
        kinds.insert(event.kind.clone(), event.json());
    }
    assert_eq!(
        (&kinds["bookTicker"]["kind"], &kinds["bookTicker"]["symbol"]),
        (&"book_ticker".into(), &"BTCUSDT".into())
    );
    assert_eq!(kinds["orderbook"]["venue"], "upbit");
    assert_eq!(kinds["orderbook"]["bids"].as_array().map(Vec::len), Some(1));
    assert!(kinds["miniTicker"].as_array().unwrap().iter().all(|ticker| ticker["kind"] == "mini_ticker"));
}

#[test]
fn what_is_wrong_is_said_with_what_is_possible() {
    let server = Server::start(&[]);
    for (target, reason) in [
        ("/sse", "no streams: ask for some"),
        ("/ndjson?venue=nyse&streams=a", "`nyse` is no venue; there are binance, upbit, bithumb"),
        ("/sse?streams=btcusdt@trades", "`btcusdt@trades` is no stream of Binance: names look like btcusdt@trade"),
        ("/sse?venue=upbit&streams=trades:KRW-BTC", "types are ticker, trade, orderbook"),
        ("/sse?streams=!bookTicker/btcusdt@bookTicker", "tell of the same updates"),
    ] {
        let (status, head, body) = server.get(target);
        assert_eq!(status, 400, "{target}: {head}");
        assert!(body.contains(reason), "{target}: {body}");
    }
    // Those are told apart by their lines, not by ids.
    Listener::open(server.address, "/ndjson?streams=!bookTicker/btcusdt@bookTicker");
    // A symbol that does not exist is silent, as at the exchange.
    Listener::open(server.address, "/sse?streams=nosuchusdt@trade");
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"POST /sse?streams=btcusdt@trade HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 405"), "{line}");
}

#[test]
fn a_connection_may_have_asked_for_something_else_before() {
    let server = Server::start(&[]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        reader.read_line(&mut text).unwrap();
    }
    let length = text.to_ascii_lowercase().split_once("content-length: ").unwrap().1.lines().next().unwrap().to_owned();
    reader.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    reader.get_mut().write_all(b"GET /sse?streams=btcusdt@trade HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    text.clear();
    reader.read_line(&mut text).unwrap();
    assert_eq!(text, "HTTP/1.1 200 OK\r\n");
}

#[test]
fn silence_is_broken_by_comments_with_ids_and_by_lines() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "one.jsonl", &[trade(1, 1_772_420_400_000)]);
    let server = Server::start(&["--feed", &feed, "--wait-for-clients", "9", "--events-heartbeat", "500ms"]);
    let mut listener = Listener::open(server.address, "/sse?streams=btcusdt@trade");
    assert!(listener.block().unwrap().id.is_some());
    for _ in 0..2 {
        assert_eq!(listener.block().unwrap().comments, ["keep-alive"]);
        assert!(listener.block().unwrap().id.is_some());
    }
    let line = Listener::open(server.address, "/ndjson?streams=btcusdt@trade").line().unwrap();
    let beat: Value = serde_json::from_str(&line).unwrap();
    assert!(beat["heartbeat"].as_u64().unwrap() > 1_700_000_000_000, "{line}");
}

#[test]
fn the_end_of_the_tape_ends_the_answer_with_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "few.jsonl", &busy_tape(20));
    let mut server = Server::start(&["--feed", &feed, "--speed", "max", "--wait-for-clients", "2", "--exit-at-end"]);
    let mut events = Listener::open(server.address, "/sse?streams=btcusdt@trade");
    let mut lines = Listener::open(server.address, "/ndjson?streams=btcusdt@trade");
    for n in 1..=20 {
        assert_eq!(events.event().unwrap().json()["data"]["t"], n);
        lines.line().unwrap();
    }
    let end = events.event().unwrap();
    assert_eq!((&*end.kind, &*end.data), ("close", r#"{"code":1000,"reason":"End of tape"}"#));
    assert_eq!(lines.line().unwrap(), r#"{"close":{"code":1000,"reason":"End of tape"}}"#);
    assert!(events.block().is_none() && lines.line().is_none());
    drop((events, lines));
    assert!(server.wait().success());
}

/// Listens, cutting the connection after ever other numbers of bytes, until an event of the last stream has come.
fn listen_with_cuts(address: SocketAddr, target: &str, seed: u64) -> (Vec<Event>, usize) {
    let (mut events, mut connections, mut last_id, mut state) = (Vec::new(), 0, String::new(), seed);
    loop {
        let header = if last_id.is_empty() { String::new() } else { format!("Last-Event-ID: {last_id}\r\n") };
        let mut listener = Listener::open_with(address, target, &header);
        listener.last_event_id.clone_from(&last_id);
        connections += 1;
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        listener.left = (state >> 33) as usize % 12_000;
        while let Some(event) = listener.event() {
            assert_ne!(event.kind, "reset", "{event:?}");
            let is_last = event.data.contains("ethusdt@trade");
            events.push(event);
            if is_last {
                return (events, connections);
            }
        }
        last_id = listener.last_event_id;
    }
}

#[test]
fn a_client_that_is_cut_off_again_and_again_has_what_one_has_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let feed = tape(&folder, "busy.jsonl", &busy_tape(3_000));
    let flags = ["--feed", &feed, "--wait-for-clients", "3", "--ring-ticks", "65536", "--history-ticks", "32768"];
    let server = Server::start(&[&flags[..], &["--derive", "always", "--attempts-max", "0"]].concat());
    // One message causes events of several of these; of the last, only every second's end.
    let target =
        "/sse?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@kline_1s/!miniTicker@arr/ethusdt@trade";
    let address = server.address;
    let [whole, one, other] = [None, Some(1), Some(2)].map(|seed: Option<u64>| {
        std::thread::spawn(move || match seed {
            Some(seed) => listen_with_cuts(address, target, seed),
            None => {
                let (mut events, mut listener) = (Vec::new(), Listener::open(address, target));
                loop {
                    events.push(listener.event().unwrap());
                    if events.last().is_some_and(|event| event.data.contains("ethusdt@trade")) {
                        return (events, 1);
                    }
                }
            }
        })
    });
    let [(whole, _), (one, cuts), (other, other_cuts)] = [whole, one, other].map(|thread| thread.join().unwrap());
    assert!(whole.len() > 6_000 && cuts > 50 && other_cuts > 50, "{} {cuts} {other_cuts}", whole.len());
    let of_one_message = |pair: &[Event]| {
        let message = |event: &Event| event.id.as_ref().unwrap().split_once('.').unwrap().0.to_owned();
        message(&pair[0]) == message(&pair[1])
    };
    assert!(whole.windows(2).any(of_one_message), "no message caused two events");
    assert!(whole.iter().any(|event| event.kind == "miniTicker"));
    for events in [one, other] {
        for (place, (ours, theirs)) in events.iter().zip(&whole).enumerate() {
            assert_eq!(ours, theirs, "event {place}");
        }
        assert_eq!(events.len(), whole.len());
    }
    // Also when all is over, and for who comes for the first time with an id: in the address, or only a message's number.
    let from = whole.len() - 5;
    let id = whole[from].id.as_ref().unwrap();
    let mut again = Listener::open(address, &format!("{target}&lastEventId={id}"));
    let rest: Vec<Event> = (0..4).map(|_| again.event().unwrap()).collect();
    assert_eq!(rest, whole[from + 1..]);
    let number = id.split_once('-').unwrap().1.split_once('.').unwrap().0;
    let next = Listener::open_with(address, target, &format!("Last-Event-ID: {number}\r\n")).event().unwrap();
    assert!(whole[from + 1..].contains(&next));
}

#[test]
fn who_cannot_go_on_is_told_why_and_goes_on_live() {
    let server = Server::start(&["--history-ticks", "64", "--attempts-max", "0", "--control"]);
    server.move_demo();
    let mut listener = Listener::open(server.address, "/sse?streams=btcusdt@trade");
    let id = listener.block().unwrap().id.unwrap();
    let epoch = id.split_once('-').unwrap().0.to_owned();
    server.wait_for_count("ticks_read", 2_000);
    for (id, reason) in [
        ("nonsense".to_owned(), "that is no id of an event"),
        (format!("{:08x}-1.0", u32::from_str_radix(&epoch, 16).unwrap() ^ 1), "the id is of another run of the server"),
        (format!("{epoch}-999999999.0"), "the id is ahead of the feed"),
        (format!("{epoch}-1.0"), "what came after the id is no longer held"),
    ] {
        let header = format!("Last-Event-ID: {id}\r\n");
        let mut listener = Listener::open_with(server.address, "/sse?streams=btcusdt@trade", &header);
        assert_eq!(listener.block().unwrap().comments, [format!("reset: {reason}")]);
        let reset = listener.event().unwrap();
        assert_eq!((&*reset.kind, reset.json()["reason"].as_str()), ("reset", Some(reason)));
        assert!(listener.block().unwrap().id.is_some());
        assert_eq!(listener.event().unwrap().kind, "trade");
    }
    // A venue that begins with snapshots begins again with them.
    let target = "/sse?venue=upbit&streams=ticker:KRW-BTC&lastEventId=1";
    let mut listener = Listener::open(server.address, target);
    assert_eq!(listener.event().unwrap().kind, "reset");
    assert_eq!(listener.event().unwrap().json()["stream_type"], "SNAPSHOT");
    let line = Listener::open(server.address, "/ndjson?streams=btcusdt@trade&lastEventId=1").line().unwrap();
    assert_eq!(line, r#"{"reset":{"reason":"what came after the id is no longer held"}}"#);
}

#[test]
fn a_client_that_goes_is_forgotten() {
    let server = Server::start(&[]);
    let gauge = |name: &str| server.count(name);
    let listeners: Vec<Listener> =
        (0..5).map(|_| Listener::open(server.address, "/sse?streams=btcusdt@trade")).collect();
    server.wait_for_count("sessions", 5);
    drop(listeners);
    let begun = std::time::Instant::now();
    while gauge("sessions") > 0 {
        assert!(begun.elapsed() < PATIENCE, "sessions stay");
        std::thread::yield_now();
    }
}
