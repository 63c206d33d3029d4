//! `tapecast tape import`: other formats as tapes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::tape::weave::{Writing, weave};

/// Flags of `tape import`.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// .jsonl lines `<receive time in ns> <message>`, or .csv tables of trades, candles or book changes, also as
    /// .zst. Several are merged by receive time.
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The .tape to write.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    writing: Writing,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        weave(&self.inputs, &self.out, &self.writing)
    }
}
