//! A client's socket: a connection, with or without TLS, or the answers to its requests.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_rustls::server::TlsStream;

use crate::fanout::Sink;
use crate::server::faults::line::FaultySocket;
use crate::server::socketio::mailbox::Mailbox;
use crate::server::tls::TlsSocket;

/// A client's socket. It belongs to the client's outlet and is in no runtime's hands: the core's
/// [`Poller`](crate::server::poller::Poller) watches it.
#[derive(Debug)]
pub(crate) enum Socket {
    /// A connection of its own, which never blocks.
    Plain(TcpStream),
    /// The same with TLS on it.
    Tls(Box<TlsSocket>),
    /// Answers to requests, until there is a connection.
    Mailbox(Rc<Mailbox>),
    /// One of these where faults are on demand.
    Faulty(Box<FaultySocket>),
}

impl Socket {
    /// Takes a connection out of HTTP's hands, on whichever core it was made, with what the client sent behind its
    /// request; `None` for one that has failed or is none of ours.
    pub(crate) fn take(upgraded: Upgraded) -> Option<(Socket, Bytes)> {
        match upgraded.downcast::<TokioIo<tokio::net::TcpStream>>() {
            Ok(parts) => Some((parts.io.into_inner().try_into().ok()?, parts.read_buf)),
            Err(upgraded) => {
                let parts = upgraded.downcast::<TokioIo<TlsStream<tokio::net::TcpStream>>>().ok()?;
                Some((parts.io.into_inner().try_into().ok()?, parts.read_buf))
            }
        }
    }

    /// The connection, where there is one.
    pub(crate) fn into_connection(self) -> Option<Socket> {
        match self {
            Socket::Mailbox(mailbox) => mailbox.take_connection(),
            Socket::Faulty(socket) => socket.inner.into_connection(),
            connection => Some(connection),
        }
    }

    /// What the system calls the connection; `None` where there is none.
    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        match self {
            Socket::Plain(stream) => Some(stream.as_raw_fd()),
            Socket::Tls(socket) => Some(socket.stream().as_raw_fd()),
            Socket::Mailbox(mailbox) => mailbox.connection().as_ref().and_then(Socket::descriptor),
            Socket::Faulty(socket) => socket.inner.descriptor(),
        }
    }

    /// Whether the client is sent something only in answer to its requests.
    pub(crate) fn is_polled(&self) -> bool {
        match self {
            Socket::Plain(_) | Socket::Tls(_) => false,
            Socket::Mailbox(mailbox) => mailbox.connection().is_none(),
            Socket::Faulty(socket) => socket.inner.is_polled(),
        }
    }

    /// Whether it is a connection with TLS, which may have something to say by itself.
    pub(crate) fn is_tls(&self) -> bool {
        match self {
            Socket::Plain(_) => false,
            Socket::Tls(_) => true,
            Socket::Mailbox(mailbox) => mailbox.connection().as_ref().is_some_and(Socket::is_tls),
            Socket::Faulty(socket) => socket.inner.is_tls(),
        }
    }

    /// Has the connection be reset when it is closed, in place of being ended.
    pub(crate) fn reset_at_close(&self) {
        let reset = |stream: &TcpStream| {
            // An error means that it has already ended.
            let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
        };
        match self {
            Socket::Plain(stream) => reset(stream),
            Socket::Tls(socket) => reset(socket.stream()),
            Socket::Mailbox(mailbox) => mailbox.connection().iter().for_each(Socket::reset_at_close),
            Socket::Faulty(socket) => socket.inner.reset_at_close(),
        }
    }

    /// Whether what has not filled the buffer has emptied it, so that it need not be read again before the system says
    /// that there is more.
    pub(crate) fn is_empty_after(&self, length: usize, buffer: usize) -> bool {
        match self {
            Socket::Plain(_) => length < buffer,
            // What was read may have been decrypted in part only.
            Socket::Tls(_) => false,
            Socket::Mailbox(mailbox) => {
                mailbox.connection().as_ref().is_none_or(|connection| connection.is_empty_after(length, buffer))
            }
            Socket::Faulty(socket) => socket.inner.is_empty_after(length, buffer),
        }
    }

    /// Reads what has come, as much of it as `buffer` holds; 0 at the end of the connection.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has; any other if it has failed.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => {
                let mut stream = stream;
                stream.read(buffer)
            }
            Socket::Tls(socket) => socket.try_read(buffer),
            Socket::Mailbox(mailbox) => {
                mailbox.connection().as_ref().map_or(Err(io::ErrorKind::WouldBlock.into()), |it| it.try_read(buffer))
            }
            Socket::Faulty(socket) => socket.try_read(buffer),
        }
    }
}

impl TryFrom<tokio::net::TcpStream> for Socket {
    type Error = io::Error;

    fn try_from(stream: tokio::net::TcpStream) -> io::Result<Socket> {
        stream.into_std().map(Socket::Plain)
    }
}

impl TryFrom<TlsStream<tokio::net::TcpStream>> for Socket {
    type Error = io::Error;

    fn try_from(stream: TlsStream<tokio::net::TcpStream>) -> io::Result<Socket> {
        let (stream, connection) = stream.into_inner();
        Ok(Socket::Tls(Box::new(TlsSocket::new(stream.into_std()?, connection))))
    }
}

impl Sink for Socket {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => {
                let mut stream = stream;
                stream.write(bytes)
            }
            Socket::Tls(socket) => socket.try_send(bytes),
            Socket::Mailbox(mailbox) => mailbox.try_send(bytes),
            Socket::Faulty(socket) => socket.try_send(bytes),
        }
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Plain(stream) => {
                let mut stream = stream;
                stream.write_vectored(slices)
            }
            Socket::Tls(socket) => socket.try_send_vectored(slices),
            Socket::Mailbox(mailbox) => mailbox.try_send_vectored(slices),
            Socket::Faulty(socket) => socket.try_send_vectored(slices),
        }
    }

    fn finish(&self) {
        match self {
            // An error means that the connection has already ended.
            Socket::Plain(stream) => drop(stream.shutdown(Shutdown::Write)),
            Socket::Tls(socket) => socket.finish(),
            Socket::Mailbox(mailbox) => mailbox.connection().iter().for_each(Socket::finish),
            Socket::Faulty(socket) => socket.finish(),
        }
    }

    fn abort(&self) {
        // The core sees the end and clears up. An error means that it has already ended.
        match self {
            Socket::Plain(stream) => drop(stream.shutdown(Shutdown::Both)),
            Socket::Tls(socket) => socket.abort(),
            Socket::Mailbox(mailbox) => mailbox.abort(),
            Socket::Faulty(socket) => socket.abort(),
        }
    }
}
