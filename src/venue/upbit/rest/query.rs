//! Requests for quotations, read from path and query string.

use crate::market::civil::{Date, NS_PER_DAY, NS_PER_SECOND};
use crate::market::decimal::Decimal;
use crate::market::symbol::Name;
use crate::venue::upbit::rest::PREFIX;
use crate::venue::upbit::rest::error::RestError;
use crate::venue::upbit::rest::parameter::Parameters;

/// A request that can be answered, if its markets exist. Markets are in upper case.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields have the names of the parameters")]
pub enum Query {
    /// All markets.
    Markets { is_details: bool },
    /// Tickers of these markets.
    Tickers { markets: Vec<Name> },
    /// Tickers of all markets with these quote currencies.
    AllTickers { quotes: Vec<String> },
    /// Order books.
    Orderbooks { markets: Vec<Name>, level: Decimal, count: usize },
    /// Price steps, and the steps that books can be grouped by; the older path tells only the latter, as numbers.
    Instruments { markets: Vec<Name>, is_older: bool },
    /// Trades.
    Trades { market: Name, page: TradePage },
    /// Candles; `to` is exclusive.
    Candles { market: Name, length: Length, to: Option<i64>, count: usize, converting_unit: Option<String> },
}

/// Which trades are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradePage {
    /// The most of them.
    pub count: usize,
    /// Only those before this second of the day; of the last trade's day, or so many before it.
    pub to: Option<u32>,
    /// Only those before the one with this id.
    pub cursor: Option<i64>,
    /// Only those of the day so many before that of the last trade.
    pub days_ago: Option<u8>,
}

/// How long a candle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A second.
    Second,
    /// So many minutes, one of [`Length::MINUTES`].
    Minutes(u16),
    /// A UTC day.
    Day,
    /// Seven days from a Monday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

/// Requests that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Group {
    Market,
    Candle,
    Trade,
    Ticker,
    Orderbook,
}

const CANDLES_MAX: usize = 200;
const TRADES_MAX: usize = 500;
const UNITS_MAX: usize = 30;

impl Group {
    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Group::Market => "market",
            Group::Candle => "candle",
            Group::Trade => "trade",
            Group::Ticker => "ticker",
            Group::Orderbook => "orderbook",
        }
    }
}

impl Length {
    /// The numbers of minutes that candles can have.
    pub const MINUTES: [u16; 8] = [1, 3, 5, 10, 15, 30, 60, 240];

    /// Where the candle begins that holds a time; both in nanoseconds since the epoch.
    pub fn start_of(self, ns: i64) -> i64 {
        let floor = |length: i64| ns - ns.rem_euclid(length);
        let day = ns.div_euclid(NS_PER_DAY) as i32;
        let date = Date::from_days(day);
        let of_day = |day: i32| i64::from(day) * NS_PER_DAY;
        match self {
            Length::Second => floor(NS_PER_SECOND),
            Length::Minutes(minutes) => floor(i64::from(minutes) * 60 * NS_PER_SECOND),
            Length::Day => of_day(day),
            // The epoch was a Thursday.
            Length::Week => of_day(day - (day + 3).rem_euclid(7)),
            Length::Month => of_day(Date { day: 1, ..date }.to_days()),
            Length::Year => of_day(Date { month: 1, day: 1, ..date }.to_days()),
        }
    }
}

impl Query {
    /// Reads a request: its path and its query string as it stands. `None` for a path that is not served.
    ///
    /// # Errors
    /// [`RestError`], ready to be sent, beside the group that it counts for.
    pub fn parse(path: &str, query: Option<&str>) -> Option<(Group, Result<Query, RestError>)> {
        let path = path.strip_prefix(PREFIX)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let parameters = Parameters::parse(query.unwrap_or(""));
        let candles = |length| (Group::Candle, read_candles(&parameters, length));
        Some(match path {
            "market/all" => {
                let is_details = parameters.flag("is_details", "isDetails");
                (Group::Market, is_details.map(|is_details| Query::Markets { is_details }))
            }
            "ticker" => (Group::Ticker, parameters.markets().map(|markets| Query::Tickers { markets })),
            "ticker/all" => (Group::Ticker, parameters.quotes().map(|quotes| Query::AllTickers { quotes })),
            "orderbook" => (Group::Orderbook, read_orderbooks(&parameters)),
            "orderbook/instruments" | "orderbook/supported_levels" => {
                let is_older = path.ends_with("levels");
                (Group::Orderbook, parameters.markets().map(|markets| Query::Instruments { markets, is_older }))
            }
            "trades/ticks" => (Group::Trade, read_trades(&parameters)),
            "candles/seconds" => candles(Ok(Length::Second)),
            "candles/days" => candles(Ok(Length::Day)),
            "candles/weeks" => candles(Ok(Length::Week)),
            "candles/months" => candles(Ok(Length::Month)),
            "candles/years" => candles(Ok(Length::Year)),
            _ => {
                let unit = path.strip_prefix("candles/minutes/").filter(|unit| !unit.contains('/'))?;
                let minutes = unit.parse().ok().filter(|unit| Length::MINUTES.contains(unit));
                candles(minutes.map(Length::Minutes).ok_or_else(|| RestError::invalid("unit")))
            }
        })
    }
}

fn read_orderbooks(parameters: &Parameters) -> Result<Query, RestError> {
    Ok(Query::Orderbooks {
        markets: parameters.markets()?,
        level: parameters.level()?,
        count: parameters.count(UNITS_MAX, UNITS_MAX)?,
    })
}

fn read_trades(parameters: &Parameters) -> Result<Query, RestError> {
    let market = parameters.market()?;
    let page = TradePage {
        count: parameters.count(1, TRADES_MAX)?,
        to: parameters.to_of_day()?,
        cursor: parameters.cursor()?,
        days_ago: parameters.days_ago()?,
    };
    Ok(Query::Trades { market, page })
}

fn read_candles(parameters: &Parameters, length: Result<Length, RestError>) -> Result<Query, RestError> {
    let (length, market) = (length?, parameters.market()?);
    let converting_unit = if length == Length::Day { parameters.converting_unit()? } else { None };
    let (to, count) = (parameters.to()?, parameters.count(1, CANDLES_MAX)?);
    Ok(Query::Candles { market, length, to, count, converting_unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(target: &str) -> Option<(Group, Result<Query, RestError>)> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Query::parse(path, Some(query))
    }

    #[test]
    fn paths_have_groups_and_take_a_slash_at_their_end() {
        for (target, group) in [
            ("/v1/market/all", Group::Market),
            ("/v1/ticker/?markets=A", Group::Ticker),
            ("/v1/ticker/all?quote_currencies=krw,btc", Group::Ticker),
            ("/v1/orderbook?markets=A", Group::Orderbook),
            ("/v1/orderbook/instruments?markets=A", Group::Orderbook),
            ("/v1/orderbook/supported_levels/?markets=A", Group::Orderbook),
            ("/v1/trades/ticks?market=A", Group::Trade),
            ("/v1/candles/seconds?market=A", Group::Candle),
            ("/v1/candles/minutes/240/?market=A", Group::Candle),
            ("/v1/candles/years?market=A", Group::Candle),
        ] {
            let (found, query) = query(target).unwrap();
            assert_eq!(found, group, "{target}");
            assert!(query.is_ok(), "{target}: {query:?}");
        }
        for target in [
            "/v1/",
            "/v1/orders",
            "/v1/candles",
            "/v1/candles/minutes",
            "/v1/ticker//",
            "/v2/ticker",
            "/v1/candles/minutes/1/2",
        ] {
            assert_eq!(query(target), None, "{target}");
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for target in [
            "/v1/market/all?is_details=perhaps",
            "/v1/orderbook?markets=A&level=x",
            "/v1/orderbook?markets=A&count=0",
            "/v1/trades/ticks?market=A&days_ago=8",
            "/v1/trades/ticks?market=A&to=2021",
            "/v1/trades/ticks?market=A&cursor=x",
            "/v1/candles/minutes/2?market=A",
            "/v1/candles/minutes/x?market=A",
            "/v1/candles/days?market=A&count=-1",
            "/v1/candles/days?market=A&count=many",
        ] {
            assert_eq!(query(target).unwrap().1.unwrap_err().status, 400, "{target}");
        }
        for target in ["/v1/ticker", "/v1/ticker/all", "/v1/orderbook", "/v1/trades/ticks", "/v1/candles/days"] {
            assert_eq!(query(target).unwrap().1, Err(RestError::missing()), "{target}");
        }
    }

    #[test]
    fn counts_have_defaults_and_ends() {
        let candles = |count: &str| match query(&format!("/v1/candles/days?market=A{count}")).unwrap().1.unwrap() {
            Query::Candles { count, .. } => count,
            other => panic!("{other:?}"),
        };
        assert_eq!((candles(""), candles("&count=7"), candles("&count=1000")), (1, 7, 200));
    }

    #[test]
    fn candles_begin_where_the_calendar_says() {
        // Monday, 2021-04-05 18:17:21 UTC.
        let ns = 1_617_646_641_500_000_000;
        for (length, start) in [
            (Length::Second, 1_617_646_641),
            (Length::Minutes(1), 1_617_646_620),
            (Length::Minutes(240), 1_617_638_400),
            (Length::Day, 1_617_580_800),
            (Length::Week, 1_617_580_800),
            (Length::Month, 1_617_235_200),
            (Length::Year, 1_609_459_200),
        ] {
            assert_eq!(length.start_of(ns), start * NS_PER_SECOND, "{length:?}");
        }
        // The Sunday before.
        assert_eq!(Length::Week.start_of(ns - NS_PER_DAY), 1_616_976_000 * NS_PER_SECOND);
    }
}
