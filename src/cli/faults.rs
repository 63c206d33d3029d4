//! `tapecast faults`: the scripts that come with the program, what they say, and whether a script of one's own is well formed.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;

use crate::feed::fault::{Script, shipped};

/// Flags of `faults`.
#[derive(Args, Debug)]
#[command(after_help = MANUAL)]
pub struct Faults {
    /// Print this script: the name of one that comes with the program. Of a file that ends in .toml, say whether it is
    /// well formed. [default: list those that come with the program]
    #[arg(value_name = "SCRIPT")]
    name: Option<String>,
}

/// What a script may say.
const MANUAL: &str = "\
A script is TOML: `seed = 7`, and a table [[fault]] for each thing that is to go wrong:

  what             members of its own (an example)
  skip             stream = \"btcusdt@depth@100ms\", count = 1     leave events out
  repeat           stream, count                                 tell them twice
  reorder          stream, count                                 tell each behind the next one
  thin             keep = \"30%\", for = \"10s\", stream             so much of the feed passes
  delay            by = \"50ms to 300ms\", for, whom or stream     late, in order
  drop             close = \"none\", \"reset\" or 1001, whom         end the connection
  freeze           for = \"5s\", whom                              nothing moves, then all of it
  half-open        whom                                          open, and nobody there
  shutdown         notice = \"2s\", down = \"5s\", whom              say so, close, refuse who comes
  lifetime         whom                                          the end that comes after 24 hours
  withhold-pongs   for, whom                                     pings get no answer
  corrupt          part = \"payload\", \"utf8\" or \"frame\", count, whom
  refuse           for, whom = \"33%\"                             connections end at once
  rate-limit       for, whom, ban = true                         429, or 418

When: at = \"10s\" (of the tape, since its first message), at = \"09:30:00\" or \"2026-11-20T09:30:00Z\" (as recorded),
after = \"5s\" (since each client connected); every = \"30s\" to do it again, times = 3 for no more than that.
Whom: \"all\", \"20%\", \"upbit\", \"20% of sse\"; kinds are binance, binance-api, upbit, socketio, sse, ndjson, lines, rooms.
Streams: btcusdt@trade, upbit:orderbook:KRW-BTC, or * for each symbol's: *@depth@100ms.
A time may be a range, \"5s to 15s\": what chance picks from it follows from the seed.";

impl Faults {
    /// Prints.
    ///
    /// # Errors
    /// What is wrong with the script, or which ones there are.
    pub fn run(self) -> anyhow::Result<()> {
        let text = match self.name.as_deref() {
            None => {
                let line = |(name, text)| format!("{name:<18}{}\n", shipped::title(text));
                shipped::SCRIPTS.map(line).concat()
                    + "\ntapecast faults <name> prints one; tapecast serve --faults <name> has it happen\n"
            }
            Some(name) => match shipped::text(name) {
                Some(text) => text.to_owned(),
                None if name.ends_with(".toml") => check(name)?,
                None => {
                    let names = shipped::SCRIPTS.map(|(name, _)| name).join(", ");
                    bail!("`{name}` is neither a file that ends in .toml nor one of {names}")
                }
            },
        };
        // Whoever reads it may have read enough.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
        Ok(())
    }
}

fn check(name: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(Path::new(name)).with_context(|| format!("cannot read {name}"))?;
    let script = Script::parse(name, &text).with_context(|| name.to_owned())?;
    Ok(format!("{name} is well formed: {} faults ({})\n", script.faults.len(), script.kinds().join(", ")))
}
