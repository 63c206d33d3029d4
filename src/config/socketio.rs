//! What holds for clients of Socket.IO.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, duration, millis, parse_duration, value, within};
use crate::protocol::engineio::open::Limits;
use crate::session::rate::RateLimits;
use crate::session::socketio::SocketIoLimits;
use crate::session::socketio::token::Tokens;
use crate::venue::upbit::Edition;

/// Flags and members of the file. What is absent has its default, which is the reference server's.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "For clients of Socket.IO")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawSocketIo {
    /// Serve them, on /socket.io/. [default: true]
    #[arg(id = "socketio", long = "socketio", value_name = "BOOL")]
    pub enabled: Option<bool>,
    /// Time from a client's answer to a ping to the next ping. [default: 25s]
    #[arg(id = "socketio-ping-interval", long = "socketio-ping-interval", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub ping_interval: Option<Duration>,
    /// Time within which a ping must be answered. [default: 20s]
    #[arg(id = "socketio-ping-timeout", long = "socketio-ping-timeout", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub ping_timeout: Option<Duration>,
    /// Time a client that polls may take to move to a WebSocket once it has begun to. [default: 10s]
    #[arg(id = "socketio-upgrade-timeout", long = "socketio-upgrade-timeout", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub upgrade_timeout: Option<Duration>,
    /// Time within which a client must have joined a namespace. [default: 45s]
    #[arg(id = "socketio-connect-timeout", long = "socketio-connect-timeout", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub connect_timeout: Option<Duration>,
    /// Largest body or message a client may send. [default: 1000000]
    #[arg(id = "socketio-payload-max", long = "socketio-payload-max", value_name = "BYTES")]
    pub payload_max: Option<usize>,
    /// Streams of one client, in all namespaces together. [default: 1024]
    #[arg(id = "socketio-streams-max", long = "socketio-streams-max", value_name = "N")]
    pub streams_max: Option<usize>,
    /// Packets a client may send a second in the long run, answers to pings not counted, 0 for any number. One that sends
    /// more is disconnected. [default: 50]
    #[arg(id = "socketio-message-rate", long = "socketio-message-rate", value_name = "N")]
    pub message_rate: Option<u32>,
    /// Packets a client may send at once, as one does that subscribes to many streams one by one. [default: 2000]
    #[arg(id = "socketio-message-burst", long = "socketio-message-burst", value_name = "N")]
    pub message_burst: Option<u32>,
    /// What clients must say as `auth.token` to join a namespace; give it several times for several. Without it everybody
    /// may. Other processes of this machine can read command lines: the file is the better place.
    #[arg(id = "socketio-token", long = "socketio-token", value_name = "TOKEN")]
    #[serde(default)]
    pub token: Vec<String>,
    /// Origins whose pages browsers let read answers: `*` for all, or give it several times. Without it none but this
    /// server's own.
    #[arg(id = "socketio-cors", long = "socketio-cors", value_name = "ORIGIN")]
    #[serde(default)]
    pub cors: Vec<String>,
    /// Whether such pages may send credentials; not with `*`. [default: false]
    #[arg(id = "socketio-cors-credentials", long = "socketio-cors-credentials", value_name = "BOOL")]
    pub cors_credentials: Option<bool>,
    /// Refuse requests of pages of any other origin, which CORS alone does not: a WebSocket asks nobody.
    /// [default: false]
    #[arg(id = "socketio-cors-only", long = "socketio-cors-only", value_name = "BOOL")]
    pub cors_only: Option<bool>,
    /// How long after the end of its connection a client may come back and go on where it was, as far as the ring's
    /// history reaches; 0s for not at all. Events then end with the number of their tick. [default: 0s]
    #[arg(id = "socketio-recovery", long = "socketio-recovery", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub recovery: Option<Duration>,
}

/// The same, complete and checked.
#[derive(Clone, Debug)]
pub struct SocketIoConfig {
    /// Whether they are served.
    pub is_enabled: bool,
    /// Of each session.
    pub limits: SocketIoLimits,
    /// Whose pages may read answers; `None` for no word about it.
    pub cors: Option<Cors>,
    /// Whether requests from pages of other origins are refused.
    pub cors_only: bool,
    /// How long a client may come back; zero for not at all. Memory: the names of the streams of 16,384 clients at the
    /// most.
    pub recovery: Duration,
}

/// Whose pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// The origins; `None` for any.
    pub origins: Option<Vec<String>>,
    /// Whether with credentials.
    pub credentials: bool,
}

impl Cors {
    /// Whether an origin is among them.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.as_ref().is_none_or(|origins| origins.iter().any(|known| known == origin))
    }
}

impl RawSocketIo {
    /// What the official suites expect of a server: they wait for pings and for their absence, and run in browsers too.
    fn conformance() -> RawSocketIo {
        RawSocketIo {
            ping_interval: Some(Duration::from_millis(300)),
            ping_timeout: Some(Duration::from_millis(200)),
            connect_timeout: Some(Duration::from_secs(1)),
            payload_max: Some(1_000_000),
            cors: vec!["*".to_owned()],
            ..RawSocketIo::default()
        }
    }

    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawSocketIo) -> RawSocketIo {
        RawSocketIo {
            enabled: self.enabled.or(other.enabled),
            ping_interval: self.ping_interval.or(other.ping_interval),
            ping_timeout: self.ping_timeout.or(other.ping_timeout),
            upgrade_timeout: self.upgrade_timeout.or(other.upgrade_timeout),
            connect_timeout: self.connect_timeout.or(other.connect_timeout),
            payload_max: self.payload_max.or(other.payload_max),
            streams_max: self.streams_max.or(other.streams_max),
            message_rate: self.message_rate.or(other.message_rate),
            message_burst: self.message_burst.or(other.message_burst),
            token: if self.token.is_empty() { other.token } else { self.token },
            cors: if self.cors.is_empty() { other.cors } else { self.cors },
            cors_credentials: self.cors_credentials.or(other.cors_credentials),
            cors_only: self.cors_only.or(other.cors_only),
            recovery: self.recovery.or(other.recovery),
        }
    }

    /// Checks everything and fills in what is absent, for suites of the protocol with what they expect. `edition` is that
    /// of other clients.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub(super) fn check(mut self, edition: Edition, is_conformance: bool) -> Result<SocketIoConfig, ConfigError> {
        if is_conformance {
            self = self.or(RawSocketIo::conformance());
        }
        let credentials = self.cors_credentials.unwrap_or(false);
        let cors_only = self.cors_only.unwrap_or(false);
        let is_any = self.cors.iter().any(|origin| origin == "*");
        if is_any && credentials {
            return Err(value("--socketio-cors-credentials", "browsers refuse it with `*`: name the origins"));
        }
        let cors = (!self.cors.is_empty()).then_some(Cors { origins: (!is_any).then_some(self.cors), credentials });
        if cors_only && cors.is_none() {
            return Err(value("--socketio-cors-only", "name the origins that are let in with --socketio-cors"));
        }
        let engine = Limits {
            ping_interval_ms: above_zero("--socketio-ping-interval", millis(self.ping_interval, 25))?,
            ping_timeout_ms: above_zero("--socketio-ping-timeout", millis(self.ping_timeout, 20))?,
            upgrade_timeout_ms: above_zero("--socketio-upgrade-timeout", millis(self.upgrade_timeout, 10))?,
            connect_timeout_ms: above_zero("--socketio-connect-timeout", millis(self.connect_timeout, 45))?,
            payload_bytes_max: self.payload_max.unwrap_or(1_000_000),
        };
        within("--socketio-payload-max", engine.payload_bytes_max, 1_000..=1 << 28)?;
        let streams_max = self.streams_max.unwrap_or(1_024);
        within("--socketio-streams-max", streams_max, 1..=1 << 20)?;
        if self.token.iter().any(String::is_empty) {
            return Err(value("--socketio-token", "an empty token would keep nobody out"));
        }
        let tokens = Tokens::new(&self.token);
        let rate =
            RateLimits { per_second: self.message_rate.unwrap_or(50), burst: self.message_burst.unwrap_or(2_000) };
        if rate.per_second > 0 && rate.burst == 0 {
            return Err(value("--socketio-message-burst", "with 0 nobody could say anything"));
        }
        Ok(SocketIoConfig {
            is_enabled: self.enabled.unwrap_or(true),
            limits: SocketIoLimits { engine, streams_max, rate, edition, tokens },
            cors,
            cors_only,
            recovery: self.recovery.unwrap_or_default(),
        })
    }
}

fn above_zero(name: &'static str, millis: u64) -> Result<u64, ConfigError> {
    if millis == 0 { Err(value(name, "0 is no time to wait")) } else { Ok(millis) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(raw: RawSocketIo) -> String {
        raw.check(Edition::Today, false).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_the_reference_servers_and_cors_is_off() {
        let config = RawSocketIo::default().check(Edition::Today, false).unwrap();
        let engine = config.limits.engine;
        assert_eq!(
            (engine.ping_interval_ms, engine.ping_timeout_ms, engine.payload_bytes_max),
            (25_000, 20_000, 1_000_000)
        );
        assert!(config.is_enabled && config.cors.is_none());
    }

    #[test]
    fn for_suites_there_are_defaults_of_their_own_which_flags_override() {
        let config = |raw: RawSocketIo| raw.check(Edition::Today, true).unwrap();
        let (engine, cors) = (|raw| config(raw).limits.engine, |raw| config(raw).cors.unwrap().origins);
        let (raw, ms) = (RawSocketIo::default, Duration::from_millis);
        let told = engine(raw());
        assert_eq!((told.ping_interval_ms, told.ping_timeout_ms, told.payload_bytes_max), (300, 200, 1_000_000));
        assert_eq!((told.connect_timeout_ms, told.upgrade_timeout_ms), (1_000, 10_000));
        assert_eq!((cors(raw()), config(raw()).recovery), (None, Duration::ZERO));
        let told = engine(RawSocketIo { ping_interval: Some(ms(7)), payload_max: Some(2_000), ..raw() });
        assert_eq!((told.ping_interval_ms, told.ping_timeout_ms, told.payload_bytes_max), (7, 200, 2_000));
        let told = engine(RawSocketIo { ping_timeout: Some(ms(8)), connect_timeout: Some(ms(9)), ..raw() });
        assert_eq!((told.ping_interval_ms, told.ping_timeout_ms, told.connect_timeout_ms), (300, 8, 9));
        let (origins, recovery) = (vec!["http://a".to_owned()], Some(ms(10)));
        assert_eq!(cors(RawSocketIo { cors: origins.clone(), ..raw() }), Some(origins));
        assert_eq!(config(RawSocketIo { recovery, ..raw() }).recovery, ms(10));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (any, raw) = (vec!["*".to_owned()], RawSocketIo::default);
        assert!(error(RawSocketIo { cors: any, cors_credentials: Some(true), ..raw() }).contains("browsers refuse"));
        assert!(error(RawSocketIo { cors_only: Some(true), ..raw() }).contains("name the origins"));
        assert!(error(RawSocketIo { message_burst: Some(0), ..raw() }).contains("--socketio-message-burst"));
        assert!(
            RawSocketIo { message_burst: Some(0), message_rate: Some(0), ..raw() }.check(Edition::Today, false).is_ok()
        );
        assert!(error(RawSocketIo { token: vec!["a".into(), String::new()], ..raw() }).contains("--socketio-token"));
        assert!(
            error(RawSocketIo { ping_interval: Some(Duration::ZERO), ..raw() }).contains("--socketio-ping-interval")
        );
    }
}
