//! Answers to requests, out of what the market holds.

use crate::market::channel::Channel;
use crate::market::engine::Engine;
use crate::market::kept::recent::{Recent, RecentOf};
use crate::market::symbol::Symbols;
use crate::venue::binance::rest::answer::{
    PING, write_agg_trades, write_avg_price, write_block_trades, write_depth, write_execution_rules, write_klines,
    write_list, write_reference_price, write_time, write_trades,
};
use crate::venue::binance::rest::catalog::Catalog;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::exchange::write_exchange_info;
use crate::venue::binance::rest::lookup::Known;
use crate::venue::binance::rest::page::Page;
use crate::venue::binance::rest::query::{Options, Query};
use crate::venue::binance::rest::ticker::{write_book_ticker, write_day_ticker, write_price, write_window_ticker};
use crate::venue::binance::rest::value::Selection;

/// What answers are made of.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// All symbols met so far.
    pub symbols: &'a Symbols,
    /// All books, and all trades as far as they are kept.
    pub engine: &'a Engine,
    /// What was lately published.
    pub recent: &'a Recent,
    /// Symbols of a file; `None` where none was given.
    pub catalog: Option<&'a Catalog>,
    /// Weight that an address may use in a minute; 0 for any.
    pub weight_max: u32,
    /// The feed's clock, nanoseconds since the epoch.
    pub now: i64,
}

impl<'a> State<'a> {
    /// The body of the answer.
    ///
    /// # Errors
    /// [`RestError`]: for a symbol that does not exist or has another status, and for one of which there is nothing yet.
    pub fn reply(&self, query: &Query, options: Options) -> Result<Vec<u8>, RestError> {
        let mut out = Vec::new();
        let unit = options.unit;
        match query {
            Query::Ping => out.extend_from_slice(PING.as_bytes()),
            Query::Time => write_time(self.now, unit, &mut out),
            Query::ExchangeInfo { select, permissions, shows_permission_sets } => {
                let symbols = self.listed(select, permissions, options)?;
                write_exchange_info(self, &symbols, *shows_permission_sets, unit, &mut out);
            }
            Query::Depth { symbol, limit } => {
                let known = self.one(symbol, options)?;
                let book = known.told.and_then(|(id, _)| self.engine.book(id));
                write_depth(book.ok_or_else(|| nothing_yet("order book"))?, *limit, &mut out);
            }
            Query::Trades { symbol, page } => {
                let trades = self.one(symbol, options)?.recent().map(|of| &of.trades);
                let of_page =
                    trades.map(|list| list.range(page.range(list.len(), |i| list[i].id, |i| list[i].ts_trade)));
                write_trades(of_page.into_iter().flatten(), unit, &mut out);
            }
            Query::BlockTrades { symbol, page } => {
                let trades = self.one(symbol, options)?.recent().map(|of| &of.block_trades);
                let of_page =
                    trades.map(|list| list.range(page.range(list.len(), |i| list[i].id, |i| list[i].ts_trade)));
                write_block_trades(of_page.into_iter().flatten(), unit, &mut out);
            }
            Query::AggTrades { symbol, page } => {
                self.write_agg_trades(&self.one(symbol, options)?, page, options, &mut out)
            }
            Query::Klines { symbol, interval, zone, page } => {
                let klines = self.klines(&self.one(symbol, options)?, *interval, *zone, page);
                write_klines(&klines, unit, &mut out);
            }
            Query::AvgPrice { symbol } => {
                let average = self.average(&self.one(symbol, options)?).ok_or_else(|| nothing_yet("trade"))?;
                write_avg_price(average.average, average.ts_trade, unit, &mut out);
            }
            Query::DayTicker { select, form } => {
                let write = |name: &str, ticker, out: &mut Vec<u8>| write_day_ticker(&ticker, name, *form, unit, out);
                self.write_each(select, options, "trade", |known| self.day_ticker(known), write, &mut out)?;
            }
            Query::TradingDay { select, zone, form } => {
                let write =
                    |name: &str, ticker, out: &mut Vec<u8>| write_window_ticker(&ticker, name, *form, unit, out);
                self.write_each(select, options, "trade", |known| self.trading_day(known, *zone), write, &mut out)?;
            }
            Query::RollingTicker { select, window, form } => {
                let write =
                    |name: &str, ticker, out: &mut Vec<u8>| write_window_ticker(&ticker, name, *form, unit, out);
                self.write_each(select, options, "trade", |known| self.rolling(known, *window), write, &mut out)?;
            }
            Query::Price { select } => {
                let price = |known: &Known| known.recent().and_then(RecentOf::price);
                self.write_each(select, options, "trade", price, write_price, &mut out)?;
            }
            Query::BookTicker { select } => {
                let write = |name: &str, best, out: &mut Vec<u8>| write_book_ticker(name, &best, out);
                self.write_each(select, options, "best bid and ask", |known| self.best(known), write, &mut out)?;
            }
            Query::ReferencePrice { symbol } => {
                let known = self.one(symbol, options)?;
                let reference = known.recent().and_then(|of| of.reference);
                let reference = reference.ok_or_else(RestError::no_reference_price)?;
                write_reference_price(known.name, &reference, unit, &mut out);
            }
            Query::ReferenceCalculation { symbol } => {
                let of = self.one(symbol, options)?.recent();
                // No stream says how it is made.
                return Err(match of.and_then(|of| of.reference) {
                    Some(_) => nothing_yet("calculation of the reference price"),
                    None => RestError::no_reference_price(),
                });
            }
            Query::ExecutionRules { select } => {
                let known = self.select(select, options)?.1;
                write_execution_rules(known.iter().map(|known| known.name), &mut out);
            }
        }
        Ok(out)
    }

    /// The feed's own, or those that its single trades come to.
    fn write_agg_trades(&self, known: &Known<'a>, page: &Page, options: Options, out: &mut Vec<u8>) {
        let native = self.native(known, Channel::AggTrade).map(|of| &of.agg_trades);
        let computed = || Some(self.engine.instrument(known.told?.0)?.aggregates());
        let trades = native.or_else(computed);
        let of_page = trades.map(|list| list.range(page.range(list.len(), |i| list[i].id, |i| list[i].ts_trade)));
        write_agg_trades(of_page.into_iter().flatten(), options.unit, out);
    }

    /// An object for one symbol, an array for several; in an array those without a value are left out.
    fn write_each<T>(
        &self,
        select: &Selection,
        options: Options,
        what: &'static str,
        value: impl Fn(&Known<'a>) -> Option<T>,
        write: impl Fn(&str, T, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) -> Result<(), RestError> {
        let (is_one, known) = self.select(select, options)?;
        if let (true, Some(known)) = (is_one, known.first()) {
            write(known.name, value(known).ok_or_else(|| nothing_yet(what))?, out);
            return Ok(());
        }
        let values = known.iter().filter_map(|known| Some((known.name, value(known)?)));
        write_list(values, out, |(name, value), out| write(name, value, out));
        Ok(())
    }
}

fn nothing_yet(what: &str) -> RestError {
    RestError { status: 503, code: -1000, message: format!("The feed has shown no {what} of this symbol yet.") }
}
