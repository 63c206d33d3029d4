//! Socket.IO, version 5: events, answers to them, and several namespaces on one session of
//! [`engineio`](crate::protocol::engineio).
//!
//! Source: the protocol's documentation, <https://socket.io/docs/v4/socket-io-protocol/>, and what the reference server
//! does on the wire.

pub mod assembler;
pub mod packet;

pub use assembler::Assembler;
pub use packet::{Kind, Packet, Violation};
