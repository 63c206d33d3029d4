//! One client: from connecting to its last message.

use std::io;
use std::time::Instant;

use crate::bench::check::{Ledger, Progress};
use crate::bench::socket::Socket;
use crate::bench::target::{Protocol, Target};
use crate::bench::wire::{self, Part};

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It reads all that comes.
    Good,
    /// It reads a little now and then.
    Slow,
    /// It reads nothing once it is connected.
    Stalled,
    /// It leaves, and comes again.
    Churning,
}

/// How far it has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The connection is being made.
    Connecting,
    /// It has asked, and waits for an answer.
    Asking,
    /// It has been answered, and says on which streams it is.
    Joining,
    /// It has subscribed.
    Open,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended(pub(super) String);

/// Largest message that is put together from pieces.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// One client.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) phase: Phase,
    pub(super) manner: Manner,
    /// When it was begun.
    pub(super) since: Instant,
    /// Whether there may be something to read: it is told only once.
    pub(super) is_readable: bool,
    opening: String,
    subscribe: Option<String>,
    namespace: String,
    protocol: Protocol,
    /// The beginning of a part whose rest has not come.
    held: Vec<u8>,
    /// The fragments of a message.
    fragments: Vec<u8>,
    progress: Progress,
}

impl Connection {
    /// A client whose socket has begun to connect.
    pub(super) fn new(
        socket: Socket,
        target: &Target,
        streams: &[String],
        subscribe: Option<&str>,
        manner: Manner,
    ) -> Connection {
        Connection {
            socket,
            phase: Phase::Connecting,
            manner,
            since: Instant::now(),
            is_readable: false,
            opening: target.opening(streams),
            subscribe: subscription(target.protocol, streams, subscribe),
            namespace: if target.path == "/" { String::new() } else { format!("{},", target.path) },
            protocol: target.protocol,
            held: Vec::new(),
            fragments: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// It can be written to: it may have just been connected.
    ///
    /// # Errors
    /// Why it has ended.
    pub(super) fn on_writable(&mut self) -> Result<(), Ended> {
        if self.phase != Phase::Connecting {
            return self.socket.flush().map_err(ended);
        }
        if !self.socket.is_connected().map_err(ended)? {
            return Ok(());
        }
        let opening = std::mem::take(&mut self.opening);
        self.phase = Phase::Asking;
        self.socket.send(opening.as_bytes()).map_err(ended)?;
        if self.protocol == Protocol::Lines {
            self.subscribe()?;
        }
        Ok(())
    }

    /// Reads once. Whether there may be more.
    ///
    /// # Errors
    /// Why it has ended.
    pub(super) fn read(&mut self, buffer: &mut [u8], ledger: &mut Ledger, clock: Clock) -> Result<bool, Ended> {
        let (read, is_all) = match self.socket.read(buffer) {
            Ok((0, _)) => return Err(Ended("the server ended the connection".into())),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(ended(error)),
        };
        let now_us = clock();
        ledger.findings.bytes += read as u64;
        if self.held.is_empty() {
            let left = self.take(&buffer[..read], ledger, now_us)?;
            self.held.extend_from_slice(&buffer[read - left..read]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(&buffer[..read]);
            let left = self.take(&held, ledger, now_us)?;
            held.drain(..held.len() - left);
            if held.len() > MESSAGE_BYTES_MAX {
                return Err(Ended("a message is longer than 64 MiB".into()));
            }
            self.held = held;
        }
        Ok(!is_all)
    }

    /// Takes all whole parts; how many bytes are left.
    fn take(&mut self, mut bytes: &[u8], ledger: &mut Ledger, now_us: i64) -> Result<usize, Ended> {
        if self.phase == Phase::Asking && self.protocol != Protocol::Lines {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(bytes.len()) };
            let head = String::from_utf8_lossy(&bytes[..end]);
            let status = head.split(' ').nth(1).unwrap_or("");
            if status != if self.protocol == Protocol::Http { "200" } else { "101" } {
                let first = head.lines().next().unwrap_or_default();
                return Err(Ended(format!("the server answered `{first}`")));
            }
            if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
                return Err(Ended("the server answers in chunks, which is not understood".into()));
            }
            bytes = &bytes[end + 4..];
            self.phase = Phase::Joining;
            // Socket.IO says when.
            if self.protocol != Protocol::SocketIo {
                self.subscribe()?;
            }
        }
        loop {
            match wire::next(self.protocol, &mut bytes) {
                Ok(None) => return Ok(bytes.len()),
                Ok(Some(Part::Message(message))) => self.on_message(message, ledger, now_us)?,
                Ok(Some(Part::Ping(payload))) => {
                    let mut answer = Vec::new();
                    wire::write_pong(payload, &mut answer);
                    self.socket.send(&answer).map_err(ended)?;
                }
                Ok(Some(Part::Pong)) => {}
                Ok(Some(Part::Close(payload))) => {
                    let (code, reason) = payload.split_at_checked(2).unwrap_or((&[3, 237], b""));
                    let code = u16::from_be_bytes([code[0], code[1]]);
                    return Err(Ended(format!("closed with {code} {}", String::from_utf8_lossy(reason))));
                }
                Ok(Some(Part::Fragment(piece, is_final))) => {
                    self.fragments.extend_from_slice(piece);
                    if is_final {
                        let whole = std::mem::take(&mut self.fragments);
                        self.on_message(&whole, ledger, now_us)?;
                    }
                }
                Err(broken) => return Err(Ended(format!("what the server sends is broken: {}", broken.0))),
            }
        }
    }

    #[inline]
    fn on_message(&mut self, message: &[u8], ledger: &mut Ledger, now_us: i64) -> Result<(), Ended> {
        let is_event = ledger.enter(message, now_us, &mut self.progress);
        if is_event || self.protocol != Protocol::SocketIo {
            return Ok(());
        }
        match message {
            b"2" => self.say("3"),
            [b'0', ..] => self.say(&format!("40{}", self.namespace)),
            [b'4', b'0', ..] => self.subscribe(),
            [b'4', b'4', ..] => Err(Ended(format!("refused: {}", String::from_utf8_lossy(message)))),
            _ => Ok(()),
        }
    }

    fn subscribe(&mut self) -> Result<(), Ended> {
        self.phase = Phase::Open;
        let Some(text) = self.subscribe.take() else { return Ok(()) };
        match self.protocol {
            Protocol::WebSocket => self.say(&text),
            Protocol::SocketIo => self.say(&format!("42{}{text}", self.namespace)),
            Protocol::Lines => self.socket.send(format!("{text}\n").as_bytes()).map_err(ended),
            Protocol::Http => Ok(()),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Ended> {
        let mut frame = Vec::new();
        wire::write_text(text.as_bytes(), &mut frame);
        self.socket.send(&frame).map_err(ended)
    }
}

/// Microseconds since the epoch.
pub(super) type Clock = fn() -> i64;

fn ended(error: io::Error) -> Ended {
    Ended(error.to_string())
}

/// What is said to subscribe: what the plan has, or what a server like ours understands.
fn subscription(protocol: Protocol, streams: &[String], given: Option<&str>) -> Option<String> {
    let list = streams.iter().map(|stream| format!("\"{stream}\"")).collect::<Vec<_>>().join(",");
    match (given, protocol) {
        (Some(given), Protocol::Lines) => Some(given.replace("{streams}", &streams.join(" "))),
        (Some(given), _) => Some(given.replace("{streams}", &list)),
        (None, Protocol::SocketIo) => Some(format!(r#"["subscribe",[{list}]]"#)),
        (None, Protocol::Lines) => Some(format!("SUBSCRIBE {}", streams.join(" "))),
        (None, Protocol::WebSocket | Protocol::Http) => None,
    }
}
