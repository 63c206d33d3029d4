//! From polling to a WebSocket: the new connection is probed, then everything goes over it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::fanout::Sink;
use crate::protocol::engineio::open::Transport;
use crate::protocol::websocket::{Close, Message, Opcode, Reader, write_frame};
use crate::server::client::Socket;
use crate::server::core::Core;
use crate::server::read::{Inbound, react, read, see_off};
use crate::server::socketio::mailbox::Mailbox;
use crate::server::socketio::session::EngineSession;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing decides yet whether it becomes the session's.
    Probing,
    /// It is the session's.
    Upgraded,
    /// It has said what it may not.
    Failed,
}

/// Has the session probe a connection, and move to it if the client wants that; then reads from it until its end. A
/// session that has one already is not disturbed.
pub(crate) async fn probe(
    core: Rc<Core>,
    session: Rc<EngineSession>,
    socket: Socket,
    leftover: Bytes,
    asked_at: Instant,
) {
    let Some(mailbox) = session.mailbox.clone().filter(|_| session.transport.get() == Transport::Polling) else {
        return close(&core, &socket, Close::NORMAL).await;
    };
    if session.is_probed.replace(true) {
        return close(&core, &socket, Close::NORMAL).await;
    }
    let limits = core.shared.config.socketio.limits.engine;
    let deadline = asked_at + Duration::from_millis(limits.upgrade_timeout_ms);
    let mut reader = Reader::new(limits.payload_bytes_max);
    let phase = Cell::new(Phase::Probing);
    let mut bytes = Vec::from(leftover);
    let broken = loop {
        let taken = reader.read(&mut bytes, None, |message| match phase.get() {
            Phase::Probing => phase.set(answer(&core, &session, &mailbox, &socket, message)),
            Phase::Upgraded => react(&core, &session.client, message.into()),
            Phase::Failed => {}
        });
        if let Err(close) = taken {
            break Some(close);
        }
        if phase.get() != Phase::Probing || session.client.is_gone.get() {
            break None;
        }
        bytes = match tokio::time::timeout_at(deadline, socket.read(&core.read_buffer)).await {
            Ok(Ok(length)) if length > 0 => core.read_buffer.borrow()[..length].to_vec(),
            _ => break Some(Close::NORMAL),
        };
    };
    session.is_probed.set(false);
    if phase.get() != Phase::Upgraded {
        mailbox.exchange.borrow_mut().probe(false);
        return close(&core, &socket, broken.unwrap_or(Close::INVALID_REQUEST)).await;
    }
    let owed = match broken {
        Some(close) => Some(close),
        None => {
            let inbound = Inbound::WebSocket(reader);
            read(&core, &session.client, &socket, Bytes::new(), inbound).await
        }
    };
    if let Some(close) = owed
        && !session.client.is_gone.get()
    {
        core.fanout.borrow_mut().give_up(session.client.id, close);
    }
    mailbox.over.notify_one();
    if owed.is_some() {
        see_off(&core, &socket).await;
    }
}

/// What a message makes of a connection that is being probed.
fn answer(core: &Rc<Core>, session: &EngineSession, mailbox: &Mailbox, socket: &Socket, message: Message<'_>) -> Phase {
    let is_over = session.client.is_gone.get() || mailbox.exchange.borrow().is_over();
    match message {
        _ if is_over => Phase::Failed,
        Message::Text("2probe") => {
            let mut frame = Vec::new();
            write_frame(Opcode::Text, b"3probe", &mut frame);
            // A few bytes on a connection that has carried none; if they do not fit, it is not fit for anything.
            if !socket.try_send(&frame).is_ok_and(|sent| sent == frame.len()) {
                return Phase::Failed;
            }
            mailbox.exchange.borrow_mut().probe(true);
            mailbox.ready.notify_one();
            Phase::Probing
        }
        Message::Text("5") => {
            session.transport.set(Transport::WebSocket);
            mailbox.upgrade(socket);
            core.drain(session.client.id);
            Phase::Upgraded
        }
        Message::Ping(payload) => {
            let mut frame = Vec::new();
            write_frame(Opcode::Pong, payload, &mut frame);
            let _ = socket.try_send(&frame);
            Phase::Probing
        }
        Message::Pong(_) => Phase::Probing,
        _ => Phase::Failed,
    }
}

/// Closes a connection that is nobody's.
async fn close(core: &Rc<Core>, socket: &Socket, close: Close) {
    let mut frame = Vec::new();
    close.write(&mut frame);
    let _ = socket.try_send(&frame);
    see_off(core, socket).await;
}
