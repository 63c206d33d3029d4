//! A client of the bare TCP port: requests in words or in JSON, one to a message; events and answers likewise.
//!
//! ```text
//! SUBSCRIBE btcusdt@trade upbit:trade:KRW-BTC      {"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}
//! UNSUBSCRIBE btcusdt@trade                        {"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}
//! SUBSCRIBE btcusdt@trade FROM 09:00:00.250        {"method":"SUBSCRIBE","params":["btcusdt@trade","FROM","09:00:00.250"],"id":7}
//! RESUME 0a1b2c3d-17.0 btcusdt@trade               {"method":"RESUME","params":["0a1b2c3d-17.0","btcusdt@trade"],"id":5}
//! SEQUENCE on                                      {"method":"SEQUENCE","params":["on"],"id":6}
//! LIST                                             {"method":"LIST","id":3}
//! VENUE upbit                                      {"method":"VENUE","params":["upbit"],"id":4}
//! ```
//!
//! An answer is `{"result":…}` or `{"error":{"code":…,"msg":…}}`, with the request's `id` where it had one. A request that
//! is wrong changes nothing, whatever of it was right.

use std::rc::Rc;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};

use crate::fanout::framing::Dialect;
use crate::fanout::{Position, Want};
use crate::market::symbol::Venue;
use crate::protocol::websocket::Close;
use crate::session::rate::{Rate, RateLimits};
use crate::session::selection::{Manner, Origin, Selection};
use crate::session::sequence::Teller;
use crate::session::{self, Effects, Incoming, Resume, unix_ms};
use crate::venue::binance::request::Id;

/// What holds for every connection.
#[derive(Clone, Copy, Debug)]
pub struct LineLimits {
    /// Milliseconds without a message after which the client is told that the connection lasts; 0 for never.
    pub heartbeat_ms: u64,
    /// Most streams on a connection; 0 for any number.
    pub streams_max: usize,
    /// Requests.
    pub rate: RateLimits,
    /// Milliseconds after which the connection ends; 0 for never.
    pub lifetime_ms: u64,
    /// How payloads are written.
    pub manner: Manner,
}

/// What may be said, for whoever asks.
const HELP: [&str; 10] = [
    "SUBSCRIBE <stream> ... : events from now on; btcusdt@trade, or upbit:trade:KRW-BTC, or after VENUE upbit trade:KRW-BTC",
    "SUBSCRIBE <stream> ... FROM <time> : what they have told since, a result with live, then events from now on",
    "UNSUBSCRIBE <stream> ... : no more of them",
    "LIST : the streams of this connection",
    "VENUE <venue> : whose streams the names without a venue in front are, binance at first; all for one form of all venues",
    "SEQUENCE on : every event says its position, as its last member",
    "RESUME <position> <stream> ... : SUBSCRIBE, from behind that position on; the first request for streams, implies SEQUENCE on",
    "PING : answered with the time in milliseconds",
    "QUIT : ends the connection",
    r#"the same in JSON: {"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#,
];

/// What is wrong with a request. The codes are those of Binance's streams.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    /// 2 a request that cannot be carried out, 3 not JSON, or not UTF-8, 4 too many streams.
    code: u8,
    message: String,
}

impl Refusal {
    fn new(code: u8, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }
}

/// A request that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    /// In upper case.
    method: String,
    params: Vec<String>,
}

/// A client of the bare TCP port.
#[derive(Debug)]
pub struct LineSession {
    limits: LineLimits,
    /// `None` until it has said something.
    dialect: Option<Dialect>,
    /// Whose the names are that do not say it.
    origin: Origin,
    selections: Vec<Selection>,
    /// Whether events say their positions.
    is_sequenced: bool,
    rate: Rate,
    opened_ms: u64,
    moved_ms: u64,
    frames_routed: u64,
}

impl LineSession {
    /// A connection made now.
    pub fn new(limits: LineLimits, now_ms: u64) -> LineSession {
        LineSession {
            limits,
            dialect: None,
            origin: Origin::Venue(Venue::Binance),
            selections: Vec::new(),
            is_sequenced: false,
            rate: Rate::new(limits.rate, now_ms),
            opened_ms: now_ms,
            moved_ms: now_ms,
            frames_routed: 0,
        }
    }

    /// How it is told what is no event: as it speaks itself, and in lines before it has said anything.
    pub fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Lines)
    }

    /// Its first byte has come, which says how it speaks.
    pub fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = Some(dialect);
    }

    /// Something has come from the client.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        match message {
            Incoming::Text(text) => self.on_text(text, now_ms, effects),
            Incoming::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.on_text(text, now_ms, effects),
                Err(_) => self.answer(Err(Refusal::new(3, "a request is text in UTF-8")), &None, effects),
            },
            // There are none without WebSocket.
            Incoming::Ping(_) | Incoming::Pong(_) => {}
        }
    }

    fn on_text(&mut self, text: &str, now_ms: u64, effects: &mut Effects) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if !self.rate.take(now_ms) {
            return effects.close(Close::TOO_MANY_REQUESTS);
        }
        let (request, id) = if text.starts_with(['{', '[', '"']) { in_json(text) } else { (Ok(in_words(text)), None) };
        let answer = request.and_then(|request| self.carry_out(&request, effects));
        self.answer(answer, &id, effects);
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, frames_routed: u64, effects: &mut Effects) {
        if self.limits.lifetime_ms > 0 && now_ms >= self.opened_ms + self.limits.lifetime_ms {
            return effects.close(Close::LIFETIME);
        }
        if frames_routed != self.frames_routed {
            self.frames_routed = frames_routed;
            self.moved_ms = now_ms;
        }
        let is_due = self.limits.heartbeat_ms > 0 && now_ms >= self.moved_ms + self.limits.heartbeat_ms;
        // How a client speaks that has said nothing yet, nobody knows.
        if let (true, Some(dialect)) = (is_due, self.dialect) {
            self.moved_ms = now_ms;
            effects.write(|out| dialect.write("heartbeat", &unix_ms().to_string(), out));
        }
    }

    fn carry_out(&mut self, request: &Request, effects: &mut Effects) -> Result<Value, Refusal> {
        let Request { method, params } = request;
        let takes_none = |result: Value| match params.as_slice() {
            [] => Ok(result),
            _ => Err(Refusal::new(2, format!("{method} takes no parameters"))),
        };
        match method.as_str() {
            "SUBSCRIBE" => self.subscribe(params, effects),
            "RESUME" => self.resume(params, effects),
            "SEQUENCE" => {
                self.is_sequenced = match params.as_slice() {
                    [] => return Ok(json!(self.is_sequenced)),
                    [word] if matches!(word.as_str(), "on" | "true") => true,
                    [word] if matches!(word.as_str(), "off" | "false") => false,
                    _ => return Err(Refusal::new(2, "SEQUENCE takes on or off")),
                };
                self.want(effects);
                Ok(Value::Null)
            }
            "UNSUBSCRIBE" => self.unsubscribe(params, effects),
            "LIST" | "LIST_SUBSCRIPTIONS" => takes_none(self.selections.iter().map(|s| json!(&*s.name)).collect()),
            "VENUE" => match params.as_slice() {
                [] => Ok(json!(self.origin.name())),
                [name] => {
                    self.origin =
                        Origin::named(&name.to_ascii_lowercase()).map_err(|reason| Refusal::new(2, reason))?;
                    Ok(json!(self.origin.name()))
                }
                _ => Err(Refusal::new(2, "VENUE takes one venue")),
            },
            "PING" => takes_none(json!(unix_ms())),
            "HELP" => takes_none(json!(HELP)),
            "QUIT" => {
                let result = takes_none(Value::Null)?;
                effects.close(Close::NORMAL);
                Ok(result)
            }
            _ => Err(Refusal::new(
                2,
                format!(
                    "`{method}` is no request; there are SUBSCRIBE, UNSUBSCRIBE, RESUME, SEQUENCE, LIST, VENUE, PING, HELP and QUIT"
                ),
            )),
        }
    }

    fn find(&self, names: &[String]) -> Result<Vec<Selection>, Refusal> {
        if names.is_empty() {
            return Err(Refusal::new(2, "name a stream, as in SUBSCRIBE btcusdt@trade"));
        }
        let find = |name: &String| Selection::find_anywhere(self.origin, name, self.limits.manner);
        names.iter().map(find).collect::<Result<_, _>>().map_err(|reason| Refusal::new(2, reason))
    }

    fn subscribe(&mut self, names: &[String], effects: &mut Effects) -> Result<Value, Refusal> {
        let (names, time) = match names {
            [names @ .., word, time] if word.eq_ignore_ascii_case("FROM") => (names, Some(time)),
            names => (names, None),
        };
        let found = self.find(names)?;
        let mut known: FxHashSet<Rc<str>> = self.selections.iter().map(|selection| selection.name.clone()).collect();
        let new: Vec<Selection> = found.into_iter().filter(|selection| known.insert(selection.name.clone())).collect();
        if self.limits.streams_max > 0 && known.len() > self.limits.streams_max {
            let message =
                format!("{} streams would be too many; there may be {}", known.len(), self.limits.streams_max);
            return Err(Refusal::new(4, message));
        }
        let first = new.iter().filter(|selection| selection.begins_with_snapshot());
        effects.snapshots = first.map(|selection| self.want_of(selection)).collect();
        if let Some(time) = time {
            effects.spliced = Some(new.iter().map(|selection| self.want_of(selection)).collect());
            let origin = session::Origin::Time(time.as_str().into());
            effects.resumes = Some(Resume { teller: self.teller(), origin });
        }
        self.selections.extend(new);
        self.want(effects);
        Ok(Value::Null)
    }

    /// The first streams of a client that was here before.
    fn resume(&mut self, params: &[String], effects: &mut Effects) -> Result<Value, Refusal> {
        let Some((position, names)) = params.split_first() else {
            return Err(Refusal::new(
                2,
                "RESUME takes a position and streams, as in RESUME 0a1b2c3d-17.0 btcusdt@trade",
            ));
        };
        if !self.selections.is_empty() {
            return Err(Refusal::new(2, "RESUME comes before all other streams of a connection"));
        }
        let was_sequenced = std::mem::replace(&mut self.is_sequenced, true);
        let result = self.subscribe(names, effects);
        match result {
            Ok(_) => {
                let origin = session::Origin::Position(Position::parse(position));
                effects.resumes = Some(Resume { teller: self.teller(), origin });
            }
            Err(_) => self.is_sequenced = was_sequenced,
        }
        result
    }

    fn unsubscribe(&mut self, names: &[String], effects: &mut Effects) -> Result<Value, Refusal> {
        let gone: FxHashSet<Rc<str>> = self.find(names)?.into_iter().map(|selection| selection.name).collect();
        self.selections.retain(|selection| !gone.contains(&selection.name));
        self.want(effects);
        Ok(Value::Null)
    }

    fn want(&self, effects: &mut Effects) {
        effects.wants = Some(self.selections.iter().map(|selection| self.want_of(selection)).collect());
        effects.tells_position = self.is_sequenced.then(|| self.teller());
    }

    fn want_of(&self, selection: &Selection) -> Want {
        selection.want(Teller::framing(self.dialect(), self.is_sequenced, selection.is_neutral()))
    }

    fn teller(&self) -> Teller {
        Teller::Answer(self.dialect())
    }

    fn answer(&self, answer: Result<Value, Refusal>, id: &Option<Id>, effects: &mut Effects) {
        let (kind, json) = match answer {
            Ok(result) => ("result", result),
            Err(Refusal { code, message }) => ("error", json!({ "code": code, "msg": message })),
        };
        // The id is the second member of the same object.
        let id = id.as_ref().map_or(String::new(), |id| format!(r#","id":{}"#, id.value()));
        effects.write(|out| self.dialect().write(kind, &format!("{json}{id}"), out));
    }
}

/// `METHOD parameter parameter …`; the case of the method does not matter.
fn in_words(text: &str) -> Request {
    let mut words = text.split_whitespace().map(str::to_owned);
    let method = words.next().unwrap_or_default().to_ascii_uppercase();
    Request { method, params: words.collect() }
}

/// An object with `method`, `params` and perhaps `id`, which comes back where it is valid.
fn in_json(text: &str) -> (Result<Request, Refusal>, Option<Id>) {
    let object: Map<String, Value> = match serde_json::from_str(text) {
        Ok(object) => object,
        Err(error) => return (Err(Refusal::new(3, format!("Invalid JSON: {error}"))), None),
    };
    let id = match object.get("id") {
        None => None,
        Some(value) => match Id::of(value) {
            Some(id) => Some(id),
            None => {
                return (
                    Err(Refusal::new(2, format!("`id` {value} is neither a whole number nor a short text"))),
                    None,
                );
            }
        },
    };
    let Some(method) = object.get("method").and_then(Value::as_str) else {
        return (Err(Refusal::new(2, "`method` is missing, or no text")), id);
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let params = match object.get("params") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(params)) => params.iter().map(text).collect(),
        Some(_) => None,
    };
    let Some(params) = params else { return (Err(Refusal::new(2, "`params` is no list of texts")), id) };
    (Ok(Request { method: method.to_ascii_uppercase(), params }), id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: LineLimits = LineLimits {
        heartbeat_ms: 10_000,
        streams_max: 3,
        rate: RateLimits { per_second: 0, burst: 0 },
        lifetime_ms: 0,
        manner: Manner {
            unit: crate::venue::binance::TimeUnit::Milliseconds,
            format: crate::venue::upbit::Format::Default,
            edition: crate::venue::upbit::Edition::Today,
            serves_retired_names: true,
        },
    };

    fn session() -> LineSession {
        let mut session = LineSession::new(LIMITS, 0);
        session.set_dialect(Dialect::Lines);
        session
    }

    fn ask(session: &mut LineSession, text: &str) -> (String, Effects) {
        let mut effects = Effects::default();
        session.on_message(Incoming::Text(text), 0, &mut effects);
        (String::from_utf8(effects.frames.bytes.clone()).unwrap(), effects)
    }

    #[test]
    fn words_and_json_say_the_same() {
        let mut session = session();
        let (answer, effects) = ask(&mut session, "subscribe btcusdt@trade upbit:trade:KRW-BTC btcusdt@trade");
        assert_eq!(answer, "{\"result\":null}\n");
        assert_eq!((effects.wants.unwrap().len(), effects.snapshots.len()), (2, 1));
        let (answer, effects) =
            ask(&mut session, r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@trade"],"id":1}"#);
        assert_eq!(answer, "{\"result\":null,\"id\":1}\n");
        assert_eq!((effects.wants.unwrap().len(), effects.snapshots.len()), (3, 0));
        assert_eq!(ask(&mut session, "UNSUBSCRIBE btcusdt@trade").0, "{\"result\":null}\n");
        let (answer, _) = ask(&mut session, r#"{"method":"LIST","id":"a"}"#);
        assert_eq!(answer, "{\"result\":[\"upbit:trade:KRW-BTC\",\"ethusdt@trade\"],\"id\":\"a\"}\n");
    }

    #[test]
    fn a_venue_may_be_named_once_for_all() {
        let mut session = session();
        assert_eq!(ask(&mut session, "VENUE upbit").0, "{\"result\":\"upbit\"}\n");
        assert_eq!(ask(&mut session, "SUBSCRIBE trade:KRW-BTC binance:btcusdt@trade").0, "{\"result\":null}\n");
        assert_eq!(ask(&mut session, "LIST").0, "{\"result\":[\"upbit:trade:KRW-BTC\",\"btcusdt@trade\"]}\n");
        assert!(ask(&mut session, "VENUE nyse").0.contains("there are binance, upbit, bithumb and all"));
        assert_eq!(ask(&mut session, "VENUE").0, "{\"result\":\"upbit\"}\n");
    }

    #[test]
    fn all_venues_are_asked_for_in_one_form() {
        let mut session = session();
        assert_eq!(ask(&mut session, "SUBSCRIBE upbit:trade:KRW-BTC").0, "{\"result\":null}\n");
        assert_eq!(ask(&mut session, "VENUE all").0, "{\"result\":\"all\"}\n");
        let (_, effects) = ask(&mut session, "SUBSCRIBE upbit:trade:KRW-BTC all:binance:btcusdt@trade");
        assert_eq!(effects.wants.unwrap().len(), 3);
        let list = "[\"upbit:trade:KRW-BTC\",\"all:upbit:trade:KRW-BTC\",\"all:binance:btcusdt@trade\"]";
        assert_eq!(ask(&mut session, "LIST").0, format!("{{\"result\":{list}}}\n"));
        assert!(ask(&mut session, "SUBSCRIBE btcusdt@trade").0.contains("does not say whose it is"));
    }

    #[test]
    fn what_is_wrong_is_said_and_changes_nothing() {
        let mut session = session();
        for (text, code, reason) in [
            ("hello", 2, "`HELLO` is no request; there are SUBSCRIBE"),
            ("SUBSCRIBE", 2, "name a stream"),
            ("SUBSCRIBE btcusdt@trade btcusdt@nosuch", 2, "`btcusdt@nosuch` is no stream of Binance"),
            ("SUBSCRIBE upbit:trades:KRW-BTC", 2, "types are ticker, trade, orderbook"),
            ("SUBSCRIBE a@trade b@trade c@trade d@trade", 4, "4 streams would be too many; there may be 3"),
            ("LIST all", 2, "LIST takes no parameters"),
            ("{", 3, "Invalid JSON: EOF"),
            ("[1]", 3, "Invalid JSON: invalid type"),
            (r#"{"params":[]}"#, 2, "`method` is missing"),
            (r#"{"method":"SUBSCRIBE","params":[1]}"#, 2, "`params` is no list of texts"),
            (r#"{"method":"LIST","id":1.5}"#, 2, "`id` 1.5 is neither"),
        ] {
            let (answer, effects) = ask(&mut session, text);
            let error: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(error["error"]["code"], code, "{text}");
            assert!(error["error"]["msg"].as_str().unwrap().contains(reason), "{text}: {answer}");
            assert!(effects.wants.is_none() && effects.end.is_none(), "{text}");
        }
        assert_eq!(ask(&mut session, "LIST").0, "{\"result\":[]}\n");
        assert_eq!(ask(&mut session, "  \r").0, "");
        let mut effects = Effects::default();
        session.on_message(Incoming::Binary(b"\xff"), 0, &mut effects);
        assert_eq!(effects.frames.bytes, b"{\"error\":{\"code\":3,\"msg\":\"a request is text in UTF-8\"}}\n");
    }

    #[test]
    fn requests_are_limited_and_quitting_ends_it() {
        let limits = LineLimits { rate: RateLimits { per_second: 5, burst: 2 }, ..LIMITS };
        let mut session = LineSession::new(limits, 0);
        assert!((0..2).all(|_| ask(&mut session, "PING").1.end.is_none()));
        assert!(ask(&mut session, "").1.end.is_none(), "an empty line is no request");
        assert_eq!(ask(&mut session, "PING").1.end, Some(crate::session::End::Close(Close::TOO_MANY_REQUESTS)));
        let (answer, effects) = ask(&mut LineSession::new(LIMITS, 0), "quit");
        assert_eq!(answer, "{\"result\":null}\n");
        assert_eq!(effects.end, Some(crate::session::End::Close(Close::NORMAL)));
    }

    #[test]
    fn a_heart_beats_in_silence_once_the_client_has_spoken() {
        let mut silent = LineSession::new(LIMITS, 0);
        let mut session = session();
        let mut beats = Vec::new();
        for now_ms in (0..40_000).step_by(250) {
            let mut effects = Effects::default();
            silent.on_time(now_ms, 0, &mut effects);
            assert!(effects.frames.marks.is_empty());
            session.on_time(now_ms, u64::from(now_ms >= 15_000), &mut effects);
            if !effects.frames.marks.is_empty() {
                assert!(effects.frames.bytes.starts_with(b"{\"heartbeat\":1"));
                beats.push(now_ms);
            }
        }
        assert_eq!(beats, [10_000, 25_000, 35_000]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut session = session();
            ask(&mut session, &text);
            ask(&mut session, &format!("SUBSCRIBE {text}"));
            session.on_message(Incoming::Binary(&bytes), 0, &mut Effects::default());
        }
    }
}
