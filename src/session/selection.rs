//! Streams as they are asked for where there is no venue's own protocol: a venue and a name.
//!
//! A name is the venue's own where streams have names (`btcusdt@trade`), and a type with a code where clients ask by
//! those (`trade:KRW-BTC`, `orderbook:KRW-BTC.5`). Symbols that do not exist are silent, as they are at the exchanges;
//! whatever else leads nowhere is refused with what is possible instead.
//!
//! In place of a venue there may be `all`: then names have a venue in front (`upbit:trade:KRW-BTC`), and payloads are in
//! the [neutral](crate::venue::neutral) form, which is the same for all of them.

use std::rc::Rc;

use crate::fanout::framing::Framing;
use crate::fanout::{Form, Want};
use crate::market::channel::{Channel, Scope, Unit};
use crate::market::symbol::{Name, Venue};
use crate::venue::binance::{Encoding, TimeUnit, stream};
use crate::venue::upbit::request::{UNITS_DEFAULT, split_units};
use crate::venue::upbit::{Edition, Format, Layout};

/// How payloads are written, whatever is around them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Of Binance's times.
    pub unit: TimeUnit,
    /// Of venues asked by type and code.
    pub format: Format,
    /// The same venues' recordings as they would be sent today, or as they are.
    pub edition: Edition,
    /// Whether names deliver that Binance has retired.
    pub serves_retired_names: bool,
}

/// A stream that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// As it was asked for, with its venue in front unless that is Binance, and `all` before it for the neutral form.
    pub name: Rc<str>,
    /// What its events are called: `trade`, `kline_1m`, `orderbook`.
    pub kind: Rc<str>,
    scope: Scope,
    channel: Channel,
    payload: Rc<Form>,
}

/// Whose names are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// One venue's, in its own form.
    Venue(Venue),
    /// All venues', in the neutral form; each name says whose it is.
    All,
}

impl Origin {
    /// By its name, in lower case.
    ///
    /// # Errors
    /// Which ones there are.
    pub fn named(name: &str) -> Result<Origin, String> {
        if name == ALL {
            return Ok(Origin::All);
        }
        venue_named(name).map(Origin::Venue)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Venue(venue) => venue.grammar().name,
            Origin::All => ALL,
        }
    }
}

/// What stands where a venue could, for all of them.
const ALL: &str = "all";

fn venue_named(name: &str) -> Result<Venue, String> {
    Venue::ALL.into_iter().find(|venue| venue.grammar().name == name).ok_or_else(|| {
        let names: Vec<&str> = Venue::ALL.iter().map(|venue| venue.grammar().name).collect();
        format!("`{name}` is no venue; there are {} and {ALL}", names.join(", "))
    })
}

impl Selection {
    /// Finds a stream.
    ///
    /// # Errors
    /// What is wrong with the name, and what names look like.
    pub fn find(origin: Origin, name: &str, manner: Manner) -> Result<Selection, String> {
        match origin {
            Origin::Venue(venue) if venue.grammar().socket.is_some() => Self::by_type(venue, name, manner),
            Origin::Venue(_) => Self::by_name(name, manner),
            Origin::All => {
                let (venue, own_name) = name.split_once(':').ok_or_else(|| {
                    format!(
                        "`{name}` does not say whose it is: names look like binance:btcusdt@trade, upbit:trade:KRW-BTC"
                    )
                })?;
                Ok(Self::find(Origin::Venue(venue_named(venue)?), own_name, manner)?.neutral(name))
            }
        }
    }

    /// The same for a name that may say itself whose it is: `upbit:trade:KRW-BTC`, `all:upbit:trade:KRW-BTC`.
    ///
    /// # Errors
    /// As above.
    pub fn find_anywhere(origin: Origin, name: &str, manner: Manner) -> Result<Selection, String> {
        match name.split_once(':').and_then(|(origin, rest)| Some((Origin::named(origin).ok()?, rest))) {
            // The venue in front is a part of the name there.
            Some((Origin::Venue(_), _)) if origin == Origin::All => Self::find(origin, name, manner),
            Some((origin, rest)) => Self::find(origin, rest, manner),
            None => Self::find(origin, name, manner),
        }
    }

    /// The same stream in the form that all venues share.
    fn neutral(self, name: &str) -> Selection {
        let units = if let Form::Upbit { layout, .. } = &*self.payload { layout.units } else { UNITS_DEFAULT };
        let payload = Rc::new(Form::Neutral { venue: self.payload.venue(), units });
        Selection { name: format!("{ALL}:{name}").into(), payload, ..self }
    }

    fn by_name(name: &str, manner: Manner) -> Result<Selection, String> {
        const NAMES: &str = "names look like btcusdt@trade, with the symbol in lower case; there are trade, aggTrade, \
            bookTicker, depth, depth@100ms, depth5, depth10, depth20 and each @100ms, kline_1m and all other intervals, \
            ticker, miniTicker, ticker_1h, ticker_4h, ticker_1d, avgPrice, blockTrade, referencePrice, and of all \
            symbols !miniTicker@arr, !ticker@arr, !ticker_1h@arr, !bookTicker";
        let is_served = stream::is_well_formed(name) && (manner.serves_retired_names || !stream::is_retired(name));
        let found = if is_served { stream::parse(name, Encoding::Json) } else { None };
        let (scope, channel) = found.ok_or_else(|| format!("`{name}` is no stream of Binance: {NAMES}"))?;
        let kind = match name.strip_prefix('!') {
            Some(all) => all.split('@').next(),
            None => name.split('@').nth(1),
        };
        let payload = Rc::new(Form::Binance { unit: manner.unit, wrapper: Some(name.into()) });
        Ok(Selection { name: name.into(), kind: kind.unwrap_or(name).into(), scope, channel, payload })
    }

    fn by_type(venue: Venue, name: &str, manner: Manner) -> Result<Selection, String> {
        let grammar = venue.grammar();
        let refuse = || {
            let channels = [Channel::DayTicker, Channel::Trade, Channel::Orderbook].into_iter();
            let channels = channels.chain(Unit::ALL.into_iter().map(Channel::Candle));
            let kinds: Vec<String> = channels.filter_map(|channel| (grammar.stream)("KRW-BTC", channel)).collect();
            format!(
                "`{name}` is no stream of {}: names are a type and a code, as in trade:KRW-BTC or orderbook:KRW-BTC.5; \
                 types are {}",
                grammar.title,
                kinds.join(", ")
            )
        };
        let socket = grammar.socket.as_ref().ok_or_else(refuse)?;
        let (kind, code) = name.split_once(':').ok_or_else(refuse)?;
        let channel = (socket.channel)(kind).ok_or_else(refuse)?;
        let is_code = |code: &str| code.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '+'));
        let is_book = channel == Channel::Orderbook;
        let (symbol, units) = if is_book { split_units(code) } else { (code, UNITS_DEFAULT) };
        let symbol = Name::new(symbol).filter(|symbol| is_code(symbol.as_str())).ok_or_else(refuse)?;
        let layout = Layout { format: manner.format, units, grouping: None, edition: manner.edition };
        Ok(Selection {
            name: format!("{}:{name}", grammar.name).into(),
            kind: kind.into(),
            scope: Scope::Symbol(symbol),
            channel,
            payload: Rc::new(Form::Upbit { venue, layout, deflate: false }),
        })
    }

    /// What it leads to, with this around it.
    pub fn want(&self, framing: Framing) -> Want {
        let form = Form::Framed { payload: Rc::clone(&self.payload), framing };
        Want { scope: self.scope, channel: self.channel, form }
    }

    /// Whether its payloads are in the form that all venues share.
    pub fn is_neutral(&self) -> bool {
        self.payload.is_neutral()
    }

    /// Whether its venue begins with the newest value.
    pub fn begins_with_snapshot(&self) -> bool {
        self.payload.venue().grammar().socket.is_some()
    }

    /// Whether one tick may cause an event of either, so that an id would not tell the two apart.
    pub fn overlaps(&self, other: &Selection) -> bool {
        match (self.scope, other.scope) {
            (Scope::Collected, Scope::Collected) => true,
            (Scope::Collected, _) | (_, Scope::Collected) => false,
            (Scope::Symbol(one), Scope::Symbol(another)) if one != another => false,
            _ => self.channel == other.channel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(venue: Venue, name: &str) -> Result<Selection, String> {
        Selection::find_anywhere(Origin::Venue(venue), name, Manner { serves_retired_names: true, ..Manner::default() })
    }

    #[test]
    fn names_lead_to_streams_and_their_kinds() {
        for (venue, name, kind, full) in [
            (Venue::Binance, "btcusdt@trade", "trade", "btcusdt@trade"),
            (Venue::Binance, "btcusdt@kline_1d@+08:00", "kline_1d", "btcusdt@kline_1d@+08:00"),
            (Venue::Binance, "!miniTicker@arr", "miniTicker", "!miniTicker@arr"),
            (Venue::Binance, "upbit:trade:KRW-BTC", "trade", "upbit:trade:KRW-BTC"),
            (Venue::Upbit, "orderbook:KRW-BTC.5", "orderbook", "upbit:orderbook:KRW-BTC.5"),
            (Venue::Upbit, "candle.1m:KRW-BTC", "candle.1m", "upbit:candle.1m:KRW-BTC"),
            (Venue::Upbit, "binance:btcusdt@depth@100ms", "depth", "btcusdt@depth@100ms"),
            (Venue::Bithumb, "ticker:KRW-BTC", "ticker", "bithumb:ticker:KRW-BTC"),
            (Venue::Upbit, "all:binance:btcusdt@trade", "trade", "all:binance:btcusdt@trade"),
            (Venue::Binance, "all:upbit:orderbook:KRW-BTC.5", "orderbook", "all:upbit:orderbook:KRW-BTC.5"),
        ] {
            let found = find(venue, name).unwrap();
            assert_eq!((&*found.kind, &*found.name), (kind, full));
        }
    }

    #[test]
    fn what_leads_nowhere_is_named_with_what_is_possible() {
        for (venue, name, possible) in [
            (Venue::Binance, "btcusdt@nosuch", "there are trade, aggTrade"),
            (Venue::Binance, "BTCUSDT@trade", "lower case"),
            (Venue::Binance, "trade:KRW-BTC", "no stream of Binance"),
            (Venue::Upbit, "btcusdt@trade", "types are ticker, trade, orderbook, candle.1s"),
            (Venue::Upbit, "trades:KRW-BTC", "a type and a code"),
            (Venue::Upbit, "trade:", "no stream of Upbit"),
            (Venue::Upbit, "trade:KRW BTC", "no stream of Upbit"),
            (Venue::Bithumb, "candle.1s:KRW-BTC", "types are ticker, trade, orderbook"),
        ] {
            let error = find(venue, name).unwrap_err();
            assert!(error.contains(possible) && error.contains(name), "{error}");
        }
        let whose = find(Venue::Binance, "all:btcusdt@trade").unwrap_err();
        assert!(whose.contains("`btcusdt@trade` does not say whose it is"), "{whose}");
        assert!(find(Venue::Binance, "all:nyse:a@trade").unwrap_err().contains("`nyse` is no venue"));
        assert!(Origin::named("nyse").unwrap_err().contains("there are binance, upbit, bithumb and all"));
        let today = Manner::default();
        assert!(
            Selection::find(Origin::Venue(Venue::Binance), "!bookTicker", today).is_err(),
            "retired, and not served"
        );
    }

    #[test]
    fn where_all_are_asked_for_the_name_says_whose_and_the_form_is_neutral() {
        let find = |name| Selection::find_anywhere(Origin::All, name, Manner::default()).unwrap();
        assert_eq!(find("upbit:orderbook:KRW-BTC.5"), find("all:upbit:orderbook:KRW-BTC.5"));
        assert_eq!(*find("upbit:orderbook:KRW-BTC.5").payload, Form::Neutral { venue: Venue::Upbit, units: 5 });
        assert_eq!(*find("binance:a@trade").payload, Form::Neutral { venue: Venue::Binance, units: UNITS_DEFAULT });
        assert!(find("upbit:trade:KRW-BTC").begins_with_snapshot() && !find("binance:a@trade").begins_with_snapshot());
    }

    #[test]
    fn streams_of_the_same_ticks_overlap() {
        let overlap = |a: &str, b: &str| {
            let find = |name| find(Venue::Binance, name).unwrap();
            (find(a).overlaps(&find(b)), find(b).overlaps(&find(a)))
        };
        assert_eq!(overlap("upbit:orderbook:KRW-BTC", "upbit:orderbook:KRW-BTC.5"), (true, true));
        assert_eq!(overlap("!bookTicker", "btcusdt@bookTicker"), (true, true));
        assert_eq!(overlap("!ticker@arr", "!miniTicker@arr"), (true, true));
        assert_eq!(overlap("!bookTicker", "btcusdt@trade"), (false, false));
        assert_eq!(overlap("!ticker@arr", "btcusdt@ticker"), (false, false));
        assert_eq!(overlap("btcusdt@trade", "ethusdt@trade"), (false, false));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}", name in "[a-z@:.A-Z!-]{0,30}") {
            for venue in Venue::ALL {
                let _ = (find(venue, &text), find(venue, &name));
            }
        }
    }
}
