//! What a server is told: flags and file, checked once.
//!
//! [`RawConfig`] mirrors the flags and the file and touches nothing. [`Config`] is built from it once, complete and
//! immutable; the data path sees plain numbers copied out of it at the start.

pub mod binance;
mod faults;
pub mod live;
pub mod plain;
pub mod raw;
pub mod replay;
pub mod replays;
pub mod rooms;
pub mod socketio;
pub mod tls;
pub mod upbit;
pub mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::binance::BinanceConfig;
use crate::config::live::RawLive;
use crate::config::plain::PlainConfig;
pub use crate::config::raw::RawConfig;
use crate::config::replay::ControlConfig;
use crate::config::replays::ReplaysConfig;
use crate::config::socketio::SocketIoConfig;
pub use crate::config::tls::{IdentitySource, TlsConfig};
use crate::config::upbit::UpbitConfig;
pub use crate::config::value::ConfigError;
pub(crate) use crate::config::value::parse_duration;
use crate::config::value::{address, millis, value, within};
use crate::fanout::BacklogLimits;
use crate::feed::builtin;
use crate::feed::fault::Script;
use crate::feed::metronome;
use crate::feed::replay::Speed;
use crate::feed::source::Source;
use crate::ingest::Plan;
use crate::market::engine::Derive;
use crate::ring::{Limits, Wait};
use crate::session::rooms::RoomLimits;

/// Everything a server is told, complete and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The tapes.
    pub sources: Vec<Source>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where TLS is spoken, and as whom; `None` for nowhere.
    pub tls: Option<TlsConfig>,
    /// How the tapes are played.
    pub plan: Plan,
    /// Who may tell the tape what to do; `None` for nobody.
    pub control: Option<ControlConfig>,
    /// Which streams are derived.
    pub derive: Derive,
    /// Whether the server ends with its tape.
    pub exit_at_end: bool,
    /// Writer threads.
    pub writers: usize,
    /// Whether each has a core of its own.
    pub pin: bool,
    /// What threads without work do.
    pub wait: Wait,
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
    /// Whether what suites of the protocols expect is served.
    pub is_conformance: bool,
    /// For clients of Binance.
    pub binance: BinanceConfig,
    /// For clients of Upbit.
    pub upbit: UpbitConfig,
    /// For clients of Socket.IO.
    pub socketio: SocketIoConfig,
    /// For clients without a venue's protocol.
    pub plain: PlainConfig,
    /// For people who talk; `None` where they do not.
    pub rooms: Option<RoomLimits>,
    /// For replays that clients ask for.
    pub replays: ReplaysConfig,
    /// What is to go wrong; `None` for nothing.
    pub faults: Option<Arc<Script>>,
}

impl RawConfig {
    /// Checks everything and fills in what is absent.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub fn check(self) -> Result<Config, ConfigError> {
        let is_built_in = self.feed.is_empty();
        let exit_at_end = self.exit_at_end.unwrap_or(false);
        let sources = if is_built_in { vec![builtin::DEMO] } else { sources(&self.feed, &self.live)? };
        let speed = self.speed.as_deref().unwrap_or("1x").parse().map_err(|reason| value("--speed", reason))?;
        let repeat = self.repeat.unwrap_or(is_built_in && !exit_at_end && speed != Speed::Max);
        if repeat && exit_at_end {
            return Err(value("--exit-at-end", "a tape that repeats has no end; leave out one of the two"));
        }
        self.live.check(&sources, speed == Speed::Times(1.0) && !repeat)?;
        let writers = self.writers.unwrap_or_else(default_writers);
        within("--writers", writers, 1..=256)?;
        let backlog_bytes_max = self.backlog_bytes_max.unwrap_or(4 << 20);
        within("--backlog-bytes-max", backlog_bytes_max, 4 * HIGH_WATER_BYTES..=1 << 30)?;
        let message_bytes_max = self.message_bytes_max.unwrap_or(1 << 20);
        within("--message-bytes-max", message_bytes_max, 65_536..=1 << 28)?;
        let connections_max = self.connections_max.unwrap_or(100_000);
        within("--connections-max", connections_max, 1..=10_000_000)?;
        let listen = address("--listen", self.listen.as_deref().unwrap_or("127.0.0.1:9400"))?;
        let wait = wait(self.wait.as_deref())?;
        let is_conformance = self.conformance.unwrap_or(false);
        let (binance, upbit) = (self.binance.check(), self.upbit.check()?);
        let socketio = self.socketio.check(upbit.limits.edition, is_conformance)?;
        let rooms = self.rooms.check(message_bytes_max.min(socketio.limits.engine.payload_bytes_max))?;
        let replay = self.replay.check(&sources, is_built_in)?;
        Ok(Config {
            sources,
            listen,
            tls: self.tls.check()?,
            plan: Plan {
                speed,
                repeat,
                shift_to_now: replay.shift_to_now,
                from: replay.from,
                warm_up_ns: replay.warm_up_ns,
                to: replay.to,
                is_paused: replay.is_paused,
                is_controlled: replay.control.is_some() && !exit_at_end,
                wait_for_clients: self.wait_for_clients.unwrap_or(0),
                wait,
            },
            control: replay.control,
            derive: derive(self.derive.as_deref())?,
            exit_at_end,
            writers,
            pin: self.pin.unwrap_or(true),
            wait,
            ring: ring_limits(self.ring_ticks, self.ring_levels, self.history_ticks)?,
            backlog: BacklogLimits {
                bytes_max: backlog_bytes_max,
                age_ms_max: millis(self.backlog_age_max, 30),
                high_water_bytes: HIGH_WATER_BYTES,
            },
            stall_ms: millis(self.stall_limit, 5),
            connections_max,
            message_bytes_max,
            is_conformance,
            socketio,
            rooms,
            replays: self.replays.check()?,
            faults: faults::script(self.faults.as_deref())?,
            plain: self.plain.check(listen, &binance, upbit.limits.edition)?,
            binance,
            upbit,
        })
    }
}

/// Bytes waiting for one session above which a tape at speed max waits. A batch ends when it is this large, so a
/// backlog stays below twice this much and never meets its limit while its session makes progress.
pub const HIGH_WATER_BYTES: usize = 256 << 10;

/// Names that begin with `bench:` are made, those that begin as addresses do are live, all others are files.
fn sources(feeds: &[PathBuf], live: &RawLive) -> Result<Vec<Source>, ConfigError> {
    let source = |feed: &PathBuf| match feed.to_str() {
        Some(name) if name.starts_with(metronome::PREFIX) => {
            name.parse().map(Source::Beat).map_err(|reason: String| value("--feed", reason))
        }
        Some(name) if RawLive::is_live(name) => live.source(name),
        _ => Ok(Source::file(feed)),
    };
    feeds.iter().map(source).collect()
}

fn derive(text: Option<&str>) -> Result<Derive, ConfigError> {
    match text.unwrap_or("auto") {
        "auto" => Ok(Derive::Auto),
        "always" => Ok(Derive::Always),
        "never" => Ok(Derive::Never),
        other => Err(value("--derive", format!("`{other}` is neither auto, always nor never"))),
    }
}

fn wait(text: Option<&str>) -> Result<Wait, ConfigError> {
    match text.unwrap_or("park") {
        "park" => Ok(Wait::Park),
        "spin" => Ok(Wait::Spin),
        other => Err(value("--wait", format!("`{other}` is neither park nor spin"))),
    }
}

fn default_writers() -> usize {
    match std::thread::available_parallelism().map_or(1, usize::from) {
        cores @ 0..=2 => cores.max(1),
        cores => cores - 1,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::upbit::RawUpbit;
    use std::path::Path;

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
        let of_upbit = |upbit| RawConfig { upbit, ..raw() };
        assert!(error(RawConfig { speed: Some("fast".into()), ..raw() }).starts_with("--speed: `fast`"));
        assert!(error(RawConfig { listen: Some("9400".into()), ..raw() }).starts_with("--listen: `9400`"));
        assert!(
            error(of_upbit(RawUpbit { form: Some("2021".into()), ..RawUpbit::default() }))
                .starts_with("--upbit-form: `2021`")
        );
        assert!(error(RawConfig { wait: Some("sleep".into()), ..raw() }).starts_with("--wait: `sleep`"));
        assert!(error(RawConfig { writers: Some(0), ..raw() }).starts_with("--writers: 0"));
        assert!(
            error(of_upbit(RawUpbit { deflate_level: Some(0), ..RawUpbit::default() }))
                .starts_with("--deflate-level: 0")
        );
        assert!(error(RawConfig { ring_ticks: Some(1_000), ..raw() }).contains("1000"));
        let markets = error(of_upbit(RawUpbit { markets: Some("/nowhere.json".into()), ..RawUpbit::default() }));
        assert!(markets.starts_with("--upbit-markets: /nowhere.json: "), "{markets}");
        assert!(error(RawConfig { repeat: Some(true), exit_at_end: Some(true), ..raw() }).contains("repeats"));
    }

    #[test]
    fn a_file_has_the_names_of_the_flags_and_flags_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tapecast.toml");
        std::fs::write(
            &path,
            "speed = \"10x\"\nfeed = [\"a.jsonl\"]\nstall-limit = \"250ms\"\n[upbit]\nhandshakes = 7\n",
        )
        .unwrap();
        let flags = RawConfig { speed: Some("max".into()), ..RawConfig::default() };
        let config = flags.or(RawConfig::read(&path).unwrap()).check().unwrap();
        assert_eq!((config.plan.speed, config.stall_ms, config.upbit.handshakes), (Speed::Max, 250, 7));
        for (text, reason) in [
            ("speed = \"1x\"\nspeedy = 3\n", "line 2: unknown field `speedy`"),
            ("writers = \"two\"\n", "line 1: invalid type"),
            ("stall-limit = \"soon\"\n", "`soon` is no time"),
            ("[binance]\nping-interval = \"18446744073709551615ms\"\n", "is too long: a time is at most 100000h"),
            ("[upbit]\nping-interval = \"1s\"\n", "line 2: unknown field `ping-interval`"),
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
