//! Clients that come again: what they missed, from the ticks that are still readable.
//!
//! What is sent is what the client would have been sent had it stayed: the same ticks in the same order, rendered in the
//! same form. Streams that nobody wanted at the time were perhaps not derived; of those nothing was missed.

use thiserror::Error;

use crate::fanout::backlog::Batch;
use crate::fanout::framing::Dialect;
use crate::fanout::id::OutletId;
use crate::fanout::missed::{Missed, Pen, Since};
use crate::fanout::outlet::Sink;
use crate::fanout::position::{EventId, Position};
use crate::fanout::routes::Want;
use crate::fanout::writer::Fanout;
use crate::market::tick::{Level, Tick};

/// Why a client cannot go on where it was.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Lost {
    /// What it says is no position.
    #[error("that is no id of an event")]
    Malformed,
    /// The server has been started again since.
    #[error("the id is of another run of the server")]
    OtherEpoch,
    /// Nothing has been sent that far.
    #[error("the id is ahead of the feed")]
    Ahead,
    /// What follows is no longer held.
    #[error("what came after the id is no longer held")]
    Gone,
    /// It is that of several events, of which nobody knows how many the client has seen.
    #[error("the id is that of several events")]
    Shared,
    /// What it says is no time.
    #[error("that is no time: give one as 2026-11-20T09:30:00Z, 09:30:00.250 of today, or nanoseconds since the epoch")]
    NoTime,
    /// Nothing is kept of the feed but what the ring holds.
    #[error("the feed is not recorded")]
    NotRecorded,
    /// The messages are no longer those of the tape in its order.
    #[error("the tape has begun again, or has gone to another place")]
    Moved,
    /// Too many others are told the past.
    #[error("too many clients are told the past already")]
    Busy,
    /// What follows is more than a client may have waiting for it.
    #[error("what came after the id is too much to be sent at once")]
    TooMuch,
}

/// Ticks that have been read and can be read again.
pub trait History {
    /// Whether it reaches back to the first tick there was.
    fn is_whole(&self) -> bool;

    /// Number of the message that the oldest of them belongs to; `None` if there are none.
    fn oldest(&self) -> Option<u64>;

    /// Hands out those of this message and of all after it, oldest first, up to the last one that was read.
    fn each(&self, from: u64, f: &mut dyn FnMut(&Tick, &[Level]));
}

impl<S: Sink> Fanout<S> {
    /// Which run of the server this is.
    pub fn set_epoch(&mut self, epoch: u32) {
        self.frame.id.epoch = epoch;
    }

    /// How far the ticks have been read: whoever is sent all that was due to it until now has got here.
    pub fn position(&self) -> EventId {
        self.frame.id
    }

    /// How a session is told of its end.
    pub fn set_dialect(&mut self, id: OutletId, dialect: Dialect) {
        self.outlets[id.index()].dialect = dialect;
    }

    /// Appends every frame of these wants after a position. The client must be subscribed to them before the next tick
    /// is read: then nothing is missing in between, and nothing comes twice.
    ///
    /// # Errors
    /// [`Lost`], and nothing is appended.
    ///
    /// Cost: one pass over what came after the position, and what there is to render; over the whole history where an
    /// array of all symbols is wanted, for that begins with the second before. A rare request's, not a tick's.
    pub fn resume(
        &mut self,
        wants: &[Want],
        from: Position,
        history: &impl History,
        out: &mut Batch,
    ) -> Result<(), Lost> {
        let live = self.frame.id;
        if from.epoch.is_some_and(|epoch| epoch != live.epoch) {
            return Err(Lost::OtherEpoch);
        }
        let is_ahead = from.sequence == live.sequence && from.place.is_some_and(|place| place > live.place);
        if from.sequence > live.sequence || is_ahead {
            return Err(Lost::Ahead);
        }
        let begin = (out.bytes.len(), out.marks.len());
        let mut missed = Missed::new(wants, Since::Position(from), history.is_whole());
        missed.resolve(&self.symbols);
        if let Some(oldest) = history.oldest() {
            // Of a message that has gone in part it is not known which of its ticks are left.
            let reaches = if missed.is_whole { from.sequence + 1 >= oldest } else { from.sequence > oldest };
            if !reaches {
                return Err(Lost::Gone);
            }
        }
        self.frame.id = EventId { epoch: live.epoch, sequence: 0, place: 0 };
        let mut verdict = Ok(());
        let first = if missed.collected_wants.is_empty() { from.sequence } else { 0 };
        history.each(first, &mut |tick, levels| {
            if verdict.is_err() {
                return;
            }
            self.frame.id.advance(tick.sequence);
            let rendered = &self.metrics.cores[self.core].frames_rendered;
            let mut pen = Pen { frame: &mut self.frame, symbols: &self.symbols, rendered };
            verdict = missed.on_tick(&mut pen, tick, levels, out);
            if out.bytes.len() - begin.0 > self.limits.bytes_max / 2 {
                verdict = Err(Lost::TooMuch);
            }
        });
        self.frame.id = live;
        if verdict.is_ok() && !missed.is_second_whole && !missed.collected_wants.is_empty() {
            verdict = Err(Lost::Gone);
        }
        if verdict.is_err() {
            out.bytes.truncate(begin.0);
            out.marks.truncate(begin.1);
            return verdict;
        }
        // What has come since the last second is told at the next one, to whoever is there then.
        for (key, ticks) in missed.collected {
            self.collected.entry(key).or_default().extend(ticks);
        }
        Ok(())
    }
}
