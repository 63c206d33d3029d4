//! Framing and session rules as state machines: bytes and time in, bytes and deadlines out. No sockets here.

pub mod deflate;
pub mod engineio;
pub mod events;
pub mod lines;
pub mod msgpack;
pub mod socketio;
pub mod websocket;
