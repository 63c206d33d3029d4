//! TLS: who the server is to its clients, and how that changes while they stay.
//!
//! ```text
//!  accept ─▶ handshake ─▶ HTTP over TLS ─▶ upgrade ─▶ TlsSocket
//!               ▲  (tokio-rustls)             (the same rustls connection, without tokio-rustls)
//!               │ the configuration of the moment
//!  reload ──────┘ a thread of its own: on SIGHUP, and when the files change
//! ```
//!
//! A connection keeps what it was made with, so a new certificate is for new connections. Session tickets are of the
//! configuration: none outlives its certificate, so whoever connects after a change sees the new one.

mod handshake;
mod identity;
mod reload;
mod self_signed;
mod socket;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;

use crate::config::IdentitySource;

pub(crate) use handshake::handshake;
use identity::Identity;
pub use identity::IdentityError;
pub(crate) use reload::Reloader;
pub(crate) use socket::TlsSocket;

/// What is spoken over TLS; WebSocket begins as it.
const PROTOCOL: &[u8] = b"http/1.1";

/// What handshakes are made with.
pub(crate) struct Tls {
    source: IdentitySource,
    current: RwLock<Current>,
    /// The certificate in PEM where it was made here.
    self_signed: Option<String>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// End of the certificate's validity, seconds since the epoch.
    not_after_s: i64,
    fingerprint: String,
}

impl Tls {
    /// Reads or makes the certificate.
    ///
    /// # Errors
    /// [`IdentityError`] for one that cannot be used now.
    pub(crate) fn new(source: IdentitySource) -> Result<Tls, IdentityError> {
        let (identity, self_signed) = match &source {
            IdentitySource::Files { cert, key } => (Identity::read(cert, key, SystemTime::now())?, None),
            IdentitySource::SelfSigned => {
                let (identity, pem) = self_signed::make()?;
                (identity, Some(pem))
            }
        };
        Ok(Tls { source, current: RwLock::new(Current::new(identity)?), self_signed })
    }

    /// What to make a handshake with now. Taken once per connection; the lock is held for the time of a copy.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// SHA-256 of the certificate, in hexadecimal with colons.
    pub(crate) fn fingerprint(&self) -> String {
        self.current.read().unwrap_or_else(PoisonError::into_inner).fingerprint.clone()
    }

    /// The certificate in PEM, where it was made here and clients have it from nowhere else.
    pub(crate) fn self_signed(&self) -> Option<&str> {
        self.self_signed.as_deref()
    }

    fn not_after_s(&self) -> i64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).not_after_s
    }

    fn replace(&self, identity: Identity) -> Result<(), IdentityError> {
        let current = Current::new(identity)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }
}

impl Current {
    fn new(identity: Identity) -> Result<Current, IdentityError> {
        let Identity { key, not_after_s, fingerprint } = identity;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Sessions are kept by clients, in tickets: nothing is stored here, and any core takes up another's.
        config.ticketer = Ticketer::new()?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Current { config: Arc::new(config), not_after_s, fingerprint })
    }
}
