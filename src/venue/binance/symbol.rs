//! Symbols: base and quote currency without anything between them.

use crate::venue::pair::Pair;

/// Currencies that Binance's and Upbit's markets are quoted in.
pub const QUOTES: [&str; 37] = [
    "AEUR", "ARS", "AUD", "BIDR", "BNB", "BRL", "BTC", "BUSD", "BVND", "COP", "CZK", "DAI", "DOGE", "ETH", "EUR",
    "EURI", "FDUSD", "GBP", "IDR", "IDRT", "JPY", "KRW", "MXN", "NGN", "PAX", "PLN", "RON", "RUB", "SGD", "THB", "TRX",
    "TRY", "TUSD", "USDC", "USDT", "XRP", "ZAR",
];

/// The two sides of `BTCUSDT`.
pub fn pair(name: &str) -> Option<Pair<'_>> {
    let quote = QUOTES.iter().filter(|quote| name.ends_with(**quote)).max_by_key(|quote| quote.len())?;
    let (base, quote) = name.split_at(name.len() - quote.len());
    Pair::new(base, quote)
}

/// `BTCUSDT` of its two sides.
pub fn symbol(pair: Pair<'_>) -> String {
    format!("{}{}", pair.base, pair.quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quotes_are_sorted_and_each_there_once() {
        assert!(QUOTES.is_sorted_by(|a, b| a < b));
    }
}
