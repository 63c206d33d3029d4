//! What holds for clients without a venue's own protocol: events over plain HTTP, and lines over bare TCP.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::binance::BinanceConfig;
use crate::config::value::{ConfigError, address, duration, millis, parse_duration, value};
use crate::session::events::EventLimits;
use crate::session::lines::LineLimits;
use crate::session::selection::Manner;
use crate::venue::upbit::Edition;

/// Flags and members of the file. Numbers of streams and messages, and how long a connection lasts, are as for clients
/// of Binance.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "For clients without a venue's protocol")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawPlain {
    /// Where to listen for lines over bare TCP, or `off`. [default: the port after that of --listen]
    #[arg(long, value_name = "ADDR")]
    pub lines_listen: Option<String>,
    /// Time between the signs of life of a connection with lines, 0s for none. [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub lines_heartbeat: Option<Duration>,
    /// Time between the signs of life of a connection with events, 0s for none. [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub events_heartbeat: Option<Duration>,
    /// The origin whose pages browsers let read events: `*` for any, `none` for none but this server's own.
    /// [default: *]
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Option<String>,
}

/// The same, complete and checked.
#[derive(Clone, Debug)]
pub struct PlainConfig {
    /// Where lines are listened for; `None` for nowhere.
    pub lines: Option<LineDoor>,
    /// Of each session with lines.
    pub line_limits: LineLimits,
    /// Of each session with events.
    pub event_limits: EventLimits,
    /// Whose pages may read events, as the header says it; `None` for no header.
    pub cors_origin: Option<String>,
}

/// Where lines are listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineDoor {
    /// The address.
    pub address: SocketAddr,
    /// Whether it was asked for. One that was not is left out where somebody else has it.
    pub is_asked_for: bool,
}

impl RawPlain {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawPlain) -> RawPlain {
        RawPlain {
            lines_listen: self.lines_listen.or(other.lines_listen),
            lines_heartbeat: self.lines_heartbeat.or(other.lines_heartbeat),
            events_heartbeat: self.events_heartbeat.or(other.events_heartbeat),
            cors_origin: self.cors_origin.or(other.cors_origin),
        }
    }

    /// Checks everything and fills in what is absent. `listen` is where HTTP is spoken; the rest is what holds for clients
    /// of venues.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub(super) fn check(
        self,
        listen: SocketAddr,
        binance: &BinanceConfig,
        edition: Edition,
    ) -> Result<PlainConfig, ConfigError> {
        let limits = &binance.limits;
        let (streams_max, lifetime_ms) = (limits.streams_max, limits.lifetime_ms);
        let serves_retired_names = limits.serves_retired_names;
        Ok(PlainConfig {
            lines: lines(self.lines_listen.as_deref(), listen)?,
            line_limits: LineLimits {
                heartbeat_ms: millis(self.lines_heartbeat, 10),
                streams_max,
                rate: limits.rate,
                lifetime_ms,
                manner: Manner { edition, serves_retired_names, ..Manner::default() },
            },
            event_limits: EventLimits {
                heartbeat_ms: millis(self.events_heartbeat, 15),
                streams_max,
                lifetime_ms,
                edition,
                serves_retired_names,
            },
            cors_origin: cors_origin(self.cors_origin.as_deref())?,
        })
    }
}

fn lines(text: Option<&str>, listen: SocketAddr) -> Result<Option<LineDoor>, ConfigError> {
    match text {
        Some("off") => Ok(None),
        Some(text) => Ok(Some(LineDoor { address: address("--lines-listen", text)?, is_asked_for: true })),
        None => {
            // A free port is followed by another free one.
            let port = if listen.port() == 0 { Some(0) } else { listen.port().checked_add(1) };
            Ok(port.map(|port| LineDoor { address: SocketAddr::new(listen.ip(), port), is_asked_for: false }))
        }
    }
}

fn cors_origin(text: Option<&str>) -> Result<Option<String>, ConfigError> {
    match text.unwrap_or("*") {
        "none" => Ok(None),
        "*" => Ok(Some("*".into())),
        origin => {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let is_host = |host: &str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
            if host.is_some_and(is_host) {
                return Ok(Some(origin.into()));
            }
            let reason = format!("`{origin}` is no origin: give for instance https://example.org, `*` or `none`");
            Err(value("--cors-origin", reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_listened_for_on_the_next_port_unless_told_otherwise() {
        let listen = |text: &str| text.parse::<SocketAddr>().unwrap();
        let door =
            |text, at| lines(text, listen(at)).unwrap().map(|door| (door.address.to_string(), door.is_asked_for));
        assert_eq!(door(None, "127.0.0.1:9400"), Some(("127.0.0.1:9401".into(), false)));
        assert_eq!(door(None, "[::1]:0"), Some(("[::1]:0".into(), false)));
        assert_eq!(door(None, "127.0.0.1:65535"), None);
        assert_eq!(door(Some("off"), "127.0.0.1:9400"), None);
        assert_eq!(door(Some("0.0.0.0:7"), "127.0.0.1:9400"), Some(("0.0.0.0:7".into(), true)));
        let error = lines(Some("9401"), listen("127.0.0.1:1")).unwrap_err().to_string();
        assert!(error.starts_with("--lines-listen: `9401` is no address"), "{error}");
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        assert_eq!(cors_origin(None).unwrap().as_deref(), Some("*"));
        assert_eq!(cors_origin(Some("none")).unwrap(), None);
        assert_eq!(cors_origin(Some("http://a:8080")).unwrap().as_deref(), Some("http://a:8080"));
        for text in ["", "a.example", "https://", "https://a/b", "https://a\r\nX: y"] {
            assert!(cors_origin(Some(text)).unwrap_err().to_string().starts_with("--cors-origin: "), "{text}");
        }
    }
}
