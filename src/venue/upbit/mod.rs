//! Upbit: requests by type and code, events in JSON with long or short keys.
//!
//! Numbers are JSON numbers, spelled in several ways; a tape's spelling is kept. Members that Upbit added since a tape
//! was recorded (`lv` in order books, the best levels in trades) are written where the tape has them.

pub mod decode;
pub mod json;
mod keys;
pub mod request;

use crate::market::decimal::Decimal;
use crate::market::quotient::rounded;

/// How a connection's frames look; each request chooses it anew, for the whole connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Long keys.
    #[default]
    Default,
    /// Short keys.
    Simple,
    /// Long keys, each event in an array.
    JsonList,
    /// Short keys, each event in an array.
    SimpleList,
}

impl Format {
    /// Reads the value of a request's `format`.
    pub fn parse(text: &str) -> Option<Format> {
        match text {
            "DEFAULT" => Some(Format::Default),
            "SIMPLE" => Some(Format::Simple),
            "JSON_LIST" => Some(Format::JsonList),
            "SIMPLE_LIST" => Some(Format::SimpleList),
            _ => None,
        }
    }

    /// Whether keys are short.
    pub fn is_short(self) -> bool {
        matches!(self, Format::Simple | Format::SimpleList)
    }

    /// Whether each event stands in an array.
    pub fn is_list(self) -> bool {
        matches!(self, Format::JsonList | Format::SimpleList)
    }
}

/// A number of another venue as Upbit writes it: without zeros at its end.
pub fn number(number: Decimal) -> Decimal {
    rounded(number, number.places_needed()).unwrap_or(number)
}
