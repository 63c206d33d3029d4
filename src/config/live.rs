//! What holds for live feeds.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, value};
use crate::feed::backbone;
use crate::feed::source::Source;
use crate::feed::upstream::{Address, Origin, Plan, Spec};

/// Flags and members of the file. What is absent has its default.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "For live feeds")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawLive {
    /// A .tape to record the live feed on, on its way. One that is there is continued.
    #[arg(id = "live-tape", long = "tape", value_name = "FILE")]
    pub tape: Option<PathBuf>,
    /// A server that speaks like the exchange, to connect to in its place: `127.0.0.1:9400` or `wss://…`.
    #[arg(id = "live-host", long = "feed-host", value_name = "ADDR")]
    pub host: Option<String>,
    /// Certificates to trust, in PEM, instead of the usual authorities.
    #[arg(id = "live-ca", long = "feed-ca", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Connections to each live feed at once: what one of them loses another has. [default: 1]
    #[arg(id = "live-connections", long = "feed-connections", value_name = "N")]
    pub connections: Option<usize>,
}

impl RawLive {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawLive) -> RawLive {
        RawLive {
            tape: self.tape.or(other.tape),
            host: self.host.or(other.host),
            ca: self.ca.or(other.ca),
            connections: self.connections.or(other.connections),
        }
    }

    /// Whether a feed is a live one.
    pub(super) fn is_live(name: &str) -> bool {
        let is_exchange = ["binance:", "upbit:", "ws://", "wss://"].iter().any(|start| name.starts_with(start));
        is_exchange || backbone::Address::is_meant(name)
    }

    /// A live feed.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for what cannot be used.
    pub(super) fn source(&self, name: &str) -> Result<Source, ConfigError> {
        let wrong = |reason| value("--feed", reason);
        let (name, origin) = if backbone::Address::is_meant(name) {
            let address = backbone::Address::parse(name).map_err(wrong)?;
            // Its name is shown to clients, and has no password.
            (address.to_string(), Origin::Backbone(address))
        } else {
            let address = Address::parse(name, self.host.as_deref(), &[]).map_err(wrong)?;
            (name.to_owned(), Origin::Exchanges(vec![address]))
        };
        let connections = self.connections.unwrap_or(1);
        super::value::within("--feed-connections", connections, 1..=4)?;
        let plan = Plan { ca: self.ca.clone(), connections, ..Plan::default() };
        Ok(Source::Live(Box::new(Spec { name, origin, plan, tape: self.tape.clone() })))
    }

    /// Checks what the feeds are together: recorded ones have times of their own, and a tape is written by one.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for what does not go together.
    pub(super) fn check(&self, sources: &[Source], is_played_plainly: bool) -> Result<(), ConfigError> {
        let live = sources.iter().filter(|source| matches!(source, Source::Live(_))).count();
        if live > 0 && live < sources.len() {
            return Err(value("--feed", "live feeds and others have different times and do not go together"));
        }
        if live > 0 && !is_played_plainly {
            return Err(value("--speed, --repeat", "a live feed plays as it comes, once"));
        }
        match (&self.tape, live) {
            (None, _) | (Some(_), 1) => Ok(()),
            (Some(_), 0) => Err(value("--tape", "it records a live feed, and there is none")),
            (Some(_), _) => Err(value("--tape", "it records one live feed; `tapecast record` records several")),
        }
    }
}
