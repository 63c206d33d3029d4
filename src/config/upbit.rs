//! What holds for clients of Upbit, and of venues whose clients ask as Upbit's do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, duration, millis, parse_duration, value};
use crate::protocol::deflate::Level;
use crate::session::upbit::UpbitLimits;
use crate::venue::upbit::Edition;
use crate::venue::upbit::rest::listing::ListedMarket;

/// Flags and members of the file. What is absent has its default; limits of the exchange's policy are off.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "For clients of Upbit")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawUpbit {
    /// Time without data in either direction after which a connection is dropped, 0s for never.
    /// [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub idle_timeout: Option<Duration>,
    /// Requests on one connection in any second, 0 for any number; the exchange allows 5. [default: 0]
    #[arg(long = "upbit-requests", value_name = "N")]
    pub requests: Option<u32>,
    /// Requests on one connection in any minute, 0 for any number; the exchange allows 100. [default: 0]
    #[arg(long = "upbit-requests-minute", value_name = "N")]
    pub requests_minute: Option<u32>,
    /// Handshakes from one IP address in any second, 0 for any number; the exchange allows 5. [default: 0]
    #[arg(long = "upbit-handshakes", value_name = "N")]
    pub handshakes: Option<u32>,
    /// Time between two handshakes of a browser, told by its Origin header, from one IP address, 0s for none;
    /// the exchange demands 10s. [default: 0s]
    #[arg(long = "upbit-origin-interval", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub origin_interval: Option<Duration>,
    /// `today` serves recordings of any year as the exchange would send them today, `recorded` exactly as they are.
    /// [default: today]
    #[arg(long = "upbit-form", value_name = "WHICH")]
    pub form: Option<String>,
    /// Compress messages for clients that offer it. [default: true]
    #[arg(long, value_name = "BOOL")]
    pub deflate: Option<bool>,
    /// How hard, from 1, least work, to 9, fewest bytes. [default: 2]
    #[arg(long, value_name = "N")]
    pub deflate_level: Option<u8>,
    /// Requests below /v1/ of one group that an IP address may make in a second, 0 for any number; the exchange
    /// allows 10. [default: 0]
    #[arg(long, value_name = "N")]
    pub request_rate: Option<u32>,
    /// Markets with their names, as /v1/market/all answers them. Without it those of the tape are listed, under
    /// the code of their base currency.
    #[arg(long = "upbit-markets", value_name = "FILE")]
    pub markets: Option<PathBuf>,
}

/// The same, complete and checked.
#[derive(Clone, Debug)]
pub struct UpbitConfig {
    /// Of each connection.
    pub limits: UpbitLimits,
    /// Handshakes from one IP address in a second; 0 for any number.
    pub handshakes: u32,
    /// Time between two handshakes of browsers from one IP address; zero for none.
    pub origin_interval: Duration,
    /// Whether clients may have messages compressed. Memory: some 300 KiB per writer, nothing per client.
    pub deflate: bool,
    /// How hard.
    pub deflate_level: Level,
    /// Requests of one group that one IP address may make in a second; 0 for any number.
    pub request_rate: u32,
    /// Markets that clients are told of whether or not the tape has them.
    pub markets: Vec<ListedMarket>,
}

impl RawUpbit {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawUpbit) -> RawUpbit {
        RawUpbit {
            idle_timeout: self.idle_timeout.or(other.idle_timeout),
            requests: self.requests.or(other.requests),
            requests_minute: self.requests_minute.or(other.requests_minute),
            handshakes: self.handshakes.or(other.handshakes),
            origin_interval: self.origin_interval.or(other.origin_interval),
            form: self.form.or(other.form),
            deflate: self.deflate.or(other.deflate),
            deflate_level: self.deflate_level.or(other.deflate_level),
            request_rate: self.request_rate.or(other.request_rate),
            markets: self.markets.or(other.markets),
        }
    }

    /// Checks everything and fills in what is absent.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub(super) fn check(self) -> Result<UpbitConfig, ConfigError> {
        Ok(UpbitConfig {
            limits: UpbitLimits {
                idle_timeout_ms: millis(self.idle_timeout, 120),
                requests_per_second: self.requests.unwrap_or(0),
                requests_per_minute: self.requests_minute.unwrap_or(0),
                edition: edition(self.form.as_deref())?,
            },
            handshakes: self.handshakes.unwrap_or(0),
            origin_interval: self.origin_interval.unwrap_or_default(),
            deflate: self.deflate.unwrap_or(true),
            deflate_level: deflate_level(self.deflate_level)?,
            request_rate: self.request_rate.unwrap_or(0),
            markets: self.markets.as_deref().map_or(Ok(Vec::new()), markets)?,
        })
    }
}

fn edition(text: Option<&str>) -> Result<Edition, ConfigError> {
    match text.unwrap_or("today") {
        "today" => Ok(Edition::Today),
        "recorded" => Ok(Edition::Recorded),
        other => Err(value("--upbit-form", format!("`{other}` is neither today nor recorded"))),
    }
}

fn deflate_level(level: Option<u8>) -> Result<Level, ConfigError> {
    let Some(level) = level else { return Ok(Level::default()) };
    Level::new(level).ok_or_else(|| value("--deflate-level", format!("{level} is not between 1 and 9")))
}

fn markets(path: &Path) -> Result<Vec<ListedMarket>, ConfigError> {
    let failed = |reason: String| value("--upbit-markets", format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    ListedMarket::read_list(&text).map_err(failed)
}
