//! What a server says, told apart: messages, positions, answers, heartbeats, the end.

use bytes::Bytes;
use memchr::memrchr;
use serde_json::Value;

use crate::client::{Message, Position};

/// One thing that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Message(Message),
    /// The client has all up to here.
    Position(Position),
    Resumed,
    NotResumed {
        why: String,
        to: Option<Position>,
    },
    Refused(Bytes),
    /// The connection lasts.
    Alive,
    /// The server's last word.
    Over {
        why: String,
        is_complete: bool,
    },
}

impl Received {
    /// A message of a WebSocket or a line.
    pub(super) fn of(bytes: Bytes) -> Received {
        let begins = |text: &str| bytes.starts_with(text.as_bytes());
        if begins(r#"{"result":"#) {
            return answer(&bytes);
        }
        if begins(r#"{"error":"#) {
            return Received::Refused(bytes);
        }
        if begins(r#"{"heartbeat":"#) || begins(r#"{"status":"UP"}"#) {
            return Received::Alive;
        }
        if let Some(close) = json(&bytes, r#"{"close":"#) {
            return over(&close["close"]);
        }
        if let Some(reset) = json(&bytes, r#"{"reset":"#) {
            return not_resumed(&reset["reset"]);
        }
        let position = last_member(&bytes);
        Received::Message(Message { bytes, position })
    }

    /// A server-sent event.
    pub(super) fn of_event(kind: &[u8], id: Option<Position>, data: Bytes) -> Received {
        let parsed = || serde_json::from_slice(&data).unwrap_or(Value::Null);
        match kind {
            b"close" => over(&parsed()),
            b"reset" => not_resumed(&parsed()),
            _ => Received::Message(Message { bytes: data, position: id }),
        }
    }
}

fn json(bytes: &[u8], beginning: &str) -> Option<Value> {
    if !bytes.starts_with(beginning.as_bytes()) {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

fn answer(bytes: &[u8]) -> Received {
    let result = json(bytes, "{").map_or(Value::Null, |mut object| object["result"].take());
    match (result["resumed"].as_bool(), result["sequence"].as_str().and_then(Position::new)) {
        (Some(true), _) => Received::Resumed,
        (Some(false), _) => not_resumed(&result),
        (None, Some(position)) => Received::Position(position),
        (None, None) => Received::Alive,
    }
}

fn not_resumed(value: &Value) -> Received {
    let why = value["reason"].as_str().unwrap_or("the server does not say why").to_owned();
    Received::NotResumed { why, to: value["sequence"].as_str().and_then(Position::new) }
}

fn over(value: &Value) -> Received {
    let code = value["code"].as_u64().unwrap_or(0);
    let reason = value["reason"].as_str().unwrap_or_default();
    Received::Over { why: format!("{code} {reason}").trim_end().to_owned(), is_complete: code == 1_000 }
}

/// The position that is the last member of a message, or of its last object.
fn last_member(bytes: &Bytes) -> Option<Position> {
    let inner = bytes.strip_suffix(b"]").unwrap_or(bytes).strip_suffix(b"\"}")?;
    let begin = memrchr(b'"', inner)?;
    let name = &inner[..begin];
    let is_position = name.ends_with(b"\"sequence\":") || name.ends_with(b"\"position\":");
    is_position.then(|| Position::of(bytes.slice(begin + 1..inner.len()))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Received {
        Received::of(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn position(text: &str) -> Option<String> {
        match of(text) {
            Received::Message(message) => message.position.map(|position| position.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn positions_are_found_from_behind() {
        assert_eq!(position(r#"{"a":1,"sequence":"000000ab-7.1"}"#).as_deref(), Some("000000ab-7.1"));
        assert_eq!(position(r#"[{"a":1},{"a":2,"sequence":"000000ab-7.1"}]"#).as_deref(), Some("000000ab-7.1"));
        assert_eq!(position(r#"{"sequence":8,"position":"000000ab-7.1"}"#).as_deref(), Some("000000ab-7.1"));
        for text in ["", "{}", r#""}"#, r#"{"a":"sequence"}"#, r#"{"sequence":"what?"}"#, r#"{"s":"000000ab-7.1"}"#] {
            assert_eq!(position(text), None, "{text}");
        }
    }

    #[test]
    fn answers_are_no_messages() {
        assert_eq!(of(r#"{"result":null,"id":1}"#), Received::Alive);
        assert_eq!(of(r#"{"result":{"resumed":true,"from":"000000ab-7.1"}}"#), Received::Resumed);
        let no = of(r#"{"result":{"resumed":false,"from":"000000ab-1.0","sequence":"000000ab-7.1","reason":"gone"}}"#);
        assert_eq!(no, Received::NotResumed { why: "gone".into(), to: Position::new("000000ab-7.1") });
        assert_eq!(
            of(r#"{"close":{"code":1000,"reason":"End of tape"}}"#),
            Received::Over { why: "1000 End of tape".into(), is_complete: true }
        );
        assert!(matches!(of(r#"{"error":{"code":2}}"#), Received::Refused(_)));
    }
}
