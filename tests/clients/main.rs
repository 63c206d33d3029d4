//! Clients as people have them, against the server as it is built: libraries and programs that were not written for
//! tapecast and are told nothing but its address.
//!
//! The scripts and the versions of what they need stand beside this file.

mod browser;
mod exchanges;
mod metrics;
mod plain;
mod program;
mod readme;
mod socketio;
#[path = "../support/mod.rs"]
mod support;
mod tls;
