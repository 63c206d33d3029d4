//! Refusals: an HTTP status, a code below zero, a text.
//!
//! Codes and texts are those of the exchange's list; clients branch on the code, and people search for the text.

use serde_json::Value;
use thiserror::Error;

use crate::venue::binance::rest::REQUESTS_PER_5_MINUTES;

/// Why a request is not answered. All of it is the client's doing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct RestError {
    /// HTTP status, 4xx.
    pub status: u16,
    /// The exchange's code, below zero.
    pub code: i32,
    /// The exchange's text.
    pub message: String,
}

impl RestError {
    /// The body: `{"code":…,"msg":"…"}`.
    pub fn to_json(&self) -> String {
        format!(r#"{{"code":{},"msg":{}}}"#, self.code, Value::from(self.message.as_str()))
    }

    fn new(code: i32, message: impl Into<String>) -> RestError {
        RestError { status: 400, code, message: message.into() }
    }

    /// More weight used than the budget of a minute: status 429, to be sent with `Retry-After`.
    pub fn too_much_weight(per_minute: u32) -> RestError {
        let message = format!(
            "Too much request weight used; current limit is {per_minute} request weight per 1 MINUTE. \
             Please use WebSocket Streams for live updates to avoid polling the API."
        );
        RestError { status: 429, ..Self::new(-1003, message) }
    }

    /// More than [`REQUESTS_PER_5_MINUTES`]: status 429, as above.
    pub fn too_many_requests() -> RestError {
        let message = format!(
            "Too many requests; current limit is {REQUESTS_PER_5_MINUTES} requests per 5 MINUTE. \
             Please use WebSocket Streams for live updates to avoid polling the API."
        );
        RestError { status: 429, ..Self::new(-1003, message) }
    }

    /// Still asking after that: status 418, to be sent with `Retry-After`. `until` is in milliseconds since the epoch.
    pub fn banned(until_ms: i64) -> RestError {
        let message = format!(
            "Way too much request weight used; IP banned until {until_ms}. \
             Please use WebSocket Streams for live updates to avoid bans."
        );
        RestError { status: 418, ..Self::new(-1003, message) }
    }

    /// No such path: status 404. The exchange answers some of these with HTML or nothing; the code is our choice.
    pub fn unknown_path() -> RestError {
        RestError { status: 404, ..Self::new(-1020, "This operation is not supported.") }
    }

    /// A value with characters that its grammar does not have; `legal` is a regular expression.
    pub fn illegal_characters(parameter: &str, legal: &str) -> RestError {
        Self::new(-1100, format!("Illegal characters found in parameter '{parameter}'; legal range is '{legal}'."))
    }

    /// More parameters than the path knows.
    pub fn too_many_parameters(expected: usize, received: usize) -> RestError {
        Self::new(-1101, format!("Too many parameters; expected '{expected}' and received '{received}'."))
    }

    /// The same parameter twice.
    pub fn duplicate_parameter() -> RestError {
        Self::new(-1101, "Duplicate values for a parameter detected.")
    }

    /// More symbols in a list than may be asked for at once.
    pub fn too_many_symbols(most: usize) -> RestError {
        Self::new(-1101, format!("Too many values sent for parameter 'symbols', maximum allowed up to {most}."))
    }

    /// A parameter that must be there is not.
    pub fn missing(parameter: &str) -> RestError {
        Self::new(-1102, format!("Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."))
    }

    /// One of two parameters must be there, and neither is.
    pub fn missing_either(one: &str, other: &str) -> RestError {
        Self::new(-1102, format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"))
    }

    /// Parameters that the path does not know.
    pub fn unread(read: usize, sent: usize) -> RestError {
        let message = format!("Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.");
        Self::new(-1104, message)
    }

    /// A parameter without a value.
    pub fn empty(parameter: &str) -> RestError {
        Self::new(-1105, format!("Parameter '{parameter}' was empty."))
    }

    /// No such length of a candle.
    pub fn invalid_interval() -> RestError {
        Self::new(-1120, "Invalid interval.")
    }

    /// No such symbol.
    pub fn invalid_symbol() -> RestError {
        Self::new(-1121, "Invalid symbol.")
    }

    /// No such status of a symbol.
    pub fn invalid_status() -> RestError {
        Self::new(-1122, "Invalid symbolStatus.")
    }

    /// Too long a time between start and end.
    pub fn span_too_long() -> RestError {
        Self::new(-1127, "Lookup interval is too big.")
    }

    /// Parameters that exclude each other.
    pub fn bad_combination() -> RestError {
        Self::new(-1128, "Combination of optional parameters invalid.")
    }

    /// A value that cannot be.
    pub fn invalid_value(parameter: &str) -> RestError {
        Self::new(-1130, format!("Data sent for parameter '{parameter}' is not valid."))
    }

    /// A value that should be JSON and is not. The text has no full stop, as the exchange's has none.
    pub fn invalid_json(parameter: &str) -> RestError {
        Self::new(-1135, format!("JSON sent for parameter '{parameter}' is not valid"))
    }

    /// A `type` that is neither `FULL` nor `MINI`.
    pub fn invalid_ticker_type() -> RestError {
        Self::new(-1139, "Invalid ticker type.")
    }

    /// The same symbol twice in a list.
    pub fn duplicate_symbol() -> RestError {
        Self::new(-1151, "Symbol is present multiple times in the list.")
    }

    /// An `X-MBX-TIME-UNIT` that does not exist.
    pub fn invalid_time_unit() -> RestError {
        Self::new(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    }

    /// The one symbol that was asked for has another status than the one asked for.
    pub fn status_differs() -> RestError {
        Self::new(-1220, "The symbol's status does not match the requested symbolStatus.")
    }

    /// The symbol never had a reference price.
    pub fn no_reference_price() -> RestError {
        Self::new(-2043, "This symbol doesn't have a reference price.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_object_with_code_and_text() {
        assert_eq!(RestError::invalid_symbol().to_json(), r#"{"code":-1121,"msg":"Invalid symbol."}"#);
        assert_eq!(
            RestError::unread(1, 2).to_json(),
            r#"{"code":-1104,"msg":"Not all sent parameters were read; read '1' parameter(s) but was sent '2'."}"#
        );
        assert_eq!(
            RestError::illegal_characters("symbol", r"^[\w]$").to_json(),
            r#"{"code":-1100,"msg":"Illegal characters found in parameter 'symbol'; legal range is '^[\\w]$'."}"#
        );
    }

    #[test]
    fn statuses_tell_limits_and_paths_from_mistakes() {
        assert_eq!(RestError::invalid_symbol().status, 400);
        assert_eq!(RestError::unknown_path().status, 404);
        assert_eq!(RestError::banned(1_790_000_000_000).status, 418);
        let limited = RestError::too_much_weight(6_000);
        assert_eq!((limited.status, limited.code), (429, -1003));
        assert!(limited.message.contains("current limit is 6000 request weight per 1 MINUTE."));
    }
}
