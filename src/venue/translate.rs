//! The numbers of one venue's ticks as another venue writes them.
//!
//! A tick keeps the spelling of its feed, and a client of the same venue gets exactly that. For a client of another
//! venue the numbers are first brought to that venue's form. It costs a copy of the tick and a pass over its numbers,
//! and only streams that cross pay for it.

use crate::market::decimal::Decimal;
use crate::market::symbol::Venue;
use crate::market::tick::{Best, DayChange, Kind, Level, Tick};

/// Whether a venue's clients need the numbers of other venues' feeds brought to its form.
pub fn is_needed(venue: Venue) -> bool {
    venue.grammar().number.is_some()
}

/// Brings the numbers of a tick of another venue's feed to the form of this one.
pub fn translate(venue: Venue, tick: &mut Tick, its_levels: &mut [Level]) {
    if let Some(to) = venue.grammar().number {
        numbers(tick, to);
        levels(its_levels, to);
    }
}

/// Replaces every price, size, volume and turnover of a tick. Changes in per cent and rates are left: their places are
/// the same everywhere.
fn numbers(tick: &mut Tick, mut to: impl FnMut(Decimal) -> Decimal) {
    let mut all = |numbers: &mut [&mut Decimal]| numbers.iter_mut().for_each(|number| **number = to(**number));
    match &mut tick.kind {
        Kind::Trade(trade) => {
            all(&mut [&mut trade.price, &mut trade.size]);
            if let Some(DayChange { previous_close, amount, .. }) = &mut trade.day {
                all(&mut [previous_close, amount]);
            }
            if let Some(best) = &mut trade.best {
                all(&mut of_best(best));
            }
        }
        Kind::AggTrade(trade) => all(&mut [&mut trade.price, &mut trade.size]),
        Kind::BookTicker(ticker) => all(&mut of_best(&mut ticker.best)),
        Kind::Kline(candle) => {
            all(&mut [&mut candle.open, &mut candle.close, &mut candle.high, &mut candle.low]);
            all(&mut [&mut candle.volume, &mut candle.quote_volume]);
            all(&mut [&mut candle.taker_volume, &mut candle.taker_quote_volume]);
        }
        Kind::Candle(candle) => {
            all(&mut [&mut candle.open, &mut candle.close, &mut candle.high, &mut candle.low]);
            all(&mut [&mut candle.volume, &mut candle.turnover]);
        }
        Kind::Ticker(ticker) => {
            all(&mut [&mut ticker.change, &mut ticker.average, &mut ticker.previous]);
            all(&mut [&mut ticker.last.price, &mut ticker.last.size]);
            all(&mut of_best(&mut ticker.best));
            all(&mut [&mut ticker.open, &mut ticker.high, &mut ticker.low]);
            all(&mut [&mut ticker.volume, &mut ticker.quote_volume]);
        }
        Kind::MiniTicker(ticker) => {
            all(&mut [&mut ticker.close, &mut ticker.open, &mut ticker.high, &mut ticker.low]);
            all(&mut [&mut ticker.volume, &mut ticker.quote_volume]);
        }
        Kind::WindowTicker(ticker) => {
            all(&mut [&mut ticker.change, &mut ticker.average]);
            all(&mut [&mut ticker.open, &mut ticker.high, &mut ticker.low, &mut ticker.close]);
            all(&mut [&mut ticker.volume, &mut ticker.quote_volume]);
        }
        Kind::DayTicker(ticker) => {
            all(&mut [&mut ticker.open, &mut ticker.high, &mut ticker.low]);
            all(&mut [&mut ticker.last.price, &mut ticker.last.size]);
            all(&mut [&mut ticker.day.previous_close, &mut ticker.day.amount, &mut ticker.signed_change]);
            all(&mut [&mut ticker.turnover, &mut ticker.volume, &mut ticker.ask_volume, &mut ticker.bid_volume]);
            all(&mut [&mut ticker.turnover_24h, &mut ticker.volume_24h]);
            all(&mut [&mut ticker.highest_52w.price, &mut ticker.lowest_52w.price]);
        }
        Kind::Orderbook(book) => all(&mut [&mut book.total_ask, &mut book.total_bid]),
        Kind::BlockTrade(trade) => all(&mut [&mut trade.price, &mut trade.size]),
        Kind::ReferencePrice(reference) => reference.price.iter_mut().for_each(|price| all(&mut [price])),
        Kind::AvgPrice(average) => all(&mut [&mut average.average]),
        Kind::Depth(_) | Kind::PartialDepth(_) | Kind::Announce(_) | Kind::Second | Kind::End => {}
    }
}

/// Replaces the numbers of levels.
fn levels(levels: &mut [Level], mut to: impl FnMut(Decimal) -> Decimal) {
    for level in levels {
        (level.price, level.size) = (to(level.price), to(level.size));
    }
}

fn of_best(best: &mut Best) -> [&mut Decimal; 4] {
    [&mut best.ask.price, &mut best.ask.size, &mut best.bid.price, &mut best.bid.size]
}
