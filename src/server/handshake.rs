//! The handshake of WebSocket: whether a request asks for one as RFC 6455 section 4.2.1 says, and what it is told if not.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};

/// What a request lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It asks for no WebSocket, or in HTTP/1.0, which has no upgrades (RFC 9110 section 7.8).
    NoUpgrade,
    /// It is no GET.
    Method,
    /// It asks for a version of the protocol other than 13, or for none.
    Version,
    /// It has not exactly one key, or one that is not 16 bytes in base64.
    Key,
}

/// Whether a request can be answered with an upgrade.
///
/// # Errors
/// The first thing it lacks.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Flaw> {
    if !fastwebsockets::upgrade::is_upgrade_request(request) || request.version() < Version::HTTP_11 {
        return Err(Flaw::NoUpgrade);
    }
    if request.method() != Method::GET {
        return Err(Flaw::Method);
    }
    if only(request.headers(), &SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(Flaw::Version);
    }
    match only(request.headers(), &SEC_WEBSOCKET_KEY) {
        Some(key) if is_key(key) => Ok(()),
        _ => Err(Flaw::Key),
    }
}

impl Flaw {
    /// What the client is told.
    pub(crate) fn answer(self) -> Response<Full<Bytes>> {
        let (status, text) = match self {
            Flaw::NoUpgrade => {
                (StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket: connect with a WebSocket client\n")
            }
            Flaw::Method => (StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is asked for with GET\n"),
            Flaw::Version => (StatusCode::UPGRADE_REQUIRED, "only version 13 of WebSocket is spoken here\n"),
            Flaw::Key => {
                (StatusCode::BAD_REQUEST, "a WebSocket needs one Sec-WebSocket-Key, which is 16 bytes in base64\n")
            }
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        match self {
            Flaw::Method => drop(headers.insert(ALLOW, HeaderValue::from_static("GET"))),
            Flaw::NoUpgrade | Flaw::Version => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Flaw::Key => {}
        }
        response
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// Whether it is what 16 bytes come to in base64.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix(b"==").is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_digit))
}
