//! A client that listens over plain HTTP: events for a browser's `EventSource`, or lines of JSON for a script.
//!
//! All is said in the address it asks for; afterwards it only listens. One that comes again says with the last event's id
//! how far it had got, and goes on from there.

use crate::fanout::Want;
use crate::fanout::framing::{Dialect, Framing};
use crate::fanout::position::Position;
use crate::market::symbol::Venue;
use crate::protocol::events::{self, Head};
use crate::protocol::websocket::Close;
use crate::session::selection::{Manner, Origin, Selection};
use crate::session::sequence::{Asked, Teller};
use crate::session::{self, Effects, Resume, unix_ms};
use crate::venue::binance::TimeUnit;
use crate::venue::upbit::{Edition, Format};

/// What holds for every connection.
#[derive(Clone, Debug)]
pub struct EventLimits {
    /// Milliseconds without an event after which the client is told that the connection lasts; 0 for never.
    pub heartbeat_ms: u64,
    /// Most streams on a connection; 0 for any number.
    pub streams_max: usize,
    /// Milliseconds after which the connection ends; 0 for never.
    pub lifetime_ms: u64,
    /// How recordings of venues asked by type and code are served.
    pub edition: Edition,
    /// Whether names deliver that Binance has retired.
    pub serves_retired_names: bool,
}

/// A client of `/sse` or `/ndjson`.
#[derive(Debug)]
pub struct EventSession {
    dialect: Dialect,
    selections: Vec<Selection>,
    resumes: Option<Resume>,
    /// Whether lines say their positions; events always do.
    is_sequenced: bool,
    cors_origin: Option<String>,
    heartbeat_ms: u64,
    lifetime_ms: u64,
    opened_ms: u64,
    moved_ms: u64,
    frames_routed: u64,
}

impl EventSession {
    /// A connection made now. `query` is its address's, `last_event_id` its header's.
    ///
    /// # Errors
    /// What is wrong with the address, and what is possible.
    pub fn new(
        dialect: Dialect,
        query: Option<&str>,
        last_event_id: Option<&str>,
        limits: &EventLimits,
        cors_origin: Option<&str>,
        now_ms: u64,
    ) -> Result<EventSession, String> {
        let parameter = |name: &str| parameter(query, name);
        let origin = parameter("venue")?.map_or(Ok(Origin::Venue(Venue::Binance)), |name| Origin::named(&name))?;
        let manner = Manner {
            unit: match parameter("timeUnit")? {
                None => TimeUnit::default(),
                Some(text) => TimeUnit::parse(&text)
                    .ok_or_else(|| format!("`{text}` is no time unit; there are MILLISECOND, MICROSECOND"))?,
            },
            format: match parameter("format")? {
                None => Format::default(),
                Some(text) => Format::parse(&text).ok_or_else(|| {
                    format!("`{text}` is no format; there are DEFAULT, SIMPLE, JSON_LIST, SIMPLE_LIST")
                })?,
            },
            edition: limits.edition,
            serves_retired_names: limits.serves_retired_names,
        };
        let selections = select(origin, &parameter("streams")?.unwrap_or_default(), manner)?;
        if limits.streams_max > 0 && selections.len() > limits.streams_max {
            return Err(format!("{} streams; there may be {}", selections.len(), limits.streams_max));
        }
        if dialect == Dialect::Events {
            refuse_overlaps(&selections)?;
        }
        // An address that has an id in it is asked for again when its connection is lost: then the header is newer.
        let last_event_id = match last_event_id.filter(|id| !id.is_empty()) {
            Some(id) => Some(id.to_owned()),
            None => parameter("lastEventId")?.filter(|id| !id.is_empty()),
        };
        let asked = Asked::of(query)?;
        let is_sequenced = asked.is_sequenced && dialect == Dialect::Lines;
        let teller = if is_sequenced { Teller::Answer(dialect) } else { Teller::Reset(dialect) };
        let known = |text: String| session::Origin::Position(Position::parse(&text));
        let resumes = last_event_id.map(|text| Resume { teller, origin: known(text) });
        Ok(EventSession {
            dialect,
            selections,
            resumes: resumes.or(asked.resume(teller)),
            is_sequenced,
            cors_origin: cors_origin.map(str::to_owned),
            heartbeat_ms: limits.heartbeat_ms,
            lifetime_ms: limits.lifetime_ms,
            opened_ms: now_ms,
            moved_ms: now_ms,
            frames_routed: 0,
        })
    }

    /// How it is told what is no event.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How far it had got when it was here before.
    pub fn position(&self) -> Option<Position> {
        self.resumes.as_ref().and_then(Resume::position)
    }

    /// The head of the answer, what it missed or the newest values, and all that follows.
    pub fn begin(&mut self, effects: &mut Effects) {
        let is_events = self.dialect == Dialect::Events;
        let content_type = if is_events { "text/event-stream" } else { "application/x-ndjson" };
        effects.write(|out| Head { content_type, cors_origin: self.cors_origin.as_deref() }.write(out));
        let framing = |selection: &Selection| match is_events {
            true => Framing::Event(selection.kind.clone()),
            false => Teller::framing(self.dialect, self.is_sequenced, selection.is_neutral()),
        };
        let want = |selection: &Selection| selection.want(framing(selection));
        let first: Vec<Want> = self.selections.iter().filter(|s| s.begins_with_snapshot()).map(want).collect();
        effects.snapshots = first;
        effects.wants = Some(self.selections.iter().map(want).collect());
        effects.resumes = self.resumes.take();
        effects.tells_position = match (is_events, self.is_sequenced) {
            (true, _) => Some(Teller::Reset(self.dialect)),
            (false, true) => Some(Teller::Answer(self.dialect)),
            (false, false) => None,
        };
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, frames_routed: u64, effects: &mut Effects) {
        if self.lifetime_ms > 0 && now_ms >= self.opened_ms + self.lifetime_ms {
            return effects.close(Close::LIFETIME);
        }
        if frames_routed != self.frames_routed {
            self.frames_routed = frames_routed;
            self.moved_ms = now_ms;
        }
        if self.heartbeat_ms > 0 && now_ms >= self.moved_ms + self.heartbeat_ms {
            self.moved_ms = now_ms;
            match self.dialect {
                Dialect::Events => effects.write(|out| events::write_comment("keep-alive", out)),
                other => effects.write(|out| other.write("heartbeat", &unix_ms().to_string(), out)),
            }
            // So that a client of quiet streams is not left behind the history.
            effects.tells_position = match (self.dialect, self.is_sequenced) {
                (Dialect::Events, _) => Some(Teller::Reset(self.dialect)),
                (_, true) => Some(Teller::Answer(self.dialect)),
                _ => None,
            };
        }
    }
}

fn select(origin: Origin, list: &str, manner: Manner) -> Result<Vec<Selection>, String> {
    let mut selections: Vec<Selection> = Vec::new();
    let mut known = rustc_hash::FxHashSet::default();
    for name in list.split('/').filter(|name| !name.is_empty()) {
        let selection = Selection::find(origin, name, manner)?;
        if known.insert(selection.name.clone()) {
            selections.push(selection);
        }
    }
    if selections.is_empty() {
        let example = match origin {
            Origin::Venue(Venue::Binance) => "btcusdt@trade/btcusdt@ticker",
            Origin::Venue(_) => "trade:KRW-BTC/ticker:KRW-BTC",
            Origin::All => "binance:btcusdt@trade/upbit:trade:KRW-BTC",
        };
        return Err(format!("no streams: ask for some, as in ?venue={}&streams={example}", origin.name()));
    }
    Ok(selections)
}

fn refuse_overlaps(selections: &[Selection]) -> Result<(), String> {
    for (place, one) in selections.iter().enumerate() {
        if let Some(other) = selections[..place].iter().find(|other| other.overlaps(one)) {
            return Err(format!(
                "`{}` and `{}` tell of the same updates, so an event's id could not say which of the two a client has: \
                 ask for them on a connection each",
                other.name, one.name
            ));
        }
    }
    Ok(())
}

/// The value of the first parameter of this name, escapes decoded; a plus sign is a plus sign.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Result<Option<String>, String> {
    let value = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')));
    value.map(|value| decode(value).ok_or_else(|| format!("{name}: an escape is malformed, or not UTF-8"))).transpose()
}

/// Decodes escapes; `None` if one is malformed, or they are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: EventLimits = EventLimits {
        heartbeat_ms: 15_000,
        streams_max: 3,
        lifetime_ms: 0,
        edition: Edition::Today,
        serves_retired_names: true,
    };

    fn session(query: &str) -> Result<EventSession, String> {
        EventSession::new(Dialect::Events, Some(query), None, &LIMITS, Some("*"), 0)
    }

    fn names(query: &str) -> Vec<String> {
        session(query).unwrap().selections.iter().map(|selection| selection.name.to_string()).collect()
    }

    #[test]
    fn addresses_name_venue_and_streams() {
        assert_eq!(names("streams=a@trade/b@ticker/a@trade"), ["a@trade", "b@ticker"]);
        assert_eq!(names("venue=binance&streams=a%40kline_1d%40%2B08%3A00/"), ["a@kline_1d@+08:00"]);
        assert_eq!(names("streams=a@kline_1d@+08:00&_=17"), ["a@kline_1d@+08:00"]);
        assert_eq!(names("venue=upbit&streams=trade:KRW-BTC&format=SIMPLE"), ["upbit:trade:KRW-BTC"]);
        let both = ["all:upbit:trade:KRW-BTC", "all:binance:a@trade"];
        assert_eq!(names("venue=all&streams=upbit:trade:KRW-BTC/binance:a@trade"), both);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (query, reason) in [
            ("", "no streams: ask for some"),
            ("venue=upbit", "?venue=upbit&streams=trade:KRW-BTC"),
            ("venue=nyse&streams=a", "`nyse` is no venue; there are binance, upbit, bithumb and all"),
            ("venue=all", "?venue=all&streams=binance:btcusdt@trade/upbit:trade:KRW-BTC"),
            ("venue=all&streams=a@trade", "`a@trade` does not say whose it is"),
            ("streams=a@b", "`a@b` is no stream of Binance"),
            ("streams=a@trade/b@trade/c@trade/d@trade", "4 streams; there may be 3"),
            ("venue=upbit&streams=orderbook:A.5/orderbook:A", "tell of the same updates"),
            ("streams=a@trade&timeUnit=SECOND", "`SECOND` is no time unit"),
            ("venue=upbit&streams=trade:A&format=XML", "`XML` is no format"),
            ("streams=a%4", "streams: an escape is malformed"),
        ] {
            let error = session(query).unwrap_err();
            assert!(error.contains(reason), "{query}: {error}");
        }
    }

    #[test]
    fn the_header_says_more_than_the_address() {
        let position = |header, query: &str| {
            let session = EventSession::new(Dialect::Events, Some(query), header, &LIMITS, None, 0).unwrap();
            session.resumes.map(|resume| resume.position().map(|position| position.sequence))
        };
        assert_eq!(position(Some("7.0"), "streams=a@trade&lastEventId=3"), Some(Some(7)));
        assert_eq!(position(Some(""), "streams=a@trade&lastEventId=3"), Some(Some(3)));
        assert_eq!(position(None, "streams=a@trade&lastEventId=x"), Some(None));
        assert_eq!(position(None, "streams=a@trade"), None);
    }

    #[test]
    fn silence_is_broken_by_a_comment_and_events_put_it_off() {
        let mut session = session("streams=a@trade").unwrap();
        let mut beats = Vec::new();
        for now_ms in (0..60_000).step_by(250) {
            let mut effects = Effects::default();
            session.on_time(now_ms, u64::from(now_ms >= 20_000), &mut effects);
            if !effects.frames.marks.is_empty() {
                assert_eq!(effects.frames.bytes, b": keep-alive\n\n");
                beats.push(now_ms);
            }
        }
        assert_eq!(beats, [15_000, 35_000, 50_000]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(query in "\\PC{0,60}", list in "[%0-9a-f@:/.]{0,40}") {
            let _ = session(&query);
            let _ = session(&format!("streams={list}"));
        }
    }
}
