//! A client of Socket.IO, whatever its packets travel in and however they are written.
//!
//! The session is told what comes, packet by packet, and says in frames what goes. A namespace is a venue, a room is a
//! stream; where people talk, they name rooms themselves. An event that is served, `subscribe` for one, is carried out
//! and answered before the next packet is looked at, so that a client may rely on their order.

mod mirror;
pub mod recovery;
mod rooms;
mod streams;
pub mod token;

use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::fanout::Position;
use crate::fanout::backlog::Mark;
use crate::market::symbol::Venue;
use crate::protocol::engineio::heartbeat::{Beat, Heartbeat};
use crate::protocol::engineio::id::{Sid, socket_id};
use crate::protocol::engineio::open::{Limits, Transport, open_packet};
use crate::protocol::engineio::packet::Packet as Carrier;
use crate::protocol::socketio::outgoing::{ack, connected, event, refused};
use crate::protocol::socketio::{Assembler, Kind, Outgoing, Packet, Parser, Violation};
use crate::protocol::websocket::{Close, Opcode, write_frame};
use crate::session::rate::{Rate, RateLimits};
use crate::session::rooms::Rooms;
use crate::session::socketio::recovery::{Holder, Recover, Recoveries, Stored};
use crate::session::socketio::rooms::Talks;
use crate::session::socketio::streams::Streams;
use crate::session::socketio::token::Tokens;
use crate::session::{Effects, Incoming};
use crate::venue::upbit::Edition;

/// What holds for every session.
#[derive(Clone, Debug)]
pub struct SocketIoLimits {
    /// Times and sizes, as the client is told them.
    pub engine: Limits,
    /// Most streams of one client, in all namespaces together.
    pub streams_max: usize,
    /// Packets of a client, answers to pings excepted.
    pub rate: RateLimits,
    /// In which form venues with several write their events.
    pub edition: Edition,
    /// What clients must know to join a namespace.
    pub tokens: Tokens,
}

/// What is served to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Streams of market data: a namespace for each venue, and `/` for all of them.
    Streams,
    /// What the official suite for Socket.IO expects: `/` and `/custom`, which send back what they get.
    Mirror,
    /// What the official suite for Engine.IO expects: messages are sent back as they are, and there are no namespaces.
    Echo,
}

/// What a namespace serves.
#[derive(Debug)]
enum Namespace {
    /// Streams of one venue, or of all, whose names then begin with a venue's.
    Streams(Streams),
    /// Its own events.
    Mirror,
    /// Nothing but rooms.
    Rooms,
}

/// A namespace the client has joined.
#[derive(Debug)]
struct Joined {
    /// Its id there.
    socket_id: String,
    /// The secret by which it goes on where it was; `None` where that is not offered.
    pid: Option<String>,
    serves: Namespace,
}

/// A client of Socket.IO.
#[derive(Debug)]
pub struct SocketIoSession {
    sid: Sid,
    transport: Transport,
    service: Service,
    limits: SocketIoLimits,
    heartbeat: Heartbeat,
    rate: Rate,
    assembler: Assembler,
    namespaces: FxHashMap<String, Joined>,
    recoveries: Arc<Recoveries>,
    holder: Holder,
    /// `None` where there are no rooms.
    talks: Option<Talks>,
    /// When a client that has joined nothing is given up; `None` once it has.
    connect_by_ms: Option<u64>,
}

impl SocketIoSession {
    /// A session opened now over this transport.
    pub fn new(
        sid: Sid,
        transport: Transport,
        (service, limits): (Service, SocketIoLimits),
        recoveries: Arc<Recoveries>,
        now_ms: u64,
    ) -> Self {
        let Limits { ping_interval_ms, ping_timeout_ms, connect_timeout_ms, .. } = limits.engine;
        SocketIoSession {
            sid,
            transport,
            service,
            rate: Rate::new(limits.rate, now_ms),
            limits,
            heartbeat: Heartbeat::new(ping_interval_ms, ping_timeout_ms, now_ms),
            assembler: Assembler::default(),
            namespaces: FxHashMap::default(),
            holder: recoveries.holder(),
            recoveries,
            talks: None,
            connect_by_ms: (service != Service::Echo).then_some(now_ms + connect_timeout_ms),
        }
    }

    /// The same with rooms to talk in, for a session of streams on this core.
    #[must_use]
    pub fn with_rooms(mut self, rooms: Option<&Arc<Rooms>>, core: usize, now_ms: u64) -> Self {
        let rooms = rooms.filter(|_| self.service == Service::Streams);
        self.talks = rooms.map(|rooms| Talks::new(Arc::clone(rooms), core, now_ms));
        self
    }

    /// Its id.
    pub fn sid(&self) -> &Sid {
        &self.sid
    }

    /// The packet that opens the session, where it is a frame's; one that polls has it in the answer to its request.
    pub fn begin(&mut self, effects: &mut Effects) {
        if self.transport == Transport::WebSocket {
            effects.send(Opcode::Text, self.open_packet().as_bytes());
        }
    }

    /// The packet that opens the session.
    pub fn open_packet(&self) -> String {
        open_packet(&self.sid, self.transport, &self.limits.engine)
    }

    /// Something has come from the client. What it may not send ends the session without a word, and so does more than it
    /// may send.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        let is_asked_for = matches!(message, Incoming::Text("3")) && self.heartbeat.awaits_pong();
        if !is_asked_for && !self.rate.take(now_ms) {
            return effects.close(Close::TOO_MANY_REQUESTS);
        }
        let packet = match message {
            Incoming::Text(text) => match Carrier::parse(text) {
                Some(packet) => packet,
                None => return effects.close(Close::INVALID_REQUEST),
            },
            Incoming::Binary(bytes) => Carrier::Binary(bytes.into()),
            Incoming::Ping(payload) => return effects.send(Opcode::Pong, payload),
            Incoming::Pong(_) => return,
        };
        match packet {
            Carrier::Pong => return self.heartbeat.on_pong(now_ms),
            _ => self.heartbeat.on_packet(now_ms),
        }
        let done = match packet {
            Carrier::Close => return effects.close(Close::NORMAL),
            // Pings are the server's.
            Carrier::Ping(_) => return effects.close(Close::INVALID_REQUEST),
            Carrier::Open | Carrier::Pong | Carrier::Upgrade | Carrier::Noop => return,
            Carrier::Text(text) if self.service == Service::Echo => {
                return effects.send(Opcode::Text, format!("4{text}").as_bytes());
            }
            Carrier::Binary(bytes) if self.service == Service::Echo => return effects.send(Opcode::Binary, &bytes),
            Carrier::Text(text) => self.assembler.on_text(text),
            Carrier::Binary(bytes) => match self.assembler.on_binary(&bytes) {
                // Who begins with bytes that are no MessagePack writes in something that is not read here.
                Err(_) if self.assembler.parser().is_none() => return effects.close(Close::UNSERVED_PARSER),
                packet => packet,
            },
        }
        .and_then(|packet| packet.map_or(Ok(()), |packet| self.carry_out(packet, now_ms, effects)));
        if let Err(violation) = done {
            tracing::debug!("Socket.IO session ended: {violation}");
            effects.close(Close::INVALID_REQUEST);
        }
    }

    /// Time has passed.
    pub fn on_time(&mut self, now_ms: u64, effects: &mut Effects) {
        match self.heartbeat.on_time(now_ms) {
            Beat::Nothing => {}
            Beat::Ping => {
                let mut frame = Vec::new();
                write_frame(Opcode::Text, b"2", &mut frame);
                effects.ahead.push(&frame, Mark::KEPT);
            }
            Beat::Lost => effects.close(Close::PONG_TIMEOUT),
        }
        if self.connect_by_ms.is_some_and(|by_ms| now_ms >= by_ms) {
            effects.close(Close::INVALID_REQUEST);
        }
    }

    /// When the time is to be told next.
    pub fn deadline_ms(&self) -> u64 {
        self.heartbeat.deadline_ms().min(self.connect_by_ms.unwrap_or(u64::MAX))
    }

    fn carry_out(&mut self, packet: Packet, now_ms: u64, effects: &mut Effects) -> Result<(), Violation> {
        let has_joined = self.namespaces.contains_key(&packet.namespace);
        if has_joined == (packet.kind == Kind::Connect) {
            return Err(Violation::Order);
        }
        match packet.kind {
            Kind::Connect => self.connect(packet, effects),
            Kind::Disconnect => {
                let left = self.namespaces.remove(&packet.namespace);
                if let Some(pid) = left.as_ref().and_then(|left| left.pid.as_deref()) {
                    self.recoveries.forget(pid, self.holder);
                }
                if left.is_some_and(|left| left.serves.streams() > 0) {
                    effects.wants = Some(self.wants());
                }
                self.talks.iter_mut().for_each(|talks| talks.on_disconnect(&packet.namespace, effects));
            }
            Kind::Event => self.on_event(&packet, now_ms, effects),
            // Nothing is asked of clients.
            Kind::Ack => {}
        }
        Ok(())
    }

    fn connect(&mut self, packet: Packet, effects: &mut Effects) {
        let path = packet.namespace;
        let namespace = match self.service {
            Service::Streams if self.talks.as_ref().is_some_and(|talks| talks.serve(&path)) => Namespace::Rooms,
            Service::Streams if path == "/" => Namespace::Streams(self.none_yet(None)),
            Service::Streams => {
                let venue = Venue::ALL.into_iter().find(|venue| path.strip_prefix('/') == Some(venue.grammar().name));
                match venue {
                    Some(venue) => Namespace::Streams(self.none_yet(Some(venue))),
                    None => return self.say(&refused(&path, "Invalid namespace", None), effects),
                }
            }
            Service::Mirror if matches!(&*path, "/" | "/custom") => Namespace::Mirror,
            Service::Mirror | Service::Echo => return self.say(&refused(&path, "Invalid namespace", None), effects),
        };
        let data = packet.data.unwrap_or_else(|| json!({}));
        if let Err(reason) = self.limits.tokens.check(&data) {
            let why = json!({ "code": 401, "reason": reason.to_string() });
            return self.say(&refused(&path, "not authorized", Some(&why)), effects);
        }
        self.connect_by_ms = None;
        let parser = self.parser();
        let mut joined = Joined { socket_id: socket_id(), pid: None, serves: namespace };
        match &mut joined.serves {
            Namespace::Rooms => self.say(&connected(&path, &joined.socket_id, None), effects),
            Namespace::Mirror => {
                self.say(&connected(&path, &joined.socket_id, None), effects);
                self.say(&event(&path, "auth", &data), effects);
            }
            Namespace::Streams(streams) => {
                joined.pid = self.recoveries.is_on().then(socket_id);
                effects.recover = recover((&self.recoveries, self.holder), &path, &data, streams).map(Box::new);
                if effects.recover.is_none() {
                    self.say(&connected(&path, &joined.socket_id, joined.pid.as_deref()), effects);
                }
            }
        }
        self.talks.iter_mut().for_each(|talks| talks.on_connect(&path, &joined.socket_id, parser, effects));
        joined.keep(&path, &self.recoveries, self.holder);
        self.namespaces.insert(path, joined);
    }

    fn none_yet(&self, venue: Option<Venue>) -> Streams {
        Streams::new(venue, (self.limits.edition, self.parser()), self.recoveries.is_on())
    }

    /// What a client that asked for it has missed stands in the effects, or is no longer known: it is told under which
    /// id it goes on.
    pub fn on_recovery(&mut self, recover: Recover, is_restored: bool, effects: &mut Effects) {
        let parser = self.parser();
        let Some(joined) = self.namespaces.get_mut(&recover.stored.namespace) else { return };
        if let (true, Namespace::Streams(streams)) = (is_restored, &mut joined.serves) {
            // What it was given when it joined is nobody's.
            joined.pid.iter().for_each(|pid| self.recoveries.forget(pid, self.holder));
            joined.socket_id.clone_from(&recover.stored.socket_id);
            joined.pid = Some(recover.pid);
            streams.restore(&recover.stored, recover.wants);
            self.talks.iter_mut().for_each(|talks| talks.on_recovery(&recover.stored.namespace, &joined.socket_id));
            joined.keep(&recover.stored.namespace, &self.recoveries, self.holder);
        } else {
            self.recoveries.forget(&recover.pid, self.holder);
        }
        say(parser, &connected(&recover.stored.namespace, &joined.socket_id, joined.pid.as_deref()), effects);
        if is_restored {
            effects.wants = Some(self.wants());
        }
    }

    /// The connection has ended, but for the namespaces that the client has left itself: it may go on in them later.
    pub fn on_end(&mut self) {
        self.talks.iter_mut().for_each(Talks::on_end);
        for pid in self.namespaces.drain().filter_map(|(_, joined)| joined.pid) {
            self.recoveries.end(&pid, self.holder, Instant::now());
        }
    }

    fn on_event(&mut self, packet: &Packet, now_ms: u64, effects: &mut Effects) {
        if let Some(answer) = self.talks.as_mut().and_then(|talks| talks.on_event(packet, now_ms, effects)) {
            return self.reply(packet, answer, effects);
        }
        let others =
            self.streams() - self.namespaces.get(&packet.namespace).map_or(0, |joined| joined.serves.streams());
        let parser = self.parser();
        let room_left = self.limits.streams_max.saturating_sub(others);
        let answer = match self.namespaces.get_mut(&packet.namespace).map(|joined| &mut joined.serves) {
            Some(Namespace::Mirror) => return mirror::on_event(packet, parser, effects),
            Some(Namespace::Streams(streams)) => streams.on_event(packet, room_left, effects),
            Some(Namespace::Rooms) | None => return,
        };
        if answer.as_ref().is_ok_and(|answer| answer.has_changed) {
            if let Some(joined) = self.namespaces.get(&packet.namespace) {
                joined.keep(&packet.namespace, &self.recoveries, self.holder);
            }
            effects.wants = Some(self.wants());
        }
        self.reply(packet, answer.map(|answer| answer.value), effects);
    }

    /// Answers an event, if the client asked for that.
    fn reply(&self, packet: &Packet, answer: Result<Value, String>, effects: &mut Effects) {
        let answer = answer.unwrap_or_else(|error| json!({ "ok": false, "error": error }));
        match packet.id {
            Some(id) => self.say(&ack(&packet.namespace, id, &json!([answer])), effects),
            // Nobody waits for an answer, but whoever looks for the reason of a silence finds it.
            None if answer["ok"] == Value::Bool(false) => {
                self.say(&event(&packet.namespace, "error", &answer), effects);
            }
            None => {}
        }
    }

    fn say(&self, packet: &Outgoing<'_>, effects: &mut Effects) {
        say(self.parser(), packet, effects);
    }

    /// Whoever is told anything has said something before.
    fn parser(&self) -> Parser {
        self.assembler.parser().unwrap_or_default()
    }

    fn streams(&self) -> usize {
        self.namespaces.values().map(|joined| joined.serves.streams()).sum()
    }

    fn wants(&self) -> Vec<crate::fanout::Want> {
        let wants = |joined: &Joined| match &joined.serves {
            Namespace::Streams(streams) => streams.wants(),
            Namespace::Mirror | Namespace::Rooms => Vec::new(),
        };
        self.namespaces.values().flat_map(wants).collect()
    }
}

impl Joined {
    /// Keeps what the client has, for the case that it comes back.
    fn keep(&self, namespace: &str, recoveries: &Recoveries, holder: Holder) {
        let (Some(pid), Namespace::Streams(streams)) = (&self.pid, &self.serves) else { return };
        let (namespace, socket_id) = (namespace.to_owned(), self.socket_id.clone());
        match streams.to_store() {
            Some(rooms) => recoveries.hold(pid, holder, Stored { namespace, socket_id, rooms }),
            None => recoveries.forget(pid, holder),
        }
    }
}

impl Namespace {
    fn streams(&self) -> usize {
        if let Namespace::Streams(streams) = self { streams.len() } else { 0 }
    }
}

/// What a client had that asks to go on where it was; `None` if it does not ask, or if that is not known any more.
fn recover(
    (recoveries, holder): (&Recoveries, Holder),
    namespace: &str,
    data: &Value,
    streams: &Streams,
) -> Option<Recover> {
    let (pid, offset) = (data["pid"].as_str()?, data["offset"].as_str()?);
    let position = Position::parse(offset).filter(|_| recoveries.is_on())?;
    let stored = recoveries.take(pid, namespace, holder, Instant::now())?;
    let Some(wants) = streams.wants_of(&stored) else {
        recoveries.forget(pid, holder);
        return None;
    };
    Some(Recover { pid: pid.to_owned(), stored, wants, position })
}

/// Sends a packet as the client reads it.
fn say(parser: Parser, packet: &Outgoing<'_>, effects: &mut Effects) {
    packet.messages(parser).iter().for_each(|(opcode, payload)| effects.send(*opcode, payload));
}

#[cfg(test)]
mod tests;
