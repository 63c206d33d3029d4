//! Replays that clients ask for: of which tapes, how many at once, and how long one waits for clients.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, duration, parse_duration, value, within};

/// Flags and members of the file. What is absent has its default.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Replays of a client's own, on /replay/<tape>/…")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawReplays {
    /// A folder of tapes that clients may have replayed for themselves, on `/replay/FILE/ws/…` and so on; several
    /// times for several. They may have those that the server plays or records in any case, and `demo`.
    #[arg(long, value_name = "FOLDER")]
    #[serde(default)]
    pub tapes: Vec<PathBuf>,
    /// Replays at once; 0 for none. Each costs two threads, some 14 MB, and what its market needs. [default: 32]
    #[arg(long, value_name = "N")]
    pub replays_max: Option<usize>,
    /// How long a replay with a key outlives its last client. [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub replay_linger: Option<Duration>,
}

/// The same, complete and checked.
#[derive(Clone, Debug)]
pub struct ReplaysConfig {
    /// Where tapes are looked for.
    pub folders: Vec<PathBuf>,
    /// Most replays at once. Worst case in memory: 14 MB each, and what their markets need.
    pub replays_max: usize,
    /// How long a replay that clients share goes on without any.
    pub linger: Duration,
}

impl RawReplays {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawReplays) -> RawReplays {
        RawReplays {
            tapes: if self.tapes.is_empty() { other.tapes } else { self.tapes },
            replays_max: self.replays_max.or(other.replays_max),
            replay_linger: self.replay_linger.or(other.replay_linger),
        }
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub(super) fn check(self) -> Result<ReplaysConfig, ConfigError> {
        if let Some(path) = self.tapes.iter().find(|path| !path.is_dir()) {
            return Err(value("--tapes", format!("{} is no folder", path.display())));
        }
        let replays_max = self.replays_max.unwrap_or(32);
        within("--replays-max", replays_max, 0..=1_024)?;
        let linger = self.replay_linger.unwrap_or(Duration::from_secs(60));
        Ok(ReplaysConfig { folders: self.tapes, replays_max, linger })
    }
}
