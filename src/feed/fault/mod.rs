//! Faults on demand: what is to go wrong beside a tape, when, and for whom.
//!
//! ```text
//!  script (TOML) ─▶ Script ─┬─▶ Schedule (when, on the tape's clock) ─▶ Distortion (streams) ─▶ ring
//!                           └─▶ the server (connections, requests)
//! ```
//!
//! A script is read once and checked whole. Whatever in it is left to chance follows from its seed. Nothing happens
//! that no script asks for.

pub mod distortion;
pub mod parts;
mod raw;
pub mod schedule;
pub mod script;
pub mod shipped;

use crate::feed::fault::parts::{Cut, Flaw, Selector, Share, Span, When, Whom};

pub use script::{Script, ScriptError};

/// One thing that is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub when: When,
    /// For whom.
    pub whom: Whom,
    /// What.
    pub what: What,
    /// The most times that it happens; of a fault that counts from a client's connection, to all clients together.
    /// `None` for any number.
    pub times: Option<u32>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The next events of a stream are left out.
    Skip {
        /// Of which stream.
        stream: Selector,
        /// How many, of each stream.
        count: u32,
    },
    /// The next events of a stream come twice.
    Repeat {
        /// Of which stream.
        stream: Selector,
        /// How many, of each stream.
        count: u32,
    },
    /// The next events of a stream change places with those that follow them.
    Reorder {
        /// Of which stream.
        stream: Selector,
        /// How many, of each stream.
        count: u32,
    },
    /// Only some of the events pass.
    Thin {
        /// Of which stream; `None` for all.
        stream: Option<Selector>,
        /// How many of a thousand pass.
        keep: Share,
        /// How long, on the tape's clock.
        lasts: Span,
    },
    /// The events of a stream come later than they should, in order.
    Lag {
        /// Of which stream.
        stream: Selector,
        /// By how much, on the tape's clock.
        by: Span,
        /// How long, on the tape's clock.
        lasts: Span,
    },
    /// What a client is sent comes later than it should, in order.
    Delay {
        /// By how much.
        by: Span,
        /// How long.
        lasts: Span,
    },
    /// The connection ends.
    Drop(Cut),
    /// Nothing goes over the connection in either direction, and then all that waited.
    Freeze {
        /// How long.
        lasts: Span,
    },
    /// The connection is there, and nobody at its other end: nothing comes any more, and nothing is answered.
    HalfOpen,
    /// The server says that it goes down, as the client's venue does where it has a word for it, and goes.
    Shutdown {
        /// How long it waits after it has said so.
        notice: Span,
        /// How long nobody can connect afterwards.
        down: Span,
    },
    /// The connection has lasted as long as one may.
    Lifetime,
    /// The client's pings are not answered.
    WithholdPongs {
        /// How long.
        lasts: Span,
    },
    /// A byte of the next messages is another one.
    Corrupt {
        /// Which byte.
        part: Flaw,
        /// How many messages.
        count: u32,
    },
    /// Connections are ended as soon as they are made.
    Refuse {
        /// How long.
        lasts: Span,
    },
    /// Requests and handshakes are answered as those of a client that asks too often.
    RateLimit {
        /// How long.
        lasts: Span,
        /// Whether Binance's clients are told that they are banned (418), and not just that it is too much (429).
        bans: bool,
    },
}

impl What {
    /// What they are called in scripts, in counters and in reports.
    pub const NAMES: [&str; 14] = [
        "skip",
        "repeat",
        "reorder",
        "thin",
        "delay",
        "drop",
        "freeze",
        "half-open",
        "shutdown",
        "lifetime",
        "withhold-pongs",
        "corrupt",
        "refuse",
        "rate-limit",
    ];

    /// Its place among the names.
    pub fn index(&self) -> usize {
        match self {
            What::Skip { .. } => 0,
            What::Repeat { .. } => 1,
            What::Reorder { .. } => 2,
            What::Thin { .. } => 3,
            What::Lag { .. } | What::Delay { .. } => 4,
            What::Drop(_) => 5,
            What::Freeze { .. } => 6,
            What::HalfOpen => 7,
            What::Shutdown { .. } => 8,
            What::Lifetime => 9,
            What::WithholdPongs { .. } => 10,
            What::Corrupt { .. } => 11,
            What::Refuse { .. } => 12,
            What::RateLimit { .. } => 13,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// Whether it befalls streams, and with them all who listen.
    pub fn is_of_stream(&self) -> bool {
        matches!(
            self,
            What::Skip { .. } | What::Repeat { .. } | What::Reorder { .. } | What::Thin { .. } | What::Lag { .. }
        )
    }

    /// Whether it befalls those who come, and not those who are there.
    pub fn is_of_door(&self) -> bool {
        matches!(self, What::Refuse { .. } | What::RateLimit { .. })
    }
}
