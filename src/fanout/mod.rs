//! One tick to many sessions, on each core by itself.
//!
//! ```text
//!  ring ─ticks─▶ Fanout ─▶ routes: which wants has this stream?
//!                             │ want = stream + form; rendered once
//!                             ▼
//!                          cohorts: sessions that get identical bytes; appended once
//!                             │ flush: one write per session per batch
//!                             ▼
//!                          outlets: socket, or what it did not take: backlog of shared bytes
//! ```
//!
//! A client that comes again is first sent what it missed ([`Fanout::resume`]), rendered from ticks that are still held,
//! and then belongs to its cohort like any other.
//!
//! Everything here belongs to one thread. Sockets are behind [`outlet::Sink`], so the same code runs against memory.

mod backfill;
pub mod backlog;
mod behind;
pub mod cohort;
pub mod delivery;
pub mod ending;
pub mod frame;
pub mod framing;
pub mod id;
mod membership;
mod missed;
pub mod outlet;
pub mod packed;
pub mod position;
mod resume;
pub mod room;
pub mod routes;
pub mod writer;

pub use backfill::Backfill;
pub use backlog::BacklogLimits;
pub use ending::Ending;
pub use frame::Form;
pub use framing::{Carrier, Dialect, Framing, Numbered};
pub use id::OutletId;
pub use missed::Since;
pub use outlet::Sink;
pub use packed::PackedRoom;
pub use position::{EventId, Position};
pub use resume::{History, Lost};
pub use room::Room;
pub use routes::Want;
pub use writer::Fanout;
