//! MessagePack as clients of Socket.IO write it, to JSON and from it.
//!
//! ```text
//!  payload, JSON text ──transcode──▶ MessagePack       what a client gets
//!  MessagePack ──Decoder──▶ JSON text and its bytes     what it sends
//! ```
//!
//! Both ways are ours. What goes out is rendered as JSON already, so that no tree of values is built: the text is read
//! once, and the heads of maps and arrays are filled in when their ends are reached. What comes in is to be the same as
//! if it had come in JSON, by JavaScript's rules: `undefined` is nothing, a date is its text, bytes stand apart.
//!
//! Source: <https://github.com/msgpack/msgpack/blob/master/spec.md>, and of the extensions, npm's `notepack.io`, with
//! which `socket.io-msgpack-parser` writes.

mod date;
mod decode;
mod head;
mod transcode;

pub use decode::{DEPTH_MAX, Decoded, Decoder, Malformed};
pub use head::{close_str, write_array_head, write_bin, write_integer, write_map_head, write_str};
pub use transcode::{NotJson, transcode, write_json};

/// Nothing, but said.
pub const NIL: u8 = 0xc0;

#[cfg(test)]
mod tests;
