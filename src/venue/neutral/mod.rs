//! The neutral form: one JSON shape for each kind of tick, whatever venue it comes from, for those who read several alike.
//!
//! ```text
//! {"kind":"trade","venue":"binance","symbol":"BTCUSDT","sequence":8,"ts_event":1700000000123000,
//!  "ts_recv":1700000000130000,"snapshot":false,"id":"7","price":"0.10000000","size":"1.5","side":"buy","ts_trade":…}
//! ```
//!
//! | members | in | what |
//! |---|---|---|
//! | `kind` | all | one of the table below |
//! | `venue`, `symbol` | all | whose feed it comes from and how that exchange spells it, however it was asked for |
//! | `sequence` | all | number of the raw message that caused it, see [`Tick::sequence`] |
//! | `ts_event`, `ts_recv`, `ts_…` | all | microseconds since the Unix epoch, whole |
//! | `snapshot` | all | whether it is what somebody begins with who has just come: the newest value, or the first |
//! | prices, sizes, volumes, changes | | text, spelled as the venue spells it: `"0.10000000"`, `"7.9E-4"` |
//! | `id`, `first_trade_id`, `last_trade_id` | | text: Upbit's ids have more digits than a double holds; null without trades |
//! | `first_id`, `last_id`, `update_id` | books | whole numbers that count a book's updates |
//! | `bids`, `asks` | books | `[price, size]` each, best first; a side that has fewer levels is shorter |
//!
//! Times in microseconds are below 2^53 until the year 2255 and sequences for longer than that, so that a reader whose
//! numbers are doubles has them exactly. What is not known is null; a member that a kind has is never left out.
//!
//! | `kind` | Binance | Upbit, Bithumb | its own members |
//! |---|---|---|---|
//! | `trade` | `trade` | `trade` | `id`, `price`, `size`, `side` (the taker's, `buy` or `sell`), `ts_trade` |
//! | `agg_trade` | `aggTrade` | | those of `trade`, `first_trade_id`, `last_trade_id` |
//! | `block_trade` | `blockTrade` | | those of `trade` |
//! | `reference_price` | `referencePrice` | | `price` or null, `ts_valid` |
//! | `avg_price` | `avgPrice` | | `average_price` of five minutes, `ts_trade` |
//! | `book_ticker` | `bookTicker` | | `update_id`, `bid_price`, `bid_size`, `ask_price`, `ask_size` |
//! | `depth` | `depth` | | `first_id`, `last_id`, `bids`, `asks`: a size of zero removes the level |
//! | `partial_depth` | `depth20` | | `last_id`, `bids`, `asks` |
//! | `order_book` | | `orderbook` | `total_bid_size`, `total_ask_size`, `grouping`, `bids`, `asks` |
//! | `kline` | `kline_1m` | | those of `candle`, and of how it ends and who took |
//! | `candle` | | `candle.1m` | times, prices, volumes |
//! | `mini_ticker` | `miniTicker` | | sums of 24 hours |
//! | `window_ticker` | `ticker_1h` | | sums of a window, and how they compare |
//! | `ticker` | `ticker` | | sums of 24 hours, how they compare, the best levels |
//! | `day_ticker` | | `ticker` | sums of the UTC day and much else |
//!
//! - `candle`: `interval`, `utc_offset_s` (by how much its days begin before UTC's), `ts_open`, `open`, `high`, `low`,
//!   `close`, `volume`, `quote_volume`; `kline` has behind them `ts_close`, `closed`, `trades`, `taker_buy_volume`,
//!   `taker_buy_quote_volume`, `first_trade_id`, `last_trade_id`. An hour is `1h` for both.
//! - Sums: `last_price`, `open`, `high`, `low`, `volume`, `quote_volume`.
//! - `window_ticker`: behind the sums `window`, `change`, `change_percent`, `average_price`, `ts_open`, `ts_close`,
//!   `first_trade_id`, `last_trade_id`, `trades`.
//! - `ticker`: behind the sums `last_size`, `previous_price`, `change`, `change_percent`, `average_price`, the members of
//!   `book_ticker` but its id, `ts_open`, `ts_close`, `first_trade_id`, `last_trade_id`, `trades`.
//! - `day_ticker`: behind the sums `last_size`, `side`, `ts_trade`, `previous_close`, `change`, `change_rate`,
//!   `taker_buy_volume`, `taker_sell_volume`, `volume_24h`, `quote_volume_24h`, `high_52w`, `high_52w_date`, `low_52w`,
//!   `low_52w_date`, `state` (`preview`, `active`, `delisted`), `suspended`, `caution`, `delisting_date` or null.
//!
//! What only one exchange says beside the subject of a kind, as Upbit's trades do of yesterday's close and of the best
//! levels, is in a stream of its own there, and in that exchange's own form.

mod event;

use crate::market::symbol::Symbol;
use crate::market::tick::{Kind, Level, Tick};
use crate::venue::json::Json;
use crate::venue::neutral::event::Event;
use crate::venue::upbit::json::StreamType;

/// Appends the payload of a tick; of an order book so many pairs of levels at the most.
///
/// Appends nothing and returns false for a tick that tells of no market. Allocates nothing once `out` has grown.
pub fn write_payload(
    tick: &Tick,
    levels: &[Level],
    symbol: &Symbol,
    units: usize,
    stream_type: StreamType,
    out: &mut Vec<u8>,
) -> bool {
    let mut event = Event { tick, symbol, stream_type, json: Json(out) };
    match &tick.kind {
        Kind::Trade(trade) => event.trade(trade),
        Kind::AggTrade(trade) => event.agg_trade(trade),
        Kind::BookTicker(ticker) => event.book_ticker(ticker),
        Kind::Depth(depth) => event.depth(depth, levels),
        Kind::Kline(kline) => event.kline(kline),
        Kind::Ticker(ticker) => event.ticker(ticker),
        Kind::MiniTicker(ticker) => event.mini_ticker(ticker),
        Kind::DayTicker(ticker) => event.day_ticker(ticker),
        Kind::Orderbook(book) => event.order_book(book, levels, units),
        Kind::PartialDepth(depth) => event.partial_depth(depth, levels),
        Kind::WindowTicker(ticker) => event.window_ticker(ticker),
        Kind::AvgPrice(average) => event.avg_price(average),
        Kind::Candle(candle) => event.candle(candle),
        Kind::BlockTrade(trade) => event.block_trade(trade),
        Kind::ReferencePrice(reference) => event.reference_price(reference),
        Kind::Announce(_) | Kind::Second | Kind::End => return false,
    }
    event.json.text("}");
    true
}

#[cfg(test)]
mod tests;
