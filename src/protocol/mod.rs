//! Framing and session rules as state machines: bytes and time in, bytes and deadlines out. No sockets here.

pub mod websocket;
