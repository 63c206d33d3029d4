//! What holds for clients of Binance.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{duration, millis, parse_duration};
use crate::session::binance::BinanceLimits;
use crate::session::heartbeat::HeartbeatLimits;
use crate::session::rate::RateLimits;

/// Flags and members of the file. What is absent has its default, which is the exchange's.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "For clients of Binance")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawBinance {
    /// Streams on one connection, 0 for any number. [default: 1024]
    #[arg(long, value_name = "N")]
    pub streams_max: Option<usize>,
    /// Time from one ping to the next, 0s for none. [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub ping_interval: Option<Duration>,
    /// Time without a pong after which a client is given up, 0s for never. [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub pong_timeout: Option<Duration>,
    /// Messages a client may send a second in the long run, 0 for any number. [default: 5]
    #[arg(long, value_name = "N")]
    pub message_rate: Option<u32>,
    /// Messages a client may send at once. [default: 20]
    #[arg(long, value_name = "N")]
    pub message_burst: Option<u32>,
    /// Time after which a connection ends, 0s for never. [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub connection_lifetime: Option<Duration>,
    /// Connections from one IP address within 5 minutes, 0 for any number. [default: 300]
    #[arg(long, value_name = "N")]
    pub attempts_max: Option<u32>,
    /// Whether names that it has retired or never documented still deliver: `!ticker@arr`, `!bookTicker`,
    /// `!miniTicker@arr@1000ms`, `<symbol>@depth@1000ms`. [default: true]
    #[arg(long, value_name = "BOOL")]
    pub retired_names: Option<bool>,
    /// Symbols to list by REST, a file with what the exchange's exchangeInfo answered, .json or .zst. Symbols
    /// of the tape that it lacks are added, their rules inferred.
    #[arg(long, value_name = "FILE")]
    pub exchange_info: Option<PathBuf>,
    /// Weight of requests below /api/ that an IP address may use in a minute, 0 for any. [default: 6000]
    #[arg(long, value_name = "N")]
    pub weight_max: Option<u32>,
}

/// The same, complete.
#[derive(Clone, Debug)]
pub struct BinanceConfig {
    /// Of each connection.
    pub limits: Arc<BinanceLimits>,
    /// Connections from one IP address within 5 minutes; 0 for any number.
    pub attempts_max: u32,
    /// Symbols that are listed whether or not the tape has them; `None` for the tape's alone. Worst case in memory: the
    /// file's size, unpacked.
    pub exchange_info: Option<PathBuf>,
    /// Weight of requests that one IP address may use in a minute; 0 for any.
    pub weight_max: u32,
}

impl RawBinance {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawBinance) -> RawBinance {
        RawBinance {
            streams_max: self.streams_max.or(other.streams_max),
            ping_interval: self.ping_interval.or(other.ping_interval),
            pong_timeout: self.pong_timeout.or(other.pong_timeout),
            message_rate: self.message_rate.or(other.message_rate),
            message_burst: self.message_burst.or(other.message_burst),
            connection_lifetime: self.connection_lifetime.or(other.connection_lifetime),
            attempts_max: self.attempts_max.or(other.attempts_max),
            retired_names: self.retired_names.or(other.retired_names),
            exchange_info: self.exchange_info.or(other.exchange_info),
            weight_max: self.weight_max.or(other.weight_max),
        }
    }

    /// Fills in what is absent.
    pub(super) fn check(self) -> BinanceConfig {
        BinanceConfig {
            limits: Arc::new(BinanceLimits {
                streams_max: self.streams_max.unwrap_or(1_024),
                heartbeat: HeartbeatLimits {
                    ping_interval_ms: millis(self.ping_interval, 20),
                    pong_timeout_ms: millis(self.pong_timeout, 60),
                },
                rate: RateLimits {
                    per_second: self.message_rate.unwrap_or(5),
                    burst: self.message_burst.unwrap_or(20),
                },
                lifetime_ms: millis(self.connection_lifetime, 86_400),
                serves_retired_names: self.retired_names.unwrap_or(true),
            }),
            attempts_max: self.attempts_max.unwrap_or(300),
            exchange_info: self.exchange_info,
            weight_max: self.weight_max.unwrap_or(6_000),
        }
    }
}
