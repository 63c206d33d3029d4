//! Requests for market data, read from path, query string and the header of the time unit.

use crate::market::channel::Interval;
use crate::market::symbol::Name;
use crate::venue::binance::TimeUnit;
use crate::venue::binance::rest::PREFIX;
use crate::venue::binance::rest::endpoint::Endpoint;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::page::Page;
use crate::venue::binance::rest::value::{Form, Permissions, Selection, Status, Window, Zone};

/// A request that can be answered, if its symbols exist. Symbols are spelled as payloads spell them, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields have the names of the parameters")]
pub enum Query {
    /// Whether anybody is there.
    Ping,
    /// What time it is.
    Time,
    /// Symbols and limits.
    ExchangeInfo {
        select: Selection,
        /// Of all symbols, those that have one of these.
        permissions: Permissions,
        /// Whether the permission sets are told or left empty.
        shows_permission_sets: bool,
    },
    /// The upper part of a book.
    Depth { symbol: Name, limit: usize },
    /// Trades, recent or older: a page from an id or of the newest.
    Trades { symbol: Name, page: Page },
    /// Block trades from an id on.
    BlockTrades { symbol: Name, page: Page },
    /// Aggregated trades.
    AggTrades { symbol: Name, page: Page },
    /// Candles; `uiKlines` are the same here.
    Klines { symbol: Name, interval: Interval, zone: Zone, page: Page },
    /// The average price of five minutes.
    AvgPrice { symbol: Name },
    /// Statistics of 24 hours.
    DayTicker { select: Selection, form: Form },
    /// Statistics of the day in a time zone; never [`Selection::All`].
    TradingDay { select: Selection, zone: Zone, form: Form },
    /// Statistics of a window up to now; never [`Selection::All`].
    RollingTicker { select: Selection, window: Window, form: Form },
    /// Last prices.
    Price { select: Selection },
    /// Best bids and asks.
    BookTicker { select: Selection },
    /// The reference price.
    ReferencePrice { symbol: Name },
    /// How the reference price is made.
    ReferenceCalculation { symbol: Name },
    /// What orders are held to while they are executed.
    ExecutionRules { select: Selection },
}

/// What can be asked of more than one kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The unit of times in the answer.
    pub unit: TimeUnit,
    /// The status a symbol must have: one that has not is an error, or missing in a list. `None` for any.
    pub status: Option<Status>,
}

impl Query {
    /// Reads a request: its path, its query string as it stands, and the value of `X-MBX-TIME-UNIT` if there is one.
    ///
    /// # Errors
    /// [`RestError`], ready to be sent; with status 404 for a path that is not served.
    pub fn parse(path: &str, query: Option<&str>, time_unit: Option<&str>) -> Result<(Query, Options), RestError> {
        let path = path.strip_prefix(PREFIX).ok_or_else(RestError::unknown_path)?;
        let endpoint = Endpoint::of(path).ok_or_else(RestError::unknown_path)?;
        let unit = match time_unit {
            None => TimeUnit::default(),
            Some(text) => TimeUnit::parse(text).ok_or_else(RestError::invalid_time_unit)?,
        };
        let (query, status) = endpoint.read(query)?;
        Ok((query, Options { unit, status }))
    }

    /// What it counts for against [`WEIGHT_PER_MINUTE`](crate::venue::binance::rest::WEIGHT_PER_MINUTE). A request for
    /// all symbols weighs the same however many there are.
    pub fn weight(&self) -> u32 {
        match self {
            Query::Ping | Query::Time => 1,
            Query::ExchangeInfo { .. } => 20,
            Query::Depth { limit: 0..=100, .. } => 5,
            Query::Depth { limit: 101..=500, .. } => 25,
            Query::Depth { limit: 501..=1_000, .. } => 50,
            Query::Depth { .. } => 250,
            Query::Trades { .. } | Query::BlockTrades { .. } => 25,
            Query::AggTrades { .. } => 4,
            Query::Klines { .. } | Query::AvgPrice { .. } => 2,
            Query::ReferencePrice { .. } | Query::ReferenceCalculation { .. } => 2,
            Query::ExecutionRules { select } => match select {
                Selection::One(_) => 2,
                Selection::Many(names) if names.len() <= 20 => 2 * names.len() as u32,
                Selection::Many(_) | Selection::All => 40,
            },
            Query::DayTicker { select, .. } => match select {
                Selection::One(_) => 2,
                Selection::Many(names) if names.len() <= 20 => 2,
                Selection::Many(names) if names.len() <= 100 => 40,
                Selection::Many(_) | Selection::All => 80,
            },
            Query::TradingDay { select, .. } | Query::RollingTicker { select, .. } => match select {
                Selection::One(_) => 4,
                Selection::Many(names) if names.len() <= 50 => 4 * names.len() as u32,
                Selection::Many(_) | Selection::All => 200,
            },
            Query::Price { select } | Query::BookTicker { select } => match select {
                Selection::One(_) => 2,
                Selection::Many(_) | Selection::All => 4,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(target: &str) -> Query {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Query::parse(&format!("/api/v3/{path}"), Some(query), None)
            .unwrap_or_else(|error| panic!("{target}: {error}"))
            .0
    }

    #[test]
    fn the_header_and_the_status_are_options() {
        let parse = |query, unit| Query::parse("/api/v3/ticker/price", query, unit);
        assert_eq!(parse(None, None).unwrap().1, Options::default());
        let options = Options { unit: TimeUnit::Microseconds, status: Some(Status::Halt) };
        assert_eq!(parse(Some("symbolStatus=HALT"), Some("MICROSECOND")).unwrap().1, options);
        assert_eq!(parse(None, Some("Microsecond")).unwrap_err().code, -1194);
        assert_eq!(parse(Some("symbolStatus=END_OF_DAY"), None).unwrap_err().code, -1122);
    }

    #[test]
    fn paths_that_are_not_served_are_not_found() {
        for path in ["/api/v3/pin", "/api/v3/ping/", "/api/v3/", "/api/v3/order", "/api/v1/ping", "/", ""] {
            assert_eq!(Query::parse(path, None, None), Err(RestError::unknown_path()), "{path}");
        }
    }

    #[test]
    fn long_lists_are_refused_where_the_path_has_a_limit() {
        let list = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!("\"S{n}\"")).collect();
            format!("symbols=[{}]", names.join(","))
        };
        let ticker = |count| Query::parse("/api/v3/ticker", Some(&list(count)), None);
        assert!(ticker(100).is_ok());
        let error = ticker(101).unwrap_err();
        assert_eq!(error.message, "Too many values sent for parameter 'symbols', maximum allowed up to 100.");
        for (path, count, weight) in [
            ("ticker/24hr", 20, 2),
            ("ticker/24hr", 21, 40),
            ("ticker/24hr", 101, 80),
            ("ticker", 3, 12),
            ("ticker", 51, 200),
            ("ticker/price", 200, 4),
            ("ticker/bookTicker", 2, 4),
            ("ticker/24hr", 100, 40),
            ("ticker/tradingDay", 50, 200),
            ("executionRules", 3, 6),
            ("executionRules", 21, 40),
        ] {
            assert_eq!(query(&format!("{path}?{}", list(count))).weight(), weight, "{path} {count}");
        }
    }

    #[test]
    fn weights_are_those_of_the_table() {
        for (target, weight) in [
            ("ping", 1),
            ("exchangeInfo", 20),
            ("depth?symbol=A", 5),
            ("depth?symbol=A&limit=101", 25),
            ("depth?symbol=A&limit=1000", 50),
            ("depth?symbol=A&limit=5001", 250),
            ("trades?symbol=A", 25),
            ("aggTrades?symbol=A", 4),
            ("klines?symbol=A&interval=1s", 2),
            ("avgPrice?symbol=A", 2),
            ("ticker/24hr", 80),
            ("ticker/price?symbol=A", 2),
            ("ticker/bookTicker", 4),
            ("ticker/tradingDay?symbol=A", 4),
            ("historicalTrades?symbol=A", 25),
            ("historicalBlockTrades?symbol=A&fromId=1", 25),
            ("uiKlines?symbol=A&interval=1s", 2),
            ("referencePrice?symbol=A", 2),
            ("referencePrice/calculation?symbol=A", 2),
            ("executionRules?symbol=A", 2),
            ("executionRules", 40),
            ("time", 1),
        ] {
            assert_eq!(query(target).weight(), weight, "{target}");
        }
    }
}
