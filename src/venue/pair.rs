//! Currency pairs: what a symbol of one venue is called in another's grammar.
//!
//! | venue | grammar | base and quote are told apart by |
//! |---|---|---|
//! | Binance | `BTCUSDT` | the quote currency it ends with, the longest of [`QUOTES`](crate::venue::binance::symbol::QUOTES) |
//! | Upbit | `USDT-BTC` | the hyphen; the quote comes first |
//!
//! What has no two sides in that sense (`BTCUSD_PERP`, `BTCUSDT_240329`, a quote that is not listed) is served in its
//! own venue's spelling only.

use crate::market::symbol::{Name, Symbol, Venue};

/// What is traded, and what it is paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What is traded.
    pub base: &'a str,
    /// What it is paid with.
    pub quote: &'a str,
}

impl<'a> Pair<'a> {
    /// A pair of two currencies; `None` unless both are letters and digits.
    pub fn new(base: &'a str, quote: &'a str) -> Option<Pair<'a>> {
        let is_currency = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
        (is_currency(base) && is_currency(quote)).then_some(Pair { base, quote })
    }

    /// A pair whose name begins with the quote currency, then a hyphen: `KRW-BTC`.
    pub fn of_quote_and_base(name: &'a str) -> Option<Pair<'a>> {
        let (quote, base) = name.split_once('-')?;
        Pair::new(base, quote)
    }

    /// The name of such a pair.
    pub fn quote_and_base(self) -> String {
        format!("{}-{}", self.quote, self.base)
    }
}

/// A symbol that a venue's feed names, with the spellings of all venues.
pub fn symbol(venue: Venue, name: Name) -> Symbol {
    let Some(pair) = (venue.grammar().pair)(name.as_str()) else { return Symbol::new(venue, name) };
    Venue::ALL.into_iter().fold(Symbol::new(venue, name), |symbol, other| {
        match Name::new(&(other.grammar().symbol)(pair)) {
            Some(name) => symbol.spelled(other, name),
            None => symbol,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(from: Venue, name: &str, to: Venue) -> Option<String> {
        let symbol = symbol(from, Name::new(name).unwrap());
        symbol.name_for(to).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn pairs_have_a_name_in_every_grammar() {
        for (binance, upbit) in [
            ("BTCUSDT", "USDT-BTC"),
            ("BTCKRW", "KRW-BTC"),
            ("ETHBTC", "BTC-ETH"),
            ("BTCSTUSDT", "USDT-BTCST"),
            ("BTCFDUSD", "FDUSD-BTC"),
            ("1000SATSTRY", "TRY-1000SATS"),
            ("EURUSDT", "USDT-EUR"),
            ("USDTIDRT", "IDRT-USDT"),
            ("币安人生USDT", "USDT-币安人生"),
        ] {
            assert_eq!(translated(Venue::Binance, binance, Venue::Upbit).as_deref(), Some(upbit));
            assert_eq!(translated(Venue::Upbit, upbit, Venue::Binance).as_deref(), Some(binance));
        }
    }

    #[test]
    fn what_is_no_pair_keeps_its_own_spelling_only() {
        for name in ["BTCUSDT_240329", "BTCUSD_PERP", "USDT", "DEFI", "BTC-USDT"] {
            assert_eq!(translated(Venue::Binance, name, Venue::Upbit), None, "{name}");
            assert_eq!(translated(Venue::Binance, name, Venue::Binance).as_deref(), Some(name));
        }
        for name in ["KRWBTC", "KRW-", "-BTC", "KRW-BTC-ETH"] {
            assert_eq!(translated(Venue::Upbit, name, Venue::Binance), None, "{name}");
        }
    }
}
