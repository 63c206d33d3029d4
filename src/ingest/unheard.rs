//! A stretch of tape that nobody hears, and what is told of it at its end.
//!
//! ```text
//!  trades             ──▶ market ──▶ candles, windows, what was lately traded      not told
//!  depth changes      ──▶ one change for each stream, from its first id to its last ──▶ market ──▶ told
//!  windows of a book  ──▶ the last one of each market ──▶ market ──▶ told
//!  all that states how things are ──▶ the newest of each stream ──▶ told
//! ```
//!
//! So no chain of updates breaks, and what clients know is at the end what is so. Memory: a level for each price that
//! was touched and a tick for each stream.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::market::channel::{Channel, Stream};
use crate::market::decimal::Decimal;
use crate::market::symbol::SymbolId;
use crate::market::tick::{Depth, Kind, Level, Tick};
use crate::venue::LEVELS_MAX;

/// What has piled up.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    depth: BTreeMap<(SymbolId, Channel), Vec<Merged>>,
    windows: BTreeMap<(SymbolId, Channel), (Tick, Vec<Level>)>,
    /// Streams of which the market has seen an event since the stretch began.
    seen: BTreeSet<(SymbolId, Channel)>,
    states: HashMap<(Stream, bool), (u64, Tick, Vec<Level>)>,
    count: u64,
}

/// Changes that follow one another, as one.
#[derive(Debug)]
struct Merged {
    tick: Tick,
    first_id: i64,
    last_id: i64,
    bids: BTreeMap<Decimal, Level>,
    asks: BTreeMap<Decimal, Level>,
}

/// Where a tick goes that comes out of the market meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It must not be missed.
    Tell,
    /// It is kept: the newest is told at the end.
    Keep,
    /// It is not told.
    Drop,
}

/// Where a tick goes that comes out of the market meanwhile.
pub(super) fn way_of(tick: &Tick) -> Way {
    match tick.kind {
        Kind::Announce(_) | Kind::End | Kind::Depth(_) => Way::Tell,
        Kind::Trade(_) | Kind::AggTrade(_) | Kind::BlockTrade(_) => Way::Drop,
        _ => Way::Keep,
    }
}

impl Unheard {
    /// Takes a tick of the tape, if the market is to see it at the end only. The market sees what comes before a book is
    /// whole, and one event more: what follows from a book is derived only some time after the first.
    pub(super) fn defer(&mut self, tick: &Tick, levels: &[Level], has_book: bool) -> bool {
        if !matches!(tick.kind, Kind::Depth(_) | Kind::Orderbook(_)) {
            return false;
        }
        let key = (tick.symbol, tick.channel);
        if !has_book || !self.seen.contains(&key) {
            if has_book {
                self.seen.insert(key);
            }
            return false;
        }
        match &tick.kind {
            Kind::Depth(depth) => {
                let list = self.depth.entry((tick.symbol, tick.channel)).or_default();
                match list.last_mut() {
                    Some(merged) if depth.first_id == merged.last_id + 1 => merged.add(tick, depth, levels),
                    _ => list.push(Merged::new(tick, depth, levels)),
                }
                true
            }
            Kind::Orderbook(_) if tick.channel == Channel::Orderbook => {
                self.windows.insert((tick.symbol, tick.channel), (*tick, levels.to_vec()));
                true
            }
            _ => false,
        }
    }

    /// Keeps what came out of the market.
    pub(super) fn keep(&mut self, tick: &Tick, levels: &[Level]) {
        self.count += 1;
        // What is told again is told to those who have just come, and is no news to the others.
        self.states.insert((tick.stream(), tick.restated), (self.count, *tick, levels.to_vec()));
    }

    /// The states to tell, in the order in which they came about.
    pub(super) fn states(&mut self) -> Vec<(Tick, Vec<Level>)> {
        let mut states: Vec<_> = self.states.drain().map(|(_, state)| state).collect();
        states.sort_by_key(|(number, ..)| *number);
        states.into_iter().map(|(_, tick, levels)| (tick, levels)).collect()
    }

    /// What the market is to see now.
    pub(super) fn deferred(&mut self) -> Vec<(Tick, Vec<Level>)> {
        let mut all: Vec<_> = std::mem::take(&mut self.windows).into_values().collect();
        for merged in std::mem::take(&mut self.depth).into_values().flatten() {
            merged.split(&mut all);
        }
        all.sort_by_key(|(tick, _)| (tick.ts_recv, tick.sequence));
        all
    }
}

impl Merged {
    fn new(tick: &Tick, depth: &Depth, levels: &[Level]) -> Merged {
        let (bids, asks) = (BTreeMap::new(), BTreeMap::new());
        let mut merged = Merged { tick: *tick, first_id: depth.first_id, last_id: depth.last_id, bids, asks };
        merged.add(tick, depth, levels);
        merged
    }

    fn add(&mut self, tick: &Tick, depth: &Depth, levels: &[Level]) {
        let (bids, asks) = levels.split_at(depth.bids as usize);
        self.bids.extend(bids.iter().map(|level| (level.price, *level)));
        self.asks.extend(asks.iter().map(|level| (level.price, *level)));
        (self.tick, self.last_id) = (*tick, depth.last_id);
    }

    /// One event, or as many as its levels need, whose ids follow one another.
    fn split(self, out: &mut Vec<(Tick, Vec<Level>)>) {
        let bids: Vec<Level> = self.bids.into_values().rev().collect();
        let (count_bids, mut levels) = (bids.len(), bids);
        levels.extend(self.asks.into_values());
        let ids = (self.last_id - self.first_id + 1).max(1) as usize;
        let parts = levels.len().div_ceil(LEVELS_MAX).clamp(1, ids);
        let size = levels.len().div_ceil(parts).max(1);
        for part in 0..parts {
            let (start, end) = ((part * size).min(levels.len()), ((part + 1) * size).min(levels.len()));
            let first_id = self.first_id + part as i64;
            let last_id = if part + 1 == parts { self.last_id } else { first_id };
            let bids = (count_bids.clamp(start, end) - start) as u32;
            let kind = Kind::Depth(Depth { first_id, last_id, bids });
            out.push((Tick { kind, ..self.tick }, levels[start..end].to_vec()));
        }
    }
}
