//! The end of the run before this one, told again from the tape of a live feed: for clients that were there, and come
//! again to a server that has been started again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use crate::fanout::backlog::Batch;
use crate::fanout::{Backfill, EventId, Fanout, Lost, Position, Since, Want};
use crate::feed::FeedError;
use crate::feed::lines::Bytes;
use crate::feed::merge::Merge;
use crate::feed::run::FormerRun;
use crate::feed::source::Source;
use crate::feed::upstream::LiveRun;
use crate::ingest::{Control, Ingest, Lead, Plan};
use crate::market::engine::{Derive, Engine};
use crate::market::symbol::Symbols;
use crate::market::tick::{Kind, Level, Tick};
use crate::metrics::Metrics;
use crate::ring::{self, Limits, Wait, Waiter};
use crate::server::shared::Shared;
use crate::server::socket::Socket;

/// Ticks that are kept at least: 7 MB, and their levels.
const TICKS_MIN: usize = 16_384;

const RING: Limits = Limits { slots: 4_096, annex: 1 << 17, history_slots: 1, history_annex: 1 << 15 };

/// What the last run told at its end.
pub(crate) struct Former {
    epoch: u32,
    done: u64,
    symbols: Symbols,
    /// The last ticks, and whether they are all there were.
    ticks: VecDeque<(Tick, Box<[Level]>)>,
    is_whole: bool,
}

/// By what a run derives: if that is another than before, so is what it would tell.
pub(crate) fn settings(derive: Derive) -> String {
    format!("derive={derive:?} {}", env!("CARGO_PKG_VERSION"))
}

/// Reads the tape for what the last run told, on a thread of its own; then clients can be told it.
pub(crate) fn look_for(shared: &Arc<Shared>, run: LiveRun) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let look = move || {
        let former = Former::read(&run, shared.config.derive, shared.config.ring.history_slots.max(TICKS_MIN));
        let former = former.unwrap_or_else(|error| {
            tracing::warn!("clients of the last run cannot go on: {error}");
            None
        });
        // It is set here only.
        let _ = shared.former.set(former);
    };
    thread::Builder::new().name("former".into()).spawn(look).map(drop)
}

impl Former {
    fn read(run: &LiveRun, derive: Derive, ticks_max: usize) -> Result<Option<Former>, FeedError> {
        let former = FormerRun::before(run.epoch, &run.path);
        let former = former.map_err(|source| FeedError::Blocks { path: run.path.clone(), source })?;
        let Some(former) = former.filter(|former| former.settings == settings(derive)) else { return Ok(None) };
        let source = Source::Tape(Bytes::Part(run.path.clone(), former.records));
        let feed = match Merge::open(&[source]) {
            Ok(feed) => feed,
            // It had only begun.
            Err(FeedError::Empty { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut builder = ring::Builder::new(RING).expect("its limits are constants, and hold");
        let waiter = Waiter::new(Wait::Park);
        let mut reader = builder.reader(waiter.waker());
        let (control, questions) = Control::new();
        let control = Arc::new(control);
        let plan = Plan::flat_out();
        let (engine, metrics) = (Engine::new(derive), Arc::new(Metrics::new(0)));
        let ingest = Ingest::new(feed, plan, engine, builder.build(), (Arc::clone(&control), questions), metrics);
        let ingest = ingest.following(Lead::ended(&former));
        let mut told = Former {
            epoch: former.epoch,
            done: former.done,
            symbols: Symbols::default(),
            ticks: VecDeque::new(),
            is_whole: true,
        };
        thread::scope(|scope| {
            let played = scope.spawn(move || ingest.run());
            let mut is_at_end = false;
            while !is_at_end && waiter.wait(&reader) {
                reader.poll(usize::MAX, |_, tick, levels| is_at_end |= told.take(tick, levels, ticks_max));
            }
            control.stop();
            played.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok(Some(told))
    }

    /// Keeps a tick; whether it is the end.
    fn take(&mut self, tick: &Tick, levels: &[Level], ticks_max: usize) -> bool {
        match &tick.kind {
            Kind::End => return true,
            Kind::Announce(symbol) => drop(self.symbols.push(*symbol)),
            _ => {}
        }
        if self.ticks.len() == ticks_max {
            self.ticks.pop_front();
            self.is_whole = false;
        }
        self.ticks.push_back((*tick, levels.into()));
        false
    }

    /// Whether a position is one of this run.
    pub(crate) fn has(&self, position: Position) -> bool {
        position.epoch == Some(self.epoch)
    }

    /// Appends what a client missed until that run ended.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub(crate) fn missed(
        &self,
        fanout: &mut Fanout<Socket>,
        position: Position,
        wants: &[Want],
        bytes_max: usize,
        frames: &mut Batch,
    ) -> Result<(), Lost> {
        if position.sequence > self.done {
            return Err(Lost::Ahead);
        }
        let oldest = self.ticks.front().map_or(0, |(tick, _)| tick.sequence);
        if !self.is_whole && position.sequence <= oldest {
            return Err(Lost::Gone);
        }
        let begun = EventId { epoch: self.epoch, ..EventId::default() };
        let mut backfill = Backfill::among(self.symbols.clone(), wants, Since::Position(position), begun)?;
        let mut ticks = self.ticks.iter();
        ticks.try_for_each(|(tick, levels)| match frames.bytes.len() {
            bytes if bytes > bytes_max => Err(Lost::TooMuch),
            _ => fanout.backfill(&mut backfill, tick, levels, frames),
        })
    }
}
