//! How what comes from a client becomes messages, and what becomes of them.

use std::rc::Rc;

use tokio::task::spawn_local;

use crate::fanout::Dialect;
use crate::protocol::lines::{self, Mode};
use crate::protocol::websocket::{self, Close};
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::rest::answer;
use crate::session::{Effects, Incoming, Session, echo};

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

/// Takes in what was read, which may be the last: then the client's inbound is over. `bytes` are scratch afterwards.
pub(crate) fn take_in(core: &Rc<Core>, client: &Rc<Client>, bytes: &mut [u8]) {
    let taken = read(core, client, bytes);
    if let Err(close) = taken {
        *client.inbound.borrow_mut() = Inbound::Over(close);
    }
}

/// # Errors
/// What the client is told at the end.
fn read(core: &Rc<Core>, client: &Rc<Client>, bytes: &mut [u8]) -> Result<(), Close> {
    match &mut *client.inbound.borrow_mut() {
        Inbound::WebSocket(reader) => {
            let mut inflater = client.deflates.then(|| core.inflater.borrow_mut());
            reader.read(bytes, inflater.as_deref_mut(), |message| react(core, client, message.into()))
        }
        Inbound::Lines(reader) => {
            if let (None, Some(first)) = (reader.mode(), bytes.first()) {
                let dialect = Dialect::from(Mode::of(*first));
                core.fanout.borrow_mut().set_dialect(client.id, dialect);
                if let Session::Lines(session) = &mut *client.session.borrow_mut() {
                    session.set_dialect(dialect);
                }
            }
            let read = reader.read(bytes, |_, message| react(core, client, Incoming::Binary(message)));
            read.map_err(|_| Close::TOO_LARGE)
        }
        Inbound::Nothing | Inbound::Over(_) => Ok(()),
    }
}

/// Has the session react to a message.
pub(crate) fn react(core: &Rc<Core>, client: &Rc<Client>, incoming: Incoming<'_>) {
    // A session that began by polling may be given up while what its client has sent is still being read.
    if client.is_gone.get() {
        return;
    }
    let mut effects = Effects::default();
    client.session.borrow_mut().on_message(incoming, core.now_ms(), &mut effects);
    if let Some(question) = effects.question.take() {
        spawn_local(answer(Rc::clone(core), Rc::clone(client), question));
    }
    core.apply(client, effects);
}
