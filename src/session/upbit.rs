//! A client of Upbit's public socket, or of another venue's whose clients ask as Upbit's do.
//!
//! Each request replaces everything: types, codes and format. The server stays silent until the first one, sends no
//! pings, and drops a connection on which nothing has moved for a while, without a close frame.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::fanout::ending::Ending;
use crate::fanout::frame::Form;
use crate::fanout::routes::Want;
use crate::fanout::{Carrier, Framing, Position};
use crate::market::channel::{Channel, Scope};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Name, Venue};
use crate::protocol::websocket::{Close, Opcode};
use crate::session::rate::Quota;
use crate::session::sequence::{Asked, Teller};
use crate::session::{Effects, End, Incoming, Resume};
use crate::venue::upbit::grouping::Grouping;
use crate::venue::upbit::request::{Body, Refusal, Request, Subscription, Types, UNITS_DEFAULT, split_units};
use crate::venue::upbit::{self, Edition, Format, Layout};

/// What holds for every connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpbitLimits {
    /// Milliseconds without data in either direction after which the connection is dropped; 0 for never.
    pub idle_timeout_ms: u64,
    /// Requests in any second, `PING` not counted; 0 for any number.
    pub requests_per_second: u32,
    /// Requests in any minute; 0 for any number.
    pub requests_per_minute: u32,
    /// Whether recordings are served as the exchange would send them today.
    pub edition: Edition,
}

/// Milliseconds from one `UP` to the next, once a client has said `PING`.
const UP_INTERVAL_MS: u64 = 10_000;

/// How it is told about positions.
const TELLER: Teller = Teller::Frame(Opcode::Binary);

/// A client of Upbit's public socket.
#[derive(Debug)]
pub struct UpbitSession {
    venue: Venue,
    limits: UpbitLimits,
    subscriptions: Vec<Subscription>,
    format: Format,
    is_sequenced: bool,
    /// Where it goes on with its first request.
    resumes: Option<Resume>,
    /// Whether the client agreed on compression.
    deflate: bool,
    moved_ms: u64,
    frames_routed: u64,
    next_up_ms: Option<u64>,
    quotas: [Quota; 2],
}

impl UpbitSession {
    /// A connection made now to the socket of a venue that has one; `deflate` says whether the client agreed on
    /// compression.
    pub fn new(venue: Venue, limits: UpbitLimits, deflate: bool, now_ms: u64) -> UpbitSession {
        UpbitSession {
            venue,
            limits,
            subscriptions: Vec::new(),
            format: Format::default(),
            is_sequenced: false,
            resumes: None,
            deflate,
            moved_ms: now_ms,
            frames_routed: 0,
            next_up_ms: None,
            quotas: [Quota::new(limits.requests_per_second, 1_000), Quota::new(limits.requests_per_minute, 60_000)],
        }
    }

    /// The same with what its address asks for about positions.
    #[must_use]
    pub fn sequenced(mut self, asked: &Asked) -> UpbitSession {
        self.is_sequenced = asked.is_sequenced;
        self.resumes = asked.resume(TELLER);
        self
    }

    /// How far it had got when it was here before.
    pub fn position(&self) -> Option<Position> {
        self.resumes.as_ref().and_then(Resume::position)
    }

    /// Nothing is sent before the first request.
    pub fn begin(&mut self, now_ms: u64) {
        self.moved_ms = now_ms;
    }

    /// Something has come from the client.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        self.moved_ms = now_ms;
        let bytes = match message {
            Incoming::Text(text) => text.as_bytes(),
            Incoming::Binary(bytes) => bytes,
            Incoming::Ping(payload) => return effects.send(Opcode::Pong, payload),
            Incoming::Pong(_) => return,
        };
        if bytes == b"PING" {
            self.next_up_ms.get_or_insert(now_ms);
            return self.on_up(now_ms, effects);
        }
        if !self.quotas.iter_mut().all(|quota| quota.take(now_ms)) {
            effects.ending = Some(Ending::RateLimit);
            return refuse(&Refusal::too_many_requests(), effects);
        }
        let types = self.venue.grammar().socket.as_ref().map_or(upbit::channel as Types, |socket| socket.channel);
        match Request::parse(bytes, types) {
            Ok(request) => self.carry_out(request, effects),
            Err(refusal) => refuse(&refusal, effects),
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, frames_routed: u64, effects: &mut Effects) {
        if frames_routed != self.frames_routed {
            self.frames_routed = frames_routed;
            self.moved_ms = now_ms;
        }
        self.on_up(now_ms, effects);
        if self.limits.idle_timeout_ms > 0 && now_ms >= self.moved_ms + self.limits.idle_timeout_ms {
            effects.end = Some(End::Abort);
        }
    }

    fn on_up(&mut self, now_ms: u64, effects: &mut Effects) {
        if let Some(next) = &mut self.next_up_ms
            && now_ms >= *next
        {
            *next += UP_INTERVAL_MS;
            self.moved_ms = now_ms;
            effects.send(Opcode::Binary, br#"{"status":"UP"}"#);
        }
    }

    fn carry_out(&mut self, request: Request, effects: &mut Effects) {
        self.format = request.format;
        match request.body {
            Body::Subscribe(subscriptions) => {
                for subscription in &subscriptions {
                    if !subscription.only_realtime {
                        effects.snapshots.extend(self.wants_of(subscription));
                    }
                }
                effects.resumes = self.resumes.take();
                effects.tells_position = self.is_sequenced.then_some(TELLER);
                self.subscriptions = subscriptions;
                self.subscriptions.retain(|subscription| !subscription.only_snapshot);
            }
            Body::List => {
                let list = self.list(&request.ticket);
                match self.deflate {
                    true => effects.deflated.push(list.into_bytes()),
                    false => effects.send(Opcode::Binary, list.as_bytes()),
                }
            }
        }
        effects.wants = Some(self.subscriptions.iter().flat_map(|s| self.wants_of(s)).collect());
    }

    /// What a data type object leads to. A level that no market has, or whose market is not one in won, is silent;
    /// whether the market has it at its present price shows when it is rendered.
    fn wants_of(&self, subscription: &Subscription) -> Vec<Want> {
        let channel = subscription.channel;
        let is_book = channel == Channel::Orderbook;
        let is_grouped = is_book && !subscription.level.is_zero();
        let grouping = Grouping::of(subscription.level).filter(|_| is_grouped);
        let want = |code: &String| {
            let (code, units) = if is_book { split_units(code) } else { (code.as_str(), UNITS_DEFAULT) };
            if is_grouped && !(grouping.is_some() && code.starts_with("KRW-")) {
                return None;
            }
            let layout = Layout { format: self.format, units, grouping, edition: self.limits.edition };
            let form = Form::Upbit { venue: self.venue, layout, deflate: self.deflate };
            let form = match self.is_sequenced {
                true => Form::Framed { payload: Rc::new(form), framing: Framing::numbered(Carrier::Frame, false) },
                false => form,
            };
            Some(Want { scope: Scope::Symbol(Name::new(code)?), channel, form })
        };
        subscription.codes.iter().filter_map(want).collect()
    }

    /// The answer to `LIST_SUBSCRIPTIONS`: one entry per type and level, codes in the order of the request,
    /// without suffixes.
    fn list(&self, ticket: &str) -> String {
        let short = self.format.is_short();
        let key = |long: &'static str, short_key: &'static str| if short { short_key } else { long };
        let mut entries: Vec<(&str, Decimal, Vec<String>)> = Vec::new();
        for subscription in &self.subscriptions {
            let codes = subscription.codes.iter().map(|code| split_units(code).0.to_owned());
            let is_book = subscription.channel == Channel::Orderbook;
            let level = if is_book && !subscription.level.is_zero() { subscription.level } else { Decimal::ZERO };
            match entries.iter_mut().find(|(kind, known, _)| *kind == subscription.kind && *known == level) {
                Some((_, _, list)) => list.extend(codes),
                None => entries.push((&subscription.kind, level, codes.collect())),
            }
        }
        let entry = |(kind, level, codes): &(&str, Decimal, Vec<String>)| {
            let level = if *kind == "orderbook" {
                let step = Grouping::of(*level).map_or(*level, Grouping::step);
                format!(",\"{}\":{step}", key("level", "lv"))
            } else {
                String::new()
            };
            format!(r#"{{"{}":"{kind}","{}":{}{level}}}"#, key("type", "ty"), key("codes", "cds"), json!(codes))
        };
        let entries: Vec<String> = entries.iter().map(entry).collect();
        let object = format!(
            r#"{{"{}":"LIST_SUBSCRIPTIONS","{}":[{}],"{}":{}}}"#,
            key("method", "mthd"),
            key("result", "rslt"),
            entries.join(","),
            key("ticket", "tckt"),
            Value::from(ticket),
        );
        if self.format.is_list() { format!("[{object}]") } else { object }
    }
}

fn refuse(refusal: &Refusal, effects: &mut Effects) {
    // All that the close frame says is that all is said.
    effects.ending.get_or_insert(Ending::InvalidRequest);
    effects.send(Opcode::Binary, refusal.answer().as_bytes());
    effects.close(Close::NORMAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> UpbitSession {
        UpbitSession::new(Venue::Upbit, UpbitLimits { idle_timeout_ms: 120_000, ..UpbitLimits::default() }, false, 0)
    }

    fn ask(session: &mut UpbitSession, text: &str, now_ms: u64) -> Effects {
        let mut effects = Effects::default();
        session.on_message(Incoming::Text(text), now_ms, &mut effects);
        effects
    }

    #[test]
    fn a_request_replaces_what_was_there_and_snapshots_come_as_asked() {
        let mut session = session();
        let text = r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},{"type":"trade","codes":["KRW-BTC"],"isOnlyRealtime":true},{"type":"orderbook","codes":["KRW-BTC.5"],"isOnlySnapshot":true}]"#;
        let effects = ask(&mut session, text, 0);
        assert_eq!((effects.wants.unwrap().len(), effects.snapshots.len()), (3, 3));
        let effects = ask(&mut session, r#"[{"ticket":"b"},{"type":"trade","codes":["KRW-XRP"]}]"#, 0);
        assert_eq!((effects.wants.unwrap().len(), effects.snapshots.len()), (1, 1));
        let effects = ask(&mut session, r#"[{"ticket":"q"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"SIMPLE"}]"#, 0);
        let reply = std::str::from_utf8(&effects.frames.bytes[2..]).unwrap();
        assert_eq!(reply, r#"{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"trade","cds":["KRW-XRP"]}],"tckt":"q"}"#);
        assert!(matches!(
            effects.wants.unwrap()[0].form,
            Form::Upbit { venue: Venue::Upbit, layout: Layout { format: Format::Simple, .. }, .. }
        ));
    }

    #[test]
    fn errors_are_named_and_close_with_1000() {
        let effects = ask(&mut session(), "hello", 0);
        assert!(effects.frames.bytes.windows(14).any(|w| w == br#""WRONG_FORMAT""#));
        assert_eq!(effects.end, Some(End::Close(Close::NORMAL)));
    }

    #[test]
    fn a_request_too_many_is_refused_and_ping_is_none() {
        let limits = UpbitLimits { requests_per_second: 5, requests_per_minute: 7, ..UpbitLimits::default() };
        let mut session = UpbitSession::new(Venue::Upbit, limits, false, 0);
        let list = r#"[{"ticket":"q"},{"method":"LIST_SUBSCRIPTIONS"}]"#;
        assert!((0..5).all(|_| ask(&mut session, list, 0).end.is_none()));
        assert!(ask(&mut session, "PING", 0).end.is_none());
        assert!((0..2).all(|_| ask(&mut session, list, 1_000).end.is_none()));
        let effects = ask(&mut session, list, 1_000);
        assert_eq!(effects.end, Some(End::Close(Close::NORMAL)));
        assert!(std::str::from_utf8(&effects.frames.bytes[2..]).unwrap().contains(r#""name":"Too Many Requests""#));
    }

    #[test]
    fn up_comes_every_10_s_after_ping_and_twice_ping_does_not_double_it() {
        let mut session = session();
        let mut times = Vec::new();
        for now_ms in (0..60_000).step_by(250) {
            let mut effects = Effects::default();
            if now_ms == 1_000 || now_ms == 4_000 {
                session.on_message(Incoming::Text("PING"), now_ms, &mut effects);
            }
            session.on_time(now_ms, 0, &mut effects);
            times.extend(effects.frames.marks.iter().map(|_| now_ms));
        }
        assert_eq!(times, [1_000, 11_000, 21_000, 31_000, 41_000, 51_000]);
    }

    #[test]
    fn a_connection_on_which_nothing_moves_is_dropped_without_a_word() {
        let mut session = session();
        let end = |session: &mut UpbitSession, now_ms, frames| {
            let mut effects = Effects::default();
            session.on_time(now_ms, frames, &mut effects);
            effects.end
        };
        assert_eq!(end(&mut session, 119_000, 0), None);
        assert_eq!(end(&mut session, 119_500, 7), None);
        assert_eq!(end(&mut session, 239_000, 7), None);
        session.on_message(Incoming::Ping(b""), 239_000, &mut Effects::default());
        assert_eq!(end(&mut session, 358_500, 7), None);
        assert_eq!(end(&mut session, 359_000, 7), Some(End::Abort));
    }
}
