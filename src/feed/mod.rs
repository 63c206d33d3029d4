//! Where raw messages come from. A feed yields them in order, each with the time it was received and whose it is.
//!
//! ```text
//!  built-in tape ─┐
//!  file.jsonl ────┼─▶ Lines ──┐
//!  file.jsonl.zst ┘           ├─▶ Recording ─▶ Merge ─▶ Replay (when is it due?) ─▶ ingest
//!  file.tape ───────▶ Blocks ─┘                  ▲
//!  Metronome ────────────────────────────────────┤
//!  Upstream, Backbone (live) ────────────────────┘
//! ```
//!
//! What is to go wrong on the way from a feed to clients, and when, is in [`fault`].

pub mod backbone;
mod blocks;
pub mod builtin;
pub mod damage;
pub mod fault;
pub mod label;
pub mod lines;
pub mod merge;
pub mod metronome;
pub mod preview;
mod recording;
pub mod replay;
pub mod rows;
pub mod run;
pub mod source;
pub mod synthetic;
pub mod time;
pub mod upstream;

use std::path::PathBuf;

use thiserror::Error;

use crate::tape::TapeError;

/// Why a feed cannot be used at all. What is wrong with single lines is no error: it is counted and skipped.
#[derive(Debug, Error)]
pub enum FeedError {
    /// A tape cannot be opened.
    #[error("cannot open the tape {path}: {source}")]
    Open {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of an unknown kind.
    #[error("{path} is no tape this version can read: its name must end in .tape, .jsonl or .jsonl.zst")]
    Kind {
        /// Which one.
        path: PathBuf,
    },
    /// A tape in blocks that cannot be opened.
    #[error("cannot open the tape {path}: {source}")]
    Blocks {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: TapeError,
    },
    /// A tape without a single message.
    #[error("the tape {name} holds no messages (a line of a `.jsonl` is `<receive time in ns> <message>`)")]
    Empty {
        /// Which one.
        name: String,
    },
    /// A live feed that cannot be begun.
    #[error("cannot begin the live feed {name}: {reason}")]
    Upstream {
        /// Which one.
        name: String,
        /// Why.
        reason: String,
    },
}
