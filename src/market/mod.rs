//! What the words mean: numbers, symbols, ticks, books, candles. No I/O, no clock of its own, nothing async.
//!
//! The market runs on the ingest thread and alone holds the full books and windows. It imports nothing of the other
//! stages.
//!
//! ```text
//!  words: decimal, symbol, channel, tick …
//!    └─▶ book: order books     trading: what follows from trades
//!           └──────────┬──────────┘
//!                   engine: one tick in, all ticks out ─▶ kept: the newest, for who joins or asks
//! ```

pub mod book;
pub mod channel;
pub mod civil;
pub mod decimal;
pub mod engine;
pub mod interest;
pub mod kept;
pub mod quotient;
pub mod symbol;
pub mod tick;
pub mod trading;
