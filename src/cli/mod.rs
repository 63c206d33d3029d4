//! The command line: one file per command.

mod bench;
mod ctl;
mod faults;
mod record;
mod say;
mod serve;
mod table;
mod tail;
mod tape;

use clap::{Parser, Subcommand};

/// Market-data push server: a recorded feed goes in, Binance and Upbit clients take it out.
///
/// Without a command it serves: `tapecast` is `tapecast serve`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "made once")]
enum Command {
    /// Play a tape to WebSocket clients (this is what happens without a command).
    Serve(serve::Serve),
    /// Listen to a server: a table of prices on a terminal, lines of JSON in a pipe.
    Tail(tail::Tail),
    /// Measure what pushing costs: many clients in one thread, against the bare minimum and against any server.
    Bench(bench::Bench),
    /// The bare minimum, as `bench` starts it.
    #[command(hide = true)]
    BenchFloor(bench::BenchFloor),
    /// Control the tape of a server that runs: pause it, step, go elsewhere, change its speed.
    Ctl(ctl::Ctl),
    /// Show what can go wrong on demand: the scripts for `serve --faults`, and what a script may say.
    Faults(faults::Faults),
    /// Record what an exchange says, or standard input, on a .tape.
    Record(record::Record),
    /// Make tapes, look at them, and turn them into others.
    #[command(subcommand)]
    Tape(tape::Tape),
}

impl Cli {
    /// Carries out the command.
    ///
    /// # Errors
    /// One sentence that names what is wrong.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            None => serve::Serve::default().run(),
            Some(Command::Serve(serve)) => serve.run(),
            Some(Command::Tail(tail)) => tail.run(),
            Some(Command::Bench(bench)) => bench.run(),
            Some(Command::BenchFloor(floor)) => floor.run(),
            Some(Command::Ctl(ctl)) => ctl.run(),
            Some(Command::Faults(faults)) => faults.run(),
            Some(Command::Record(record)) => record.run(),
            Some(Command::Tape(tape)) => tape.run(),
        }
    }
}
