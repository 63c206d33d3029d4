//! A client as its core knows it: its session, and how what it sends becomes messages.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

use crate::fanout::OutletId;
use crate::server::faults::line::Line;
use crate::server::inbound::Inbound;
use crate::server::past::Behind;
use crate::session::Session;

/// A session with its place in the fan-out, where its socket is. No task is its own: what its socket has is read when
/// the core's [`Poller`](crate::server::poller::Poller) says so.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: OutletId,
    /// Its place among the core's clients.
    pub(crate) place: u32,
    pub(crate) peer: IpAddr,
    /// Whether its messages may be compressed.
    pub(crate) deflates: bool,
    pub(crate) session: RefCell<Session>,
    pub(crate) inbound: RefCell<Inbound>,
    pub(crate) has_subscribed: Cell<bool>,
    /// What it is told of the past, and not live yet; in a box, as few are.
    pub(crate) behind: RefCell<Option<Box<Behind>>>,
    /// Whether the session has ended; its number may be another's by now.
    pub(crate) is_gone: Cell<bool>,
    /// What happens on its line; `None` where faults are not on demand.
    pub(crate) line: Option<Rc<Line>>,
}

impl Client {
    /// Whether nobody is there to tell its session the time, as a fault has it.
    pub(crate) fn is_out(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_out())
    }
}
