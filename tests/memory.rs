//! What a client that only listens weighs, counted where it is allocated: a real server in this process, real sockets.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tapecast::config::RawConfig;
use tapecast::server::Server;

/// Bytes that are allocated and have not been freed, as they were asked for.
static LIVE: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator as it came; the count decides nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: it came from `alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Most bytes for one connection: what the lightest of other servers takes.
const BYTES_MAX: i64 = 505;

const CONNECTIONS: usize = 1_000;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_idle_subscribed_connection_weighs_less_than_505_bytes() {
    let raw = RawConfig {
        feed: vec!["bench:symbols=1,rate=1".into()],
        listen: Some("127.0.0.1:0".into()),
        writers: Some(1),
        pin: Some(false),
        connections_max: Some(4 * CONNECTIONS),
        ..RawConfig::default()
    };
    let mut config = raw.check().expect("a configuration");
    config.binance.attempts_max = 0;
    let server = Server::start(config).expect("a server");
    let subscribed = || server.metrics().cores[0].sessions_subscribed.read() as usize;
    let mut clients = Vec::with_capacity(2 * CONNECTIONS);
    // Buffers that serve all connections are there after the first thousand.
    let mut live = Vec::new();
    for due in [CONNECTIONS, 2 * CONNECTIONS] {
        clients.extend((0..CONNECTIONS).map(|_| subscribe(server.address())));
        let begun = Instant::now();
        while subscribed() < due {
            assert!(begun.elapsed() < PATIENCE, "{} of {due} have subscribed", subscribed());
            thread::sleep(Duration::from_millis(1));
        }
        live.push(settled());
    }
    let bytes = (live[1] - live[0]) / CONNECTIONS as i64;
    println!("{bytes} bytes for each connection");
    assert!((100..=BYTES_MAX).contains(&bytes), "{bytes} bytes for each connection");
}

/// A client of one stream that has its first event: nothing is under way any more.
fn subscribe(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("a connection");
    let request = "GET /ws/s000usdt@ticker HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("a request");
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    socket
}

/// Live bytes once what belonged to handshakes is gone: the least that is seen within a while in which nothing happens
/// but an event a second.
fn settled() -> i64 {
    let begun = Instant::now();
    let mut least = i64::MAX;
    while begun.elapsed() < Duration::from_millis(1_500) {
        least = least.min(LIVE.load(Relaxed));
        thread::sleep(Duration::from_millis(1));
    }
    least
}
