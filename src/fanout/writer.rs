//! The writer: ticks in, writes to sockets out; one per core. Who is written to is in `membership`, and what one
//! session alone is sent in [`delivery`](crate::fanout::delivery).
//!
//! A turn of the core's loop reads ticks with [`Fanout::on_tick`], which renders frames, one behind the other in one
//! piece of memory, and notes for each cohort which of them are its own. Then it calls [`Fanout::flush`], which writes
//! each touched cohort's frames once to each of its members: from where they lie if they lie together, as they do for
//! a cohort that wants everything and for one that wants one stream, and otherwise from a buffer that serves all
//! cohorts and so stays in the processor's cache. Between turns no cohort has unsent frames, so whatever a session is
//! sent on its own ([`Fanout::send`]) stands in order with its events.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use slab::Slab;

use crate::fanout::backlog::{BacklogLimits, Batch, Mark};
use crate::fanout::cohort::Cohort;
use crate::fanout::frame::Frame;
use crate::fanout::id::{CohortId, OutletId, WantId};
use crate::fanout::outlet::{Outlet, OutletState, Sent, Sink};
use crate::fanout::routes::{Routes, Waiting};
use crate::market::channel::{Channel, Loss, Scope};
use crate::market::interest::Interest;
use crate::market::kept::last_value::LastValues;
use crate::market::symbol::{SymbolId, Symbols, Venue};
use crate::market::tick::{Kind, Level, Tick};
use crate::metrics::Metrics;
use crate::protocol::deflate::Level as DeflateLevel;
use crate::venue::upbit::json::StreamType;

/// All sessions of a core, as far as they are sent anything.
pub struct Fanout<S> {
    pub(super) symbols: Symbols,
    pub(super) last_values: LastValues,
    pub(super) routes: Routes,
    /// Newest ticks since the last second, of the channels that somebody wants of all symbols together.
    pub(super) collected: FxHashMap<(Venue, Channel), BTreeMap<SymbolId, Tick>>,
    pub(super) cohorts: Slab<Cohort>,
    pub(super) cohort_ids: FxHashMap<Box<[WantId]>, CohortId>,
    pub(super) outlets: Slab<Outlet<S>>,
    /// The frames of this turn, in the order in which they were rendered.
    rendered: Batch,
    /// Where frames of one cohort are put together that do not lie together.
    gathered: Vec<u8>,
    /// Cohorts with frames in this turn.
    touched: Vec<CohortId>,
    /// Outlets with a backlog or waiting for their close to be answered.
    pub(super) lagging: Vec<OutletId>,
    /// Members of the cohort being flushed that did not take all, with what they took.
    pub(super) behind: Vec<(OutletId, usize)>,
    /// Wants whose first value has come, with its frame as a snapshot for those who wait for it.
    arrived: Vec<(WantId, Vec<u8>)>,
    pub(super) frame: Frame,
    pub(super) limits: BacklogLimits,
    turn: usize,
    pub(super) now_ms: u64,
    is_ended: bool,
    pub(super) metrics: Arc<Metrics>,
    pub(super) core: usize,
}

impl<S: Sink> Fanout<S> {
    /// A core's writer without sessions. It writes what is wanted into `interest`, and counts into `metrics.cores[core]`.
    pub fn new(limits: BacklogLimits, interest: Arc<Interest>, metrics: Arc<Metrics>, core: usize) -> Fanout<S> {
        Fanout {
            symbols: Symbols::default(),
            last_values: LastValues::default(),
            routes: Routes::new(interest),
            collected: FxHashMap::default(),
            cohorts: Slab::new(),
            cohort_ids: FxHashMap::default(),
            outlets: Slab::new(),
            rendered: Batch::default(),
            gathered: Vec::new(),
            touched: Vec::new(),
            lagging: Vec::new(),
            behind: Vec::new(),
            arrived: Vec::new(),
            frame: Frame::default(),
            limits,
            turn: 0,
            now_ms: 0,
            is_ended: false,
            metrics,
            core,
        }
    }

    /// How hard frames are compressed for those who agreed on it.
    pub fn set_deflate_level(&mut self, level: DeflateLevel) {
        self.frame.set_deflate_level(level);
    }

    /// Tells the time: milliseconds of the core's own clock. Ages and deadlines are counted from it.
    pub fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Takes in a tick: updates what joiners get, and appends its frames to the cohorts that want them.
    #[inline]
    pub fn on_tick(&mut self, tick: &Tick, levels: &[Level]) {
        self.frame.id.advance(tick.sequence);
        match &tick.kind {
            Kind::Announce(symbol) => {
                let before = self.symbols.find(symbol.venue, symbol.name.as_str());
                let id = self.symbols.push(*symbol);
                self.routes.resolve(symbol, id, before, &self.symbols);
                return;
            }
            Kind::Second => return self.send_collected(),
            Kind::End => {
                // No further second will be told.
                self.send_collected();
                self.is_ended = true;
                return;
            }
            _ => {}
        }
        if tick.channel.has_snapshot() {
            self.last_values.update(tick, levels);
        }
        let stream = tick.stream();
        for place in 0..self.routes.of(stream).len() {
            self.append(self.routes.of(stream)[place], tick, levels);
        }
        if self.routes.has_all() && !tick.restated {
            self.on_tick_of_all(tick, levels);
        }
        while let Some((id, snapshot)) = self.arrived.pop() {
            self.let_in(id, &snapshot);
        }
    }

    /// Appends a tick's frame to the cohorts that want it in one form, after those have had it who wait for it.
    #[inline]
    fn append(&mut self, id: WantId, tick: &Tick, levels: &[Level]) {
        let (form, cohorts) = self.routes.get(id);
        let symbol = self.symbols.get(tick.symbol);
        if self.routes.is_awaited(id) && self.frame.render(form, tick, levels, symbol, StreamType::Snapshot) {
            self.arrived.push((id, self.frame.bytes().to_vec()));
        }
        if tick.restated || !self.frame.render(form, tick, levels, symbol, StreamType::Realtime) {
            return;
        }
        self.metrics.cores[self.core].frames_rendered.add(1);
        // Where frames of all symbols come one by one, a newer one of another symbol replaces nothing.
        let is_one_symbols = matches!(self.routes.scope(id), Scope::Symbol(_));
        let replaces = match tick.channel.loss() {
            // Nor where the client is promised every event: one too slow for that is cut off, and told what it lost.
            _ if !is_one_symbols || form.is_numbered() => Mark::KEPT,
            _ if form.is_volatile() => id.0 | Mark::VOLATILE,
            Loss::Superseded => id.0,
            Loss::Never => Mark::KEPT,
        };
        note(&mut self.cohorts, &mut self.touched, cohorts, self.rendered.marks.len());
        self.rendered.push(self.frame.bytes(), replaces);
    }

    /// The first value of what some wait for has come: they get it as a snapshot, and all that follows it. Until now they
    /// were in cohorts without it, so that nobody gets the same value twice. Whatever is in the making is flushed before
    /// they move: it is theirs where they were, and not where they go.
    #[cold]
    fn let_in(&mut self, id: WantId, snapshot: &[u8]) {
        for Waiting { outlet, joins } in self.routes.take_waiting(id) {
            let current = self.outlets[outlet.index()].cohort.map(|(cohort, _)| cohort);
            if let Some(cohort) = current {
                self.flush_cohort(cohort);
            }
            let mut batch = Batch::default();
            batch.push(snapshot, Mark::KEPT);
            self.metrics.cores[self.core].frames_rendered.add(1);
            self.send(outlet, batch);
            if joins && self.outlets[outlet.index()].state == OutletState::Open {
                let mut wants = current.map_or(Vec::new(), |cohort| self.cohorts[cohort.index()].wants.to_vec());
                wants.push(id);
                wants.sort_unstable();
                wants.dedup();
                self.move_to(outlet, wants.into_boxed_slice());
            }
        }
        self.routes.discard(&[id], &self.symbols);
    }

    /// The same for those who want a channel of all symbols.
    fn on_tick_of_all(&mut self, tick: &Tick, levels: &[Level]) {
        for venue in Venue::ALL {
            if self.symbols.get(tick.symbol).name_for(venue).is_none() {
                continue;
            }
            if self.routes.is_collected(venue, tick.channel) {
                self.collected.entry((venue, tick.channel)).or_default().insert(tick.symbol, *tick);
            }
            for place in 0..self.routes.of_each(venue, tick.channel).len() {
                self.append(self.routes.of_each(venue, tick.channel)[place], tick, levels);
            }
        }
    }

    /// A second is over: the newest tick of each symbol that has one since the last, in an array.
    fn send_collected(&mut self) {
        if self.collected.is_empty() {
            return;
        }
        let wants: Vec<_> = self.routes.collected().collect();
        for (venue, channel, id) in wants {
            let Some(ticks) = self.collected.get(&(venue, channel)).filter(|ticks| !ticks.is_empty()) else { continue };
            let (form, cohorts) = self.routes.get(id);
            let symbols = &self.symbols;
            let mut named = ticks.values().map(|tick| (tick, symbols.get(tick.symbol))).peekable();
            while self.frame.render_list(form, &mut named) {
                self.metrics.cores[self.core].frames_rendered.add(1);
                note(&mut self.cohorts, &mut self.touched, cohorts, self.rendered.marks.len());
                self.rendered.push(self.frame.bytes(), Mark::KEPT);
            }
        }
        self.collected.values_mut().for_each(BTreeMap::clear);
    }

    /// Bytes rendered in this turn: a reader stops reading ticks when it has grown enough.
    #[inline]
    pub fn turn_bytes(&self) -> usize {
        self.rendered.bytes.len()
    }

    /// Whether the feed has ended.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Writes each touched cohort's frames to its members, and keeps for each what its socket did not take.
    pub fn flush(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        if touched.is_empty() {
            // What was rendered for those who waited has been sent.
            self.rendered.clear();
            return;
        }
        self.metrics.cores[self.core].batches.add(1);
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % touched.len();
        touched.rotate_left(first);
        for cohort in touched.drain(..) {
            self.flush_cohort(cohort);
        }
        self.touched = touched;
        self.rendered.clear();
    }

    pub(super) fn flush_cohort(&mut self, id: CohortId) {
        // A cohort may have been flushed, or have gone, since it was touched.
        let Some(cohort) = self.cohorts.get_mut(id.index()).filter(|cohort| !cohort.runs.is_empty()) else {
            return;
        };
        let frames = cohort.runs.iter().map(|run| u64::from(run.end - run.start)).sum();
        let bytes = match &*cohort.runs {
            [run] => self.rendered.bytes_of(run),
            runs => {
                self.gathered.clear();
                runs.iter().for_each(|run| self.gathered.extend_from_slice(self.rendered.bytes_of(run)));
                &self.gathered
            }
        };
        let first = cohort.next_turn();
        let (tail, head) = cohort.members.split_at(first.min(cohort.members.len()));
        let (mut writes, mut written, mut delivered) = (0, 0, 0);
        for &member in head.iter().chain(tail) {
            let outlet = &mut self.outlets[member.index()];
            if !outlet.backlog.is_empty() {
                self.behind.push((member, 0));
                continue;
            }
            match outlet.write(bytes, self.now_ms) {
                Sent::All => {
                    writes += 1;
                    written += bytes.len();
                    delivered += frames;
                    outlet.routed += frames;
                }
                Sent::Part(sent) => {
                    writes += 1;
                    written += sent;
                    self.behind.push((member, sent));
                }
                Sent::Failed => {
                    outlet.routed += frames;
                    outlet.dropped += frames;
                    outlet.state = OutletState::Dead;
                    self.metrics.cores[self.core].frames_dropped.add(frames);
                    outlet.sink.abort();
                }
            }
        }
        let counts = &self.metrics.cores[self.core];
        counts.frames_routed.add(frames * cohort.members.len() as u64);
        counts.writes.add(writes);
        counts.bytes_written.add(written as u64);
        counts.frames_delivered.add(delivered);
        counts.batch_frames.add(frames);
        let left = (!self.behind.is_empty()).then(|| self.rendered.select(&cohort.runs));
        cohort.runs.clear();
        if let Some(batch) = left {
            self.keep_behind(batch);
        }
    }

    /// The symbols met so far.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}

/// Notes for each of the cohorts that the frame with this number is theirs.
#[inline]
fn note(cohorts: &mut Slab<Cohort>, touched: &mut Vec<CohortId>, theirs: &[CohortId], frame: usize) {
    for &id in theirs {
        if cohorts[id.index()].note(frame as u32) {
            touched.push(id);
        }
    }
}
