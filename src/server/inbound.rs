//! How what comes from a client becomes messages.

use crate::protocol::lines;
use crate::protocol::websocket::{self, Close};
use crate::session::{Session, echo};

/// How what comes from a client becomes messages.
#[derive(Debug)]
pub(crate) enum Inbound {
    WebSocket(websocket::Reader),
    Lines(Box<lines::Reader>),
    /// Whatever comes is passed over: only the end of it counts.
    Nothing,
    /// Nothing is read any more, as the client is owed this and then nothing.
    Over(Close),
}

impl Inbound {
    /// What the client is owed, if that is all that is left to do.
    pub(crate) fn owed(&self) -> Option<Close> {
        match self {
            Inbound::Over(close) => Some(*close),
            Inbound::WebSocket(_) | Inbound::Lines(_) | Inbound::Nothing => None,
        }
    }

    /// What a session expects whose connection has just been made; a message has at most so many bytes.
    pub(crate) fn of(session: &Session, bytes_max: usize) -> Inbound {
        match session {
            Session::Binance(_) | Session::Api(_) | Session::Upbit(_) | Session::SocketIo(_) | Session::Rooms(_) => {
                Inbound::WebSocket(websocket::Reader::new(bytes_max))
            }
            Session::Echo(_) => Inbound::WebSocket(websocket::Reader::new(bytes_max.max(echo::MESSAGE_BYTES_MAX))),
            Session::Events(_) => Inbound::Nothing,
            Session::Lines(_) => Inbound::Lines(Box::new(lines::Reader::new(bytes_max))),
        }
    }
}
