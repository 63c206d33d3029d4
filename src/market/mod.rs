//! What the words mean: numbers, symbols, ticks, books, candles. No I/O, no clock of its own, nothing async.
//!
//! The market runs on the ingest thread and alone holds the full books and windows. It imports nothing of the other
//! stages.

pub mod aggregate;
pub mod bar;
pub mod book;
pub mod books;
pub mod candle;
pub mod channel;
pub mod chart;
pub mod civil;
pub mod clock;
pub mod day;
pub mod decimal;
pub mod derivation;
pub mod engine;
pub mod growing;
pub mod instrument;
pub mod interest;
pub mod last_value;
pub mod merged_depth;
pub mod quotation;
pub mod quotient;
pub mod recent;
pub mod restating;
pub mod seam;
pub mod snapshot;
pub mod statistics;
pub mod summary;
pub mod symbol;
pub mod tick;
pub mod trade_ids;
pub mod trading;
pub mod upper_book;
pub mod window;
pub mod wire;
