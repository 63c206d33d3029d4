//! Addresses: where a server is, what is spoken there, and what is asked for.

use hyper::Uri;
use serde_json::json;

use crate::client::{ClientError, Position};
use crate::dial::Destination;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// WebSocket, streams in the address.
    Named,
    /// WebSocket, streams asked for by a message.
    Asked,
    /// Server-sent events.
    Events,
    /// Lines.
    Lines,
}

/// Whom to connect to, and what to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) language: Language,
    pub(super) server: Destination,
    /// Path and query, streams included, without positions.
    path: String,
    streams: Vec<String>,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, and what it could be.
    pub(super) fn parse(url: &str, streams: &[&str]) -> Result<Target, ClientError> {
        let refuse = |reason: &str| ClientError::Address(url.to_owned(), reason.to_owned());
        let uri: Uri =
            url.parse().map_err(|_| refuse("is no address: give for instance ws://127.0.0.1:9400/stream"))?;
        let scheme = uri.scheme_str().ok_or_else(|| refuse("has no scheme: there are ws, wss, http, https and tcp"))?;
        let (is_tls, port) = match scheme {
            "ws" | "http" => (false, 80),
            "wss" | "https" => (true, 443),
            "tcp" => (false, 9_401),
            _ => return Err(refuse("there are ws, wss, http, https and tcp")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| refuse("has no host"))?;
        let is_by_type = !streams.is_empty() && streams.iter().all(|name| name.contains(':'));
        let path = match (uri.path(), scheme) {
            ("" | "/", "ws" | "wss") if is_by_type => "/websocket/v1",
            ("" | "/", "ws" | "wss") => "/stream",
            ("" | "/", "http" | "https") => "/sse",
            (path, _) => path,
        };
        let language = match scheme {
            "tcp" => Language::Lines,
            "http" | "https" if path == "/sse" => Language::Events,
            "http" | "https" => return Err(refuse("only /sse is listened to over HTTP")),
            _ if path.ends_with("/websocket/v1") => Language::Asked,
            _ => Language::Named,
        };
        let mut target = Target {
            language,
            server: Destination {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: uri.port_u16().unwrap_or(port),
                is_tls,
            },
            path: path.to_owned(),
            streams: streams.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut query: Vec<String> =
            uri.query().map(|query| query.split('&').map(str::to_owned).collect()).unwrap_or_default();
        if !streams.is_empty() && matches!(language, Language::Named | Language::Events) {
            let names = streams.join("/");
            if path == "/ws" || path.starts_with("/ws/") {
                target.path = format!("{}/{names}", path.trim_end_matches('/'));
            } else {
                match query.iter_mut().find(|pair| pair.starts_with("streams=")) {
                    Some(pair) => *pair = format!("{pair}/{names}"),
                    None => query.push(format!("streams={names}")),
                }
            }
            if language == Language::Events && is_by_type && !query.iter().any(|pair| pair.starts_with("venue=")) {
                query.push("venue=upbit".into());
            }
        }
        // Positions are the options'; one in the address would be gone on from again each time.
        let is_position = |pair: &str| ["sequence=", "resume=", "lastEventId="].iter().any(|key| pair.starts_with(key));
        query.retain(|pair| !pair.is_empty() && !is_position(pair));
        if !query.is_empty() {
            target.path = format!("{}?{}", target.path, query.join("&"));
        }
        Ok(target)
    }

    /// What is requested: path and query.
    pub(super) fn path(&self, is_sequenced: bool, from: Option<&Position>) -> String {
        let mut path = self.path.clone();
        let mut add = |pair: String| {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&pair);
        };
        if is_sequenced && self.language != Language::Events {
            add("sequence=true".into());
        }
        if let Some(from) = from {
            let name = if self.language == Language::Events { "lastEventId" } else { "resume" };
            add(format!("{name}={from}"));
        }
        path
    }

    /// What is said once the connection is there; `None` where the address has said it.
    pub(super) fn opening(&self, is_sequenced: bool, from: Option<&Position>) -> Option<String> {
        match self.language {
            Language::Named | Language::Events => None,
            Language::Lines => {
                let names = self.streams.join(" ");
                Some(match (is_sequenced, from) {
                    (_, Some(from)) => format!("RESUME {from} {names}\n"),
                    (true, None) => format!("SEQUENCE on\nSUBSCRIBE {names}\n"),
                    (false, None) => format!("SUBSCRIBE {names}\n"),
                })
            }
            Language::Asked => {
                let mut objects = vec![json!({ "ticket": "tapecast" })];
                for name in &self.streams {
                    let (kind, code) = name.split_once(':').unwrap_or((name, ""));
                    match objects.iter_mut().find(|object| object["type"] == kind) {
                        Some(object) => {
                            if let Some(codes) = object["codes"].as_array_mut() {
                                codes.push(code.into());
                            }
                        }
                        None => objects.push(json!({ "type": kind, "codes": [code] })),
                    }
                }
                Some(serde_json::Value::Array(objects).to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed() {
        let path = |url: &str, streams: &[&str]| {
            let target = Target::parse(url, streams).unwrap();
            (target.language, target.path(true, None))
        };
        let sequence = |path: &str| format!("{path}sequence=true");
        assert_eq!(
            path("ws://h", &["a@trade", "b@trade"]),
            (Language::Named, sequence("/stream?streams=a@trade/b@trade&"))
        );
        assert_eq!(path("ws://h/ws/x", &["a@trade"]), (Language::Named, sequence("/ws/x/a@trade?")));
        assert_eq!(path("wss://h", &["trade:KRW-BTC"]), (Language::Asked, sequence("/websocket/v1?")));
        assert_eq!(path("http://h:1", &["a@trade"]), (Language::Events, "/sse?streams=a@trade".into()));
        assert_eq!(path("tcp://h", &["a@trade"]).0, Language::Lines);
        let from = Position::new("000000ab-7.1");
        let target = Target::parse("http://h", &["trade:A"]).unwrap();
        assert_eq!(target.path(true, from.as_ref()), "/sse?streams=trade:A&venue=upbit&lastEventId=000000ab-7.1");
        let target = Target::parse("http://h/sse?streams=a@trade&lastEventId=000000ab-1.0", &[]).unwrap();
        assert_eq!(target.path(true, from.as_ref()), "/sse?streams=a@trade&lastEventId=000000ab-7.1");
        for url in ["", "h:1", "ftp://h/x", "http://h/ndjson"] {
            assert!(Target::parse(url, &[]).is_err(), "{url}");
        }
    }

    #[test]
    fn what_is_said_names_streams_and_the_position() {
        let from = Position::new("000000ab-7.1");
        let lines = Target::parse("tcp://h", &["a@trade"]).unwrap();
        assert_eq!(lines.opening(true, from.as_ref()).unwrap(), "RESUME 000000ab-7.1 a@trade\n");
        assert_eq!(lines.opening(false, None).unwrap(), "SUBSCRIBE a@trade\n");
        let asked = Target::parse("ws://h", &["trade:A", "ticker:A", "trade:B"]).unwrap().opening(true, None).unwrap();
        assert_eq!(
            asked,
            r#"[{"ticket":"tapecast"},{"codes":["A","B"],"type":"trade"},{"codes":["A"],"type":"ticker"}]"#
        );
    }
}
