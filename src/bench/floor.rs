//! The floor: a loop that has its frames and sends them to one socket after the other. No server does less.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::feed::metronome::{Beat, Metronome};
use crate::protocol::websocket::{Opcode, write_frame};

/// Longest request of a client.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// A bare sender. It takes so many clients, then plays.
pub struct Floor {
    listener: TcpListener,
    beat: Beat,
    connections: usize,
}

/// A client, and which of the symbols it wants.
struct Client {
    socket: TcpStream,
    wants: Vec<bool>,
    /// What is due, where several messages are due at once.
    due: Vec<u8>,
}

impl Floor {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(beat: Beat, connections: usize) -> io::Result<Floor> {
        Ok(Floor { listener: TcpListener::bind("127.0.0.1:0")?, beat, connections })
    }

    /// Where.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes its clients, then sends until they go.
    ///
    /// # Errors
    /// What the system says; that clients go is none.
    pub fn run(self) -> io::Result<()> {
        let mut clients = Vec::new();
        while clients.len() < self.connections {
            clients.push(self.accept()?);
        }
        let mut feed = Metronome::new(self.beat);
        let first = feed.peek().unwrap_or(0);
        let started = Instant::now();
        let (mut message, mut frame) = (Vec::new(), Vec::new());
        while let Some(due) = feed.peek() {
            let at = started + Duration::from_nanos((due - first) as u64);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            // All of a burst is one call for each client.
            while feed.peek() == Some(due) {
                let symbol = (feed.made() % u64::from(self.beat.symbols)) as usize;
                feed.next(&mut message);
                frame.clear();
                write_frame(Opcode::Text, payload(&message), &mut frame);
                for client in clients.iter_mut().filter(|client| client.wants[symbol]) {
                    client.due.extend_from_slice(&frame);
                }
            }
            for client in &mut clients {
                if !client.due.is_empty() {
                    if client.socket.write_all(&client.due).is_err() {
                        return Ok(());
                    }
                    client.due.clear();
                }
            }
        }
        Ok(())
    }

    fn accept(&self) -> io::Result<Client> {
        let (mut socket, _) = self.listener.accept()?;
        socket.set_nodelay(true)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 4_096];
            let read = socket.read(&mut piece)?;
            if read == 0 || head.len() > HEAD_BYTES_MAX {
                return Err(io::Error::other("a client said nothing that ends"));
            }
            head.extend_from_slice(&piece[..read]);
        }
        let head = String::from_utf8_lossy(&head);
        let path = head.split(' ').nth(1).unwrap_or("").trim_start_matches("/ws/");
        let names: FxHashMap<&str, ()> = path.split(['/', '?']).map(|name| (name, ())).collect();
        let wants = (0..self.beat.symbols).map(|n| names.contains_key(format!("s{n:03}usdt@ticker").as_str()));
        let wants = wants.collect();
        socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")?;
        Ok(Client { socket, wants, due: Vec::new() })
    }
}

/// The event in a message of the feed, without the name of its stream.
fn payload(message: &[u8]) -> &[u8] {
    const BEFORE: &[u8] = b"\"data\":";
    let start = memchr::memmem::find(message, BEFORE).map_or(0, |at| at + BEFORE.len());
    &message[start..message.len() - 1]
}
