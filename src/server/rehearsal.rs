//! What a subscriber would be told of tapes, without any: the same way from decoding to frames, into a digest.
//!
//! The same tapes, settings and streams give the same bytes at every speed; this is how to see that they do, on another
//! machine or with another version, without listening for hours. The digest is that of the lines that
//! `/ndjson?streams=…` sends, without the one that tells of the end.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use thiserror::Error;

use crate::fanout::{BacklogLimits, Fanout, Framing, Sink};
use crate::feed::FeedError;
use crate::feed::merge::Merge;
use crate::feed::source::Source;
use crate::ingest::{Control, Ingest, Plan};
use crate::market::engine::{Derive, Engine};
use crate::market::symbol::Venue;
use crate::metrics::Metrics;
use crate::ring::{Builder, Limits, Wait, Waiter};
use crate::session::selection::{Manner, Origin, Selection};
use crate::tape::digest::{Digest, Digester};

/// Ticks taken before what they come to is written.
const TURN_TICKS: usize = 1_024;

const RING: Limits = Limits { slots: 4_096, annex: 1 << 17, history_slots: 1, history_annex: 1 << 15 };

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Events.
    pub events: u64,
    /// Their bytes, with the ends of their lines.
    pub bytes: u64,
    /// SHA-256 of these.
    pub digest: Digest,
}

/// Why it cannot be.
#[derive(Debug, Error)]
pub enum RehearsalError {
    /// A stream that does not exist.
    #[error("{0}")]
    Stream(String),
    /// A tape that cannot be used.
    #[error(transparent)]
    Feed(#[from] FeedError),
}

/// Everything that is written, as a digest.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<(u64, u64, Digester)>>);

impl Sink for Heard {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let (events, length, digester) = &mut *self.0.borrow_mut();
        *events += memchr::memchr_iter(b'\n', bytes).count() as u64;
        *length += bytes.len() as u64;
        digester.update(bytes);
        Ok(bytes.len())
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().map(|slice| self.try_send(slice)).sum()
    }

    fn abort(&self) {}
}

/// Plays tapes flat out to a subscriber of these streams: names of Binance's, or with a venue before them,
/// `upbit:trade:KRW-BTC`. From the first time on and before the second, nanoseconds since the epoch.
///
/// # Errors
/// [`RehearsalError`].
pub fn rehearse(
    sources: &[Source],
    names: &[&str],
    (from, to): (Option<i64>, Option<i64>),
    derive: Derive,
) -> Result<Rehearsed, RehearsalError> {
    let manner = Manner { serves_retired_names: true, ..Manner::default() };
    let find = |name: &&str| Selection::find_anywhere(Origin::Venue(Venue::Binance), name, manner);
    let selections = names.iter().map(find).collect::<Result<Vec<_>, _>>().map_err(RehearsalError::Stream)?;
    let feed = Merge::open(sources)?;
    let (engine, metrics) = (Engine::new(derive), Arc::new(Metrics::new(1)));
    let limits = BacklogLimits { bytes_max: usize::MAX, age_ms_max: u64::MAX, high_water_bytes: usize::MAX };
    let mut fanout = Fanout::new(limits, engine.interest(), Arc::clone(&metrics), 0);
    let heard = Heard::default();
    let id = fanout.open(heard.clone());
    fanout.subscribe(id, selections.iter().map(|selection| selection.want(Framing::Line)).collect());
    let mut builder = Builder::new(RING).expect("its limits are constants, and hold");
    let waiter = Waiter::new(Wait::Park);
    let mut reader = builder.reader(waiter.waker());
    let (control, questions) = Control::new();
    let control = Arc::new(control);
    let plan = Plan { from, to, ..Plan::flat_out() };
    let ingest = Ingest::new(feed, plan, engine, builder.build(), (Arc::clone(&control), questions), metrics);
    std::thread::scope(|scope| {
        let played = scope.spawn(move || ingest.run());
        while !fanout.is_ended() && waiter.wait(&reader) {
            while reader.poll(TURN_TICKS, |_, tick, levels| fanout.on_tick(tick, levels)) > 0 {
                fanout.flush();
            }
        }
        control.stop();
        played.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    drop(fanout);
    let (events, bytes, digester) = heard.0.take();
    Ok(Rehearsed { events, bytes, digest: digester.finish() })
}
