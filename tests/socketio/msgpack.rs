//! Clients with the parser for MessagePack, beside others. Packets are written and read here by what npm's
//! `notepack.io` does, and by nothing of the server's.

use serde_json::json;

use super::*;

/// `{"bytes":[…]}` is how bytes are written in these tests, and `{"undefined":true}` is JavaScript's.
fn pack(value: &Value) -> Vec<u8> {
    let texts = |text: &str| match text.len() {
        length @ 0..32 => [&[0xa0 | length as u8], text.as_bytes()].concat(),
        length => [&[0xda], &(length as u16).to_be_bytes()[..], text.as_bytes()].concat(),
    };
    match value {
        Value::Null => vec![0xc0],
        Value::Bool(is_true) => vec![if *is_true { 0xc3 } else { 0xc2 }],
        Value::Number(number) => match number.as_u64() {
            Some(small @ 0..128) => vec![small as u8],
            Some(large) => [&[0xcf], &large.to_be_bytes()[..]].concat(),
            None => [&[0xcb], &number.as_f64().unwrap().to_be_bytes()[..]].concat(),
        },
        Value::String(text) => texts(text),
        Value::Array(values) => {
            let head = [&[0xdc], &(values.len() as u16).to_be_bytes()[..]].concat();
            values.iter().fold(head, |all, value| [all, pack(value)].concat())
        }
        Value::Object(members) if members.contains_key("undefined") => vec![0xd4, 0, 0],
        Value::Object(members) if members.contains_key("bytes") => {
            let bytes: Vec<u8> = serde_json::from_value(members["bytes"].clone()).unwrap();
            [&[0xc4, bytes.len() as u8], &bytes[..]].concat()
        }
        Value::Object(members) => {
            let head = vec![0x80 | u8::try_from(members.len()).unwrap()];
            members.iter().fold(head, |all, (name, value)| [all, texts(name), pack(value)].concat())
        }
    }
}

/// The value that bytes begin with, and the bytes behind it.
fn unpack(bytes: &[u8]) -> (Value, &[u8]) {
    let (first, rest) = (bytes[0], &bytes[1..]);
    let count = |bytes: usize| {
        let (count, rest) = rest.split_at(bytes);
        (count.iter().fold(0, |count, byte| count << 8 | usize::from(*byte)), rest)
    };
    let text = |(length, rest): (usize, &[u8])| String::from_utf8(rest[..length].to_vec()).unwrap();
    match first {
        0..=0x7f => (first.into(), rest),
        0xe0..=0xff => ((first as i8).into(), rest),
        0xa0..=0xbf => (text((usize::from(first & 0x1f), rest)).into(), &rest[usize::from(first & 0x1f)..]),
        0xd9..=0xdb => {
            let (length, rest) = count(1 << (first - 0xd9));
            (text((length, rest)).into(), &rest[length..])
        }
        0xc0 => (Value::Null, rest),
        0xc2 | 0xc3 => ((first == 0xc3).into(), rest),
        0xc4 => (json!({ "bytes": rest[1..1 + usize::from(rest[0])] }), &rest[1 + usize::from(rest[0])..]),
        0xcb => (f64::from_be_bytes(rest[..8].try_into().unwrap()).into(), &rest[8..]),
        0xcc..=0xcf => {
            let (integer, rest) = count(1 << (first - 0xcc));
            (integer.into(), rest)
        }
        0x90..=0x9f | 0xdc => {
            let (length, mut rest) = if first == 0xdc { count(2) } else { (usize::from(first & 0x0f), rest) };
            let mut next = || {
                let (value, behind) = unpack(rest);
                rest = behind;
                value
            };
            let values: Vec<Value> = (0..length).map(|_| next()).collect();
            (values.into(), rest)
        }
        0x80..=0x8f | 0xde => {
            let (length, mut rest) = if first == 0xde { count(2) } else { (usize::from(first & 0x0f), rest) };
            let mut members = serde_json::Map::new();
            for _ in 0..length {
                let (name, behind) = unpack(rest);
                let (value, behind) = unpack(behind);
                members.insert(name.as_str().unwrap().to_owned(), value);
                rest = behind;
            }
            (members.into(), rest)
        }
        other => panic!("{other:#x}"),
    }
}

fn packet(bytes: &[u8]) -> Value {
    let (packet, behind) = unpack(bytes);
    assert!(behind.is_empty(), "bytes behind {packet}");
    packet
}

/// A client, whichever way its bytes go.
enum Packed {
    Socket(Client),
    Poller(Poller),
}

impl Packed {
    /// Both kinds, each on a session that has just been opened.
    fn both(server: &Server) -> [Packed; 2] {
        [Packed::socket(server), Packed::Poller(Poller::open(server))]
    }

    fn socket(server: &Server) -> Packed {
        let mut client = Client::open(server, WEBSOCKET);
        assert!(text(&mut client).starts_with("0{"));
        Packed::Socket(client)
    }

    /// One on a WebSocket that has joined a namespace.
    fn join(server: &Server, namespace: &str) -> Packed {
        let mut client = Packed::socket(server);
        client.connect(namespace);
        client
    }

    fn say(&mut self, value: &Value) {
        let bytes = pack(value);
        match self {
            Packed::Socket(client) => client.send(2, &bytes),
            Packed::Poller(poller) => poller.say(&format!("b{}", base64(&bytes))),
        }
    }

    fn next(&mut self) -> Value {
        match self {
            Packed::Socket(client) => {
                let frame = client.next().expect("the connection lasts");
                assert_eq!(frame.opcode, 2, "{frame:?}");
                packet(&frame.payload)
            }
            Packed::Poller(poller) => {
                let text = poller.next();
                packet(&bytes(text.strip_prefix('b').unwrap_or_else(|| panic!("no bytes: {text}"))))
            }
        }
    }

    /// Joins a namespace as a program without auth does; its id there.
    fn connect(&mut self, namespace: &str) -> String {
        self.say(&json!({ "type": 0, "data": { "undefined": true }, "nsp": namespace }));
        let reply = self.next();
        assert_eq!((&reply["type"], &reply["nsp"]), (&0.into(), &namespace.into()), "{reply}");
        reply["data"]["sid"].as_str().expect("an id").to_owned()
    }

    /// The answer to an event, behind which nothing was waiting.
    fn ask(&mut self, namespace: &str, event: Value) -> Value {
        self.say(&json!({ "type": 2, "data": event, "options": { "compress": true }, "id": 300, "nsp": namespace }));
        let answer = self.next();
        let (kind, id, nsp) = (&answer["type"], &answer["id"], &answer["nsp"]);
        assert_eq!((kind, id, nsp), (&3.into(), &300.into(), &namespace.into()), "{answer}");
        answer["data"][0].clone()
    }

    /// The next event's array.
    fn event(&mut self, namespace: &str) -> Value {
        let event = self.next();
        assert_eq!((&event["type"], &event["nsp"]), (&2.into(), &namespace.into()), "{event}");
        assert_eq!(event.as_object().unwrap().len(), 3, "{event}");
        event["data"].clone()
    }

    /// Ends the connection and waits until the server knows.
    fn leave(self) {
        let Packed::Socket(mut client) = self else { panic!("a client that polls") };
        client.send(8, &[0x03, 0xe8]);
        while client.next().is_some() {}
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let digit = |word: u32, shift: u32| char::from(DIGITS[(word >> shift & 63) as usize]);
    let four = |three: &[u8]| -> String {
        let word = (0..3).fold(0, |word, n| word << 8 | u32::from(*three.get(n).unwrap_or(&0)));
        [18, 12, 6, 0]
            .into_iter()
            .enumerate()
            .map(|(n, shift)| if n <= three.len() { digit(word, shift) } else { '=' })
            .collect()
    };
    bytes.chunks(3).map(four).collect()
}

fn bytes(base64: &str) -> Vec<u8> {
    let (mut word, mut bits, mut out) = (0_u32, 0, Vec::new());
    for digit in base64.trim_end_matches('=').bytes() {
        word = word << 6 | DIGITS.iter().position(|known| *known == digit).expect("a digit") as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    out
}

#[test]
fn socketio_item_66_it_is_served_over_both_transports_from_a_first_packet_of_undefined() {
    let server = Server::start(&["--writers", "2"]);
    for mut client in Packed::both(&server) {
        let id = client.connect("/binance");
        assert_ne!(id, client.connect("/"), "each namespace has an id of its own");
        assert_eq!(client.ask("/binance", json!(["subscribe", ["btcusdt@trade"]])), json!({ "ok": true }));
        let event = client.event("/binance");
        assert_eq!(
            (&event[0], &event[1]["s"], &event[2]),
            (&"trade".into(), &"BTCUSDT".into(), &"btcusdt@trade".into())
        );
        client.say(&json!({ "type": 2, "nsp": "/binance", "data": ["unsubscribe", "btcusdt@trade"], "id": 5 }));
        while client.next()["id"] != 5 {}
        assert_eq!(client.ask("/binance", json!(["subscriptions"])), json!([]));
        // What cannot be done is told, whether an answer was asked for or not.
        let error = json!({ "ok": false, "error": "no such stream: `nosuch`" });
        assert_eq!(client.ask("/binance", json!(["subscribe", "nosuch"])), error);
        client.say(&json!({ "type": 2, "nsp": "/binance", "data": ["subscribe", "nosuch"] }));
        assert_eq!(client.event("/binance"), json!(["error", error]));
        client.say(&json!({ "type": 0, "nsp": "/nosuch" }));
        let wanted = json!({ "type": 4, "nsp": "/nosuch", "data": { "message": "Invalid namespace" } });
        assert_eq!(client.next(), wanted);
        // One namespace is left, the other one is not.
        client.say(&json!({ "type": 1, "data": { "undefined": true }, "nsp": "/binance" }));
        assert_eq!(client.ask("/", json!(["subscriptions"])), json!([]));
        assert_ne!(client.connect("/binance"), id);
    }
}

#[test]
fn socketio_item_66_events_are_those_of_other_clients_and_rendered_once_for_each_parser() {
    let folder = tempfile::tempdir().unwrap();
    let count = 500;
    let server = trades(&folder, count, 4, &["--writers", "1"]);
    let mut plain = [join(&server, "/binance"), join(&server, "/binance")];
    let mut packed = [Packed::join(&server, "/binance"), Packed::join(&server, "/binance")];
    for client in &mut plain {
        client.say(r#"42/binance,0["subscribe","btcusdt@trade",{"snapshot":false}]"#);
        assert_eq!(text(client), r#"43/binance,0[{"ok":true}]"#);
    }
    for client in &mut packed {
        let event = json!(["subscribe", "btcusdt@trade", { "snapshot": false }]);
        assert_eq!(client.ask("/binance", event), json!({ "ok": true }));
    }
    for id in 1..=count {
        let texts = plain.each_mut().map(text);
        assert_eq!((trade_id(&texts[0]), &texts[0]), (id, &texts[1]));
        let event: Value = serde_json::from_str(texts[0].strip_prefix("42/binance,").unwrap()).unwrap();
        for client in &mut packed {
            assert_eq!(client.event("/binance"), event);
        }
    }
    assert_eq!(server.count("frames_rendered"), 2 * count as u64);
}

#[test]
fn socketio_item_66_numbers_are_numbers_and_lists_are_lists() {
    let server = Server::start(&["--writers", "1"]);
    let (mut plain, mut packed) = (join(&server, "/upbit"), Packed::join(&server, "/upbit"));
    plain.say(r#"42/upbit,0["subscribe","KRW-BTC@orderbook"]"#);
    assert_eq!(text(&mut plain), r#"43/upbit,0[{"ok":true}]"#);
    assert_eq!(packed.ask("/upbit", json!(["subscribe", "KRW-BTC@orderbook"])), json!({ "ok": true }));
    let mut books: Vec<Value> = Vec::new();
    let (mut same, mut floats) = (0, 0);
    while same < 20 {
        let text = text(&mut plain);
        if text != "2" {
            books.push(serde_json::from_str(text.strip_prefix("42/upbit,").unwrap()).unwrap());
        }
        let event = packed.event("/upbit");
        let stamp = |event: &Value| event[1]["timestamp"].as_i64().unwrap();
        let is_close = |one: &Value, other: &Value| (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() < 1e-6;
        let Some(book) = books.iter().find(|book| stamp(book) == stamp(&event)) else { continue };
        let units = |event: &Value| event[1]["orderbook_units"].as_array().unwrap().clone();
        assert_eq!(units(book).len(), units(&event).len());
        for (one, other) in units(book).iter().zip(&units(&event)) {
            for key in ["ask_price", "bid_price", "ask_size", "bid_size"] {
                assert!(other[key].is_number() && is_close(&one[key], &other[key]), "{one} {other}");
                floats += usize::from(other[key].is_f64());
            }
        }
        same += 1;
    }
    assert!(floats > 0, "sizes have decimals");
    let mut packed = Packed::join(&server, "/binance");
    assert_eq!(packed.ask("/binance", json!(["subscribe", "!miniTicker@arr"])), json!({ "ok": true }));
    let event = packed.event("/binance");
    assert_eq!((&event[0], &event[2]), (&"miniTicker".into(), &"!miniTicker@arr".into()));
    assert_eq!(event[1][0]["e"], "24hrMiniTicker");
}

#[test]
fn socketio_item_48_and_66_who_does_not_know_a_token_is_refused_with_data() {
    let server = Server::start(&["--writers", "2", "--socketio-token", "first"]);
    for mut client in Packed::both(&server) {
        let refused = |reason: &str| {
            let data = json!({ "message": "not authorized", "data": { "code": 401, "reason": reason } });
            json!({ "type": 4, "nsp": "/upbit", "data": data })
        };
        client.say(&json!({ "type": 0, "nsp": "/upbit", "data": { "undefined": true } }));
        assert_eq!(client.next(), refused("auth.token is missing, or no text"));
        client.say(&json!({ "type": 0, "nsp": "/upbit", "data": { "token": "third" } }));
        assert_eq!(client.next(), refused("auth.token is not known"));
        client.say(&json!({ "type": 0, "nsp": "/upbit", "data": { "token": "first" } }));
        assert!(client.next()["data"]["sid"].is_string());
    }
}

#[test]
fn socketio_item_66_a_session_keeps_its_parser_for_life() {
    let server = Server::start(&["--writers", "1"]);
    let Packed::Socket(mut packed) = Packed::join(&server, "/binance") else { unreachable!() };
    packed.say("40/upbit,");
    assert_eq!(packed.next().unwrap().close().0, 1008);
    let mut plain = join(&server, "/binance");
    plain.send(2, &pack(&json!({ "type": 0, "nsp": "/upbit" })));
    assert_eq!(plain.next().unwrap().close().0, 1008);
    // Also if nothing was joined with its first packet, or if it is one that needs something to be joined.
    let mut plain = Client::open(&server, WEBSOCKET);
    text(&mut plain);
    plain.say("40/nosuch,");
    assert!(text(&mut plain).starts_with("44/nosuch,"));
    plain.send(2, &pack(&json!({ "type": 0, "nsp": "/upbit" })));
    assert_eq!(plain.next().unwrap().close().0, 1008);
    for wrong in [
        json!({ "type": 2, "nsp": "/upbit", "data": ["subscriptions"] }),
        json!({ "type": 2, "nsp": "/", "data": ["disconnect"] }),
        json!({ "type": 4, "nsp": "/", "data": {} }),
        json!({ "type": 0, "nsp": "/" }),
        json!({ "type": 0, "nsp": "/upbit", "data": null }),
        json!([]),
    ] {
        let Packed::Socket(mut packed) = Packed::join(&server, "/") else { unreachable!() };
        packed.send(2, &pack(&wrong));
        assert_eq!(packed.next().unwrap().close().0, 1008, "{wrong}");
        let mut polled = Packed::Poller(Poller::open(&server));
        polled.connect("/");
        let Packed::Poller(poller) = polled else { unreachable!() };
        assert_eq!(poller.post(format!("b{}", base64(&pack(&wrong))).as_bytes()).status, 400, "{wrong}");
        assert!(poller.is_gone());
    }
}

#[test]
fn socketio_item_63_64_and_66_a_client_that_comes_back_has_missed_nothing_and_gets_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (1..=4_000).map(|number| support::trade(number, 1_700_000_000_000 + number * 2)).collect();
    let tape = support::tape(&folder, "trades.jsonl", &lines);
    let start = ["--feed", &tape, "--wait-for-clients", "1", "--writers", "3", "--history-ticks", "8192"];
    let server = Server::start(&[&start[..], &["--socketio-recovery", "120s"]].concat());
    let mut client = Packed::socket(&server);
    client.say(&json!({ "type": 0, "data": { "undefined": true }, "nsp": "/binance" }));
    let ids = client.next()["data"].clone();
    assert!(ids["sid"].is_string() && ids["pid"].is_string() && ids["sid"] != ids["pid"], "{ids}");
    assert_eq!(client.ask("/binance", json!(["subscribe", ["btcusdt@trade"]])), json!({ "ok": true }));
    let mut seen = 0;
    for round in 0..3 {
        let mut last = Value::Null;
        for _ in 0..500 {
            let event = client.event("/binance");
            assert_eq!((&event[1]["t"], event.as_array().unwrap().len()), (&(seen + 1).into(), 4), "round {round}");
            (last, seen) = (event[3].clone(), seen + 1);
        }
        client.leave();
        // What is played meanwhile is missed.
        std::thread::sleep(std::time::Duration::from_millis(100));
        client = Packed::socket(&server);
        let data = json!({ "pid": ids["pid"], "offset": last });
        client.say(&json!({ "type": 0, "nsp": "/binance", "data": data }));
        let mut packet = client.next();
        let before = seen;
        while packet["type"] == 2 {
            assert_eq!(packet["data"][1]["t"], seen + 1, "replayed in round {round}");
            seen += 1;
            packet = client.next();
        }
        assert!(seen > before, "nothing was missed in round {round}");
        assert_eq!(packet, json!({ "type": 0, "nsp": "/binance", "data": ids }));
    }
    client.say(&json!({ "type": 2, "nsp": "/binance", "data": ["subscriptions"], "id": 1 }));
    loop {
        let packet = client.next();
        if packet["type"] == 3 {
            assert_eq!(packet["data"], json!([["btcusdt@trade"]]));
            break;
        }
    }
}

#[test]
fn socketio_item_63_and_66_volatile_events_end_in_null_where_clients_come_back() {
    let server = Server::start(&["--writers", "1", "--socketio-recovery", "120s"]);
    let mut client = Packed::join(&server, "/binance");
    let event = json!(["subscribe", "btcusdt@trade", { "volatile": true }]);
    assert_eq!(client.ask("/binance", event), json!({ "ok": true }));
    assert_eq!(client.event("/binance").as_array().unwrap()[2..], [json!("btcusdt@trade"), Value::Null]);
}

#[test]
fn socketio_item_60_and_66_people_with_either_parser_are_in_one_room() {
    let server = Server::start(&["--writers", "2", "--rooms"]);
    let [mut socket, mut poller] = Packed::both(&server);
    let me = socket.connect("/rooms");
    poller.connect("/rooms");
    let mut plain = join(&server, "/rooms");
    assert_eq!(socket.ask("/rooms", json!(["join", "r"])), json!({ "ok": true, "room": "r", "members": 1 }));
    assert_eq!(poller.ask("/rooms", json!(["join", "r"]))["members"], 2);
    assert_eq!(socket.event("/rooms")[0], "joined");
    plain.say(r#"42/rooms,1["join",{"room":"r"}]"#);
    assert!(text(&mut plain).starts_with("43/rooms,1"));
    for client in [&mut socket, &mut poller] {
        assert_eq!(client.event("/rooms")[1]["members"], 3);
    }
    // Bytes are bytes for the ones, attachments for the others.
    let bytes = json!({ "bytes": [1, 2, 255] });
    let message =
        json!({ "room": "r", "message": { "a": [bytes, 1.5, { "undefined": true }], "b": { "undefined": true } } });
    assert_eq!(socket.ask("/rooms", json!(["message", message])), json!({ "ok": true }));
    let wanted = json!(["message", { "room": "r", "message": { "a": [bytes, 1.5, null] }, "from": me }]);
    assert_eq!(poller.event("/rooms"), wanted);
    let header = text(&mut plain);
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert!(header.starts_with(r#"451-/rooms,["message",{"room":"r","message":{"a":["#), "{header}");
    assert!(header.contains(&format!(r#"[{placeholder},1.5,null]"#)), "{header}");
    assert_eq!(plain.next().unwrap().payload, [1, 2, 255]);
    plain.say(&format!(r#"451-/rooms,["message",{{"room":"r","message":[{placeholder},"\u20ac\n"]}}]"#));
    plain.send(2, &[7]);
    for client in [&mut socket, &mut poller] {
        let event = client.event("/rooms");
        assert_eq!((&event[0], &event[1]["message"]), (&"message".into(), &json!([{ "bytes": [7] }, "\u{20ac}\n"])));
    }
    // A whole namespace, the speaker with it.
    let chat = r#"42/rooms,["chat message","hi",2]"#;
    plain.say(chat);
    assert_eq!(text(&mut plain), chat);
    for client in [&mut socket, &mut poller] {
        assert_eq!(client.event("/rooms"), json!(["chat message", "hi", 2]));
    }
    drop(plain);
    for client in [&mut socket, &mut poller] {
        assert_eq!(client.event("/rooms")[0], "left");
    }
}

#[test]
fn socketio_item_55_and_66_events_come_back_with_the_bytes_in_them() {
    let server = conformance::calm();
    for mut client in Packed::both(&server) {
        client.connect("/custom");
        assert_eq!(client.event("/custom"), json!(["auth", {}]));
        let arguments = [json!({ "bytes": [0, 9] }), json!({ "x": [{ "bytes": [] }, 9007199254740991_u64] })];
        client.say(&json!({ "type": 2, "nsp": "/custom", "data": ["message", arguments[0], arguments[1]] }));
        assert_eq!(client.event("/custom"), json!(["message-back", arguments[0], arguments[1]]));
        assert_eq!(client.ask("/custom", json!(["message-with-ack", arguments[1]])), arguments[1]);
        let many: Vec<Value> = (0..11).map(|n| json!({ "bytes": [n] })).collect();
        assert_eq!(client.ask("/custom", json!(["message-with-ack", many[..10]])), json!(many[..10]));
        let packet = json!({ "type": 2, "nsp": "/custom", "data": ["message", many] });
        match client {
            Packed::Socket(mut client) => {
                client.send(2, &pack(&packet));
                assert_eq!(client.next().unwrap().close().0, 1008);
            }
            Packed::Poller(poller) => {
                assert_eq!(poller.post(format!("b{}", base64(&pack(&packet))).as_bytes()).status, 400);
            }
        }
    }
}

#[test]
fn socketio_item_43_and_66_a_session_takes_its_parser_along_when_it_changes_over() {
    let server = Server::start(&["--writers", "2"]);
    let mut polled = Packed::Poller(Poller::open(&server));
    polled.connect("/binance");
    let Packed::Poller(poller) = &polled else { unreachable!() };
    let mut socket = poller.websocket();
    socket.say("2probe");
    assert_eq!(text(&mut socket), "3probe");
    socket.say("5");
    let mut client = Packed::Socket(socket);
    assert_eq!(client.ask("/binance", json!(["subscribe", "btcusdt@trade"])), json!({ "ok": true }));
    assert_eq!(client.event("/binance")[0], "trade");
}
