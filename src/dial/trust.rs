//! Whom to believe that a server is who it says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Where the system keeps what it trusts, unless the variable `SSL_CERT_FILE` says otherwise.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The authorities that may vouch for a server. Cheap to clone; to be made once, for it reads files of hundreds of
/// certificates.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

/// Why there is nobody to trust.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot read certificates from {path}: {reason}", path = path.display())]
pub struct TrustError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl Trust {
    /// Trusts those of a file in PEM and nobody else. Without one, those that the variable `SSL_CERT_FILE` names, else
    /// the system's; where the system has none, those of Mozilla's list.
    ///
    /// # Errors
    /// [`TrustError`] for a file that was named and cannot be read, or holds none.
    pub fn of(file: Option<&Path>) -> Result<Trust, TrustError> {
        let named = file.map(Path::to_owned).or_else(|| std::env::var_os("SSL_CERT_FILE").map(PathBuf::from));
        let roots = match named {
            Some(path) => read(&path)?,
            None => read(Path::new(SYSTEM)).unwrap_or_else(|_| mozilla()),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.expect("the provider has the usual suites").with_root_certificates(roots);
        Ok(Trust(Arc::new(config.with_no_client_auth())))
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

fn read(path: &Path) -> Result<RootCertStore, TrustError> {
    let failed = |reason: String| TrustError { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it has none".to_owned())) } else { Ok(roots) }
}

fn mozilla() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_named_must_have_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        assert!(Trust::of(Some(&empty)).is_err_and(|error| error.path == empty));
        std::fs::write(&empty, "nothing\n").unwrap();
        assert_eq!(Trust::of(Some(&empty)).unwrap_err().reason, "it has none");
        assert!(!mozilla().is_empty());
    }
}
