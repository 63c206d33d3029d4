//! What a client has missed, in the making: ticks that are gone over again, rendered as it would have been sent them.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::frame::Frame;
use crate::fanout::position::Position;
use crate::fanout::resume::Lost;
use crate::fanout::routes::Want;
use crate::market::channel::{Channel, Scope, Stream};
use crate::market::symbol::{SymbolId, Symbols, Venue};
use crate::market::tick::{Kind, Level, Tick};
use crate::metrics::Count;
use crate::venue::upbit::json::StreamType;

/// From where on a client is sent what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It has had everything up to here.
    Position(Position),
    /// What was received at this time or later, nanoseconds since the epoch, as clients see times.
    Time(i64),
}

/// Newest ticks since the last second.
pub(super) type Collected = FxHashMap<(Venue, Channel), BTreeMap<SymbolId, Tick>>;

/// What ticks are rendered with.
pub(super) struct Pen<'a> {
    /// Its id is that of the tick.
    pub(super) frame: &'a mut Frame,
    pub(super) symbols: &'a Symbols,
    /// Frames rendered.
    pub(super) rendered: &'a Count,
}

/// What a client has missed of what it wants.
pub(super) struct Missed {
    since: Since,
    wants: Vec<Want>,
    /// Places of wants, by what they are of.
    by_stream: FxHashMap<Stream, Vec<usize>>,
    each: Vec<usize>,
    pub(super) collected_wants: Vec<usize>,
    pub(super) collected: Collected,
    pub(super) is_whole: bool,
    /// Whether all ticks since the last second have been seen.
    pub(super) is_second_whole: bool,
}

impl Missed {
    /// Nothing yet; `is_whole` where the ticks will be all that there were, from the first on.
    pub(super) fn new(wants: &[Want], since: Since, is_whole: bool) -> Missed {
        let wants: Vec<Want> = wants.iter().filter(|want| !want.form.is_volatile()).cloned().collect();
        let of = |scope: fn(&Scope) -> bool| -> Vec<usize> {
            wants.iter().enumerate().filter(|(_, want)| scope(&want.scope)).map(|(place, _)| place).collect()
        };
        let (each, collected_wants) = (of(|scope| *scope == Scope::Each), of(|scope| *scope == Scope::Collected));
        let key = |place: &usize| ((wants[*place].form.venue(), wants[*place].channel), BTreeMap::new());
        let collected = collected_wants.iter().map(key).collect();
        let by_stream = FxHashMap::default();
        Missed { since, by_stream, each, collected_wants, collected, is_whole, is_second_whole: is_whole, wants }
    }

    /// Symbols have got their names: finds the streams that are wanted.
    pub(super) fn resolve(&mut self, symbols: &Symbols) {
        self.by_stream.clear();
        for (place, want) in self.wants.iter().enumerate() {
            if let Scope::Symbol(name) = want.scope
                && let Some(symbol) = symbols.find(want.form.venue(), name.as_str())
            {
                self.by_stream.entry(Stream { symbol, channel: want.channel }).or_default().push(place);
            }
        }
    }

    /// Takes in a tick; renders it where the client has not had it. What is volatile is not told again.
    ///
    /// # Errors
    /// [`Lost`], if that cannot be told exactly.
    pub(super) fn on_tick(
        &mut self,
        pen: &mut Pen<'_>,
        tick: &Tick,
        levels: &[Level],
        out: &mut Batch,
    ) -> Result<(), Lost> {
        let (is_missed, is_last) = match self.since {
            Since::Position(from) => (from.is_before(pen.frame.id), from.is_at(pen.frame.id)),
            Since::Time(time) => (tick.ts_recv >= time, false),
        };
        match tick.kind {
            Kind::Announce(_) => return Ok(()),
            Kind::Second | Kind::End => {
                if is_missed {
                    self.send_collected(pen, out)?;
                } else if is_last && self.collected_wants.len() > 1 {
                    let of = |place: &&usize| &self.collected[&self.key(**place)];
                    let lists = self.collected_wants.iter().filter(|place| !of(place).is_empty()).count();
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
        let symbol = pen.symbols.get(tick.symbol);
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
        let each = self.each.iter().filter(|place| self.wants[**place].channel == tick.channel);
        for place in ones.chain(each) {
            if !pen.frame.render(&self.wants[*place].form, tick, levels, symbol, StreamType::Realtime) {
                continue;
            }
            if is_last {
                events_at_last += 1;
            } else {
                out.push(pen.frame.bytes(), Mark::KEPT);
                pen.rendered.add(1);
            }
        }
        if events_at_last > 1 { Err(Lost::Shared) } else { Ok(()) }
    }

    /// The newest ticks since the last second, of channels that are wanted of all symbols together.
    pub(super) fn take_collected(&mut self) -> Collected {
        std::mem::take(&mut self.collected)
    }

    fn key(&self, place: usize) -> (Venue, Channel) {
        (self.wants[place].form.venue(), self.wants[place].channel)
    }

    fn send_collected(&mut self, pen: &mut Pen<'_>, out: &mut Batch) -> Result<(), Lost> {
        if self.collected_wants.is_empty() {
            return Ok(());
        }
        if !self.is_second_whole {
            return Err(Lost::Gone);
        }
        for &place in &self.collected_wants {
            let ticks = &self.collected[&self.key(place)];
            let mut named = ticks.values().map(|tick| (tick, pen.symbols.get(tick.symbol))).peekable();
            while pen.frame.render_list(&self.wants[place].form, &mut named) {
                out.push(pen.frame.bytes(), Mark::KEPT);
                pen.rendered.add(1);
            }
        }
        Ok(())
    }
}
