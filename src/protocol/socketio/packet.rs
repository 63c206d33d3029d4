//! Packets of clients: `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`.

use serde_json::Value;
use thiserror::Error;

/// The most attachments of one packet; what clients of today take at the most, too.
pub const ATTACHMENTS_MAX: usize = 10;

/// Names that say what happened to a connection, and that no event may have.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// What a packet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Joins a namespace.
    Connect,
    /// Leaves it.
    Disconnect,
    /// Something happened.
    Event,
    /// The answer to an event.
    Ack,
}

/// A packet from a client, whole but for its attachments.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// What it does.
    pub kind: Kind,
    /// Where, with the `/` it begins with.
    pub namespace: String,
    /// Under which number an answer is expected, or which it answers.
    pub id: Option<u64>,
    /// What comes with it: an object or nothing to join, an array for events and answers. Where there are attachments,
    /// placeholders stand for them.
    pub data: Option<Value>,
    /// The same as it was written, for whoever passes it on; empty for nothing.
    pub json: Box<str>,
    /// Bytes that placeholders stand for.
    pub attachments: Vec<Vec<u8>>,
}

/// What a client may not send. Its session ends without a word.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// Not a character of a known type, or of one that only servers send.
    #[error("unknown packet type")]
    Type,
    /// Too many, none, or in a packet that has none.
    #[error("wrong number of attachments")]
    Attachments,
    /// With control characters in it, one of which separates packets.
    #[error("malformed namespace")]
    Namespace,
    /// No number.
    #[error("malformed id")]
    Id,
    /// Not JSON, or not of the shape that packets of its type have.
    #[error("malformed payload")]
    Payload,
    /// An event with a name that only the library itself may use.
    #[error("reserved event name")]
    Reserved,
    /// Something else came between a packet and its attachments, or bytes that belong to none.
    #[error("packets out of order")]
    Order,
}

impl Packet {
    /// Reads the text of a packet; also returns how many attachments follow.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn parse(text: &str) -> Result<(Packet, usize), Violation> {
        let (kind, is_binary) = match text.as_bytes().first() {
            Some(b'0') => (Kind::Connect, false),
            Some(b'1') => (Kind::Disconnect, false),
            Some(b'2') => (Kind::Event, false),
            Some(b'3') => (Kind::Ack, false),
            Some(b'5') => (Kind::Event, true),
            Some(b'6') => (Kind::Ack, true),
            _ => return Err(Violation::Type),
        };
        let mut rest = &text[1..];
        let mut attachments = 0;
        if is_binary {
            let (count, behind) = rest.split_once('-').ok_or(Violation::Attachments)?;
            let is_number = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
            attachments = count.parse().ok().filter(|_| is_number).ok_or(Violation::Attachments)?;
            if !(1..=ATTACHMENTS_MAX).contains(&attachments) {
                return Err(Violation::Attachments);
            }
            rest = behind;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
            // It comes back in the answer, which may be one of several in a body.
            if namespace.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(Violation::Namespace);
            }
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let id = match &rest[..digits] {
            "" => None,
            id => Some(id.parse().map_err(|_| Violation::Id)?),
        };
        let json = &rest[digits..];
        let data = match json {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| Violation::Payload)?),
        };
        check(kind, data.as_ref())?;
        if attachments > 0 && !data.as_ref().is_some_and(|data| refers_within(data, attachments)) {
            return Err(Violation::Attachments);
        }
        Ok((
            Packet { kind, namespace: namespace.to_owned(), id, data, json: json.into(), attachments: Vec::new() },
            attachments,
        ))
    }

    /// An event's name and its arguments; `None` for what is no event, or one whose name is a number.
    pub fn event(&self) -> Option<(&str, &[Value])> {
        let Value::Array(data) = self.data.as_ref().filter(|_| self.kind == Kind::Event)? else { return None };
        let (name, arguments) = data.split_first()?;
        Some((name.as_str()?, arguments))
    }
}

/// Whether the payload has the shape that packets of its kind have.
pub(super) fn check(kind: Kind, data: Option<&Value>) -> Result<(), Violation> {
    match (kind, data) {
        (Kind::Connect, None | Some(Value::Object(_))) | (Kind::Disconnect, None) => Ok(()),
        (Kind::Ack, Some(Value::Array(_))) => Ok(()),
        (Kind::Event, Some(Value::Array(data))) => match data.first() {
            Some(Value::String(name)) if is_reserved(name) => Err(Violation::Reserved),
            Some(Value::String(_) | Value::Number(_)) => Ok(()),
            _ => Err(Violation::Payload),
        },
        _ => Err(Violation::Payload),
    }
}

/// Whether no event may have this name.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether all placeholders stand for one of so many attachments.
pub(super) fn refers_within(value: &Value, attachments: usize) -> bool {
    match value {
        Value::Array(values) => values.iter().all(|value| refers_within(value, attachments)),
        Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
            members.get("num").and_then(Value::as_u64).is_some_and(|place| place < attachments as u64)
        }
        Value::Object(members) => members.values().all(|value| refers_within(value, attachments)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(text: &str) -> Packet {
        Packet::parse(text).unwrap_or_else(|violation| panic!("{text}: {violation}")).0
    }

    #[test]
    fn socketio_item_45_namespaces_are_read_in_all_their_spellings() {
        for (text, namespace) in
            [("0", "/"), ("0/,", "/"), ("0/custom", "/custom"), ("0/custom,", "/custom"), ("0/?a=1,", "/?a=1")]
        {
            assert_eq!((parsed(text).kind, &*parsed(text).namespace), (Kind::Connect, namespace), "{text}");
        }
        assert_eq!(parsed(r#"0/ns,{"token":"x"}"#).data, Some(json!({"token": "x"})));
    }

    #[test]
    fn socketio_item_51_and_52_what_may_not_be_sent() {
        for (text, violation) in [
            ("", Violation::Type),
            ("7", Violation::Type),
            ("abc", Violation::Type),
            ("4{}", Violation::Type),
            ("0/a\u{1e}b,", Violation::Namespace),
            ("0/a\n", Violation::Namespace),
            ("2", Violation::Payload),
            ("2[]", Violation::Payload),
            ("2{}", Violation::Payload),
            ("2[null]", Violation::Payload),
            ("2[\"a\"", Violation::Payload),
            ("2[\"a\"]x", Violation::Payload),
            ("2-1[\"a\"]", Violation::Payload),
            ("21.5[\"a\"]", Violation::Payload),
            ("299999999999999999999999[\"a\"]", Violation::Id),
            ("0[]", Violation::Payload),
            ("0null", Violation::Payload),
            ("1{}", Violation::Payload),
            ("3{}", Violation::Payload),
            ("2[\"connect\"]", Violation::Reserved),
            ("2[\"disconnecting\",1]", Violation::Reserved),
        ] {
            assert_eq!(Packet::parse(text), Err(violation), "{text}");
        }
    }

    #[test]
    fn socketio_item_53_an_event_has_an_id_where_an_answer_is_expected() {
        let packet = parsed(r#"2/binance,12["subscribe",["btcusdt@ticker"]]"#);
        assert_eq!((packet.id, &*packet.namespace), (Some(12), "/binance"));
        assert_eq!(packet.event(), Some(("subscribe", &[json!(["btcusdt@ticker"])][..])));
    }

    #[test]
    fn socketio_item_57_attachments_are_counted() {
        for text in ["5[\"a\"]", "50-[\"a\"]", "511-[\"a\"]", "5x-[\"a\"]", "5+1-[\"a\"]", "5-[\"a\"]"] {
            assert_eq!(Packet::parse(text), Err(Violation::Attachments), "{text}");
        }
        let inside = r#"51-["a",{"x":[{"_placeholder":true,"num":0}]}]"#;
        assert_eq!(Packet::parse(inside).unwrap().1, 1);
        assert_eq!(Packet::parse(&inside.replace(":0", ":1")), Err(Violation::Attachments));
        assert_eq!(Packet::parse(&inside.replace(":0", ":-1")), Err(Violation::Attachments));
        assert!(Packet::parse(r#"2["a",{"_placeholder":true,"num":7}]"#).is_ok());
    }

    #[test]
    fn socketio_item_69_json_as_deep_as_a_message_is_long_is_refused() {
        let text = format!("2[\"a\",{}", "[".repeat(500_000));
        assert_eq!(Packet::parse(&text), Err(Violation::Payload));
    }

    proptest! {
        #[test]
        fn socketio_item_69_no_text_makes_it_panic(text in "[0-7]?[0-9]{0,2}-?(/[a-z?]{0,4},?)?[0-9]{0,3}\\PC{0,30}") {
            let _ = Packet::parse(&text);
        }
    }
}
