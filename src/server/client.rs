//! A client as its core knows it: its socket, which one task reads and the writer writes, and its session.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, ready};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::fanout::{OutletId, Sink};
use crate::server::socketio::mailbox::Mailbox;
use crate::server::tls::TlsSocket;
use crate::session::Session;

/// A client's socket, shared by the task that reads it and the writer.
#[derive(Clone, Debug)]
pub(crate) enum Socket {
    /// A connection of its own.
    Plain(Rc<TcpStream>),
    /// The same with TLS on it.
    Tls(Rc<TlsSocket>),
    /// Answers to requests, until there is a connection.
    Mailbox(Rc<Mailbox>),
}

impl Socket {
    /// Takes a connection out of HTTP's hands, with what the client sent behind its request; `None` for one that is
    /// none of ours.
    pub(crate) fn take(upgraded: Upgraded) -> Option<(Socket, Bytes)> {
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => Some((Socket::Plain(Rc::new(parts.io.into_inner())), parts.read_buf)),
            Err(upgraded) => {
                let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
                Some((Socket::Tls(Rc::new(TlsSocket::new(parts.io.into_inner()))), parts.read_buf))
            }
        }
    }

    /// The same for a connection that came to another core, whose reactor it still belongs to; `None` if it has failed.
    pub(crate) fn take_over(upgraded: Upgraded) -> Option<(Socket, Bytes)> {
        let adopt = |stream: TcpStream| stream.into_std().and_then(TcpStream::from_std).ok();
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => Some((Socket::Plain(Rc::new(adopt(parts.io.into_inner())?)), parts.read_buf)),
            Err(upgraded) => {
                let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
                let (stream, connection) = parts.io.into_inner().into_inner();
                let socket = TlsSocket::of(adopt(stream)?, connection);
                Some((Socket::Tls(Rc::new(socket)), parts.read_buf))
            }
        }
    }

    /// The connection, where there is one.
    fn connection(&self) -> Option<Socket> {
        match self {
            Socket::Mailbox(mailbox) => mailbox.connection(),
            connection => Some(connection.clone()),
        }
    }

    /// The system's socket of a connection.
    fn stream(&self) -> Option<&TcpStream> {
        match self {
            Socket::Plain(stream) => Some(stream),
            Socket::Tls(socket) => Some(socket.stream()),
            Socket::Mailbox(_) => None,
        }
    }

    /// Whether the client is sent something only in answer to its requests.
    pub(crate) fn is_polled(&self) -> bool {
        matches!(self, Socket::Mailbox(mailbox) if mailbox.connection().is_none())
    }

    /// Waits until it can be written to; false if it has failed.
    pub(crate) async fn writable(&self) -> bool {
        let connection = self.connection();
        match connection.as_ref().and_then(Socket::stream) {
            Some(stream) => stream.writable().await.is_ok(),
            None => false,
        }
    }

    /// Waits until something has come, and reads as much of it as `buffer` holds; 0 at the end of the connection.
    /// `buffer` is only used when there is something to read, so many connections may share it.
    pub(crate) async fn read(&self, buffer: &RefCell<Box<[u8]>>) -> io::Result<usize> {
        let connection = self.connection();
        let stream = match &connection {
            Some(Socket::Plain(stream)) => stream,
            Some(Socket::Tls(socket)) => return poll_fn(|cx| socket.poll_read(cx, buffer)).await,
            Some(Socket::Mailbox(_)) | None => return Ok(0),
        };
        poll_fn(|cx| {
            loop {
                // Unlike `readable` this lets others run after many reads that did not have to wait.
                ready!(stream.poll_read_ready(cx))?;
                match stream.try_read(&mut buffer.borrow_mut()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read),
                }
            }
        })
        .await
    }

    /// Whether both are the same connection.
    pub(crate) fn is_same(&self, other: &Socket) -> bool {
        match (self, other) {
            (Socket::Plain(one), Socket::Plain(two)) => Rc::ptr_eq(one, two),
            (Socket::Tls(one), Socket::Tls(two)) => Rc::ptr_eq(one, two),
            (Socket::Mailbox(one), Socket::Mailbox(two)) => Rc::ptr_eq(one, two),
            _ => false,
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Plain(Rc::new(stream))
    }
}

impl From<TlsStream<TcpStream>> for Socket {
    fn from(stream: TlsStream<TcpStream>) -> Socket {
        Socket::Tls(Rc::new(TlsSocket::new(stream)))
    }
}

impl Sink for Socket {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => stream.try_write(bytes),
            Socket::Tls(socket) => socket.try_send(bytes),
            Socket::Mailbox(mailbox) => mailbox.try_send(bytes),
        }
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => stream.try_write_vectored(slices),
            Socket::Tls(socket) => socket.try_send_vectored(slices),
            Socket::Mailbox(mailbox) => mailbox.try_send_vectored(slices),
        }
    }

    fn finish(&self) {
        match self.connection() {
            Some(Socket::Plain(stream)) => {
                // An error means that the connection has already ended.
                let _ = socket2::SockRef::from(&*stream).shutdown(std::net::Shutdown::Write);
            }
            Some(Socket::Tls(socket)) => socket.finish(),
            Some(Socket::Mailbox(_)) | None => {}
        }
    }

    fn abort(&self) {
        // The reading task sees the end and clears up. An error means that it has already ended.
        match self {
            Socket::Plain(stream) => drop(socket2::SockRef::from(&**stream).shutdown(std::net::Shutdown::Both)),
            Socket::Tls(socket) => socket.abort(),
            Socket::Mailbox(mailbox) => mailbox.abort(),
        }
    }
}

/// A session with its place in the fan-out.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: OutletId,
    /// Its place among the core's clients.
    pub(crate) place: usize,
    pub(crate) peer: IpAddr,
    /// Whether its messages may be compressed.
    pub(crate) deflates: bool,
    pub(crate) session: RefCell<Session>,
    pub(crate) has_subscribed: Cell<bool>,
    /// Whether the session has ended; its number may be another's by now.
    pub(crate) is_gone: Cell<bool>,
}
