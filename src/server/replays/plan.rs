//! What a replay is told, checked: a plan to play by.

use std::sync::Arc;

use crate::config::{Config, parse_duration};
use crate::feed::fault::{Script, shipped};
use crate::feed::merge::Merge;
use crate::feed::replay::Speed;
use crate::feed::time;
use crate::ingest::Plan;
use crate::ring::{Limits, Wait};
use crate::server::replays::asked::Settings;

/// Most clients that a replay can be told to wait for.
const CLIENTS_MAX: usize = 1_000;

/// Most connections of one replay.
const CONNECTIONS_MAX: usize = 2_048;

/// Ticks and levels that a replay's ring holds: a client of its own is never far behind.
const RING: Limits = Limits { slots: 4_096, annex: 1 << 17, history_slots: 1_024, history_annex: 1 << 15 };

/// A server's configuration as it holds for replays: nobody listens, one core is enough.
pub(super) fn template(config: &Config) -> Config {
    Config {
        tls: None,
        rooms: None,
        control: None,
        writers: 1,
        pin: false,
        wait: Wait::Park,
        faults: None,
        ring: RING,
        connections_max: config.connections_max.min(CONNECTIONS_MAX),
        ..config.clone()
    }
}

impl Settings {
    /// How the replay plays, and whether it ends with its tape.
    ///
    /// # Errors
    /// The first setting that cannot be carried out, and what could.
    pub(super) fn plan(&self, feed: &Merge) -> Result<(Plan, bool), String> {
        let first = feed.peek().unwrap_or(0);
        let time = |name: &str| -> Result<Option<i64>, String> {
            let read = |text| time::parse(text, (first, first)).map_err(|error| format!("{name}: {error}"));
            self.of(name).map(read).transpose()
        };
        let (from, to) = (time("from")?, time("to")?);
        let start = from.unwrap_or(first).max(first);
        if let Some(to) = to.filter(|to| *to <= start) {
            let (to, start) = (time::format(to), time::format(start));
            return Err(format!("to: {to} is not after {start}, where the replay starts"));
        }
        let warm_up =
            self.of("warm-up").map(parse_duration).transpose().map_err(|error| format!("warm-up: {error}"))?;
        if warm_up.is_some() && from.is_none() {
            return Err("warm-up: there is nothing before the tape's beginning; give from as well".into());
        }
        // A time is at most 100,000 hours, which are fewer nanoseconds than fit.
        let warm_up_ns = warm_up.map(|time| time.as_nanos() as i64);
        let speed: Speed = self.of("speed").unwrap_or("1x").parse().map_err(|error| format!("speed: {error}"))?;
        let repeat = self.switch("loop")?;
        let is_paused = self.switch("paused")?;
        if is_paused && self.key().is_none() {
            return Err("paused: nobody could let it play; give it a key".into());
        }
        let ends = match self.of("end").unwrap_or("close") {
            "close" => true,
            "stay" if self.key().is_some() => false,
            "stay" => return Err("end: nobody could take it back from its end; give it a key".into()),
            other => return Err(format!("end: `{other}` is neither close nor stay")),
        };
        let shift_to_now = match self.of("clock").unwrap_or("recorded") {
            "recorded" => false,
            "now" => true,
            other => return Err(format!("clock: `{other}` is neither recorded nor now")),
        };
        let plan = Plan {
            speed,
            repeat,
            shift_to_now,
            from,
            warm_up_ns,
            to,
            is_paused,
            is_controlled: self.key().is_some() && !ends,
            wait_for_clients: self.clients()?,
            wait: Wait::Park,
        };
        Ok((plan, ends))
    }

    /// What is to go wrong: a script that comes with the program. Files are the server's own affair.
    ///
    /// # Errors
    /// Which scripts there are.
    pub(super) fn faults(&self) -> Result<Option<Arc<Script>>, String> {
        let Some(name) = self.of("faults") else { return Ok(None) };
        let names = || shipped::SCRIPTS.map(|(name, _)| name).join(", ");
        let text = shipped::text(name).ok_or_else(|| format!("faults: `{name}` is none of {}", names()))?;
        Script::parse(name, text).map(|script| Some(Arc::new(script))).map_err(|error| format!("faults: {error}"))
    }

    /// Nothing is played before somebody listens, unless that is asked for: libraries ask for symbols first.
    fn clients(&self) -> Result<usize, String> {
        let text = self.of("clients").unwrap_or("1");
        match text.parse() {
            Ok(2..) if self.key().is_none() => Err("clients: nobody else could come; give it a key".into()),
            Ok(clients @ 0..=CLIENTS_MAX) => Ok(clients),
            _ => Err(format!("clients: `{text}` is no number from 0 to {CLIENTS_MAX}")),
        }
    }

    fn switch(&self, name: &str) -> Result<bool, String> {
        match self.of(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("{name}: `{other}` is neither true nor false")),
        }
    }
}
