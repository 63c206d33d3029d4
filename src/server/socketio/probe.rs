//! From polling to a WebSocket: the new connection is probed, then everything goes over it.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::fanout::Sink;
use crate::protocol::engineio::open::Transport;
use crate::protocol::websocket::{Close, Message, Opcode, Reader, write_frame};
use crate::server::core::Core;
use crate::server::inbound::Inbound;
use crate::server::react::react;
use crate::server::read::{see_off, start_reading};
use crate::server::socket::Socket;
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

/// Has the session probe a connection, and move to it if the client wants that. A session that has one already is not
/// disturbed.
pub(crate) async fn probe(
    core: &Rc<Core>,
    session: &EngineSession,
    socket: Socket,
    leftover: &[u8],
    asked_at: Instant,
) {
    let Some(mailbox) = session.mailbox.as_ref().filter(|_| session.transport.get() == Transport::Polling) else {
        return close(core, &socket, Close::NORMAL).await;
    };
    if session.is_probed.replace(true) {
        return close(core, &socket, Close::NORMAL).await;
    }
    let broken = ask(core, session, mailbox, socket, leftover, asked_at).await;
    session.is_probed.set(false);
    if let Err((socket, owed)) = broken {
        mailbox.exchange.borrow_mut().probe(false);
        close(core, &socket, owed).await;
    }
}

/// Waits for what the client says on the connection. If it wants to move to it, it has, with all that it said behind that.
///
/// # Errors
/// The connection, and what its client is owed.
async fn ask(
    core: &Rc<Core>,
    session: &EngineSession,
    mailbox: &Mailbox,
    socket: Socket,
    leftover: &[u8],
    asked_at: Instant,
) -> Result<(), (Socket, Close)> {
    let Ok(watch) = core.poller.watch_for_task(&socket) else { return Err((socket, Close::NORMAL)) };
    let limits = core.shared.config.socketio.limits.engine;
    let deadline = asked_at + Duration::from_millis(limits.upgrade_timeout_ms);
    let mut reader = Reader::new(limits.payload_bytes_max);
    let (mut phase, mut socket) = (Phase::Probing, Some(socket));
    let mut bytes = Vec::from(leftover);
    loop {
        let taken = reader.read(&mut bytes, None, |message| match (phase, socket.take()) {
            (Phase::Probing, Some(connection)) => (phase, socket) = answer(core, session, mailbox, connection, message),
            (Phase::Upgraded, _) => react(core, &session.client, message.into()),
            (_, left) => socket = left,
        });
        let Some(connection) = &socket else {
            *session.client.inbound.borrow_mut() = taken.err().map_or(Inbound::WebSocket(reader), Inbound::Over);
            start_reading(core, &session.client, &[]);
            return Ok(());
        };
        let owed = match (phase, taken) {
            (_, Err(close)) => close,
            (Phase::Probing, Ok(())) if !session.client.is_gone.get() => {
                let read = watch.read(connection, &core.read_buffer);
                match tokio::time::timeout_at(deadline, read).await {
                    Ok(Ok(length)) if length > 0 => {
                        bytes = core.read_buffer.borrow()[..length].to_vec();
                        continue;
                    }
                    _ => Close::NORMAL,
                }
            }
            _ => Close::INVALID_REQUEST,
        };
        return socket.map_or(Ok(()), |socket| Err((socket, owed)));
    }
}

/// What a message makes of a connection that is being probed; the connection, unless the session has it now.
fn answer(
    core: &Core,
    session: &EngineSession,
    mailbox: &Mailbox,
    socket: Socket,
    message: Message<'_>,
) -> (Phase, Option<Socket>) {
    let is_over = session.client.is_gone.get() || mailbox.exchange.borrow().is_over();
    let phase = match message {
        _ if is_over => Phase::Failed,
        Message::Text("2probe") => {
            let mut frame = Vec::new();
            write_frame(Opcode::Text, b"3probe", &mut frame);
            // A few bytes on a connection that has carried none; if they do not fit, it is not fit for anything.
            if socket.try_send(&frame).is_ok_and(|sent| sent == frame.len()) {
                mailbox.exchange.borrow_mut().probe(true);
                mailbox.ready.notify_one();
                Phase::Probing
            } else {
                Phase::Failed
            }
        }
        Message::Text("5") => {
            session.transport.set(Transport::WebSocket);
            mailbox.upgrade(socket);
            core.drain(session.client.id);
            return (Phase::Upgraded, None);
        }
        Message::Ping(payload) => {
            let mut frame = Vec::new();
            write_frame(Opcode::Pong, payload, &mut frame);
            let _ = socket.try_send(&frame);
            Phase::Probing
        }
        Message::Pong(_) => Phase::Probing,
        _ => Phase::Failed,
    };
    (phase, Some(socket))
}

/// Closes a connection that is nobody's.
async fn close(core: &Core, socket: &Socket, close: Close) {
    let mut frame = Vec::new();
    close.write(&mut frame);
    let _ = socket.try_send(&frame);
    see_off(core, socket).await;
}
