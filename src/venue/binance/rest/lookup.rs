//! Which symbols a request means, and what is known of them: from the file of symbols, from the feed, or from both.

use crate::market::channel::{Channel, Stream};
use crate::market::kept::recent::RecentOf;
use crate::market::symbol::{Name, SymbolId, Venue};
use crate::market::trading::Trading;
use crate::venue::binance::rest::catalog::Entry;
use crate::venue::binance::rest::error::RestError;
use crate::venue::binance::rest::query::Options;
use crate::venue::binance::rest::reply::State;
use crate::venue::binance::rest::value::{Permissions, SPOT, Selection, Status};

/// A symbol that exists.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number and what was lately published of it; `None` where the feed has told nothing of it.
    pub told: Option<(SymbolId, &'a RecentOf)>,
    /// What the file of symbols has; `None` where it has nothing.
    pub entry: Option<&'a Entry>,
}

impl<'a> Known<'a> {
    /// What was lately published of it.
    pub fn recent(&self) -> Option<&'a RecentOf> {
        self.told.map(|(_, of)| of)
    }

    /// Whether it has the status asked for. A symbol of a tape trades unless the file says otherwise.
    fn is_met(&self, options: Options) -> bool {
        let status = self.entry.map_or(Some(Status::Trading), Entry::status);
        options.status.is_none_or(|asked| status == Some(asked))
    }

    /// Whether it has one of these permissions.
    fn has(&self, permissions: &Permissions) -> bool {
        self.entry.map_or_else(|| permissions.contains(SPOT), |entry| entry.has(permissions))
    }
}

impl<'a> State<'a> {
    /// The symbols selected, and whether it was a single one.
    pub(super) fn select(&self, select: &Selection, options: Options) -> Result<(bool, Vec<Known<'a>>), RestError> {
        let mut known = match select {
            Selection::One(name) => return Ok((true, vec![self.one(name, options)?])),
            Selection::Many(names) => names.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?,
            Selection::All => self.all(),
        };
        known.retain(|symbol| symbol.is_met(options));
        Ok((false, known))
    }

    /// Of all symbols, or of those named, the ones with a permission; for those named it does not matter.
    pub(super) fn listed(
        &self,
        select: &Selection,
        permissions: &Permissions,
        options: Options,
    ) -> Result<Vec<Known<'a>>, RestError> {
        let (_, mut known) = self.select(select, options)?;
        if *select == Selection::All {
            known.retain(|symbol| symbol.has(permissions));
        }
        Ok(known)
    }

    /// One symbol, with the status asked for.
    pub(super) fn one(&self, name: &Name, options: Options) -> Result<Known<'a>, RestError> {
        let known = self.find(name)?;
        if known.is_met(options) { Ok(known) } else { Err(RestError::status_differs()) }
    }

    /// A symbol's trades; `None` before the first.
    pub(super) fn trading(&self, known: &Known<'a>) -> Option<&'a Trading> {
        self.engine.instrument(known.told?.0)?.trading()
    }

    /// What was published of a channel that the feed carries itself.
    pub(super) fn native(&self, known: &Known<'a>, channel: Channel) -> Option<&'a RecentOf> {
        let (symbol, of) = known.told?;
        self.engine.is_native(Stream { symbol, channel }).then_some(of)
    }

    fn find(&self, name: &Name) -> Result<Known<'a>, RestError> {
        let entry = self.catalog.and_then(|catalog| catalog.find(name));
        let told = self.symbols.find(Venue::Binance, name.as_str()).and_then(|id| Some((id, self.recent.of(id)?)));
        let of_tape = told.map(|(id, _)| self.symbols.get(id).name.as_str());
        let name = entry.map(Entry::name).or(of_tape).ok_or_else(RestError::invalid_symbol)?;
        Ok(Known { name, told, entry })
    }

    /// Those of the file in its order, then those that only the feed has named, in the order in which it did.
    fn all(&self) -> Vec<Known<'a>> {
        let entries = self.catalog.map_or(&[][..], |catalog| catalog.entries());
        let of_file = entries.iter().map(|entry| {
            let id = self.symbols.find(Venue::Binance, entry.name());
            Known { name: entry.name(), told: id.and_then(|id| Some((id, self.recent.of(id)?))), entry: Some(entry) }
        });
        let of_tape = self.symbols.iter().filter(|(_, symbol)| {
            symbol.venue == Venue::Binance && self.catalog.is_none_or(|catalog| catalog.find(&symbol.name).is_none())
        });
        let of_tape = of_tape.filter_map(|(id, symbol)| {
            Some(Known { name: symbol.name.as_str(), told: Some((id, self.recent.of(id)?)), entry: None })
        });
        of_file.chain(of_tape).collect()
    }
}
