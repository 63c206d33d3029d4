//! Ticks that are gone over again for one client, from wherever they are held, until it is where everybody is.

use crate::fanout::backlog::Batch;
use crate::fanout::missed::{Missed, Pen, Since};
use crate::fanout::outlet::Sink;
use crate::fanout::position::EventId;
use crate::fanout::resume::Lost;
use crate::fanout::routes::Want;
use crate::fanout::writer::Fanout;
use crate::market::channel::{Scope, Stream};
use crate::market::interest::Change;
use crate::market::symbol::Symbols;
use crate::market::tick::{Kind, Level, Tick};

/// A client's way through the past. The ticks must be all there were, from the first on.
pub struct Backfill {
    missed: Missed,
    symbols: Symbols,
    id: EventId,
    is_at_end: bool,
    /// Whether all symbols had their names before.
    knows_symbols: bool,
}

impl Backfill {
    /// From the first tick of a run of the feed on.
    pub fn new(wants: &[Want], since: Since, epoch: u32) -> Backfill {
        let id = EventId { epoch, ..EventId::default() };
        Backfill {
            missed: Missed::new(wants, since, true),
            symbols: Symbols::default(),
            id,
            is_at_end: false,
            knows_symbols: false,
        }
    }

    /// Within another run of the feed, whose symbols these are; from the beginning of a message on.
    ///
    /// # Errors
    /// [`Lost::OtherEpoch`] for arrays of all symbols, which do not end with a run.
    pub fn among(symbols: Symbols, wants: &[Want], since: Since, id: EventId) -> Result<Backfill, Lost> {
        if wants.iter().any(|want| want.scope == Scope::Collected) {
            return Err(Lost::OtherEpoch);
        }
        let mut missed = Missed::new(wants, since, false);
        missed.resolve(&symbols);
        Ok(Backfill { missed, symbols, id, is_at_end: false, knows_symbols: true })
    }

    /// Whether the ticks have ended.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }
}

impl<S: Sink> Fanout<S> {
    /// Takes in a tick of the past, and appends what the client is due of it.
    ///
    /// # Errors
    /// [`Lost`], if that cannot be told exactly.
    pub fn backfill(
        &mut self,
        backfill: &mut Backfill,
        tick: &Tick,
        levels: &[Level],
        out: &mut Batch,
    ) -> Result<(), Lost> {
        backfill.id.advance(tick.sequence);
        match &tick.kind {
            Kind::Announce(_) if backfill.knows_symbols => return Ok(()),
            Kind::Announce(symbol) => {
                backfill.symbols.push(*symbol);
                backfill.missed.resolve(&backfill.symbols);
                return Ok(());
            }
            // It is the end of what is held of the past, and not the feed's.
            Kind::End => {
                backfill.is_at_end = true;
                return Ok(());
            }
            _ => {}
        }
        let live = std::mem::replace(&mut self.frame.id, backfill.id);
        let rendered = &self.metrics.cores[self.core].frames_rendered;
        let mut pen = Pen { frame: &mut self.frame, symbols: &backfill.symbols, rendered };
        let taken = backfill.missed.on_tick(&mut pen, tick, levels, out);
        self.frame.id = live;
        taken
    }

    /// The client is where everybody is: what has come since the last second is told at the next one, to it too.
    pub fn end_backfill(&mut self, backfill: &mut Backfill) {
        for (key, ticks) in backfill.missed.take_collected() {
            self.collected.entry(key).or_default().extend(ticks);
        }
    }

    /// Has what is wanted be published from now on, though no client is sent it yet; what that is. Of symbols that
    /// nobody knows there is nothing to publish.
    pub fn want_published(&self, wants: &[Want]) -> Vec<Change> {
        let interest = self.routes.interest();
        let change = |want: &Want| match want.scope {
            Scope::Symbol(name) => {
                let symbol = self.symbols.find(want.form.venue(), name.as_str())?;
                let stream = Stream { symbol, channel: want.channel };
                interest.set(stream);
                Some(Change::Stream(stream, true))
            }
            Scope::Each | Scope::Collected => {
                interest.set_everywhere(want.channel);
                Some(Change::Everywhere(want.channel, true))
            }
        };
        wants.iter().filter_map(change).collect()
    }
}
