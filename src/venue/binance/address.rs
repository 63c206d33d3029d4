//! Addresses of stream connections: `/ws/<a>/<b>`, `/stream?streams=<a>/<b>`, with `timeUnit`.
//!
//! A plus sign is a plus sign, never a space: `btcusdt@kline_1d@+08:00` arrives unencoded from most clients. Percent
//! escapes are decoded first, then the list is split at `/`. One widespread client appends `?timeUnit=…` to the last
//! name; that is cut off and honoured.

use thiserror::Error;

use crate::venue::binance::{Encoding, TimeUnit, stream};

/// What a connection's address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Names in the order given, well formed; perhaps some twice.
    pub names: Vec<String>,
    /// Whether events are wrapped.
    pub combined: bool,
    /// The unit of times.
    pub unit: TimeUnit,
    /// How events are written.
    pub encoding: Encoding,
}

/// Where the binary streams are: `/sbe/ws/…`, `/sbe/stream?…`. The exchange has them on a host of their own, so a
/// request to a host that begins with [`SBE_HOST`] means the same.
pub const SBE_PREFIX: &str = "/sbe";

/// Beginning of the names of hosts that serve binary streams.
pub const SBE_HOST: &str = "stream-sbe";

/// Why an address is refused, before any upgrade, with HTTP 400.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// A name that cannot be one of a stream.
    #[error("Invalid stream name: {0}")]
    Name(String),
    /// A `timeUnit` that does not exist.
    #[error("Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")]
    TimeUnit,
    /// An escape that is not two hexadecimal digits, or bytes that are not UTF-8.
    #[error("Illegal characters found in the address.")]
    Encoding,
}

impl AddressError {
    /// The body of the answer, in the shape of the exchange's REST errors.
    pub fn to_json(&self) -> String {
        let code = match self {
            AddressError::Name(_) | AddressError::Encoding => -1100,
            AddressError::TimeUnit => -1194,
        };
        serde_json::json!({ "code": code, "msg": self.to_string() }).to_string()
    }
}

impl Address {
    /// Reads host, path and query as they stand in the request; `None` for a path that is no stream's.
    pub fn parse(host: &str, path: &str, query: Option<&str>) -> Option<Result<Address, AddressError>> {
        let (encoding, path) = match path.strip_prefix(SBE_PREFIX) {
            Some(path) => (Encoding::Sbe, path),
            None if host.starts_with(SBE_HOST) => (Encoding::Sbe, path),
            None => (Encoding::Json, path),
        };
        let (combined, list) = match path {
            "/stream" => (true, parameter(query, "streams").unwrap_or("")),
            "/ws" => (false, ""),
            path => (false, path.strip_prefix("/ws/")?),
        };
        let address = Self::of(combined, list, parameter(query, "timeUnit"));
        Some(address.map(|address| Address { encoding, ..address }))
    }

    fn of(combined: bool, list: &str, unit: Option<&str>) -> Result<Address, AddressError> {
        let decoded = decode(list)?;
        let (list, appended) = match decoded.split_once("?timeUnit=") {
            Some((list, unit)) => (list, Some(unit)),
            None => (decoded.as_str(), None),
        };
        let unit = match unit.or(appended) {
            None => TimeUnit::default(),
            Some(text) => TimeUnit::parse(text).ok_or(AddressError::TimeUnit)?,
        };
        let names: Vec<String> = list.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match names.iter().find(|name| !stream::is_well_formed(name)) {
            Some(name) => Err(AddressError::Name(name.clone())),
            None => Ok(Address { names, combined, unit, encoding: Encoding::default() }),
        }
    }
}

/// The undecoded value of the first parameter of this name.
fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    query?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn decode(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        bytes.push(u8::from_str_radix(digits.ok_or(AddressError::Encoding)?, 16).map_err(|_| AddressError::Encoding)?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| AddressError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(target: &str) -> Option<Result<Address, AddressError>> {
        match target.split_once('?') {
            Some((path, query)) => Address::parse("127.0.0.1", path, Some(query)),
            None => Address::parse("127.0.0.1", target, None),
        }
    }

    #[test]
    fn every_form_of_an_address_is_read() {
        let ok = |target: &str| parse(target).unwrap().unwrap();
        for (target, combined, names) in [
            ("/ws/btcusdt@trade", false, vec!["btcusdt@trade"]),
            ("/ws/a@trade/b@trade/", false, vec!["a@trade", "b@trade"]),
            ("/ws", false, vec![]),
            ("/ws/", false, vec![]),
            ("/ws/0", false, vec!["0"]),
            ("/stream", true, vec![]),
            ("/stream?streams=", true, vec![]),
            ("/stream?streams=a@trade/b@kline_1d@+08:00", true, vec!["a@trade", "b@kline_1d@+08:00"]),
            ("/stream?streams=a%40trade%2Fb%40kline_1d%40%2B08%3A00", true, vec!["a@trade", "b@kline_1d@+08:00"]),
            ("/stream?x=1&streams=a@trade&y", true, vec!["a@trade"]),
        ] {
            let address = ok(target);
            assert_eq!(
                (address.combined, address.names),
                (combined, names.iter().map(|n| n.to_string()).collect()),
                "{target}"
            );
        }
        for target in [
            "/stream?timeUnit=MICROSECOND&streams=a@trade",
            "/ws/a@trade?timeUnit=microsecond",
            "/stream?streams=a@trade?timeUnit=MICROSECOND",
        ] {
            assert_eq!(ok(target).unit, TimeUnit::Microseconds, "{target}");
            assert_eq!(ok(target).names, ["a@trade"], "{target}");
        }
    }

    #[test]
    fn binary_streams_have_a_prefix_or_a_host_of_their_own() {
        let encoding = |host, path| Address::parse(host, path, None).unwrap().unwrap().encoding;
        assert_eq!(encoding("127.0.0.1:9400", "/sbe/ws/a@trade"), Encoding::Sbe);
        assert_eq!(encoding("stream-sbe.local:9400", "/stream"), Encoding::Sbe);
        assert_eq!(encoding("stream.local", "/stream"), Encoding::Json);
    }

    #[test]
    fn other_paths_and_bad_names_are_refused() {
        for target in ["/", "/foo", "/stream/nonsense", "/wsx", "/streams"] {
            assert_eq!(parse(target), None, "{target}");
        }
        assert_eq!(parse("/ws/@@@x").unwrap(), Err(AddressError::Name("@@@x".into())));
        assert_eq!(parse("/ws?timeUnit=SECOND").unwrap(), Err(AddressError::TimeUnit));
        assert_eq!(parse("/ws/a%4").unwrap(), Err(AddressError::Encoding));
        assert_eq!(parse("/ws/a%ff").unwrap(), Err(AddressError::Encoding));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", bytes in "[%0-9a-fA-F+/?&=@]{0,40}") {
            parse(&format!("/stream?streams={text}"));
            parse(&format!("/ws/{bytes}"));
        }
    }
}
