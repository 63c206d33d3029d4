//! WebSocket (RFC 6455) as a server speaks it, but for the handshake, which is a library's.

mod close;
mod frame;
mod header;
mod reader;
#[cfg(test)]
mod tests;

pub use close::Close;
pub use frame::{HEADER_BYTES_MAX, Opcode, deflated_frame_in_place, frame_in_place, write_frame};
pub use reader::{Message, Reader};
