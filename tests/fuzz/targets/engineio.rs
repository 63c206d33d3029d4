//! Bodies, messages and addresses of Engine.IO: packets that were read can be written down and read again, and what a client
//! that polls is answered with is what its session was sent, in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tapecast::protocol::engineio::exchange::Exchange;
use tapecast::protocol::engineio::id::Sid;
use tapecast::protocol::engineio::open::Query;
use tapecast::protocol::engineio::packet::{Packet, SEPARATOR, split};
use tapecast::protocol::engineio::{base64, open::Transport};
use tapecast::protocol::websocket::{Close, Opcode, write_frame};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read_body(text);
        read_address(text);
    }
    answer_polls(bytes);
});

fn read_body(body: &str) {
    let mut again = Vec::new();
    for part in split(body) {
        let Some(packet) = Packet::parse(part) else { return };
        again.push(written(&packet));
        // Line feeds, missing padding and the other alphabet are read as well, and all of it once more.
        assert_eq!(Packet::parse(&written(&packet)), Some(packet), "{part:?}");
    }
    let joined = again.join(&char::from(SEPARATOR).to_string());
    assert!(split(&joined).zip(split(body)).all(|(one, two)| Packet::parse(one) == Packet::parse(two)));
}

fn written(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Open => "0".into(),
        Packet::Close => "1".into(),
        Packet::Ping(data) => format!("2{data}"),
        Packet::Pong => "3".into(),
        Packet::Text(text) => format!("4{text}"),
        Packet::Binary(bytes) => {
            let mut out = b"b".to_vec();
            base64::encode(bytes, &mut out);
            assert_eq!(base64::decode(&out[1..]).as_deref(), Some(&**bytes));
            let url_safe = base64::encode_url_safe(bytes);
            assert_eq!(base64::decode(url_safe.as_bytes()).as_deref(), Some(&**bytes), "{url_safe}");
            String::from_utf8(out).expect("base 64 is ASCII")
        }
        Packet::Upgrade => "5".into(),
        Packet::Noop => "6".into(),
    }
}

fn read_address(text: &str) {
    let query = Query::parse(Some(text));
    let is_known = matches!(query.transport.as_deref(), Some("polling" | "websocket"));
    assert_eq!(query.transport().is_some(), is_known);
    assert_eq!(query.transport() == Some(Transport::Polling), query.transport.as_deref() == Some("polling"));
    for text in [text, query.sid.as_deref().unwrap_or_default()] {
        if let Some(sid) = Sid::parse(text) {
            assert_eq!(Sid::parse(&sid.text()), Some(sid));
        }
    }
}

/// Each byte is a step: what the session is sent, what its client asks.
fn answer_polls(steps: &[u8]) {
    let mut exchange = Exchange::default();
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    let (mut now_ms, mut number, mut is_ended) = (0, 0_u32, false);
    for step in steps {
        match step % 8 {
            0 | 1 if exchange.takes() => {
                let (mut frames, count) = (Vec::new(), 1 + usize::from(step >> 6));
                for _ in 0..count {
                    number += 1;
                    let payload = format!("4{number}").repeat(1 + usize::from(step >> 3));
                    match step % 2 {
                        0 => write_frame(Opcode::Text, payload.as_bytes(), &mut frames),
                        _ => write_frame(Opcode::Binary, payload.as_bytes(), &mut frames),
                    }
                    sent.push(if step % 2 == 0 {
                        payload
                    } else {
                        written(&Packet::Binary(payload.as_bytes().into()))
                    });
                }
                exchange.take(&frames);
            }
            2 => {
                let was_held = exchange.is_held();
                assert_eq!(exchange.hold().is_err(), was_held);
            }
            3 if exchange.is_ready() => answered.extend(answer(&mut exchange)),
            4 => exchange.probe(step & 8 > 0),
            5 => {
                now_ms += u64::from(*step);
                exchange.noop(now_ms);
            }
            6 => {
                assert!(exchange.begin_post().is_ok() && exchange.begin_post().is_err());
                exchange.end_post();
            }
            7 if *step > 250 && exchange.takes() => {
                let mut frame = Vec::new();
                Close::NORMAL.write(&mut frame);
                exchange.take(&frame);
                is_ended = true;
            }
            _ => {}
        }
        assert_eq!(exchange.is_over(), is_ended);
        assert!(!(exchange.is_over() && exchange.takes()), "nothing behind the end");
        assert!(!exchange.is_ready() || exchange.is_held());
    }
    if exchange.is_ready() {
        answered.extend(answer(&mut exchange));
    }
    answered.retain(|packet| packet != "6");
    if is_ended {
        assert_eq!(answered.pop().as_deref(), Some("1"), "the end is told, and told last");
    }
    assert!(answered == sent, "{} packets were sent, {} came", sent.len(), answered.len());
}

fn answer(exchange: &mut Exchange) -> Vec<String> {
    let body = String::from_utf8(exchange.answer()).expect("UTF-8");
    assert!(!exchange.is_held());
    split(&body).map(str::to_owned).collect()
}
