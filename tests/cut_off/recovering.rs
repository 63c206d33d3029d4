//! A client of Socket.IO that goes on where it was, as the official one does: it remembers its secret and the offset of
//! the last event.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::road::Chance;
use crate::support::PATIENCE;
use crate::{Heard, is_last};

/// The longest pause before it comes again.
const PAUSE_MS_MAX: u64 = 50;

/// What it remembers from one connection to the next.
struct Recovering {
    streams: Vec<String>,
    ids: Option<(String, String)>,
    offset: Option<String>,
    /// Whether this connection has brought what was missed, or the word that nothing was.
    is_back: bool,
    heard: Heard,
    is_over: bool,
}

/// Listens until the last stream has said something.
pub async fn listen(server: SocketAddr, streams: Vec<String>, seed: u64) -> Heard {
    let mut chance = Chance::new(seed);
    let (ids, offset, heard) = (None, None, Heard::default());
    let mut client = Recovering { streams, ids, offset, is_back: true, heard, is_over: false };
    while !client.is_over {
        // However a connection ends, what counts is what came before.
        let _ = client.follow(server).await;
        tokio::time::sleep(Duration::from_millis(1 + chance.below(PAUSE_MS_MAX))).await;
    }
    client.heard
}

impl Recovering {
    /// Reads one connection to its end.
    async fn follow(&mut self, server: SocketAddr) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(server).await?;
        let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\
                       Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Version: 13\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::with_capacity(1 << 14);
        let mut has_head = false;
        self.is_back = self.ids.is_none();
        while !self.is_over {
            if !has_head && let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                assert!(bytes.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&bytes));
                bytes.drain(..end + 4);
                has_head = true;
            }
            while has_head && let Some((opcode, start, end)) = frame(&bytes) {
                let said = match opcode {
                    1 => self.take(std::str::from_utf8(&bytes[start..end]).expect("UTF-8")),
                    8 => return Ok(()),
                    _ => panic!("opcode {opcode}"),
                };
                bytes.drain(..end);
                for text in said {
                    stream.write_all(&masked(&text)).await?;
                }
            }
            if !self.is_over {
                let read =
                    tokio::time::timeout(PATIENCE, stream.read_buf(&mut bytes)).await.expect("something comes")?;
                if read == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn come_back(&mut self) {
        self.heard.resumed += u64::from(!std::mem::replace(&mut self.is_back, true));
    }

    /// Takes a packet in; what is said to it.
    fn take(&mut self, packet: &str) -> Vec<String> {
        if packet.starts_with("0{") {
            let auth = match (&self.ids, &self.offset) {
                (Some((_, pid)), Some(offset)) => json!({ "pid": pid, "offset": offset }).to_string(),
                _ => String::new(),
            };
            return vec![format!("40/binance,{auth}")];
        }
        if packet == "2" {
            return vec!["3".to_owned()];
        }
        if let Some(text) = packet.strip_prefix("40/binance,") {
            let ids: Value = serde_json::from_str(text).expect("JSON");
            let name = |key: &str| ids[key].as_str().expect("an id").to_owned();
            let ids = (name("sid"), name("pid"));
            if self.ids.as_ref() == Some(&ids) {
                self.come_back();
                return Vec::new();
            }
            self.is_back = true;
            if let Some((_, pid)) = self.ids.replace(ids) {
                self.heard.refused.push(format!("{pid} after {:?}", self.offset));
            }
            return vec![format!(r#"42/binance,0["subscribe",{}]"#, json!(self.streams))];
        }
        if packet.starts_with("42/binance,") {
            // What was missed comes before the word that the client is back.
            self.come_back();
            self.heard.take(packet.as_bytes());
            self.offset = packet.strip_suffix("\"]").and_then(|rest| rest.rsplit('"').next()).map(str::to_owned);
            self.is_over = is_last(packet.as_bytes());
            return Vec::new();
        }
        assert_eq!(packet, r#"43/binance,0[{"ok":true}]"#);
        Vec::new()
    }
}

/// The first frame, if it is whole: opcode, and where its payload begins and ends.
fn frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    assert!(head[0] & 0xf0 == 0x80 && head[1] & 0x80 == 0, "{head:?}");
    let (start, length) = match head[1] {
        126 => (4, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
        length => (2, u64::from(length)),
    };
    let end = start + length as usize;
    (bytes.len() >= end).then_some((head[0] & 0x0f, start, end))
}

/// A text as a client sends it; a mask of zeros is one, too.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}
