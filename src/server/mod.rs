//! The server: addresses to listen on, and a feed on its way to whoever comes.
//!
//! ```text
//!  Server::start ─┬─ Pipeline                the feed's: ingest, ring, a writer for each core
//!                 ├─ thread "certificate"    reads the files of TLS again, where there are some
//!                 └─ Replays ─┬─ Pipeline    a client's own replay of a tape: ingest, ring, one writer
//!                             └─ …
//! ```

mod accept;
mod answer;
mod attempts;
mod client;
mod control;
mod core;
mod desk;
mod events;
mod faults;
mod former;
mod handshake;
mod http;
mod inbound;
mod listener;
mod past;
mod pipeline;
mod poller;
mod react;
mod read;
pub mod rehearsal;
mod replays;
mod rest;
mod resume;
mod rooms;
mod shared;
mod socket;
mod socketio;
pub mod tls;
mod upbit_gate;
mod weights;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::config::Config;
use crate::feed::FeedError;
use crate::feed::merge::Merge;
use crate::feed::preview::Preview;
use crate::feed::run::Note;
use crate::ingest::Control;
use crate::metrics::Metrics;
use crate::server::accept::Listeners;
use crate::server::desk::desk;
use crate::server::pipeline::{Inlets, Pipeline};
use crate::server::replays::Replays;
use crate::server::shared::{House, Shared};
use crate::server::tls::{IdentityError, Reloader, Tls};
pub use crate::session::echo::PATH as ECHO_PATH;
use crate::session::rooms::Rooms;
use crate::venue::binance::rest::catalog::{Catalog, CatalogError};

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

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    reloader: Option<Reloader>,
    lines_address: Option<SocketAddr>,
    pipeline: Pipeline,
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
        let catalog = config.binance.exchange_info.as_deref().map(Catalog::read).transpose()?.map(Arc::new);
        let preview = Preview::of(&config.sources)?;
        let feed = Merge::open(&config.sources)?;
        let bind = |address: SocketAddr| {
            listener::bind(address, config.writers).map_err(|source| StartError::Listen { address, source })
        };
        let tls = config.tls.as_ref().map(|tls| Tls::new(tls.identity.clone()).map(Arc::new)).transpose()?;
        let (address, listeners) = bind(config.listen)?;
        let (tls_address, tls_listeners) = config.tls.as_ref().map(|tls| bind(tls.listen)).transpose()?.unzip();
        let (lines_address, lines) = bind_lines(&config)?;
        let (control, questions) = Control::new();
        let (desks, attended): (Vec<_>, Vec<_>) = (0..config.writers).map(|_| desk()).unzip();
        let (rooms, heard) = config.rooms.map(|limits| Rooms::new(limits, config.writers)).unzip();
        let house =
            House { rooms: rooms.map(Arc::new), tls: tls.clone(), replays: Replays::new(&config, catalog.clone()) };
        let shared = Arc::new(Shared::new(config, &feed, preview, control, desks, catalog, house));
        if let Some(run) = feed.recording() {
            feed.note(&Note::Settings(former::settings(shared.config.derive)));
            former::look_for(&shared, run.clone()).map_err(StartError::Thread)?;
        }
        let reloader = match tls {
            Some(tls) => Reloader::start(tls, Arc::clone(&shared.metrics)).map_err(StartError::Thread)?,
            None => None,
        };
        let mut tls_listeners = tls_listeners.into_iter().flatten();
        let (mut lines, mut heard) = (lines.into_iter(), heard.into_iter().flatten());
        let inlets = listeners.into_iter().zip(attended).map(|(http, desk)| {
            let listeners = Listeners { http, https: tls_listeners.next(), lines: lines.next() };
            Inlets { listeners: Some(listeners), desk, heard: heard.next() }
        });
        let inlets = inlets.collect();
        let pipeline = Pipeline::start(shared, feed, questions, inlets).map_err(StartError::Thread)?;
        Ok(Server { address, tls_address, lines_address, reloader, pipeline })
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
        let tls = self.pipeline.shared().tls.as_ref().filter(|tls| tls.self_signed().is_some())?;
        Some((tls.fingerprint(), http::CERTIFICATE))
    }

    /// Reads the files with certificate and key again, soon; nothing without them. If they cannot be used, that is
    /// logged and the old ones stay. Connections that exist are left alone.
    pub fn reload_certificate(&self) {
        self.reloader.iter().for_each(Reloader::reload);
    }

    /// What its feed holds, as far as the beginning tells.
    pub fn preview(&self) -> &Preview {
        &self.pipeline.shared().preview
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.pipeline.shared().metrics
    }

    /// Which faults have struck, whom, and which clients noticed, as a text for people; `None` where none were to.
    pub fn fault_report(&self) -> Option<String> {
        self.pipeline.shared().faults.as_ref().map(|faults| faults.report())
    }

    /// Closes every client with a close frame and ends. [`Server::ended`] says when it has.
    pub fn stop(&self) {
        self.pipeline.shared().replays.stop();
        self.pipeline.stop();
    }

    /// Waits until all threads have ended: after [`Server::stop`], or after the tape where the server ends with it.
    /// May be given up and called again.
    ///
    /// # Errors
    /// [`RunError`], if something went wrong; what was still running has then been stopped.
    pub async fn ended(&mut self) -> Result<(), RunError> {
        self.pipeline.ended().await?;
        self.reloader = None;
        self.pipeline.shared().replays.end();
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
