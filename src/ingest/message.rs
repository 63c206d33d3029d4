//! A message on its way to the market: numbered, decoded, moved past the tape's seam; and what comes of it.

use crate::ingest::{Halt, Ingest};
use crate::market::symbol::{SymbolId, Venue};
use crate::market::tick::{Kind, Level, Tick};
use crate::venue::{Message, Rejected};

impl Ingest {
    pub(super) fn on_message(&mut self, venue: Venue, message: &mut [u8], ts_recv: i64) -> Result<(), Halt> {
        self.number()?;
        let taken = self.take(venue, message, ts_recv);
        self.control.set_done(self.sequence);
        taken
    }

    /// Gives the next message its number.
    #[inline]
    pub(super) fn number(&mut self) -> Result<(), Halt> {
        self.sequence += 1;
        if self.lead.is_some() { self.follow() } else { Ok(()) }
    }

    fn take(&mut self, venue: Venue, message: &mut [u8], ts_recv: i64) -> Result<(), Halt> {
        self.metrics.venues[venue.index()].messages_read.add(1);
        match self.decoder.decode(venue, message, ts_recv, &mut self.symbols) {
            Ok(Message::Tick) => {
                let (tick, levels) = (self.decoder.tick, std::mem::take(&mut self.decoder.levels));
                let taken = self.on_tick(tick, &levels, ts_recv);
                self.decoder.levels = levels;
                taken
            }
            Ok(Message::List(ticks)) => ticks.into_iter().try_for_each(|tick| self.on_tick(tick, &[], ts_recv)),
            Ok(Message::Snapshot(snapshot)) => {
                self.metrics.ingest.snapshots_read.add(1);
                // Where a tape repeats, the bridge has already led its books back to their start; but it may have been
                // taken back before this one came.
                if self.seam.pass() == 0 {
                    self.engine.on_snapshot(snapshot);
                } else {
                    let moved = self.seam.place_snapshot(&snapshot, &self.engine);
                    moved.into_iter().for_each(|snapshot| self.engine.on_snapshot(snapshot));
                }
                Ok(())
            }
            Err(reason) => {
                self.on_rejected(venue, reason);
                Ok(())
            }
        }
    }

    fn on_tick(&mut self, tick: Tick, levels: &[Level], ts_recv: i64) -> Result<(), Halt> {
        self.announce()?;
        let mut tick = Tick { sequence: self.sequence, ts_recv, ..tick };
        let levels = if self.seam.place(&mut tick) { levels } else { &[] };
        if let Some(unheard) = &mut self.unheard
            && unheard.defer(&tick, levels, self.engine.book(tick.symbol).is_some())
        {
            return Ok(());
        }
        self.pass_on(&tick, levels)
    }

    /// Lets the market see a tick, and publishes it with all that follows from it.
    pub(super) fn pass_on(&mut self, tick: &Tick, levels: &[Level]) -> Result<(), Halt> {
        self.engine.on_tick(tick, levels, &mut |tick, levels| self.outgoing.push(tick, levels));
        self.publish_outgoing()
    }

    fn on_rejected(&mut self, venue: Venue, reason: Rejected) {
        let count = &self.metrics.venues[venue.index()].messages_rejected[reason.index()];
        count.add(1);
        if count.read() == 1 {
            tracing::warn!("{}: {reason}; messages like it are skipped and counted", self.feed.place());
        }
    }

    /// Tells the cores of symbols they have not met, before the first tick that uses them.
    fn announce(&mut self) -> Result<(), Halt> {
        while self.announced < self.symbols.len() {
            let id = SymbolId(self.announced as u32);
            let symbol = *self.symbols.get(id);
            let tick = Tick { sequence: self.sequence, symbol: id, kind: Kind::Announce(symbol), ..Tick::default() };
            self.pass_on(&tick, &[])?;
            self.announced += 1;
        }
        Ok(())
    }
}
