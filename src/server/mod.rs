//! The server: cores with their listeners and sessions, and the ingest thread that feeds them.
//!
//! ```text
//!  Server::start ─┬─ thread "ingest"    feed → decode → market → ring
//!                 ├─ thread "certificate"  reads the files of TLS again, where there are some
//!                 ├─ thread "writer 0"  ring → fanout → sockets; its own listener, runtime and sessions
//!                 └─ thread "writer 1"  …
//! ```
//!
//! Nothing is shared between the threads but the ring and a few counters.

mod accept;
mod attempts;
mod client;
mod control;
mod core;
mod events;
mod faults;
mod handshake;
mod http;
mod inbound;
mod listener;
mod poller;
mod react;
mod read;
mod rest;
mod rooms;
mod socket;
mod socketio;
pub mod tls;
mod upbit_gate;
mod weights;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio::sync::{Notify, mpsc};

use crate::config::Config;
use crate::feed::FeedError;
use crate::feed::merge::Merge;
use crate::feed::preview::Preview;
use crate::ingest::{Control, Ingest};
use crate::market::engine::Engine;
use crate::market::symbol::Venue;
use crate::metrics::Metrics;
use crate::ring;
use crate::server::accept::Listeners;
use crate::server::attempts::{AttemptLimits, Attempts};
use crate::server::faults::Faults;
use crate::server::rest::upbit::Allowances;
use crate::server::socketio::desk::{Handover, desk};
use crate::server::tls::{IdentityError, Reloader, Tls};
use crate::server::upbit_gate::UpbitGate;
use crate::server::weights::Weights;
pub use crate::session::echo::PATH as ECHO_PATH;
use crate::session::rooms::Rooms;
use crate::session::socketio::recovery::Recoveries;
use crate::venue::binance::rest::catalog::{Catalog, CatalogError};
use crate::venue::upbit::rest::listing::Listing;

/// The time that attempts to connect are counted over.
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(300);

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The feed cannot be used.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The file of symbols cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What wakes a core: the ring when there is something to read, and whoever wants the server to stop.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    notify: Notify,
    stops: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.notify.notify_one();
    }
}

/// What all threads know.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Which run of the server this is, so that its events' ids are not taken for another's.
    pub(crate) epoch: u32,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) control: Arc<Control>,
    pub(crate) feed_name: String,
    /// Whether the feed has places to go to.
    pub(crate) is_recorded: bool,
    pub(crate) preview: Preview,
    /// Connections of clients of Binance.
    pub(crate) attempts: Attempts,
    /// Handshakes and requests of clients of Upbit.
    pub(crate) upbit: UpbitGate,
    pub(crate) weights: Weights,
    /// What clients of Socket.IO had that may come back.
    pub(crate) recoveries: Arc<Recoveries>,
    /// Where people talk; `None` where they do not.
    pub(crate) rooms: Option<Arc<Rooms>>,
    /// Where requests for each core's sessions of Socket.IO are left.
    pub(crate) desks: Vec<mpsc::Sender<Handover>>,
    pub(crate) catalog: Option<Catalog>,
    pub(crate) allowances: Allowances,
    pub(crate) listing: Listing,
    pub(crate) tls: Option<Arc<Tls>>,
    /// What goes wrong; `None` where nothing is to.
    pub(crate) faults: Option<Arc<Faults>>,
    /// Cores that still have sessions or ticks to read.
    pub(crate) cores_busy: AtomicUsize,
}

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    reloader: Option<Reloader>,
    lines_address: Option<SocketAddr>,
    shared: Arc<Shared>,
    bells: Vec<Arc<Bell>>,
    threads: Vec<JoinHandle<()>>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

/// How a thread ended; sent when it is over, however it came.
#[derive(Debug)]
enum Ended {
    Well,
    Feed(FeedError),
    Panicked,
}

/// Sends word of a thread's end even if it panics.
struct Farewell(mpsc::UnboundedSender<Ended>, Option<Ended>);

impl Farewell {
    /// The thread's last word.
    fn say(mut self, ended: Ended) {
        self.1 = Some(ended);
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let ended = self.1.take().unwrap_or(Ended::Panicked);
        // Nobody listens any more once the server itself has been dropped.
        let _ = self.0.send(ended);
    }
}

/// Why a server that ran has ended badly.
#[derive(Debug, Error)]
pub enum RunError {
    /// The feed could not go on.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A thread panicked; its message stands on standard error.
    #[error("a thread of the server panicked; this is a defect of tapecast")]
    Panicked,
}

impl Server {
    /// Opens the feed, binds the address, starts all threads. The tape begins to play at once, unless it waits for
    /// clients.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(config: Config) -> Result<Server, StartError> {
        let catalog = config.binance.exchange_info.as_deref().map(Catalog::read).transpose()?;
        let preview = Preview::of(&config.sources)?;
        let feed = Merge::open(&config.sources)?;
        let names: Vec<String> = config.sources.iter().map(|source| source.name()).collect();
        let bind = |address: SocketAddr| {
            listener::bind(address, config.writers).map_err(|source| StartError::Listen { address, source })
        };
        let tls = config.tls.as_ref().map(|tls| Tls::new(tls.identity.clone()).map(Arc::new)).transpose()?;
        let (address, listeners) = bind(config.listen)?;
        let (tls_address, tls_listeners) = config.tls.as_ref().map(|tls| bind(tls.listen)).transpose()?.unzip();
        let (lines_address, lines) = bind_lines(&config)?;
        let metrics = Arc::new(Metrics::new(config.writers));
        metrics.ingest.ring_capacity.set(config.ring.slots as u64);
        let (control, questions) = Control::new();
        let control = Arc::new(control);
        let (desks, attended): (Vec<_>, Vec<_>) = (0..config.writers).map(|_| desk()).unzip();
        let (rooms, heard) = config.rooms.map(|limits| Rooms::new(limits, config.writers)).unzip();
        let mut heard = heard.into_iter().flatten();
        let shared = Arc::new(Shared {
            desks,
            rooms: rooms.map(Arc::new),
            recoveries: Arc::new(Recoveries::new(config.socketio.recovery)),
            metrics: Arc::clone(&metrics),
            control: Arc::clone(&control),
            feed_name: names.join(" + "),
            is_recorded: feed.is_recorded(),
            listing: Listing::new(config.upbit.markets.clone(), preview.names_for(Venue::Upbit)),
            preview,
            catalog,
            allowances: Allowances::new(config.upbit.request_rate),
            weights: Weights::new(config.binance.weight_max),
            attempts: Attempts::new(AttemptLimits {
                attempts_max: config.binance.attempts_max,
                window: ATTEMPTS_WINDOW,
            }),
            upbit: UpbitGate::new(config.upbit.handshakes, config.upbit.origin_interval),
            tls,
            faults: config.faults.clone().map(|script| Arc::new(Faults::new(script, Arc::clone(&metrics)))),
            cores_busy: AtomicUsize::new(config.writers),
            // Runs that begin at different milliseconds within seven weeks differ.
            epoch: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u32),
            config,
        });
        let reloader = match &shared.tls {
            Some(tls) => Reloader::start(Arc::clone(tls), Arc::clone(&metrics)).map_err(StartError::Thread)?,
            None => None,
        };
        let mut tls_listeners = tls_listeners.into_iter().flatten();
        let engine = Engine::new(shared.config.derive);
        let (send_ended, ended) = mpsc::unbounded_channel();
        let mut builder = ring::Builder::new(shared.config.ring).expect("the configuration was checked");
        let (mut bells, mut threads) = (Vec::new(), Vec::new());
        let mut lines = lines.into_iter();
        for (index, (http, attended)) in listeners.into_iter().zip(attended).enumerate() {
            let listeners = Listeners { http, https: tls_listeners.next(), lines: lines.next() };
            let bell = Arc::new(Bell::default());
            let reader = builder.reader(Waker::from(Arc::clone(&bell)));
            let (shared, for_core, farewell) =
                (Arc::clone(&shared), Arc::clone(&bell), Farewell(send_ended.clone(), None));
            let (interest, heard) = (engine.interest(), heard.next());
            let thread = thread::Builder::new().name(format!("writer {index}")).spawn(move || {
                writer::run(index, shared, interest, (listeners, attended, heard), reader, for_core);
                farewell.say(Ended::Well);
            });
            threads.push(thread.map_err(StartError::Thread)?);
            bells.push(bell);
        }
        let mut ingest = Ingest::new(feed, shared.config.plan, engine, builder.build(), (control, questions), metrics);
        if let Some(faults) = shared.faults.clone() {
            ingest = ingest.with_faults(Arc::clone(faults.script()), Box::new(move |firing| faults.strike(firing)));
        }
        let farewell = Farewell(send_ended, None);
        let thread = thread::Builder::new().name("ingest".into()).spawn(move || {
            farewell.say(ingest.run().map_or_else(Ended::Feed, |()| Ended::Well));
        });
        threads.push(thread.map_err(StartError::Thread)?);
        Ok(Server { address, tls_address, lines_address, reloader, shared, bells, threads, ended })
    }

    /// Where it listens, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for TLS, with the port that was picked; `None` without TLS.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Where it listens for lines over bare TCP; `None` where it does not.
    pub fn lines_address(&self) -> Option<SocketAddr> {
        self.lines_address
    }

    /// The certificate that it made for itself: its SHA-256 in hexadecimal, and where it is had by HTTP. `None` where
    /// it made none.
    pub fn self_signed(&self) -> Option<(String, &'static str)> {
        let tls = self.shared.tls.as_ref().filter(|tls| tls.self_signed().is_some())?;
        Some((tls.fingerprint(), http::CERTIFICATE))
    }

    /// Reads the files with certificate and key again, soon; nothing without them. If they cannot be used, that is
    /// logged and the old ones stay. Connections that exist are left alone.
    pub fn reload_certificate(&self) {
        self.reloader.iter().for_each(Reloader::reload);
    }

    /// What its feed holds, as far as the beginning tells.
    pub fn preview(&self) -> &Preview {
        &self.shared.preview
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// Which faults have struck, whom, and which clients noticed, as a text for people; `None` where none were to.
    pub fn fault_report(&self) -> Option<String> {
        self.shared.faults.as_ref().map(|faults| faults.report())
    }

    /// Closes every client with a close frame and ends. [`Server::ended`] says when it has.
    pub fn stop(&self) {
        self.shared.control.stop();
        for bell in &self.bells {
            bell.stops.store(true, Ordering::Release);
            bell.notify.notify_one();
        }
    }

    /// Waits until all threads have ended: after [`Server::stop`], or after the tape where the server ends with it.
    /// May be given up and called again.
    ///
    /// # Errors
    /// [`RunError`], if something went wrong; what was still running has then been stopped.
    pub async fn ended(&mut self) -> Result<(), RunError> {
        while let Some(ended) = self.ended.recv().await {
            let error = match ended {
                Ended::Well => continue,
                Ended::Feed(error) => RunError::Feed(error),
                Ended::Panicked => RunError::Panicked,
            };
            self.stop();
            return Err(error);
        }
        self.reloader = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        Ok(())
    }
}

/// Binds the address for lines, if there is one. One that nobody asked for is not worth failing for.
fn bind_lines(config: &Config) -> Result<(Option<SocketAddr>, Vec<std::net::TcpListener>), StartError> {
    let Some(door) = config.plain.lines else { return Ok((None, Vec::new())) };
    match listener::bind(door.address, config.writers) {
        Ok((address, listeners)) => Ok((Some(address), listeners)),
        Err(source) if door.is_asked_for => Err(StartError::Listen { address: door.address, source }),
        Err(error) => {
            tracing::warn!("no lines over bare TCP: cannot listen on {}: {error}", door.address);
            Ok((None, Vec::new()))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
