//! tapecast: a market-data push server.
//!
//! One feed goes in, recorded or live; any number of clients take it out, each in the language of the exchange it was written
//! for. The modules, in the order of the data's way:
//!
//! ```text
//!  feed ──raw message──▶ venue (decode) ──Tick──▶ market ──Tick──▶ ring ──Tick──▶ fanout ──bytes──▶ sockets
//!        └──────────────── ingest: one thread ─────────────────┘         └── one thread and runtime per core ──┘
//! ```
//!
//! - [`market`]: what the words mean: exact numbers, symbols, ticks, books, candles, windows. Imports nothing of ours.
//! - [`ring`]: one publisher, many readers, lossless. Imports nothing of ours.
//! - [`protocol`]: framing as bytes in and bytes out. Imports nothing of ours.
//! - [`tape`]: recordings in blocks, on disk. Imports nothing of ours.
//! - [`dial`]: reaching a server: TLS, HTTP, WebSocket, and waits between tries. Imports nothing of ours.
//! - [`venue`]: what an exchange's servers send and what its clients may ask.
//! - [`feed`]: where raw messages come from: tapes of lines or blocks, played at a pace, or an exchange or a NATS server,
//!   now; and what is to go wrong beside a tape.
//! - [`metrics`]: counters, one sentence each, and how they are told.
//! - [`ingest`]: the loop feed → venue → market → ring.
//! - [`fanout`]: one tick to many sessions: routes, cohorts, frames, backlogs.
//! - [`session`]: one client's subscriptions and manners, as a state machine.
//! - [`config`]: flags and file, checked once.
//! - [`server`]: threads, listeners, HTTP, sockets.
//! - [`client`]: a client that comes again, and says what it has missed.
//! - [`bench`](mod@bench): many clients in one thread, to measure servers with.
//! - [`cli`]: the commands.
//!
//! A module imports only from those above it in this list. What holds everywhere:
//!
//! 1. Inside, nothing is lost or reordered: the ring waits for its slowest reader, and no reader waits for a socket,
//!    but at speed max, where the tape waits for its clients. What a client does not take is bounded, conflated or cut
//!    off in its own backlog, and counted: delivered + conflated + dropped = routed.
//! 2. There is one order. Every raw message has a number, and every tick carries the number of its message.
//! 3. A frame is rendered once per core for each stream and form that somebody there wants, never otherwise; the same
//!    bytes go to everybody, slow sessions included.
//! 4. A batch of ticks costs a session one write.
//! 5. No price or size passes through a float; numbers keep their spelling.
//! 6. A recorded message comes out, in its own venue's dialect, as the bytes that were recorded.
//! 7. Every queue, buffer, table and wait has a limit with a name.
//!
//! 8. Derived streams run on the feed's clock, which passes by messages only, so a tape gives the same at every speed.
//!
//! What a client is told beside the feed has a way of its own, thread and ring included, so that nothing of it can hold
//! the feed back: a replay of its own is another pipeline, and the past is gone over again, from the tape, by an engine
//! that follows a log of what was wanted when ([`market::interest`]).
//!
//! Deliberately absent: user accounts, orders. What stays on disk is tapes.

pub mod ring;

// Under `--cfg loom` only the ring is built: tokio leaves its sockets out then.
#[cfg(not(loom))]
pub mod bench;
#[cfg(not(loom))]
pub mod cli;
#[cfg(not(loom))]
pub mod client;
#[cfg(not(loom))]
pub mod config;
#[cfg(not(loom))]
pub mod dial;
#[cfg(not(loom))]
pub mod fanout;
#[cfg(not(loom))]
pub mod feed;
#[cfg(not(loom))]
pub mod ingest;
#[cfg(not(loom))]
pub mod market;
#[cfg(not(loom))]
pub mod metrics;
#[cfg(not(loom))]
pub mod protocol;
#[cfg(not(loom))]
pub mod server;
#[cfg(not(loom))]
pub mod session;
#[cfg(not(loom))]
pub mod tape;
#[cfg(not(loom))]
pub mod venue;
