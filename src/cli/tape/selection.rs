//! A part of a tape: the records between two times.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use crate::cli::tape::item::Item;
use crate::cli::tape::progress::Progress;
use crate::cli::tape::time;
use crate::feed::label::of_form;
use crate::tape::{Direction, Form, Reader, Record, TapeError, What};

/// From when to when.
#[derive(Args, Debug, Default)]
pub(super) struct Range {
    /// The first receive time: 2026-11-20T09:30:00Z, 09:30:00 of the tape's first day, or nanoseconds. From the beginning
    /// unless given.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The receive time before which it ends. To the end unless given.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// Opens a tape; what is another format is told how it becomes one.
pub(super) fn open(path: &Path) -> anyhow::Result<Reader> {
    let name = path.display();
    match Reader::open(path) {
        Err(TapeError::NoTape)
            if [".jsonl", ".csv", ".zst"].iter().any(|end| path.to_string_lossy().ends_with(end)) =>
        {
            bail!("{name} is no .tape: make one of it with `tapecast tape import {name} --out NAME.tape`")
        }
        opened => opened.with_context(|| format!("cannot read {name}")),
    }
}

/// A part of a tape, opened.
pub(super) struct Selection {
    path: PathBuf,
    pub(super) reader: Reader,
    from: i64,
    to: i64,
    /// The last block that has anything of it.
    last_block: usize,
    /// What the rows of the part are, where that stands before it.
    tables: Vec<(u64, Item)>,
}

impl Selection {
    /// Opens a tape and goes to the beginning of the part.
    pub(super) fn open(path: &Path, range: &Range) -> anyhow::Result<Selection> {
        let mut reader = open(path)?;
        let span = reader.index().span().unwrap_or_default();
        let time = |flag: &str, text: &Option<String>, or: i64| match text {
            Some(text) => time::parse(text, span).with_context(|| flag.to_owned()),
            None => Ok(or),
        };
        let (from, to) = (time("--from", &range.from, i64::MIN)?, time("--to", &range.to, i64::MAX)?);
        if from >= to {
            bail!("--to {} is not after --from {}", time::format(to), time::format(from));
        }
        let is_limited = range.from.is_some() || range.to.is_some();
        if is_limited && (from > span.1 || to <= span.0) {
            let (first, last) = (time::format(span.0), time::format(span.1));
            bail!("nothing of {} lies there: it goes from {first} to {last}", path.display());
        }
        let last_block = reader.index().entries.iter().rposition(|entry| entry.time_low < to).unwrap_or(0);
        let path = path.to_owned();
        let mut tables = Vec::new();
        if from > i64::MIN {
            if reader.index().tally.has(of_form(Direction::Note, Form::Table)) {
                tables = find_tables(&mut reader, from);
            }
            reader.seek_time(from);
        }
        Ok(Selection { path, reader, from, to, last_block, tables })
    }

    /// How many records are handed out that stand before the part: those that say what its rows are.
    pub(super) fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Hands every record of the part to `take`, in order, after what is needed to understand its rows. Damage is told
    /// and passed over; the result is how often.
    pub(super) fn each(
        &mut self,
        mut take: impl FnMut(&Record<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<u64> {
        for (sequence, item) in &self.tables {
            if take(&Record { sequence: *sequence, message: item.message() })?.is_break() {
                return Ok(0);
            }
        }
        let mut progress = Progress::new(self.reader.length());
        let mut damages = 0;
        loop {
            match self.reader.read() {
                Ok(Some(record)) => {
                    let time = record.message.ts_recv;
                    if (self.from..self.to).contains(&time) && take(&record)?.is_break() {
                        return Ok(damages);
                    }
                    progress.step(|| self.reader.position());
                }
                Ok(None) => return Ok(damages),
                Err(damage) if damage.what == What::Unfinished => {}
                Err(damage) => {
                    damages += 1;
                    eprintln!("tapecast: {}: {damage}", self.path.display());
                }
            }
            if self.reader.blocks_read() > self.last_block + 1 {
                return Ok(damages);
            }
        }
    }
}

/// What stands about tables before a time. Only a tape that was made of tables is read for it.
fn find_tables(reader: &mut Reader, before: i64) -> Vec<(u64, Item)> {
    let mut tables: Vec<(u64, Item)> = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(record)) if record.message.ts_recv >= before => return tables,
            Ok(Some(record)) if record.message.form == Form::Table => {
                let mut item = Item::default();
                item.set(&record);
                item.ts_recv = before;
                tables.retain(|(_, known)| known.connection != item.connection);
                tables.push((record.sequence, item));
            }
            // Damage is told when the part itself is read.
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => return tables,
        }
    }
}
