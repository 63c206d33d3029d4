//! Routes: from a stream to the cohorts that want it.
//!
//! A *want* is a stream in a form. It is rendered once per tick and appended to each cohort that holds it. Wants name
//! their symbol by its spelling, because a client may subscribe to a symbol before the feed has named it; they find
//! their stream when it does.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use slab::Slab;

use crate::fanout::frame::Form;
use crate::fanout::id::{CohortId, OutletId, WantId};
use crate::market::channel::{Channel, Scope, Stream};
use crate::market::interest::Interest;
use crate::market::symbol::{Name, Symbol, SymbolId, Symbols, Venue};

/// A stream in a form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Want {
    /// Whose.
    pub scope: Scope,
    /// Which of their streams.
    pub channel: Channel,
    /// How its frames look.
    pub form: Form,
}

#[derive(Debug)]
struct Entry {
    want: Want,
    cohorts: Vec<CohortId>,
    /// Who is to be given the stream's first value as a snapshot, because there was none yet when they asked.
    waiting: Vec<Waiting>,
}

/// An outlet that waits for a stream's first value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub outlet: OutletId,
    /// Whether it is to have all further values, too.
    pub joins: bool,
}

impl Entry {
    fn is_unused(&self) -> bool {
        self.cohorts.is_empty() && self.waiting.is_empty()
    }
}

/// Wants of all symbols of a venue.
type ByChannel = FxHashMap<(Venue, Channel), Vec<WantId>>;

/// All wants of a core.
#[derive(Debug, Default)]
pub struct Routes {
    /// What the market should derive. Never taken back: another core may want it, or a client that comes again.
    interest: Arc<Interest>,
    entries: Slab<Entry>,
    ids: FxHashMap<Want, WantId>,
    by_stream: Vec<Vec<WantId>>,
    each: ByChannel,
    collected: ByChannel,
    unresolved: FxHashMap<(Venue, Name), Vec<WantId>>,
    /// How many outlets wait, each counted once for each want.
    waiting: usize,
}

impl Routes {
    /// No wants yet.
    pub fn new(interest: Arc<Interest>) -> Routes {
        Routes { interest, ..Routes::default() }
    }

    /// The wants of a stream.
    #[inline]
    pub fn of(&self, stream: Stream) -> &[WantId] {
        self.by_stream.get(stream.index()).map_or(&[], Vec::as_slice)
    }

    /// Whether anybody wants something of all symbols.
    #[inline]
    pub fn has_all(&self) -> bool {
        !self.each.is_empty() || !self.collected.is_empty()
    }

    /// The wants of every symbol's updates of a channel, as they come.
    #[inline]
    pub fn of_each(&self, venue: Venue, channel: Channel) -> &[WantId] {
        if self.each.is_empty() { &[] } else { self.each.get(&(venue, channel)).map_or(&[], Vec::as_slice) }
    }

    /// Whether anybody wants a channel's newest values of all symbols together.
    #[inline]
    pub fn is_collected(&self, venue: Venue, channel: Channel) -> bool {
        !self.collected.is_empty() && self.collected.contains_key(&(venue, channel))
    }

    /// The wants of newest values of all symbols together.
    pub fn collected(&self) -> impl Iterator<Item = (Venue, Channel, WantId)> + '_ {
        let wants = |(&(venue, channel), ids): (&(Venue, Channel), &Vec<WantId>)| {
            ids.iter().map(|&id| (venue, channel, id)).collect::<Vec<_>>()
        };
        self.collected.iter().flat_map(wants)
    }

    /// Where it is written what is wanted.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// A want's form and the cohorts that hold it.
    #[inline]
    pub fn get(&self, id: WantId) -> (&Form, &[CohortId]) {
        let entry = &self.entries[id.index()];
        (&entry.want.form, &entry.cohorts)
    }

    /// A want as it was given.
    pub fn want(&self, id: WantId) -> &Want {
        &self.entries[id.index()].want
    }

    /// Whose updates a want is of.
    #[inline]
    pub fn scope(&self, id: WantId) -> Scope {
        self.entries[id.index()].want.scope
    }

    /// The numbers of these wants, sorted, each once; wants nobody held before are added. Every one of them must be
    /// given to a cohort with [`Routes::add`], or be removed with [`Routes::discard`].
    pub fn intern(&mut self, wants: Vec<Want>, symbols: &Symbols) -> Box<[WantId]> {
        let mut ids: Vec<WantId> = wants.into_iter().map(|want| self.intern_one(want, symbols)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_boxed_slice()
    }

    /// An outlet is to be given the next value of what is wanted as a snapshot, before it gets any update of it.
    pub fn wait(&mut self, outlet: OutletId, joins: bool, want: Want, symbols: &Symbols) {
        let id = self.intern_one(want, symbols);
        let waiting = &mut self.entries[id.index()].waiting;
        match waiting.iter_mut().find(|other| other.outlet == outlet) {
            Some(known) => known.joins |= joins,
            None => {
                waiting.push(Waiting { outlet, joins });
                self.waiting += 1;
            }
        }
    }

    /// Whether anybody waits for the next value of this.
    #[inline]
    pub fn is_awaited(&self, id: WantId) -> bool {
        self.waiting > 0 && !self.entries[id.index()].waiting.is_empty()
    }

    /// Those who waited for a value of this, which has come. If nobody else wants it, it must be given to
    /// [`Routes::discard`] once the wants of its stream are no longer walked through.
    pub fn take_waiting(&mut self, id: WantId) -> Vec<Waiting> {
        let waiting = std::mem::take(&mut self.entries[id.index()].waiting);
        self.waiting -= waiting.len();
        waiting
    }

    /// An outlet has gone, or wants something else now.
    pub fn stop_waiting(&mut self, outlet: OutletId, symbols: &Symbols) {
        if self.waiting == 0 {
            return;
        }
        let mut left = Vec::new();
        for (index, entry) in &mut self.entries {
            if let Some(place) = entry.waiting.iter().position(|other| other.outlet == outlet) {
                entry.waiting.swap_remove(place);
                self.waiting -= 1;
                left.push(WantId(index as u32));
            }
        }
        self.discard(&left, symbols);
    }

    fn intern_one(&mut self, want: Want, symbols: &Symbols) -> WantId {
        if let Some(&id) = self.ids.get(&want) {
            return id;
        }
        let id =
            WantId(self.entries.insert(Entry { want: want.clone(), cohorts: Vec::new(), waiting: Vec::new() }) as u32);
        let venue = want.form.venue();
        match want.scope {
            Scope::Symbol(name) => match symbols.find(venue, name.as_str()) {
                Some(symbol) => self.route(symbol, id),
                None => {
                    // Before the feed has named anything, its first ticks are on their way: they must not depend on
                    // how fast this core reads the name. Later a symbol that nobody knows is not worth that much.
                    if symbols.is_empty() {
                        self.interest.set_everywhere(want.channel);
                    }
                    self.unresolved.entry((venue, name)).or_default().push(id);
                }
            },
            Scope::Each => {
                self.interest.set_everywhere(want.channel);
                self.each.entry((venue, want.channel)).or_default().push(id);
            }
            Scope::Collected => {
                self.interest.set_everywhere(want.channel);
                self.collected.entry((venue, want.channel)).or_default().push(id);
            }
        }
        self.ids.insert(want, id);
        id
    }

    /// A symbol has been named for the first time: whoever waited for it finds its streams. `before` is the symbol that
    /// had its name so far, translated from another venue's; its wants by that name go over to the new one.
    pub fn resolve(&mut self, symbol: &Symbol, id: SymbolId, before: Option<SymbolId>, symbols: &Symbols) {
        if let Some(before) = before {
            let moved: Vec<WantId> = (0..Channel::COUNT)
                .flat_map(|channel| self.by_stream.get(before.index() * Channel::COUNT + channel).into_iter().flatten())
                .copied()
                .filter(|want| {
                    let want = &self.entries[want.index()].want;
                    want.scope == Scope::Symbol(symbol.name) && want.form.venue() == symbol.venue
                })
                .collect();
            for want in moved {
                let channel = self.entries[want.index()].want.channel;
                self.by_stream[Stream { symbol: before, channel }.index()].retain(|&other| other != want);
                self.route(id, want);
            }
        }
        for venue in Venue::ALL {
            let Some(&name) = symbol.name_for(venue) else { continue };
            if symbols.find(venue, name.as_str()) == Some(id) {
                for want in self.unresolved.remove(&(venue, name)).unwrap_or_default() {
                    self.route(id, want);
                }
            }
        }
    }

    fn route(&mut self, symbol: SymbolId, id: WantId) {
        let stream = Stream { symbol, channel: self.entries[id.index()].want.channel };
        if self.by_stream.len() <= stream.index() {
            self.by_stream.resize_with(stream.index() + 1, Vec::new);
        }
        self.by_stream[stream.index()].push(id);
        self.interest.set(stream);
    }

    /// From now on the cohort holds these wants.
    pub fn add(&mut self, cohort: CohortId, wants: &[WantId]) {
        for id in wants {
            self.entries[id.index()].cohorts.push(cohort);
        }
    }

    /// The cohort no longer holds these wants; those that nobody holds are forgotten.
    pub fn remove(&mut self, cohort: CohortId, wants: &[WantId], symbols: &Symbols) {
        for &id in wants {
            let entry = &mut self.entries[id.index()];
            entry.cohorts.retain(|&other| other != cohort);
        }
        self.discard(wants, symbols);
    }

    /// Forgets those of these wants that no cohort holds and nobody waits for.
    pub fn discard(&mut self, wants: &[WantId], symbols: &Symbols) {
        for &id in wants {
            if !self.entries.get(id.index()).is_some_and(Entry::is_unused) {
                continue;
            }
            let want = self.entries.remove(id.index()).want;
            let (venue, channel) = (want.form.venue(), want.channel);
            match want.scope {
                Scope::Symbol(name) => match symbols.find(venue, name.as_str()) {
                    Some(symbol) => {
                        self.by_stream[Stream { symbol, channel }.index()].retain(|&other| other != id);
                    }
                    None => forget(&mut self.unresolved, &(venue, name), id),
                },
                Scope::Each => forget(&mut self.each, &(venue, channel), id),
                Scope::Collected => forget(&mut self.collected, &(venue, channel), id),
            }
            self.ids.remove(&want);
        }
    }

    /// How many wants there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody wants anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Takes a want out of a list, and the list out of its table when it was the last.
fn forget<K: Eq + std::hash::Hash>(table: &mut FxHashMap<K, Vec<WantId>>, key: &K, id: WantId) {
    if let Some(ids) = table.get_mut(key) {
        ids.retain(|&other| other != id);
        if ids.is_empty() {
            table.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::binance::TimeUnit;

    fn want(symbol: &str, channel: Channel) -> Want {
        let form = Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None };
        Want { scope: Scope::Symbol(Name::new(symbol).unwrap()), channel, form }
    }

    #[test]
    fn a_want_finds_its_stream_when_its_symbol_is_named_and_goes_with_its_last_cohort() {
        let (mut symbols, mut routes) = (Symbols::default(), Routes::default());
        let ids = routes.intern(vec![want("A", Channel::Trade), want("A", Channel::Trade)], &symbols);
        assert_eq!(ids.len(), 1);
        routes.add(CohortId(7), &ids);
        let id = symbols.intern(Venue::Binance, "A").unwrap();
        routes.resolve(symbols.get(id), id, None, &symbols);
        let stream = Stream { symbol: id, channel: Channel::Trade };
        assert_eq!(routes.of(stream), &*ids);
        assert_eq!(routes.get(ids[0]).1, [CohortId(7)]);
        routes.remove(CohortId(7), &ids, &symbols);
        assert!(routes.of(stream).is_empty() && routes.is_empty());
        let again = routes.intern(vec![want("A", Channel::Trade)], &symbols);
        assert_eq!(routes.of(stream), &*again);
    }

    #[test]
    fn a_translated_name_goes_over_to_the_venues_own_symbol() {
        let name = |text| Name::new(text).unwrap();
        let (mut symbols, mut routes) = (Symbols::default(), Routes::default());
        let ids = routes.intern(vec![want("BTCUSDT", Channel::Trade)], &symbols);
        routes.add(CohortId(7), &ids);
        let trade = |symbol| Stream { symbol, channel: Channel::Trade };
        let theirs = Symbol::new(Venue::Upbit, name("USDT-BTC")).spelled(Venue::Binance, name("BTCUSDT"));
        let first = symbols.push(theirs);
        routes.resolve(&theirs, first, None, &symbols);
        assert_eq!(routes.of(trade(first)), &*ids);
        let before = symbols.find(Venue::Binance, "BTCUSDT");
        let own = symbols.intern(Venue::Binance, "BTCUSDT").unwrap();
        routes.resolve(symbols.get(own), own, before, &symbols);
        assert!(routes.of(trade(first)).is_empty());
        assert_eq!(routes.of(trade(own)), &*ids);
        routes.remove(CohortId(7), &ids, &symbols);
        assert!(routes.of(trade(own)).is_empty() && routes.is_empty());
    }

    #[test]
    fn who_waits_is_known_until_the_value_comes_or_the_client_goes() {
        let (mut symbols, mut routes) = (Symbols::default(), Routes::default());
        symbols.intern(Venue::Binance, "A").unwrap();
        for outlet in [1, 2, 2] {
            routes.wait(OutletId(outlet), false, want("A", Channel::Trade), &symbols);
        }
        routes.wait(OutletId(1), true, want("NOSUCH", Channel::Trade), &symbols);
        let id = routes.of(Stream { symbol: SymbolId(0), channel: Channel::Trade })[0];
        assert!(routes.is_awaited(id));
        routes.stop_waiting(OutletId(1), &symbols);
        assert_eq!(routes.len(), 1);
        assert_eq!(routes.take_waiting(id), [Waiting { outlet: OutletId(2), joins: false }]);
        assert!(!routes.is_awaited(id));
        routes.discard(&[id], &symbols);
        assert!(routes.is_empty() && routes.unresolved.is_empty());
    }

    #[test]
    fn wants_for_symbols_that_never_come_leave_nothing_behind() {
        let (symbols, mut routes) = (Symbols::default(), Routes::default());
        let ids = routes.intern(vec![want("NOSUCH", Channel::Trade), want("NOSUCH", Channel::Ticker)], &symbols);
        routes.add(CohortId(1), &ids);
        routes.remove(CohortId(1), &ids, &symbols);
        assert!(routes.is_empty() && routes.unresolved.is_empty() && routes.ids.is_empty());
    }
}
