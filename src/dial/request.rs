//! A request by HTTP and its answer, and what is written down of both.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, RETRY_AFTER, USER_AGENT};
use hyper::http::request::{Builder, Parts};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::dial::{Destination, DialError, Stream, Trust, connect};

/// Most bytes of a refusal that are kept of what it says.
const REASON_BYTES_MAX: usize = 1_000;

/// Most bytes of a refusal that are read.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

/// The longest that a refusal's words are waited for.
const REFUSAL_WAIT_MAX: Duration = Duration::from_secs(1);

/// The longest wait that a server can ask for: one that asks for a century does not mean it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// What is written down of a request.
pub trait Log {
    /// The head that is sent.
    fn sent(&self, head: &str);
    /// The head that came.
    fn received(&self, head: &str);
}

/// Nothing is written down.
#[derive(Clone, Copy, Debug)]
pub struct Unlogged;

impl Log for Unlogged {
    fn sent(&self, _: &str) {}

    fn received(&self, _: &str) {}
}

/// A GET of this path and query, to be completed.
///
/// # Errors
/// [`DialError::Path`].
pub fn request(to: &Destination, path: &str) -> Result<Builder, DialError> {
    let request = Request::get(path)
        .header(HOST, to.authority())
        .header(USER_AGENT, concat!("tapecast/", env!("CARGO_PKG_VERSION")));
    match request.headers_ref() {
        Some(_) => Ok(request),
        None => {
            let error = request.body(()).err().map_or_else(String::new, |error| error.to_string());
            Err(DialError::Path(path.to_owned(), error))
        }
    }
}

/// Sends a request and waits for the head of its answer. To be called within a runtime, where a task of its own keeps the
/// connection as long as somebody reads from it.
///
/// # Errors
/// [`DialError::Request`] and [`DialError::Path`].
pub async fn ask(stream: Box<dyn Stream>, request: Builder, log: &impl Log) -> Result<Response<Incoming>, DialError> {
    let failed = |error: hyper::Error| DialError::Request(error.to_string());
    let request =
        request.body(Empty::<Bytes>::new()).map_err(|error| DialError::Path(String::new(), error.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    tokio::spawn(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = connection.with_upgrades().await;
    });
    let (parts, body) = request.into_parts();
    log.sent(&head_of_request(&parts));
    let response = sender.send_request(Request::from_parts(parts, body)).await.map_err(failed)?;
    log.received(&head_of_response(&response));
    Ok(response)
}

/// Gets a body of at most `bytes_max` bytes.
///
/// # Errors
/// [`DialError`].
pub async fn get(
    to: &Destination,
    path: &str,
    trust: Option<&Trust>,
    bytes_max: usize,
    log: &impl Log,
) -> Result<Bytes, DialError> {
    let stream = connect(to, trust).await?;
    let response = ask(stream, request(to, path)?.header(CONNECTION, "close"), log).await?;
    if response.status() != StatusCode::OK {
        return Err(refusal(response).await);
    }
    let body = Limited::new(response.into_body(), bytes_max).collect().await;
    Ok(body.map_err(|error| DialError::Body(error.to_string()))?.to_bytes())
}

/// What an answer says that is not the one that was hoped for. Its words are waited for briefly, and are not missed.
pub async fn refusal(response: Response<Incoming>) -> DialError {
    let (status, retry_after) = (response.status(), retry_after(response.headers()));
    let body = Limited::new(response.into_body(), REFUSAL_BYTES_MAX).collect();
    let body = match tokio::time::timeout(REFUSAL_WAIT_MAX, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        _ => Bytes::new(),
    };
    let text = String::from_utf8_lossy(&body[..body.len().min(REASON_BYTES_MAX)]).trim().to_owned();
    DialError::Refused { status, text, retry_after }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn head_of_request(parts: &Parts) -> String {
    let mut head = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri);
    push_headers(&parts.headers, &mut head);
    head
}

fn head_of_response<B>(response: &Response<B>) -> String {
    let mut head = format!("{:?} {}\r\n", response.version(), response.status());
    push_headers(response.headers(), &mut head);
    head
}

fn push_headers(headers: &HeaderMap, head: &mut String) {
    for (name, value) in headers {
        let _ = write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    head.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_is_asked_for_is_at_most_an_hour() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!((wait(" 7 "), wait("3601"), wait("18446744073709551615")), (Some(7), Some(3_600), Some(3_600)));
        assert_eq!(
            (wait("-1"), wait("Wed, 21 Oct 2026 07:28:00 GMT"), retry_after(&HeaderMap::new())),
            (None, None, None)
        );
    }

    #[test]
    fn what_is_no_path_is_named() {
        let to = Destination { host: "h".to_owned(), port: 80, is_tls: false };
        assert!(request(&to, "/a?b=c").is_ok());
        let error = request(&to, "/a b").err().map(|error| error.to_string());
        assert!(error.as_deref().is_some_and(|error| error.starts_with("/a b cannot be asked for: ")), "{error:?}");
    }
}
