//! A client of Binance's streams.
//!
//! Its subscriptions are names. A name that leads to no stream is kept and listed like any other. Whether events are
//! wrapped is a property of the connection that it may change at any time.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde_json::Value;

use crate::fanout::frame::Form;
use crate::fanout::routes::Want;
use crate::fanout::{Carrier, Framing, Position};
use crate::protocol::websocket::{Close, Opcode};
use crate::session::heartbeat::HeartbeatLimits;
use crate::session::liveness::Liveness;
use crate::session::rate::{Rate, RateLimits};
use crate::session::sequence::{Asked, Teller};
use crate::session::{Effects, Incoming, Origin, Resume};
use crate::venue::binance::address::Address;
use crate::venue::binance::request::{Id, Refusal, Request, answer};
use crate::venue::binance::{Encoding, TimeUnit, stream};

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct BinanceLimits {
    /// Most streams on a connection; 0 for any number.
    pub streams_max: usize,
    /// Pings.
    pub heartbeat: HeartbeatLimits,
    /// Messages from the client, pings and pongs included.
    pub rate: RateLimits,
    /// Milliseconds after which the connection ends; 0 for never.
    pub lifetime_ms: u64,
    /// Whether names that the exchange has retired, or never documented, still deliver.
    pub serves_retired_names: bool,
}

/// How it is told about positions.
const TELLER: Teller = Teller::Frame(Opcode::Text);

/// A client of Binance's streams.
#[derive(Debug)]
pub struct BinanceSession {
    names: Vec<Rc<str>>,
    combined: bool,
    is_sequenced: bool,
    /// Where it goes on with its first streams; in a box, as few do.
    resumes: Option<Box<Resume>>,
    unit: TimeUnit,
    encoding: Encoding,
    limits: Arc<BinanceLimits>,
    liveness: Liveness,
    rate: Rate,
}

impl BinanceSession {
    /// A connection made to this address now.
    pub fn new(address: Address, limits: Arc<BinanceLimits>, now_ms: u64) -> BinanceSession {
        let mut session = BinanceSession {
            names: Vec::new(),
            combined: address.combined,
            is_sequenced: false,
            resumes: None,
            unit: address.unit,
            encoding: address.encoding,
            liveness: Liveness::new(limits.heartbeat, limits.lifetime_ms, now_ms),
            rate: Rate::new(limits.rate, now_ms),
            limits,
        };
        session.add(session.new_ones(&address.names));
        session
    }

    /// The same with what its address asks for about positions.
    #[must_use]
    pub fn sequenced(mut self, asked: &Asked) -> BinanceSession {
        self.is_sequenced = asked.is_sequenced;
        self.resumes = asked.resume(TELLER).map(Box::new);
        self
    }

    /// How far it had got when it was here before.
    pub fn position(&self) -> Option<Position> {
        self.resumes.as_ref().and_then(|resume| resume.position())
    }

    /// The streams of the address. More than a connection may have are refused as a request for them would be.
    pub fn begin(&mut self, _now_ms: u64, effects: &mut Effects) {
        if self.limits.streams_max > 0 && self.names.len() > self.limits.streams_max {
            return refuse(&Refusal { id: None, ..Refusal::too_many(Id::Null) }, effects);
        }
        if !self.names.is_empty() {
            self.want(effects);
        }
    }

    /// Something has come from the client.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        if !self.rate.take(now_ms) {
            return effects.close(Close::TOO_MANY_REQUESTS);
        }
        match message {
            Incoming::Text(text) => match Request::parse(text.as_bytes()) {
                Ok((id, request)) => self.carry_out(&id, request, effects),
                Err(refusal) => refuse(&refusal, effects),
            },
            Incoming::Binary(_) => effects.close(Close::INVALID_REQUEST),
            Incoming::Ping(payload) => effects.send(Opcode::Pong, payload),
            Incoming::Pong(payload) => self.liveness.on_pong(payload, now_ms),
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, unix_ms: u64, effects: &mut Effects) {
        self.liveness.on_time(now_ms, unix_ms, effects);
    }

    /// The server stops: an event that nobody subscribes to, wrapped or not as all others now are, then the end.
    pub fn on_shutdown(&mut self, unix_ns: i64, effects: &mut Effects) {
        let event = format!(r#"{{"e":"serverShutdown","E":{}}}"#, self.unit.of(unix_ns));
        let text = if self.combined { format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#) } else { event };
        effects.send(Opcode::Text, text.as_bytes());
        effects.close(Close::GOING_AWAY);
    }

    fn carry_out(&mut self, id: &Id, request: Request, effects: &mut Effects) {
        let mut result = Value::Null;
        match request {
            Request::Subscribe(names) => {
                let new = self.new_ones(&names);
                if !self.has_room_for(new.len()) {
                    return refuse(&Refusal::too_many(id.clone()), effects);
                }
                self.add(new);
                self.want(effects);
            }
            Request::SubscribeFrom(names, time) => {
                let new = self.new_ones(&names);
                if !self.has_room_for(new.len()) {
                    return refuse(&Refusal::too_many(id.clone()), effects);
                }
                let known = self.names.len();
                self.add(new);
                self.want(effects);
                effects.spliced = Some(self.wants_of(&self.names[known..]));
                effects.resumes = Some(Resume { teller: TELLER, origin: Origin::Time(time.into()) });
            }
            Request::Unsubscribe(names) => {
                let gone: FxHashSet<&str> = names.iter().map(String::as_str).collect();
                self.names.retain(|name| !gone.contains(&**name));
                self.want(effects);
            }
            Request::ListSubscriptions => result = self.names.iter().map(|name| Value::from(&**name)).collect(),
            Request::SetCombined(combined) => {
                self.combined = combined;
                self.want(effects);
            }
            Request::IsCombined => result = self.combined.into(),
            Request::SetSequenced(is_sequenced) => {
                // Binary events have no room for it.
                self.is_sequenced = is_sequenced && self.encoding == Encoding::Json;
                self.want(effects);
            }
            Request::IsSequenced => result = self.is_sequenced.into(),
        }
        effects.send(Opcode::Text, answer(&result, id).as_bytes());
    }

    /// Those of the names that the connection has not, each once. What it has is looked up when it asks, and not kept in
    /// a table: most connections never ask again.
    fn new_ones<'a>(&self, names: &'a [String]) -> Vec<&'a str> {
        let mut known: FxHashSet<&str> = self.names.iter().map(|name| &**name).collect();
        names.iter().map(String::as_str).filter(|name| known.insert(name)).collect()
    }

    fn has_room_for(&self, new: usize) -> bool {
        self.limits.streams_max == 0 || self.names.len() + new <= self.limits.streams_max
    }

    fn add(&mut self, new: Vec<&str>) {
        self.names.reserve_exact(new.len());
        self.names.extend(new.into_iter().map(Rc::from));
    }

    /// All that the names lead to, from now on, or from where it was when it was here before.
    fn want(&mut self, effects: &mut Effects) {
        effects.wants = Some(self.wants_of(&self.names));
        effects.resumes = if self.names.is_empty() { None } else { self.resumes.take().map(|resume| *resume) };
        effects.tells_position = self.is_sequenced.then_some(TELLER);
    }

    /// What names lead to, in the present form.
    fn wants_of(&self, names: &[Rc<str>]) -> Vec<Want> {
        let want = |name: &Rc<str>| {
            if !self.limits.serves_retired_names && stream::is_retired(name) {
                return None;
            }
            let (scope, channel) = stream::parse(name, self.encoding)?;
            let form = match self.encoding {
                Encoding::Json => Form::Binance { unit: self.unit, wrapper: self.combined.then(|| Rc::clone(name)) },
                // Template and symbol tell binary events apart; there is no wrapper.
                Encoding::Sbe => Form::BinanceSbe,
            };
            let form = match self.is_sequenced {
                true => Form::Framed { payload: Rc::new(form), framing: Framing::numbered(Carrier::Frame, false) },
                false => form,
            };
            Some(Want { scope, channel, form })
        };
        names.iter().filter_map(want).collect()
    }
}

fn refuse(refusal: &Refusal, effects: &mut Effects) {
    effects.send(Opcode::Text, refusal.answer().as_bytes());
    if refusal.closes {
        effects.close(Close::INVALID_REQUEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: BinanceLimits = BinanceLimits {
        streams_max: 4,
        heartbeat: HeartbeatLimits { ping_interval_ms: 20_000, pong_timeout_ms: 60_000 },
        rate: RateLimits { per_second: 0, burst: 0 },
        lifetime_ms: 0,
        serves_retired_names: true,
    };

    fn ask(session: &mut BinanceSession, text: &str) -> Effects {
        let mut effects = Effects::default();
        session.on_message(Incoming::Text(text), 0, &mut effects);
        effects
    }

    fn reply(effects: &Effects) -> &str {
        std::str::from_utf8(&effects.frames.bytes[2..]).unwrap_or("")
    }

    #[test]
    fn subscribing_twice_counts_once_and_unknown_names_are_kept() {
        let mut session = BinanceSession::new(Address::default(), LIMITS.into(), 0);
        let effects = ask(&mut session, r#"{"method":"SUBSCRIBE","params":["a@trade","a@trade","X@nosuch"],"id":1}"#);
        assert_eq!(effects.wants.unwrap().len(), 1);
        let effects = ask(&mut session, r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#);
        assert_eq!(reply(&effects), r#"{"result":["a@trade","X@nosuch"],"id":2}"#);
        assert!(effects.wants.is_none());
        let effects = ask(&mut session, r#"{"method":"UNSUBSCRIBE","params":["a@trade","never@trade"],"id":3}"#);
        assert_eq!(reply(&effects), r#"{"result":null,"id":3}"#);
        assert!(effects.wants.unwrap().is_empty());
    }

    #[test]
    fn one_stream_too_many_closes_the_connection_and_changes_nothing() {
        let names = vec!["a@trade".into(), "b@trade".into(), "c@trade".into()];
        let mut session = BinanceSession::new(Address { names, ..Address::default() }, LIMITS.into(), 0);
        let effects = ask(&mut session, r#"{"method":"SUBSCRIBE","params":["c@trade","d@trade"],"id":1}"#);
        assert!(effects.end.is_none());
        let effects = ask(&mut session, r#"{"method":"SUBSCRIBE","params":["e@trade"],"id":1}"#);
        assert_eq!(reply(&effects), r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}"#);
        assert_eq!(effects.end, Some(crate::session::End::Close(Close::INVALID_REQUEST)));
        assert!(effects.wants.is_none());
    }

    #[test]
    fn wrapping_changes_all_forms_at_once() {
        let names = vec!["a@trade".to_owned()];
        let mut session = BinanceSession::new(Address { names, ..Address::default() }, LIMITS.into(), 0);
        let effects = ask(&mut session, r#"{"method":"SET_PROPERTY","params":["combined",true],"id":5}"#);
        assert_eq!(reply(&effects), r#"{"result":null,"id":5}"#);
        let wants = effects.wants.unwrap();
        assert!(matches!(&wants[0].form, Form::Binance { wrapper: Some(name), .. } if &**name == "a@trade"));
        assert_eq!(
            reply(&ask(&mut session, r#"{"method":"GET_PROPERTY","params":["combined"],"id":6}"#)),
            r#"{"result":true,"id":6}"#
        );
    }

    #[test]
    fn retired_names_are_silent_where_they_are_not_served() {
        let names = r#"["!ticker@arr","!bookTicker","!miniTicker@arr@1000ms","btcusdt@depth@1000ms","btcusdt@depth5@1000ms","btcusdt@depth@100ms","btcusdt@depth","!miniTicker@arr"]"#;
        let request = format!(r#"{{"method":"SUBSCRIBE","params":{names},"id":1}}"#);
        for (serves_retired_names, wants) in [(true, 8), (false, 3)] {
            let limits = BinanceLimits { streams_max: 0, serves_retired_names, ..LIMITS };
            let effects = ask(&mut BinanceSession::new(Address::default(), limits.into(), 0), &request);
            assert_eq!(reply(&effects), r#"{"result":null,"id":1}"#);
            assert_eq!(effects.wants.unwrap().len(), wants);
        }
    }

    proptest! {
        /// Whatever is asked in whatever order, the list is what a set of names would hold.
        #[test]
        fn subscriptions_are_a_set_in_order(steps in proptest::collection::vec((any::<bool>(), 0_u8..6), 0..40)) {
            let limits = BinanceLimits { streams_max: 0, ..LIMITS };
            let mut session = BinanceSession::new(Address::default(), limits.into(), 0);
            let mut twin: Vec<String> = Vec::new();
            for (adds, which) in steps {
                let name = format!("s{which}@trade");
                let method = if adds { "SUBSCRIBE" } else { "UNSUBSCRIBE" };
                let effects = ask(&mut session, &format!(r#"{{"method":"{method}","params":["{name}"],"id":1}}"#));
                if !adds {
                    twin.retain(|other| *other != name);
                } else if !twin.contains(&name) {
                    twin.push(name);
                }
                prop_assert_eq!(effects.wants.unwrap().len(), twin.len());
            }
            let effects = ask(&mut session, r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
            prop_assert_eq!(reply(&effects), format!(r#"{{"result":{},"id":1}}"#, serde_json::to_string(&twin).unwrap()));
        }
    }
}
