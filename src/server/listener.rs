//! Listening: one socket per core on the same address, among which the kernel divides the connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const LISTEN_QUEUE: i32 = 4_096;

/// Binds `count` sockets to one address; returns it with the port that was picked.
///
/// # Errors
/// As the system gives them; `AddrInUse` also where another server of this kind already shares the address.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // Sockets that share an address share it with anybody who asks. So it is taken for this process alone first.
    let picked = socket(address, false)?.local_addr()?;
    let listeners = (0..count).map(|_| socket(picked, true)).collect::<io::Result<_>>()?;
    Ok((picked, listeners))
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_QUEUE)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shared_within_and_not_with_another_server() {
        let (address, listeners) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(listeners.len(), 3);
        assert_ne!(address.port(), 0);
        assert_eq!(bind(address, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
