//! Answers to requests, out of what the market holds.

use std::collections::VecDeque;

use crate::market::engine::Engine;
use crate::market::recent::{Recent, RecentOf};
use crate::market::symbol::{Name, SymbolId, Symbols, Venue};
use crate::market::tick::Best;
use crate::venue::binance::rest::answer::{
    PING, write_agg_trades, write_avg_price, write_depth, write_klines, write_list, write_time, write_trades,
};
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::exchange::{SymbolInfo, write_exchange_info};
use crate::venue::binance::rest::query::{Options, Query};
use crate::venue::binance::rest::ticker::{write_book_ticker, write_day_ticker, write_price};
use crate::venue::binance::rest::value::{Selection, Status};

/// What answers are made of.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// All symbols met so far.
    pub symbols: &'a Symbols,
    /// All books.
    pub engine: &'a Engine,
    /// What was lately published.
    pub recent: &'a Recent,
    /// The feed's clock, nanoseconds since the epoch.
    pub now: i64,
}

/// A symbol with what is known of it.
type Known<'a> = (&'a str, SymbolId, &'a RecentOf);

impl<'a> State<'a> {
    /// The body of the answer.
    ///
    /// # Errors
    /// [`RestError`]: for a symbol that does not exist, for one of which there is nothing yet, and for what is asked of
    /// statistics that are not kept.
    pub fn reply(&self, query: &Query, options: Options) -> Result<Vec<u8>, RestError> {
        let mut out = Vec::new();
        let unit = options.unit;
        match query {
            Query::Ping => out.extend_from_slice(PING.as_bytes()),
            Query::Time => write_time(self.now, unit, &mut out),
            Query::ExchangeInfo { select, spot, shows_permission_sets } => {
                let known = if *spot { self.select(select, options)?.1 } else { Vec::new() };
                let infos = known.iter().map(|(name, _, of)| SymbolInfo::new(name, of.price_places, of.size_places));
                write_exchange_info(infos, *shows_permission_sets, self.now, unit, &mut out);
            }
            Query::Depth { symbol, limit } => {
                let (_, id, _) = self.one(symbol, options)?;
                let book = self.engine.book(id).ok_or_else(|| nothing_yet("order book"))?;
                write_depth(book, *limit, &mut out);
            }
            Query::Trades { symbol, page } => {
                let trades = &self.one(symbol, options)?.2.trades;
                let range = page.range(trades.len(), |i| trades[i].id, |i| trades[i].ts_trade);
                write_trades(trades.range(range), unit, &mut out);
            }
            Query::AggTrades { symbol, page } => {
                let trades = &self.one(symbol, options)?.2.agg_trades;
                let range = page.range(trades.len(), |i| trades[i].id, |i| trades[i].ts_trade);
                write_agg_trades(trades.range(range), unit, &mut out);
            }
            Query::Klines { symbol, interval, zone, page } => {
                let of = self.one(symbol, options)?.2;
                let none = VecDeque::new();
                // Candles of another zone are cut at other instants, and none are kept.
                let klines = of.klines.get(interval).filter(|_| zone.minutes() == 0).unwrap_or(&none);
                let range = page.range(klines.len(), |i| klines[i].ts_open, |i| klines[i].ts_open);
                write_klines(klines.range(range), unit, &mut out);
            }
            Query::DayTicker { select, form } => self.write_each(
                self.select(select, options)?,
                "ticker",
                |of| of.ticker,
                |name, ticker, out| write_day_ticker(&ticker, name, *form, unit, out),
                &mut out,
            )?,
            Query::Price { select } => {
                self.write_each(self.select(select, options)?, "trade", RecentOf::price, write_price, &mut out)?
            }
            Query::BookTicker { select } => self.write_each(
                self.select(select, options)?,
                "best bid and ask",
                |of| of.best,
                |name, best: Best, out| write_book_ticker(name, &best, out),
                &mut out,
            )?,
            Query::AvgPrice { symbol } => {
                let average = self.one(symbol, options)?.2.average.ok_or_else(|| nothing_yet("average price"))?;
                write_avg_price(average.average, average.ts_trade, unit, &mut out);
            }
            Query::TradingDay { .. } | Query::RollingTicker { .. } => {
                return Err(RestError::unknown_path());
            }
        }
        Ok(out)
    }

    /// An object for one symbol, an array for several; in an array those without a value are left out.
    fn write_each<T>(
        &self,
        (is_one, known): (bool, Vec<Known<'a>>),
        what: &'static str,
        value: impl Fn(&RecentOf) -> Option<T>,
        write: impl Fn(&str, T, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) -> Result<(), RestError> {
        if let (true, Some((name, _, of))) = (is_one, known.first()) {
            write(name, value(of).ok_or_else(|| nothing_yet(what))?, out);
            return Ok(());
        }
        let values = known.into_iter().filter_map(|(name, _, of)| Some((name, value(of)?)));
        write_list(values, out, |(name, value), out| write(name, value, out));
        Ok(())
    }

    /// The symbols selected, and whether it was a single one.
    fn select(&self, select: &Selection, options: Options) -> Result<(bool, Vec<Known<'a>>), RestError> {
        match select {
            Selection::One(name) => Ok((true, vec![self.one(name, options)?])),
            Selection::Many(names) => {
                let known: Result<Vec<_>, _> = names.iter().map(|name| self.find(name)).collect();
                Ok((false, if is_met(options) { known? } else { Vec::new() }))
            }
            Selection::All if !is_met(options) => Ok((false, Vec::new())),
            Selection::All => {
                let all = self.symbols.iter().filter(|(_, symbol)| symbol.venue == Venue::Binance);
                let known = all.filter_map(|(id, symbol)| Some((symbol.name.as_str(), id, self.recent.of(id)?)));
                Ok((false, known.collect()))
            }
        }
    }

    fn one(&self, name: &Name, options: Options) -> Result<Known<'a>, RestError> {
        let known = self.find(name)?;
        if is_met(options) { Ok(known) } else { Err(RestError::status_differs()) }
    }

    fn find(&self, name: &Name) -> Result<Known<'a>, RestError> {
        let id = self.symbols.find(Venue::Binance, name.as_str()).ok_or_else(RestError::invalid_symbol)?;
        let of = self.recent.of(id).ok_or_else(RestError::invalid_symbol)?;
        Ok((self.symbols.get(id).name.as_str(), id, of))
    }
}

/// Every symbol of a tape trades.
fn is_met(options: Options) -> bool {
    options.status.is_none_or(|status| status == Status::Trading)
}

fn nothing_yet(what: &str) -> RestError {
    RestError { status: 503, code: -1000, message: format!("The feed has shown no {what} of this symbol yet.") }
}
