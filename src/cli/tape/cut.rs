//! `tapecast tape cut`: a part of a tape as a tape.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::cli::say::say;
use crate::cli::tape::item::Item;
use crate::cli::tape::selection::{Range, Selection};
use crate::cli::tape::weave::Writing;
use crate::tape::Writer;
use crate::tape::header::Header;

/// Flags of `tape cut`.
#[derive(Args, Debug)]
pub(super) struct Cut {
    /// The .tape.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The .tape to write. Its records keep their sequence numbers, as long as no time goes back.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    range: Range,
    #[command(flatten)]
    writing: Writing,
}

impl Cut {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut selection = Selection::open(&self.input, &self.range)?;
        let tables = selection.tables() as u64;
        let mut writer: Option<Writer> = None;
        let mut waiting = Vec::new();
        let inputs = [self.input.clone()];
        let failed = || format!("cannot write {}", self.out.display());
        selection.each(|record| {
            // The first record that lies in the part decides how it is numbered; what explains its rows comes before.
            if writer.is_none() && (waiting.len() as u64) < tables {
                let mut item = Item::default();
                item.set(record);
                waiting.push(item);
                return Ok(ControlFlow::Continue(()));
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    let first_sequence = record.sequence.saturating_sub(tables).max(1);
                    let header = Header { first_sequence, ..Header::default() };
                    none.insert(self.writing.create(&self.out, &inputs, header)?)
                }
            };
            for item in waiting.drain(..) {
                writer.append(&item.message()).with_context(failed)?;
            }
            writer.append(&record.message).with_context(failed)?;
            Ok(ControlFlow::Continue(()))
        })?;
        let Some(mut writer) = writer else {
            anyhow::bail!("nothing of {} lies between these times", self.input.display());
        };
        writer.finish().with_context(failed)?;
        say!("{}: {} records, digest {}", self.out.display(), writer.index().records(), writer.digest());
        Ok(())
    }
}
