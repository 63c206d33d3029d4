//! A live upstream: what an exchange, or a server like it, says at this moment, and what was said to it.
//!
//! ```text
//!                     ┌─ connection ─┐
//!  Address ─▶ line ───┤              ├─▶ Hub (arbiter, continuity) ─▶ Sink ─▶ tape, or queue of a feed
//!                     └─ connection ─┘          ▲
//!                        snapshots by REST ─────┘
//! ```
//!
//! All of it runs on one thread with a runtime of its own. A sink that waits, for a disk or for room, makes that thread
//! wait, and so the exchange: nothing is buffered without limit.
//!
//! # What is not lost, and what is not repeated
//!
//! A connection that is about to become too old is renewed by a second one beside it: it connects, subscribes, and when
//! a message has been seen on both, the old one is closed and read to its end. With more than one connection to an
//! address ([`Plan::connections`]) the same goes on all the time. Which of the messages are the same is told by the
//! rising id of Binance's trades, aggregate trades and changes of books, and else by being equal byte for byte, in order,
//! within its stream. What could be missing is always a note: [`Form::Gap`](crate::tape::Form::Gap).
//!
//! # Known limitation
//!
//! Heads of requests and answers are recorded as parsed: names of headers are in lower case. Snapshots are asked for
//! where books follow Binance's spot rules; those of futures count in another way and come without.

mod address;
mod arbiter;
mod connection;
mod hub;
mod line;
mod live;
mod origin;
mod recorder;
mod snapshots;
mod tee;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

pub use address::{Address, Family};
pub(super) use live::Live;
pub use live::{LiveRun, Spec};
pub use origin::Origin;
pub use recorder::{Recorder, Series};
pub use tee::Tee;

use crate::dial::{Trust, TrustError};
use crate::tape::{Message, TapeError};

/// How an upstream is kept.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Connections to each address at once, of which the first to deliver a message counts.
    pub connections: usize,
    /// Silence after which a connection counts as lost; at half of it a ping is sent.
    pub silence_max: Duration,
    /// Age at which a connection is renewed. Binance ends connections after 24 hours.
    pub renew_after: Duration,
    /// The first wait before connecting again; it doubles, and each is shortened by chance to between half and all.
    pub retry_min: Duration,
    /// The longest such wait.
    pub retry_max: Duration,
    /// Levels of a snapshot on each side, 1 to 5,000; 0 for no snapshots.
    pub snapshot_levels: u32,
    /// Who is trusted to vouch for a server, in PEM; `None` for the usual authorities.
    pub ca: Option<PathBuf>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            connections: 1,
            silence_max: Duration::from_secs(30),
            renew_after: Duration::from_secs(23 * 3_600 + 1_800),
            retry_min: Duration::from_millis(250),
            retry_max: Duration::from_secs(30),
            snapshot_levels: 1_000,
            ca: None,
        }
    }
}

/// Where the messages go. It runs on the upstream's thread.
pub trait Sink: Send {
    /// Takes a message, or what is noted of the session; its label is empty.
    ///
    /// # Errors
    /// [`UpstreamError`], which ends the upstream.
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError>;

    /// Called some ten times a second.
    ///
    /// # Errors
    /// As [`Sink::take`].
    fn idle(&mut self) -> Result<(), UpstreamError>;

    /// Called at the end.
    ///
    /// # Errors
    /// As [`Sink::take`].
    fn finish(&mut self) -> Result<(), UpstreamError>;
}

/// Why an upstream cannot be begun, or ended.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// Nobody to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system gives no thread or no runtime.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// What is asked for is not to be had there.
    #[error("{name}: {reason}")]
    Refused {
        /// Where.
        name: String,
        /// Why.
        reason: String,
    },
    /// What was received could not be passed on.
    #[error("{name} has not taken the last {count} messages")]
    Untaken {
        /// Who.
        name: String,
        /// How many.
        count: usize,
    },
    /// What was received could not be written down.
    #[error(transparent)]
    Sink(#[from] TapeError),
}

/// What an upstream has met so far.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) messages: AtomicU64,
    duplicates: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl Stats {
    /// Messages taken.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Messages that came on a second connection too.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Notes of what may be missing.
    pub fn gaps(&self) -> u64 {
        self.gaps.load(Ordering::Relaxed)
    }

    /// Connections lost, or not come about.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// An upstream under way. Dropped, it ends: connections are closed, the sink is finished.
pub struct Upstream {
    stop: watch::Sender<bool>,
    stats: Arc<Stats>,
    thread: Option<JoinHandle<Result<(), UpstreamError>>>,
}

impl Upstream {
    /// Begins to listen to these addresses.
    ///
    /// # Errors
    /// [`UpstreamError`]; that nobody answers is no error, but noted and tried again.
    pub fn start(addresses: Vec<Address>, plan: Plan, sink: Box<dyn Sink>) -> Result<Upstream, UpstreamError> {
        let trust = Trust::of(plan.ca.as_deref())?;
        Self::run("upstream", move |stopped, stats| {
            let parts = line::Parts { trust, plan, stopped, stats };
            line::run(addresses, parts, sink)
        })
    }

    /// Runs something on a thread and runtime of its own, until it ends or is told to.
    pub(super) fn run<F: Future<Output = Result<(), UpstreamError>> + 'static>(
        name: &str,
        begin: impl FnOnce(watch::Receiver<bool>, Arc<Stats>) -> F + Send + 'static,
    ) -> Result<Upstream, UpstreamError> {
        let (stop, stopped) = watch::channel(false);
        let stats = Arc::new(Stats::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let counted = Arc::clone(&stats);
        let run = move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async { begin(stopped, counted).await })
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Upstream { stop, stats, thread: Some(thread) })
    }

    /// What it has met so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether it has ended, which it does by itself only where its sink failed, or where it was refused.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it: connections are closed, the sink is finished. Takes a second at most where the sink does not wait.
    ///
    /// # Errors
    /// What the sink met, and [`UpstreamError::Refused`].
    pub fn stop(mut self) -> Result<(), UpstreamError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), UpstreamError> {
        let _ = self.stop.send(true);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// The time, nanoseconds since the epoch.
pub fn now_ns() -> i64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_nanos() as i64)
}
