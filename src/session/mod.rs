//! One client: what it is subscribed to, how it is kept alive, how it ends.
//!
//! A [`Session`] is a state machine. It is given what the client sends and what time it is, and says what is to be
//! done; it knows no sockets, and its clock is the caller's.

pub mod api;
pub mod binance;
pub mod echo;
pub mod events;
pub mod heartbeat;
pub mod lines;
pub mod liveness;
pub mod rate;
pub mod rooms;
pub mod selection;
pub mod sequence;
pub mod socketio;
pub mod upbit;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::ending::Ending;
use crate::fanout::framing::Dialect;
use crate::fanout::position::Position;
use crate::fanout::routes::Want;
use crate::protocol::websocket::{Close, Message, Opcode, write_frame};
use crate::session::sequence::Teller;
use crate::venue::binance::api::ApiRequest;

/// A client's side of the connection, by the venue whose manners it expects. Whatever is larger than the most common one
/// is in a box, so that it costs the others nothing.
#[derive(Debug)]
pub enum Session {
    /// A client of Binance's streams.
    Binance(binance::BinanceSession),
    /// A client of Binance's WebSocket API.
    Api(api::ApiSession),
    /// A client of Upbit's public socket.
    Upbit(Box<upbit::UpbitSession>),
    /// A client of Socket.IO.
    SocketIo(Box<socketio::SocketIoSession>),
    /// A client that listens over plain HTTP.
    Events(events::EventSession),
    /// A client of the bare TCP port.
    Lines(lines::LineSession),
    /// One who talks in a room, on a WebSocket of his own.
    Rooms(Box<rooms::RoomSession>),
    /// A client that gets back what it sends.
    Echo(Box<echo::EchoSession>),
}

/// A whole message or control frame from a client.
#[derive(Clone, Copy, Debug)]
pub enum Incoming<'a> {
    /// UTF-8.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// Perhaps the answer to a ping of ours.
    Pong(&'a [u8]),
}

impl<'a> From<Message<'a>> for Incoming<'a> {
    fn from(message: Message<'a>) -> Incoming<'a> {
        match message {
            Message::Text(text) => Incoming::Text(text),
            Message::Binary(bytes) => Incoming::Binary(bytes),
            Message::Ping(payload) => Incoming::Ping(payload),
            Message::Pong(payload) => Incoming::Pong(payload),
        }
    }
}

/// What a session wants done, in this order: wants replaced, frames sent (snapshots of the new wants first), then the
/// end.
#[derive(Debug, Default)]
pub struct Effects {
    /// Frames to send before all that waits to be sent.
    pub ahead: Batch,
    /// Frames to send.
    pub frames: Batch,
    /// Payloads of binary messages to send behind those, compressed.
    pub deflated: Vec<Vec<u8>>,
    /// What the client has missed and is to be sent before anything else, if it is still known.
    pub recover: Option<Box<socketio::recovery::Recover>>,
    /// All that the client wants from now on, if that has changed.
    pub wants: Option<Vec<Want>>,
    /// Streams whose newest value is to be sent before anything else of theirs.
    pub snapshots: Vec<Want>,
    /// What the client asks of the market, to be answered when the market has.
    pub question: Option<ApiRequest>,
    /// How far the client had got when it was here before; what it missed is sent in place of the snapshots.
    pub resumes: Option<Resume>,
    /// Of which of its wants that is said; `None` for all of them.
    pub spliced: Option<Vec<Want>>,
    /// How it is told, behind the snapshots, how far it has got with them; `None` if it is not.
    pub tells_position: Option<Teller>,
    /// Seats in rooms, taken and given up.
    pub rooms: rooms::Rooming,
    /// How the connection ends, if it does.
    pub end: Option<End>,
    /// Why, where the client is not told.
    pub ending: Option<Ending>,
}

/// A client that is to be told the past first.
#[derive(Clone, Debug)]
pub struct Resume {
    /// How it is told whether it goes on.
    pub teller: Teller,
    /// Where it begins.
    pub origin: Origin,
}

/// From where on a client is told the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It comes again, and had got so far; `None` where it said something else.
    Position(Option<Position>),
    /// This time, as the client wrote it.
    Time(Box<str>),
}

impl Resume {
    /// How far the client had got when it was here before, if that is what it says.
    pub fn position(&self) -> Option<Position> {
        match self.origin {
            Origin::Position(position) => position,
            Origin::Time(_) => None,
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a close frame behind everything that is due.
    Close(Close),
    /// At once and without a word, as some venues do.
    Abort,
}

impl End {
    /// Why, as far as the client is told. Nobody is cut off without a word but who has been silent for long.
    pub fn ending(self) -> Ending {
        match self {
            End::Close(close) => Ending::of(close),
            End::Abort => Ending::Idle,
        }
    }
}

impl Effects {
    /// Sends a frame.
    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::with_capacity(payload.len() + 10);
        write_frame(opcode, payload, &mut frame);
        self.frames.push(&frame, Mark::KEPT);
    }

    /// Sends what is no WebSocket frame, as one piece.
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        write(&mut frame);
        self.frames.push(&frame, Mark::KEPT);
    }

    /// Ends the connection.
    pub fn close(&mut self, close: Close) {
        self.end = Some(End::Close(close));
    }
}

impl Session {
    /// What the client gets before it has said anything: the streams in its address.
    pub fn begin(&mut self, now_ms: u64, effects: &mut Effects) {
        match self {
            Session::Binance(session) => session.begin(now_ms, effects),
            Session::Api(_) => {}
            Session::Upbit(session) => session.begin(now_ms),
            Session::SocketIo(session) => session.begin(effects),
            Session::Events(session) => session.begin(effects),
            Session::Lines(_) | Session::Echo(_) => {}
            Session::Rooms(session) => session.begin(effects),
        }
    }

    /// Something has come from the client.
    pub fn on_message(&mut self, message: Incoming<'_>, now_ms: u64, effects: &mut Effects) {
        match self {
            Session::Binance(session) => session.on_message(message, now_ms, effects),
            Session::Api(session) => session.on_message(message, now_ms, effects),
            Session::Upbit(session) => session.on_message(message, now_ms, effects),
            Session::SocketIo(session) => session.on_message(message, now_ms, effects),
            // It has said all in its address.
            Session::Events(_) => {}
            Session::Lines(session) => session.on_message(message, now_ms, effects),
            Session::Rooms(session) => session.on_message(message, now_ms, effects),
            Session::Echo(session) => session.on_message(message, now_ms, effects),
        }
    }

    /// Time has passed; `frames_routed` counts what the client was sent so far. To be called at least twice a second.
    pub fn on_time(&mut self, now_ms: u64, frames_routed: u64, effects: &mut Effects) {
        match self {
            Session::Binance(session) => session.on_time(now_ms, unix_ms(), effects),
            Session::Api(session) => session.on_time(now_ms, unix_ms(), effects),
            Session::Upbit(session) => session.on_time(now_ms, frames_routed, effects),
            Session::SocketIo(session) => session.on_time(now_ms, effects),
            Session::Events(session) => session.on_time(now_ms, frames_routed, effects),
            Session::Lines(session) => session.on_time(now_ms, frames_routed, effects),
            Session::Rooms(session) => session.on_time(now_ms, unix_ms(), effects),
            Session::Echo(session) => session.on_time(now_ms, effects),
        }
    }

    /// How far the client had got when it was here before, if it says so in the address.
    pub fn position(&self) -> Option<Position> {
        match self {
            Session::Events(session) => session.position(),
            Session::Binance(session) => session.position(),
            Session::Upbit(session) => session.position(),
            _ => None,
        }
    }

    /// The client is told whether it goes on where it was; what it has missed stands in the effects.
    pub fn on_recovery(&mut self, recover: socketio::recovery::Recover, is_restored: bool, effects: &mut Effects) {
        if let Session::SocketIo(session) = self {
            session.on_recovery(recover, is_restored, effects);
        }
    }

    /// The connection has ended.
    pub fn on_end(&mut self) {
        match self {
            Session::SocketIo(session) => session.on_end(),
            Session::Rooms(session) => session.on_end(),
            _ => {}
        }
    }

    /// The server stops: what the client is told, and the end.
    pub fn on_shutdown(&mut self, unix_ns: i64, effects: &mut Effects) {
        match self {
            Session::Binance(session) => session.on_shutdown(unix_ns, effects),
            Session::Api(session) => session.on_shutdown(unix_ns, effects),
            Session::Upbit(_) => effects.close(Close::SERVICE_RESTART),
            Session::SocketIo(_) | Session::Events(_) | Session::Lines(_) | Session::Rooms(_) | Session::Echo(_) => {
                effects.close(Close::GOING_AWAY);
            }
        }
    }

    /// How the client is told of its end.
    pub fn dialect(&self) -> Dialect {
        match self {
            Session::Binance(_)
            | Session::Api(_)
            | Session::Upbit(_)
            | Session::SocketIo(_)
            | Session::Rooms(_)
            | Session::Echo(_) => Dialect::WebSocket,
            Session::Events(session) => session.dialect(),
            Session::Lines(session) => session.dialect(),
        }
    }
}

/// The machine's clock, for what is sent to clients; deadlines are counted from the caller's.
fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}
