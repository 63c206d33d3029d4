//! What a client may ask: one JSON array of objects with a ticket, data types, and a format.
//!
//! The order of the objects does not matter, unknown keys are passed over, flags have two spellings and two types. A
//! request replaces everything the connection had. Codes that do not exist are ignored in silence; everything else
//! that is wrong has a name and ends the connection.

use serde_json::{Map, Value};

use crate::market::channel::Channel;
use crate::market::decimal::Decimal;
use crate::venue::upbit::Format;

/// The channel of a type of data; `None` for a type that the venue does not have.
pub type Types = fn(&str) -> Option<Channel>;

/// A request that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's name for it.
    pub ticket: String,
    /// How frames look from now on.
    pub format: Format,
    /// What is asked.
    pub body: Body,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// These are the connection's subscriptions from now on.
    Subscribe(Vec<Subscription>),
    /// Which subscriptions there are.
    List,
}

/// One data type object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The type as the client spelled it: `ticker`, `trade`, `orderbook`, `candle.1m`.
    pub kind: String,
    /// The channel that serves it.
    pub channel: Channel,
    /// Markets as the client spelled them, `KRW-BTC` or `KRW-BTC.15`.
    pub codes: Vec<String>,
    /// The newest value, then nothing.
    pub only_snapshot: bool,
    /// No newest value.
    pub only_realtime: bool,
    /// The step to which prices are merged, 0 for none; order books only. No market may have it.
    pub level: Decimal,
}

/// What is wrong with a request; the client is told, then the connection is closed with 1000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The name is the contract.
    pub name: &'static str,
    /// The text is for people.
    pub message: String,
}

impl Refusal {
    fn new(name: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { name, message: message.into() }
    }

    /// For a request over the limits.
    pub fn too_many_requests() -> Refusal {
        Refusal::new("Too Many Requests", "too many requests on this connection")
    }

    /// The frame's payload.
    pub fn answer(&self) -> String {
        format!(r#"{{"error":{{"name":"{}","message":{}}}}}"#, self.name, Value::from(self.message.as_str()))
    }
}

/// Number of pairs of levels in an order book: the window, and what else may be asked for.
pub const UNITS_DEFAULT: u8 = 30;

/// Splits the number of pairs off a code: `KRW-BTC.5` asks for 5. Counts that do not exist are served with 30.
pub fn split_units(code: &str) -> (&str, u8) {
    match code.rsplit_once('.') {
        Some((code, "1")) => (code, 1),
        Some((code, "5")) => (code, 5),
        Some((code, "15")) => (code, 15),
        Some((code, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() => {
            (code, UNITS_DEFAULT)
        }
        _ => (code, UNITS_DEFAULT),
    }
}

impl Request {
    /// Reads a frame, text or binary.
    ///
    /// # Errors
    /// [`Refusal`], ready to be sent.
    pub fn parse(bytes: &[u8], types: Types) -> Result<Request, Refusal> {
        let malformed = |message: &str| Refusal::new("WRONG_FORMAT", message);
        let value: Value = serde_json::from_slice(bytes).map_err(|e| malformed(&format!("not JSON: {e}")))?;
        let Value::Array(elements) = value else { return Err(malformed("a request is an array of objects")) };
        let objects: Option<Vec<Map<String, Value>>> = elements
            .into_iter()
            .map(|element| if let Value::Object(object) = element { Some(object) } else { None })
            .collect();
        let objects = objects.filter(|o| !o.is_empty()).ok_or_else(|| malformed("a request is an array of objects"))?;

        let ticket = objects.iter().find_map(|object| object.get("ticket"));
        let ticket = match ticket {
            Some(Value::String(ticket)) if !ticket.is_empty() => ticket.clone(),
            _ => return Err(Refusal::new("NO_TICKET", "ticket is missing")),
        };
        let format = match objects.iter().find_map(|object| object.get("format")) {
            None => Format::Default,
            Some(value) => value
                .as_str()
                .and_then(Format::parse)
                .ok_or_else(|| Refusal::new("INVALID_PARAM", format!("format {value} is not supported")))?,
        };
        Ok(Request { ticket, format, body: Self::body(&objects, types)? })
    }

    fn body(objects: &[Map<String, Value>], types: Types) -> Result<Body, Refusal> {
        if let Some(method) = objects.iter().find_map(|object| object.get("method")) {
            return match method.as_str() {
                Some("LIST_SUBSCRIPTIONS") => Ok(Body::List),
                _ => Err(Refusal::new("INVALID_PARAM", format!("method {method} is not supported"))),
            };
        }
        let is_data = |object: &&Map<String, Value>| {
            object.contains_key("type") || !(object.contains_key("ticket") || object.contains_key("format"))
        };
        let data: Vec<_> = objects.iter().filter(is_data).collect();
        if data.is_empty() {
            return Err(Refusal::new("NO_TYPE", "type is missing"));
        }
        data.into_iter().map(|object| Subscription::parse(object, types)).collect::<Result<_, _>>().map(Body::Subscribe)
    }
}

impl Subscription {
    fn parse(object: &Map<String, Value>, types: Types) -> Result<Subscription, Refusal> {
        let kind = object.get("type").ok_or_else(|| Refusal::new("NO_TYPE", "type is missing"))?;
        let unsupported = || Refusal::new("INVALID_PARAM", format!("type {kind} is not supported"));
        let name = kind.as_str().ok_or_else(unsupported)?;
        if matches!(name, "myOrder" | "myAsset") {
            return Err(Refusal::new("INVALID_AUTH", format!("type {name} needs the private socket")));
        }
        let channel = types(name).ok_or_else(unsupported)?;
        let codes = object.get("codes").ok_or_else(|| Refusal::new("NO_CODES", "codes is missing"))?;
        if codes.as_array().is_some_and(Vec::is_empty) {
            return Err(Refusal::new("INVALID_PARAM", "codes is empty"));
        }
        let codes: Vec<String> = serde_json::from_value(codes.clone())
            .map_err(|error| Refusal::new("WRONG_FORMAT", format!("codes: {error}")))?;
        let only_snapshot = flag(object, "is_only_snapshot", "isOnlySnapshot")?;
        let only_realtime = flag(object, "is_only_realtime", "isOnlyRealtime")? && !only_snapshot;
        let level = level(object)?;
        Ok(Subscription { kind: name.to_owned(), channel, codes, only_snapshot, only_realtime, level })
    }
}

fn flag(object: &Map<String, Value>, name: &str, alias: &str) -> Result<bool, Refusal> {
    match object.get(name).or_else(|| object.get(alias)) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(Refusal::new("WRONG_FORMAT", format!("{name} is true or false"))),
    }
}

/// The `level` asked for, a number in either type; 0 where there is none.
fn level(object: &Map<String, Value>) -> Result<Decimal, Refusal> {
    let malformed = || Refusal::new("WRONG_FORMAT", "level is a number");
    let text = match object.get("level") {
        None => return Ok(Decimal::ZERO),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(malformed()),
    };
    Decimal::parse(text.as_bytes()).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::channel::Unit;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Result<Request, Refusal> {
        Request::parse(bytes, crate::venue::upbit::channel)
    }

    fn name(text: &str) -> &'static str {
        parse(text.as_bytes()).unwrap_err().name
    }

    #[test]
    fn the_order_of_objects_does_not_matter_and_format_is_optional() {
        let trade = r#"{"type":"trade","codes":["KRW-BTC"],"unknown":1}"#;
        for text in [
            format!(r#"[{{"ticket":"a"}},{trade},{{"format":"SIMPLE"}}]"#),
            format!(r#"[{{"ticket":"a"}},{{"format":"SIMPLE"}},{trade}]"#),
            format!(r#"[{trade},{{"format":"SIMPLE"}},{{"ticket":"a"}}]"#),
        ] {
            let request = parse(text.as_bytes()).unwrap();
            assert_eq!((request.ticket.as_str(), request.format), ("a", Format::Simple));
            assert!(
                matches!(&request.body, Body::Subscribe(types) if types.len() == 1 && types[0].channel == Channel::Trade)
            );
        }
        let request = parse(format!(r#"[{{"ticket":"a"}},{trade},{trade}]"#).as_bytes()).unwrap();
        assert_eq!(request.format, Format::Default);
    }

    #[test]
    fn flags_have_two_spellings_and_two_types() {
        for flag in [r#""isOnlyRealtime":true"#, r#""is_only_realtime":"true""#] {
            let text = format!(r#"[{{"ticket":"a"}},{{"type":"ticker","codes":["A-B"],{flag}}}]"#);
            let Body::Subscribe(types) = parse(text.as_bytes()).unwrap().body else { panic!() };
            assert!(types[0].only_realtime && !types[0].only_snapshot);
        }
    }

    #[test]
    fn types_are_channels_and_levels_are_numbers_in_either_type() {
        for (kind, channel) in [("orderbook", Channel::Orderbook), ("candle.1s", Channel::Candle(Unit::S1))] {
            for (level, expected) in [("10000", "10000"), ("\"1e4\"", "10000"), ("0.1", "0.1"), ("0", "0")] {
                let text = format!(r#"[{{"ticket":"a"}},{{"type":"{kind}","codes":["A-B"],"level":{level}}}]"#);
                let Body::Subscribe(types) = parse(text.as_bytes()).unwrap().body else { panic!() };
                assert_eq!(types[0].channel, channel);
                assert_eq!(types[0].level, Decimal::parse(expected.as_bytes()).unwrap());
            }
        }
    }

    #[test]
    fn what_is_wrong_has_the_name_the_exchange_gives_it() {
        for (text, expected) in [
            ("hello", "WRONG_FORMAT"),
            ("{}", "WRONG_FORMAT"),
            ("[]", "WRONG_FORMAT"),
            ("[1]", "WRONG_FORMAT"),
            (r#"[{"type":"ticker","codes":["A"]}]"#, "NO_TICKET"),
            (r#"[{"ticket":""},{"type":"ticker","codes":["A"]}]"#, "NO_TICKET"),
            (r#"[{"ticket":"a"},{"codes":["A"]}]"#, "NO_TYPE"),
            (r#"[{"ticket":"a"}]"#, "NO_TYPE"),
            (r#"[{"ticket":"a"},{"type":"ticker"}]"#, "NO_CODES"),
            (r#"[{"ticket":"a"},{"type":"ticker","codes":[]}]"#, "INVALID_PARAM"),
            (r#"[{"ticket":"a"},{"type":"nope","codes":["A"]}]"#, "INVALID_PARAM"),
            (r#"[{"ticket":"a"},{"type":"candle.1d","codes":["A"]}]"#, "INVALID_PARAM"),
            (r#"[{"ticket":"a"},{"type":"ticker","codes":["A"]},{"format":"X"}]"#, "INVALID_PARAM"),
            (r#"[{"ticket":"a"},{"type":"ticker","codes":[1]}]"#, "WRONG_FORMAT"),
            (r#"[{"ticket":"a"},{"type":"ticker","codes":["A"],"isOnlyRealtime":3}]"#, "WRONG_FORMAT"),
            (r#"[{"ticket":"a"},{"type":"orderbook","codes":["A"],"level":"x"}]"#, "WRONG_FORMAT"),
            (r#"[{"ticket":"a"},{"type":"orderbook","codes":["A"],"level":[]}]"#, "WRONG_FORMAT"),
            (r#"[{"ticket":"a"},{"type":"myOrder"}]"#, "INVALID_AUTH"),
            (r#"[{"ticket":"a"},{"method":"X"}]"#, "INVALID_PARAM"),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }

    #[test]
    fn a_code_may_say_how_many_levels_it_wants() {
        for (code, expected) in [
            ("KRW-BTC", ("KRW-BTC", 30)),
            ("KRW-BTC.5", ("KRW-BTC", 5)),
            ("KRW-BTC.20", ("KRW-BTC", 30)),
            ("KRW-BTC.x", ("KRW-BTC.x", 30)),
        ] {
            assert_eq!(split_units(code), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(refusal) = parse(&bytes) {
                serde_json::from_str::<Value>(&refusal.answer()).unwrap();
            }
        }
    }
}
