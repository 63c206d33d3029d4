//! A client's line where faults are on demand: what its socket does at present, and a socket that does it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::fanout::Sink;
use crate::feed::fault::parts::{Flaw, Span};
use crate::feed::synthetic::chance::Chance;
use crate::server::faults::messages::{Blemish, Messages};
use crate::server::socket::Socket;

/// Most bytes that wait for a client because they are to be late; what is more waits in its backlog, as for any slow one.
pub(crate) const LATE_BYTES_MAX: usize = 1 << 20;

/// What happens on a client's line.
#[derive(Debug)]
pub(crate) struct Line {
    /// The how manieth client of the server it is, from 1.
    pub(crate) client: u64,
    /// What kind of client, one of those that scripts name.
    pub(crate) kind: &'static str,
    frozen_until: Cell<Option<Instant>>,
    is_dead: Cell<bool>,
    deaf_until: Cell<Option<Instant>>,
    /// By how much what is sent is late, and until when.
    delay: Cell<Option<(Span, Instant)>>,
    late: RefCell<VecDeque<Late>>,
    late_bytes: Cell<usize>,
    /// Rung when something has been put behind what is late.
    pub(super) is_late: Notify,
    /// Whether the server's side ends behind what is late.
    ends: Cell<bool>,
    flaws: RefCell<VecDeque<Flaw>>,
    /// Where messages begin; `None` where none is ever corrupted.
    messages: Option<RefCell<Messages>>,
    chance: RefCell<Chance>,
    /// What is to happen later; given up with the client.
    pub(super) plans: RefCell<Vec<AbortHandle>>,
}

/// What is to go out at a time.
#[derive(Debug)]
struct Late {
    due: Instant,
    bytes: Vec<u8>,
    sent: usize,
}

impl Line {
    pub(super) fn new(client: u64, kind: &'static str, messages: Option<Messages>, chance: Chance) -> Line {
        Line {
            client,
            kind,
            frozen_until: Cell::default(),
            is_dead: Cell::default(),
            deaf_until: Cell::default(),
            delay: Cell::default(),
            late: RefCell::default(),
            late_bytes: Cell::default(),
            is_late: Notify::new(),
            ends: Cell::default(),
            flaws: RefCell::default(),
            messages: messages.map(RefCell::new),
            chance: RefCell::new(chance),
            plans: RefCell::default(),
        }
    }

    /// Nothing goes either way until then.
    pub(super) fn freeze(&self, until: Instant) {
        self.frozen_until.set(self.frozen_until.get().max(Some(until)));
    }

    /// All goes again.
    pub(crate) fn thaw(&self) {
        self.frozen_until.set(None);
    }

    /// Nobody is at this end any more.
    pub(super) fn kill(&self) {
        self.is_dead.set(true);
    }

    /// Pings are not answered until then.
    pub(super) fn withhold_pongs(&self, until: Instant) {
        self.deaf_until.set(self.deaf_until.get().max(Some(until)));
    }

    /// What is sent until then is late.
    pub(super) fn delay(&self, by: Span, until: Instant) {
        self.delay.set(Some((by, until)));
        self.is_late.notify_one();
    }

    /// So many messages are corrupted.
    pub(super) fn corrupt(&self, flaw: Flaw, count: u32) {
        self.flaws.borrow_mut().extend(std::iter::repeat_n(flaw, count as usize));
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen_until.get().is_some_and(|until| Instant::now() < until)
    }

    /// Whether the client has nobody to speak to, for now or for good.
    pub(crate) fn is_out(&self) -> bool {
        // Until what has waited is read, also when the time is over: there may be an answer in it.
        self.is_dead.get() || self.frozen_until.get().is_some()
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.deaf_until.get().is_some_and(|until| Instant::now() < until)
    }

    /// When the next of what is late is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.late.borrow().front().map(|late| late.due)
    }

    /// Until when what is sent is late; `None` where it is not, or no more.
    pub(super) fn delayed_until(&self) -> Option<Instant> {
        self.delay.get().map(|(_, until)| until).filter(|until| Instant::now() < *until)
    }

    pub(super) fn pick(&self, span: &Span) -> std::time::Duration {
        span.pick(&mut self.chance.borrow_mut())
    }

    /// Gives up what was to happen.
    pub(super) fn end(&self) {
        self.plans.borrow_mut().drain(..).for_each(|plan| plan.abort());
    }
}

/// A socket whose line may be faulty.
#[derive(Debug)]
pub(crate) struct FaultySocket {
    pub(crate) inner: Socket,
    pub(crate) line: Rc<Line>,
}

impl FaultySocket {
    /// Reads what has come, if anybody is there to hear it.
    ///
    /// # Errors
    /// As [`Socket::try_read`], and `Interrupted` for what nobody hears.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.is_dead.get() {
            return match self.inner.try_read(buffer)? {
                0 => Ok(0),
                // Nobody hears it; there may be more, and others are to have their turn.
                _ => Err(ErrorKind::Interrupted.into()),
            };
        }
        if self.line.is_frozen() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.inner.try_read(buffer)
    }

    /// Sends what is late and due; whether the socket took it all.
    pub(super) fn send_late(&self) -> bool {
        let (mut late, now) = (self.line.late.borrow_mut(), Instant::now());
        while let Some(first) = late.front_mut().filter(|first| first.due <= now) {
            if self.line.is_frozen() {
                return false;
            }
            match self.send(&first.bytes[first.sent..]) {
                Ok(sent) => {
                    first.sent += sent;
                    self.line.late_bytes.set(self.line.late_bytes.get() - sent);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // Whoever reads from it sees the end.
                Err(_) => {
                    late.clear();
                    self.line.late_bytes.set(0);
                    return true;
                }
            }
            if first.sent == first.bytes.len() {
                late.pop_front();
            }
        }
        if late.is_empty() && self.line.ends.replace(false) {
            self.inner.finish();
        }
        true
    }

    /// Keeps bytes until they are due; how many it keeps.
    fn keep(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let room = LATE_BYTES_MAX.saturating_sub(self.line.late_bytes.get());
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
        if bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        bytes.shrink_to_fit();
        let kept = bytes.len();
        let by = self.line.delay.get().filter(|(_, until)| Instant::now() < *until).map(|(by, _)| self.line.pick(&by));
        let mut late = self.line.late.borrow_mut();
        let due = (Instant::now() + by.unwrap_or_default()).max(late.back().map_or(Instant::now(), |last| last.due));
        late.push_back(Late { due, bytes, sent: 0 });
        self.line.late_bytes.set(self.line.late_bytes.get() + kept);
        self.line.is_late.notify_one();
        Ok(kept)
    }

    /// Sends now, corrupted if that is due.
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let Some(messages) = &self.line.messages else { return self.inner.try_send(bytes) };
        let flaw = self.line.flaws.borrow().front().copied();
        let flaw = match flaw {
            // What is polled is taken apart here, where it must be as it should but for what is in the messages.
            Some(_) if self.inner.is_polled() => Some(Flaw::Payload),
            flaw => flaw,
        };
        let blemish = flaw.and_then(|flaw| messages.borrow().blemish(bytes, flaw));
        let sent = match blemish {
            None => self.inner.try_send(bytes)?,
            Some(Blemish { at, byte }) => {
                let mut changed = bytes.to_vec();
                changed[at] = byte;
                let sent = self.inner.try_send(&changed)?;
                if sent > at {
                    self.line.flaws.borrow_mut().pop_front();
                }
                sent
            }
        };
        messages.borrow_mut().follow(&bytes[..sent]);
        Ok(sent)
    }
}

impl Sink for FaultySocket {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_send_vectored(&[IoSlice::new(bytes)])
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.line.is_dead.get() {
            return Ok(slices.iter().map(|slice| slice.len()).sum());
        }
        if self.line.is_frozen() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.line.delayed_until().is_some() || !self.line.late.borrow().is_empty() {
            return self.keep(slices);
        }
        if self.line.messages.is_none() {
            return self.inner.try_send_vectored(slices);
        }
        let mut sent = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match self.send(slice) {
                Ok(took) => {
                    sent += took;
                    if took < slice.len() {
                        break;
                    }
                }
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn finish(&self) {
        if self.line.late.borrow().is_empty() {
            self.inner.finish();
        } else {
            self.line.ends.set(true);
        }
    }

    fn abort(&self) {
        // Or the core would not see the end before the thaw.
        self.line.thaw();
        self.inner.abort();
    }
}
