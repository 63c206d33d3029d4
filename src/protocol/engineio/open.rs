//! The beginning: what an address asks for, how it is refused, and the packet that opens a session.

use crate::protocol::engineio::id::Sid;

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In requests that are held until there is something to answer.
    Polling,
    /// In messages of a WebSocket.
    WebSocket,
}

/// What stands in an address. Of parameters given twice the last one counts; unknown ones mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The version of the protocol.
    pub version: Option<String>,
    /// How packets are to travel, by name.
    pub transport: Option<String>,
    /// The session meant, where it is not a new one.
    pub sid: Option<String>,
}

impl Query {
    /// Reads the part of an address behind the `?`.
    pub fn parse(query: Option<&str>) -> Query {
        let mut parsed = Query::default();
        for pair in query.unwrap_or_default().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let member = match &*decoded(key) {
                "EIO" => &mut parsed.version,
                "transport" => &mut parsed.transport,
                "sid" => &mut parsed.sid,
                _ => continue,
            };
            *member = Some(decoded(value));
        }
        parsed
    }

    /// The transport, where it is one that is served.
    pub fn transport(&self) -> Option<Transport> {
        match self.transport.as_deref() {
            Some("polling") => Some(Transport::Polling),
            Some("websocket") => Some(Transport::WebSocket),
            _ => None,
        }
    }

    /// Whether the version is the one that is served.
    pub fn is_version_4(&self) -> bool {
        self.version.as_deref() == Some("4")
    }
}

/// A part of a query with its escapes resolved; one that is no escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Why a request is not served; the code and the text are the reference server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No transport is named, or none that is served.
    TransportUnknown,
    /// There is no such session, or no longer.
    SessionUnknown,
    /// A session begins with a GET.
    BadHandshakeMethod,
    /// What is asked does not fit the session, or its transport.
    BadRequest,
    /// This server does not want the client.
    Forbidden,
    /// Another version of the protocol than the fourth.
    UnsupportedVersion,
}

impl Refusal {
    /// The text, which is all that a refused WebSocket is told.
    pub fn message(self) -> &'static str {
        match self {
            Refusal::TransportUnknown => "Transport unknown",
            Refusal::SessionUnknown => "Session ID unknown",
            Refusal::BadHandshakeMethod => "Bad handshake method",
            Refusal::BadRequest => "Bad request",
            Refusal::Forbidden => "Forbidden",
            Refusal::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The body of the answer.
    pub fn body(self) -> String {
        format!(r#"{{"code":{},"message":"{}"}}"#, self as u8, self.message())
    }

    /// The answer's status.
    pub fn status(self) -> u16 {
        if self == Refusal::Forbidden { 403 } else { 400 }
    }
}

const _: () = assert!(Refusal::Forbidden as u8 == 4 && Refusal::UnsupportedVersion as u8 == 5);

/// The times and sizes a session is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds from a pong to the next ping; above 0.
    pub ping_interval_ms: u64,
    /// Milliseconds within which a ping must be answered; above 0.
    pub ping_timeout_ms: u64,
    /// Milliseconds from the request for a WebSocket to the packet that makes it the session's.
    pub upgrade_timeout_ms: u64,
    /// Milliseconds within which a client must have joined a namespace.
    pub connect_timeout_ms: u64,
    /// Largest body or message from a client, in bytes.
    pub payload_bytes_max: usize,
}

/// The packet that opens a session. Its members are these five and no others: official suites compare them.
pub fn open_packet(sid: &Sid, transport: Transport, limits: &Limits) -> String {
    let upgrades = if transport == Transport::Polling { r#""websocket""# } else { "" };
    format!(
        r#"0{{"sid":"{}","upgrades":[{upgrades}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
        sid.text(),
        limits.ping_interval_ms,
        limits.ping_timeout_ms,
        limits.payload_bytes_max
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socketio_item_12_order_repetition_escapes_and_strangers_do_not_matter() {
        let query = Query::parse(Some("t=abc&transport=polling&EIO=3&b64=1&j=0&x=%zz&sid=a%2Db&EIO=4&"));
        assert_eq!(query.transport(), Some(Transport::Polling));
        assert_eq!((query.sid.as_deref(), query.is_version_4()), (Some("a-b"), true));
        assert_eq!(Query::parse(None), Query::default());
    }

    #[test]
    fn socketio_item_11_codes_are_numbers() {
        assert_eq!(Refusal::SessionUnknown.body(), r#"{"code":1,"message":"Session ID unknown"}"#);
        assert_eq!(Refusal::UnsupportedVersion.body(), r#"{"code":5,"message":"Unsupported protocol version"}"#);
        assert_eq!((Refusal::Forbidden.status(), Refusal::BadRequest.status()), (403, 400));
    }
}
