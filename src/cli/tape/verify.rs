//! `tapecast tape verify`: whether a tape is as it was written, and nothing is missing.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::cli::tape::continuity::Continuity;
use crate::cli::tape::progress::Progress;
use crate::cli::tape::selection::open;
use crate::cli::tape::time::format;
use crate::feed::rows::Tables;
use crate::tape::{Record, What};
use crate::venue::Rejected;

/// Flags of `tape verify`.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The .tape.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The most findings that are listed; all are counted.
    #[arg(long, default_value_t = 20, value_name = "N")]
    list: u64,
}

/// What reading a whole tape came to.
#[derive(Default)]
struct Findings {
    listed_max: u64,
    damages: u64,
    holes: u64,
    first: Option<String>,
}

impl Findings {
    fn note(&mut self, sentence: String) {
        if self.damages + self.holes <= self.listed_max {
            println!("  {sentence}");
        }
        self.first.get_or_insert(sentence);
    }
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut reader = open(&self.file)?;
        reader.check_digests();
        println!("{}", self.file.display());
        let mut progress = Progress::new(reader.length());
        let mut findings = Findings { listed_max: self.list, ..Findings::default() };
        let (mut ids, mut tables) = (Continuity::default(), Tables::default());
        let (mut records, mut last, mut scratch) = (0_u64, None, Vec::new());
        loop {
            match reader.read() {
                Ok(Some(record)) => {
                    records += 1;
                    last = Some(record.message.ts_recv);
                    if let Some(sentence) = check(&record, &mut ids, &mut tables, &mut scratch) {
                        findings.holes += 1;
                        findings.note(sentence);
                    }
                    progress.step(|| reader.position());
                }
                Ok(None) => break,
                Err(damage) if damage.what == What::Unfinished => {
                    println!("  no index: it was not finished, or is still written; the blocks are checked");
                }
                Err(damage) => {
                    findings.damages += 1;
                    if damage.is_loss() {
                        ids.restart();
                    }
                    let known = last.map_or(String::new(), |ns| format!("; what is before ends at {}", format(ns)));
                    findings.note(format!("{damage}{known}"));
                }
            }
        }
        drop(progress);
        println!(
            "  {records} records in {} blocks; {} depth events follow the one before; digest {}",
            reader.index().entries.len(),
            ids.checked - findings.holes,
            reader.digest().map_or("not known".to_owned(), |digest| digest.to_string())
        );
        for (label, count) in Rejected::LABELS.iter().zip(ids.rejected).filter(|(_, count)| *count > 0) {
            println!("  {count} messages are not played: {label}");
        }
        let Some(first) = findings.first else {
            println!("  whole");
            return Ok(());
        };
        let (damages, holes) = (findings.damages, findings.holes);
        bail!("{}: {damages} damages and {holes} holes in update ids; the first: {first}", self.file.display())
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
