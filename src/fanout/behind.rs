//! Sessions that are behind: what is kept for them, what is left out, who is waited for and who is cut off.

use std::rc::Rc;

use crate::fanout::backlog::Batch;
use crate::fanout::id::OutletId;
use crate::fanout::outlet::{OutletState, Sink};
use crate::fanout::writer::Fanout;
use crate::protocol::websocket::Close;

impl<S: Sink> Fanout<S> {
    /// Shares the batch among the members that did not take all of it.
    pub(super) fn keep_behind(&mut self, batch: Batch) {
        let batch = Rc::new(batch);
        let mut behind = std::mem::take(&mut self.behind);
        for (member, sent) in behind.drain(..) {
            self.keep(member, &batch, sent);
        }
        self.behind = behind;
    }

    /// From here on the session is read from only while little waits for it: how much that may be is no longer limited
    /// here, only how long it may wait.
    pub fn set_paced(&mut self, id: OutletId) {
        self.outlets[id.index()].is_paced = true;
    }

    /// Keeps what a session's socket did not take of a batch.
    pub(super) fn keep(&mut self, id: OutletId, batch: &Rc<Batch>, sent: usize) {
        let outlet = &mut self.outlets[id.index()];
        let was_empty = outlet.backlog.is_empty();
        let delivered = outlet.keep(batch, sent);
        self.metrics.cores[self.core].frames_delivered.add(delivered);
        if was_empty {
            outlet.progress_ms = self.now_ms;
        }
        self.note_lagging(id);
        self.enforce_limits(id);
    }

    /// Puts a session among those that are looked after.
    pub(super) fn note_lagging(&mut self, id: OutletId) {
        let outlet = &mut self.outlets[id.index()];
        if !outlet.is_lagging {
            outlet.is_lagging = true;
            self.lagging.push(id);
        }
    }

    /// Conflates a backlog that has grown too large; disconnects the session if that does not help, or if it has taken
    /// nothing for too long.
    fn enforce_limits(&mut self, id: OutletId) {
        let counts = &self.metrics.cores[self.core];
        let outlet = &mut self.outlets[id.index()];
        if outlet.state != OutletState::Open || outlet.backlog.is_empty() {
            return;
        }
        if !outlet.is_paced && outlet.backlog.wants_conflation(&self.limits) {
            let conflated = outlet.backlog.conflate();
            outlet.conflated += conflated;
            counts.frames_conflated.add(conflated);
        }
        let age_ms = self.now_ms.saturating_sub(outlet.progress_ms);
        let is_too_much = outlet.backlog.bytes() > self.limits.bytes_max && !outlet.is_paced;
        if is_too_much || age_ms > self.limits.age_ms_max {
            tracing::info!(outlet = id.0, bytes = outlet.backlog.bytes(), age_ms, "slow consumer disconnected");
            self.give_up(id, Close::SLOW_CONSUMER);
        }
    }

    /// Sends a close frame to a session that is not to get anything else that it was due, but for the rest of a frame
    /// it has a part of.
    pub fn give_up(&mut self, id: OutletId, close: Close) {
        let outlet = &mut self.outlets[id.index()];
        let dropped = outlet.backlog.abandon();
        outlet.dropped += dropped;
        self.metrics.cores[self.core].frames_dropped.add(dropped);
        self.close(id, close);
    }

    /// Sends frames to one session, before everything it is due but the rest of a frame that it has a part of.
    pub fn send_ahead(&mut self, id: OutletId, batch: Batch) {
        let outlet = &mut self.outlets[id.index()];
        if outlet.state != OutletState::Open || batch.marks.is_empty() {
            return;
        }
        if outlet.backlog.is_empty() {
            return self.deliver(id, &Rc::new(batch));
        }
        self.metrics.cores[self.core].frames_routed.add(batch.marks.len() as u64);
        outlet.routed += batch.marks.len() as u64;
        outlet.backlog.push_ahead(&Rc::new(batch));
    }

    /// Writes from a session's backlog, to be called when its socket takes bytes again; true if something is left.
    pub fn drain(&mut self, id: OutletId) -> bool {
        let Some(outlet) = self.outlets.get_mut(id.index()) else { return false };
        if outlet.state == OutletState::Dead {
            return false;
        }
        let counts = &self.metrics.cores[self.core];
        if outlet.backlog.has_volatile() {
            let conflated = outlet.backlog.conflate_volatile();
            outlet.conflated += conflated;
            counts.frames_conflated.add(conflated);
        }
        let drained = outlet.drain(self.now_ms);
        counts.writes.add(drained.writes);
        counts.bytes_written.add(drained.bytes as u64);
        counts.frames_delivered.add(drained.frames);
        if drained.failed {
            outlet.state = OutletState::Dead;
            outlet.sink.abort();
            return false;
        }
        let is_left = !outlet.backlog.is_empty();
        self.hang_up(id);
        is_left
    }

    /// Ends the server's side of a connection whose last word has been sent, where the client has no answer to it.
    pub(super) fn hang_up(&mut self, id: OutletId) {
        let outlet = &self.outlets[id.index()];
        let is_closing = matches!(outlet.state, OutletState::Closing { .. });
        if is_closing && outlet.dialect.hangs_up() && outlet.backlog.is_empty() {
            outlet.sink.finish();
        }
    }

    /// Whether a replay at speed max must wait: some session that still makes progress has more waiting for it than
    /// the high-water mark.
    pub fn must_hold(&mut self, stall_ms: u64) -> bool {
        let (outlets, now_ms, high_water) = (&mut self.outlets, self.now_ms, self.limits.high_water_bytes);
        let mut must_hold = false;
        self.lagging.retain(|id| {
            let outlet = &mut outlets[id.index()];
            let is_stalled = now_ms.saturating_sub(outlet.progress_ms) > stall_ms;
            let is_behind = outlet.backlog.bytes() > high_water && !outlet.is_paced;
            must_hold |= is_behind && !is_stalled && outlet.state == OutletState::Open;
            outlet.is_lagging = !outlet.backlog.is_empty() || outlet.state != OutletState::Open;
            outlet.is_lagging
        });
        must_hold
    }

    /// Looks after sessions that are behind or closing: to be called a few times a second.
    pub fn look_after(&mut self) {
        let ids = self.lagging.clone();
        for id in ids {
            self.enforce_limits(id);
            let outlet = &mut self.outlets[id.index()];
            if let OutletState::Closing { abort_at_ms } = outlet.state
                && self.now_ms >= abort_at_ms
            {
                outlet.state = OutletState::Dead;
                outlet.sink.abort();
            }
        }
        self.must_hold(0);
        let waiting = self.lagging.iter().map(|id| self.outlets[id.index()].backlog.bytes()).filter(|&bytes| bytes > 0);
        let (sessions, bytes) = waiting.fold((0, 0), |(sessions, sum), bytes| (sessions + 1, sum + bytes as u64));
        let counts = &self.metrics.cores[self.core];
        counts.sessions_behind.set(sessions);
        counts.backlog_bytes.set(bytes);
    }

    /// Whether everything due has been taken by the sockets of all sessions but those that have taken nothing for
    /// `stall_ms`.
    pub fn is_drained(&self, stall_ms: u64) -> bool {
        self.lagging.iter().all(|id| {
            let outlet = &self.outlets[id.index()];
            let is_stalled = self.now_ms.saturating_sub(outlet.progress_ms) > stall_ms;
            outlet.backlog.is_empty() || outlet.state == OutletState::Dead || is_stalled
        })
    }
}
