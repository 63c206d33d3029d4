//! Symbols from a file: what the exchange's `exchangeInfo` answered at some time, served as it stands.
//!
//! Each symbol's object comes out byte for byte as it is in the file; only its `permissionSets` are left empty where a
//! request wants them so. Limits and the time are this server's own.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::market::symbol::{Name, Symbols};
use crate::venue::binance::rest::value::{Permissions, SPOT, Status};

/// Largest file, unpacked, in bytes; the exchange's own answer has some 20 MB at the most.
pub const CATALOG_BYTES_MAX: u64 = 256 << 20;

/// Why a file of symbols cannot be used.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// It cannot be read or unpacked.
    #[error("cannot read the exchange info {path}: {source}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what `exchangeInfo` answers.
    #[error("{path} is no exchange info: {reason}")]
    Content {
        /// Which one.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

/// All symbols of a file.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: Vec<Entry>,
    by_name: FxHashMap<Name, usize>,
    exchange_filters: Option<Box<str>>,
    sors: Option<Box<str>>,
}

/// One symbol as a file has it.
#[derive(Clone, Debug)]
pub struct Entry {
    name: Name,
    status: Option<Status>,
    permissions: HashSet<String>,
    text: Box<str>,
    /// Where in the text its permission sets are; `None` for a symbol of before they existed.
    sets: Option<Range<usize>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
    #[serde(borrow)]
    exchange_filters: Option<&'a RawValue>,
    #[serde(borrow)]
    sors: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    symbol: String,
    status: String,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(borrow)]
    permission_sets: Option<&'a RawValue>,
}

impl Catalog {
    /// Reads a file: JSON, packed by zstd where its name ends in `.zst`. A receive time in front, as lines of a tape
    /// have one, is passed over.
    ///
    /// # Errors
    /// [`CatalogError`] naming the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Catalog, CatalogError> {
        let failed = |source| CatalogError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let reader: Box<dyn Read> = match path.extension().is_some_and(|ending| ending == "zst") {
            true => Box::new(zstd::Decoder::new(file).map_err(failed)?),
            false => Box::new(file),
        };
        let mut bytes = Vec::new();
        reader.take(CATALOG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        let parsed = match bytes.len() as u64 > CATALOG_BYTES_MAX {
            true => Err(format!("it has more than {CATALOG_BYTES_MAX} bytes")),
            false => std::str::from_utf8(&bytes).map_err(|error| error.to_string()).and_then(Catalog::parse),
        };
        parsed.map_err(|reason| CatalogError::Content { path: path.to_owned(), reason })
    }

    /// Reads the text of a file; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Catalog, String> {
        let json = match text.split_once(' ') {
            Some((time, json)) if !time.is_empty() && time.bytes().all(|b| b.is_ascii_digit()) => json,
            _ => text,
        };
        let root: Root = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut catalog = Catalog {
            exchange_filters: root.exchange_filters.map(|raw| raw.get().into()),
            sors: root.sors.map(|raw| raw.get().into()),
            ..Catalog::default()
        };
        for (number, raw) in root.symbols.into_iter().enumerate() {
            let entry = Entry::parse(raw.get()).map_err(|reason| format!("symbol {}: {reason}", number + 1))?;
            if catalog.by_name.insert(entry.name, number).is_some() {
                return Err(format!("symbol {}: {} is listed twice", number + 1, entry.name()));
            }
            catalog.entries.push(entry);
        }
        if catalog.entries.len() > Symbols::COUNT_MAX {
            return Err(format!("{} symbols are more than {}", catalog.entries.len(), Symbols::COUNT_MAX));
        }
        Ok(catalog)
    }

    /// The symbol of a name; `None` where the file has none.
    pub fn find(&self, name: &Name) -> Option<&Entry> {
        self.by_name.get(name).map(|&number| &self.entries[number])
    }

    /// All symbols, in the file's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The filters of the whole exchange, a JSON array; `None` where the file has none.
    pub fn exchange_filters(&self) -> Option<&str> {
        self.exchange_filters.as_deref()
    }

    /// What the file says of smart order routing, JSON; `None` where it says nothing.
    pub fn sors(&self) -> Option<&str> {
        self.sors.as_deref()
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Entry, String> {
        let facts: Facts = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let is_legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        let name = Name::new(&facts.symbol).filter(|name| name.as_str().chars().all(is_legal));
        let name = name.ok_or_else(|| format!("`{}` is no symbol", facts.symbol))?;
        let sets = facts.permission_sets.map(RawValue::get).unwrap_or("[]");
        let sets_of: Vec<Vec<String>> =
            serde_json::from_str(sets).map_err(|error| format!("{}, permissionSets: {error}", facts.symbol))?;
        let mut permissions: HashSet<String> =
            facts.permissions.into_iter().chain(sets_of.into_iter().flatten()).collect();
        if permissions.is_empty() {
            // A file that was recorded without them.
            permissions.insert(SPOT.to_owned());
        }
        let sets = facts.permission_sets.map(|_| {
            let start = sets.as_ptr() as usize - text.as_ptr() as usize;
            start..start + sets.len()
        });
        Ok(Entry { name, status: Status::parse(&facts.status), permissions, text: text.into(), sets })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its status; `None` for one that requests cannot ask for.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Whether it has one of these permissions. One of which the file names none has that of spot trading.
    pub fn has(&self, permissions: &Permissions) -> bool {
        self.permissions.iter().any(|own| permissions.contains(own))
    }

    /// Appends its object, with its permission sets or without.
    pub fn write(&self, shows_permission_sets: bool, out: &mut Vec<u8>) {
        let text = self.text.as_bytes();
        match &self.sets {
            Some(sets) if !shows_permission_sets => {
                out.extend_from_slice(&text[..sets.start]);
                out.extend_from_slice(b"[]");
                out.extend_from_slice(&text[sets.end..]);
            }
            _ => out.extend_from_slice(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW: &str = r#"{"symbol":"BTCUSDT","status":"TRADING","filters":[ {"tickSize":"0.01"}],"permissions":[],"permissionSets":[["SPOT","MARGIN"],["TRD_GRP_004"]],"more":1}"#;
    const OLD: &str = r#"{"status":"BREAK","symbol":"BTCUPUSDT","permissions":["LEVERAGED"]}"#;

    fn written(entry: &Entry, shows: bool) -> String {
        let mut out = Vec::new();
        entry.write(shows, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn symbols_come_out_as_they_went_in() {
        let text = format!(r#"1633998511132921000 {{"timezone":"UTC","symbols":[{NEW}, {OLD}],"sors":[{{"a":1}}]}}"#);
        let catalog = Catalog::parse(&text).unwrap();
        let [new, old] = catalog.entries() else { panic!("{catalog:?}") };
        assert_eq!((written(new, true), written(old, true), written(old, false)), (NEW.into(), OLD.into(), OLD.into()));
        assert_eq!(written(new, false), NEW.replace(r#"[["SPOT","MARGIN"],["TRD_GRP_004"]]"#, "[]"));
        assert_eq!((new.status(), old.status()), (Some(Status::Trading), Some(Status::Break)));
        assert_eq!((catalog.sors(), catalog.exchange_filters()), (Some(r#"[{"a":1}]"#), None));
        assert_eq!(catalog.find(&Name::new("BTCUPUSDT").unwrap()).map(Entry::name), Some("BTCUPUSDT"));
        let has = |entry: &Entry, text: &str| entry.has(&Permissions::parse(text).unwrap());
        assert!(has(new, "TRD_GRP_004") && has(new, "MARGIN") && !has(new, "LEVERAGED") && has(old, "LEVERAGED"));
        assert!(new.has(&Permissions::default()) && old.has(&Permissions::default()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, reason) in [
            ("", "EOF while parsing"),
            ("{}", "missing field `symbols`"),
            (r#"{"symbols":[{"symbol":"A","status":"TRADING"},{"symbol":"B"}]}"#, "symbol 2: missing field `status`"),
            (r#"{"symbols":[{"symbol":"","status":"TRADING"}]}"#, "symbol 1: `` is no symbol"),
            (r#"{"symbols":[{"symbol":"A\"","status":"TRADING"}]}"#, "symbol 1: `A\"` is no symbol"),
            (r#"{"symbols":[{"symbol":"A","status":"X"},{"symbol":"A","status":"X"}]}"#, "A is listed twice"),
            (r#"{"symbols":[{"symbol":"A","status":"X","permissionSets":"S"}]}"#, "A, permissionSets: invalid type"),
        ] {
            let error = Catalog::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let error = Catalog::read(Path::new("/nowhere/info.json")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the exchange info /nowhere/info.json: "), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", value in "[\\[\\]\"{}:,A-Z0-9]{0,20}") {
            let _ = Catalog::parse(&text);
            let _ = Catalog::parse(&format!(r#"{{"symbols":[{{"symbol":"A","status":"X","permissionSets":{value}}}]}}"#));
        }
    }
}
