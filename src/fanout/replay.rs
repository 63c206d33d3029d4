//! What a client has missed that comes back: ticks of the ring's history, rendered as they were for everybody.

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::outlet::Sink;
use crate::fanout::routes::Want;
use crate::fanout::writer::Fanout;
use crate::market::channel::Scope;
use crate::market::tick::{Kind, Level, Tick};
use crate::ring::Reader;
use crate::venue::upbit::json::StreamType;

impl<S: Sink> Fanout<S> {
    /// Tells the number in the ring of the tick that comes next.
    #[inline]
    pub fn set_position(&mut self, sequence: u64) {
        self.frame.position = sequence;
    }

    /// Appends the frames of what is wanted of all ticks behind the one with the number `offset`, as far as the core has
    /// read them. False, and nothing appended, if the history does not reach back to that tick, or if it has led to
    /// several frames, of which nobody knows how many the client has seen.
    ///
    /// Cost: one pass over the history behind the offset for each want. Sources of the offset are this core and others,
    /// whose numbers are the same.
    pub fn replay(&mut self, reader: &Reader<Tick, Level>, offset: u64, wants: &[Want], out: &mut Batch) -> bool {
        if !reader.history().contains(&offset) {
            return false;
        }
        let (position, mut frames, mut frames_at_offset) = (self.frame.position, Batch::default(), 0);
        let read = reader.read_history(offset, |sequence, tick, levels| {
            self.frame.position = sequence;
            for want in wants {
                if !self.leads_to(tick, want) {
                    continue;
                }
                let symbol = self.symbols.get(tick.symbol);
                if !self.frame.render(&want.form, tick, levels, symbol, StreamType::Realtime) {
                    continue;
                }
                match sequence {
                    _ if sequence == offset => frames_at_offset += 1,
                    _ => frames.push(self.frame.bytes(), Mark::KEPT),
                }
            }
        });
        self.frame.position = position;
        let is_restored = read.is_ok() && frames_at_offset <= 1;
        if is_restored {
            let mut start = 0;
            for mark in &frames.marks {
                out.push(&frames.bytes[start..mark.end as usize], mark.replaces);
                start = mark.end as usize;
            }
        }
        is_restored
    }

    /// Whether a tick led to a frame of what is wanted. Volatile frames are not sent again.
    fn leads_to(&self, tick: &Tick, want: &Want) -> bool {
        let is_update = !matches!(tick.kind, Kind::Announce(_) | Kind::Second | Kind::End) && !tick.restated;
        if !is_update || tick.channel != want.channel || want.form.is_volatile() {
            return false;
        }
        let venue = want.form.venue();
        match want.scope {
            Scope::Symbol(name) => self.symbols.find(venue, name.as_str()) == Some(tick.symbol),
            Scope::Each => self.symbols.get(tick.symbol).name_for(venue).is_some(),
            Scope::Collected => false,
        }
    }
}
