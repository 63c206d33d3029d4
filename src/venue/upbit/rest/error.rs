//! Refusals: an HTTP status, and an object with the same number and a text.

use serde_json::Value;
use thiserror::Error;

/// Why a request is not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct RestError {
    /// HTTP status; also the name of the error, as a number.
    pub status: u16,
    /// The text.
    pub message: String,
}

/// The body for a path that is not served, with status 404. Its name is a word, and no allowance goes with it.
pub const UNKNOWN_PATH: &str = r#"{"error":{"name":"not_found","message":"There is no such path."}}"#;

impl RestError {
    /// The body: `{"error":{"name":400,"message":"…"}}`.
    pub fn to_json(&self) -> String {
        format!(r#"{{"error":{{"name":{},"message":{}}}}}"#, self.status, Value::from(self.message.as_str()))
    }

    fn new(status: u16, message: impl Into<String>) -> RestError {
        RestError { status, message: message.into() }
    }

    /// A parameter that must be there is not. Clients look for this text.
    pub fn missing() -> RestError {
        Self::new(400, "Missing request parameter error. Check the required parameters!")
    }

    /// A value of a wrong type, or one that cannot be.
    pub fn invalid(parameter: &str) -> RestError {
        Self::new(400, format!("Type mismatch error. Check the parameters type! ({parameter})"))
    }

    /// At least one of the markets does not exist.
    pub fn unknown_market() -> RestError {
        Self::new(404, "Code not found")
    }

    /// Only `GET` is answered.
    pub fn wrong_method() -> RestError {
        Self::new(405, "Only GET is answered here.")
    }

    /// More requests of a group in this second than there may be.
    pub fn too_many() -> RestError {
        Self::new(429, "Too many API requests.")
    }

    /// The thread that holds the market has more to do than it can.
    pub fn unavailable() -> RestError {
        Self::new(503, "The server is busy with other requests.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers_but_for_unknown_paths() {
        assert_eq!(RestError::unknown_market().to_json(), r#"{"error":{"name":404,"message":"Code not found"}}"#);
        assert_eq!(
            RestError::missing().to_json(),
            r#"{"error":{"name":400,"message":"Missing request parameter error. Check the required parameters!"}}"#
        );
        assert!(serde_json::from_str::<Value>(UNKNOWN_PATH).unwrap()["error"]["name"].is_string());
    }
}
