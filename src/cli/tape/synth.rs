//! `tapecast tape synth`: make a tape of invented markets.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::say::say;
use crate::feed::synthetic::{Plan, Synthetic};

/// Flags of `tape synth`.
#[derive(Args, Debug)]
pub(super) struct Synth {
    /// Where to write it: .jsonl or .jsonl.zst. `-` writes lines to standard output.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Everything that is left to chance follows from it.
    #[arg(long, default_value_t = Plan::default().seed)]
    seed: u64,
    /// Length in minutes.
    #[arg(long, default_value_t = Plan::default().minutes, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,
    /// When it starts, in nanoseconds since the Unix epoch; cut to a whole minute.
    #[arg(long, value_name = "NS", default_value_t = Plan::default().start_ns, value_parser = clap::value_parser!(i64).range(0..=8_000_000_000_000_000_000))]
    start: i64,
    /// How hard to compress, 1 to 22.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=22))]
    level: i32,
}

impl Synth {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plan = Plan { seed: self.seed, start_ns: self.start, minutes: self.minutes };
        if self.out == Path::new("-") {
            return match write_lines(plan, &mut BufWriter::new(std::io::stdout().lock())) {
                // The reader of a pipe has seen enough.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                written => Ok(written.map(drop)?),
            };
        }
        let name = self.out.to_string_lossy().into_owned();
        let failed = || format!("cannot write {name}");
        let lines = if name.ends_with(".jsonl.zst") {
            let file = File::create(&self.out).with_context(failed)?;
            let mut encoder = zstd::Encoder::new(file, self.level).with_context(failed)?;
            encoder.include_checksum(true).with_context(failed)?;
            let lines = write_lines(plan, &mut encoder).with_context(failed)?;
            encoder.finish().with_context(failed)?;
            lines
        } else if name.ends_with(".jsonl") {
            let mut file = BufWriter::new(File::create(&self.out).with_context(failed)?);
            let lines = write_lines(plan, &mut file).with_context(failed)?;
            file.flush().with_context(failed)?;
            lines
        } else {
            bail!("--out: {name} must end in .jsonl or .jsonl.zst, or be `-`");
        };
        say!("{name}: {lines} messages, {} minutes from seed {}", self.minutes, self.seed);
        Ok(())
    }
}

/// Writes a whole tape, with a progress bar on a terminal where it takes long; how many lines.
fn write_lines(plan: Plan, out: &mut impl Write) -> std::io::Result<u64> {
    let period_ns = plan.period_ns();
    let bar =
        if plan.minutes > 10 { ProgressBar::new(period_ns as u64 / 1_000_000_000) } else { ProgressBar::hidden() };
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} s of tape, {eta} left").expect("a template that is right");
    bar.set_style(style);
    let mut tape = Synthetic::new(plan);
    let (mut message, mut line, mut lines) = (Vec::new(), Vec::new(), 0);
    while let Some(ts_recv) = tape.next_line(&mut message) {
        line.clear();
        line.extend_from_slice(itoa::Buffer::new().format(ts_recv).as_bytes());
        line.push(b' ');
        line.extend_from_slice(&message);
        line.push(b'\n');
        out.write_all(&line)?;
        lines += 1;
        if lines % 10_000 == 0 {
            bar.set_position(ts_recv.saturating_sub(plan.start_ns) as u64 / 1_000_000_000);
        }
    }
    out.flush()?;
    bar.finish_and_clear();
    Ok(lines)
}
