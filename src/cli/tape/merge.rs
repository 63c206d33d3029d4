//! `tapecast tape merge`: several tapes as one.

use std::path::PathBuf;

use clap::Args;

use crate::cli::tape::weave::{Writing, weave};

/// Flags of `tape merge`.
#[derive(Args, Debug)]
pub(super) struct Merge {
    /// The tapes; of records received at the same instant, those of the one named first come first.
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The .tape to write.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    writing: Writing,
}

impl Merge {
    pub(super) fn run(self) -> anyhow::Result<()> {
        weave(&self.inputs, &self.out, &self.writing)
    }
}
