//! Members in the order in which the exchange writes them, compared and read in one walk over the text.
//!
//! Nearly every message of a feed is of this form, and nothing in it needs looking for: that makes it several times as
//! fast as a parser that must be ready for all of JSON. It takes a message only as a whole, and only if all of it is
//! valid; about all others it says nothing but that they are others.

use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{Level, Tick};
use crate::venue::binance::decode::event::{self, Members};
use crate::venue::cursor::Cursor;
use crate::venue::{LEVELS_MAX, Rejected, intern};

/// Reads an event in the usual form, bare or wrapped. `None` for whatever has another form; `tick` and `levels` are
/// then meaningless, and nothing else has changed.
pub(super) fn read(
    raw: &[u8],
    ts_recv: i64,
    symbols: &mut Symbols,
    tick: &mut Tick,
    levels: &mut Vec<Level>,
) -> Option<()> {
    let mut cursor = Cursor::new(raw);
    let mut kind = None;
    if cursor.literal("{\"stream\":\"").is_some() {
        kind = Some(cursor.word()?.split_once('@')?.1);
        cursor.literal("\",\"data\":")?;
    }
    let mut members = InOrder { cursor, before: b'{' };
    let symbol = event::read(&mut members, kind, ts_recv, tick, levels).ok()?;
    members.cursor.literal(if kind.is_some() { "}}" } else { "}" })?;
    if !members.cursor.is_at_end() {
        return None;
    }
    tick.symbol = intern(symbols, Venue::Binance, symbol).ok()?;
    Some(())
}

struct InOrder<'t> {
    cursor: Cursor<'t>,
    /// What stands before the next key: a bracket or a comma.
    before: u8,
}

impl<'t> InOrder<'t> {
    /// Passes over a key and reads the value behind it.
    #[inline(always)]
    fn member<T>(
        &mut self,
        name: &'static str,
        value: impl FnOnce(&mut Cursor<'t>) -> Option<T>,
    ) -> Result<T, Rejected> {
        let found = self.cursor.member(self.before, name.as_bytes()[0]).and_then(|()| value(&mut self.cursor));
        self.before = b',';
        found.ok_or(Rejected::Member(name))
    }
}

impl<'t> Members<'t> for InOrder<'t> {
    #[inline(always)]
    fn event_name(&mut self) -> Result<&'t str, Rejected> {
        if self.has("u") { Ok("bookTicker") } else { self.text("e") }
    }

    #[inline(always)]
    fn text(&mut self, name: &'static str) -> Result<&'t str, Rejected> {
        self.member(name, Cursor::quoted)
    }

    #[inline(always)]
    fn number(&mut self, name: &'static str) -> Result<Decimal, Rejected> {
        self.member(name, Cursor::quoted_number)
    }

    #[inline(always)]
    fn number_or_null(&mut self, name: &'static str) -> Result<Option<Decimal>, Rejected> {
        self.member(name, |cursor| match cursor.literal("null") {
            Some(()) => Some(None),
            None => cursor.quoted_number().map(Some),
        })
    }

    #[inline(always)]
    fn int(&mut self, name: &'static str) -> Result<i64, Rejected> {
        self.member(name, Cursor::int)
    }

    #[inline(always)]
    fn bool(&mut self, name: &'static str) -> Result<bool, Rejected> {
        self.member(name, Cursor::bool)
    }

    #[inline(always)]
    fn levels(&mut self, name: &'static str, levels: &mut Vec<Level>) -> Result<usize, Rejected> {
        self.member(name, |cursor| side(cursor, levels))
    }

    #[inline(always)]
    fn inside<R>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<R, Rejected>,
    ) -> Result<R, Rejected> {
        self.member(name, |_| Some(()))?;
        self.before = b'{';
        let inner = read(self)?;
        self.cursor.literal("}").ok_or(Rejected::Member(name))?;
        Ok(inner)
    }

    #[inline(always)]
    fn has(&mut self, name: &'static str) -> bool {
        self.cursor.clone().member(self.before, name.as_bytes()[0]).is_some()
    }

    #[inline(always)]
    fn pass_over(&mut self, name: &'static str) {
        let mut ahead = self.cursor;
        // A value of any other form is left standing, and the next member is not where it should be.
        if ahead.member(self.before, name.as_bytes()[0]).is_some() {
            let (text, bool, int) = (ahead, ahead, ahead);
            let text = after(text, |cursor| cursor.quoted().is_some());
            let passed = text.or_else(|| after(bool, |cursor| cursor.bool().is_some()));
            let passed = passed.or_else(|| after(int, |cursor| cursor.int().is_some()));
            self.cursor = passed.unwrap_or(self.cursor);
        }
    }
}

/// The place behind what is read, if it can be read.
#[inline(always)]
fn after<'t>(mut cursor: Cursor<'t>, read: impl FnOnce(&mut Cursor<'t>) -> bool) -> Option<Cursor<'t>> {
    read(&mut cursor).then_some(cursor)
}

/// Appends the levels of a list, `[["1.0","2.0"],["1.1","5.0"]]`; how many there were.
fn side(cursor: &mut Cursor<'_>, levels: &mut Vec<Level>) -> Option<usize> {
    if cursor.literal("[]").is_some() {
        return Some(0);
    }
    let before = levels.len();
    cursor.literal("[[")?;
    loop {
        let price = cursor.quoted_number()?;
        cursor.literal(",")?;
        let size = cursor.quoted_number()?;
        if levels.len() == LEVELS_MAX {
            return None;
        }
        levels.push(Level { price, size });
        if cursor.literal("],[").is_none() {
            cursor.literal("]]")?;
            return Some(levels.len() - before);
        }
    }
}
