//! A certificate of the server's own making, for trying TLS.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use crate::server::tls::identity::{Identity, IdentityError, fingerprint};

/// Whom it is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long it is good for: as long as browsers bear. It is made anew at every start.
const VALIDITY: Duration = Duration::from_secs(397 * 86_400);

/// Clocks of clients may be behind.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// Makes a certificate and its key (ECDSA on P-256); returns the certificate in PEM too. The key never leaves memory.
///
/// # Errors
/// [`IdentityError::SelfSigned`] if the system has no randomness to give.
pub(super) fn make() -> Result<(Identity, String), IdentityError> {
    let pair = KeyPair::generate()?;
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    let now = SystemTime::now();
    (params.not_before, params.not_after) = ((now - BACKDATED).into(), (now + VALIDITY).into());
    params.distinguished_name.push(DnType::CommonName, "tapecast, self-signed");
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let not_after_s = params.not_after.unix_timestamp();
    let certificate = params.self_signed(&pair)?;
    let (der, pem) = (certificate.der().clone(), certificate.pem());
    let secret = PrivateKeyDer::try_from(pair.serialize_der()).map_err(|error| rustls::Error::General(error.into()))?;
    let fingerprint = fingerprint(&der);
    let key = CertifiedKey::from_der(vec![der], secret, &default_provider())?;
    Ok((Identity { key, not_after_s, fingerprint }, pem))
}
