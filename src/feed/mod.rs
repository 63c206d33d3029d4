//! Where raw messages come from. A feed yields them in order, each with the time it was received and whose it is.
//!
//! ```text
//!  built-in tape ─┐
//!  file.jsonl ────┼─▶ Tape ─▶ Merge ─▶ Replay (when is it due?) ─▶ ingest
//!  file.jsonl.zst ┤
//!  Metronome ─────┘
//! ```

pub mod builtin;
pub mod merge;
pub mod metronome;
pub mod preview;
pub mod replay;
pub mod source;
pub mod synthetic;
pub mod tape;

use std::path::PathBuf;

use thiserror::Error;

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
    #[error("{path} is no tape this version can read: its name must end in .jsonl or .jsonl.zst")]
    Kind {
        /// Which one.
        path: PathBuf,
    },
    /// A tape without a single message.
    #[error("the tape {name} holds no messages (a line is `<receive time in ns> <message>`)")]
    Empty {
        /// Which one.
        name: String,
    },
}
