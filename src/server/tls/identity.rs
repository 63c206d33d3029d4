//! Certificate and key from files, checked before anybody is shown them.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::Error;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why certificate and key cannot be used. Each says which file, what is wrong with it and what to do.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{flag} {}: cannot be read: {source}", path.display())]
    Read {
        /// Which of the two.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be, or not any more.
    #[error("{flag} {}: {reason}", path.display())]
    File {
        /// Which of the two.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The key is another certificate's.
    #[error("--tls-key {}: is not the key of the certificate in --tls-cert {}: {advice}", key.display(), cert.display())]
    Mismatch {
        /// The file with the certificate.
        cert: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What to do.
        advice: String,
    },
    /// Nothing can be made of them, though each looks right.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
    /// A certificate cannot be made.
    #[error("--tls-self-signed: a certificate cannot be made: {0}")]
    SelfSigned(#[from] rcgen::Error),
}

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: CertifiedKey,
    /// End of the validity, seconds since the epoch.
    pub(super) not_after_s: i64,
    /// SHA-256 of the certificate, in hexadecimal with colons.
    pub(super) fingerprint: String,
}

impl Identity {
    /// Reads both files and checks that they fit each other and the time.
    ///
    /// # Errors
    /// [`IdentityError`] for the first thing that is wrong.
    pub(super) fn read(cert: &Path, key: &Path, now: SystemTime) -> Result<Identity, IdentityError> {
        let chain = File { flag: "--tls-cert", path: cert };
        let secret = File { flag: "--tls-key", path: key };
        let certificates = chain.certificates()?;
        let unusable = |error: Error| {
            let kinds = "give RSA with 2048 to 8192 bits, ECDSA on P-256 or P-384, or Ed25519";
            secret.wrong(format!("holds a private key that cannot be used ({error}); {kinds}"))
        };
        let signer = default_provider().key_provider.load_private_key(secret.private_key()?).map_err(unusable)?;
        let not_after_s = chain.check_validity(&certificates[0], now)?;
        let fingerprint = fingerprint(&certificates[0]);
        let fits = |certificates: &[CertificateDer<'static>]| {
            CertifiedKey::new(certificates.to_vec(), signer.clone()).keys_match()
        };
        match fits(&certificates) {
            Err(Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
                let place = (1..certificates.len()).find(|from| fits(&certificates[*from..]).is_ok());
                let advice = match place {
                    Some(place) => format!(
                        "it is that of certificate {} in that file; the server's own certificate must come first",
                        place + 1
                    ),
                    None => "give the key that the certificate was requested with, or both files of one renewal".into(),
                };
                return Err(IdentityError::Mismatch { cert: cert.to_owned(), key: key.to_owned(), advice });
            }
            Err(error @ Error::InvalidCertificate(_)) => return Err(chain.wrong(format!("cannot be used: {error}"))),
            _ => {}
        }
        Ok(Identity { key: CertifiedKey::new(certificates, signer), not_after_s, fingerprint })
    }
}

/// SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` writes it.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// A file that a flag names.
struct File<'a> {
    flag: &'static str,
    path: &'a Path,
}

impl File<'_> {
    fn wrong(&self, reason: impl Into<String>) -> IdentityError {
        IdentityError::File { flag: self.flag, path: self.path.to_owned(), reason: reason.into() }
    }

    fn read(&self) -> Result<Vec<u8>, IdentityError> {
        let (flag, path) = (self.flag, self.path.to_owned());
        std::fs::read(self.path).map_err(|source| IdentityError::Read { flag, path, source })
    }

    fn not_pem(&self, error: &pem::Error) -> IdentityError {
        self.wrong(format!("is damaged PEM ({error}); copy the whole file again"))
    }

    /// The certificates, at least one.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        let text = self.read()?;
        let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
        let certificates = certificates.map_err(|error| self.not_pem(&error))?;
        if !certificates.is_empty() {
            return Ok(certificates);
        }
        Err(self.wrong(match has(&text, "PRIVATE KEY-----") {
            true => "holds a private key and no certificate; have --tls-cert and --tls-key been swapped?",
            false if has(&text, "-----BEGIN ") => "holds no certificate (BEGIN CERTIFICATE)",
            false => "is not PEM; one in DER is turned into it by `openssl x509 -inform der -in FILE -out cert.pem`",
        }))
    }

    /// The first private key.
    fn private_key(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        let text = self.read()?;
        match PrivateKeyDer::pem_slice_iter(&text).next() {
            Some(Ok(key)) => return Ok(key),
            Some(Err(error)) => return Err(self.not_pem(&error)),
            None => {}
        }
        Err(self.wrong(if has(&text, "BEGIN ENCRYPTED PRIVATE KEY") {
            "is encrypted with a passphrase; take it off with `openssl pkey -in FILE -out key.pem`"
        } else if has(&text, "BEGIN CERTIFICATE") {
            "holds a certificate and no private key; have --tls-cert and --tls-key been swapped?"
        } else if has(&text, "-----BEGIN ") {
            "holds no private key (BEGIN PRIVATE KEY)"
        } else {
            "is not PEM; one in DER is turned into it by `openssl pkey -inform der -in FILE -out key.pem`"
        }))
    }

    /// The end of a certificate's validity, in seconds since the epoch, if it is valid now.
    fn check_validity(&self, certificate: &CertificateDer<'_>, now: SystemTime) -> Result<i64, IdentityError> {
        let unreadable = |error| self.wrong(format!("holds a certificate that cannot be read ({error})"));
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(unreadable)?;
        let validity = parsed.validity();
        let now_s = now.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64);
        if now_s > validity.not_after.timestamp() {
            let reason = format!("expired on {}; renew it, or give another", validity.not_after);
            return Err(self.wrong(reason));
        }
        if now_s < validity.not_before.timestamp() {
            let reason =
                format!("is not valid before {}; give another, or set this machine's clock", validity.not_before);
            return Err(self.wrong(reason));
        }
        Ok(validity.not_after.timestamp())
    }
}

fn has(text: &[u8], needle: &str) -> bool {
    text.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A certificate and its key in PEM, valid from a day ago for two days.
    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = (SystemTime::now() - DAY).into();
        params.not_after = (SystemTime::now() + DAY).into();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn read_at(cert: &str, key: &str, now: SystemTime) -> Result<Identity, String> {
        let folder = tempfile::tempdir().unwrap();
        let paths = [("server.pem", cert), ("server.key", key)].map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
        Identity::read(&paths[0], &paths[1], now).map_err(|error| error.to_string())
    }

    fn error(cert: &str, key: &str) -> String {
        read_at(cert, key, SystemTime::now()).unwrap_err()
    }

    #[test]
    fn a_chain_and_its_key_are_read_whatever_else_the_files_hold() {
        let ((cert, key), (issuer, _)) = (pair(), pair());
        let identity = read_at(&format!("a comment\n{cert}{issuer}"), &key, SystemTime::now()).unwrap();
        assert_eq!(identity.key.cert.len(), 2);
        assert_eq!(identity.fingerprint, fingerprint(&identity.key.cert[0]));
        assert_eq!(identity.fingerprint.len(), 32 * 3 - 1);
        let both = format!("{key}{cert}");
        assert!(read_at(&both, &both, SystemTime::now()).is_ok());
    }

    #[test]
    fn errors_name_the_file_what_is_wrong_and_what_to_do() {
        let ((cert, key), (other, other_key)) = (pair(), pair());
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let cut = &cert[..cert.len() - 40];
        for (error, flag, reason) in [
            (error(&key, &cert), "--tls-cert", "swapped"),
            (error(&cert, &cert), "--tls-key", "swapped"),
            (error("", &key), "--tls-cert", "is not PEM"),
            (error(&cert, "\u{1}"), "--tls-key", "is not PEM"),
            (error(cut, &key), "--tls-cert", "damaged PEM"),
            (error(&cert, &encrypted), "--tls-key", "passphrase"),
            (error(&cert, &other_key), "--tls-key", "is not the key of the certificate in --tls-cert"),
            (error(&format!("{other}{cert}"), &key), "--tls-key", "that of certificate 2 in that file"),
            (error(&cert, &key.replace("MIG", "MIH")), "--tls-key", "cannot be used"),
        ] {
            assert!(error.starts_with(flag) && error.contains(reason), "{error}");
            let file = if flag == "--tls-cert" { "server.pem" } else { "server.key" };
            assert!(error.contains(file), "{error}");
        }
        let error =
            Identity::read(Path::new("/nowhere.pem"), Path::new("/nowhere.key"), SystemTime::now()).unwrap_err();
        assert!(error.to_string().starts_with("--tls-cert /nowhere.pem: cannot be read: "), "{error}");
    }

    #[test]
    fn a_certificate_is_good_in_its_time_only() {
        let (cert, key) = pair();
        let at = |now| read_at(&cert, &key, now);
        assert!(at(SystemTime::now()).is_ok());
        let late = at(SystemTime::now() + 2 * DAY).unwrap_err();
        assert!(late.contains("server.pem: expired on ") && late.contains("renew"), "{late}");
        let early = at(SystemTime::now() - 2 * DAY).unwrap_err();
        assert!(early.contains("server.pem: is not valid before "), "{early}");
    }
}
