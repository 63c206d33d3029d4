//! A connection to a NATS server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Auth, AuthError, Client, ConnectErrorKind, ConnectOptions, Event, HeaderMap};
use futures_util::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::dial::Trust;
use crate::feed::backbone::TS_RECV;
use crate::feed::backbone::address::Address;

/// The longest an answer of the server may take.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

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
pub(super) async fn connect(address: &Address, trust: &Trust, silence_max: Duration) -> Result<Connection, Failure> {
    let (sender, events) = unbounded_channel();
    let is_used = AtomicBool::new(false);
    let mut auth = Auth::new();
    match address.user.clone() {
        Some((name, Some(password))) => (auth.username, auth.password) = (Some(name), Some(password)),
        Some((token, None)) => auth.token = Some(token),
        None => {}
    }
    // The library connects again by itself, and goes on as if nothing had been. Here a connection is one: what comes
    // on the next is never taken for what comes on this, and what was not sent on this is not sent on the next. So it is
    // given nothing to introduce itself with, and gives up.
    let introduce = move |_| {
        let auth = match is_used.swap(true, Ordering::Relaxed) {
            false => Ok(auth.clone()),
            true => Err(AuthError::new("a client is for one connection")),
        };
        async { auth }
    };
    let mut options = ConnectOptions::with_auth_callback(introduce)
        .name(concat!("tapecast/", env!("CARGO_PKG_VERSION")))
        .connection_timeout(ANSWER_MAX)
        .request_timeout(Some(ANSWER_MAX))
        // Two pings without an answer end it.
        .ping_interval(silence_max / 3)
        .subscription_capacity(WAITING_MAX)
        .ignore_discovered_servers()
        .max_reconnects(1)
        .reconnect_delay_callback(|_| Duration::ZERO)
        .event_callback(move |event| {
            // Whoever listened may be gone.
            let _ = sender.send(event);
            async {}
        });
    if address.is_secure {
        options = options.require_tls(true).tls_client_config((*trust.config()).clone());
    }
    let connected = options.connect(address.server()).await;
    let client = connected.map_err(|error| {
        let reason = format!("cannot connect to {}: {error}", address.server());
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Failure::Refused(reason),
            _ => Failure::Lost(reason),
        }
    })?;
    Ok(Connection { client, events })
}

/// What a message's header says about when it was received.
pub(super) fn ts_recv(headers: Option<&HeaderMap>) -> Option<i64> {
    headers?.get(TS_RECV)?.as_str().parse().ok().filter(|ns| *ns >= 0)
}

/// A stream of the server, and what it has.
pub(super) async fn find_stream(context: &Context, name: &str) -> Result<Stream, Failure> {
    context.get_stream(name).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(cause) if cause.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Failure::Refused(format!("there is no stream `{name}`"))
        }
        GetStreamErrorKind::JetStream(cause) => Failure::Refused(format!("the stream `{name}`: {cause}")),
        _ => Failure::Lost(format!("the stream `{name}` cannot be asked for, is JetStream enabled? {error}")),
    })
}

/// Waits until the server has done what it was told, which it does in order; not for ever, as an answer to oneself may
/// be forbidden.
pub(super) async fn echo(client: &Client) {
    let inbox = client.new_inbox();
    let Ok(mut answers) = client.subscribe(inbox.clone()).await else { return };
    if client.publish(inbox, Default::default()).await.is_ok() {
        let _ = timeout(ANSWER_MAX / 5, answers.next()).await;
    }
}
