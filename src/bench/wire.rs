//! Bytes to messages, as a client has to.
//!
//! A server may put many messages into one segment, and one message into many. What is not yet whole is left to be
//! given again with what follows it.

use crate::bench::target::Protocol;

/// What a server has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Something that may be an event.
    Message(&'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// Of no interest.
    Pong,
    /// The connection's last word.
    Close(&'a [u8]),
    /// The beginning, or the end, or the middle of a message that comes in fragments; the last one says so.
    Fragment(&'a [u8], bool),
}

/// What a server may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// Takes the next part off the front of `bytes`; `None` where more is needed.
#[inline]
pub(super) fn next<'a>(protocol: Protocol, bytes: &mut &'a [u8]) -> Result<Option<Part<'a>>, Broken> {
    match protocol {
        Protocol::WebSocket | Protocol::SocketIo => frame(bytes),
        Protocol::Http | Protocol::Lines => Ok(line(bytes)),
    }
}

#[inline]
fn frame<'a>(bytes: &mut &'a [u8]) -> Result<Option<Part<'a>>, Broken> {
    let (&[first, second, ..], whole) = (*bytes, *bytes) else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(Broken("a frame is masked"));
    }
    if first & 0x70 != 0 {
        return Err(Broken("a reserved bit is set"));
    }
    let (head, length): (usize, usize) = match second {
        126 => match whole.get(2..4) {
            Some(length) => (4, usize::from(u16::from_be_bytes([length[0], length[1]]))),
            None => return Ok(None),
        },
        127 => match whole.get(2..10).and_then(|length| length.try_into().ok()) {
            Some(length) => (10, usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX)),
            None => return Ok(None),
        },
        length => (2, usize::from(length)),
    };
    let Some(payload) = head.checked_add(length).and_then(|end| whole.get(head..end)) else { return Ok(None) };
    *bytes = &whole[head + length..];
    let is_final = first & 0x80 != 0;
    Ok(Some(match (first & 0x0f, is_final) {
        (1 | 2, true) => Part::Message(payload),
        (0..=2, _) => Part::Fragment(payload, is_final),
        (8, true) => Part::Close(payload),
        (9, true) => Part::Ping(payload),
        (10, true) => Part::Pong,
        _ => return Err(Broken("a frame of no known kind")),
    }))
}

fn line<'a>(bytes: &mut &'a [u8]) -> Option<Part<'a>> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    *bytes = &bytes[end + 1..];
    Some(Part::Message(line.strip_prefix(b"data: ").unwrap_or(line)))
}

/// Appends a text frame as a client sends it.
pub(super) fn write_text(payload: &[u8], out: &mut Vec<u8>) {
    write_frame(1, payload, out);
}

/// Appends the answer to a ping.
pub(super) fn write_pong(payload: &[u8], out: &mut Vec<u8>) {
    write_frame(10, payload, out);
}

/// The mask is there to keep pages from writing what they like on a wire; this is no page, so it is zeros.
fn write_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::{self, Opcode};

    #[test]
    fn frames_come_out_wherever_they_are_cut() {
        let payloads = [vec![b'a'; 3], vec![b'b'; 126], vec![b'c'; 70_000], vec![]];
        let mut bytes = Vec::new();
        payloads.iter().for_each(|payload| websocket::write_frame(Opcode::Text, payload, &mut bytes));
        for cut in [1, 2, 5, 100, 131, 70_000, bytes.len()] {
            let (mut held, mut seen) = (Vec::new(), Vec::new());
            for piece in bytes.chunks(cut) {
                held.extend_from_slice(piece);
                let mut rest = held.as_slice();
                while let Ok(Some(Part::Message(payload))) = next(Protocol::WebSocket, &mut rest) {
                    seen.push(payload.to_vec());
                }
                held = rest.to_vec();
            }
            assert_eq!(seen, payloads, "cut every {cut} bytes");
        }
    }

    #[test]
    fn what_a_server_may_not_send_is_named() {
        for bytes in [[0x81, 0x80], [0xc1, 0x00], [0x83, 0x00], [0x09, 0x00]] {
            assert!(next(Protocol::WebSocket, &mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lines_and_events_are_their_data() {
        let mut bytes = &b"id: 1\r\ndata: {\"a\":1}\n\nrest"[..];
        let mut parts = Vec::new();
        while let Ok(Some(part)) = next(Protocol::Http, &mut bytes) {
            parts.push(part);
        }
        assert_eq!(parts, [Part::Message(b"id: 1"), Part::Message(b"{\"a\":1}"), Part::Message(b"")]);
        assert_eq!(bytes, b"rest");
    }
}
