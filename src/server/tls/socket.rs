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
//! record before the kernel has them.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Most plain bytes in a record (RFC 8446, section 5.1), and most that wait encrypted for the kernel.
const RECORD_BYTES: usize = 16 << 10;

/// The socket and the state of its TLS: memory for the latter some 10 KiB, and for slow clients a record more.
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
    /// Takes over a connection after its handshake.
    pub(crate) fn new(stream: TlsStream<TcpStream>) -> TlsSocket {
        let (stream, mut connection) = stream.into_inner();
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

    /// Reads and decrypts into `buffer`, which is only used when there is something to read; 0 at the end.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buffer: &RefCell<Box<[u8]>>) -> Poll<io::Result<usize>> {
        let connection = &mut *self.connection.borrow_mut();
        loop {
            match connection.reader().read(&mut buffer.borrow_mut()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(length) if length > 0 => return Poll::Ready(Ok(length)),
                // Without the notice that TLS has for it, the end is an end all the same: WebSocket has its own.
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Poll::Ready(Err(error)),
                Ok(_) | Err(_) => {
                    connection.send_close_notify();
                    let _ = self.flush(connection);
                    return Poll::Ready(Ok(0));
                }
            }
            // What TLS itself had to say on what it read, and the rest of what was sent last.
            while connection.wants_write() && self.stream.poll_write_ready(cx)?.is_ready() {
                self.flush(connection)?;
            }
            if self.is_finishing.get() && !connection.wants_write() {
                self.is_finishing.set(false);
                shut_down(&self.stream, std::net::Shutdown::Write);
            }
            ready!(self.stream.poll_read_ready(cx))?;
            match connection.read_tls(&mut Direct(&self.stream)) {
                Ok(_) => {
                    if let Err(error) = connection.process_new_packets() {
                        // The client is told why, if it can be.
                        let _ = self.flush(connection);
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Tells the client that nothing more will come. If the kernel takes no more just now, reading on does the rest.
    pub(crate) fn finish(&self) {
        let connection = &mut *self.connection.borrow_mut();
        connection.send_close_notify();
        match self.flush(connection) {
            Ok(false) => self.is_finishing.set(true),
            Ok(true) | Err(_) => shut_down(&self.stream, std::net::Shutdown::Write),
        }
    }

    /// Ends the connection at once. The client sees an end without the notice that TLS has for it: there may be no
    /// room for that, and this is for clients that are not to get anything more.
    pub(crate) fn abort(&self) {
        shut_down(&self.stream, std::net::Shutdown::Both);
    }

    /// Gives the kernel what is encrypted; whether it took all of it.
    fn flush(&self, connection: &mut ServerConnection) -> io::Result<bool> {
        while connection.wants_write() {
            match connection.write_tls(&mut Direct(&self.stream)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn shut_down(stream: &TcpStream, how: std::net::Shutdown) {
    // An error means that the connection has already ended.
    let _ = socket2::SockRef::from(stream).shutdown(how);
}

/// The socket as rustls reads and writes it. Never waits.
struct Direct<'a>(&'a TcpStream);

impl Read for Direct<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Direct<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
