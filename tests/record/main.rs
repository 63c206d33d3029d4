//! `tapecast record` and live feeds, from outside: this server is the upstream, and stand-ins that misbehave.

#[path = "../support/mod.rs"]
mod support;

mod backbone;
mod input;
mod live;
mod misbehaving;
mod nats;
mod proxy;
mod published;
mod recorder;
mod whole;
