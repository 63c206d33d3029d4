//! Socket.IO, version 5: events, answers to them, and several namespaces on one session of
//! [`engineio`](crate::protocol::engineio).
//!
//! Source: the protocol's documentation, <https://socket.io/docs/v4/socket-io-protocol/>, and what the reference server
//! does on the wire.

//!
//! Packets are written in one of two ways, which the protocol calls parsers and does not negotiate. A client shows its
//! own with its first packet, which is text in the one and bytes in the other.

pub mod assembler;
pub mod outgoing;
mod packed;
pub mod packet;

pub use assembler::Assembler;
pub use outgoing::Outgoing;
pub use packet::{Kind, Packet, Violation};

/// How packets are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parser {
    /// As text with JSON in it, attachments behind.
    #[default]
    Default,
    /// As maps of MessagePack with everything in them: npm's `socket.io-msgpack-parser`.
    MessagePack,
}
