//! Requests of Binance's REST interface: neither the order of parameters nor the way they are escaped matters, what is
//! accepted stays within its limits, and a refusal is JSON with a documented code. Behind a line break comes the value
//! of the header that names the time unit.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;
use tapecast::venue::binance::rest::error::RestError;
use tapecast::venue::binance::rest::query::Query;
use tapecast::venue::binance::rest::value::Selection;

/// The codes below 0 that the interface's table has and this one uses.
const CODES: [i64; 18] = [
    -1020, -1100, -1101, -1102, -1104, -1105, -1120, -1121, -1122, -1127, -1128, -1130, -1135, -1139, -1151, -1194,
    -1220, -1000,
];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let (target, unit) = text.split_once('\n').map_or((text, None), |(target, unit)| (target, Some(unit)));
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let outcome = Query::parse(path, query, unit);
    match &outcome {
        Ok((query, _)) => check(query),
        Err(error) => check_refusal(error),
    }
    if let Some(query) = query {
        let pairs: Vec<String> = query.split('&').map(escaped_pair).collect();
        assert_eq!(Query::parse(path, Some(&pairs.join("&")), unit), outcome, "escaped");
        let reversed: Vec<&str> = query.split('&').rev().collect();
        assert_eq!(Query::parse(path, Some(&reversed.join("&")), unit), outcome, "reversed");
    }
    Corpus::Keep
});

fn check(query: &Query) {
    assert!((1..=250).contains(&query.weight()), "{query:?}");
    match query {
        Query::Depth { limit, .. } => assert!((1..=5_000).contains(limit)),
        Query::Trades { page, .. } | Query::AggTrades { page, .. } | Query::Klines { page, .. } => {
            assert!((1..=1_000).contains(&page.limit));
        }
        Query::TradingDay { select, .. } | Query::RollingTicker { select, .. } => match select {
            Selection::One(_) => {}
            Selection::Many(names) => assert!((1..=100).contains(&names.len())),
            Selection::All => panic!("{query:?}"),
        },
        _ => {}
    }
}

fn check_refusal(error: &RestError) {
    let answer: Value = serde_json::from_str(&error.to_json()).expect("JSON");
    assert_eq!(answer.as_object().map(|object| object.len()), Some(2));
    assert!(answer["code"].as_i64().is_some_and(|code| CODES.contains(&code)), "{answer}");
    assert_eq!(error.status, if error.code == -1020 { 404 } else { 400 });
}

/// Every sign of a name and a value that is not part of an escape already, escaped.
fn escaped_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) => format!("{}={}", escaped(name), escaped(value)),
        None => escaped(pair),
    }
}

fn escaped(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text.as_bytes());
    while let Some(&byte) = rest.first() {
        let is_escape = byte == b'%' && rest.get(1..3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let (taken, code) = if is_escape { rest.split_at(3) } else { rest.split_at(1) };
        out += &if is_escape { taken.iter().map(|&b| char::from(b)).collect() } else { format!("%{byte:02X}") };
        rest = code;
    }
    out
}
