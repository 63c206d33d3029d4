//! A tape in blocks as a feed: its market data, in order.
//!
//! What a session did beside (requests, pings, notes) is passed over. Rows of tables are told as the messages they stand
//! for. Blocks that are damaged are counted, reported once, and left out.

use std::path::{Path, PathBuf};

use crate::feed::FeedError;
use crate::feed::damage::Damage;
use crate::feed::rows::Tables;
use crate::tape::{Form, Reader, What};

/// Reads a tape in blocks. Memory: one block.
pub(super) struct Blocks {
    path: PathBuf,
    /// The first that is read, and the first that is not any more.
    records: (u64, u64),
    reader: Reader,
    tables: Tables,
    sequence: u64,
    last_recv: i64,
    damaged: [u64; Damage::COUNT],
}

impl Blocks {
    pub(super) fn open(path: &Path, records: (u64, u64)) -> Result<Blocks, FeedError> {
        let path = path.to_owned();
        let reader = open(&path, records)?;
        let (tables, damaged) = (Tables::default(), [0; Damage::COUNT]);
        Ok(Blocks { path, records, reader, tables, sequence: 0, last_recv: i64::MIN, damaged })
    }

    pub(super) fn rewind(&mut self) -> Result<(), FeedError> {
        self.reader = open(&self.path, self.records)?;
        self.tables = Tables::default();
        (self.sequence, self.last_recv) = (0, i64::MIN);
        Ok(())
    }

    /// Goes to the first record received at this time or later. Rows of tables need what is before them.
    pub(super) fn skip_to(&mut self, ts_recv: i64) {
        if self.tables.is_empty() {
            self.reader.seek_time(ts_recv);
        }
    }

    pub(super) fn next(&mut self, message: &mut Vec<u8>) -> Option<i64> {
        loop {
            let record = match self.reader.read() {
                Ok(Some(record)) => record,
                Ok(None) => return None,
                Err(damage) => {
                    if damage.is_loss() {
                        self.damage(Damage::Block, &damage.to_string());
                    } else if damage.what != What::Unfinished {
                        tracing::warn!("{}: {damage}", self.name());
                    }
                    continue;
                }
            };
            if record.sequence >= self.records.1 {
                return None;
            }
            self.sequence = record.sequence;
            let ts_recv = record.message.ts_recv;
            let is_data = if record.message.is_data() {
                message.clear();
                message.extend_from_slice(record.message.bytes);
                // A tape made of lines that ended in two characters has the first of them.
                while message.last() == Some(&b'\r') {
                    message.pop();
                }
                true
            } else {
                matches!(record.message.form, Form::Row | Form::Table) && self.tables.on_record(&record, message)
            };
            if !is_data {
                continue;
            }
            if ts_recv < self.last_recv {
                let place = format!("record {} {}", self.sequence, Damage::TimestampBack.sentence());
                self.damage(Damage::TimestampBack, &place);
                continue;
            }
            self.last_recv = ts_recv;
            return Some(ts_recv);
        }
    }

    /// The number of the record that was read last.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    pub(super) fn damaged(&self) -> [u64; Damage::COUNT] {
        self.damaged
    }

    fn damage(&mut self, damage: Damage, sentence: &str) {
        let count = &mut self.damaged[damage as usize];
        *count += 1;
        if *count == 1 {
            let rest = "what is like it is skipped and counted, and `tapecast tape verify` lists it";
            tracing::warn!("{}: {sentence}; {rest}", self.name());
        }
    }
}

fn open(path: &Path, records: (u64, u64)) -> Result<Reader, FeedError> {
    let mut reader = Reader::open(path).map_err(|source| FeedError::Blocks { path: path.to_owned(), source })?;
    if records.0 > 0 {
        reader.seek_sequence(records.0);
    }
    Ok(reader)
}
