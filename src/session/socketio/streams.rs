//! A namespace that serves streams: `subscribe`, `unsubscribe`, `subscriptions`.
//!
//! | event | arguments | answer |
//! |---|---|---|
//! | `subscribe` | a name or a list of names; perhaps `{"volatile": true, "snapshot": false}` | `{"ok":true}` |
//! | `unsubscribe` | a name or a list of names | `{"ok":true}` |
//! | `subscriptions` | | the list of names |
//!
//! Payloads are the venue's own where the namespace is a venue's, and in the neutral form where it is all venues'.
//!
//! What cannot be done is answered with `{"ok":false,"error":"…"}`, and then nothing of it has been done.

use std::rc::Rc;

use rustc_hash::FxHashSet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fanout::{Form, Framing, PackedRoom, Room, Want};
use crate::market::channel::{Channel, Scope};
use crate::market::symbol::{Name, Venue};
use crate::protocol::socketio::{Packet, Parser};
use crate::session::Effects;
use crate::session::socketio::recovery::Stored;
use crate::venue::binance::{Encoding, TimeUnit, stream};
use crate::venue::upbit::request::UNITS_DEFAULT;
use crate::venue::upbit::{Edition, Format, Layout};

/// The streams of one namespace.
#[derive(Debug)]
pub(super) struct Streams {
    /// Whose; `None` where each name says it.
    venue: Option<Venue>,
    edition: Edition,
    /// How the client reads its events.
    parser: Parser,
    /// Whether clients may go on in their rooms when they come back.
    is_recoverable: bool,
    rooms: Vec<(String, Want)>,
}

/// What an event has come to.
#[derive(Debug)]
pub(super) struct Answer {
    /// What the client is told.
    pub(super) value: Value,
    /// Whether it is in other rooms than before.
    pub(super) has_changed: bool,
}

/// How streams are subscribed to.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// Of what the client has not taken yet only the newest event of each stream is sent.
    volatile: bool,
    /// Whether the newest value comes first, where a stream has one; so it does unless the client says no.
    snapshot: Option<bool>,
}

/// One name or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl Streams {
    /// None yet, of one venue, or of all; then their names begin with a venue's and a colon.
    pub(super) fn new(venue: Option<Venue>, (edition, parser): (Edition, Parser), is_recoverable: bool) -> Streams {
        Streams { venue, edition, parser, is_recoverable, rooms: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn wants(&self) -> Vec<Want> {
        self.rooms.iter().map(|(_, want)| want.clone()).collect()
    }

    /// What is to be kept of them; `None` where a client cannot go on, because an array of all symbols is a second's
    /// worth of events, which is not told again.
    pub(super) fn to_store(&self) -> Option<Vec<(String, bool)>> {
        let is_collected = |(_, want): &(String, Want)| want.scope == Scope::Collected;
        let stored = |(name, want): &(String, Want)| (name.clone(), want.form.is_volatile());
        (!self.rooms.iter().any(is_collected)).then(|| self.rooms.iter().map(stored).collect())
    }

    /// What was kept, as wants.
    pub(super) fn wants_of(&self, stored: &Stored) -> Option<Vec<Want>> {
        stored.rooms.iter().map(|(name, is_volatile)| self.want(&stored.namespace, name, *is_volatile).ok()).collect()
    }

    /// The client is in all its rooms again.
    pub(super) fn restore(&mut self, stored: &Stored, wants: Vec<Want>) {
        self.rooms = stored.rooms.iter().map(|(name, _)| name.clone()).zip(wants).collect();
    }

    /// Carries out an event.
    pub(super) fn on_event(&mut self, packet: &Packet, max: usize, effects: &mut Effects) -> Result<Answer, String> {
        let Some((event, arguments)) = packet.event() else { return Err("the name of an event is a text".into()) };
        match event {
            "subscribe" => self.subscribe(packet, arguments, max, effects),
            "unsubscribe" => {
                let gone: FxHashSet<String> = names(arguments)?.into_iter().collect();
                self.rooms.retain(|(name, _)| !gone.contains(name));
                Ok(Answer { value: json!({ "ok": true }), has_changed: true })
            }
            "subscriptions" => {
                let value = self.rooms.iter().map(|(name, _)| Value::from(&**name)).collect();
                Ok(Answer { value, has_changed: false })
            }
            other => Err(format!("unknown event `{other}`: there are subscribe, unsubscribe and subscriptions")),
        }
    }

    fn subscribe(
        &mut self,
        packet: &Packet,
        arguments: &[Value],
        max: usize,
        effects: &mut Effects,
    ) -> Result<Answer, String> {
        let options = match arguments.get(1) {
            None | Some(Value::Null) => Options::default(),
            Some(options) => Options::deserialize(options).map_err(|error| format!("options: {error}"))?,
        };
        // A body of the size that one may have names so many streams that every step here must be one look-up.
        let (mut added, mut named) = (Vec::new(), FxHashSet::default());
        let known: FxHashSet<&Want> = self.rooms.iter().map(|(_, want)| want).collect();
        for name in names(arguments)? {
            let want = self.want(&packet.namespace, &name, options.volatile)?;
            if !known.contains(&want) && named.insert(name.clone()) {
                added.push((name, want));
            }
            if added.len() > max {
                return Err("too many streams".into());
            }
        }
        // Another option for a stream that the client already has replaces it.
        let is_kept = |(name, _): &(String, Want)| !named.contains(name);
        if self.rooms.iter().filter(|room| is_kept(room)).count() + added.len() > max {
            return Err("too many streams".into());
        }
        self.rooms.retain(is_kept);
        if options.snapshot != Some(false) {
            let snapshots = added.iter().map(|(_, want)| want).filter(|want| want.channel.has_snapshot());
            effects.snapshots.extend(snapshots.filter(|want| matches!(want.scope, Scope::Symbol(_))).cloned());
        }
        self.rooms.extend(added);
        Ok(Answer { value: json!({ "ok": true }), has_changed: true })
    }

    /// How events are written: as the venue's clients get them by default, or alike for all venues.
    fn payload(&self, venue: Venue) -> Form {
        let layout = Layout { format: Format::Default, units: UNITS_DEFAULT, grouping: None, edition: self.edition };
        match (self.venue, &venue.grammar().socket) {
            (None, _) => Form::Neutral { venue, units: layout.units },
            (Some(_), Some(_)) => Form::Upbit { venue, layout, deflate: false },
            (Some(_), None) => Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None },
        }
    }

    /// What a name leads to.
    fn want(&self, namespace: &str, name: &str, is_volatile: bool) -> Result<Want, String> {
        let unknown = || format!("no such stream: `{name}`");
        let (venue, own_name) = match self.venue {
            Some(venue) => (venue, name),
            None => {
                let (prefix, own_name) = name.split_once(':').ok_or_else(unknown)?;
                let venue = Venue::ALL.into_iter().find(|venue| venue.grammar().name == prefix);
                (venue.ok_or_else(unknown)?, own_name)
            }
        };
        let (scope, channel) = parse(venue, own_name).ok_or_else(unknown)?;
        let (payload, framing) = (Rc::new(self.payload(venue)), self.framing(namespace, own_name, name, is_volatile));
        Ok(Want { scope, channel, form: Form::Framed { payload, framing } })
    }

    fn framing(&self, namespace: &str, own_name: &str, name: &str, is_volatile: bool) -> Framing {
        let event = kind(own_name);
        match self.parser {
            Parser::Default => {
                let room = Room { is_volatile, ..Room::new(namespace, event, name) };
                Framing::Room(Rc::new(if self.is_recoverable { room.recoverable() } else { room }))
            }
            Parser::MessagePack => {
                let room = PackedRoom::new(namespace, (event, name), is_volatile, self.is_recoverable);
                Framing::Packed(Rc::new(room))
            }
        }
    }
}

/// Whose updates and which a name asks for: names of Binance are its own, those of a venue without names of streams are
/// a code and a type, `KRW-BTC@ticker`.
fn parse(venue: Venue, name: &str) -> Option<(Scope, Channel)> {
    match &venue.grammar().socket {
        None => stream::parse(name, Encoding::Json),
        Some(socket) => {
            let (code, kind) = name.split_once('@')?;
            Some((Scope::Symbol(Name::new(code)?), (socket.channel)(kind)?))
        }
    }
}

/// What the events of a stream are called: `depth` of `btcusdt@depth@100ms`, `kline` of `btcusdt@kline_1m`, `candle` of
/// `KRW-BTC@candle.1s`, `miniTicker` of `!miniTicker@arr`.
fn kind(name: &str) -> &str {
    let kind = match name.strip_prefix('!') {
        Some(all) => all,
        None => name.split_once('@').map_or(name, |(_, kind)| kind),
    };
    kind.split(['@', '_', '.']).next().unwrap_or(kind)
}

fn names(arguments: &[Value]) -> Result<Vec<String>, String> {
    match arguments.first().map(Names::deserialize) {
        Some(Ok(Names::One(name))) => Ok(vec![name]),
        Some(Ok(Names::Many(names))) => Ok(names),
        _ => Err("the first argument is the name of a stream, or a list of them".into()),
    }
}
