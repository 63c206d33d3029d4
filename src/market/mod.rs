//! What the words mean: numbers, symbols, ticks, books. No I/O, no clock of its own, nothing async.
//!
//! The market runs on the ingest thread and alone holds the full books. It imports nothing of the other stages.

pub mod book;
pub mod channel;
pub mod civil;
pub mod decimal;
pub mod engine;
pub mod last_value;
pub mod recent;
pub mod seam;
pub mod snapshot;
pub mod symbol;
pub mod tick;
