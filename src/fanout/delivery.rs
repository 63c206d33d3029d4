//! Delivery: what one session is sent by itself, in order with the events of its cohort.

use std::rc::Rc;

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::ending::Ending;
use crate::fanout::id::OutletId;
use crate::fanout::outlet::{OutletState, Sent, Sink};
use crate::fanout::routes::Want;
use crate::fanout::writer::Fanout;
use crate::market::channel::{Scope, Stream};
use crate::protocol::websocket::{Close, Opcode};
use crate::venue::upbit::json::StreamType;

/// How long a client may take to answer a close frame before its connection is ended.
pub const CLOSE_GRACE_MS: u64 = 2_000;

impl<S: Sink> Fanout<S> {
    /// The newest value of what is wanted, as a frame appended to `out`; false if there is none yet.
    pub fn snapshot(&mut self, want: &Want, out: &mut Batch) -> bool {
        let Scope::Symbol(name) = want.scope else { return false };
        let Some(symbol) = self.symbols.find(want.form.venue(), name.as_str()) else { return false };
        let Some(last) = self.last_values.find(Stream { symbol, channel: want.channel }) else { return false };
        let symbol = self.symbols.get(symbol);
        self.frame.is_unnumbered = true;
        let rendered = self.frame.render(&want.form, &last.tick, &last.levels, symbol, StreamType::Snapshot);
        self.frame.is_unnumbered = false;
        if rendered {
            out.push(self.frame.bytes(), Mark::KEPT);
        }
        rendered
    }

    /// A message of one session that is no tick's, as a compressed frame appended to `out`.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Batch) {
        self.frame.render_deflated(Opcode::Binary, payload);
        out.push(self.frame.bytes(), Mark::KEPT);
    }

    /// Sends frames to one session, behind everything it is due.
    pub fn send(&mut self, id: OutletId, batch: Batch) {
        if self.outlets[id.index()].state == OutletState::Open && !batch.marks.is_empty() {
            self.deliver(id, &Rc::new(batch));
        }
    }

    /// Sends the same frames to several sessions; what their sockets do not take they share.
    pub fn send_to_all(&mut self, ids: &[OutletId], batch: Batch) {
        if batch.marks.is_empty() {
            return;
        }
        let batch = Rc::new(batch);
        for &id in ids {
            if self.outlets[id.index()].state == OutletState::Open {
                self.deliver(id, &batch);
            }
        }
    }

    pub(super) fn deliver(&mut self, id: OutletId, batch: &Rc<Batch>) {
        let outlet = &mut self.outlets[id.index()];
        let frames = batch.marks.len() as u64;
        let counts = &self.metrics.cores[self.core];
        counts.frames_routed.add(frames);
        let sent = if outlet.backlog.is_empty() { outlet.write(&batch.bytes, self.now_ms) } else { Sent::Part(0) };
        match sent {
            Sent::All => {
                outlet.routed += frames;
                counts.frames_delivered.add(frames);
                counts.writes.add(1);
                counts.bytes_written.add(batch.bytes.len() as u64);
            }
            Sent::Part(sent) => {
                // Where something waits already, the socket was not asked.
                counts.writes.add((sent > 0).into());
                counts.bytes_written.add(sent as u64);
                self.keep(id, batch, sent);
            }
            Sent::Failed => {
                outlet.routed += frames;
                outlet.dropped += frames;
                counts.frames_dropped.add(frames);
                outlet.state = OutletState::Dead;
                outlet.sink.abort();
            }
        }
    }

    /// Sends a close frame behind everything the session is due, and nothing after it.
    pub fn close(&mut self, id: OutletId, close: Close) {
        self.leave(id);
        if self.outlets[id.index()].state != OutletState::Open {
            return;
        }
        self.note_ending(id, Ending::of(close));
        let outlet = &mut self.outlets[id.index()];
        // From here on limits no longer apply: there is nothing left that they could do.
        outlet.state = OutletState::Closing { abort_at_ms: self.now_ms + CLOSE_GRACE_MS };
        let dialect = outlet.dialect;
        self.note_lagging(id);
        let mut frame = Vec::new();
        dialect.write_close(close, &mut frame);
        let mut batch = Batch::default();
        batch.push(&frame, Mark::KEPT);
        self.deliver(id, &Rc::new(batch));
        self.hang_up(id);
    }

    /// Ends a session's connection at once. What it was due is counted as dropped when it is removed.
    pub fn abort(&mut self, id: OutletId) {
        self.leave(id);
        let outlet = &mut self.outlets[id.index()];
        outlet.state = OutletState::Dead;
        outlet.sink.abort();
    }
}
