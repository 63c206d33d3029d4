//! A connection to a NATS server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap};
use rustls::ClientConfig;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::feed::backbone::TS_RECV;
use crate::feed::backbone::address::Address;

/// The longest an answer of the server may take.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// When the library connects again by itself. We do so sooner, with a client of our own making: what comes on another
/// connection is never taken for what comes on this one. It then gives up after one try.
const LIBRARY_RETRY: Duration = Duration::from_secs(5);

/// Messages of a plain subject that may wait to be taken; the library drops what is more, and says so.
const WAITING_MAX: usize = 65_536;

/// Why a session came to nothing, or to its end.
pub(super) enum Failure {
    /// It may go better another time.
    Lost(String),
    /// It will not, as long as nobody changes something.
    Refused(String),
}

impl Failure {
    pub(super) fn reason(&self) -> &str {
        match self {
            Failure::Lost(reason) | Failure::Refused(reason) => reason,
        }
    }
}

/// A client that ends when it is lost.
pub(super) struct Connection {
    pub(super) client: Client,
    /// What happens to it. There is little of it.
    pub(super) events: UnboundedReceiver<Event>,
}

/// Connects. `silence_max` is how long the server may say nothing.
pub(super) async fn connect(
    address: &Address,
    trust: &Arc<ClientConfig>,
    silence_max: Duration,
) -> Result<Connection, Failure> {
    let (sender, events) = unbounded_channel();
    let is_connected = Arc::new(AtomicBool::new(false));
    let was_connected = Arc::clone(&is_connected);
    let mut options = ConnectOptions::new()
        .name(concat!("tapecast/", env!("CARGO_PKG_VERSION")))
        .connection_timeout(ANSWER_MAX)
        .request_timeout(Some(ANSWER_MAX))
        // Two pings without an answer end it.
        .ping_interval(silence_max / 3)
        .subscription_capacity(WAITING_MAX)
        .ignore_discovered_servers()
        .max_reconnects(1)
        .reconnect_delay_callback(move |_| match was_connected.load(Ordering::Relaxed) {
            true => LIBRARY_RETRY,
            false => Duration::ZERO,
        })
        .event_callback(move |event| {
            // Whoever listened may be gone.
            let _ = sender.send(event);
            async {}
        });
    if address.is_secure {
        options = options.require_tls(true).tls_client_config((**trust).clone());
    }
    options = match address.user.clone() {
        Some((name, Some(password))) => options.user_and_password(name, password),
        Some((token, None)) => options.token(token),
        None => options,
    };
    let connected = options.connect(address.server()).await;
    let client = connected.map_err(|error| {
        let reason = format!("cannot connect to {}: {error}", address.server());
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Failure::Refused(reason),
            _ => Failure::Lost(reason),
        }
    })?;
    is_connected.store(true, Ordering::Relaxed);
    Ok(Connection { client, events })
}

/// What a message's header says about when it was received.
pub(super) fn ts_recv(headers: Option<&HeaderMap>) -> Option<i64> {
    headers?.get(TS_RECV)?.as_str().parse().ok().filter(|ns| *ns >= 0)
}
