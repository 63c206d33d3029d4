//! Which sockets of a core have something: one object of the kernel's for all of them, and a task for none.
//!
//! Each socket is watched from its session's beginning to its end, for both directions and on edges (epoll(7)): a
//! client that is only listened to costs no memory here and no system call. The runtime watches this object as it does
//! any socket, so sessions take turns with everything else that happens on the core.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::server::socket::Socket;

/// Most sockets looked at before others get their turn, market data above all.
const EVENTS_MAX: usize = 128;

/// Whose socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A client, by its place.
    Client(u32),
    /// A task, by the place of its [`Watch`].
    Task(u32),
}

impl Owner {
    fn token(self) -> Token {
        match self {
            Owner::Client(place) => Token((place as usize) << 1),
            Owner::Task(place) => Token((place as usize) << 1 | 1),
        }
    }

    fn of(token: Token) -> Owner {
        let place = (token.0 >> 1) as u32;
        if token.0 & 1 == 0 { Owner::Client(place) } else { Owner::Task(place) }
    }
}

/// What the system says of a socket. Its place may be another's by now, who then finds that there is nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) owner: Owner,
    /// Something has come, or the connection has ended.
    pub(crate) is_readable: bool,
    /// It takes bytes again.
    pub(crate) is_writable: bool,
    /// The client sends nothing more.
    pub(crate) is_at_end: bool,
}

/// The sockets of a core.
#[derive(Debug)]
pub(crate) struct Poller {
    /// How the runtime learns that some socket has something. Stands before what it refers to, so that it goes first.
    notice: AsyncFd<RawFd>,
    poll: RefCell<Poll>,
    events: RefCell<Events>,
    /// Rung when a task's socket has something.
    tasks: RefCell<Slab<Rc<Notify>>>,
}

/// A connection that a task reads, for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    poller: &'a Poller,
    place: usize,
    rung: Rc<Notify>,
}

impl Poller {
    /// Watches nothing yet. To be called within the core's runtime.
    ///
    /// # Errors
    /// What the system says: there are too many files open.
    pub(crate) fn new() -> io::Result<Poller> {
        let poll = Poll::new()?;
        #[expect(deprecated, reason = "its successor is unsafe, as a descriptor might be closed: this one outlives it")]
        let notice = AsyncFd::with_interest(poll.as_raw_fd(), tokio::io::Interest::READABLE)?;
        let events = RefCell::new(Events::with_capacity(EVENTS_MAX));
        Ok(Poller { poll: RefCell::new(poll), events, notice, tasks: RefCell::default() })
    }

    /// Watches a socket for this owner until it is closed or another's. What it has already is told, too. One that is no
    /// connection is not watched.
    ///
    /// # Errors
    /// What the system says: it watches as many as it may.
    pub(crate) fn watch(&self, socket: &Socket, owner: Owner) -> io::Result<()> {
        let Some(descriptor) = socket.descriptor() else { return Ok(()) };
        let (mut source, both) = (SourceFd(&descriptor), Interest::READABLE | Interest::WRITABLE);
        let poll = self.poll.borrow();
        match poll.registry().register(&mut source, owner.token(), both) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                poll.registry().reregister(&mut source, owner.token(), both)
            }
            watched => watched,
        }
    }

    /// The same for a task.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn watch_for_task(&self, socket: &Socket) -> io::Result<Watch<'_>> {
        let rung = Rc::new(Notify::new());
        let place = self.tasks.borrow_mut().insert(Rc::clone(&rung));
        let watch = Watch { poller: self, place, rung };
        self.watch(socket, Owner::Task(place as u32))?;
        Ok(watch)
    }

    /// Wakes a task whose socket has something.
    pub(crate) fn ring(&self, place: u32) {
        self.tasks.borrow().get(place as usize).inspect(|rung| rung.notify_one());
    }

    /// Waits until some socket has something. One who waits is enough.
    pub(crate) async fn wait(&self) {
        if let Ok(mut ready) = self.notice.readable().await {
            ready.retain_ready();
        }
    }

    /// Appends what the system says of some of the sockets, and never waits.
    pub(crate) fn take(&self, turn: &mut Vec<Ready>) {
        let taken = self.notice.try_io(tokio::io::Interest::READABLE, |_| {
            let mut events = self.events.borrow_mut();
            self.poll.borrow_mut().poll(&mut events, Some(Duration::ZERO))?;
            if events.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            turn.extend(events.iter().map(|event| Ready {
                owner: Owner::of(event.token()),
                is_readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                is_writable: event.is_writable(),
                is_at_end: event.is_read_closed(),
            }));
            Ok(())
        });
        if let Err(error) = taken
            && !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        {
            tracing::error!("cannot tell which sockets have something: {error}");
        }
    }
}

impl Watch<'_> {
    /// Waits until something has come, and reads as much of it as `buffer` holds; 0 at the end of the connection. The
    /// buffer is only used when there is something to read, so many connections may share it.
    ///
    /// # Errors
    /// The connection has failed.
    pub(crate) async fn read(&self, socket: &Socket, buffer: &RefCell<Box<[u8]>>) -> io::Result<usize> {
        loop {
            match socket.try_read(&mut buffer.borrow_mut()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.rung.notified().await;
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.poller.tasks.borrow_mut().remove(self.place);
    }
}
