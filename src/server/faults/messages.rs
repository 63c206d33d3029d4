//! Where messages begin in what goes out, so that a byte of one can be made another.

use crate::feed::fault::parts::Flaw;

/// Longest head of a frame that a server sends.
const HEAD_BYTES_MAX: usize = 10;

/// Follows bytes that go out; frames of WebSocket, or whatever else a protocol sends.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    is_framed: bool,
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
    payload_left: u64,
}

/// The byte to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blemish {
    pub(super) at: usize,
    pub(super) byte: u8,
}

impl Messages {
    /// Nothing has gone out.
    pub(super) fn new(is_framed: bool) -> Messages {
        Messages { is_framed, head: [0; HEAD_BYTES_MAX], head_bytes: 0, payload_left: 0 }
    }

    /// These bytes have gone out.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        if self.is_framed {
            self.walk(bytes, |_, _| {});
        }
    }

    /// How the first message that begins in these bytes is corrupted; `None` if none does.
    pub(super) fn blemish(&self, bytes: &[u8], flaw: Flaw) -> Option<Blemish> {
        let (head, payload) = if self.is_framed {
            let mut first = None;
            self.clone().walk(bytes, |head, payload| {
                first.get_or_insert((head, payload));
            });
            first?
        } else {
            let at = memchr::memchr(b'{', bytes)?;
            (at, at)
        };
        Some(match flaw {
            Flaw::Payload => Blemish { at: payload, byte: b'}' },
            Flaw::Frame if self.is_framed => Blemish { at: head, byte: bytes[head] | 0x30 },
            // A byte that continues a character, and there is none.
            Flaw::Utf8 | Flaw::Frame => Blemish { at: payload, byte: 0x80 | (bytes[payload] & 0x3f) },
        })
    }

    /// Calls back with the places of head and payload of each data frame whose head and first byte are in these.
    fn walk(&mut self, bytes: &[u8], mut on_message: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < bytes.len() {
            if self.payload_left > 0 {
                let passed = self.payload_left.min((bytes.len() - at) as u64);
                self.payload_left -= passed;
                at += passed as usize;
                continue;
            }
            self.head[self.head_bytes] = bytes[at];
            self.head_bytes += 1;
            at += 1;
            let Some(length) = self.length() else { continue };
            let (head_bytes, opcode) = (std::mem::take(&mut self.head_bytes), self.head[0] & 0x0f);
            self.payload_left = length;
            if matches!(opcode, 1 | 2) && length > 0 && at >= head_bytes && at < bytes.len() {
                on_message(at - head_bytes, at);
            }
        }
    }

    /// The length of the payload, once its head is whole.
    fn length(&self) -> Option<u64> {
        let head = &self.head[..self.head_bytes];
        match (head.get(1)? & 0x7f, head.len()) {
            (126, 4) => Some(u64::from(u16::from_be_bytes([head[2], head[3]]))),
            (127, 10) => head[2..].try_into().ok().map(u64::from_be_bytes),
            (126 | 127, _) => None,
            (length, _) => Some(u64::from(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::{Opcode, write_frame};
    use proptest::prelude::*;

    fn frames(lengths: &[(bool, usize)]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut payloads) = (Vec::new(), Vec::new());
        for &(is_control, length) in lengths {
            let (opcode, length) = if is_control { (Opcode::Ping, length.min(125)) } else { (Opcode::Text, length) };
            write_frame(opcode, &vec![b'{'; length], &mut bytes);
            if !is_control && length > 0 {
                payloads.push(bytes.len() - length);
            }
        }
        (bytes, payloads)
    }

    #[test]
    fn each_flaw_changes_the_byte_it_should() {
        let (bytes, _) = frames(&[(true, 4), (false, 300)]);
        let messages = Messages::new(true);
        assert_eq!(messages.blemish(&bytes, Flaw::Payload), Some(Blemish { at: 10, byte: b'}' }));
        assert_eq!(messages.blemish(&bytes, Flaw::Frame), Some(Blemish { at: 6, byte: 0xb1 }));
        assert_eq!(messages.blemish(&bytes, Flaw::Utf8), Some(Blemish { at: 10, byte: 0xbb }));
        assert_eq!(messages.blemish(&bytes[..6], Flaw::Payload), None);
        let plain = Messages::new(false);
        assert_eq!(plain.blemish(b"data: {}", Flaw::Payload), Some(Blemish { at: 6, byte: b'}' }));
        assert_eq!(plain.blemish(b": nothing", Flaw::Payload), None);
    }

    proptest! {
        /// However bytes are cut, the message found is the first that begins behind the cut, head and all.
        #[test]
        fn messages_are_found_behind_any_cut(
            lengths in proptest::collection::vec(
                (any::<bool>(), prop_oneof![0_usize..9, 120_usize..130, 65_530_usize..65_540]),
                1..8,
            ),
            cut in any::<prop::sample::Index>(),
        ) {
            let (bytes, payloads) = frames(&lengths);
            let cut = cut.index(bytes.len());
            let mut messages = Messages::new(true);
            messages.follow(&bytes[..cut]);
            let found = messages.blemish(&bytes[cut..], Flaw::Payload).map(|blemish| blemish.at + cut);
            let sizes: Vec<usize> =
                lengths.iter().filter(|(is_control, length)| !is_control && *length > 0).map(|(_, length)| *length).collect();
            let heads = |payload: usize| {
                let place = payloads.iter().position(|other| *other == payload).unwrap();
                payload - match sizes[place] { 0..126 => 2, 126..65_536 => 4, _ => 10 }
            };
            let expected = payloads.iter().copied().find(|payload| heads(*payload) >= cut);
            prop_assert_eq!(found, expected);
        }
    }
}
