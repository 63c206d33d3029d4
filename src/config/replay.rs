//! Where a tape starts and ends, what its times are, and who may tell it what to do.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, duration, parse_duration, value};
use crate::feed::merge::Merge;
use crate::feed::source::Source;
use crate::feed::time;

/// Flags and members of the file. What is absent has its default.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "Where the tape plays, and who controls it")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawReplay {
    /// Start the tape here: 2026-11-20T09:30:00Z, 09:30:00.5 of its first day, or nanoseconds since the epoch. The market
    /// is then as it would be had the tape been played up to here. [default: its beginning]
    #[arg(id = "replay-from", long = "from", value_name = "TIME")]
    pub from: Option<String>,
    /// How much of the tape before --from the market is made of: less than all of it starts sooner, and knows less. Windows
    /// and candles hold what was traded since then, and books begin with the next snapshot. [default: all]
    #[arg(id = "replay-warm-up", long = "warm-up", value_name = "TIME", value_parser = parse_duration)]
    #[serde(default, deserialize_with = "duration")]
    pub warm_up: Option<Duration>,
    /// End the tape before this time. [default: its end]
    #[arg(id = "replay-to", long = "to", value_name = "TIME")]
    pub to: Option<String>,
    /// Times that clients see: `recorded`, or `now`, moved by whole minutes so that the tape plays now. [default:
    /// recorded; now for the built-in tape]
    #[arg(id = "replay-clock", long = "clock", value_name = "WHICH")]
    pub clock: Option<String>,
    /// Do not play before `tapecast ctl play`; wants --control.
    #[arg(id = "replay-paused", long = "paused", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub paused: Option<bool>,
    /// Let the tape be paused, stepped, moved and so on by HTTP on /control/replay, and with `tapecast ctl`. Without a
    /// token only this machine may. [default: false]
    #[arg(id = "replay-control", long = "control", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub control: Option<bool>,
    /// Whoever controls the tape must show this token, and may then be on any machine; implies --control.
    #[arg(id = "replay-control-token", long = "control-token", value_name = "TOKEN")]
    pub control_token: Option<String>,
}

/// Who may tell the tape what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlConfig {
    /// What they must show; `None` where they must be on this machine.
    pub token: Option<String>,
}

impl std::fmt::Debug for ControlConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("ControlConfig").field("token", &token).finish()
    }
}

/// The flags, checked.
pub(super) struct Replaying {
    pub(super) from: Option<i64>,
    pub(super) warm_up_ns: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) shift_to_now: bool,
    pub(super) is_paused: bool,
    pub(super) control: Option<ControlConfig>,
}

impl RawReplay {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawReplay) -> RawReplay {
        RawReplay {
            from: self.from.or(other.from),
            warm_up: self.warm_up.or(other.warm_up),
            to: self.to.or(other.to),
            clock: self.clock.or(other.clock),
            paused: self.paused.or(other.paused),
            control: self.control.or(other.control),
            control_token: self.control_token.or(other.control_token),
        }
    }

    /// Checks everything. Times of day are those of the first tape's first day, for which it is opened.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub(super) fn check(self, sources: &[Source], is_built_in: bool) -> Result<Replaying, ConfigError> {
        let mut span = None;
        let mut time = |name: &'static str, text: Option<String>| -> Result<Option<i64>, ConfigError> {
            let Some(text) = text else { return Ok(None) };
            // Opening what is live would connect, and write to its tape.
            if sources.iter().any(|source| !source.is_recorded()) {
                return Err(value(name, "what is made as it plays has no other place to be in"));
            }
            let first = match span {
                Some(first) => first,
                None => {
                    let feed = Merge::open(sources).map_err(|error| value("--feed", error.to_string()))?;
                    *span.insert(feed.peek().unwrap_or(0))
                }
            };
            time::parse(&text, (first, first)).map(Some).map_err(|error| value(name, error.to_string()))
        };
        let (from, to) = (time("--from", self.from)?, time("--to", self.to)?);
        let start = from.or(span).unwrap_or(i64::MIN).max(span.unwrap_or(i64::MIN));
        if let Some(to) = to.filter(|to| *to <= start) {
            let (to, start) = (time::format(to), time::format(start));
            return Err(value("--to", format!("{to} is not after {start}, where the tape starts")));
        }
        let shift_to_now = match self.clock.as_deref() {
            None => is_built_in,
            Some("recorded") => false,
            Some("now") => true,
            Some(other) => return Err(value("--clock", format!("`{other}` is neither recorded nor now"))),
        };
        let token = self.control_token;
        if token.as_ref().is_some_and(|token| token.len() < 8 || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(value("--control-token", "a token has at least 8 characters, all of them printable ASCII"));
        }
        if token.is_some() && self.control == Some(false) {
            return Err(value("--control-token", "there is nothing to show it for with --control false"));
        }
        let control = (token.is_some() || self.control == Some(true)).then_some(ControlConfig { token });
        let is_paused = self.paused.unwrap_or(false);
        if is_paused && control.is_none() {
            return Err(value("--paused", "nobody could let it play: give --control as well"));
        }
        if sources.iter().any(|source| matches!(source, Source::Live(_))) {
            if control.is_some() {
                return Err(value(
                    "--control",
                    "what is live can be neither held nor moved; record it, and play the tape",
                ));
            }
            if shift_to_now {
                return Err(value("--clock", "what is live is of now"));
            }
        }
        if self.warm_up.is_some() && from.is_none() {
            return Err(value("--warm-up", "there is nothing before the tape's beginning: give --from as well"));
        }
        // A time is at most 100,000 hours, which are fewer nanoseconds than fit.
        let warm_up_ns = self.warm_up.map(|time| time.as_nanos() as i64);
        Ok(Replaying { from, warm_up_ns, to, shift_to_now, is_paused, control })
    }
}
