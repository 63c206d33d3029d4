//! A symbol's two assets, where only its name is known.

/// Assets that others are priced in, now or in the exchange's past, in no order.
const QUOTES: [&str; 42] = [
    "ARS", "AUD", "BIDR", "BKRW", "BNB", "BRL", "BTC", "BUSD", "BVND", "COP", "CZK", "DAI", "DOGE", "ETH", "EUR",
    "EURI", "FDUSD", "GBP", "GYEN", "IDR", "IDRT", "JPY", "KRW", "MXN", "NGN", "PAX", "PLN", "RON", "RUB", "SOL",
    "TRX", "TRY", "TUSD", "UAH", "USD1", "USDC", "USDP", "USDS", "USDT", "VAI", "XRP", "ZAR",
];

/// Base and quote of a symbol: `BTCUSDT` is `BTC` in `USDT`.
///
/// The quote is the longest asset known as one that the name ends with. For a name that ends with none it is the last
/// four characters, or three where there would be fewer than three before them; a name that short has no quote.
pub fn split(symbol: &str) -> (&str, &str) {
    let known = QUOTES.into_iter().filter(|quote| quote.len() < symbol.len() && symbol.ends_with(quote));
    if let Some(quote) = known.max_by_key(|quote| quote.len()) {
        return symbol.split_at(symbol.len() - quote.len());
    }
    let quote_len = if symbol.chars().count() >= 7 { 4 } else { 3 };
    let starts = symbol.char_indices().map(|(at, _)| at);
    match starts.rev().nth(quote_len - 1) {
        Some(at) if at > 0 => symbol.split_at(at),
        _ => (symbol, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn symbols_are_split_before_the_longest_known_quote() {
        for (symbol, base, quote) in [
            ("BTCUSDT", "BTC", "USDT"),
            ("ETHBTC", "ETH", "BTC"),
            ("BNBBUSD", "BNB", "BUSD"),
            ("USDCUSDT", "USDC", "USDT"),
            ("BTCFDUSD", "BTC", "FDUSD"),
            ("BTTTUSD", "BTT", "TUSD"),
            ("ADAEUR", "ADA", "EUR"),
            ("USDTIDRT", "USDT", "IDRT"),
            ("ADABKRW", "ADA", "BKRW"),
            ("1INCHBTC", "1INCH", "BTC"),
            ("币安人生USDT", "币安人生", "USDT"),
        ] {
            assert_eq!(split(symbol), (base, quote), "{symbol}");
        }
    }

    #[test]
    fn names_without_a_known_quote_are_split_by_length() {
        assert_eq!(split("FOOQUXX"), ("FOO", "QUXX"));
        assert_eq!(split("FOOBAR"), ("FOO", "BAR"));
        assert_eq!(split("币安人生币安人生"), ("币安人生", "币安人生"));
        assert_eq!(split("FOO"), ("FOO", ""));
        assert_eq!(split("BTC"), ("BTC", ""));
        assert_eq!(split(""), ("", ""));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_nothing_is_lost(symbol in "\\PC{0,20}") {
            let (base, quote) = split(&symbol);
            prop_assert_eq!(format!("{base}{quote}"), symbol);
        }
    }
}
