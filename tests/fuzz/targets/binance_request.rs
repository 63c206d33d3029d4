//! Requests over Binance's connections: every answer is JSON of the documented shape with the request's own id, and a
//! request that was accepted can be written down and asked again. The same bytes are put to the WebSocket API.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use tapecast::venue::binance::api::{ApiRequest, Budget};
use tapecast::venue::binance::request::{Id, Refusal, Request, answer};
use tapecast::venue::binance::stream::is_well_formed;

fuzz_target!(|bytes: &[u8]| {
    let sent: Option<Value> = serde_json::from_slice(bytes).ok();
    let id = sent.as_ref().and_then(|sent| sent.get("id")).filter(|id| is_id(id));
    match Request::parse(bytes) {
        Ok((read, request)) => accepted(sent.as_ref().expect("JSON"), id, &read, request),
        Err(refusal) => refused(sent.as_ref(), id, &refusal),
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        ask_api(text, sent.as_ref());
    }
});

/// What the documentation takes for an id.
fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.is_i64(),
        Value::String(text) => {
            text.len() <= 36 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        }
        _ => false,
    }
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn accepted(sent: &Value, id: Option<&Value>, read: &Id, request: Request) {
    let reply = object(&answer(&json!(["a@trade"]), read));
    assert_eq!((reply.len(), reply.get("id"), &reply["result"]), (2, id, &json!(["a@trade"])));
    let (method, params) = match &request {
        Request::Subscribe(names) | Request::SubscribeFrom(names, _) => ("SUBSCRIBE", json!(names)),
        Request::Unsubscribe(names) => ("UNSUBSCRIBE", json!(names)),
        Request::ListSubscriptions => ("LIST_SUBSCRIPTIONS", json!([])),
        Request::SetCombined(combined) => ("SET_PROPERTY", json!(["combined", combined])),
        Request::IsCombined => ("GET_PROPERTY", json!(["combined"])),
        Request::SetSequenced(is_on) => ("SET_PROPERTY", json!(["sequence", is_on])),
        Request::IsSequenced => ("GET_PROPERTY", json!(["sequence"])),
    };
    assert_eq!(sent["method"], method);
    let from = match &request {
        Request::SubscribeFrom(_, time) => Some(time),
        _ => None,
    };
    if let Request::Subscribe(names) | Request::SubscribeFrom(names, _) = &request {
        assert!(names.iter().all(|name| is_well_formed(name)));
    }
    let again = json!({ "method": method, "params": params, "id": id, "from": from }).to_string();
    assert_eq!(Request::parse(again.as_bytes()), Ok((read.clone(), request)), "{again}");
}

fn refused(sent: Option<&Value>, id: Option<&Value>, refusal: &Refusal) {
    let reply = object(&refusal.answer());
    // The id comes back exactly where the request had a valid one.
    assert_eq!((reply.len(), reply.get("id")), (1 + usize::from(id.is_some()), id));
    let error = reply["error"].as_object().expect("an object");
    let (code, message) = (error["code"].as_u64().expect("a number"), error["msg"].as_str().expect("a text"));
    let is_documented = match code {
        0 => message == "Unknown property",
        1 => message == "Invalid value type: expected Boolean",
        2 => message.starts_with("Invalid request: "),
        3 => message.starts_with("Invalid JSON: ") && message.contains(" at line "),
        _ => false,
    };
    assert!(error.len() == 2 && is_documented, "{error:?}");
    assert_eq!(code == 3, sent.is_none(), "{message}");
    assert_eq!(refusal.closes, message == "Invalid request: invalid stream");
}

/// The answer of the WebSocket API names the request; no parameter hides in another one's name.
fn ask_api(text: &str, sent: Option<&Value>) {
    let request = ApiRequest::parse(text, None, true);
    let outcome = request.query.as_ref().map(|_| b"{}".to_vec()).map_err(Clone::clone);
    let budget = Budget { used: 7, limit: 6_000, retry_ms: None };
    let reply: Value = serde_json::from_slice(&request.answer(&outcome, budget)).expect("JSON");
    assert_eq!(reply["id"], request.id.value());
    assert_eq!(reply["status"] == 200, request.query.is_ok());
    if request.query.is_ok() {
        let params = sent.and_then(|sent| sent.get("params")).and_then(Value::as_object);
        let names = params.into_iter().flat_map(Map::keys);
        assert!(names.into_iter().all(|name| name.bytes().all(|b| b.is_ascii_alphanumeric())), "{text}");
    }
}
