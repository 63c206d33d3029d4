//! A client as its core knows it: its socket, which one task reads and the writer writes, and its session.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::fanout::{OutletId, Sink};
use crate::session::Session;

/// A client's socket, shared by the task that reads it and the writer.
#[derive(Clone, Debug)]
pub(crate) struct Socket(Rc<TcpStream>);

impl Socket {
    /// Takes over a connection.
    pub(crate) fn new(stream: TcpStream) -> Socket {
        Socket(Rc::new(stream))
    }

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
    pub(crate) peer: IpAddr,
    pub(crate) session: RefCell<Session>,
    pub(crate) has_subscribed: Cell<bool>,
    /// Whether the session has ended; its number may be another's by now.
    pub(crate) is_gone: Cell<bool>,
}

/// The reading side of a socket, beginning with what HTTP had read too much.
pub(crate) struct ReadSide {
    pub(crate) socket: Socket,
    pub(crate) leftover: Bytes,
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
