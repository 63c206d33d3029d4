//! Engine.IO, version 4: a session that lives on polled HTTP requests, on a WebSocket, or moves from the one to the
//! other; kept alive by pings of the server.
//!
//! A session has an unguessable [`id`]. What it is sent are [`packet`]s, one to a WebSocket message. A client that polls
//! is given the same bytes: its [`exchange`] takes WebSocket frames out of their framing and joins them to a body.
//!
//! Source: the protocol's documentation, <https://socket.io/docs/v4/engine-io-protocol/>, and what the reference server
//! does on the wire.

pub mod base64;
pub mod exchange;
pub mod heartbeat;
pub mod id;
pub mod open;
pub mod packet;
