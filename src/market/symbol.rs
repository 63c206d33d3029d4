//! Symbols: an exchange's name for a market, interned to a small number.
//!
//! The data plane carries a [`SymbolId`]; an exchange's spelling appears only at the edges. The ingest thread alone
//! assigns ids, in the order in which a feed first names its symbols, and announces each one in the stream of ticks
//! before the first tick that uses it. So every core builds the same table by itself, and none shares one.
//!
//! A market has a spelling in each venue's grammar, so that clients of any venue find it: `BTCUSDT` is `USDT-BTC`
//! there. Where two feeds name what is one market in one grammar, the venue's own wins over the other's translation.

use std::fmt;

use rustc_hash::FxHashMap;

/// Which exchange's grammar a message or a client speaks: a place in the table of [`venue`](crate::venue), where the
/// exchanges have their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Venue {
    place: u8,
    make: Make,
}

/// What the feeds of an exchange are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Make {
    /// Changes of order books, and trades whose ids count by one.
    Changes,
    /// The upper part of order books over and over, and trades whose ids only tell them apart.
    Windows,
}

impl Venue {
    /// The most there may be.
    pub const COUNT_MAX: usize = 4;

    /// The venue of a place in the table.
    pub const fn new(place: u8, make: Make) -> Venue {
        Venue { place, make }
    }

    /// Its place in tables that hold one entry per venue, below [`Venue::COUNT_MAX`].
    #[inline]
    pub const fn index(self) -> usize {
        self.place as usize
    }

    /// What its feeds are made of.
    #[inline]
    pub const fn make(self) -> Make {
        self.make
    }
}

/// A symbol's number; dense from 0, valid for one epoch of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolId(pub u32);

impl SymbolId {
    /// The id as an index into tables that hold one entry per symbol.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A symbol's spelling held in place, so that it fits a slot of the ring: UTF-8, 1 to [`Name::LEN_MAX`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    len: u8,
    bytes: [u8; Name::LEN_MAX],
}

impl Name {
    /// Longest symbol in bytes. The longest listed anywhere have some 20; ones of non-ASCII letters take three each.
    pub const LEN_MAX: usize = 47;

    /// `None` for an empty text or one of more than [`Name::LEN_MAX`] bytes.
    pub fn new(text: &str) -> Option<Name> {
        if text.is_empty() || text.len() > Self::LEN_MAX {
            return None;
        }
        let mut bytes = [0; Self::LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Name { len: text.len() as u8, bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("a name is made from a str only")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A symbol as a table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The exchange whose feed named it.
    pub venue: Venue,
    /// That exchange's spelling, upper case as payloads carry it.
    pub name: Name,
    /// The spellings of all venues by [`Venue`]; one of length 0 where a venue's grammar has none for it.
    spellings: [Name; Venue::COUNT_MAX],
}

impl Symbol {
    /// A symbol with its own venue's spelling only.
    pub fn new(venue: Venue, name: Name) -> Symbol {
        let mut spellings = [Name { len: 0, bytes: [0; Name::LEN_MAX] }; Venue::COUNT_MAX];
        spellings[venue.index()] = name;
        Symbol { venue, name, spellings }
    }

    /// The same with the spelling of another venue; its own venue's stays as it is.
    pub fn spelled(mut self, venue: Venue, name: Name) -> Symbol {
        if venue != self.venue {
            self.spellings[venue.index()] = name;
        }
        self
    }

    /// Its spelling for clients of a venue; `None` where that venue's grammar has none.
    #[inline]
    pub fn name_for(&self, venue: Venue) -> Option<&Name> {
        Some(&self.spellings[venue.index()]).filter(|name| name.len > 0)
    }
}

/// All symbols seen so far, by number and by name.
///
/// Bounded: at most [`Symbols::COUNT_MAX`] entries; a feed that names more has its further symbols refused and counted.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    list: Vec<Symbol>,
    by_name: FxHashMap<(Venue, Name), SymbolId>,
    /// By the spellings of venues whose feed did not name them; the first symbol of a spelling keeps it.
    by_translation: FxHashMap<(usize, Name), SymbolId>,
}

impl Symbols {
    /// The most symbols one server holds; the largest exchanges list some 4,000.
    pub const COUNT_MAX: usize = 65_536;

    /// The id of a symbol by its spelling in a venue's grammar, whichever venue's feed named it; `None` if it is not
    /// known.
    #[inline]
    pub fn find(&self, venue: Venue, name: &str) -> Option<SymbolId> {
        let name = Name::new(name)?;
        let id = self.by_name.get(&(venue, name));
        id.or_else(|| self.by_translation.get(&(venue.index(), name))).copied()
    }

    /// The id of a symbol that the venue's own feed has named; `None` otherwise.
    #[inline]
    pub fn find_native(&self, venue: Venue, name: &str) -> Option<SymbolId> {
        self.by_name.get(&(venue, Name::new(name)?)).copied()
    }

    /// The id of a symbol that the venue's own feed names, given to it now if it has none. `None` for a name that is
    /// empty or too long, and for a new one when the table is full.
    #[inline]
    pub fn intern(&mut self, venue: Venue, name: &str) -> Option<SymbolId> {
        let name = Name::new(name)?;
        match self.by_name.get(&(venue, name)) {
            Some(&id) => Some(id),
            None => self.add(Symbol::new(venue, name)),
        }
    }

    /// Adds a symbol that its own feed has not named before; `None` when the table is full.
    pub fn add(&mut self, symbol: Symbol) -> Option<SymbolId> {
        (self.list.len() < Self::COUNT_MAX).then(|| self.push(symbol))
    }

    /// Adds a symbol that another table announced; ids must arrive in their order.
    pub fn push(&mut self, symbol: Symbol) -> SymbolId {
        let id = SymbolId(self.list.len() as u32);
        self.list.push(symbol);
        self.by_name.insert((symbol.venue, symbol.name), id);
        for (place, name) in symbol.spellings.into_iter().enumerate().filter(|(_, name)| name.len > 0) {
            if place != symbol.venue.index() {
                self.by_translation.entry((place, name)).or_insert(id);
            }
        }
        id
    }

    /// The symbol of an id this table gave out.
    ///
    /// # Panics
    /// For an id of another table.
    #[inline]
    pub fn get(&self, id: SymbolId) -> &Symbol {
        &self.list[id.index()]
    }

    /// How many there are; the next id.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether no symbol has been seen yet.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All symbols in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SymbolId, &Symbol)> {
        self.list.iter().enumerate().map(|(index, symbol)| (SymbolId(index as u32), symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_keeps_its_number_and_venues_do_not_mix() {
        let mut symbols = Symbols::default();
        let first = symbols.intern(Venue::Binance, "BTCUSDT").unwrap();
        let second = symbols.intern(Venue::Upbit, "BTCUSDT").unwrap();
        assert_ne!(first, second);
        assert_eq!(symbols.intern(Venue::Binance, "BTCUSDT"), Some(first));
        assert_eq!(symbols.find(Venue::Upbit, "KRW-BTC"), None);
        assert_eq!(symbols.get(second).name.as_str(), "BTCUSDT");
    }

    #[test]
    fn a_market_is_found_by_every_spelling_and_a_venues_own_wins() {
        let name = |text| Name::new(text).unwrap();
        let mut symbols = Symbols::default();
        let theirs = Symbol::new(Venue::Binance, name("BTCUSDT")).spelled(Venue::Upbit, name("USDT-BTC"));
        let theirs = symbols.push(theirs);
        assert_eq!(symbols.find(Venue::Upbit, "USDT-BTC"), Some(theirs));
        assert_eq!(symbols.find_native(Venue::Upbit, "USDT-BTC"), None);
        let own = symbols.intern(Venue::Upbit, "USDT-BTC").unwrap();
        assert_eq!(symbols.find(Venue::Upbit, "USDT-BTC"), Some(own));
        assert_eq!(symbols.find(Venue::Binance, "BTCUSDT"), Some(theirs));
        assert_eq!(symbols.get(own).name_for(Venue::Binance), None);
        assert_eq!(symbols.get(theirs).name_for(Venue::Upbit).unwrap().as_str(), "USDT-BTC");
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let mut symbols = Symbols::default();
        assert_eq!(symbols.intern(Venue::Binance, ""), None);
        assert_eq!(symbols.intern(Venue::Binance, &"X".repeat(48)), None);
        assert!(symbols.intern(Venue::Binance, "币安人生USDT").is_some());
    }
}
