//! Parameters of a query string, read one by one under the names they have.
//!
//! Of several faults the one told is, in this order: a name sent twice, more parameters than the path knows, the first
//! bad or missing value in the order in which the path reads them, a parameter that was not read. Answers of the
//! exchange that others published show this order.
//!
//! A plus sign is a plus sign, never a space. What is not a valid escape stands for itself, and bytes that are not
//! UTF-8 become U+FFFD: no grammar has such characters, so a value with them is refused as any other bad value is.

use std::collections::HashSet;

use crate::market::symbol::Name;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::page::{Bounds, Page};
use crate::venue::binance::rest::value::Selection;

/// The most symbols in one list, where a path has a limit.
const SYMBOLS_MAX: usize = 100;

const SYMBOL_LEGAL: &str = r"^[\w\-._&&[^a-z]]{1,50}$";
const SYMBOL_CHARS_MAX: usize = 50;
const NUMBER_LEGAL: &str = "^[0-9]{1,20}$";
const NUMBER_DIGITS_MAX: usize = 20;

/// Times from here on are microseconds, others milliseconds: 1973 in the one unit, 5138 in the other.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

/// What was sent and not read yet.
pub struct Parameters {
    left: Vec<(String, String)>,
    sent: usize,
}

impl Parameters {
    /// Takes the query string apart; `most` is how many parameters the path knows.
    pub fn parse(query: Option<&str>, most: usize) -> Result<Parameters, RestError> {
        let pairs = query.unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        let left: Vec<(String, String)> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        let names: HashSet<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
        if names.len() < left.len() {
            return Err(RestError::duplicate_parameter());
        }
        if left.len() > most {
            return Err(RestError::too_many_parameters(most, left.len()));
        }
        let sent = left.len();
        Ok(Parameters { left, sent })
    }

    /// Complains about whatever was not read.
    pub fn finish(self) -> Result<(), RestError> {
        match self.left.len() {
            0 => Ok(()),
            unread => Err(RestError::unread(self.sent - unread, self.sent)),
        }
    }

    /// Whether a parameter was sent and not read yet.
    pub fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(sent, _)| sent == name)
    }

    /// Reads a parameter that need not be there.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, RestError> {
        let Some(at) = self.left.iter().position(|(sent, _)| sent == name) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(at);
        if value.is_empty() { Err(RestError::empty(name)) } else { Ok(Some(value)) }
    }

    /// Reads a parameter that must be there.
    pub fn required(&mut self, name: &str) -> Result<String, RestError> {
        self.optional(name)?.ok_or_else(|| RestError::missing(name))
    }

    /// Reads a parameter by a grammar of its own, telling `error` for what the grammar does not have; the default where
    /// it is not there.
    pub fn word<T: Default>(
        &mut self,
        name: &str,
        grammar: impl Fn(&str) -> Option<T>,
        error: impl Fn() -> RestError,
    ) -> Result<T, RestError> {
        match self.optional(name)? {
            None => Ok(T::default()),
            Some(text) => grammar(&text).ok_or_else(error),
        }
    }

    /// Reads `symbol`, which must be there.
    pub fn symbol(&mut self) -> Result<Name, RestError> {
        symbol("symbol", &self.required("symbol")?)
    }

    /// Reads `symbol` or `symbols`, the latter of any length.
    pub fn selection(&mut self) -> Result<Selection, RestError> {
        match (self.optional("symbol")?, self.optional("symbols")?) {
            (Some(_), Some(_)) => Err(RestError::bad_combination()),
            (Some(text), None) => Ok(Selection::One(symbol("symbol", &text)?)),
            (None, Some(text)) => Ok(Selection::Many(symbols(&text)?)),
            (None, None) => Ok(Selection::All),
        }
    }

    /// Reads `symbol` or `symbols`, one of which must be there, the latter of up to a hundred.
    pub fn required_selection(&mut self) -> Result<Selection, RestError> {
        match self.selection()? {
            Selection::All => Err(RestError::missing_either("symbol", "symbols")),
            Selection::Many(names) if names.len() > SYMBOLS_MAX => Err(RestError::too_many_symbols(SYMBOLS_MAX)),
            selection => Ok(selection),
        }
    }

    /// Reads `limit`; a larger one counts as `most`.
    pub fn limit(&mut self, default: usize, most: usize) -> Result<usize, RestError> {
        match self.number("limit")? {
            None => Ok(default),
            Some(0) => Err(RestError::invalid_value("limit")),
            Some(limit) => Ok(usize::try_from(limit).map_or(most, |limit| limit.min(most))),
        }
    }

    /// Reads `fromId`.
    pub fn oldest_id(&mut self) -> Result<Option<i64>, RestError> {
        let id = self.number("fromId")?;
        id.map(|id| i64::try_from(id).map_err(|_| RestError::invalid_value("fromId"))).transpose()
    }

    /// Reads `startTime`, `endTime` and `limit`.
    pub fn page(&mut self, default: usize, most: usize) -> Result<Page, RestError> {
        let start = self.number("startTime")?.map(|time| instants(time).0);
        let end = self.number("endTime")?.map(|time| instants(time).1);
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(RestError::bad_combination());
        }
        Ok(Page { limit: self.limit(default, most)?, bounds: Bounds::Times { start, end } })
    }

    /// Reads a whole number; one of twenty digits that is too large counts as the largest.
    fn number(&mut self, name: &str) -> Result<Option<u64>, RestError> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        if text.len() > NUMBER_DIGITS_MAX || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RestError::illegal_characters(name, NUMBER_LEGAL));
        }
        Ok(Some(text.parse().unwrap_or(u64::MAX)))
    }
}

/// The first and the last nanosecond of a millisecond or microsecond, as far as there are any.
fn instants(time: u64) -> (i64, i64) {
    let unit: i64 = if time < MICROSECONDS_FROM { 1_000_000 } else { 1_000 };
    let first = i64::try_from(time).unwrap_or(i64::MAX).saturating_mul(unit);
    (first, first.saturating_add(unit - 1))
}

/// A symbol as requests may spell it: letters that are not lower case, digits, `-`, `.` and `_`.
fn symbol(parameter: &str, text: &str) -> Result<Name, RestError> {
    let is_legal = |c: char| (c.is_alphanumeric() && !c.is_ascii_lowercase()) || matches!(c, '-' | '.' | '_');
    if text.chars().count() > SYMBOL_CHARS_MAX || !text.chars().all(is_legal) {
        return Err(RestError::illegal_characters(parameter, SYMBOL_LEGAL));
    }
    Name::new(text).ok_or_else(RestError::invalid_symbol)
}

/// A JSON array of symbols, at least one, none twice.
fn symbols(text: &str) -> Result<Vec<Name>, RestError> {
    let texts: Vec<String> = serde_json::from_str(text).map_err(|_| RestError::invalid_json("symbols"))?;
    let names = texts.iter().map(|text| symbol("symbols", text)).collect::<Result<Vec<Name>, _>>()?;
    if names.is_empty() {
        return Err(RestError::empty("symbols"));
    }
    if names.iter().collect::<HashSet<_>>().len() < names.len() {
        return Err(RestError::duplicate_symbol());
    }
    Ok(names)
}

/// Replaces percent escapes.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|&b| char::from(b).to_digit(16)).map(|digit| digit as u8);
        if let (b'%', Some(high), Some(low)) = (byte, hex(0), hex(1)) {
            bytes.push(high << 4 | low);
            rest = &tail[2..];
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parameters(query: &str) -> Parameters {
        Parameters::parse(Some(query), 9).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn escapes_are_replaced_and_a_plus_stays() {
        for (text, decoded) in
            [("%5B%22A%22%5d", "[\"A\"]"), ("a+b", "a+b"), ("%2B", "+"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz")]
        {
            assert_eq!(decode(text), decoded, "{text}");
        }
        assert_eq!(decode("%E5%B8%81"), "币");
        assert_eq!(decode("%ff"), "\u{fffd}");
    }

    #[test]
    fn symbols_are_an_array_raw_or_escaped() {
        let both = Selection::Many(vec![name("BTCUSDT"), name("ETHUSDT")]);
        for query in [
            r#"symbols=["BTCUSDT","ETHUSDT"]"#,
            "symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D",
            "symbols=%5B%22BTCUSDT%22%2C%20%22ETHUSDT%22%5D",
        ] {
            assert_eq!(parameters(query).selection(), Ok(both.clone()), "{query}");
        }
        let code = |query: &str| parameters(query).selection().unwrap_err().code;
        for (query, expected) in [
            ("symbols=BTCUSDT", -1135),
            ("symbols=[BTCUSDT]", -1135),
            ("symbols=[1]", -1135),
            (r#"symbols=["A",+"B"]"#, -1135),
            ("symbols=", -1105),
            ("symbols=[]", -1105),
            (r#"symbols=["btcusdt"]"#, -1100),
            (r#"symbols=["A","B","A"]"#, -1151),
            (r#"symbols=["A"]&symbol=A"#, -1128),
        ] {
            assert_eq!(code(query), expected, "{query}");
        }
    }

    #[test]
    fn symbols_hold_no_lower_case_and_no_other_signs() {
        let symbol = |text: &str| symbol("symbol", text).map(|name| name.as_str().to_owned());
        for text in ["BTCUSDT", "1000SATS_USDT", "A.B-C", "币安人生USDT"] {
            assert_eq!(symbol(text).as_deref(), Ok(text));
        }
        let refused = symbol("btcusdt").unwrap_err();
        assert_eq!(
            refused.message,
            r"Illegal characters found in parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'."
        );
        for text in ["BTC USDT", "BTC%", "A\"B", "A\u{fffd}", &"A".repeat(51)] {
            assert_eq!(symbol(text).unwrap_err().code, -1100, "{text}");
        }
        assert_eq!(symbol(&"币".repeat(20)).unwrap_err().code, -1121);
    }

    #[test]
    fn limits_have_a_default_and_a_most() {
        let limit = |query: &str| parameters(query).limit(100, 5_000).map_err(|error| error.code);
        assert_eq!(limit(""), Ok(100));
        assert_eq!(limit("limit=1"), Ok(1));
        assert_eq!(limit("limit=5001"), Ok(5_000));
        assert_eq!(limit("limit=99999999999999999999"), Ok(5_000));
        assert_eq!(limit("limit=0"), Err(-1130));
        for query in ["limit=-1", "limit=+1", "limit=1.5", "limit=abc", "limit=100000000000000000000"] {
            assert_eq!(limit(query), Err(-1100), "{query}");
        }
        assert_eq!(parameters("fromId=9223372036854775808").oldest_id().unwrap_err().code, -1130);
    }

    #[test]
    fn times_are_milliseconds_or_microseconds_and_cover_their_unit() {
        let bounds = |query: &str| parameters(query).page(500, 1_000).map(|page| page.bounds).map_err(|e| e.code);
        assert_eq!(
            bounds("startTime=1790000000000&endTime=1790000000000"),
            Ok(Bounds::Times { start: Some(1_790_000_000_000_000_000), end: Some(1_790_000_000_000_999_999) })
        );
        assert_eq!(
            bounds("startTime=1790000000000001"),
            Ok(Bounds::Times { start: Some(1_790_000_000_000_001_000), end: None })
        );
        assert_eq!(bounds("endTime=9999999999999"), Ok(Bounds::Times { start: None, end: Some(i64::MAX) }));
        assert_eq!(bounds("startTime=2&endTime=1"), Err(-1128));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", close in "(symbols?|limit|fromId|startTime)=[%0-9A-F+\\[\",]{0,20}") {
            for query in [text, close] {
                if let Ok(mut parameters) = Parameters::parse(Some(&query), 9) {
                    let _ = (parameters.selection(), parameters.page(1, 2), parameters.oldest_id());
                    let _ = parameters.finish();
                }
            }
        }
    }
}
