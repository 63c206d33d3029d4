//! The floor: a loop that has its frames and sends them to one socket after the other. No server does less.
//!
//! Clients that want the same share the bytes that are due to them, so a message is copied once for each set of wants
//! and not once for each client.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use socket2::{Domain, Protocol, Socket, Type};

use crate::feed::metronome::{Beat, Metronome};
use crate::protocol::websocket::{Opcode, write_frame};

/// Longest request of a client.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// Connections that may wait to be accepted; clients come faster than one by one.
const LISTEN_QUEUE: i32 = 4_096;

/// A bare sender. It takes so many clients, then plays.
pub struct Floor {
    listener: TcpListener,
    beat: Beat,
    connections: usize,
}

/// Clients that want the same: what is due to them is put together once.
struct Group {
    sockets: Vec<TcpStream>,
    due: Vec<u8>,
}

/// Who wants what.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    /// Groups by what they want: symbols in their order.
    by_wants: FxHashMap<Vec<u32>, usize>,
    /// For each symbol the groups that want it.
    by_symbol: Vec<Vec<usize>>,
    /// Groups to which something is due.
    touched: Vec<usize>,
}

impl Groups {
    fn new(symbols: u32) -> Groups {
        Groups { by_symbol: (0..symbols).map(|_| Vec::new()).collect(), ..Groups::default() }
    }

    fn join(&mut self, wants: Vec<u32>, socket: TcpStream) {
        let next = self.all.len();
        let group = *self.by_wants.entry(wants).or_insert_with_key(|wants| {
            wants.iter().for_each(|symbol| self.by_symbol[*symbol as usize].push(next));
            self.all.push(Group { sockets: Vec::new(), due: Vec::new() });
            next
        });
        self.all[group].sockets.push(socket);
    }

    fn append(&mut self, symbol: usize, frame: &[u8]) {
        for &index in &self.by_symbol[symbol] {
            let due = &mut self.all[index].due;
            if due.is_empty() {
                self.touched.push(index);
            }
            due.extend_from_slice(frame);
        }
    }

    /// Sends what is due, a call for each client.
    fn flush(&mut self) -> io::Result<()> {
        for index in self.touched.drain(..) {
            let group = &mut self.all[index];
            for socket in &mut group.sockets {
                socket.write_all(&group.due)?;
            }
            group.due.clear();
        }
        Ok(())
    }
}

impl Floor {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(beat: Beat, connections: usize) -> io::Result<Floor> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        socket.listen(LISTEN_QUEUE)?;
        Ok(Floor { listener: socket.into(), beat, connections })
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
        let names = (0..self.beat.symbols).map(|symbol| (format!("s{symbol:03}usdt@ticker"), symbol)).collect();
        let mut groups = Groups::new(self.beat.symbols);
        for _ in 0..self.connections {
            let (wants, socket) = self.accept(&names)?;
            groups.join(wants, socket);
        }
        let mut feed = Metronome::new(self.beat);
        let first = feed.peek().unwrap_or(0);
        let started = Instant::now();
        let (mut message, mut frame) = (Vec::new(), Vec::new());
        while let Some(due) = feed.peek() {
            let at = started + Duration::from_nanos((due - first) as u64);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            // All that is due by now is one call for each client, however late it is.
            let now = first + started.elapsed().as_nanos() as i64;
            while feed.peek().is_some_and(|due| due <= now) {
                let symbol = (feed.made() % u64::from(self.beat.symbols)) as usize;
                feed.next(&mut message);
                frame.clear();
                write_frame(Opcode::Text, payload(&message), &mut frame);
                groups.append(symbol, &frame);
            }
            if groups.flush().is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A client, and the symbols it wants.
    fn accept(&self, names: &FxHashMap<String, u32>) -> io::Result<(Vec<u32>, TcpStream)> {
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
        let mut wants: Vec<u32> = path.split(['/', '?']).filter_map(|name| names.get(name).copied()).collect();
        wants.sort_unstable();
        wants.dedup();
        socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")?;
        Ok((wants, socket))
    }
}

/// The event in a message of the feed, without the name of its stream.
fn payload(message: &[u8]) -> &[u8] {
    const BEFORE: &[u8] = b"\"data\":";
    let start = memchr::memmem::find(message, BEFORE).map_or(0, |at| at + BEFORE.len());
    &message[start..message.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_want_and_those_with_the_same_wants_are_one_group() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut groups = Groups::new(3);
        let wants = [vec![0, 2], vec![1], vec![0, 2], vec![]];
        let mut clients: Vec<TcpStream> = wants
            .iter()
            .map(|wants| {
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                groups.join(wants.clone(), listener.accept().unwrap().0);
                client
            })
            .collect();
        assert_eq!((groups.all.len(), groups.by_symbol.clone()), (3, vec![vec![0], vec![1], vec![0]]));
        for flush in [&["a", "b", "c"][..], &["d"]] {
            flush.iter().enumerate().for_each(|(symbol, frame)| groups.append(symbol, frame.as_bytes()));
            groups.flush().unwrap();
        }
        drop(groups);
        let read = |client: &mut TcpStream| io::read_to_string(client).unwrap();
        assert_eq!(clients.iter_mut().map(read).collect::<Vec<_>>(), ["acd", "b", "acd", ""]);
    }
}
