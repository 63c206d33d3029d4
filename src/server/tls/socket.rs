//! A client's socket with TLS on it.
//!
//! The fan-out hands over plain bytes and is told how many were taken; what was taken and encrypted cannot be taken
//! back. So that the count means the same as without TLS, the kernel has them:
//!
//! - Bytes are encrypted a record at a time, at most [`RECORD_BYTES`] of them, and only when the kernel has taken
//!   the whole of the record before. What waits inside of TLS is therefore never more than one record.
//! - When the kernel takes only a part of a record that holds all there was to send, its last byte is reported as not
//!   taken, though it is encrypted with the rest. So the session has a backlog, whoever waits for sockets waits for this
//!   one, and the byte is passed over when it comes again. It does come again, and first: it is the end of a frame
//!   of which a part was taken, and such frames are never left out.
//!
//! What differs: frames inside of such a record but the last count as delivered when they are encrypted, up to one
//! record before the kernel has them; and a client makes progress by whole records, so one that takes less than 16 KiB
//! in `--backlog-age-max` counts as taking nothing.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::ServerConnection;

/// Most plain bytes in a record (RFC 8446, section 5.1), and most that wait encrypted for the kernel.
const RECORD_BYTES: usize = 16 << 10;

/// The socket and the state of its TLS: memory for the latter some 10 KiB (4 of them what was read last), and
/// for slow clients a record more.
#[derive(Debug)]
pub(crate) struct TlsSocket {
    stream: TcpStream,
    connection: RefCell<ServerConnection>,
    /// Whether the first byte of what comes next to be sent has been encrypted already.
    is_ahead: Cell<bool>,
    /// Whether nothing more is sent, and the socket is to be told so when the kernel has the rest.
    is_finishing: Cell<bool>,
}

impl TlsSocket {
    /// Takes over a connection after its handshake. The socket never blocks.
    pub(crate) fn new(stream: TcpStream, mut connection: ServerConnection) -> TlsSocket {
        connection.set_buffer_limit(Some(RECORD_BYTES));
        let connection = RefCell::new(connection);
        TlsSocket { stream, connection, is_ahead: Cell::new(false), is_finishing: Cell::new(false) }
    }

    /// The socket beneath.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Encrypts and sends some of the bytes.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        loop {
            match self.send_record(&[IoSlice::new(&bytes[sent..])]) {
                Ok(taken) => sent += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if sent == bytes.len() {
                return Ok(sent);
            }
        }
    }

    /// The same for bytes in several places; at most a record of them, as its caller goes on until nothing is taken.
    pub(crate) fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_record(slices)
    }

    fn send_record(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let connection = &mut *self.connection.borrow_mut();
        if !self.flush(connection)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.is_ahead.replace(false) {
            return Ok(1);
        }
        let taken = connection.writer().write_vectored(slices)?;
        if self.flush(connection)? || taken < slices.iter().map(|slice| slice.len()).sum() {
            return Ok(taken);
        }
        self.is_ahead.set(taken > 0);
        match taken {
            0 | 1 => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken - 1),
        }
    }

    /// Reads and decrypts what has come, as much of it as `buffer` holds; 0 at the end. To be called also when the socket
    /// takes bytes again: TLS may have something to say itself.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come; any other if the connection has failed.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let connection = &mut *self.connection.borrow_mut();
        loop {
            match connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(length) if length > 0 => return Ok(length),
                // Without the notice that TLS has for it, the end is an end all the same: WebSocket has its own.
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                Ok(_) | Err(_) => {
                    connection.send_close_notify();
                    let _ = self.flush(connection);
                    return Ok(0);
                }
            }
            // What TLS itself had to say on what it read, and the rest of what was sent last.
            if self.flush(connection)? && self.is_finishing.replace(false) {
                shut_down(&self.stream, Shutdown::Write);
            }
            connection.read_tls(&mut &self.stream)?;
            if let Err(error) = connection.process_new_packets() {
                // The client is told why, if it can be.
                let _ = self.flush(connection);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// Tells the client that nothing more will come. If the kernel takes no more just now, reading on does the rest.
    pub(crate) fn finish(&self) {
        let connection = &mut *self.connection.borrow_mut();
        connection.send_close_notify();
        match self.flush(connection) {
            Ok(false) => self.is_finishing.set(true),
            Ok(true) | Err(_) => shut_down(&self.stream, Shutdown::Write),
        }
    }

    /// Ends the connection at once. The client sees an end without the notice that TLS has for it: there may be no
    /// room for that, and this is for clients that are not to get anything more.
    pub(crate) fn abort(&self) {
        shut_down(&self.stream, Shutdown::Both);
    }

    /// Gives the kernel what is encrypted; whether it took all of it.
    fn flush(&self, connection: &mut ServerConnection) -> io::Result<bool> {
        while connection.wants_write() {
            match connection.write_tls(&mut &self.stream) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn shut_down(stream: &TcpStream, how: Shutdown) {
    // An error means that the connection has already ended.
    let _ = stream.shutdown(how);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::pki_types::pem::PemObject;
    use tokio::io::AsyncReadExt;
    use tokio::task::yield_now;
    use tokio_rustls::{TlsAcceptor, TlsConnector, client};

    use super::*;
    use crate::config::IdentitySource;
    use crate::server::tls::Tls;

    /// Both ends of a connection whose buffers in the kernel are small.
    async fn ends() -> (TlsSocket, client::TlsStream<tokio::net::TcpStream>) {
        let tls = Tls::new(IdentitySource::SelfSigned).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let pem = tls.self_signed().unwrap().as_bytes();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&listener).set_recv_buffer_size(32 << 10).unwrap();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
        let (near, far) = tokio::join!(listener.accept(), socket.connect(listener.local_addr().unwrap()));
        let (near, far) = (near.unwrap().0, far.unwrap());
        socket2::SockRef::from(&near).set_send_buffer_size(8 << 10).unwrap();
        let (acceptor, connector) = (TlsAcceptor::from(tls.config()), TlsConnector::from(Arc::new(config)));
        let name = ServerName::try_from("localhost").unwrap();
        let (near, far) = tokio::join!(acceptor.accept(near), connector.connect(name, far));
        let (stream, connection) = near.unwrap().into_inner();
        (TlsSocket::new(stream.into_std().unwrap(), connection), far.unwrap())
    }

    fn is_full(result: &io::Result<usize>) -> bool {
        result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[tokio::test]
    async fn what_is_reported_as_taken_is_what_the_kernel_has() {
        let (socket, mut peer) = ends().await;
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let expected = bytes.clone();
        let reader = tokio::spawn(async move {
            let mut received = Vec::new();
            peer.read_to_end(&mut received).await.unwrap();
            received
        });
        let (mut sent, mut full, mut ahead) = (0, 0, 0);
        for n in 1.. {
            // Pieces of all sizes, from less than a record to several, alone and in two places.
            let end = bytes.len().min(sent + 2 + n * 7_919 % 50_000);
            let middle = sent + (end - sent) / 2;
            while sent < end {
                let result = match n % 2 {
                    0 => socket.try_send(&bytes[sent..end]),
                    _ => {
                        let middle = middle.max(sent);
                        let slices = [&bytes[sent..middle], &bytes[middle..end]].map(IoSlice::new);
                        socket.try_send_vectored(&slices)
                    }
                };
                assert!(socket.connection.borrow().wants_write() || !socket.is_ahead.get());
                if is_full(&result) {
                    full += 1;
                    // The peer reads.
                    yield_now().await;
                } else {
                    sent += result.unwrap();
                    ahead += u32::from(socket.is_ahead.get());
                }
            }
            assert!(!socket.connection.borrow().wants_write(), "all was reported as taken, and the kernel lacks some");
            if sent == bytes.len() {
                break;
            }
        }
        socket.finish();
        assert!(reader.await.unwrap() == expected);
        assert!(full > 0 && ahead > 0, "the socket was never full: {full}, {ahead}");
    }

    #[tokio::test]
    async fn the_end_waits_for_what_is_still_encrypted() {
        let (socket, mut peer) = ends().await;
        let bytes = vec![1; 1 << 20];
        let mut sent = 0;
        while let Ok(more) = socket.try_send(&bytes) {
            sent += more;
        }
        assert!(socket.connection.borrow().wants_write());
        let unreported = usize::from(socket.is_ahead.get());
        socket.finish();
        assert!(socket.is_finishing.get());
        let mut received = Vec::new();
        let reading = async {
            loop {
                match socket.try_read(&mut [0; 100]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => yield_now().await,
                    read => return read,
                }
            }
        };
        let (end, _) = tokio::join!(reading, async {
            peer.read_to_end(&mut received).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut peer).await.unwrap();
        });
        assert_eq!(end.unwrap(), 0);
        assert!(received.len() >= sent + unreported && received.len() < sent + unreported + RECORD_BYTES);
    }
}
