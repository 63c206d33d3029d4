//! What a client has sent: put together to messages, and reacted to.

use std::rc::Rc;

use tokio::task::spawn_local;

use crate::fanout::Dialect;
use crate::protocol::lines::Mode;
use crate::protocol::websocket::Close;
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::faults;
use crate::server::inbound::Inbound;
use crate::server::rest::answer;
use crate::session::{Effects, Incoming, Session};

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
    if client.is_gone.get() || faults::ignores(core, client, &incoming) {
        return;
    }
    let mut effects = Effects::default();
    client.session.borrow_mut().on_message(incoming, core.now_ms(), &mut effects);
    if let Some(question) = effects.question.take() {
        spawn_local(answer(Rc::clone(core), Rc::clone(client), question));
    }
    if effects.wants.is_some() {
        faults::has_subscribed(core, client);
    }
    core.apply(client, effects);
}
