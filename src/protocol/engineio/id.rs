//! Ids of sessions and sockets: what nobody can guess, and which core a session lives on.

use crate::protocol::engineio::base64::{decode, encode_url_safe};

/// Bytes of an id: two for the core, 104 bits from the system's source of randomness.
const BYTES: usize = 15;

/// A session's id, 20 characters of letters, digits, `-` and `_`. Whoever knows it can speak for the session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sid([u8; BYTES]);

impl Sid {
    /// A new one, of a session that lives on this core.
    ///
    /// # Panics
    /// If the system gives no random bytes; then nothing that must be secret can be served.
    pub fn new(core: usize) -> Sid {
        let mut bytes = random();
        bytes[..2].copy_from_slice(&(core as u16).to_be_bytes());
        Sid(bytes)
    }

    /// Reads one that a client has sent; `None` for what was never one.
    pub fn parse(text: &str) -> Option<Sid> {
        let bytes = decode(text.as_bytes()).filter(|_| text.len() == BYTES / 3 * 4)?;
        bytes.try_into().ok().map(Sid)
    }

    /// Which core the session lives on, if it lives.
    pub fn core(&self) -> usize {
        u16::from_be_bytes([self.0[0], self.0[1]]).into()
    }

    /// As clients know it.
    pub fn text(&self) -> String {
        encode_url_safe(&self.0)
    }
}

/// The id of a socket, which is no secret: never that of a session.
pub fn socket_id() -> String {
    encode_url_safe(&random())
}

fn random() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustc_hash::FxHashSet;

    #[test]
    fn socketio_item_03_ids_are_url_safe_differ_and_name_their_core() {
        let sid = Sid::new(513);
        assert_eq!((sid.core(), sid.text().len()), (513, 20));
        assert_eq!(Sid::parse(&sid.text()), Some(sid));
        let ids: FxHashSet<String> = (0..1_000).flat_map(|_| [Sid::new(0).text(), socket_id()]).collect();
        assert_eq!(ids.len(), 2_000);
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))));
        for text in ["", "abc", "AAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAA\u{e4}"] {
            assert_eq!(Sid::parse(text), None, "{text}");
        }
    }
}
