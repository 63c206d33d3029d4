//! The other side of TLS: clients that trust what they are told to, and certificates to give to servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::support::{Client, Server, connect};

pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

pub const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Flags of a server that makes its certificate, on ports of its own.
pub const SELF_SIGNED: [&str; 3] = ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];

/// A client's side of TLS; it remembers sessions.
#[derive(Clone)]
pub struct Peer {
    pub config: Arc<ClientConfig>,
}

impl Peer {
    pub fn new(trusted: &[CertificateDer<'static>], versions: &[&'static SupportedProtocolVersion]) -> Peer {
        Peer::with(trusted, versions, default_provider())
    }

    pub fn with(
        trusted: &[CertificateDer<'static>],
        versions: &[&'static SupportedProtocolVersion],
        provider: CryptoProvider,
    ) -> Peer {
        let mut roots = RootCertStore::empty();
        trusted.iter().for_each(|certificate| roots.add(certificate.clone()).expect("a certificate"));
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions that the provider has")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Peer { config: Arc::new(config) }
    }

    /// The same with protocols to offer (ALPN).
    pub fn offering(mut self, protocols: &[&str]) -> Peer {
        Arc::make_mut(&mut self.config).alpn_protocols =
            protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// One that trusts the certificate which a server made for itself.
    pub fn of(server: &Server) -> Peer {
        Peer::new(&[made_by(server)], BOTH)
    }

    /// A connection behind its handshake.
    pub fn connect(&self, server: &Server) -> TlsStream {
        self.try_connect(server).expect("a handshake")
    }

    pub fn try_connect(&self, server: &Server) -> std::io::Result<TlsStream> {
        self.handshake(connect(server.tls_address.expect("a server with TLS")))
    }

    pub fn handshake(&self, stream: TcpStream) -> std::io::Result<TlsStream> {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.config), name).expect("a configuration");
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    pub fn open(&self, server: &Server, target: &str) -> Client<TlsStream> {
        Client::on(self.connect(server), target, "").unwrap_or_else(|head| panic!("{target}: {head}"))
    }

    /// The whole of an HTTP answer.
    pub fn get(&self, server: &Server, path: &str) -> String {
        get(self.connect(server), path)
    }
}

/// The whole of an HTTP answer on a connection that ends with it.
pub fn get(mut stream: TlsStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("the request goes out");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer, and the end as TLS has it");
    text
}

/// The certificate that a server made for itself.
pub fn made_by(server: &Server) -> CertificateDer<'static> {
    let (status, _, pem) = server.get("/certificate.pem");
    assert_eq!(status, 200);
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")
}

/// A certificate and its key.
pub struct Pair {
    pub cert_pem: String,
    pub key_pem: String,
    pub der: CertificateDer<'static>,
}

impl Pair {
    /// For localhost, good until this many days from now.
    pub fn new(days: i64) -> Pair {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let day = |days: i64| {
            let now = SystemTime::now();
            let length = Duration::from_secs(days.unsigned_abs() * 86_400);
            if days < 0 { now - length } else { now + length }
        };
        (params.not_before, params.not_after) = (day(days.min(0) - 1).into(), day(days).into());
        let certificate = params.self_signed(&key).expect("a certificate");
        Pair { cert_pem: certificate.pem(), key_pem: key.serialize_pem(), der: certificate.der().clone() }
    }
}

/// A folder with the two files that a server is given.
pub struct Files {
    pub folder: tempfile::TempDir,
}

impl Files {
    pub fn new(pair: &Pair) -> Files {
        let files = Files { folder: tempfile::tempdir().expect("a folder") };
        files.write(&pair.cert_pem, &pair.key_pem);
        files
    }

    pub fn cert(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    /// Puts other files in the places of these, each at once.
    pub fn write(&self, cert: &str, key: &str) {
        for (path, text) in [(self.cert(), cert), (self.key(), key)] {
            let new = path.with_extension("new");
            std::fs::write(&new, text).expect("the file can be written");
            std::fs::rename(&new, &path).expect("and put into place");
        }
    }

    pub fn flags(&self) -> Vec<String> {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let flags = ["--tls-cert", &path(self.cert()), "--tls-key", &path(self.key()), "--tls-listen", "127.0.0.1:0"];
        flags.map(str::to_owned).to_vec()
    }
}
