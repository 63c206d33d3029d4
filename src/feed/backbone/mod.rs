//! The backbone: raw messages from NATS, as an upstream.
//!
//! ```text
//!  subject ───────────────────▶ line ─▶ Intake (order, times) ─▶ Sink ─▶ tape, or queue of a feed
//!  stream ─▶ ordered consumer ─▶ │
//!             ▲                  │ position: after which message of the stream
//!             └──────────────────┘
//! ```
//!
//! A message's bytes are an exchange's, as somebody else received them. Its receive time is what its header
//! [`TS_RECV`] says, in nanoseconds since the epoch; else, of a stream, when the server stored it; else, now.
//!
//! The other way, a [`Publisher`] is a sink: what an upstream brings is published, with the same header. To a stream it is
//! published in order, acknowledged, and what was not acknowledged is published again.
//!
//! # What is not lost
//!
//! Of a plain subject, what is published while nobody listens is lost, and a gap is noted. A stream is read by an
//! ordered consumer, which belongs to one connection: made anew, it begins behind the last message that was taken. The
//! numbers of a stream's messages are on the tape, as remarks that say which comes next, so a recorder that
//! is started again goes on exactly there. What the stream itself no longer has by then is noted as a gap.
//!
//! # Known limitation
//!
//! The subject of each message is not recorded: exchanges' messages name their streams, or are told apart by what is in
//! them. A message that a stream with limits drops while it is being read is not noticed before the next connection.

mod address;
mod client;
mod intake;
mod line;
mod position;
mod publisher;
mod queue;
mod session;

use std::sync::Arc;

use tokio::sync::watch;

pub use address::{Address, Begin, Log};
pub use position::{Place, Tail};
pub use publisher::Publisher;

use crate::dial::Trust;
use crate::feed::upstream::{Plan, Sink, Stats, Upstream, UpstreamError};

/// Header with the time a message was received at, in nanoseconds since the epoch.
pub const TS_RECV: &str = "Tapecast-Ts-Recv";

/// Header with the number of the connection that a message was received on.
pub const CONNECTION: &str = "Tapecast-Connection";

/// Begins to listen to an address. The tail says where the tape ends that is gone on with.
///
/// # Errors
/// [`UpstreamError`]; that nobody answers is no error, but noted and tried again. A stream that does not exist ends it:
/// see [`Upstream::stop`].
pub fn start(address: Address, plan: Plan, tail: Tail, sink: Box<dyn Sink>) -> Result<Upstream, UpstreamError> {
    let trust = Trust::of(plan.ca.as_deref())?;
    Upstream::run("backbone", move |stopped: watch::Receiver<bool>, stats: Arc<Stats>| {
        line::run(line::Parts { address, plan, trust, tail, stopped, stats }, sink)
    })
}
