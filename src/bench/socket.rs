//! A client's end of a connection, plain or with TLS on it, that never waits.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use socket2::{Domain, Protocol, Type};

/// A connection under way.
pub(super) struct Socket {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What the kernel did not take yet.
    unsent: Vec<u8>,
}

impl Socket {
    /// Begins to connect, from `source` where it is given.
    ///
    /// # Errors
    /// What the system says at once; the rest shows when it is read.
    pub(super) fn connect(
        address: SocketAddr,
        source: Option<IpAddr>,
        tls: Option<(&Arc<ClientConfig>, &str)>,
    ) -> io::Result<Socket> {
        let stream = match source {
            None => TcpStream::connect(address)?,
            Some(source) => {
                let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
                socket.set_nonblocking(true)?;
                socket.bind(&SocketAddr::new(source, 0).into())?;
                match socket.connect(&address.into()) {
                    Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
                    _ => TcpStream::from_std(socket.into()),
                }
            }
        };
        let tls = tls.map(|(config, host)| {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            ClientConnection::new(Arc::clone(config), name).map(Box::new).map_err(io::Error::other)
        });
        Ok(Socket { stream, tls: tls.transpose()?, unsent: Vec::new() })
    }

    /// Asks to be told of it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Whether it is there, or why not.
    ///
    /// # Errors
    /// Why it could not be made.
    pub(super) fn is_connected(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                self.stream.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads what has come; the number of bytes, and whether that is all for now. 0 bytes are the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where nothing has come.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let Some(tls) = &mut self.tls else {
            let read = self.stream.read(buffer)?;
            // What did not fill the buffer has emptied the socket, and what follows is told of anew (epoll(7)).
            return Ok((read, read < buffer.len()));
        };
        loop {
            match tls.reader().read(buffer) {
                Ok(read) => return Ok((read, false)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok((0, true));
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            if tls.wants_write() {
                write_tls(tls, &mut self.stream)?;
            }
        }
    }

    /// Sends, now or as soon as it can.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes)?,
            None => self.unsent.extend_from_slice(bytes),
        }
        self.flush()
    }

    /// Goes on with what was not sent.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            return write_tls(tls, &mut self.stream);
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn write_tls(tls: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(stream) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How TLS is spoken with a server whose certificate nobody has signed: without looking at it.
pub(super) fn tls_config() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let anyone = Arc::new(Anyone(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("the provider knows the versions it was built with");
    Arc::new(config.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth())
}

/// Takes any certificate for good, but no false signature.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
