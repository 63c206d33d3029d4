//! A client as its core knows it: its socket, which one task reads and the writer writes, and its session.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Poll, ready};

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

    /// Waits until something has come, and reads as much of it as `buffer` holds; 0 at the end of the connection.
    /// `buffer` is only used when there is something to read, so many connections may share it.
    pub(crate) async fn read(&self, buffer: &RefCell<Box<[u8]>>) -> io::Result<usize> {
        poll_fn(|cx| {
            loop {
                // Unlike `readable` this lets others run after many reads that did not have to wait.
                ready!(self.0.poll_read_ready(cx))?;
                match self.0.try_read(&mut buffer.borrow_mut()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read),
                }
            }
        })
        .await
    }

    /// Tells the client that nothing more will come.
    pub(crate) fn finish(&self) {
        // An error means that the connection has already ended.
        let _ = socket2::SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write);
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
    /// Whether its messages may be compressed.
    pub(crate) deflates: bool,
    pub(crate) session: RefCell<Session>,
    pub(crate) has_subscribed: Cell<bool>,
    /// Whether the session has ended; its number may be another's by now.
    pub(crate) is_gone: Cell<bool>,
}
