//! What a client asks for: `/replay/<tape>[,<tape>…][;<name>=<value>…]/<address>?<name>=<value>&<query>`.
//!
//! What a replay is told stands behind the tape's name, in the query, or in part in both; the rest is the address and
//! the query that the venue's own server would be asked. Of a query of REST, whose names are the exchange's, only `key`
//! is taken.

use crate::session::events;

/// What a replay can be told.
const NAMES: [&str; 11] =
    ["from", "warm-up", "to", "speed", "clock", "loop", "paused", "clients", "end", "faults", "key"];

/// Where the tapes' names begin.
pub(super) const PREFIX: &str = "/replay/";

/// Most tapes of one replay.
const TAPES_MAX: usize = 16;

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 64;

/// A request's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Names of tapes, at least one.
    pub(super) tapes: Vec<String>,
    /// What the replay is told.
    pub(super) settings: Settings,
    /// Path and query as the replay is asked.
    pub(super) target: String,
}

/// What a replay is told, as it was written; `None` where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings([Option<String>; NAMES.len()]);

/// Decodes escapes.
fn decode(text: &str) -> Result<String, String> {
    events::decode(text).ok_or_else(|| format!("`{text}`: an escape is malformed, or not UTF-8; `%` itself is `%25`"))
}

impl Asked {
    /// Reads path and query.
    ///
    /// # Errors
    /// What is wrong, and what is possible.
    pub(super) fn parse(path: &str, query: Option<&str>) -> Result<Asked, String> {
        let rest = path.strip_prefix(PREFIX).unwrap_or("");
        let (head, address) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut parts = head.split(';');
        let tapes = parts.next().unwrap_or("").split(',').map(decode).collect::<Result<Vec<_>, _>>()?;
        if tapes.iter().any(String::is_empty) {
            return Err("name a tape: /replay/<tape>/ws/btcusdt@trade".into());
        }
        if tapes.len() > TAPES_MAX {
            return Err(format!("{} tapes; there may be {TAPES_MAX}", tapes.len()));
        }
        let mut settings = Settings::default();
        for part in parts {
            let (name, text) = part.split_once('=').unwrap_or((part, ""));
            if !NAMES.contains(&name) {
                return Err(format!("`{name}` is nothing that a replay can be told; there are {}", NAMES.join(", ")));
            }
            settings.set(name, text)?;
        }
        let is_rest = address.starts_with("/api/") || address.starts_with("/v1/");
        let mut left = Vec::new();
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((name, text)) if name == "key" || (!is_rest && NAMES.contains(&name)) => {
                    settings.set(name, text)?;
                }
                _ => left.push(pair),
            }
        }
        let address = if address.is_empty() { "/" } else { address };
        let query = if left.is_empty() { String::new() } else { format!("?{}", left.join("&")) };
        let asked = Asked { tapes, settings, target: format!("{address}{query}") };
        match asked.settings.key() {
            Some(key) if key.len() > KEY_BYTES_MAX || !key.bytes().all(is_of_key) => {
                Err(format!("key: a key has up to {KEY_BYTES_MAX} letters, digits, `-`, `_` and `.`"))
            }
            _ => Ok(asked),
        }
    }
}

/// Whether it may stand in a key, which is a part of addresses.
fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

impl Settings {
    /// What is said under a name; nothing of what is said with no text.
    pub(super) fn of(&self, name: &str) -> Option<&str> {
        let place = NAMES.iter().position(|known| *known == name)?;
        self.0[place].as_deref()
    }

    /// By which several connections are in one replay.
    pub(super) fn key(&self) -> Option<&str> {
        self.of("key")
    }

    /// The first of which somebody who joins says something else than was said.
    pub(super) fn differing(&self, joining: &Settings) -> Option<(&'static str, &str)> {
        let pairs = NAMES.iter().zip(self.0.iter().zip(&joining.0));
        let differs = |(name, (own, other)): (&&'static str, (&'_ Option<String>, &Option<String>))| {
            (other.is_some() && own != other).then_some(*name)
        };
        let name = pairs.clone().find_map(differs)?;
        Some((name, self.of(name).unwrap_or("nothing")))
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let place = NAMES.iter().position(|known| *known == name).expect("the name was looked up");
        let text = decode(text)?;
        if text.is_empty() {
            return Ok(());
        }
        match &self.0[place] {
            Some(other) if *other != text => Err(format!("{name} is said to be `{other}` and `{text}`; leave out one")),
            _ => {
                self.0[place] = Some(text);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(target: &str) -> Result<Asked, String> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Asked::parse(path, query)
    }

    #[test]
    fn what_is_for_the_replay_is_taken_out_and_the_rest_is_left_as_it_was() {
        let asked =
            parse("/replay/a.tape,b%20c.jsonl;key=k1/stream?streams=x@trade/y@kline_1d@+08:00&speed=10x&to=").unwrap();
        assert_eq!(asked.tapes, ["a.tape", "b c.jsonl"]);
        assert_eq!((asked.settings.key(), asked.settings.of("speed")), (Some("k1"), Some("10x")));
        assert_eq!((asked.settings.of("to"), asked.settings.of("from")), (None, None));
        assert_eq!(asked.target, "/stream?streams=x@trade/y@kline_1d@+08:00");
        assert_eq!(parse("/replay/a/ws").unwrap().target, "/ws");
        assert_eq!(parse("/replay/a;from=09%3A30%3A00").unwrap().settings.of("from"), Some("09:30:00"));
    }

    #[test]
    fn queries_of_rest_keep_their_names() {
        let asked = parse("/replay/a/v1/candles/minutes/1?market=KRW-BTC&to=2026-01-01T00:00:00Z&key=k").unwrap();
        assert_eq!(asked.target, "/v1/candles/minutes/1?market=KRW-BTC&to=2026-01-01T00:00:00Z");
        assert_eq!((asked.settings.of("to"), asked.settings.key()), (None, Some("k")));
        assert_eq!(parse("/replay/a/websocket/v1?to=10:00:00").unwrap().settings.of("to"), Some("10:00:00"));
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (target, reason) in [
            ("/replay//ws", "name a tape"),
            ("/replay/a,/ws", "name a tape"),
            ("/replay/a;sped=2/ws", "`sped` is nothing that a replay can be told"),
            ("/replay/a;speed=2/ws?speed=3", "speed is said to be `2` and `3`"),
            ("/replay/a/ws?key=a%2Fb", "key: a key has up to 64"),
            ("/replay/a%f/ws", "%"),
        ] {
            let error = parse(target).unwrap_err();
            assert!(error.contains(reason), "{target}: {error}");
        }
    }

    #[test]
    fn whoever_joins_may_leave_out_what_is_known() {
        let settings = |target: &str| parse(target).unwrap().settings;
        let first = settings("/replay/a;key=k;speed=10x/ws");
        assert_eq!(first.differing(&settings("/replay/a;key=k/ws")), None);
        assert_eq!(first.differing(&settings("/replay/a;key=k/ws?speed=10x")), None);
        assert_eq!(first.differing(&settings("/replay/a;key=k;speed=2x/ws")), Some(("speed", "10x")));
        assert_eq!(first.differing(&settings("/replay/a;key=k;from=1/ws")), Some(("from", "nothing")));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", other in "[%;,=/&a-z0-9]{0,40}") {
            let _ = (parse(&text), parse(&format!("/replay/{text}?{other}")), parse(&format!("/replay/{other}?{text}")));
        }
    }
}
