//! What the engine keeps of one symbol beside its book, and what follows from it.

use std::collections::VecDeque;

use crate::market::book::Book;
use crate::market::book::merged_depth::MergedDepth;
use crate::market::book::upper_book::UpperBook;
use crate::market::channel::{Channel, Levels, Pace, Unit};
use crate::market::civil::NS_PER_SECOND;
use crate::market::decimal::Decimal;
use crate::market::engine::derivation::{Derivation, Derive, Source};
use crate::market::engine::restating::Restating;
use crate::market::engine::wire::{Out, Wire};
use crate::market::symbol::Make;
use crate::market::tick::{AggTrade, Best, BookTicker, Depth, Kind, Level, PartialDepth, Tick, Trade};
use crate::market::trading::aggregate::{Aggregation, Group};
use crate::market::trading::day::{self, ToldClose, day_of};
use crate::market::trading::summary::Execution;
use crate::market::trading::trade_ids::TradeIds;
use crate::market::trading::{Late, Trading};

/// Aggregate trades kept for those who ask, the most one request may ask for. Some 110 bytes each.
pub const AGGREGATES_MAX: usize = 1_000;

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many trades were added.
    Added(u64),
    /// Its id had come before.
    Repeated,
    /// Its numbers cannot be summed.
    Refused,
    /// An aggregate trade of a symbol whose single trades are known.
    Unneeded,
}

/// One symbol.
#[derive(Debug, Default)]
pub struct Instrument {
    /// What its streams are derived from.
    pub derivation: Derivation,
    /// What is to be told again.
    pub restating: Restating,
    trade_ids: TradeIds,
    aggregation: Aggregation,
    /// The newest complete groups of single trades, oldest first.
    aggregates: VecDeque<AggTrade>,
    trading: Option<Box<Trading>>,
    /// Event time of the newest trade.
    traded_at: i64,
    told_close: Option<ToldClose>,
    merged: MergedDepth,
    best: Option<Best>,
    is_best_changed: bool,
    book_id: Option<i64>,
    /// Whether the book has changed since the last boundary of each pace.
    is_book_changed: [bool; 2],
    /// Event time of the book's last change.
    book_at: i64,
    /// Whether there was a book on a boundary of 100 ms.
    had_book: bool,
    upper: UpperBook,
}

impl Instrument {
    /// The trade with what its feed does not say and is known: the change since yesterday, the best levels.
    fn completed(&self, trade: &Trade) -> Trade {
        let mut completed = *trade;
        if completed.day.is_none() && completed.price.mantissa() > 0 {
            completed.day = Some(day::change(trade.price, self.previous_close(trade)));
        }
        completed.best = completed.best.or(self.best);
        completed
    }

    /// Publishes a tick of the feed, a trade with what is known beside it unless nothing is derived, and keeps it in
    /// mind where it may be told again.
    #[inline]
    pub fn pass_on(&mut self, tick: &Tick, levels: &[Level], derive: Derive, out: Out) {
        match &tick.kind {
            Kind::Trade(trade) if derive != Derive::Never && (trade.day.is_none() || trade.best.is_none()) => {
                let completed = Tick { kind: Kind::Trade(self.completed(trade)), ..*tick };
                self.restating.keep(&completed, levels);
                out(&completed, levels);
            }
            _ => {
                self.restating.keep(tick, levels);
                out(tick, levels);
            }
        }
    }

    fn previous_close(&self, trade: &Trade) -> Decimal {
        let day = day_of(trade.ts_trade);
        match &self.trading {
            Some(trading) => trading.day().previous_close(day, self.told_close),
            None => self.told_close.filter(|told| told.day == day).map_or(trade.price, |told| told.price),
        }
    }

    /// Whether the feed carries this channel itself, and that is what is published.
    pub fn is_native(&self, channel: Channel, derive: Derive, now: i64) -> bool {
        let is_dropped = derive == Derive::Always && self.derivation.channels(derive, now) & channel.bit() != 0;
        self.derivation.is_native(channel) && !is_dropped
    }

    /// Its trades; `None` before the first.
    pub fn trading(&self) -> Option<&Trading> {
        self.trading.as_deref()
    }

    /// Event time of its book's last change; 0 before the first.
    pub fn book_changed_at(&self) -> i64 {
        self.book_at
    }

    /// Best bid and ask; `None` before the first.
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// Its newest single trades, taken together by taker order, oldest first; without those that may go on.
    pub fn aggregates(&self) -> &VecDeque<AggTrade> {
        &self.aggregates
    }

    /// Takes note of what a feed says about yesterday's close.
    pub fn note_close(&mut self, told: ToldClose) {
        let is_better = |known: ToldClose| told.day > known.day || told.day == known.day && told.is_exact;
        if told.price.mantissa() > 0 && self.told_close.is_none_or(is_better) {
            self.told_close = Some(told);
        }
    }

    /// Takes in a trade. `now` is the market clock's time, not before the trade's.
    pub fn on_trade(&mut self, trade: &Trade, ts_event: i64, now: i64, wire: &mut Wire) -> Taken {
        if let Some(day) = trade.day {
            let day = ToldClose { day: day_of(trade.ts_trade), price: day.previous_close, is_exact: true };
            self.note_close(day);
        }
        if let Some(best) = trade.best.filter(|_| !self.derivation.has(Source::Book)) {
            self.set_best(best);
        }
        let taken = self.on_execution(trade.id, Execution::of_trade(trade), ts_event, now, wire);
        if matches!(taken, Taken::Added(_))
            && let Some(group) = self.aggregation.add(trade, ts_event, now)
        {
            self.on_group(&group, wire);
        }
        taken
    }

    fn on_group(&mut self, group: &Group, wire: &mut Wire) {
        if self.aggregates.len() == AGGREGATES_MAX {
            self.aggregates.pop_front();
        }
        self.aggregates.push_back(group.trade);
        wire.send(Channel::AggTrade, group.ts_event, Kind::AggTrade(group.trade), &[]);
    }

    /// Takes in an aggregate trade; it counts where no single trades are known.
    pub fn on_agg_trade(&mut self, trade: &AggTrade, ts_event: i64, now: i64, wire: &mut Wire) -> Taken {
        if self.derivation.has(Source::Trades) {
            return Taken::Unneeded;
        }
        self.on_execution(trade.first_id, Execution::of_agg_trade(trade), ts_event, now, wire)
    }

    fn on_execution(
        &mut self,
        id: i64,
        execution: Option<Execution>,
        ts_event: i64,
        now: i64,
        wire: &mut Wire,
    ) -> Taken {
        let is_ordered = self.derivation.make() == Make::Changes;
        if self.trade_ids.has(id, is_ordered) {
            return Taken::Repeated;
        }
        let Some(execution) = execution else { return Taken::Refused };
        self.trade_ids.note(execution.last_id, is_ordered);
        self.traded_at = ts_event.max(execution.ts_trade);
        let second = now / NS_PER_SECOND;
        match &mut self.trading {
            Some(trading) => trading.add(&execution, second + 1),
            empty => *empty = Some(Box::new(Trading::new(&execution, second + 1))),
        }
        if wire.wants(Channel::DayTicker)
            && let Some(trading) = &mut self.trading
        {
            let ticker = trading.utc_day_ticker(second, self.told_close);
            wire.send(Channel::DayTicker, self.traded_at, Kind::DayTicker(ticker), &[]);
        }
        Taken::Added(execution.last_id.abs_diff(execution.first_id).saturating_add(1))
    }

    /// Takes in a change every 100 ms.
    pub fn on_change(&mut self, depth: &Depth, levels: &[Level], now: i64, spare: &mut Vec<Level>, wire: &mut Wire) {
        if self.merged.must_leave_before(depth, levels.len()) {
            self.send_merged(now, spare, wire);
        }
        self.merged.add(depth, levels);
    }

    fn send_merged(&mut self, ts_event: i64, spare: &mut Vec<Level>, wire: &mut Wire) {
        let channel = Channel::Depth(Pace::Ms1000);
        if !wire.wants(channel) {
            self.merged.clear();
        } else if let Some(depth) = self.merged.take(spare) {
            wire.send(channel, ts_event, Kind::Depth(depth), spare);
        }
    }

    /// Takes note of the best levels that a feed names itself. They count unless only derived ones are to.
    pub fn on_best(&mut self, best: Best, derive: Derive) {
        if derive != Derive::Always || !self.derivation.has(Source::Book) {
            self.set_best(best);
        }
    }

    fn set_best(&mut self, best: Best) -> bool {
        let is_same = self.best.is_some_and(|known| known.bid == best.bid && known.ask == best.ask);
        self.best = Some(best);
        self.is_best_changed |= !is_same;
        !is_same
    }

    /// Takes note of the book; whether it has changed.
    pub fn on_book(&mut self, book: &Book, derive: Derive, ts_event: i64, wire: &mut Wire) -> bool {
        let update_id = book.last_update_id();
        if self.book_id == Some(update_id) {
            return false;
        }
        (self.book_id, self.book_at) = (Some(update_id), ts_event);
        self.is_book_changed = [true; 2];
        let is_native = self.derivation.is_native(Channel::BookTicker);
        if (!is_native || derive == Derive::Always)
            && let Some(best) = best_of(book)
            && self.set_best(best)
        {
            wire.send(Channel::BookTicker, ts_event, Kind::BookTicker(BookTicker { update_id, best }), &[]);
        }
        true
    }

    /// Tells what there is to tell on a whole 100 ms; whether there may be something on the next one.
    pub fn on_hundred(
        &mut self,
        ts_event: i64,
        now: i64,
        book: Option<&Book>,
        spare: &mut Vec<Level>,
        wire: &mut Wire,
    ) -> bool {
        if let Some(group) = self.aggregation.take_complete(now) {
            self.on_group(&group, wire);
        }
        self.send_upper(book, wire);
        self.send_partial(Pace::Ms100, ts_event, book, spare, wire);
        self.aggregation.is_open()
    }

    fn send_upper(&mut self, book: Option<&Book>, wire: &mut Wire) {
        let Some(book) = book.filter(|_| self.is_book_changed[Pace::Ms100 as usize]) else { return };
        let is_first = !std::mem::replace(&mut self.had_book, true);
        if !wire.wants(Channel::Orderbook) {
            return self.upper.forget();
        }
        let is_news = is_first || self.upper.is_known();
        if self.upper.update(book, self.book_at) && is_news {
            let (ts_event, orderbook, levels) = self.upper.told();
            wire.send(Channel::Orderbook, ts_event, Kind::Orderbook(orderbook), levels);
        }
    }

    /// Tells the state of the channels `due` again, as far as there is any. Those of `derived` have the state that
    /// follows from the feed, others the newest native one.
    #[cold]
    pub fn restate(&mut self, due: u64, derived: u64, now: i64, book: Option<&Book>, wire: &mut Wire) {
        let fixed = [Channel::Trade, Channel::DayTicker, Channel::Orderbook];
        for channel in fixed.into_iter().chain(Unit::ALL.map(Channel::Candle)) {
            let is_due = due & channel.bit() != 0;
            let is_told = is_due
                && match channel {
                    _ if derived & channel.bit() == 0 => self.restate_native(channel, wire),
                    Channel::DayTicker => self.restate_day(now, wire),
                    Channel::Orderbook => self.restate_upper(book, wire),
                    Channel::Candle(unit) => self.restate_candle(unit, wire),
                    _ => false,
                };
            if is_told {
                self.restating.note_told(channel);
            }
        }
    }

    fn restate_native(&self, channel: Channel, wire: &mut Wire) -> bool {
        let Some(native) = self.restating.native(channel) else { return false };
        wire.restate(channel, native.ts_event, native.kind, &native.levels);
        true
    }

    fn restate_day(&mut self, now: i64, wire: &mut Wire) -> bool {
        let Some(trading) = &mut self.trading else { return false };
        let ticker = trading.utc_day_ticker(now / NS_PER_SECOND, self.told_close);
        wire.restate(Channel::DayTicker, self.traded_at, Kind::DayTicker(ticker), &[]);
        true
    }

    fn restate_upper(&mut self, book: Option<&Book>, wire: &mut Wire) -> bool {
        // A book that has not changed since the last boundary is as it was on it; another one is taken on the next.
        if let Some(book) = book.filter(|_| self.had_book && !self.is_book_changed[Pace::Ms100 as usize])
            && !self.upper.is_known()
        {
            self.upper.update(book, self.book_at);
        }
        if self.upper.is_known() {
            let (ts_event, orderbook, levels) = self.upper.told();
            wire.restate(Channel::Orderbook, ts_event, Kind::Orderbook(orderbook), levels);
        }
        self.upper.is_known()
    }

    fn restate_candle(&self, unit: Unit, wire: &mut Wire) -> bool {
        let Some(grown) = self.trading.as_ref().and_then(|trading| trading.grown(unit)) else { return false };
        wire.restate(Channel::Candle(unit), grown.ts_last, Kind::Candle(grown.candle), &[]);
        true
    }

    /// Tells what there is to tell on the whole second `second`; what was found to have come too late.
    pub fn on_second(&mut self, second: i64, book: Option<&Book>, spare: &mut Vec<Level>, wire: &mut Wire) -> Late {
        let ts_event = second * NS_PER_SECOND;
        if !self.merged.is_empty() {
            self.send_merged(ts_event, spare, wire);
        }
        self.send_partial(Pace::Ms1000, ts_event, book, spare, wire);
        let is_best_changed = std::mem::take(&mut self.is_best_changed);
        let Some(trading) = &mut self.trading else { return Late::default() };
        trading.on_second(second, self.best, is_best_changed, wire);
        trading.take_late()
    }

    fn send_partial(
        &mut self,
        pace: Pace,
        ts_event: i64,
        book: Option<&Book>,
        spare: &mut Vec<Level>,
        wire: &mut Wire,
    ) {
        let (true, Some(book)) = (std::mem::take(&mut self.is_book_changed[pace as usize]), book) else { return };
        for levels in Levels::ALL {
            let channel = Channel::PartialDepth(levels, pace);
            if wire.wants(channel) {
                spare.clear();
                spare.extend(book.bids().take(levels.count()));
                let bids = spare.len() as u32;
                spare.extend(book.asks().take(levels.count()));
                let partial = PartialDepth { last_update_id: book.last_update_id(), bids };
                wire.send(channel, ts_event, Kind::PartialDepth(partial), spare);
            }
        }
    }
}

/// The best levels of a book; a side without orders is zeros, spelled like the other. `None` for an empty book.
fn best_of(book: &Book) -> Option<Best> {
    let (bid, ask) = (book.bids().next(), book.asks().next());
    let zero = |like: Decimal| Decimal::new(0, like.scale().max(0) as u8).unwrap_or(Decimal::ZERO);
    let like = bid.or(ask)?;
    let none = Level { price: zero(like.price), size: zero(like.size) };
    Some(Best { ask: ask.unwrap_or(none), bid: bid.unwrap_or(none) })
}
