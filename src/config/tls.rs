//! What the TLS flags come to.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, address, value};

/// Flags, and members of the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "TLS")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawTls {
    /// Serve everything over TLS too, https and wss, with this certificate: a PEM file, the server's own first, then those
    /// that lead to its issuer. Read again when it changes, and on SIGHUP; nobody is disconnected.
    #[arg(long = "tls-cert", id = "tls_cert", value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key, a PEM file without a passphrase.
    #[arg(long = "tls-key", id = "tls_key", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Where to listen for TLS. [default: 127.0.0.1:9443, with a certificate]
    #[arg(long = "tls-listen", id = "tls_listen", value_name = "ADDR")]
    pub listen: Option<String>,
    /// Serve over TLS with a certificate made for the purpose, for localhost, 127.0.0.1 and ::1. The greeting says how
    /// clients come to trust it.
    #[arg(long = "tls-self-signed", id = "tls_self_signed", num_args = 0..=1, default_missing_value = "true")]
    pub self_signed: Option<bool>,
}

/// Where TLS is spoken, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What proves who the server is.
    pub identity: IdentitySource,
}

/// Where certificate and key come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// Two files in PEM, read again when they change.
    Files {
        /// The server's certificate, then those that lead to its issuer.
        cert: PathBuf,
        /// The private key of the first of them.
        key: PathBuf,
    },
    /// Made at the start and known to nobody.
    SelfSigned,
}

/// The default of `--tls-listen`.
const LISTEN: &str = "127.0.0.1:9443";

impl RawTls {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawTls) -> RawTls {
        RawTls {
            cert: self.cert.or(other.cert),
            key: self.key.or(other.key),
            listen: self.listen.or(other.listen),
            self_signed: self.self_signed.or(other.self_signed),
        }
    }

    /// What they come to; `None` where none are given.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for flags that need or exclude one another, and an address that is none. The files
    /// themselves are read when the server starts.
    pub(super) fn check(self) -> Result<Option<TlsConfig>, ConfigError> {
        let RawTls { cert, key, listen, self_signed } = self;
        let identity = match (cert, key, self_signed.unwrap_or(false)) {
            (Some(cert), Some(key), false) => IdentitySource::Files { cert, key },
            (None, None, true) => IdentitySource::SelfSigned,
            (None, None, false) if listen.is_none() => return Ok(None),
            (None, None, false) => {
                let reason = "needs a certificate: give --tls-cert and --tls-key, or --tls-self-signed";
                return Err(value("--tls-listen", reason));
            }
            (Some(_), None, _) => return Err(value("--tls-cert", "needs --tls-key, its private key, beside it")),
            (None, Some(_), _) => return Err(value("--tls-key", "needs --tls-cert, its certificate, beside it")),
            (Some(_), Some(_), true) => {
                let reason = "makes a certificate, and --tls-cert gives one; leave out one of the two";
                return Err(value("--tls-self-signed", reason));
            }
        };
        let listen = address("--tls-listen", listen.as_deref().unwrap_or(LISTEN))?;
        Ok(Some(TlsConfig { listen, identity }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(cert: bool, key: bool, self_signed: bool, listen: Option<&str>) -> Result<Option<TlsConfig>, String> {
        let raw = RawTls {
            cert: cert.then(|| "server.pem".into()),
            key: key.then(|| "server.key".into()),
            self_signed: Some(self_signed),
            listen: listen.map(str::to_owned),
        };
        raw.check().map_err(|error| error.to_string())
    }

    #[test]
    fn certificate_and_key_go_together_and_have_a_default_address() {
        assert_eq!(take(false, false, false, None), Ok(None));
        let tls = take(true, true, false, None).unwrap().unwrap();
        assert_eq!(tls.listen.to_string(), "127.0.0.1:9443");
        assert_eq!(tls.identity, IdentitySource::Files { cert: "server.pem".into(), key: "server.key".into() });
        let tls = take(false, false, true, Some("[::1]:0")).unwrap().unwrap();
        assert_eq!((tls.listen.to_string().as_str(), tls.identity), ("[::1]:0", IdentitySource::SelfSigned));
    }

    #[test]
    fn what_lacks_something_or_is_too_much_is_named() {
        for (result, flag) in [
            (take(true, false, false, None), "--tls-cert: needs --tls-key"),
            (take(false, true, true, None), "--tls-key: needs --tls-cert"),
            (take(true, true, true, None), "--tls-self-signed: "),
            (take(false, false, false, Some("127.0.0.1:1")), "--tls-listen: needs a certificate"),
            (take(true, true, false, Some("9443")), "--tls-listen: `9443` is no address"),
        ] {
            let error = result.unwrap_err();
            assert!(error.starts_with(flag), "{error}");
        }
    }
}
