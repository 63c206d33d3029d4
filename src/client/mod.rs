//! A client of these servers: it connects, subscribes, comes again when it is cut off, goes on where it was, and says
//! what it has missed where that cannot be.
//!
//! ```
//! use tapecast::client::{Client, Event, Options};
//! # use tapecast::{config::RawConfig, server::Server};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! # let raw = RawConfig { listen: Some("127.0.0.1:0".into()), pin: Some(false), ..RawConfig::default() };
//! # let server = Server::start(raw.check().unwrap()).unwrap();
//! let url = format!("ws://{}/stream", server.address());
//! let mut client = Client::connect(&url, &["btcusdt@trade"], Options::default()).await?;
//! while let Some(event) = client.next().await {
//!     match event {
//!         Event::Message(message) => {
//!             assert!(message.bytes.starts_with(b"{\"stream\":\"btcusdt@trade\""));
//!             break;
//!         }
//!         Event::Gap(gap) => eprintln!("{gap}"),
//!         other => eprintln!("{other:?}"),
//!     }
//! }
//! # server.stop();
//! # Ok::<(), tapecast::client::ClientError>(()) }).unwrap();
//! ```
//!
//! Every event asks the server for its position unless [`Options::sequence`] says otherwise; without positions each
//! reconnection is a [`Gap`]. Messages are handed out as the bytes that were received; neither they nor their positions
//! are copied.

mod link;
mod received;
mod target;
mod task;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::link::Link;
use crate::client::target::Target;
use crate::dial::{DialError, Trust, TrustError};

/// How a client behaves, and its limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether events are to say their positions.
    pub sequence: bool,
    /// A position to begin behind, from an earlier client.
    pub resume: Option<Position>,
    /// Whether to come again when the connection is lost.
    pub reconnects: bool,
    /// The pause before the first attempt to come again; it doubles with each that fails. Between a half and the whole of
    /// it is waited, by chance, so that clients that were cut off together do not come together.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// Attempts in a row that may fail before the client gives up; 0 for any number.
    pub attempts_max: u32,
    /// The longest that connecting and shaking hands may take.
    pub connect_timeout: Duration,
    /// The longest silence, heartbeats and pings counted, before a connection is taken for lost.
    pub silence_max: Duration,
    /// Bytes of the largest message; one that is larger ends the connection.
    pub message_bytes_max: usize,
    /// Events that may wait to be taken; beyond it nothing is read, and what waits then waits at the server.
    pub queue_max: usize,
    /// Certificates to trust, in PEM, in place of the usual authorities: see [`Trust::of`].
    pub certificates: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            sequence: true,
            resume: None,
            reconnects: true,
            pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(10),
            attempts_max: 0,
            connect_timeout: Duration::from_secs(10),
            silence_max: Duration::from_secs(60),
            message_bytes_max: 64 << 20,
            queue_max: 1_024,
            certificates: None,
        }
    }
}

/// Where in the order of all events a client is: `<run>-<message>.<tick>`. To a client it is a name and no number.
#[derive(Clone, PartialEq, Eq)]
pub struct Position(Bytes);

impl Position {
    /// One that was kept as a text; `None` for what cannot be one.
    pub fn new(text: &str) -> Option<Position> {
        let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'.');
        (!text.is_empty() && text.bytes().all(is_part)).then(|| Position(Bytes::copy_from_slice(text.as_bytes())))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// A part of a message, if it can be one.
    pub(in crate::client) fn of(text: Bytes) -> Option<Position> {
        let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'.');
        (!text.is_empty() && text.iter().all(is_part)).then_some(Position(text))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message of a stream.
    Message(Message),
    /// Messages are missing between what came before this and what comes after.
    Gap(Gap),
    /// The server refuses something, in its own words.
    Refused(Bytes),
    /// The connection is lost; another attempt is made after the pause.
    Lost {
        /// Why.
        why: String,
        /// How long it waits.
        pause: Duration,
    },
    /// The connection is there again. If anything is missing, a gap follows before any message.
    Reconnected,
    /// Nothing follows.
    Ended {
        /// Why.
        why: String,
        /// Whether the server has said so: its feed is at its end.
        is_complete: bool,
    },
}

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// As it came, without what carried it.
    pub bytes: Bytes,
    /// Which it is; `None` for snapshots, and where positions were not asked for.
    pub position: Option<Position>,
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last that was seen before it; `None` where that is not known.
    pub from: Option<Position>,
    /// How far it reaches; `None` where that is not known.
    pub to: Option<Position>,
    /// Why, as a part of a sentence.
    pub why: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |position: &Option<Position>| position.as_ref().map_or("?".to_owned(), ToString::to_string);
        write!(f, "gap from {} to {}: {}", name(&self.from), name(&self.to), self.why)
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address cannot be used.
    #[error("`{0}`: {1}")]
    Address(String, String),
    /// Nobody listens there, or the network does not lead there.
    #[error("cannot connect to {0}: {1}")]
    Connect(String, #[source] io::Error),
    /// It takes too long.
    #[error("{0} does not answer within {1:?}")]
    Timeout(String, Duration),
    /// The server says no; the last value is what it asks to wait before the next try.
    #[error("{0} refuses: {1}")]
    Refused(String, String, Option<Duration>),
    /// What is spoken there is not understood.
    #[error("{0} speaks otherwise: {1}")]
    Protocol(String, String),
    /// Certificates to trust cannot be had.
    #[error(transparent)]
    Certificates(#[from] TrustError),
}

impl ClientError {
    /// What came of a call upon a server.
    fn of(error: DialError, authority: String) -> ClientError {
        match error {
            DialError::Connect(_, cause) => ClientError::Connect(authority, cause),
            DialError::Name(name, why) | DialError::Path(name, why) => ClientError::Address(name, why),
            DialError::Refused { status, text, retry_after } => {
                ClientError::Refused(authority, format!("{status} {text}").trim_end().to_owned(), retry_after)
            }
            error => ClientError::Protocol(authority, error.to_string()),
        }
    }

    /// What the server asks to wait before the next try; `None` where it does not.
    pub fn retry_after(&self) -> Option<Duration> {
        if let ClientError::Refused(_, _, wait) = self { *wait } else { None }
    }
}

/// A connection that comes again. It ends when it is dropped.
#[derive(Debug)]
pub struct Client {
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl Client {
    /// Connects for the first time. `url` is one of
    ///
    /// ```text
    /// ws://host/stream  ws://host/ws          Binance's; names follow in the address
    /// ws://host/websocket/v1                  Upbit's; `trade:KRW-BTC` are asked for by a message
    /// http://host/sse                         server-sent events
    /// tcp://host:9401                         lines
    /// ```
    ///
    /// the first three also with `wss`, `https`. An address may name streams itself.
    ///
    /// # Errors
    /// [`ClientError`]; later failures are [`Event`]s.
    pub async fn connect(url: &str, streams: &[&str], options: Options) -> Result<Client, ClientError> {
        let target = Target::parse(url, streams)?;
        let trust = target.server.is_tls.then(|| Trust::of(options.certificates.as_deref())).transpose()?;
        let link = Link::open(&target, options.resume.as_ref(), &options, trust.as_ref()).await?;
        let (sender, events) = mpsc::channel(options.queue_max.max(1));
        let task = tokio::spawn(task::run((target, trust), link, options, sender));
        Ok(Client { events, task })
    }

    /// What comes next; `None` behind [`Event::Ended`]. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
