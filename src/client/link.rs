//! One connection, in whichever language is spoken there: bytes to what was received.

use bytes::{Buf, Bytes, BytesMut};
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::ACCEPT;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use memchr::memchr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::received::Received;
use crate::client::target::{Language, Target};
use crate::client::{ClientError, Options, Position};
use crate::dial::{self, DialError, Stream, Trust, Unlogged, websocket};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// A connection.
pub(super) enum Link {
    WebSocket(Box<FragmentCollector<TokioIo<Upgraded>>>),
    Events { body: Incoming, text: Text, block: Block },
    Lines { stream: Box<dyn Stream>, text: Text },
}

/// Lines in the making.
pub(super) struct Text {
    bytes: BytesMut,
    /// How much of it has been looked through for the end of a line.
    searched: usize,
    bytes_max: usize,
}

/// A server-sent event in the making.
#[derive(Default)]
pub(super) struct Block {
    id: Option<Position>,
    kind: Bytes,
    data: Option<Bytes>,
}

impl Link {
    /// Connects, and asks for the streams, from a position on if there is one.
    pub(super) async fn open(
        target: &Target,
        from: Option<&Position>,
        options: &Options,
        trust: Option<&Trust>,
    ) -> Result<Link, ClientError> {
        let opened = Self::open_slowly(target, from, options, trust);
        match tokio::time::timeout(options.connect_timeout, opened).await {
            Ok(link) => link.map_err(|error| ClientError::of(error, target.server.to_string())),
            Err(_) => Err(ClientError::Timeout(target.server.to_string(), options.connect_timeout)),
        }
    }

    async fn open_slowly(
        target: &Target,
        from: Option<&Position>,
        options: &Options,
        trust: Option<&Trust>,
    ) -> Result<Link, DialError> {
        let (opening, path) = (target.opening(options.sequence, from), target.path(options.sequence, from));
        match target.language {
            Language::Lines => {
                let mut stream = dial::connect(&target.server, trust).await?;
                let said = stream.write_all(opening.unwrap_or_default().as_bytes()).await;
                said.map_err(|error| DialError::Handshake(error.to_string()))?;
                Ok(Link::Lines { stream, text: Text::new(options.message_bytes_max) })
            }
            Language::Events => {
                let stream = dial::connect(&target.server, trust).await?;
                let request = dial::request(&target.server, &path)?.header(ACCEPT, "text/event-stream");
                let response = dial::ask(stream, request, &Unlogged).await?;
                if response.status() != StatusCode::OK {
                    return Err(dial::refusal(response).await);
                }
                let (body, text) = (response.into_body(), Text::new(options.message_bytes_max));
                Ok(Link::Events { body, text, block: Block::default() })
            }
            Language::Named | Language::Asked => {
                let bytes_max = options.message_bytes_max;
                let socket = websocket::open(&target.server, &path, trust, bytes_max, &Unlogged).await?;
                let mut websocket = FragmentCollector::new(socket);
                if let Some(text) = opening {
                    let said = websocket.write_frame(Frame::text(Payload::Owned(text.into_bytes()))).await;
                    said.map_err(|error| DialError::Handshake(error.to_string()))?;
                }
                Ok(Link::WebSocket(Box::new(websocket)))
            }
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// Why the connection is lost.
    pub(super) async fn next(&mut self) -> Result<Received, String> {
        match self {
            Link::WebSocket(websocket) => next_frame(websocket).await,
            Link::Events { body, text, block } => loop {
                while let Some(line) = text.line()? {
                    if let Some(received) = block.take_in(line) {
                        return Ok(received);
                    }
                }
                match body.frame().await {
                    None => return Err("the server has ended the connection".into()),
                    Some(Err(error)) => return Err(error.to_string()),
                    Some(Ok(frame)) => text.bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..])),
                }
            },
            Link::Lines { stream, text } => loop {
                if let Some(line) = text.line()? {
                    return Ok(Received::of(line));
                }
                text.bytes.reserve(READ_BYTES);
                match stream.read_buf(&mut text.bytes).await {
                    Ok(0) => return Err("the server has ended the connection".into()),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            },
        }
    }
}

async fn next_frame(websocket: &mut FragmentCollector<TokioIo<Upgraded>>) -> Result<Received, String> {
    let frame = websocket.read_frame().await.map_err(|error| error.to_string())?;
    let bytes = match frame.payload {
        Payload::Bytes(bytes) => bytes.freeze(),
        Payload::Owned(bytes) => bytes.into(),
        Payload::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        Payload::BorrowedMut(bytes) => Bytes::copy_from_slice(bytes),
    };
    match frame.opcode {
        OpCode::Text | OpCode::Binary | OpCode::Continuation => Ok(Received::of(bytes)),
        OpCode::Ping => {
            let pong = Frame::pong(Payload::Owned(bytes.to_vec()));
            websocket.write_frame(pong).await.map_err(|error| error.to_string())?;
            Ok(Received::Alive)
        }
        OpCode::Pong => Ok(Received::Alive),
        OpCode::Close => {
            let code = bytes.first_chunk().map_or(1_005, |code| u16::from_be_bytes(*code));
            let reason = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default()).into_owned();
            // Not every 1000 is an end: Upbit's refusals are closed with it, too. Whoever refuses has said why.
            Ok(Received::Over { why: format!("{code} {reason}").trim_end().to_owned(), is_complete: code == 1_000 })
        }
    }
}

impl Text {
    fn new(bytes_max: usize) -> Text {
        Text { bytes: BytesMut::new(), searched: 0, bytes_max }
    }

    /// The next whole line, without its end.
    fn line(&mut self) -> Result<Option<Bytes>, String> {
        match memchr(b'\n', &self.bytes[self.searched..]) {
            Some(end) => {
                let line = self.bytes.split_to(self.searched + end).freeze();
                self.bytes.advance(1);
                self.searched = 0;
                Ok(Some(line))
            }
            None if self.bytes.len() > self.bytes_max => {
                Err(format!("a message is longer than {} bytes", self.bytes_max))
            }
            None => {
                self.searched = self.bytes.len();
                Ok(None)
            }
        }
    }
}

impl Block {
    /// Takes in a line; the event that it ends, or what else it says.
    fn take_in(&mut self, line: Bytes) -> Option<Received> {
        let rest = |prefix: &[u8]| line.starts_with(prefix).then(|| line.slice(prefix.len()..));
        if let Some(id) = rest(b"id: ") {
            self.id = Position::of(id);
        } else if let Some(kind) = rest(b"event: ") {
            self.kind = kind;
        } else if let Some(data) = rest(b"data: ") {
            self.data = Some(data);
        } else if line.is_empty() {
            let block = std::mem::take(self);
            return match (block.data, block.id) {
                (Some(data), id) => Some(Received::of_event(&block.kind, id, data)),
                (None, Some(id)) => Some(Received::Position(id)),
                (None, None) => Some(Received::Alive),
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_may_say_their_id_before_or_behind_or_alone() {
        let mut block = Block::default();
        let mut read = |text: &str| {
            let lines = text.split('\n').map(|line| Bytes::copy_from_slice(line.as_bytes()));
            lines.filter_map(|line| block.take_in(line)).collect::<Vec<_>>()
        };
        let of = |received: &Received| match received {
            Received::Message(message) => message.position.as_ref().map(ToString::to_string),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(&read("id: ab-1.0\nevent: trade\ndata: {}\n")[0]).as_deref(), Some("ab-1.0"));
        assert_eq!(of(&read("event: trade\ndata: {}\nid: ab-1.0\n")[0]).as_deref(), Some("ab-1.0"));
        assert_eq!(of(&read("event: trade\ndata: {}\n")[0]), None);
        assert_eq!(read("id: ab-2.0\n"), [Received::Position(Position::new("ab-2.0").unwrap())]);
        assert_eq!(read(": keep-alive\n"), [Received::Alive]);
    }

    #[test]
    fn lines_come_whole_and_end_somewhere() {
        let mut text = Text::new(8);
        text.bytes.extend_from_slice(b"ab");
        assert_eq!(text.line(), Ok(None));
        text.bytes.extend_from_slice(b"c\n\nd");
        assert_eq!(text.line(), Ok(Some(Bytes::from_static(b"abc"))));
        assert_eq!(text.line(), Ok(Some(Bytes::new())));
        assert_eq!(text.line(), Ok(None));
        text.bytes.extend_from_slice(&[b'x'; 9]);
        assert!(text.line().is_err());
    }
}
