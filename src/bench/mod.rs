//! The instrument: many clients in one thread, and what they saw.
//!
//! ```text
//!  Plan ─▶ Contestant (a server started here, the floor, or an address) ─▶ Load ─▶ Outcome ─▶ report
//!                        │ its process: processor time, memory               │ connections ─▶ Ledger
//!                        └───────────────────────────────────────────────────┘
//! ```
//!
//! The load is open: the feed sends at its own pace, whatever the clients do, and a message's age counts from the stamp
//! it got when it was made, so waiting is never left out. Every message of every connection is checked for order,
//! gaps and repeats. What the instrument itself uses of its core is part of the report.

mod chart;
mod check;
mod connection;
mod contestant;
mod floor;
mod load;
mod outcome;
mod page;
mod plan;
mod process;
mod report;
mod socket;
mod sweep;
mod target;
mod wire;

pub use contestant::{Contestant, Way};
pub use floor::Floor;
pub use load::Stage;
pub use outcome::{Outcome, Percentiles};
pub use plan::{Members, Mix, Plan, PlanError};
pub use report::{Limit, Report, Row};
pub use sweep::{Sweep, highest};
pub use target::{Target, TargetError};

use std::io;

use thiserror::Error;

/// Why a measurement came to nothing.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A server does not start.
    #[error("{name} does not start: {reason}")]
    Start {
        /// Which.
        name: String,
        /// What it said.
        reason: String,
    },
    /// No connection could be made.
    #[error("{name}: none of {connections} connections could be made: {reason}")]
    NoConnection {
        /// To whom.
        name: String,
        /// How many were tried.
        connections: usize,
        /// What the most of them said.
        reason: String,
    },
    /// The system refuses something.
    #[error(transparent)]
    Io(#[from] io::Error),
}
