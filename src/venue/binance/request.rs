//! What a client of the streams may ask over its connection, and how it is answered.
//!
//! A request is one JSON object with `method`, `params` and `id`. The texts of errors are serde_json's own, as those
//! of the exchange are; requests are rare, so they are parsed to a value first, which lets the `id` be recovered for
//! the answer to a request that is wrong elsewhere.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::venue::binance::stream;

/// What identifies a request; comes back in the answer with the type and value it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// A signed 64-bit integer.
    Int(i64),
    /// Up to 36 letters, digits, `-` or `_`.
    Text(String),
    /// `null`.
    Null,
}

/// A request that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Add these streams; every name is well formed.
    Subscribe(Vec<String>),
    /// Add these streams, and tell first what they have told since a time. The exchange has no such request.
    SubscribeFrom(Vec<String>, String),
    /// Remove these streams.
    Unsubscribe(Vec<String>),
    /// Which streams there are.
    ListSubscriptions,
    /// Wrap events from now on, or stop it.
    SetCombined(bool),
    /// Whether events say their positions, from now on. The exchange has no such property.
    SetSequenced(bool),
    /// Whether events are wrapped.
    IsCombined,
    /// Asks whether events say their positions.
    IsSequenced,
}

/// Why a request is refused, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 0 unknown property, 1 wrong type of a value, 2 wrong request, 3 not JSON, 4 too many streams.
    pub code: u8,
    /// The text.
    pub message: String,
    /// The request's id, where it has a valid one.
    pub id: Option<Id>,
    /// Whether the connection is closed after it, with 1008 and `Invalid request`.
    pub closes: bool,
}

#[derive(Deserialize)]
enum Method {
    #[serde(rename = "SUBSCRIBE")]
    Subscribe,
    #[serde(rename = "UNSUBSCRIBE")]
    Unsubscribe,
    #[serde(rename = "LIST_SUBSCRIPTIONS")]
    ListSubscriptions,
    #[serde(rename = "SET_PROPERTY")]
    SetProperty,
    #[serde(rename = "GET_PROPERTY")]
    GetProperty,
}

#[derive(Deserialize)]
struct Head {
    method: Method,
}

impl Request {
    /// Reads a text frame.
    ///
    /// # Errors
    /// [`Refusal`], ready to be sent.
    pub fn parse(text: &[u8]) -> Result<(Id, Request), Refusal> {
        let refuse = |code, message: String| Refusal { code, message, id: None, closes: false };
        let value: Value = serde_json::from_slice(text).map_err(|error| refuse(3, format!("Invalid JSON: {error}")))?;
        let object: Map<String, Value> =
            serde_json::from_value(value).map_err(|error| refuse(2, format!("Invalid request: {error}")))?;
        let id = object
            .get("id")
            .and_then(Id::of)
            .ok_or_else(|| refuse(2, "Invalid request: request ID must be an unsigned integer".into()))?;
        match Self::of(object) {
            Ok(request) => Ok((id, request)),
            Err(refusal) => Err(Refusal { id: Some(id), ..refusal }),
        }
    }

    fn of(mut object: Map<String, Value>) -> Result<Request, Refusal> {
        let (params, from) = (object.remove("params"), object.remove("from"));
        if let Some(Value::Object(_)) = object.get("method") {
            // To serde `{"SUBSCRIBE":null}` would be a method as well.
            return Err(invalid("invalid type: map, expected a string"));
        }
        let head: Head = serde_json::from_value(Value::Object(object)).map_err(invalid)?;
        match head.method {
            Method::Subscribe => {
                let names = names(params)?;
                if !names.iter().all(|name| stream::is_well_formed(name)) {
                    return Err(Refusal { closes: true, ..invalid("invalid stream") });
                }
                Ok(match from {
                    Some(Value::String(time)) => Request::SubscribeFrom(names, time),
                    Some(Value::Number(time)) => Request::SubscribeFrom(names, time.to_string()),
                    None | Some(Value::Null) => Request::Subscribe(names),
                    Some(_) => return Err(invalid("from is a time")),
                })
            }
            Method::Unsubscribe => Ok(Request::Unsubscribe(names(params)?)),
            Method::ListSubscriptions => {
                list(params.or(Some(Value::Array(Vec::new()))), 0)?;
                Ok(Request::ListSubscriptions)
            }
            Method::GetProperty => Ok(match property(&list(params, 1)?)? {
                Property::Combined => Request::IsCombined,
                Property::Sequence => Request::IsSequenced,
            }),
            Method::SetProperty => {
                let params = list(params, 2)?;
                let property = property(&params)?;
                match params.get(1) {
                    Some(Value::Bool(is_on)) => Ok(match property {
                        Property::Combined => Request::SetCombined(*is_on),
                        Property::Sequence => Request::SetSequenced(*is_on),
                    }),
                    _ => {
                        Err(Refusal { code: 1, message: "Invalid value type: expected Boolean".into(), ..invalid("") })
                    }
                }
            }
        }
    }
}

fn invalid(reason: impl std::fmt::Display) -> Refusal {
    Refusal { code: 2, message: format!("Invalid request: {reason}"), id: None, closes: false }
}

fn names(params: Option<Value>) -> Result<Vec<String>, Refusal> {
    let params = params.ok_or_else(|| invalid("missing field `params`"))?;
    serde_json::from_value(params).map_err(invalid)
}

fn list(params: Option<Value>, most: usize) -> Result<Vec<Value>, Refusal> {
    let params = params.ok_or_else(|| invalid("missing field `params`"))?;
    let params: Vec<Value> = serde_json::from_value(params).map_err(invalid)?;
    if params.len() > most { Err(invalid("too many parameters")) } else { Ok(params) }
}

/// What of a connection may be asked and changed.
enum Property {
    Combined,
    Sequence,
}

fn property(params: &[Value]) -> Result<Property, Refusal> {
    match params.first() {
        Some(Value::String(name)) if name == "combined" => Ok(Property::Combined),
        Some(Value::String(name)) if name == "sequence" => Ok(Property::Sequence),
        Some(Value::String(_)) => Err(Refusal { code: 0, message: "Unknown property".into(), ..invalid("") }),
        _ => Err(invalid("property name must be a string")),
    }
}

impl Id {
    /// The id of a request, if it is one of the kinds that are accepted.
    pub fn of(value: &Value) -> Option<Id> {
        match value {
            Value::Null => Some(Id::Null),
            Value::Number(number) => number.as_i64().map(Id::Int),
            Value::String(text) => {
                let fits =
                    text.len() <= 36 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                fits.then(|| Id::Text(text.clone()))
            }
            _ => None,
        }
    }

    /// The id as it came.
    pub fn value(&self) -> Value {
        match self {
            Id::Int(value) => Value::from(*value),
            Id::Text(text) => Value::from(text.as_str()),
            Id::Null => Value::Null,
        }
    }
}

/// The answer to a request that was carried out: `{"result":…,"id":…}`.
pub fn answer(result: &Value, id: &Id) -> String {
    format!(r#"{{"result":{result},"id":{}}}"#, id.value())
}

impl Refusal {
    /// The refusal of one stream too many, after which the connection is closed.
    pub fn too_many(id: Id) -> Refusal {
        Refusal { code: 4, message: "Too many subscriptions".into(), id: Some(id), closes: true }
    }

    /// The answer: `{"error":{"code":…,"msg":…},"id":…}`, without `id` where the request had no valid one.
    pub fn answer(&self) -> String {
        let error = format!(r#"{{"error":{{"code":{},"msg":{}}}"#, self.code, Value::from(self.message.as_str()));
        match &self.id {
            Some(id) => format!(r#"{error},"id":{}}}"#, id.value()),
            None => format!("{error}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Request::parse(text.as_bytes()).unwrap_err().answer()
    }

    #[test]
    fn requests_are_read() {
        for (text, request) in [
            (
                r#"{"method":"SUBSCRIBE","params":["a@trade","b@trade"],"id":1}"#,
                Request::Subscribe(vec!["a@trade".into(), "b@trade".into()]),
            ),
            (r#"{"id":1,"params":["@@"],"method":"UNSUBSCRIBE"}"#, Request::Unsubscribe(vec!["@@".into()])),
            (r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#, Request::ListSubscriptions),
            (r#"{"method":"LIST_SUBSCRIPTIONS","params":[],"id":1}"#, Request::ListSubscriptions),
            (r#"{"method":"GET_PROPERTY","params":["combined"],"id":1}"#, Request::IsCombined),
            (r#"{"method":"GET_PROPERTY","params":["sequence"],"id":1}"#, Request::IsSequenced),
            (r#"{"method":"SET_PROPERTY","params":["sequence",true],"id":1}"#, Request::SetSequenced(true)),
            (r#"{"method":"SET_PROPERTY","params":["combined",true],"id":1}"#, Request::SetCombined(true)),
        ] {
            assert_eq!(Request::parse(text.as_bytes()), Ok((Id::Int(1), request)), "{text}");
        }
    }

    #[test]
    fn ids_come_back_as_they_came() {
        for id in ["17", "-5", "9223372036854775807", "null", "\"7f0c3c1e-5d1b-4a57-9d6e-0a2b8f0d1c33\"", "\"\""] {
            let text = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#);
            let (read, _) = Request::parse(text.as_bytes()).unwrap();
            assert_eq!(answer(&Value::Null, &read), format!(r#"{{"result":null,"id":{id}}}"#));
        }
        for id in
            ["1.5", "true", "{}", "[]", "9223372036854775808", "\"1234567890123456789012345678901234567\"", "\"a b\""]
        {
            let text = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#);
            assert_eq!(
                error(&text),
                r#"{"error":{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}}"#
            );
        }
    }

    #[test]
    fn errors_have_the_documented_texts() {
        for (text, answer) in [
            ("", r#"{"error":{"code":3,"msg":"Invalid JSON: EOF while parsing a value at line 1 column 0"}}"#),
            ("abc", r#"{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}"#),
            ("{'a':1}", r#"{"error":{"code":3,"msg":"Invalid JSON: key must be a string at line 1 column 2"}}"#),
            (
                r#"{"method":"FOO","id":4}"#,
                r#"{"error":{"code":2,"msg":"Invalid request: unknown variant `FOO`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"},"id":4}"#,
            ),
            (r#"{"id":4}"#, r#"{"error":{"code":2,"msg":"Invalid request: missing field `method`"},"id":4}"#),
            (
                r#"{"method":"GET_PROPERTY","params":["x"],"id":4}"#,
                r#"{"error":{"code":0,"msg":"Unknown property"},"id":4}"#,
            ),
            (
                r#"{"method":"SET_PROPERTY","params":["combined","true"],"id":4}"#,
                r#"{"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":4}"#,
            ),
            (
                r#"{"method":"GET_PROPERTY","params":[1],"id":4}"#,
                r#"{"error":{"code":2,"msg":"Invalid request: property name must be a string"},"id":4}"#,
            ),
            (
                r#"{"method":"GET_PROPERTY","params":["combined",1],"id":4}"#,
                r#"{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":4}"#,
            ),
            (
                r#"{"method":"SUBSCRIBE","params":["@@@x###"],"id":4}"#,
                r#"{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":4}"#,
            ),
        ] {
            assert_eq!(error(text), answer, "{text}");
        }
        assert_eq!(
            error(r#"{"method":{"LIST_SUBSCRIPTIONS":null},"id":4}"#),
            r#"{"error":{"code":2,"msg":"Invalid request: invalid type: map, expected a string"},"id":4}"#
        );
        assert!(error("[1]").contains(r#""code":2,"msg":"Invalid request: invalid type: sequence"#));
        assert!(error(r#"{"method":"SUBSCRIBE","params":[1],"id":4}"#).contains("expected a string"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(refusal) = Request::parse(&bytes) {
                serde_json::from_str::<Value>(&refusal.answer()).unwrap();
            }
        }
    }
}
