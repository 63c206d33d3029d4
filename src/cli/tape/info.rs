//! `tapecast tape info`: what tapes hold, from their indexes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::tape::chain::{Chain, Joint, files};
use crate::cli::tape::selection::open;
use crate::cli::tape::time::{format, format_span};
use crate::feed::label::Label;
use crate::tape::{Entry, Reader, Total, What};

/// Flags of `tape info`.
#[derive(Args, Debug)]
pub(super) struct Info {
    /// The tapes. NAME.tape, where there is no such file, is the series NAME-2026-11-20.tape and so on.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// List all symbols, not only those with the most records.
    #[arg(long)]
    all: bool,
}

/// Rows of a list that are shown unless all are asked for.
const ROWS_MAX: usize = 20;

impl Info {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // Whoever reads may have seen enough.
        let mut out = io::stdout().lock();
        let files = files(&self.files)?;
        let mut chain = Chain::default();
        for (place, file) in files.iter().enumerate() {
            if place > 0 {
                let _ = writeln!(out);
            }
            let reader = open(file)?;
            match self.tell(&reader, file, &mut out) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                told => told?,
            }
            if place > 0 {
                let _ = match chain.joint(&reader) {
                    Joint::Begins => writeln!(out, "  before       nothing: it begins a tape"),
                    Joint::Continues => writeln!(out, "  before       it continues the file above"),
                    Joint::Broken(sentence) => writeln!(out, "  before       {sentence}"),
                };
            }
            chain.push(file, &reader, None);
        }
        Ok(())
    }

    fn tell(&self, reader: &Reader, file: &Path, out: &mut impl Write) -> io::Result<()> {
        let index = reader.index();
        let (records, blocks) = (index.records(), index.entries.len());
        writeln!(out, "{}", file.display())?;
        let Some((low, high)) = index.span() else {
            writeln!(out, "  no records")?;
            return Ok(());
        };
        let span_ns = high.abs_diff(low);
        let last_sequence = index.entries.last().map_or(0, |entry| entry.end_sequence() - 1);
        let first_sequence = index.entries.first().map_or(0, |entry| entry.first_sequence);
        writeln!(out, "  span         {} to {}, {}", format(low), format(high), format_span(span_ns))?;
        writeln!(
            out,
            "  records      {records}, numbered {first_sequence} to {last_sequence}, {}",
            rate(records, span_ns)
        )?;
        if let Some((entry, per_second)) = busiest(&index.entries) {
            writeln!(out, "  busiest      {per_second:.0} a second, in the block from {}", format(entry.time_low))?;
        }
        if let Some(entry) = index.entries.iter().max_by_key(|entry| entry.silence_ns) {
            let (from, to) = (format(entry.time_low), format(entry.time_high));
            writeln!(out, "  silence      {} at most, between {from} and {to}", format_span(entry.silence_ns))?;
        }
        self.tell_gaps(reader, out)?;
        let content: u64 = index.entries.iter().map(|entry| u64::from(entry.content_bytes)).sum();
        let stored: u64 = index.entries.iter().map(|entry| u64::from(entry.length)).sum();
        let (length, ratio) = (reader.length(), content as f64 / stored.max(1) as f64);
        writeln!(out, "  blocks       {blocks}, of {} before compression on average", size(content / blocks as u64))?;
        writeln!(
            out,
            "  size         {} ({length} bytes), {} before compression, 1:{ratio:.1}",
            size(length),
            size(content)
        )?;
        if !reader.is_finished() {
            writeln!(out, "  index        none that is whole: it was made from the blocks' headers")?;
        }
        let (mut kinds, mut symbols) = (BTreeMap::<String, Total>::new(), BTreeMap::<String, Total>::new());
        for (label, total) in index.tally.iter() {
            let label = Label::parse(label);
            add(&mut kinds, spoken([label.venue, label.kind]), total);
            add(&mut symbols, spoken([label.venue, label.symbol]), total);
        }
        let labelled: u64 = kinds.values().map(|total| total.records).sum();
        if labelled < records {
            let records = records - labelled;
            add(&mut kinds, "not counted by kind".to_owned(), Total { records, bytes: 0 });
        }
        self.list("kinds", kinds, span_ns, out)?;
        self.list("symbols", symbols, span_ns, out)
    }

    /// What the recorder knows to be missing, and what the file lacks.
    fn tell_gaps(&self, reader: &Reader, out: &mut impl Write) -> io::Result<()> {
        let of_kind = |kind: &str| {
            let labels = reader.index().tally.iter();
            labels.filter(|(label, _)| Label::parse(label).kind == kind).map(|(_, total)| total.records).sum::<u64>()
        };
        let (gaps, lost) = (of_kind("gap"), of_kind("lost"));
        let noted = match (gaps, lost) {
            (0, 0) => "none noted".to_owned(),
            _ => format!("{gaps} noted, {lost} connections lost"),
        };
        let (mut missing, mut end) = (0, reader.header().first_sequence);
        for entry in &reader.index().entries {
            missing += entry.first_sequence.saturating_sub(end);
            end = entry.end_sequence();
        }
        let missing = if missing == 0 { String::new() } else { format!("; {missing} records are missing") };
        writeln!(out, "  gaps         {noted}{missing}")?;
        let damages = reader.damages().filter(|damage| damage.what != What::Unfinished);
        for damage in damages.take(if self.all { usize::MAX } else { ROWS_MAX }) {
            writeln!(out, "  damage       {damage}")?;
        }
        Ok(())
    }

    fn list(&self, title: &str, totals: BTreeMap<String, Total>, span_ns: u64, out: &mut impl Write) -> io::Result<()> {
        let mut rows: Vec<_> = totals.into_iter().collect();
        rows.sort_by_key(|(_, total)| std::cmp::Reverse(total.records));
        let shown = if self.all { rows.len() } else { rows.len().min(ROWS_MAX) };
        writeln!(out, "  {title}")?;
        for (name, total) in &rows[..shown] {
            let rate = rate(total.records, span_ns);
            writeln!(out, "    {name:<34} {:>12} {:>12}  {rate}", total.records, size(total.bytes))?;
        }
        if rows.len() > shown {
            writeln!(out, "    and {} more (--all lists them)", rows.len() - shown)?;
        }
        Ok(())
    }
}

/// The parts of a label that say something.
fn spoken(parts: [&str; 2]) -> String {
    match parts.map(|part| part.trim_start_matches('-')) {
        ["", ""] => "none".to_owned(),
        ["", kind] => kind.to_owned(),
        [venue, ""] => format!("{venue}, none named"),
        [venue, "*"] => format!("{venue}, lists of many"),
        [venue, rest] => format!("{venue} {rest}"),
    }
}

fn add(totals: &mut BTreeMap<String, Total>, name: String, total: Total) {
    let sum = totals.entry(name).or_default();
    sum.records += total.records;
    sum.bytes += total.bytes;
}

/// The block with the most records a second, of those that last a second or more.
fn busiest(entries: &[Entry]) -> Option<(&Entry, f64)> {
    let rate = |entry: &Entry| f64::from(entry.count) / (entry.time_high.abs_diff(entry.time_low) as f64 / 1e9);
    let long = entries.iter().filter(|entry| entry.time_high.abs_diff(entry.time_low) >= 1_000_000_000);
    long.map(|entry| (entry, rate(entry))).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn rate(records: u64, span_ns: u64) -> String {
    match span_ns {
        0 => "at one instant".to_owned(),
        _ => format!("{:.1} a second", records as f64 / (span_ns as f64 / 1e9)),
    }
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, "bytes");
    for next in UNITS {
        if value < 1_024.0 {
            break;
        }
        (value, unit) = (value / 1_024.0, next);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}
