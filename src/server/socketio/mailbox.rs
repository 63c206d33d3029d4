//! The way out of a session that began by polling.

use std::cell::{Ref, RefCell};
use std::io::{self, ErrorKind, IoSlice};

use tokio::sync::Notify;

use crate::fanout::Sink;
use crate::protocol::engineio::exchange::Exchange;
use crate::server::socket::Socket;

/// Where a session's frames go while it polls: into the answer to the GET that is held, and nowhere while none is. After
/// the upgrade they go to the connection.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    pub(crate) exchange: RefCell<Exchange>,
    connection: RefCell<Option<Socket>>,
    /// Rung when a held GET may have an answer.
    pub(crate) ready: Notify,
    /// Rung when the session is over.
    pub(crate) over: Notify,
}

impl Mailbox {
    /// The connection, once there is one.
    pub(crate) fn connection(&self) -> Ref<'_, Option<Socket>> {
        self.connection.borrow()
    }

    /// The connection, which nothing goes over any more.
    pub(crate) fn take_connection(&self) -> Option<Socket> {
        self.connection.take()
    }

    /// From now on everything goes over this connection.
    pub(crate) fn upgrade(&self, socket: Socket) {
        *self.connection.borrow_mut() = Some(socket);
        self.exchange.borrow_mut().probe(false);
        self.ready.notify_one();
    }

    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(connection) = &*self.connection.borrow() {
            return connection.try_send(bytes);
        }
        self.take([bytes])
    }

    pub(crate) fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(connection) = &*self.connection.borrow() {
            return connection.try_send_vectored(slices);
        }
        self.take(slices.iter().map(|slice| &**slice))
    }

    /// Each of these is whole frames: nothing is ever taken in part.
    fn take<'a>(&self, slices: impl IntoIterator<Item = &'a [u8]>) -> io::Result<usize> {
        let mut exchange = self.exchange.borrow_mut();
        if !exchange.takes() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for slice in slices {
            exchange.take(slice);
            taken += slice.len();
        }
        self.ready.notify_one();
        if exchange.is_over() {
            self.over.notify_one();
        }
        Ok(taken)
    }

    /// The session is over at once.
    pub(crate) fn abort(&self) {
        self.exchange.borrow_mut().end();
        self.ready.notify_one();
        self.over.notify_one();
        self.connection().iter().for_each(Socket::abort);
    }
}
