//! Binance's REST market data, `GET /api/v3/…`: what may be asked, and how it is answered.
//!
//! ```text
//!  path, query, header ──Query::parse──▶ Query, Options ──(the server looks it up)──▶ write_… ──▶ body
//!                              └──▶ RestError ──to_json──▶ body
//! ```
//!
//! - [`query`]: requests, one variant for each kind, and what each weighs.
//! - `endpoint`: the paths, and the parameters each knows.
//! - `parameter`: the query string, and the order in which its faults are told.
//! - [`value`]: values of parameters: symbols, forms of tickers, statuses, windows, time zones.
//! - [`page`]: which part of a list is wanted.
//! - [`error`]: refusals with their codes and texts.
//! - [`answer`]: books, trades, candles; one object or a list of them.
//! - [`ticker`]: statistics, prices, best bids and asks.
//! - [`exchange`]: the list of symbols and the limits on requests.
//! - [`catalog`]: symbols from a file, as the exchange itself lists them.
//! - [`asset`]: a symbol's two assets, from its name.
//! - [`reply`]: answers out of the market's state; [`lookup`]: which symbols are meant; `history`: candles and windows.
//!
//! Nothing here knows a clock or a socket. Times come in and go out as nanoseconds since the epoch;
//! [`TimeUnit`](crate::venue::binance::TimeUnit) says how an answer writes them.

pub mod answer;
pub mod asset;
pub mod catalog;
mod endpoint;
pub mod error;
pub mod exchange;
mod history;
pub mod lookup;
pub mod page;
mod parameter;
pub mod query;
pub mod reply;
pub mod ticker;
pub mod value;

/// What every path begins with.
pub const PREFIX: &str = "/api/v3/";

/// Weight that one address may use in a minute.
pub const WEIGHT_PER_MINUTE: u32 = 6_000;

/// Requests that one address may make in five minutes, whatever they weigh.
pub const REQUESTS_PER_5_MINUTES: u32 = 300_000;

/// The budget that is told where `weight_max` is the one that holds: the exchange's where there is none.
pub fn weight_told(weight_max: u32) -> u32 {
    if weight_max == 0 { WEIGHT_PER_MINUTE } else { weight_max }
}
