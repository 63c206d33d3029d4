//! `tapecast tape`: make tapes, look at them, and turn them into others.

mod cat;
mod chain;
mod continuity;
mod cut;
mod export;
mod import;
mod info;
mod input;
mod item;
mod merge;
mod output;
mod progress;
mod selection;
mod synth;
mod time;
mod verify;
mod weave;

use clap::Subcommand;

/// What to do with tapes.
#[derive(Debug, Subcommand)]
#[allow(private_interfaces, reason = "the flags of a command are its own")]
pub enum Tape {
    /// Make a tape of invented but believable markets. The same seed gives the same bytes, on any machine.
    Synth(synth::Synth),
    /// Say what .tape files hold, from their indexes: span, symbols, kinds, rates, gaps, sizes.
    Info(info::Info),
    /// Read a .tape, or a series of them, from end to end and prove that it is whole: checksums, digests, sequence
    /// numbers, update ids.
    Verify(verify::Verify),
    /// Write a .tape, or a part of it, to standard output, one message a line.
    Cat(cat::Cat),
    /// Make a .tape of recordings in other formats: lines (.jsonl), tables (.csv), both also compressed (.zst).
    Import(import::Import),
    /// Write a .tape as lines (.jsonl, .jsonl.zst) or, if it was made of a table, as that table (.csv, .csv.zst).
    Export(export::Export),
    /// Copy a part of a .tape into another.
    Cut(cut::Cut),
    /// Make one .tape of several, in the order of receive times.
    Merge(merge::Merge),
}

impl Tape {
    /// Does it.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Tape::Synth(synth) => synth.run(),
            Tape::Info(info) => info.run(),
            Tape::Verify(verify) => verify.run(),
            Tape::Cat(cat) => cat.run(),
            Tape::Import(import) => import.run(),
            Tape::Export(export) => export.run(),
            Tape::Cut(cut) => cut.run(),
            Tape::Merge(merge) => merge.run(),
        }
    }
}
