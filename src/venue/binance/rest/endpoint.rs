//! The paths: which parameters each knows, and how they are read.
//!
//! How many a path knows decides between two of the refusals, so the table names them all.

use crate::market::channel::Interval;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::page::{Bounds, Page};
use crate::venue::binance::rest::parameter::Parameters;
use crate::venue::binance::rest::query::Query;
use crate::venue::binance::rest::value::{Form, Permissions, Selection, Status, Window, Zone};

/// A path below [`PREFIX`](crate::venue::binance::rest::PREFIX), the parameters it knows, and how they are read;
/// `symbolStatus` is read for all alike.
pub struct Endpoint {
    path: &'static str,
    names: &'static [&'static str],
    read: fn(&mut Parameters) -> Result<Query, RestError>,
}

static ENDPOINTS: [Endpoint; 19] = [
    Endpoint { path: "ping", names: &[], read: |_| Ok(Query::Ping) },
    Endpoint { path: "time", names: &[], read: |_| Ok(Query::Time) },
    Endpoint {
        path: "exchangeInfo",
        names: &["symbol", "symbols", "permissions", "showPermissionSets", STATUS],
        read: exchange_info,
    },
    Endpoint { path: "depth", names: &["symbol", "limit", STATUS], read: depth },
    Endpoint { path: "trades", names: &["symbol", "limit"], read: trades },
    Endpoint { path: "historicalTrades", names: &["symbol", "fromId", "limit"], read: historical_trades },
    Endpoint { path: "historicalBlockTrades", names: &["symbol", "fromId", "limit"], read: block_trades },
    Endpoint { path: "aggTrades", names: &["symbol", "fromId", "startTime", "endTime", "limit"], read: agg_trades },
    Endpoint { path: "klines", names: KLINES, read: klines },
    Endpoint { path: "uiKlines", names: KLINES, read: klines },
    Endpoint { path: "avgPrice", names: &["symbol"], read: avg_price },
    Endpoint { path: "ticker/24hr", names: &["symbol", "symbols", "type", STATUS], read: day_ticker },
    Endpoint {
        path: "ticker/tradingDay",
        names: &["symbol", "symbols", "timeZone", "type", STATUS],
        read: trading_day,
    },
    Endpoint { path: "ticker", names: &["symbol", "symbols", "windowSize", "type", STATUS], read: rolling_ticker },
    Endpoint { path: "ticker/price", names: &["symbol", "symbols", STATUS], read: price },
    Endpoint { path: "ticker/bookTicker", names: &["symbol", "symbols", STATUS], read: book_ticker },
    Endpoint { path: "referencePrice", names: &["symbol"], read: reference_price },
    Endpoint { path: "referencePrice/calculation", names: &["symbol", STATUS], read: reference_calculation },
    Endpoint { path: "executionRules", names: &["symbol", "symbols", STATUS], read: execution_rules },
];

const STATUS: &str = "symbolStatus";
const KLINES: &[&str] = &["symbol", "interval", "startTime", "endTime", "timeZone", "limit"];

const DEPTH_DEFAULT: usize = 100;
const DEPTH_MAX: usize = 5_000;
const LIST_DEFAULT: usize = 500;
const LIST_MAX: usize = 1_000;

impl Endpoint {
    /// The one of this path; `None` for one that is not served.
    pub fn of(path: &str) -> Option<&'static Endpoint> {
        ENDPOINTS.iter().find(|known| known.path == path)
    }

    /// Reads a query string: the request, and the status its symbols must have.
    ///
    /// # Errors
    /// [`RestError`] for the first fault.
    pub fn read(&self, query: Option<&str>) -> Result<(Query, Option<Status>), RestError> {
        let mut parameters = Parameters::parse(query, self.names.len())?;
        let query = (self.read)(&mut parameters)?;
        let status = match self.names.contains(&STATUS) {
            true => parameters.word(STATUS, |text| Status::parse(text).map(Some), RestError::invalid_status)?,
            false => None,
        };
        parameters.finish()?;
        Ok((query, status))
    }
}

fn exchange_info(parameters: &mut Parameters) -> Result<Query, RestError> {
    let select = parameters.selection()?;
    if select != Selection::All && (parameters.has("permissions") || parameters.has(STATUS)) {
        return Err(RestError::bad_combination());
    }
    let permissions = parameters.optional("permissions")?;
    let shown = parameters.optional("showPermissionSets")?;
    Ok(Query::ExchangeInfo {
        select,
        permissions: permissions.map_or(Ok(Permissions::default()), |text| Permissions::parse(&text))?,
        shows_permission_sets: match shown.map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(RestError::invalid_value("showPermissionSets")),
        },
    })
}

fn depth(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::Depth { symbol: parameters.symbol()?, limit: parameters.limit(DEPTH_DEFAULT, DEPTH_MAX)? })
}

fn trades(parameters: &mut Parameters) -> Result<Query, RestError> {
    let symbol = parameters.symbol()?;
    Ok(Query::Trades { symbol, page: Page::newest(parameters.limit(LIST_DEFAULT, LIST_MAX)?) })
}

fn historical_trades(parameters: &mut Parameters) -> Result<Query, RestError> {
    let symbol = parameters.symbol()?;
    let from_id = parameters.oldest_id()?;
    let newest = Page::newest(parameters.limit(LIST_DEFAULT, LIST_MAX)?);
    let page = from_id.map_or(newest, |id| Page { bounds: Bounds::FromId(id), ..newest });
    Ok(Query::Trades { symbol, page })
}

fn agg_trades(parameters: &mut Parameters) -> Result<Query, RestError> {
    let symbol = parameters.symbol()?;
    let Some(id) = parameters.oldest_id()? else {
        return Ok(Query::AggTrades { symbol, page: parameters.page(LIST_DEFAULT, LIST_MAX)? });
    };
    if parameters.has("startTime") || parameters.has("endTime") {
        return Err(RestError::bad_combination());
    }
    let limit = parameters.limit(LIST_DEFAULT, LIST_MAX)?;
    Ok(Query::AggTrades { symbol, page: Page { limit, bounds: Bounds::FromId(id) } })
}

fn klines(parameters: &mut Parameters) -> Result<Query, RestError> {
    let symbol = parameters.symbol()?;
    let interval = parameters.required("interval")?;
    let interval = Interval::from_name(&interval).ok_or_else(RestError::invalid_interval)?;
    let zone = zone(parameters)?;
    Ok(Query::Klines { symbol, interval, zone, page: parameters.page(LIST_DEFAULT, LIST_MAX)? })
}

fn day_ticker(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::DayTicker { select: parameters.selection()?, form: form(parameters)? })
}

fn trading_day(parameters: &mut Parameters) -> Result<Query, RestError> {
    let select = parameters.required_selection()?;
    Ok(Query::TradingDay { select, zone: zone(parameters)?, form: form(parameters)? })
}

fn rolling_ticker(parameters: &mut Parameters) -> Result<Query, RestError> {
    let select = parameters.required_selection()?;
    let window = parameters.word("windowSize", Window::parse, || RestError::invalid_value("windowSize"))?;
    Ok(Query::RollingTicker { select, window, form: form(parameters)? })
}

fn avg_price(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::AvgPrice { symbol: parameters.symbol()? })
}

fn price(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::Price { select: parameters.selection()? })
}

fn book_ticker(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::BookTicker { select: parameters.selection()? })
}

fn block_trades(parameters: &mut Parameters) -> Result<Query, RestError> {
    let symbol = parameters.symbol()?;
    let from_id = parameters.oldest_id()?.ok_or_else(|| RestError::missing("fromId"))?;
    let limit = parameters.limit(LIST_DEFAULT, LIST_MAX)?;
    Ok(Query::BlockTrades { symbol, page: Page { limit, bounds: Bounds::FromId(from_id) } })
}

fn reference_price(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::ReferencePrice { symbol: parameters.symbol()? })
}

fn reference_calculation(parameters: &mut Parameters) -> Result<Query, RestError> {
    Ok(Query::ReferenceCalculation { symbol: parameters.symbol()? })
}

fn execution_rules(parameters: &mut Parameters) -> Result<Query, RestError> {
    let select = parameters.selection()?;
    if select != Selection::All && parameters.has(STATUS) {
        return Err(RestError::bad_combination());
    }
    Ok(Query::ExecutionRules { select })
}

fn form(parameters: &mut Parameters) -> Result<Form, RestError> {
    parameters.word("type", Form::parse, RestError::invalid_ticker_type)
}

fn zone(parameters: &mut Parameters) -> Result<Zone, RestError> {
    parameters.word("timeZone", Zone::parse, || RestError::invalid_value("timeZone"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::symbol::Name;
    use proptest::prelude::*;

    fn parse(target: &str) -> Result<Query, RestError> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        Endpoint::of(path).unwrap().read(query).map(|(query, _)| query)
    }

    #[test]
    fn every_path_is_read_with_its_defaults() {
        let symbol = Name::new("BTCUSDT").unwrap();
        let select = Selection::One(symbol);
        let (zone, form, page) = (Zone::default(), Form::Full, Page::newest(500));
        let all = Selection::All;
        for (target, expected) in [
            ("ping", Query::Ping),
            ("time?", Query::Time),
            (
                "exchangeInfo",
                Query::ExchangeInfo {
                    select: all.clone(),
                    permissions: Permissions::default(),
                    shows_permission_sets: true,
                },
            ),
            ("depth?symbol=BTCUSDT", Query::Depth { symbol, limit: 100 }),
            ("depth?symbol=BTCUSDT&limit=9999", Query::Depth { symbol, limit: 5_000 }),
            ("trades?symbol=BTCUSDT", Query::Trades { symbol, page }),
            ("trades?limit=1001&symbol=BTCUSDT", Query::Trades { symbol, page: Page::newest(1_000) }),
            ("historicalTrades?symbol=BTCUSDT", Query::Trades { symbol, page }),
            (
                "historicalTrades?symbol=BTCUSDT&fromId=7&limit=2",
                Query::Trades { symbol, page: Page { limit: 2, bounds: Bounds::FromId(7) } },
            ),
            ("aggTrades?symbol=BTCUSDT", Query::AggTrades { symbol, page }),
            ("klines?symbol=BTCUSDT&interval=1M", Query::Klines { symbol, interval: Interval::Mo1, zone, page }),
            ("uiKlines?symbol=BTCUSDT&interval=1m", Query::Klines { symbol, interval: Interval::M1, zone, page }),
            ("avgPrice?symbol=BTCUSDT", Query::AvgPrice { symbol }),
            ("ticker/24hr", Query::DayTicker { select: all.clone(), form }),
            ("ticker/24hr?symbol=BTCUSDT&type=MINI", Query::DayTicker { select: select.clone(), form: Form::Mini }),
            ("ticker/tradingDay?symbol=BTCUSDT", Query::TradingDay { select: select.clone(), zone, form }),
            (
                "ticker?symbol=BTCUSDT&windowSize=3h",
                Query::RollingTicker { select: select.clone(), window: Window::parse("3h").unwrap(), form },
            ),
            ("ticker/price", Query::Price { select: all.clone() }),
            ("ticker/bookTicker?symbol=BTCUSDT", Query::BookTicker { select: select.clone() }),
            (
                "historicalBlockTrades?symbol=BTCUSDT&fromId=7",
                Query::BlockTrades { symbol, page: Page { limit: 500, bounds: Bounds::FromId(7) } },
            ),
            ("referencePrice?symbol=BTCUSDT", Query::ReferencePrice { symbol }),
            ("referencePrice/calculation?symbol=BTCUSDT", Query::ReferenceCalculation { symbol }),
            ("executionRules", Query::ExecutionRules { select: all.clone() }),
            ("executionRules?symbol=BTCUSDT", Query::ExecutionRules { select }),
        ] {
            assert_eq!(parse(target), Ok(expected), "{target}");
        }
    }

    #[test]
    fn faults_have_the_exchange_s_codes() {
        for (target, code) in [
            ("ping?x=1", -1101),
            ("depth", -1102),
            ("depth?symbol=", -1105),
            ("depth?symbol", -1105),
            ("depth?symbol=btcusdt", -1100),
            ("depth?symbol=BTCUSDT&limit=0", -1130),
            ("depth?symbol=BTCUSDT&symbol=ETHUSDT", -1101),
            ("depth?symbol=BTCUSDT&foo=1", -1104),
            ("trades?symbol=BTCUSDT&fromId=1", -1104),
            ("aggTrades?symbol=BTCUSDT&fromId=-1", -1100),
            ("aggTrades?symbol=BTCUSDT&fromId=1&endTime=2", -1128),
            ("klines?symbol=BTCUSDT", -1102),
            ("klines?symbol=BTCUSDT&interval=2m", -1120),
            ("klines?symbol=BTCUSDT&interval=1d&timeZone=15", -1130),
            ("ticker/24hr?type=mini", -1139),
            ("ticker/24hr?symbol=BTCUSDT&symbols=[]", -1128),
            ("ticker?windowSize=1h", -1102),
            ("ticker?symbol=BTCUSDT&windowSize=90m", -1130),
            ("exchangeInfo?symbol=BTCUSDT&permissions=SPOT", -1128),
            ("exchangeInfo?symbol=BTCUSDT&symbolStatus=HALT", -1128),
            ("exchangeInfo?showPermissionSets=1", -1130),
            ("exchangeInfo?permissions=[SPOT]", -1135),
            ("historicalBlockTrades?symbol=BTCUSDT", -1102),
            ("historicalBlockTrades?symbol=BTCUSDT&fromId=x", -1100),
            ("referencePrice", -1102),
            ("referencePrice?symbol=BTCUSDT&symbolStatus=HALT", -1101),
            ("referencePrice/calculation?symbol=BTCUSDT&symbolStatus=X", -1122),
            ("executionRules?symbol=BTCUSDT&symbolStatus=HALT", -1128),
            ("executionRules?symbol=BTCUSDT&symbols=[\"BTCUSDT\"]", -1128),
        ] {
            assert_eq!(parse(target).unwrap_err().code, code, "{target}");
        }
    }

    #[test]
    fn faults_are_told_in_the_order_seen_at_the_exchange() {
        let message = |target| parse(target).unwrap_err().message;
        for (target, expected) in [
            ("klines?fromId=1", "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
            (
                "klines?fromId=1&symbol=BNBBTC&interval=1h",
                "Not all sent parameters were read; read '2' parameter(s) but was sent '3'.",
            ),
            ("avgPrice?symbol=BNBBTC&limit=1", "Too many parameters; expected '1' and received '2'."),
            ("avgPrice?limit=1&limit=2", "Duplicate values for a parameter detected."),
            ("ticker/24hr?limit=1", "Not all sent parameters were read; read '0' parameter(s) but was sent '1'."),
            (
                "aggTrades?symbol=BNBBTC&limit=-1",
                "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
            ),
        ] {
            assert_eq!(message(target), expected, "{target}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "\\PC{0,60}",
            at in 0..ENDPOINTS.len(),
            values in proptest::collection::vec("[\\[\"%0-9A-Z:+,mhdM-]{0,9}", 6),
        ) {
            let endpoint = &ENDPOINTS[at];
            let pairs = endpoint.names.iter().zip(&values).map(|(name, value)| format!("{name}={value}"));
            let close = pairs.collect::<Vec<_>>().join("&");
            for query in [text, close] {
                match endpoint.read(Some(&query)) {
                    Ok((query, _)) => prop_assert!(query.weight() > 0),
                    Err(error) => prop_assert!(serde_json::from_str::<serde_json::Value>(&error.to_json()).is_ok()),
                }
            }
        }
    }
}
