//! Currency pairs: what a symbol of one venue is called in another's grammar.
//!
//! | venue | grammar | base and quote are told apart by |
//! |---|---|---|
//! | Binance | `BTCUSDT` | the quote currency it ends with, the longest of [`QUOTES`] |
//! | Upbit | `USDT-BTC` | the hyphen; the quote comes first |
//!
//! What has no two sides in that sense (`BTCUSD_PERP`, `BTCUSDT_240329`, a quote that is not listed) is served in its
//! own venue's spelling only.

use crate::market::symbol::{Name, Symbol, Venue};

/// Currencies that Binance's and Upbit's markets are quoted in.
pub const QUOTES: [&str; 37] = [
    "AEUR", "ARS", "AUD", "BIDR", "BNB", "BRL", "BTC", "BUSD", "BVND", "COP", "CZK", "DAI", "DOGE", "ETH", "EUR",
    "EURI", "FDUSD", "GBP", "IDR", "IDRT", "JPY", "KRW", "MXN", "NGN", "PAX", "PLN", "RON", "RUB", "SGD", "THB", "TRX",
    "TRY", "TUSD", "USDC", "USDT", "XRP", "ZAR",
];

/// What is traded, and what it is paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What is traded.
    pub base: &'a str,
    /// What it is paid with.
    pub quote: &'a str,
}

impl<'a> Pair<'a> {
    /// The two sides of a symbol in a venue's spelling; `None` where it has none.
    pub fn parse(venue: Venue, name: &'a str) -> Option<Pair<'a>> {
        let pair = match venue {
            Venue::Binance => {
                let quote = QUOTES.iter().filter(|quote| name.ends_with(**quote)).max_by_key(|quote| quote.len())?;
                let (base, quote) = name.split_at(name.len() - quote.len());
                Pair { base, quote }
            }
            Venue::Upbit => {
                let (quote, base) = name.split_once('-')?;
                Pair { base, quote }
            }
        };
        let is_currency = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
        (is_currency(pair.base) && is_currency(pair.quote)).then_some(pair)
    }

    /// Its name in a venue's grammar; `None` where it would be too long.
    pub fn name(self, venue: Venue) -> Option<Name> {
        let Pair { base, quote } = self;
        Name::new(&match venue {
            Venue::Binance => format!("{base}{quote}"),
            Venue::Upbit => format!("{quote}-{base}"),
        })
    }
}

/// A symbol that a venue's feed names, with the spellings of all venues.
pub fn symbol(venue: Venue, name: Name) -> Symbol {
    let Some(pair) = Pair::parse(venue, name.as_str()) else { return Symbol::new(venue, name) };
    Venue::ALL.into_iter().fold(Symbol::new(venue, name), |symbol, other| match pair.name(other) {
        Some(name) => symbol.spelled(other, name),
        None => symbol,
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

    #[test]
    fn the_quotes_are_sorted_and_each_there_once() {
        assert!(QUOTES.is_sorted_by(|a, b| a < b));
    }
}
