//! What all threads of a feed's pipeline know.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::config::Config;
use crate::feed::lines::Bytes;
use crate::feed::merge::Merge;
use crate::feed::preview::Preview;
use crate::feed::source::Source;
use crate::ingest::Control;
use crate::market::symbol::Venue;
use crate::metrics::Metrics;
use crate::server::attempts::{AttemptLimits, Attempts};
use crate::server::desk::Handover;
use crate::server::faults::Faults;
use crate::server::former::Former;
use crate::server::replays::Replays;
use crate::server::rest::upbit::Allowances;
use crate::server::tls::Tls;
use crate::server::upbit_gate::UpbitGate;
use crate::server::weights::Weights;
use crate::session::rooms::Rooms;
use crate::session::socketio::recovery::Recoveries;
use crate::venue::binance::rest::catalog::Catalog;
use crate::venue::upbit::rest::listing::Listing;

/// The time that attempts to connect are counted over.
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(300);

/// What all threads know.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Which run of the feed this is, so that its events' ids are not taken for another's.
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
    /// Where requests for each core are left.
    pub(crate) desks: Vec<mpsc::Sender<Handover>>,
    pub(crate) catalog: Option<Arc<Catalog>>,
    pub(crate) allowances: Allowances,
    pub(crate) listing: Listing,
    pub(crate) tls: Option<Arc<Tls>>,
    /// What goes wrong; `None` where nothing is to.
    pub(crate) faults: Option<Arc<Faults>>,
    /// Cores that still have sessions or ticks to read.
    pub(crate) cores_busy: AtomicUsize,
    /// Cores that let nobody in any more.
    pub(crate) cores_closing: AtomicUsize,
    /// Replays that clients have asked for; none in a replay itself.
    pub(crate) replays: Replays,
    /// The feed as it is kept, from its beginning; empty where it is not.
    pub(crate) past: Vec<Source>,
    /// What the run before this one told at its end: not set while it is looked for, `None` where there is nothing.
    pub(crate) former: OnceLock<Option<Former>>,
    /// How long it lives without a client; `None` where it lives without any.
    pub(crate) linger: Option<Duration>,
}

/// What a server's pipeline has that a replay's has not.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) rooms: Option<Arc<Rooms>>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) replays: Replays,
}

impl Shared {
    /// What the pipeline of a feed knows, with new counts and no clients.
    pub(crate) fn new(
        config: Config,
        feed: &Merge,
        preview: Preview,
        control: Control,
        desks: Vec<mpsc::Sender<Handover>>,
        catalog: Option<Arc<Catalog>>,
        house: House,
    ) -> Shared {
        let names: Vec<String> = config.sources.iter().map(|source| source.name()).collect();
        let metrics = Arc::new(Metrics::new(config.writers));
        metrics.ingest.ring_capacity.set(config.ring.slots as u64);
        Shared {
            faults: config.faults.clone().map(|script| Arc::new(Faults::new(script, Arc::clone(&metrics)))),
            desks,
            rooms: house.rooms,
            recoveries: Arc::new(Recoveries::new(config.socketio.recovery)),
            metrics,
            control: Arc::new(control),
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
            tls: house.tls,
            cores_busy: AtomicUsize::new(config.writers),
            cores_closing: AtomicUsize::new(0),
            // Runs that begin at different milliseconds within seven weeks differ.
            epoch: feed.recording().map_or_else(
                || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u32),
                |run| run.epoch,
            ),
            replays: house.replays,
            past: match feed.recording() {
                Some(run) => vec![Source::Tape(Bytes::Part(run.path.clone(), (run.first, u64::MAX)))],
                None => config.sources.iter().filter(|_| feed.is_recorded()).cloned().collect(),
            },
            former: if feed.recording().is_some() { OnceLock::new() } else { OnceLock::from(None) },
            linger: None,
            config,
        }
    }

    /// Whether whoever comes now may find nobody.
    pub(crate) fn is_closing(&self) -> bool {
        self.cores_closing.load(Ordering::Acquire) > 0
    }
}
