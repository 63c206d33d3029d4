//! Connections: accepted, spoken to in HTTP, and, once upgraded, read until they end.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use fastwebsockets::{OpCode, Role, WebSocket, WebSocketError};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::fanout::outlet::{OutletId, Sink};
use crate::protocol::websocket::Close;
use crate::server::core::Core;
use crate::server::http;
use crate::session::{Effects, Incoming, Session};

/// How long a client may take to send the head of a request.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest head of a request: 1,024 stream names in an address, and more.
const REQUEST_HEAD_BYTES_MAX: usize = 128 << 10;

/// A client's socket, shared by the task that reads it and the writer.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Rc<TcpStream>);

impl Socket {
    /// Waits until it can be written to; false if it has failed.
    pub(crate) async fn writable(&self) -> bool {
        self.0.writable().await.is_ok()
    }

    /// Whether both are the same connection.
    pub(crate) fn is_same(&self, other: &Socket) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Sink for Socket {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn abort(&self) {
        // The reading task sees the end and clears up. An error means that it has already ended.
        let _ = socket2::SockRef::from(&*self.0).shutdown(std::net::Shutdown::Both);
    }
}

/// A session with its place in the fan-out.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: OutletId,
    pub(crate) session: RefCell<Session>,
    pub(crate) has_subscribed: Cell<bool>,
}

/// Accepts connections until the core ends.
pub(crate) async fn accept(core: Rc<Core>, listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is bound, listening, non-blocking");
    let counts = &core.shared.metrics.cores[core.index];
    while !core.shared.control.has_caught_up() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    loop {
        match listener.accept().await {
            Ok((stream, _)) if core.fanout.borrow().sessions() >= core.shared.config.connections_max => drop(stream),
            Ok((stream, _)) => {
                counts.connections.add(1);
                // Market data in small frames: waiting to fill a packet would only delay it.
                let _ = stream.set_nodelay(true);
                spawn_local(serve(Rc::clone(&core), stream));
            }
            Err(error) => {
                // Out of descriptors, most likely: accepting again at once would only spin.
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Speaks HTTP on a new connection; an upgrade takes it out of HTTP's hands.
async fn serve(core: Rc<Core>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let core = Rc::clone(&core);
        async move { Ok::<_, std::convert::Infallible>(http::respond(&core, request)) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIMEOUT)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!("connection ended: {error}");
    }
}

/// Runs a session on an upgraded connection. `leftover` is what the client sent behind its request.
pub(crate) async fn run_session(core: Rc<Core>, stream: TcpStream, leftover: Bytes, session: Session) {
    if core.is_stopping.get() {
        return;
    }
    let socket = Socket(Rc::new(stream));
    let id = core.fanout.borrow_mut().open(socket.clone());
    let client = Rc::new(Client { id, session: RefCell::new(session), has_subscribed: Cell::new(false) });
    let place = core.clients.borrow_mut().insert(Rc::clone(&client));

    let mut effects = Effects::default();
    client.session.borrow_mut().begin(core.now_ms(), &mut effects);
    core.apply(&client, effects);
    let close = read(&core, &client, socket, leftover).await;
    if let Some(close) = close {
        core.fanout.borrow_mut().give_up(id, close);
    }

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
async fn read(core: &Rc<Core>, client: &Client, socket: Socket, leftover: Bytes) -> Option<Close> {
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

/// The reading side of a socket, beginning with what HTTP had read too much.
struct ReadSide {
    socket: Socket,
    leftover: Bytes,
}

impl AsyncRead for ReadSide {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.leftover.is_empty() {
            let length = self.leftover.len().min(buffer.remaining());
            buffer.put_slice(&self.leftover[..length]);
            self.leftover.advance(length);
            return Poll::Ready(Ok(()));
        }
        let stream = &self.socket.0;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(buffer.initialize_unfilled()) {
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// The library asks for a stream that can be written to. It never writes: pongs and close frames go the way of all
/// frames, behind the session's backlog.
impl AsyncWrite for ReadSide {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
