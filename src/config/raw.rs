//! Flags of `serve`, and the file: what was given, unchecked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::binance::RawBinance;
use crate::config::live::RawLive;
use crate::config::plain::RawPlain;
use crate::config::replay::RawReplay;
use crate::config::replays::RawReplays;
use crate::config::rooms::RawRooms;
use crate::config::socketio::RawSocketIo;
use crate::config::tls::RawTls;
use crate::config::upbit::RawUpbit;
use crate::config::value::{ConfigError, duration, parse_duration};

/// Flags of `serve`, and the members of its configuration file. What is absent has its default.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawConfig {
    /// A tape to play: .tape, or .jsonl or .jsonl.zst, `<receive time in ns> <message>` a line. Give it several times to
    /// merge tapes by receive time. Without it the built-in tape plays in a loop, with its times moved to now. Or no tape:
    /// `bench:symbols=100,rate=100` makes tickers of S000USDT, S001USDT and so on at that rate, stamped when they are
    /// made, to measure with; all at once with `burst=true`, what is due within a millisecond at once with `grain=1ms`,
    /// and so many and no more with `messages=`. Or a live feed: `binance:btcusdt@trade,btcusdt@depth@100ms`,
    /// `upbit:KRW-BTC`, a ws:// or wss:// URL that speaks like one of them without being asked, or what a NATS server has of
    /// one of them: `nats://HOST:PORT/SUBJECT`, `nats://HOST:PORT/SUBJECT?stream=NAME&from=all`.
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
    /// What threads without work do: `park` sleeps until there is some, `spin` looks for it without end, which is the
    /// least latency and a whole core for each writer: for machines with more cores than threads. [default: park]
    #[arg(long, value_name = "WAY")]
    pub wait: Option<String>,
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
    /// Serve what suites of the protocols expect beside the streams: an echo on /engine.io/, events that come back in place
    /// of streams on /socket.io/, an echo over plain WebSocket on /conformance/echo. Clients of Socket.IO are then pinged
    /// every 300ms and have 200ms to answer, 1s to join a namespace, and CORS allows any origin, unless told otherwise.
    /// [default: false]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub conformance: Option<bool>,
    /// Have things go wrong beside the tape, as a script says: `exchange-restart`, `24h-cut`, `gap-in-depth`, `slow-feed`,
    /// `flapping-network`, or a file that ends in .toml; `tapecast faults` shows them, and what a script may say. Each fault is
    /// logged and counted, and a report at the end says which clients noticed. [default: nothing goes wrong]
    #[arg(long, value_name = "SCRIPT")]
    pub faults: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter such as `tapecast::server=debug`. [default: warn]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// For clients of Binance; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub binance: RawBinance,
    /// For clients of Upbit, and of venues asked as Upbit is; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub upbit: RawUpbit,
    /// Over TLS; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub tls: RawTls,
    /// For clients of Socket.IO; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub socketio: RawSocketIo,
    /// For clients without a venue's protocol; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub plain: RawPlain,
    /// Where the tape plays, and who controls it; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub replay: RawReplay,
    /// For replays that clients ask for; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub replays: RawReplays,
    /// For people who talk; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub rooms: RawRooms,
    /// For live feeds; a table of its own in the file.
    #[command(flatten)]
    #[serde(default)]
    pub live: RawLive,
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
                binance: self.binance.or(other.binance),
                upbit: self.upbit.or(other.upbit),
                tls: self.tls.or(other.tls),
                socketio: self.socketio.or(other.socketio),
                plain: self.plain.or(other.plain),
                replay: self.replay.or(other.replay),
                replays: self.replays.or(other.replays),
                rooms: self.rooms.or(other.rooms),
                live: self.live.or(other.live),
                $($field: self.$field.or(other.$field),)*
            } };
        }
        either!(
            listen speed repeat wait_for_clients exit_at_end writers pin wait ring_ticks ring_levels history_ticks
            backlog_bytes_max backlog_age_max stall_limit connections_max message_bytes_max derive conformance faults log
        )
    }
}
