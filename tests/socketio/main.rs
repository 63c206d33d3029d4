//! Socket.IO from outside: what official clients rely on, over real sockets, by the number of its item in the checklist.

#[path = "../support/mod.rs"]
mod support;

mod attachments;
mod auth;
mod conformance;
mod cors;
mod ends;
mod heartbeat;
mod msgpack;
mod neutral;
mod polling;
mod rate;
mod recovery;
mod refusals;
mod rooms;
mod streams;
mod upgrade;
mod websocket;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use support::{Client, PATIENCE, Server};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    /// A header's value.
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Status and body.
    fn said(&self) -> (u16, &str) {
        (self.status, &self.body)
    }
}

/// A request on a connection of its own, which may be answered later.
struct Asked(BufReader<TcpStream>);

impl Asked {
    fn new(address: SocketAddr, method: &str, target: &str, headers: &str, body: &[u8]) -> Asked {
        let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{length}{headers}\r\n");
        Asked::raw(address, &[head.as_bytes(), body].concat())
    }

    fn raw(address: SocketAddr, bytes: &[u8]) -> Asked {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.write_all(bytes).expect("the request goes out");
        Asked(BufReader::new(stream))
    }

    fn reply(mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).expect("a head") > 0, "the connection ends in the head: {head:?}");
        }
        let status = head[9..12].parse().expect("a status");
        let mut reply = Reply { status, head, body: String::new() };
        let mut body = vec![0; reply.header("content-length").map_or(0, |length| length.parse().expect("a number"))];
        self.0.read_exact(&mut body).expect("a body");
        reply.body = String::from_utf8(body).expect("UTF-8");
        reply
    }
}

fn ask(server: &Server, method: &str, target: &str) -> Reply {
    Asked::new(server.address, method, target, "", b"").reply()
}

/// A client that polls, each time on a new connection.
struct Poller {
    address: SocketAddr,
    sid: String,
    target: String,
    /// Packets of an answer that were not asked for yet.
    waiting: std::collections::VecDeque<String>,
}

impl Poller {
    fn open(server: &Server) -> Poller {
        Poller::open_at(server, "/socket.io/")
    }

    fn open_at(server: &Server, path: &str) -> Poller {
        let target = format!("{path}?EIO=4&transport=polling");
        let reply = ask(server, "GET", &target);
        assert_eq!(reply.status, 200, "{reply:?}");
        let open: Value = serde_json::from_str(reply.body.strip_prefix('0').expect("an open packet")).expect("JSON");
        let sid = open["sid"].as_str().expect("a session id").to_owned();
        let target = format!("{target}&sid={sid}");
        Poller { address: server.address, sid, target, waiting: Default::default() }
    }

    /// One that has joined a namespace.
    fn join(server: &Server, namespace: &str) -> Poller {
        let mut client = Poller::open(server);
        client.say(&format!("40{namespace},"));
        let packet = client.next();
        assert!(packet.starts_with("40"), "{packet}");
        client
    }

    fn begin_get(&self) -> Asked {
        Asked::new(self.address, "GET", &self.target, "", b"")
    }

    fn get(&self) -> Reply {
        self.begin_get().reply()
    }

    fn post(&self, body: &[u8]) -> Reply {
        Asked::new(self.address, "POST", &self.target, "Content-Type: text/plain;charset=UTF-8\r\n", body).reply()
    }

    fn say(&self, body: &str) {
        assert_eq!(self.post(body.as_bytes()).said(), (200, "ok"), "{body}");
    }

    /// The next packet, by as many GETs as it takes.
    fn next(&mut self) -> String {
        while self.waiting.is_empty() {
            let reply = self.get();
            assert_eq!(reply.status, 200, "{reply:?}");
            self.waiting.extend(reply.body.split('\u{1e}').map(str::to_owned));
        }
        self.waiting.pop_front().expect("there is one")
    }

    fn is_gone(&self) -> bool {
        self.get().said() == (400, r#"{"code":1,"message":"Session ID unknown"}"#)
    }

    /// A WebSocket for this session.
    fn websocket(&self) -> Client {
        Client::try_open_with(self.address, &format!("{WEBSOCKET}&sid={}", self.sid), "").expect("an upgrade")
    }
}

/// A client on a WebSocket that has joined a namespace.
fn join(server: &Server, namespace: &str) -> Client {
    let mut client = Client::open(server, WEBSOCKET);
    assert!(text(&mut client).starts_with("0{"));
    client.say(&format!("40{namespace},"));
    let packet = text(&mut client);
    assert!(packet.starts_with("40"), "{packet}");
    client
}

/// The next message, which is text.
fn text(client: &mut Client) -> String {
    let frame = client.next().expect("the connection lasts");
    assert_eq!(frame.opcode, 1, "{frame:?}");
    frame.text().to_owned()
}

/// Whether the connection ends, with a close frame or without, whatever comes before.
fn ends(client: &mut Client) -> bool {
    loop {
        match client.next() {
            Some(frame) if frame.opcode == 8 => return true,
            Some(_) => {}
            None => return true,
        }
    }
}

/// A server that plays so many trades flat out, and begins when so many clients have subscribed.
fn trades(folder: &tempfile::TempDir, count: i64, clients: usize, flags: &[&str]) -> Server {
    let lines: Vec<_> = (1..=count).map(|number| support::trade(number, 1_700_000_000_000 + number)).collect();
    let tape = support::tape(folder, "trades.jsonl", &lines);
    let clients = clients.to_string();
    let all = [&["--feed", &tape, "--speed", "max", "--wait-for-clients", &clients], flags].concat();
    Server::start(&all)
}

/// The id of a trade in an event.
fn trade_id(packet: &str) -> i64 {
    let array = packet.strip_prefix(r#"42/binance,"#).unwrap_or_else(|| panic!("no event: {packet}"));
    let event: Value = serde_json::from_str(array).expect("JSON");
    assert_eq!((&event[0], &event[2]), (&"trade".into(), &"btcusdt@trade".into()), "{packet}");
    event[1]["t"].as_i64().expect("an id")
}
