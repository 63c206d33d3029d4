//! The WebSocket API: requests for market data over a connection, one answer each.
//!
//! Methods and parameters are those of the REST interface under other names, so a request becomes the path and query
//! string that ask for the same, and the answer holds the same body.

use serde_json::{Map, Value};

use crate::venue::binance::request::Id;
use crate::venue::binance::rest::PREFIX;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::query::{Options, Query};

/// A request with what its answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// Comes back in the answer.
    pub id: Id,
    /// What is asked, or why it cannot be.
    pub query: Result<Query, RestError>,
    /// The unit of times, and more.
    pub options: Options,
    /// Whether the answer tells what was used of the budget.
    pub shows_limits: bool,
}

/// What opening a connection weighs.
pub const CONNECTION_WEIGHT: u32 = 2;

/// What a client's address has used, as an answer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Weight used in this minute.
    pub used: u32,
    /// Weight that may be used in a minute.
    pub limit: u32,
    /// Where it was too much: the time, and when to ask again, in milliseconds since the epoch.
    pub retry_ms: Option<(i64, i64)>,
}

/// Method names and the ends of the paths that answer the same.
const METHODS: [(&str, &str); 19] = [
    ("ping", "ping"),
    ("time", "time"),
    ("exchangeInfo", "exchangeInfo"),
    ("executionRules", "executionRules"),
    ("depth", "depth"),
    ("trades.recent", "trades"),
    ("trades.historical", "historicalTrades"),
    ("blockTrades.historical", "historicalBlockTrades"),
    ("trades.aggregate", "aggTrades"),
    ("klines", "klines"),
    ("uiKlines", "uiKlines"),
    ("avgPrice", "avgPrice"),
    ("ticker.24hr", "ticker/24hr"),
    ("ticker.tradingDay", "ticker/tradingDay"),
    ("ticker", "ticker"),
    ("ticker.price", "ticker/price"),
    ("ticker.book", "ticker/bookTicker"),
    ("referencePrice", "referencePrice"),
    ("referencePrice.calculation", "referencePrice/calculation"),
];

impl ApiRequest {
    /// Reads a text frame. `unit` and `shows_limits` are the connection's, from its address.
    pub fn parse(text: &str, unit: Option<&str>, shows_limits: bool) -> ApiRequest {
        let refused = |id, error| ApiRequest { id, query: Err(error), options: Options::default(), shows_limits };
        let Ok(Value::Object(mut object)) = serde_json::from_str(text) else {
            return refused(Id::Null, malformed("Invalid JSON"));
        };
        let id = match object.get("id") {
            None => Id::Null,
            Some(value) => match Id::of(value) {
                Some(id) => id,
                None => return refused(Id::Null, malformed("Illegal characters found in parameter 'id'")),
            },
        };
        let method = object.get("method").and_then(Value::as_str).unwrap_or("");
        let name = method.strip_prefix("v3/").unwrap_or(method);
        let Some((_, path)) = METHODS.iter().find(|(known, _)| *known == name) else {
            return refused(id, malformed("Unknown method"));
        };
        let path = format!("{PREFIX}{path}");
        let mut params = match object.remove("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return refused(id, malformed("Parameters must be an object")),
        };
        let shows_limits = match params.remove("returnRateLimits") {
            Some(Value::Bool(shows)) => shows,
            _ => shows_limits,
        };
        let pairs: Vec<String> =
            params.iter().map(|(key, value)| format!("{}={}", escape(key), encode(value))).collect();
        let query = (!pairs.is_empty()).then(|| pairs.join("&"));
        match Query::parse(&path, query.as_deref(), unit) {
            Ok((query, options)) => ApiRequest { id, query: Ok(query), options, shows_limits },
            Err(error) => ApiRequest { shows_limits, ..refused(id, error) },
        }
    }

    /// The answer's frame.
    pub fn answer(&self, result: &Result<Vec<u8>, RestError>, budget: Budget) -> Vec<u8> {
        let Budget { used, limit, retry_ms } = budget;
        let (status, key) = result.as_ref().map_or_else(|error| (error.status, "error"), |_| (200, "result"));
        let mut out = format!(r#"{{"id":{},"status":{status},"{key}":"#, self.id.value()).into_bytes();
        match result {
            Ok(body) => out.extend_from_slice(body),
            Err(error) => out.extend_from_slice(error.to_json().as_bytes()),
        }
        if let (Err(_), Some((now, again))) = (result, retry_ms) {
            // The error's closing brace makes room for one more member.
            out.pop();
            out.extend_from_slice(format!(r#","data":{{"serverTime":{now},"retryAfter":{again}}}}}"#).as_bytes());
        }
        if self.shows_limits {
            let limits = format!(
                r#","rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":{limit},"count":{used}}}]"#
            );
            out.extend_from_slice(limits.as_bytes());
        }
        out.push(b'}');
        out
    }
}

fn malformed(message: &str) -> RestError {
    RestError { status: 400, code: -1000, message: format!("{message}.") }
}

/// A parameter's value as a query string has it: texts bare, lists as JSON, all that could be misread escaped.
fn encode(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn methods_ask_what_paths_ask() {
        let request = ApiRequest::parse(
            r#"{"id":"q-1","method":"v3/depth","params":{"symbol":"BTCUSDT","limit":5}}"#,
            None,
            true,
        );
        let (query, _) = Query::parse("/api/v3/depth", Some("symbol=BTCUSDT&limit=5"), None).unwrap();
        assert_eq!((request.query.as_ref(), &request.id), (Ok(&query), &Id::Text("q-1".into())));
        let budget = Budget { used: 7, limit: 6_000, retry_ms: None };
        let answer = request.answer(&Ok(b"{}".to_vec()), budget);
        let expected = r#"{"id":"q-1","status":200,"result":{},"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":7}]}"#;
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
        let refused = Err(RestError::banned(9));
        let answer = String::from_utf8(request.answer(&refused, Budget { retry_ms: Some((1, 9)), ..budget })).unwrap();
        assert!(answer.contains(r#"bans.","data":{"serverTime":1,"retryAfter":9}},"rateLimits":["#), "{answer}");
        assert!(answer.starts_with(r#"{"id":"q-1","status":418,"error":{"code":-1003,"#), "{answer}");
        let text =
            r#"{"id":1,"method":"ticker.price","params":{"symbols":["BTCUSDT","ETHUSDT"],"returnRateLimits":false}}"#;
        let request = ApiRequest::parse(text, None, true);
        assert!(request.query.is_ok() && !request.shows_limits);
    }

    #[test]
    fn errors_name_what_was_wrong_and_keep_the_id() {
        for (text, code) in [
            ("abc", -1000),
            (r#"{"id":1,"method":"order.place"}"#, -1000),
            (r#"{"id":1,"method":"depth"}"#, -1102),
            (r#"{"id":1,"method":"depth","params":[]}"#, -1000),
            (r#"{"id":1,"method":"depth","params":{"symbol=A&limit":5}}"#, -1102),
            (r#"{"id":1,"method":"depth","params":{"symbol":"A","%6Cimit":5}}"#, -1104),
            (r#"{"id":1,"method":"klines","params":{"symbol":"A","interval":"2m"}}"#, -1120),
        ] {
            let request = ApiRequest::parse(text, None, false);
            assert_eq!(request.query.as_ref().unwrap_err().code, code, "{text}");
            assert_eq!(request.id, if text == "abc" { Id::Null } else { Id::Int(1) });
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", value in "\\PC{0,30}") {
            ApiRequest::parse(&text, None, true);
            let budget = Budget { used: 0, limit: 1, retry_ms: None };
            let params = serde_json::json!({"id": 1, "method": "depth", "params": {"symbol": value}});
            let answer = ApiRequest::parse(&params.to_string(), None, true).answer(&Ok(b"{}".to_vec()), budget);
            serde_json::from_slice::<Value>(&answer).unwrap();
        }
    }
}
