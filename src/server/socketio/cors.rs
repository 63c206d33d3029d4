//! Which pages of other origins may read answers.

use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue, ORIGIN, VARY,
};

use crate::config::socketio::Cors;

/// The headers of every answer, errors included.
pub(crate) fn headers(cors: &Cors, request: &HeaderMap, answer: &mut HeaderMap) {
    let origin = request.get(ORIGIN);
    let allowed = match &cors.origins {
        None => Some(HeaderValue::from_static("*")),
        Some(origins) => {
            answer.append(VARY, HeaderValue::from_static("Origin"));
            match &origins[..] {
                // A single one is said to everybody, whoever asks.
                [only] => HeaderValue::from_str(only).ok(),
                _ => origin.filter(|origin| origin.to_str().is_ok_and(|text| cors.allows(text))).cloned(),
            }
        }
    };
    if let Some(allowed) = allowed {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    if cors.credentials {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// The further headers of the answer to a browser that asks before it sends the request itself.
pub(crate) fn preflight_headers(request: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE"));
    if let Some(asked) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    }
}
