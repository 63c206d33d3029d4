//! What a client sends, as a state machine: bytes in, as they come, messages out.
//!
//! The caller reads into one buffer for all its connections and hands over what has come for one of them. A message
//! that lies whole in there is unmasked where it lies and given out from there. Only of what is incomplete at the end
//! of the bytes a connection keeps a part, in memory of its own, and no longer than until it is complete.

use crate::protocol::deflate::Inflater;
use crate::protocol::websocket::header::{Header, PartialHeader};
use crate::protocol::websocket::{Close, Opcode};

/// A whole message or control frame from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
    /// To be answered with the same bytes, at most 125.
    Ping(&'a [u8]),
    /// Perhaps the answer to a ping; at most 125 bytes.
    Pong(&'a [u8]),
}

/// The reading side of one connection, without its socket.
///
/// Memory: 16 bytes between messages. While one is not complete some 100 more, and what has come of it, at most
/// `message_bytes_max` and what a growing `Vec` has to spare. Of a compressed message it is an eighth more: one that does
/// not get smaller gets larger, by a ninth bit for each byte if its sender does nothing about it.
#[derive(Debug)]
pub struct Reader {
    message_bytes_max: usize,
    /// `None` between messages.
    unfinished: Option<Box<Unfinished>>,
}

/// What has come of a message that is not complete.
#[derive(Debug, Default)]
struct Unfinished {
    header: PartialHeader,
    /// The frame that the next bytes belong to.
    frame: Option<Payload>,
    /// How the message began that is not complete.
    begun: Option<Begun>,
    /// Its payload so far, unmasked, and compressed if it is.
    bytes: Vec<u8>,
    /// How many of these bytes are whole characters, if they are a text's and not compressed.
    bytes_of_text: usize,
    /// The payload so far of a control frame, which may stand between two frames of a message.
    control: Vec<u8>,
}

/// What the first frame of a message says of all of it.
#[derive(Clone, Copy, Debug)]
struct Begun {
    opcode: Opcode,
    is_deflated: bool,
}

/// A frame whose header is whole.
#[derive(Debug)]
struct Payload {
    header: Header,
    bytes_left: usize,
}

impl Reader {
    /// A connection on which nothing has come yet.
    pub fn new(message_bytes_max: usize) -> Reader {
        Reader { message_bytes_max, unfinished: None }
    }

    /// Reads what has come, and gives each message that is complete with it to `take`. `input` is scratch afterwards.
    /// `inflater` is for clients that agreed on compression, `None` for others; it serves any number of connections.
    ///
    /// # Errors
    /// The close frame that is owed to the client, when nothing is to be read any more: the answer to its own, or what
    /// it did wrong. A message that is too long is refused by its header, before any of its payload is kept; one that is
    /// only too long when it is inflated, as soon as that shows. A text that is not UTF-8 is refused by the first byte
    /// that shows it, wherever frame and message end; one that is compressed, when it is whole.
    pub fn read(
        &mut self,
        input: &mut [u8],
        inflater: Option<&mut Inflater>,
        take: impl FnMut(Message<'_>),
    ) -> Result<(), Close> {
        if let Some(unfinished) = &mut self.unfinished {
            unfinished.read(input, self.message_bytes_max, inflater, take)?;
            self.unfinished.take_if(|unfinished| unfinished.is_none());
        } else {
            let mut unfinished = Unfinished::default();
            unfinished.read(input, self.message_bytes_max, inflater, take)?;
            self.unfinished = (!unfinished.is_none()).then(|| Box::new(unfinished));
        }
        Ok(())
    }

    /// Memory kept for what is incomplete, in bytes.
    #[cfg(test)]
    pub(super) fn bytes_kept(&self) -> usize {
        self.unfinished.as_ref().map_or(0, |unfinished| unfinished.bytes.capacity() + unfinished.control.capacity())
    }
}

impl Unfinished {
    /// Whether the next byte begins a message.
    fn is_none(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.begun.is_none()
    }

    fn read(
        &mut self,
        mut input: &mut [u8],
        message_bytes_max: usize,
        mut inflater: Option<&mut Inflater>,
        mut take: impl FnMut(Message<'_>),
    ) -> Result<(), Close> {
        loop {
            let Some(mut frame) = self.frame.take() else {
                match self.header.take_from(&mut input)? {
                    Some(header) => self.frame = Some(self.begin(header, message_bytes_max, inflater.is_some())?),
                    None => return Ok(()),
                }
                continue;
            };
            let length = frame.bytes_left.min(input.len());
            let (part, rest) = input.split_at_mut(length);
            input = rest;
            unmask(part, frame.header.mask);
            frame.header.mask.rotate_left(length % 4);
            frame.bytes_left -= length;
            if frame.bytes_left > 0 {
                if frame.header.is_control() {
                    self.control.extend_from_slice(part);
                } else {
                    self.keep(part)?;
                }
                self.frame = Some(frame);
                return Ok(());
            }
            if frame.header.is_control() {
                self.end_control(frame.header.opcode, part, &mut take)?;
            } else {
                self.end_data(frame.header.is_final, part, message_bytes_max, inflater.as_deref_mut(), &mut take)?;
            }
        }
    }

    /// Whether a frame may come here, and is not too long.
    fn begin(&mut self, header: Header, message_bytes_max: usize, may_be_deflated: bool) -> Result<Payload, Close> {
        if header.is_deflated && !may_be_deflated {
            return Err(Close::PROTOCOL_ERROR);
        }
        if !header.is_control() {
            match (header.opcode, self.begun) {
                (None, Some(_)) => {}
                (Some(opcode), None) => self.begun = Some(Begun { opcode, is_deflated: header.is_deflated }),
                _ => return Err(Close::PROTOCOL_ERROR),
            }
            let is_deflated = self.begun.is_some_and(|begun| begun.is_deflated);
            let bytes_max = message_bytes_max + if is_deflated { message_bytes_max / 8 + 64 } else { 0 };
            if header.payload_bytes > (bytes_max - self.bytes.len()) as u64 {
                return Err(Close::TOO_LARGE);
            }
        }
        Ok(Payload { header, bytes_left: header.payload_bytes as usize })
    }

    fn end_control(
        &mut self,
        opcode: Option<Opcode>,
        part: &[u8],
        take: &mut impl FnMut(Message<'_>),
    ) -> Result<(), Close> {
        let mut kept = std::mem::take(&mut self.control);
        let payload = joined(&mut kept, part);
        match opcode {
            Some(Opcode::Ping) => take(Message::Ping(payload)),
            Some(Opcode::Pong) => take(Message::Pong(payload)),
            _ => return Err(Close::answer_to(payload)),
        }
        Ok(())
    }

    /// Keeps a part of a message that is not complete.
    fn keep(&mut self, part: &[u8]) -> Result<(), Close> {
        self.bytes.extend_from_slice(part);
        if let Some(Begun { opcode: Opcode::Text, is_deflated: false }) = self.begun {
            self.bytes_of_text += whole_characters(&self.bytes[self.bytes_of_text..])?;
        }
        Ok(())
    }

    fn end_data(
        &mut self,
        is_final: bool,
        part: &[u8],
        message_bytes_max: usize,
        inflater: Option<&mut Inflater>,
        take: &mut impl FnMut(Message<'_>),
    ) -> Result<(), Close> {
        if !is_final {
            return self.keep(part);
        }
        self.bytes_of_text = 0;
        let mut kept = std::mem::take(&mut self.bytes);
        let mut payload = joined(&mut kept, part);
        let Some(begun) = self.begun.take() else { return Err(Close::PROTOCOL_ERROR) };
        if begun.is_deflated {
            let inflater = inflater.ok_or(Close::PROTOCOL_ERROR)?;
            payload = inflater.inflate(payload, message_bytes_max)?;
        }
        match begun.opcode {
            Opcode::Text => take(Message::Text(std::str::from_utf8(payload).map_err(|_| Close::NOT_UTF8)?)),
            _ => take(Message::Binary(payload)),
        }
        Ok(())
    }
}

/// How many of the bytes are whole characters; what follows them may yet become one.
///
/// # Errors
/// [`Close::NOT_UTF8`] if it cannot.
fn whole_characters(bytes: &[u8]) -> Result<usize, Close> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(_) => Err(Close::NOT_UTF8),
    }
}

/// What was kept with what has come, without a copy where nothing was kept.
fn joined<'a>(kept: &'a mut Vec<u8>, part: &'a [u8]) -> &'a [u8] {
    if kept.is_empty() {
        return part;
    }
    kept.extend_from_slice(part);
    kept
}

/// Masks or unmasks; the mask applies from the first byte on.
#[inline]
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
