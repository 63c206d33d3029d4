//! Requests of Upbit's clients: a refusal has one of the documented names, and a request that was accepted can be
//! written down, in another order, and asked again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tapecast::venue::upbit::Format;
use tapecast::venue::upbit::channel;
use tapecast::venue::upbit::request::{Body, Request, Subscription, split_units};

const NAMES: [&str; 6] = ["WRONG_FORMAT", "NO_TICKET", "NO_TYPE", "NO_CODES", "INVALID_PARAM", "INVALID_AUTH"];

fuzz_target!(|bytes: &[u8]| {
    let request = match Request::parse(bytes, channel) {
        Ok(request) => request,
        Err(refusal) => {
            let answer: Value = serde_json::from_str(&refusal.answer()).expect("JSON");
            let error = answer["error"].as_object().expect("an object");
            assert!(error.len() == 2 && error["message"].is_string(), "{answer}");
            assert!(NAMES.iter().any(|name| error["name"] == *name), "{answer}");
            return;
        }
    };
    assert!(!request.ticket.is_empty());
    let format = match request.format {
        Format::Default => "DEFAULT",
        Format::Simple => "SIMPLE",
        Format::JsonList => "JSON_LIST",
        Format::SimpleList => "SIMPLE_LIST",
    };
    let mut objects = vec![json!({ "format": format })];
    match &request.body {
        Body::List => objects.push(json!({ "method": "LIST_SUBSCRIPTIONS" })),
        Body::Subscribe(types) => {
            assert!(!types.is_empty());
            objects.extend(types.iter().map(write));
        }
    }
    objects.push(json!({ "ticket": request.ticket }));
    let again = Value::Array(objects).to_string();
    assert_eq!(Request::parse(again.as_bytes(), channel), Ok(request), "{again}");
});

fn write(of: &Subscription) -> Value {
    assert!(!(of.only_snapshot && of.only_realtime) && !of.codes.is_empty());
    for code in &of.codes {
        let (market, units) = split_units(code);
        assert!(code.starts_with(market) && [1, 5, 15, 30].contains(&units));
    }
    json!({
        "type": of.kind,
        "codes": of.codes,
        "is_only_snapshot": of.only_snapshot,
        "isOnlyRealtime": of.only_realtime.to_string(),
        "level": of.level.to_string(),
    })
}
