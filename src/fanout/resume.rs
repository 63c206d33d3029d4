//! Clients that come again: what they missed, from the ticks that are still readable.
//!
//! What is sent is what the client would have been sent had it stayed: the same ticks in the same order, rendered in the
//! same form. Streams that nobody wanted at the time were perhaps not derived; of those nothing was missed.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use thiserror::Error;

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::framing::Dialect;
use crate::fanout::id::OutletId;
use crate::fanout::outlet::Sink;
use crate::fanout::position::{EventId, Position};
use crate::fanout::routes::Want;
use crate::fanout::writer::Fanout;
use crate::market::channel::{Channel, Scope, Stream};
use crate::market::symbol::{SymbolId, Venue};
use crate::market::tick::{Kind, Level, Tick};
use crate::venue::upbit::json::StreamType;

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

/// Newest ticks since the last second.
type Collected = FxHashMap<(Venue, Channel), BTreeMap<SymbolId, Tick>>;

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
        let mut missed = Missed::new(wants, history.is_whole(), self);
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
            verdict = missed.on_tick(self, from, tick, levels, out);
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

/// What a client has missed, in the making.
struct Missed<'a> {
    by_stream: FxHashMap<Stream, Vec<&'a Want>>,
    each: Vec<&'a Want>,
    collected_wants: Vec<&'a Want>,
    collected: Collected,
    is_whole: bool,
    /// Whether all ticks since the last second have been seen.
    is_second_whole: bool,
}

impl<'a> Missed<'a> {
    fn new<S: Sink>(wants: &'a [Want], is_whole: bool, fanout: &Fanout<S>) -> Missed<'a> {
        let mut missed = Missed {
            by_stream: FxHashMap::default(),
            each: Vec::new(),
            collected_wants: Vec::new(),
            collected: Collected::default(),
            is_whole,
            is_second_whole: is_whole,
        };
        for want in wants.iter().filter(|want| !want.form.is_volatile()) {
            let venue = want.form.venue();
            match want.scope {
                Scope::Symbol(name) => {
                    if let Some(symbol) = fanout.symbols.find(venue, name.as_str()) {
                        missed.by_stream.entry(Stream { symbol, channel: want.channel }).or_default().push(want);
                    }
                }
                Scope::Each => missed.each.push(want),
                Scope::Collected => {
                    missed.collected.entry((venue, want.channel)).or_default();
                    missed.collected_wants.push(want);
                }
            }
        }
        missed
    }

    /// Takes in a tick; renders it where the client has not had it. What is volatile is not told again.
    fn on_tick<S: Sink>(
        &mut self,
        fanout: &mut Fanout<S>,
        from: Position,
        tick: &Tick,
        levels: &[Level],
        out: &mut Batch,
    ) -> Result<(), Lost> {
        let (is_missed, is_last) = (from.is_before(fanout.frame.id), from.is_at(fanout.frame.id));
        match tick.kind {
            Kind::Announce(_) => return Ok(()),
            Kind::Second | Kind::End => {
                if is_missed {
                    self.send_collected(fanout, out)?;
                } else if is_last && self.collected_wants.len() > 1 {
                    let of = |want: &&&Want| &self.collected[&(want.form.venue(), want.channel)];
                    let lists = self.collected_wants.iter().filter(|want| !of(want).is_empty()).count();
                    if lists > 1 || !self.is_second_whole {
                        return Err(Lost::Shared);
                    }
                }
                self.collected.values_mut().for_each(BTreeMap::clear);
                self.is_second_whole = true;
                return Ok(());
            }
            _ => {}
        }
        if tick.restated {
            return Ok(());
        }
        let symbol = fanout.symbols.get(tick.symbol);
        if !self.collected.is_empty() {
            for venue in Venue::ALL {
                if let Some(ticks) = self.collected.get_mut(&(venue, tick.channel))
                    && symbol.name_for(venue).is_some()
                {
                    ticks.insert(tick.symbol, *tick);
                }
            }
        }
        if !is_missed && !is_last {
            return Ok(());
        }
        let mut events_at_last = 0;
        let ones = self.by_stream.get(&tick.stream()).into_iter().flatten();
        for want in ones.chain(self.each.iter().filter(|want| want.channel == tick.channel)) {
            if !fanout.frame.render(&want.form, tick, levels, symbol, StreamType::Realtime) {
                continue;
            }
            if is_last {
                events_at_last += 1;
            } else {
                out.push(fanout.frame.bytes(), Mark::KEPT);
                fanout.metrics.cores[fanout.core].frames_rendered.add(1);
            }
        }
        if events_at_last > 1 { Err(Lost::Shared) } else { Ok(()) }
    }

    fn send_collected<S: Sink>(&mut self, fanout: &mut Fanout<S>, out: &mut Batch) -> Result<(), Lost> {
        if self.collected_wants.is_empty() {
            return Ok(());
        }
        if !self.is_second_whole {
            return Err(Lost::Gone);
        }
        for want in &self.collected_wants {
            let ticks = &self.collected[&(want.form.venue(), want.channel)];
            let symbols = &fanout.symbols;
            let mut named = ticks.values().map(|tick| (tick, symbols.get(tick.symbol))).peekable();
            while fanout.frame.render_list(&want.form, &mut named) {
                out.push(fanout.frame.bytes(), Mark::KEPT);
                fanout.metrics.cores[fanout.core].frames_rendered.add(1);
            }
        }
        Ok(())
    }
}
