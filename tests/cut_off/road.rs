//! A road to a server that breaks after ever other numbers of bytes, be it within a handshake, an answer or a frame.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// Of so many connections one breaks within its first bytes: before the server's answer is whole.
const EARLY_EVERY: u64 = 8;

/// Bytes after which such a one breaks at the latest.
const EARLY_BYTES: u64 = 400;

/// Bytes that the first connection brings at the least: a client that has seen nothing has nothing to go on from.
const FIRST_BYTES: u64 = 3_000;

/// Chance that can be had again.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        // Neighbours among the seeds do not begin alike.
        Chance((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Opens a road that never carries more than `bytes_max` over one connection; where it begins.
pub async fn cutting(server: SocketAddr, seed: u64, bytes_max: u64, cuts: Arc<AtomicU64>) -> SocketAddr {
    assert!(bytes_max > EARLY_BYTES, "{bytes_max} bytes are no handshake");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut chance, mut is_first) = (Chance::new(seed), true);
        while let Ok((near, _)) = listener.accept().await {
            let bytes = match chance.below(EARLY_EVERY) {
                _ if is_first => FIRST_BYTES.max(chance.below(bytes_max)),
                0 => chance.below(EARLY_BYTES),
                _ => bytes_max / 2 + chance.below(bytes_max / 2),
            };
            // One half ends in order, of the other half the system is told that there is no such connection.
            let is_reset = !std::mem::take(&mut is_first) && chance.below(2) == 0;
            tokio::spawn(carry(near, server, bytes, is_reset, Arc::clone(&cuts)));
        }
    });
    address
}

async fn carry(mut near: TcpStream, server: SocketAddr, bytes: u64, is_reset: bool, cuts: Arc<AtomicU64>) {
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    let is_cut = {
        let (mut far_out, mut far_in) = far.split();
        let (mut near_out, mut near_in) = near.split();
        let there = tokio::io::copy(&mut near_out, &mut far_in);
        let mut limited = (&mut far_out).take(bytes);
        let back = tokio::io::copy(&mut limited, &mut near_in);
        tokio::select! {
            _ = there => false,
            copied = back => copied.is_ok_and(|copied| copied == bytes),
        }
    };
    if is_cut {
        cuts.fetch_add(1, Ordering::Relaxed);
    }
    if is_reset {
        for end in [&near, &far] {
            SockRef::from(end).set_linger(Some(Duration::ZERO)).expect("a socket can be told to linger");
        }
    }
}
