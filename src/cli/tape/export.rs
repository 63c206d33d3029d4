//! `tapecast tape export`: a tape as text.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::cli::say::say;
use crate::cli::tape::output::{Output, Style};
use crate::cli::tape::selection::{Range, Selection};
use crate::cli::tape::weave::check_other;
use crate::feed::label::of_form;
use crate::tape::{Direction, Form};

/// Flags of `tape export`.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// The .tape.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write it: .jsonl or .csv, or .jsonl.zst or .csv.zst.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// How hard to compress, 1 to 22.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=22))]
    level: i32,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let name = self.out.to_string_lossy().into_owned();
        let stem = name.strip_suffix(".zst").unwrap_or(&name);
        let style = match Path::new(stem).extension().and_then(|end| end.to_str()) {
            Some("jsonl") => Style::Lines,
            Some("csv") => Style::Table,
            _ => bail!("--out: {name} must end in .jsonl, .jsonl.zst, .csv or .csv.zst"),
        };
        check_other(&self.out, std::slice::from_ref(&self.input))?;
        let mut selection = Selection::open(&self.input, &Range::default())?;
        if style == Style::Table && !selection.reader.index().tally.has(of_form(Direction::Note, Form::Table)) {
            bail!("{} was not made of a table: export it as .jsonl", self.input.display());
        }
        let failed = || format!("cannot write {name}");
        let file = File::create(&self.out).with_context(failed)?;
        let (written, left_out) = if stem.len() < name.len() {
            let mut encoder = zstd::Encoder::new(file, self.level).with_context(failed)?;
            encoder.include_checksum(true).with_context(failed)?;
            let (encoder, written, left_out) = write(&mut selection, encoder, style).with_context(failed)?;
            encoder.finish().with_context(failed)?;
            (written, left_out)
        } else {
            let (_, written, left_out) =
                write(&mut selection, BufWriter::with_capacity(1 << 18, file), style).with_context(failed)?;
            (written, left_out)
        };
        say!("{name}: {written} lines");
        if left_out > 0 {
            say!("left out: {left_out} records that are no market data in one line, such as requests and pings");
        }
        Ok(())
    }
}

fn write<W: Write>(selection: &mut Selection, out: W, style: Style) -> anyhow::Result<(W, u64, u64)> {
    let mut output = Output::new(out, style);
    selection.each(|record| {
        output.write(record)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(output.finish()?)
}
