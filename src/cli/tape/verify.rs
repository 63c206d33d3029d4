//! `tapecast tape verify`: whether a tape, or a series of them, is as it was written, and nothing is missing.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use crate::cli::say::say;
use crate::cli::tape::chain::{Chain, Joint, files, name_of};
use crate::cli::tape::continuity::Continuity;
use crate::cli::tape::progress::Progress;
use crate::cli::tape::selection::open;
use crate::cli::tape::time::format;
use crate::feed::rows::Tables;
use crate::feed::source::Source;
use crate::feed::time;
use crate::market::engine::Derive;
use crate::server::rehearsal::rehearse;
use crate::tape::{Record, What};
use crate::venue::Rejected;

/// Flags of `tape verify`.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The .tape, or several: files of a series are read in their order, and must continue one another. NAME.tape, where
    /// there is no such file, is the series NAME-2026-11-20.tape and so on.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The most findings that are listed; all are counted.
    #[arg(long, default_value_t = 20, value_name = "N")]
    list: u64,
    /// Streams, `btcusdt@trade/btcusdt@ticker/upbit:trade:KRW-BTC`: also say what a subscriber would be told of them, as
    /// events, bytes and a digest, which is that of `/ndjson?streams=…` without its last line. It is the same at every
    /// speed, on every machine, for the same tapes.
    #[arg(long, value_name = "STREAMS")]
    replay: Option<String>,
    /// Only from this time on, for --replay.
    #[arg(long, value_name = "TIME", requires = "replay")]
    from: Option<String>,
    /// Only before this time, for --replay.
    #[arg(long, value_name = "TIME", requires = "replay")]
    to: Option<String>,
}

/// What reading all of it came to.
#[derive(Default)]
struct Findings {
    listed_max: u64,
    damages: u64,
    holes: u64,
    /// The file's name and a sentence.
    first: Option<(String, String)>,
}

impl Findings {
    fn damage(&mut self, file: &Path, sentence: String) {
        self.damages += 1;
        self.note(file, sentence);
    }

    fn hole(&mut self, file: &Path, sentence: String) {
        self.holes += 1;
        self.note(file, sentence);
    }

    fn note(&mut self, file: &Path, sentence: String) {
        if self.damages + self.holes <= self.listed_max {
            say!("  {sentence}");
        }
        self.first.get_or_insert_with(|| (name_of(file), sentence));
    }
}

/// What goes on from file to file.
#[derive(Default)]
struct Verifier {
    findings: Findings,
    ids: Continuity,
    tables: Tables,
    chain: Chain,
    scratch: Vec<u8>,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let files = files(&self.files)?;
        let findings = Findings { listed_max: self.list, ..Findings::default() };
        let mut verifier = Verifier { findings, ..Verifier::default() };
        for file in &files {
            verifier.read(file)?;
        }
        let Findings { damages, holes, first, .. } = verifier.findings;
        let Some((name, sentence)) = first else {
            match files.len() {
                1 => say!("  whole"),
                count => say!("whole: {count} files"),
            }
            return self.rehearse(&files);
        };
        match &files[..] {
            [file] => {
                bail!("{}: {damages} damages and {holes} holes in update ids; the first: {sentence}", file.display())
            }
            _ => bail!(
                "{} files: {damages} damages and {holes} holes in update ids; the first: {name}: {sentence}",
                files.len()
            ),
        }
    }
}

impl Verify {
    /// What a subscriber would be told.
    fn rehearse(&self, files: &[PathBuf]) -> anyhow::Result<()> {
        let Some(streams) = &self.replay else { return Ok(()) };
        let span = open(&files[0])?.index().span().unwrap_or((0, 0));
        let time = |text: &Option<String>| text.as_ref().map(|text| time::parse(text, span)).transpose();
        let between = (time(&self.from)?, time(&self.to)?);
        let sources: Vec<Source> = files.iter().map(Source::file).collect();
        let names: Vec<&str> = streams.split('/').filter(|name| !name.is_empty()).collect();
        let heard = rehearse(&sources, &names, between, Derive::Auto)?;
        say!("  replay: {} events, {} bytes, SHA-256 {}", heard.events, heard.bytes, heard.digest);
        Ok(())
    }
}

impl Verifier {
    /// Reads a file to its end.
    fn read(&mut self, file: &Path) -> anyhow::Result<()> {
        let mut reader = open(file)?;
        reader.check_digests();
        say!("{}", file.display());
        match self.chain.joint(&reader) {
            Joint::Begins => self.ids.restart(),
            Joint::Continues => {}
            Joint::Broken(sentence) => {
                self.ids.restart();
                self.findings.damage(file, sentence);
            }
        }
        let mut progress = Progress::new(reader.length());
        let (checked_before, holes_before) = (self.ids.checked, self.findings.holes);
        let rejected_before = self.ids.rejected;
        let (mut records, mut last) = (0_u64, None);
        loop {
            match reader.read() {
                Ok(Some(record)) => {
                    records += 1;
                    last = Some(record.message.ts_recv);
                    if let Some(sentence) = check(&record, &mut self.ids, &mut self.tables, &mut self.scratch) {
                        self.findings.hole(file, sentence);
                    }
                    progress.step(|| reader.position());
                }
                Ok(None) => break,
                Err(damage) if damage.what == What::Unfinished => {
                    say!("  no index: it was not finished, or is still written; the blocks are checked");
                }
                Err(damage) => {
                    if damage.is_loss() {
                        self.ids.restart();
                    }
                    let known = last.map_or(String::new(), |ns| format!("; what is before ends at {}", format(ns)));
                    self.findings.damage(file, format!("{damage}{known}"));
                }
            }
        }
        drop(progress);
        let digest = reader.digest();
        say!(
            "  {records} records in {} blocks; {} depth events follow the one before; digest {}",
            reader.index().entries.len(),
            (self.ids.checked - checked_before) - (self.findings.holes - holes_before),
            digest.map_or("not known".to_owned(), |digest| digest.to_string())
        );
        let rejected = self.ids.rejected.iter().zip(rejected_before).map(|(now, before)| now - before);
        for (label, count) in Rejected::LABELS.iter().zip(rejected).filter(|(_, count)| *count > 0) {
            say!("  {count} messages are not played: {label}");
        }
        self.chain.push(file, &reader, digest);
        Ok(())
    }
}

/// Checks what a record says; a sentence for what is missing before it.
fn check(record: &Record<'_>, ids: &mut Continuity, tables: &mut Tables, scratch: &mut Vec<u8>) -> Option<String> {
    let message = &record.message;
    let bytes = if message.is_data() {
        message.bytes
    } else if tables.on_record(record, scratch) {
        scratch
    } else {
        ids.on_note(record);
        return None;
    };
    let hole = ids.on_message(message.connection, message.ts_recv, bytes)?;
    Some(format!(
        "record {} at {}: {}: update {} is followed by an event that follows {}",
        record.sequence,
        format(message.ts_recv),
        hole.symbol,
        hole.after,
        hole.expects
    ))
}
