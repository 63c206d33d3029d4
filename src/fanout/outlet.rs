//! A session's way out: its socket, what the socket has not taken, and where its frames went.

use std::io::{self, IoSlice};
use std::rc::Rc;

use crate::fanout::backlog::{Backlog, Batch};
use crate::fanout::ending::Ending;
use crate::fanout::framing::Dialect;
use crate::fanout::id::CohortId;

/// Where bytes go. Calls never wait.
pub trait Sink {
    /// Sends some of the bytes; `WouldBlock` if none can be taken now.
    ///
    /// # Errors
    /// As the system gives them. After any but `WouldBlock` the sink is not used again.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// The same for bytes in several places.
    ///
    /// # Errors
    /// As above.
    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Ends the connection at once, so that whoever reads from it sees its end.
    fn abort(&self);

    /// Ends the server's side of the connection behind all that was sent. A sink whose sessions all speak WebSocket
    /// needs none: there the client ends it.
    fn finish(&self) {}
}

/// Whether a session is sent anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutletState {
    /// As it should be.
    Open,
    /// A close frame is the last thing it is sent.
    Closing {
        /// When the connection is ended whether or not the client has answered, in the core's milliseconds.
        abort_at_ms: u64,
    },
    /// Its socket failed or was aborted.
    Dead,
}

/// A session's way out.
#[derive(Debug)]
pub struct Outlet<S> {
    /// The socket.
    pub sink: S,
    /// What it has not taken.
    pub backlog: Backlog,
    /// How it is told of its end.
    pub dialect: Dialect,
    /// Whether it is sent anything.
    pub state: OutletState,
    /// Why it ends, as soon as that is known.
    pub ending: Option<Ending>,
    /// Whether nothing is read from it while much waits for it, so that what it does not take is what it sent itself.
    pub is_paced: bool,
    /// The cohort it belongs to and its place there; `None` without subscriptions.
    pub cohort: Option<(CohortId, u32)>,
    /// When the socket last took something or had nothing to take, in the core's milliseconds.
    pub progress_ms: u64,
    /// Whether it is in the list of outlets with a backlog.
    pub is_lagging: bool,
    /// Frames due to it.
    pub routed: u64,
    /// Frames left out for newer ones.
    pub conflated: u64,
    /// Frames given up with the connection.
    pub dropped: u64,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All of it.
    All,
    /// This many bytes, then the socket was full.
    Part(usize),
    /// The socket failed.
    Failed,
}

impl<S: Sink> Outlet<S> {
    /// An open outlet with nothing to send.
    pub fn new(sink: S, now_ms: u64) -> Outlet<S> {
        Outlet {
            sink,
            backlog: Backlog::default(),
            dialect: Dialect::WebSocket,
            state: OutletState::Open,
            ending: None,
            is_paced: false,
            cohort: None,
            progress_ms: now_ms,
            is_lagging: false,
            routed: 0,
            conflated: 0,
            dropped: 0,
        }
    }

    /// Writes to the socket directly; only for an outlet without backlog.
    #[inline]
    pub fn write(&mut self, bytes: &[u8], now_ms: u64) -> Sent {
        match self.sink.try_send(bytes) {
            Ok(sent) if sent == bytes.len() => {
                self.progress_ms = now_ms;
                Sent::All
            }
            Ok(sent) => {
                self.progress_ms = now_ms;
                Sent::Part(sent)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Part(0),
            Err(_) => Sent::Failed,
        }
    }

    /// Frames of which the kernel took the last byte: all that were routed, but for those that were conflated or dropped
    /// or wait. Counted so, and not one by one, as this is the only figure that would change with every write.
    pub fn delivered(&self) -> u64 {
        self.routed - self.conflated - self.dropped - self.backlog.frames()
    }

    /// Keeps what the socket did not take of a batch; how many of its frames it did take.
    pub fn keep(&mut self, batch: &Rc<Batch>, sent: usize) -> u64 {
        self.routed += batch.marks.len() as u64;
        self.backlog.push(batch, sent);
        batch.frames_before(sent as u32) as u64
    }

    /// Writes from the backlog until it is empty or the socket full.
    pub fn drain(&mut self, now_ms: u64) -> Drained {
        const SLICES: usize = 32;
        let mut drained = Drained { writes: 0, bytes: 0, frames: 0, failed: false };
        while !self.backlog.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.backlog.gather(&mut slices);
            match self.sink.try_send_vectored(&slices[..filled]) {
                Ok(sent) => {
                    drained.writes += 1;
                    drained.bytes += sent;
                    drained.frames += self.backlog.sent(sent);
                    self.progress_ms = now_ms;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    drained.failed = true;
                    break;
                }
            }
        }
        drained
    }
}

/// What draining a backlog did.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// Write calls.
    pub writes: u64,
    /// Bytes taken.
    pub bytes: usize,
    /// Frames completed.
    pub frames: u64,
    /// Whether the socket failed.
    pub failed: bool,
}
