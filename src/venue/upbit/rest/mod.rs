//! Upbit's REST quotation interface, `GET /v1/…`: what may be asked, and how it is answered.
//!
//! ```text
//!  path, query ──Query::parse──▶ Query ──State::reply──▶ Answer ──Answer::write──▶ body
//!                     └───────────────┴──▶ RestError ──to_json──▶ body
//! ```
//!
//! - [`query`]: the paths, their groups, requests.
//! - `parameter`: the query string and its values.
//! - [`error`]: refusals with their status and text.
//! - [`listing`]: the markets there are, with their names.
//! - [`reply`]: answers, taken out of what the market holds. **The only place that knows where a ticker, a book or a
//!   candle comes from.**
//! - [`answer`]: how they are written.
//! - [`orderbook`]: prices grouped by a step, and which steps a market has.
//!
//! Numbers are plain: without exponent, without zeros at their end, digits exact. Nothing here knows a clock or a socket.

pub mod answer;
pub mod error;
pub mod listing;
pub mod orderbook;
mod parameter;
pub mod query;
pub mod reply;

/// What every path begins with.
pub const PREFIX: &str = "/v1/";

/// Requests of one group that one address may make in a second at the exchange.
pub const REQUESTS_PER_SECOND: u32 = 10;
