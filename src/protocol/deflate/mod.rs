//! Compressed messages: `permessage-deflate` (RFC 7692), without anything kept from one message to the next.
//!
//! A message that is compressed by itself, with no regard to those before it, is the same bytes for everybody who
//! agreed on the extension, so one compressor serves all connections of a core, and so does one decompressor.
//!
//! Known limitation: messages of one stream resemble each other, and a window that slid over all of them would leave
//! three to five times fewer bytes still. But it would be another for each client: each frame would be compressed as
//! often as it is sent, and each client would take some 300 KiB.

mod deflater;
mod inflater;
mod offer;
#[cfg(test)]
mod tests;

pub use deflater::{Deflater, Level};
pub use inflater::Inflater;
pub use offer::{Agreement, agree, agree_on_any_window};

/// What a sync flush ends with, and what a sender leaves out (RFC 7692 section 7.2.1).
const FLUSH_TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
