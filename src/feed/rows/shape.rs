//! What tables look like, and how they are told apart.

use std::fmt;
use std::str::FromStr;

use crate::feed::rows::time;
use crate::market::channel::Interval;
use crate::market::civil::Date;

/// The columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A recorder's trades, with their symbols and receive times: `TimestampOfReceive`, `Stream`, `EventType`,
    /// `EventTime`, `TransactionTime`, `Symbol`, `TradeId`, `Price`, `Quantity`, `IsBuyerMarketMaker`, and more.
    Received,
    /// A recorder's changes of books, one price level a row: `TimestampOfReceive`, `Stream`, `EventType`, `EventTime`,
    /// `Symbol`, `FirstUpdateId`, `FinalUpdateId`, `IsAsk`, `Price`, `Quantity`. Rows that differ in the last three only
    /// are one message.
    ReceivedDepth,
    /// Trades of a New York day: milliseconds since midnight there, price in ten-thousandths of a dollar, shares,
    /// exchange, sale condition, suspicious.
    NewYork {
        /// The day.
        date: Date,
    },
    /// Binance's archive of trades: `id`, `price`, `qty`, `quoteQty`, `time`, `isBuyerMaker`, and `isBestMatch` on spot.
    Trades,
    /// Binance's archive of aggregate trades: id, price, quantity, first and last trade id, time, `isBuyerMaker`.
    AggTrades,
    /// Binance's archive of candles: open time, open, high, low, close, volume, close time, quote volume, trades, volume
    /// and quote volume of takers who bought.
    Klines {
        /// Their length.
        interval: Interval,
    },
}

/// A table: its shape, and what its rows do not say. Its text, for instance `klines BTCUSDT 1m`, says all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The columns.
    pub shape: Shape,
    /// Whose trades they are; empty where each row says so.
    pub symbol: String,
}

/// How the header of a recorder's trades begins.
const RECEIVED_HEADER: &str = "TimestampOfReceive,Stream,EventType,EventTime,TransactionTime,Symbol,TradeId,Price,\
                               Quantity,IsBuyerMarketMaker";

/// How the header of a recorder's changes of books begins.
const RECEIVED_DEPTH_HEADER: &str = "TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,\
                                     IsAsk,Price,Quantity";

/// Columns that rows of one message have in common.
const MESSAGE_COLUMNS: usize = 7;

impl Table {
    /// The table of a file, by its name without folder and endings, and its first line.
    ///
    /// # Errors
    /// A sentence that says which names there are.
    pub fn of_file(name: &str, first_line: &str) -> Result<Table, String> {
        if first_line.starts_with(RECEIVED_HEADER) {
            return Ok(Table { shape: Shape::Received, symbol: String::new() });
        }
        if first_line.starts_with(RECEIVED_DEPTH_HEADER) {
            return Ok(Table { shape: Shape::ReceivedDepth, symbol: String::new() });
        }
        let parts: Vec<&str> = name.splitn(3, '-').collect();
        let named = match parts[..] {
            ["trades", symbol, day] => new_york_day(day).map(|date| (Shape::NewYork { date }, symbol)),
            [symbol, "trades", day] if is_day_or_month(day) => Some((Shape::Trades, symbol)),
            [symbol, "aggTrades", day] if is_day_or_month(day) => Some((Shape::AggTrades, symbol)),
            [symbol, interval, day] if is_day_or_month(day) => {
                // The archive spells the month in another way.
                let interval = if interval == "1mo" { "1M" } else { interval };
                Interval::from_name(interval).map(|interval| (Shape::Klines { interval }, symbol))
            }
            _ => None,
        };
        let (shape, symbol) = named.ok_or_else(|| {
            format!(
                "`{name}` is no table that is known: its name must be SYMBOL-trades-2026-11-20, \
                 SYMBOL-aggTrades-2026-11-20 or SYMBOL-1m-2026-11-20, as in Binance's archive, or trades-SYMBOL-20261120 \
                 for a New York day, or its first line must begin with `{RECEIVED_HEADER}` or with \
                 `{RECEIVED_DEPTH_HEADER}`"
            )
        })?;
        let table = Table { shape, symbol: symbol.to_ascii_uppercase() };
        let columns = first_line.trim_end().split(',').count();
        if columns < table.shape.columns() {
            return Err(format!("its first line has {columns} columns, and its name says {}", table.shape.columns()));
        }
        Ok(table)
    }

    /// When a row was received, in nanoseconds since the epoch: where nobody has said, its trade's time, or the candle's
    /// close. `None` for a line that is no row, as a header is none.
    pub fn ts_recv(&self, row: &str) -> Option<i64> {
        let mut columns = row.trim_end().split(',');
        match self.shape {
            Shape::Received | Shape::ReceivedDepth => time::since_epoch(columns.next()?),
            Shape::NewYork { date } => {
                let ms: i64 = columns.next()?.parse().ok().filter(|ms| (0..86_400_000).contains(ms))?;
                Some(time::new_york_midnight(date)? + ms * 1_000_000)
            }
            Shape::Trades => time::since_epoch(columns.nth(4)?),
            Shape::AggTrades => time::since_epoch(columns.nth(5)?),
            Shape::Klines { .. } => time::since_epoch(columns.nth(6)?),
        }
    }

    /// Whether a row belongs to the same message as the rows before it.
    pub fn continues(&self, rows: &[u8], row: &[u8]) -> bool {
        let Shape::ReceivedDepth = self.shape else { return false };
        let end = memchr::memchr_iter(b',', rows).nth(MESSAGE_COLUMNS - 1);
        end.is_some_and(|end| row.starts_with(&rows[..=end]))
    }
}

impl Shape {
    /// The columns that are read, at least.
    fn columns(&self) -> usize {
        match self {
            Shape::Received | Shape::ReceivedDepth => 10,
            Shape::NewYork { .. } => 3,
            Shape::Trades => 6,
            Shape::AggTrades => 7,
            Shape::Klines { .. } => 11,
        }
    }
}

fn is_day_or_month(text: &str) -> bool {
    Date::parse(text.as_bytes()).is_some()
        || (text.len() == 7 && Date::parse(format!("{text}-01").as_bytes()).is_some())
}

/// A day without hyphens, of a year in which New York's clock is known.
fn new_york_day(text: &str) -> Option<Date> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    let date = Date::parse(format!("{year}-{month}-{day}").as_bytes())?;
    time::new_york_midnight(date).map(|_| date)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = &self.symbol;
        match &self.shape {
            Shape::Received => f.write_str("received-trades"),
            Shape::ReceivedDepth => f.write_str("received-depth"),
            Shape::NewYork { date } => {
                write!(f, "new-york-trades {symbol} {:04}{:02}{:02}", date.year, date.month, date.day)
            }
            Shape::Trades => write!(f, "trades {symbol}"),
            Shape::AggTrades => write!(f, "aggTrades {symbol}"),
            Shape::Klines { interval } => write!(f, "klines {symbol} {}", interval.name()),
        }
    }
}

impl FromStr for Table {
    type Err = ();

    fn from_str(text: &str) -> Result<Table, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        let (shape, symbol) = match words[..] {
            ["received-trades"] => (Shape::Received, ""),
            ["received-depth"] => (Shape::ReceivedDepth, ""),
            ["new-york-trades", symbol, day] => (Shape::NewYork { date: new_york_day(day).ok_or(())? }, symbol),
            ["trades", symbol] => (Shape::Trades, symbol),
            ["aggTrades", symbol] => (Shape::AggTrades, symbol),
            ["klines", symbol, name] => (Shape::Klines { interval: Interval::from_name(name).ok_or(())? }, symbol),
            _ => return Err(()),
        };
        Ok(Table { shape, symbol: symbol.to_owned() })
    }
}
