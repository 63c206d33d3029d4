//! What a server is told: flags and file, checked once.
//!
//! [`RawConfig`] mirrors the flags and the file and touches nothing. [`Config`] is built from it once, complete and
//! immutable; the data path sees plain numbers copied out of it at the start.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use thiserror::Error;

use crate::fanout::BacklogLimits;
use crate::feed::builtin;
use crate::feed::replay::Speed;
use crate::feed::tape::Source;
use crate::ingest::Plan;
use crate::market::engine::Derive;
use crate::protocol::deflate::Level;
use crate::ring::Limits;
use crate::session::binance::BinanceLimits;
use crate::session::heartbeat::HeartbeatLimits;
use crate::session::rate::RateLimits;
use crate::session::upbit::UpbitLimits;
use crate::venue::upbit::Edition;
use crate::venue::upbit::rest::listing::ListedMarket;

/// Flags of `serve`, and the members of its configuration file. What is absent has its default.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawConfig {
    /// A tape to play: .jsonl or .jsonl.zst, `<receive time in ns> <message>` a line. Give it several times to merge
    /// tapes by receive time. Without it the built-in tape plays in a loop, with its times moved to now.
    #[arg(long, value_name = "PATH")]
    #[serde(default)]
    pub feed: Vec<PathBuf>,
    /// Where to listen. Port 0 picks a free one and prints it. [default: 127.0.0.1:9400]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// How fast the tape plays: `1x` as recorded, `10x`, `0.5x`, or `max`, where the tape waits for its readers.
    /// [default: 1x]
    #[arg(long)]
    pub speed: Option<String>,
    /// Begin again at the tape's end. Ids and times go on rising, books stay consistent.
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub repeat: Option<bool>,
    /// Start the tape when this many clients have each subscribed to something. [default: 0]
    #[arg(long, value_name = "N")]
    pub wait_for_clients: Option<usize>,
    /// Exit with 0 when the last tick has been delivered to everyone.
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub exit_at_end: Option<bool>,
    /// Writer threads, each with its own share of the clients. [default: one per core, less one for the feed where
    /// there are more than two]
    #[arg(long, value_name = "N")]
    pub writers: Option<usize>,
    /// Keep each writer on a core of its own. [default: true]
    #[arg(long, value_name = "BOOL")]
    pub pin: Option<bool>,
    /// Ticks the ring holds, a power of two. Memory: 448 bytes each. [default: 16384]
    #[arg(long, value_name = "N")]
    pub ring_ticks: Option<usize>,
    /// Price levels the ring holds beside its ticks, a power of two. Memory: 32 bytes each. [default: 262144]
    #[arg(long, value_name = "N")]
    pub ring_levels: Option<usize>,
    /// Ticks that stay readable behind the readers, at most half the ring. [default: a quarter of the ring]
    #[arg(long, value_name = "N")]
    pub history_ticks: Option<usize>,
    /// Bytes kept for a client that does not take them. Above half of it superseded ticker and book messages are left
    /// out; above all of it the client is disconnected. [default: 4194304]
    #[arg(long, value_name = "BYTES")]
    pub backlog_bytes_max: Option<usize>,
    /// How long a client may take nothing while something waits for it. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub backlog_age_max: Option<Duration>,
    /// At speed max: how long the tape waits for a client that takes nothing. [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub stall_limit: Option<Duration>,
    /// Connections per writer; more are refused. [default: 100000]
    #[arg(long, value_name = "N")]
    pub connections_max: Option<usize>,
    /// Largest message a client may send. [default: 1048576]
    #[arg(long, value_name = "BYTES")]
    pub message_bytes_max: Option<usize>,
    /// Streams that the tape does not carry and that follow from what it does: `auto` derives what is missing, `always`
    /// derives also what the tape carries, `never` derives nothing. [default: auto]
    #[arg(long, value_name = "WHICH")]
    pub derive: Option<String>,
    /// Binance: streams on one connection, 0 for any number. [default: 1024]
    #[arg(long, value_name = "N")]
    pub streams_max: Option<usize>,
    /// Binance: time from one ping to the next, 0s for none. [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub ping_interval: Option<Duration>,
    /// Binance: time without a pong after which a client is given up, 0s for never. [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub pong_timeout: Option<Duration>,
    /// Binance: messages a client may send a second in the long run, 0 for any number. [default: 5]
    #[arg(long, value_name = "N")]
    pub message_rate: Option<u32>,
    /// Binance: messages a client may send at once. [default: 20]
    #[arg(long, value_name = "N")]
    pub message_burst: Option<u32>,
    /// Binance: time after which a connection ends, 0s for never. [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub connection_lifetime: Option<Duration>,
    /// Binance: connections from one IP address within 5 minutes, 0 for any number. [default: 300]
    #[arg(long, value_name = "N")]
    pub attempts_max: Option<u32>,
    /// Binance: whether names that it has retired or never documented still deliver: `!ticker@arr`, `!bookTicker`,
    /// `!miniTicker@arr@1000ms`, `<symbol>@depth@1000ms`. [default: true]
    #[arg(long, value_name = "BOOL")]
    pub retired_names: Option<bool>,
    /// Binance: symbols to list by REST, a file with what the exchange's exchangeInfo answered, .json or .zst. Symbols
    /// of the tape that it lacks are added, their rules inferred.
    #[arg(long, value_name = "FILE")]
    pub exchange_info: Option<PathBuf>,
    /// Binance: weight of requests below /api/ that an IP address may use in a minute, 0 for any. [default: 6000]
    #[arg(long, value_name = "N")]
    pub weight_max: Option<u32>,
    /// Upbit: time without data in either direction after which a connection is dropped, 0s for never.
    /// [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub idle_timeout: Option<Duration>,
    /// Upbit: requests on one connection in any second, 0 for any number; the exchange allows 5. [default: 0]
    #[arg(long, value_name = "N")]
    pub upbit_requests: Option<u32>,
    /// Upbit: requests on one connection in any minute, 0 for any number; the exchange allows 100. [default: 0]
    #[arg(long, value_name = "N")]
    pub upbit_requests_minute: Option<u32>,
    /// Upbit: handshakes from one IP address in any second, 0 for any number; the exchange allows 5. [default: 0]
    #[arg(long, value_name = "N")]
    pub upbit_handshakes: Option<u32>,
    /// Upbit: time between two handshakes of a browser, told by its Origin header, from one IP address, 0s for none;
    /// the exchange demands 10s. [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub upbit_origin_interval: Option<Duration>,
    /// Upbit: `today` serves recordings of any year as the exchange would send them today, `recorded` exactly as they
    /// are. [default: today]
    #[arg(long, value_name = "WHICH")]
    pub upbit_form: Option<String>,
    /// Upbit: compress messages for clients that offer it. [default: true]
    #[arg(long, value_name = "BOOL")]
    pub deflate: Option<bool>,
    /// Upbit: how hard, from 1, least work, to 9, fewest bytes. [default: 2]
    #[arg(long, value_name = "N")]
    pub deflate_level: Option<u8>,
    /// Upbit: requests below /v1/ of one group that an IP address may make in a second, 0 for any number; the exchange
    /// allows 10. [default: 0]
    #[arg(long, value_name = "N")]
    pub request_rate: Option<u32>,
    /// Upbit: markets with their names, as /v1/market/all answers them. Without it those of the tape are listed, under
    /// the code of their base currency.
    #[arg(long, value_name = "FILE")]
    pub upbit_markets: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or a filter such as `tapecast::server=debug`. [default: warn]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a member that does not exist or is of a wrong type.
    #[error("configuration file {path}, {reason}")]
    Toml {
        /// Which one.
        path: PathBuf,
        /// Line and reason.
        reason: String,
    },
    /// A value that cannot be used.
    #[error("{name}: {reason}")]
    Value {
        /// The flag's name.
        name: &'static str,
        /// Why, with the value.
        reason: String,
    },
}

/// Everything a server is told, complete and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The tapes.
    pub sources: Vec<Source>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// How the tapes are played.
    pub plan: Plan,
    /// Which streams are derived.
    pub derive: Derive,
    /// Whether the server ends with its tape.
    pub exit_at_end: bool,
    /// Writer threads.
    pub writers: usize,
    /// Whether each has a core of its own.
    pub pin: bool,
    /// The ring's sizes. Worst case in memory: `slots` × 448 + `annex` × 32 bytes, all of it taken at the start.
    pub ring: Limits,
    /// What is kept for slow clients. Worst case: `bytes_max` per session, less what sessions share.
    pub backlog: BacklogLimits,
    /// At speed max: how long the tape waits for a session that takes nothing, in milliseconds.
    pub stall_ms: u64,
    /// Most connections per writer.
    pub connections_max: usize,
    /// Largest message from a client. Worst case: this much per session.
    pub message_bytes_max: usize,
    /// For clients of Binance.
    pub binance: BinanceLimits,
    /// Connections from one IP address within 5 minutes, for clients of Binance; 0 for any number.
    pub attempts_max: u32,
    /// Symbols that are listed whether or not the tape has them; `None` for the tape's alone. Worst case in memory: the
    /// file's size, unpacked.
    pub exchange_info: Option<PathBuf>,
    /// Weight of requests that one IP address may use in a minute; 0 for any.
    pub weight_max: u32,
    /// For clients of Upbit.
    pub upbit: UpbitLimits,
    /// Handshakes from one IP address in a second, for clients of Upbit; 0 for any number.
    pub upbit_handshakes: u32,
    /// Time between two handshakes of browsers from one IP address, for clients of Upbit; zero for none.
    pub upbit_origin_interval: Duration,
    /// Whether clients of Upbit may have messages compressed. Memory: some 300 KiB per writer, nothing per client.
    pub deflate: bool,
    /// How hard.
    pub deflate_level: Level,
    /// Requests of one group that one IP address may make in a second, for clients of Upbit; 0 for any number.
    pub request_rate: u32,
    /// Markets that clients of Upbit are told of whether or not the tape has them.
    pub upbit_markets: Vec<ListedMarket>,
}

impl RawConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<RawConfig, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a file; `path` is what errors call it.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] naming the line and what is wrong in it.
    pub fn parse(text: &str, path: &Path) -> Result<RawConfig, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let reason = format!("line {line}: {}", error.message());
            ConfigError::Toml { path: path.to_owned(), reason }
        })
    }

    /// This configuration with what it lacks taken from `other`.
    #[must_use]
    pub fn or(self, other: RawConfig) -> RawConfig {
        macro_rules! either {
            ($($field:ident)*) => { RawConfig {
                feed: if self.feed.is_empty() { other.feed } else { self.feed },
                $($field: self.$field.or(other.$field),)*
            } };
        }
        either!(
            listen speed repeat wait_for_clients exit_at_end writers pin ring_ticks ring_levels history_ticks
            backlog_bytes_max backlog_age_max stall_limit connections_max message_bytes_max streams_max derive ping_interval
            message_rate message_burst connection_lifetime attempts_max weight_max pong_timeout idle_timeout
            retired_names upbit_requests upbit_requests_minute upbit_handshakes upbit_origin_interval upbit_form
            deflate deflate_level exchange_info request_rate upbit_markets log
        )
    }

    /// Checks everything and fills in what is absent.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub fn check(self) -> Result<Config, ConfigError> {
        let is_built_in = self.feed.is_empty();
        let exit_at_end = self.exit_at_end.unwrap_or(false);
        let sources = if is_built_in { vec![builtin::DEMO] } else { self.feed.into_iter().map(Source::File).collect() };
        let speed = self.speed.as_deref().unwrap_or("1x").parse().map_err(|reason| value("--speed", reason))?;
        let repeat = self.repeat.unwrap_or(is_built_in && !exit_at_end && speed != Speed::Max);
        if repeat && exit_at_end {
            return Err(value("--exit-at-end", "a tape that repeats has no end; leave out one of the two"));
        }
        let writers = self.writers.unwrap_or_else(default_writers);
        within("--writers", writers, 1..=256)?;
        let backlog_bytes_max = self.backlog_bytes_max.unwrap_or(4 << 20);
        within("--backlog-bytes-max", backlog_bytes_max, 4 * HIGH_WATER_BYTES..=1 << 30)?;
        let message_bytes_max = self.message_bytes_max.unwrap_or(1 << 20);
        within("--message-bytes-max", message_bytes_max, 65_536..=1 << 28)?;
        let connections_max = self.connections_max.unwrap_or(100_000);
        within("--connections-max", connections_max, 1..=10_000_000)?;
        let millis =
            |time: Option<Duration>, default_s| time.unwrap_or(Duration::from_secs(default_s)).as_millis() as u64;
        Ok(Config {
            sources,
            listen: address(self.listen.as_deref().unwrap_or("127.0.0.1:9400"))?,
            plan: Plan {
                speed,
                repeat,
                shift_to_now: is_built_in,
                wait_for_clients: self.wait_for_clients.unwrap_or(0),
            },
            derive: derive(self.derive.as_deref())?,
            exit_at_end,
            writers,
            pin: self.pin.unwrap_or(true),
            ring: ring_limits(self.ring_ticks, self.ring_levels, self.history_ticks)?,
            backlog: BacklogLimits {
                bytes_max: backlog_bytes_max,
                age_ms_max: millis(self.backlog_age_max, 30),
                high_water_bytes: HIGH_WATER_BYTES,
            },
            stall_ms: millis(self.stall_limit, 5),
            connections_max,
            message_bytes_max,
            binance: BinanceLimits {
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
            },
            attempts_max: self.attempts_max.unwrap_or(300),
            exchange_info: self.exchange_info,
            weight_max: self.weight_max.unwrap_or(6_000),
            upbit: UpbitLimits {
                idle_timeout_ms: millis(self.idle_timeout, 120),
                requests_per_second: self.upbit_requests.unwrap_or(0),
                requests_per_minute: self.upbit_requests_minute.unwrap_or(0),
                edition: edition(self.upbit_form.as_deref())?,
            },
            upbit_handshakes: self.upbit_handshakes.unwrap_or(0),
            upbit_origin_interval: self.upbit_origin_interval.unwrap_or_default(),
            deflate: self.deflate.unwrap_or(true),
            deflate_level: deflate_level(self.deflate_level)?,
            request_rate: self.request_rate.unwrap_or(0),
            upbit_markets: self.upbit_markets.as_deref().map_or(Ok(Vec::new()), upbit_markets)?,
        })
    }
}

/// Bytes waiting for one session above which a tape at speed max waits. A batch ends when it is this large, so a
/// backlog stays below twice this much and never meets its limit while its session makes progress.
pub const HIGH_WATER_BYTES: usize = 256 << 10;

fn value(name: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { name, reason: reason.into() }
}

fn within(name: &'static str, number: usize, range: std::ops::RangeInclusive<usize>) -> Result<(), ConfigError> {
    if range.contains(&number) {
        return Ok(());
    }
    Err(value(name, format!("{number} is not between {} and {}", range.start(), range.end())))
}

fn derive(text: Option<&str>) -> Result<Derive, ConfigError> {
    match text.unwrap_or("auto") {
        "auto" => Ok(Derive::Auto),
        "always" => Ok(Derive::Always),
        "never" => Ok(Derive::Never),
        other => Err(value("--derive", format!("`{other}` is neither auto, always nor never"))),
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

fn upbit_markets(path: &Path) -> Result<Vec<ListedMarket>, ConfigError> {
    let failed = |reason: String| value("--upbit-markets", format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    ListedMarket::read_list(&text).map_err(failed)
}

fn default_writers() -> usize {
    match std::thread::available_parallelism().map_or(1, usize::from) {
        cores @ 0..=2 => cores.max(1),
        cores => cores - 1,
    }
}

fn address(text: &str) -> Result<SocketAddr, ConfigError> {
    let failed = || {
        value("--listen", format!("`{text}` is no address: give host and port, for instance 127.0.0.1:9400 or [::1]:0"))
    };
    text.to_socket_addrs().map_err(|_| failed())?.next().ok_or_else(failed)
}

fn ring_limits(ticks: Option<usize>, levels: Option<usize>, history: Option<usize>) -> Result<Limits, ConfigError> {
    let slots = ticks.unwrap_or(16_384);
    let annex = levels.unwrap_or(262_144);
    within("--ring-ticks", slots, 64..=1 << 26)?;
    // A run of levels may take up a quarter of the annex.
    within("--ring-levels", annex, 4 * crate::venue::LEVELS_MAX..=1 << 28)?;
    let history_slots = history.unwrap_or(slots / 4);
    let limits = Limits { slots, annex, history_slots, history_annex: annex / 4 };
    match limits.check(true) {
        Ok(()) => Ok(limits),
        Err(error) => Err(value("--ring-ticks, --ring-levels, --history-ticks", error.to_string())),
    }
}

/// The longest time that can be given, 11 years: clocks are added to times.
const DURATION_MAX: Duration = Duration::from_secs(100_000 * 3_600);

/// Reads `250ms`, `5s`, `2m` or `1h`, up to [`DURATION_MAX`].
fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let read = |(unit, millis): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.checked_mul(millis)?))
    };
    match units.into_iter().find_map(read) {
        Some(time) if time <= DURATION_MAX => Ok(time),
        Some(_) => Err(format!("`{text}` is too long: a time is at most {}h", DURATION_MAX.as_secs() / 3_600)),
        None => Err(format!("`{text}` is no time: give for instance 250ms, 5s or 2m")),
    }
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(raw: RawConfig) -> String {
        raw.check().unwrap_err().to_string()
    }

    #[test]
    fn nothing_given_is_a_whole_configuration() {
        let config = RawConfig::default().check().unwrap();
        assert!(config.plan.repeat && config.plan.shift_to_now && !config.exit_at_end);
        assert_eq!(config.listen.to_string(), "127.0.0.1:9400");
    }

    #[test]
    fn values_that_cannot_be_used_are_named() {
        let raw = RawConfig::default;
        assert!(error(RawConfig { speed: Some("fast".into()), ..raw() }).starts_with("--speed: `fast`"));
        assert!(error(RawConfig { listen: Some("9400".into()), ..raw() }).starts_with("--listen: `9400`"));
        assert!(error(RawConfig { upbit_form: Some("2021".into()), ..raw() }).starts_with("--upbit-form: `2021`"));
        assert!(error(RawConfig { writers: Some(0), ..raw() }).starts_with("--writers: 0"));
        assert!(error(RawConfig { deflate_level: Some(0), ..raw() }).starts_with("--deflate-level: 0"));
        assert!(error(RawConfig { ring_ticks: Some(1_000), ..raw() }).contains("1000"));
        let markets = error(RawConfig { upbit_markets: Some("/nowhere.json".into()), ..raw() });
        assert!(markets.starts_with("--upbit-markets: /nowhere.json: "), "{markets}");
        assert!(error(RawConfig { repeat: Some(true), exit_at_end: Some(true), ..raw() }).contains("repeats"));
    }

    #[test]
    fn a_file_has_the_names_of_the_flags_and_flags_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tapecast.toml");
        std::fs::write(&path, "speed = \"10x\"\nfeed = [\"a.jsonl\"]\nstall-limit = \"250ms\"\n").unwrap();
        let flags = RawConfig { speed: Some("max".into()), ..RawConfig::default() };
        let config = flags.or(RawConfig::read(&path).unwrap()).check().unwrap();
        assert_eq!((config.plan.speed, config.stall_ms), (Speed::Max, 250));
        for (text, reason) in [
            ("speed = \"1x\"\nspeedy = 3\n", "line 2: unknown field `speedy`"),
            ("writers = \"two\"\n", "line 1: invalid type"),
            ("stall-limit = \"soon\"\n", "`soon` is no time"),
            ("ping-interval = \"18446744073709551615ms\"\n", "is too long: a time is at most 100000h"),
            ("a = \n", "line 1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = RawConfig::read(&path).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("tapecast.toml"), "{error}");
        }
        let error = RawConfig::read(Path::new("/nowhere.toml")).unwrap_err().to_string();
        assert!(error.contains("/nowhere.toml"), "{error}");
    }
}
