//! Answers to requests, taken out of what the market holds.
//!
//! A request is answered in two steps, so that the thread that moves the market only copies: [`State::reply`] runs
//! there, [`Answer::write`] wherever the client is served. All questions for the newest ticker, book, trades or candles
//! of a market go through the few functions at the end of this file.

use crate::market::civil::{NS_PER_DAY, NS_PER_SECOND};
use crate::market::decimal::Decimal;
use crate::market::engine::Engine;
use crate::market::kept::quotation::{BookWindow, Quotation, Quotations};
use crate::market::symbol::{Name, Symbols, Venue};
use crate::market::tick::{DayTicker, Trade};
use crate::market::trading::bar::Bar;
use crate::venue::upbit::rest::error::RestError;
use crate::venue::upbit::rest::listing::{ListedMarket, Listing};
use crate::venue::upbit::rest::query::{Length, Query, TradePage};

/// What answers are made of.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// All symbols met so far.
    pub symbols: &'a Symbols,
    /// What is known of them.
    pub quotations: &'a Quotations,
    /// Who keeps the whole books, of which those are told whose feed tells no windows.
    pub engine: &'a Engine,
    /// The markets there are, met or not.
    pub listing: &'a Listing,
}

/// What is told.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Answer {
    /// All markets in their order, and whether everything is told of them.
    Markets(Vec<ListedMarket>, bool),
    /// With their event times.
    Tickers(Vec<(Name, DayTicker, i64)>),
    Orderbooks {
        books: Vec<(Name, BookWindow)>,
        level: Decimal,
        count: usize,
    },
    /// Price steps, out of books; and whether they are told as the older path does.
    Instruments(Vec<(Name, BookWindow)>, bool),
    /// Newest first.
    Trades(Name, Vec<Trade>),
    /// Newest first.
    Candles(Name, Length, Vec<Candle>),
}

/// A candle with what only those of a day tell.
#[derive(Clone, Copy, Debug)]
pub struct Candle {
    /// The candle.
    pub bar: Bar,
    /// Close of the day before; `None` where it is not known.
    pub previous_close: Option<Decimal>,
    /// The close in the currency that was asked for, `Some(None)` where its price on that day is not known; `None`
    /// where no currency was.
    pub converted: Option<Option<Decimal>>,
}

impl<'a> State<'a> {
    /// The answer. Markets of which the feed has shown nothing yet are left out of lists.
    ///
    /// # Errors
    /// [`RestError`] for a market that does not exist.
    pub fn reply(&self, query: &Query) -> Result<Answer, RestError> {
        Ok(match query {
            Query::Markets { is_details } => {
                let listed = self.listing.markets().iter().cloned();
                let met = self.codes().filter(|code| !self.listing.contains(code)).map(ListedMarket::of);
                Answer::Markets(listed.chain(met).collect(), *is_details)
            }
            Query::Tickers { markets } => Answer::Tickers(self.tickers(self.known(markets)?)),
            Query::AllTickers { quotes } => {
                let is_wanted = |code: &Name| quotes.iter().any(|quote| quote == quote_of(code));
                let known = self.codes().filter(is_wanted).filter_map(|code| Some((code, self.quotation(&code)?)));
                Answer::Tickers(self.tickers(known.collect()))
            }
            Query::Orderbooks { markets, level, count } => {
                Answer::Orderbooks { books: self.books(markets)?, level: *level, count: *count }
            }
            Query::Instruments { markets, is_older } => Answer::Instruments(self.books(markets)?, *is_older),
            Query::Trades { market, page } => {
                Answer::Trades(*market, self.one(market)?.map_or_else(Vec::new, |of| trades(of, *page)))
            }
            Query::Candles { market, length, to, count, converting_unit } => {
                let of = self.one(market)?;
                let candles = of.map_or_else(Vec::new, |of| match length {
                    Length::Day => self.days(market, of, *to, *count, converting_unit.as_deref()),
                    length => candles(of, *length, *to, *count).into_iter().map(Candle::of).collect(),
                });
                Answer::Candles(*market, *length, candles)
            }
        })
    }

    fn books(&self, markets: &[Name]) -> Result<Vec<(Name, BookWindow)>, RestError> {
        let known = self.known(markets)?.into_iter();
        Ok(known.filter_map(|(code, of)| Some((code, self.window(&code, of)?))).collect())
    }

    fn window(&self, code: &Name, of: &Quotation) -> Option<BookWindow> {
        if let Some(window) = of.orderbook() {
            return Some(window.clone());
        }
        let symbol = self.symbols.find(Venue::Upbit, code.as_str())?;
        Some(BookWindow::of(self.engine.book(symbol)?, self.engine.instrument(symbol)?.book_changed_at()))
    }

    fn tickers(&self, known: Vec<(Name, &Quotation)>) -> Vec<(Name, DayTicker, i64)> {
        let ticker = |(code, of): (Name, &Quotation)| of.ticker().map(|(ticker, ts_event)| (code, ticker, ts_event));
        known.into_iter().filter_map(ticker).collect()
    }

    /// Candles of a day: each against the one before, its close converted by that day's price of the quote currency.
    fn days(&self, market: &Name, of: &Quotation, to: Option<i64>, count: usize, unit: Option<&str>) -> Vec<Candle> {
        let bars = candles(of, Length::Day, to, count + 1);
        let quote = quote_of(market);
        let of_quote = unit.and_then(|unit| self.quotation(&Name::new(&format!("{unit}-{quote}"))?));
        let converted = |bar: &Bar, unit: &str| {
            if unit == quote {
                return Some(bar.close);
            }
            let price = candles(of_quote?, Length::Day, Some(bar.ts_open + NS_PER_DAY), 1).first().copied()?;
            if price.ts_open == bar.ts_open { bar.close.checked_mul(price.close) } else { None }
        };
        let with_one_before = bars.iter().enumerate().take(count);
        with_one_before
            .map(|(at, bar)| Candle {
                bar: *bar,
                previous_close: bar.previous_close.or_else(|| Some(bars.get(at + 1)?.close)),
                converted: unit.map(|unit| converted(bar, unit)),
            })
            .collect()
    }

    /// Markets with what is known of them, those of which nothing is left out.
    fn known(&self, markets: &[Name]) -> Result<Vec<(Name, &'a Quotation)>, RestError> {
        let found: Result<Vec<_>, RestError> = markets.iter().map(|code| Ok((*code, self.one(code)?))).collect();
        Ok(found?.into_iter().filter_map(|(code, of)| Some((code, of?))).collect())
    }

    /// What is known of a market that must exist.
    fn one(&self, code: &Name) -> Result<Option<&'a Quotation>, RestError> {
        match self.quotation(code) {
            None if !self.listing.contains(code) => Err(RestError::unknown_market()),
            known => Ok(known),
        }
    }

    /// All markets met so far, as clients spell them, in the order in which they were met.
    fn codes(&self) -> impl Iterator<Item = Name> + 'a {
        let symbols = self.symbols;
        symbols.iter().filter_map(move |(id, symbol)| {
            let name = symbol.name_for(Venue::Upbit)?;
            (symbols.find(Venue::Upbit, name.as_str()) == Some(id)).then_some(*name)
        })
    }

    /// What is known of a market, as clients spell it.
    fn quotation(&self, code: &Name) -> Option<&'a Quotation> {
        self.quotations.of(self.symbols.find(Venue::Upbit, code.as_str())?)
    }
}

impl Candle {
    fn of(bar: Bar) -> Candle {
        Candle { bar, previous_close: None, converted: None }
    }
}

/// The candles of a length that begin before `to`, newest first.
fn candles(of: &Quotation, length: Length, to: Option<i64>, count: usize) -> Vec<Bar> {
    let bars = match length {
        Length::Second => of.seconds(),
        Length::Minutes(unit) => of.minutes(unit),
        Length::Day | Length::Week | Length::Month | Length::Year => of.days(),
    };
    bars.candles(count, to, |ns| length.start_of(ns))
}

/// The newest trades that are wanted, newest first.
fn trades(of: &Quotation, page: TradePage) -> Vec<Trade> {
    let Some(last) = of.trades().back() else { return Vec::new() };
    let days_ago = i64::from(page.days_ago.unwrap_or(0));
    let day = last.ts_trade - last.ts_trade.rem_euclid(NS_PER_DAY) - days_ago * NS_PER_DAY;
    let start = if page.days_ago.is_some() { day } else { i64::MIN };
    let end = match page.to {
        Some(seconds) => day + i64::from(seconds) * NS_PER_SECOND,
        None => day + NS_PER_DAY,
    };
    let is_wanted =
        |trade: &&Trade| (start..end).contains(&trade.ts_trade) && page.cursor.is_none_or(|cursor| trade.id < cursor);
    of.trades().iter().rev().filter(is_wanted).take(page.count).copied().collect()
}

fn quote_of(code: &Name) -> &str {
    code.as_str().split_once('-').map_or("", |(quote, _)| quote)
}
