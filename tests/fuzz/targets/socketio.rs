//! Sessions of Socket.IO, step by step: whatever a client sends and however time passes, what goes out is well formed, and
//! what is kept of it is bounded. The same texts are put to the reader of packets.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tapecast::protocol::engineio::exchange::Exchange;
use tapecast::protocol::engineio::id::Sid;
use tapecast::protocol::engineio::open::{Limits, Transport};
use tapecast::protocol::engineio::packet::{Packet as Carrier, split};
use tapecast::protocol::msgpack::{Decoded, Decoder};
use tapecast::protocol::socketio::packet::{ATTACHMENTS_MAX, is_reserved};
use tapecast::protocol::socketio::{Kind, Packet};
use tapecast::session::rate::RateLimits;
use tapecast::session::socketio::recovery::Recoveries;
use tapecast::session::socketio::token::Tokens;
use tapecast::session::socketio::{Service, SocketIoLimits, SocketIoSession};
use tapecast::session::{Effects, Incoming};
use tapecast::venue::upbit::Edition;

const STREAMS_MAX: usize = 4;
const BURST: usize = 40;

// What a session is served with, by the first byte; then lines, each a message: of bytes behind a `#`, of control frames
// behind `?` and `!`, a time that passes behind `@`, the client gone and back with `~`, and text, in which `PID` stands for
// the secret that it was given last.
fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let service = [Service::Streams, Service::Streams, Service::Mirror, Service::Echo][usize::from(first % 4)];
    let (has_tokens, is_recoverable) = (first & 4 > 0, first & 8 > 0);
    let recoveries = Arc::new(Recoveries::new(Duration::from_secs(if is_recoverable { 60 } else { 0 })));
    let limits = SocketIoLimits {
        engine: Limits {
            ping_interval_ms: 1_000,
            ping_timeout_ms: 500,
            upgrade_timeout_ms: 500,
            connect_timeout_ms: 3_000,
            payload_bytes_max: 4_096,
        },
        streams_max: STREAMS_MAX,
        rate: RateLimits { per_second: 10, burst: BURST as u32 },
        edition: Edition::Today,
        tokens: if has_tokens { Tokens::new(&["a".into()]) } else { Tokens::default() },
    };
    let open = |now_ms| {
        let (sid, recoveries) = (Sid::new(0), Arc::clone(&recoveries));
        SocketIoSession::new(sid, Transport::Polling, (service, limits.clone()), recoveries, now_ms)
    };
    let (mut session, mut pid) = (open(0), String::new());
    let (mut now_ms, mut said, mut pings) = (0_u64, 0, 0);
    for step in rest.split(|byte| *byte == b'\n').take(4 * BURST) {
        let mut effects = Effects::default();
        match step {
            [b'~'] => {
                session.on_end();
                session = open(now_ms);
                // It may say as much as ever.
                said = 0;
                continue;
            }
            [b'@', digits @ ..] => {
                let digits = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
                now_ms += u64::from(digits.unwrap_or(1));
                session.on_time(now_ms, &mut effects);
            }
            [b'#', bytes @ ..] => session.on_message(Incoming::Binary(bytes), now_ms, &mut effects),
            [b'?', bytes @ ..] => session.on_message(Incoming::Ping(bytes), now_ms, &mut effects),
            [b'!', bytes @ ..] => session.on_message(Incoming::Pong(bytes), now_ms, &mut effects),
            text => {
                let Ok(text) = std::str::from_utf8(text) else { continue };
                let text = text.replace("PID", &pid);
                read_packet(&text);
                session.on_message(Incoming::Text(&text), now_ms, &mut effects);
            }
        }
        if step.first() == Some(&b'@') {
            pings += effects.ahead.marks.len() as u64;
            assert!(effects.end.is_some() || session.deadline_ms() > now_ms);
        } else {
            said += 1;
        }
        if let Some(recover) = effects.recover.take() {
            assert!(is_recoverable);
            let is_restored = first & 16 > 0;
            session.on_recovery(*recover, is_restored, &mut effects);
        }
        let body = check(&effects, service);
        if let Some((_, rest)) = body.split_once("\"pid\":\"") {
            assert!(is_recoverable);
            pid = rest.split('"').next().unwrap_or_default().to_owned();
        }
        if effects.end.is_some() {
            session.on_end();
            return;
        }
        assert!(said <= BURST as u64 + now_ms / 100 + pings, "{said} packets in {now_ms} ms");
    }
    session.on_end();
});

/// A packet that was read says the same once it is written down.
fn read_packet(text: &str) {
    let Some(text) = text.strip_prefix('4') else { return };
    let Ok((packet, attachments)) = Packet::parse(text) else { return };
    assert!(attachments <= ATTACHMENTS_MAX && packet.namespace.starts_with('/'));
    if let Some((name, _)) = packet.event() {
        assert!(packet.kind == Kind::Event && !is_reserved(name));
    }
    let kind = match (packet.kind, attachments > 0) {
        (Kind::Connect, _) => "0".to_owned(),
        (Kind::Disconnect, _) => "1".to_owned(),
        (Kind::Event, false) => "2".to_owned(),
        (Kind::Ack, false) => "3".to_owned(),
        (Kind::Event, true) => format!("5{attachments}-"),
        (Kind::Ack, true) => format!("6{attachments}-"),
    };
    let id = packet.id.map_or(String::new(), |id| id.to_string());
    let data = packet.data.as_ref().map_or(String::new(), Value::to_string);
    let again = format!("{kind}{},{id}{data}", packet.namespace);
    // Members are written down in the order of their names, and numbers in one of several spellings.
    let read =
        Packet::parse(&again).map(|(other, attachments)| (Packet { json: packet.json.clone(), ..other }, attachments));
    assert_eq!(read, Ok((packet, attachments)), "{again}");
}

/// What goes out is packets, of which attachments stand right behind theirs. Returns them as text; of those in MessagePack
/// what they say.
fn check(effects: &Effects, service: Service) -> String {
    if let Some(wants) = &effects.wants {
        assert!(wants.len() <= STREAMS_MAX && effects.snapshots.len() <= STREAMS_MAX);
    }
    let mut exchange = Exchange::default();
    exchange.hold().expect("it is the first");
    exchange.take(&effects.ahead.bytes);
    exchange.take(&effects.frames.bytes);
    if !exchange.is_ready() || exchange.is_over() {
        return String::new();
    }
    let body = String::from_utf8(exchange.answer()).expect("UTF-8");
    if service == Service::Echo {
        return String::new();
    }
    let (mut missing, mut unpacked) = (0, String::new());
    for packet in split(&body) {
        if packet.starts_with('b') && missing == 0 {
            unpacked.push_str(&unpack(packet));
            continue;
        }
        if packet.starts_with('b') {
            missing -= 1;
            continue;
        }
        assert_eq!(missing, 0, "{body:?}");
        match packet.strip_prefix('4') {
            // An error is no packet that a client may send.
            Some(text) if text.starts_with('4') => {
                let json = match text[1..].split_once(',') {
                    Some((namespace, json)) if namespace.starts_with('/') => json,
                    _ => &text[1..],
                };
                let error: Value = serde_json::from_str(json).expect("JSON");
                assert!(error["message"].is_string(), "{json}");
            }
            Some(text) => {
                let (_, attachments) = Packet::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
                missing = attachments;
            }
            None => assert!(packet == "2" || !packet.starts_with(|first: char| first.is_ascii_digit()), "{packet:?}"),
        }
    }
    assert_eq!(missing, 0, "{body:?}");
    if unpacked.is_empty() { body } else { unpacked }
}

/// The payload of a packet in MessagePack, as JSON.
fn unpack(packet: &str) -> String {
    let Some(Carrier::Binary(bytes)) = Carrier::parse(packet) else { panic!("no bytes: {packet}") };
    if let Ok(packet) = Packet::unpack(&bytes) {
        return packet.json.into();
    }
    // An error is no packet that a client may send.
    let (mut decoder, mut decoded) = (Decoder::new(&bytes, 0), Decoded::default());
    assert_eq!(decoder.value(&mut decoded), Ok(true), "{packet}");
    let error: Value = serde_json::from_slice(&decoded.json).expect("JSON");
    assert!(decoder.is_at_end() && error["type"] == 4 && error["data"]["message"].is_string(), "{error}");
    String::new()
}
