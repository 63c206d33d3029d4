//! A session's task: reads what the client sends until the connection ends.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use fastwebsockets::{OpCode, Role, WebSocket, WebSocketError};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::protocol::websocket::Close;
use crate::server::client::{Client, ReadSide, Socket};
use crate::server::core::Core;
use crate::server::rest::answer;
use crate::session::{Effects, Incoming, Session};

/// Runs a session on an upgraded connection. `leftover` is what the client sent behind its request.
pub(crate) async fn run_session(core: Rc<Core>, stream: TcpStream, leftover: Bytes, session: Session, peer: IpAddr) {
    if core.is_stopping.get() {
        return;
    }
    let socket = Socket::new(stream);
    let id = core.fanout.borrow_mut().open(socket.clone());
    let client = Rc::new(Client {
        id,
        peer,
        session: RefCell::new(session),
        has_subscribed: Cell::new(false),
        is_gone: Cell::new(false),
    });
    let place = core.clients.borrow_mut().insert(Rc::clone(&client));

    let mut effects = Effects::default();
    client.session.borrow_mut().begin(core.now_ms(), &mut effects);
    core.apply(&client, effects);
    let close = read(&core, &client, socket, leftover).await;
    if let Some(close) = close {
        core.fanout.borrow_mut().give_up(id, close);
    }

    client.is_gone.set(true);
    core.clients.borrow_mut().remove(place);
    let outlet = core.fanout.borrow_mut().remove(id);
    tracing::debug!(
        routed = outlet.routed,
        delivered = outlet.delivered,
        conflated = outlet.conflated,
        dropped = outlet.dropped,
        "session ended"
    );
}

/// Reads until the connection ends; returns the close frame that is still owed to the client.
async fn read(core: &Rc<Core>, client: &Rc<Client>, socket: Socket, leftover: Bytes) -> Option<Close> {
    let limit = core.shared.config.message_bytes_max;
    let mut websocket = WebSocket::after_handshake(ReadSide { socket, leftover }, Role::Server);
    websocket.set_auto_close(false);
    websocket.set_auto_pong(false);
    websocket.set_max_message_size(limit);
    let mut message = Message::default();
    loop {
        let frame = match websocket.read_frame().await {
            Ok(frame) => frame,
            Err(error) => return close_for(&error),
        };
        let incoming = match frame.opcode {
            OpCode::Close => return Some(answer_to_close(&frame.payload)),
            OpCode::Ping => Incoming::Ping(&frame.payload),
            OpCode::Pong => Incoming::Pong(&frame.payload),
            opcode => match message.add(opcode, frame.fin, &frame.payload, limit) {
                Ok(true) => match message.incoming() {
                    Ok(incoming) => incoming,
                    Err(close) => return Some(close),
                },
                Ok(false) => continue,
                Err(close) => return Some(close),
            },
        };
        let mut effects = Effects::default();
        client.session.borrow_mut().on_message(incoming, core.now_ms(), &mut effects);
        if let Some(question) = effects.question.take() {
            spawn_local(answer(Rc::clone(core), Rc::clone(client), question));
        }
        core.apply(client, effects);
    }
}

/// The close frame for what went wrong in reading; `None` where nobody is left to be told.
fn close_for(error: &WebSocketError) -> Option<Close> {
    match error {
        WebSocketError::UnexpectedEOF | WebSocketError::IoError(_) | WebSocketError::ConnectionClosed => None,
        WebSocketError::FrameTooLarge => Some(Close::TOO_LARGE),
        WebSocketError::InvalidUTF8 => Some(Close::NOT_UTF8),
        _ => Some(Close::PROTOCOL_ERROR),
    }
}

/// The answer to a client's close frame: its own code back, where it is one that may be sent.
fn answer_to_close(payload: &[u8]) -> Close {
    match payload {
        [] => Close::NORMAL,
        [high, low, ..] => match u16::from_be_bytes([*high, *low]) {
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Close { code, reason: "" },
            _ => Close::PROTOCOL_ERROR,
        },
        _ => Close::PROTOCOL_ERROR,
    }
}

/// A message that may come in several frames.
#[derive(Debug, Default)]
struct Message {
    bytes: Vec<u8>,
    opcode: Option<OpCode>,
    is_complete: bool,
}

impl Message {
    /// Adds a frame; true if the message is complete with it.
    fn add(&mut self, opcode: OpCode, fin: bool, payload: &[u8], limit: usize) -> Result<bool, Close> {
        if self.is_complete {
            *self = Message { bytes: std::mem::take(&mut self.bytes), ..Message::default() };
            self.bytes.clear();
        }
        match (opcode, self.opcode) {
            (OpCode::Continuation, Some(_)) => {}
            (OpCode::Text | OpCode::Binary, None) => self.opcode = Some(opcode),
            _ => return Err(Close::PROTOCOL_ERROR),
        }
        if self.bytes.len() + payload.len() > limit {
            return Err(Close::TOO_LARGE);
        }
        self.bytes.extend_from_slice(payload);
        self.is_complete = fin;
        Ok(fin)
    }

    fn incoming(&self) -> Result<Incoming<'_>, Close> {
        if self.opcode == Some(OpCode::Binary) {
            return Ok(Incoming::Binary(&self.bytes));
        }
        std::str::from_utf8(&self.bytes).map(Incoming::Text).map_err(|_| Close::NOT_UTF8)
    }
}
