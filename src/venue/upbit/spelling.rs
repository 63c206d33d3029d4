//! How Upbit spells its numbers, by message, member and format.
//!
//! Upbit mixes two of Java's printers, and some numbers pass through a third: [scaled](Decimal::write_scaled),
//! [shortest double](Decimal::write_shortest), [plain](Decimal::write_plain). Which one prints what was read from the
//! wire, from the documentation's raw samples and from a recording of 2021:
//!
//! | member | DEFAULT | SIMPLE |
//! | --- | --- | --- |
//! | prices of `ticker` and `candle` | scaled 8, `0E-8` | the same, or tidy |
//! | sizes of `ticker` and `candle` | scaled 8, `0E-8` | the same, or tidy |
//! | rates | scaled 10, zero `0` | the same, or tidy |
//! | `acc_trade_price`, `candle_acc_trade_price` | 5 to 16 places, 16 where there are fewer | the same, or tidy |
//! | `acc_trade_price_24h` | 5 to 16 places, 5 where there are fewer | the same, or tidy |
//! | `trade_price` of `trade` | scaled 8 | plain, `127.0` |
//! | `trade_volume` of `trade` | scaled 8 | shortest, or tidy from ten million on |
//! | `prev_closing_price`, `change_price` of `trade` | scaled 8, `0E-8` | the same, or tidy |
//! | `best_*_price` | plain | plain, `127.0` |
//! | `best_*_size` | plain | shortest, or tidy from ten million on |
//! | prices of `orderbook` | shortest, empty `0.0` | plain, `127.0`, empty `0` |
//! | sizes of `orderbook` | scaled 8, empty `0` | shortest, or tidy from ten million on; empty `0.0` |
//! | totals of `orderbook` | scaled 8, zero `0` | scaled 8, zero `0` |
//!
//! SIMPLE allows more than one spelling of a number, and one that came in such a spelling keeps it: `127.0`, as
//! recorded in 2021, where `127` is what is written today; `14444463.76230923`, the size of an order in that recording,
//! where a double would be `1.444446376230923E7`; and in a `ticker` or `candle`, whose numbers in SIMPLE nobody has
//! recorded, any that is [tidy](Decimal::is_tidy). Every other spelling gives way to the one in the table, that of
//! another exchange included: `87173.34000000` becomes `87173.34` where the table says plain. A number that needs more
//! places than the table gives it, or more digits than a double has, is written with all of them.

use crate::market::decimal::Decimal;
use crate::venue::upbit::{Edition, Format};

/// How a number is spelled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    /// As it came.
    Stored,
    /// 8 places.
    Scaled,
    /// 8 places, zero `0`.
    Amount,
    /// 10 places, zero `0`.
    Rate,
    /// 5 to 16 places as it came, or else so many.
    Turnover(u8),
    /// Neither exponent nor superfluous zeros.
    Plain,
    /// The same, or one zero behind the point of a whole number where it came with one.
    PlainOrTenth,
    /// As Java prints a double.
    Shortest,
    /// As it came where that is tidy and ten million or more, or else as a double.
    ShortestOrLarge,
    /// As it came where that is tidy, or else 8 places.
    ScaledOrTidy,
    /// As it came where that is tidy, or else as a rate.
    RateOrTidy,
    /// As it came where that is tidy, or else as a turnover.
    TurnoverOrTidy(u8),
}

use Spelling::{
    Amount, Plain, PlainOrTenth, Rate, RateOrTidy, Scaled, ScaledOrTidy, Shortest, ShortestOrLarge, Stored, Turnover,
    TurnoverOrTidy,
};

/// The spellings of one format: a column of the table above.
#[allow(missing_docs, reason = "the table says it")]
pub(super) struct Spellings {
    pub price: Spelling,
    pub size: Spelling,
    pub rate: Spelling,
    pub turnover: Spelling,
    pub turnover_24h: Spelling,
    pub trade_price: Spelling,
    pub trade_size: Spelling,
    pub trade_day: Spelling,
    pub best_price: Spelling,
    pub best_size: Spelling,
    pub book_price: Spelling,
    pub book_size: Spelling,
    pub book_total: Spelling,
}

const DEFAULT: Spellings = Spellings {
    price: Scaled,
    size: Scaled,
    rate: Rate,
    turnover: Turnover(16),
    turnover_24h: Turnover(5),
    trade_price: Scaled,
    trade_size: Scaled,
    trade_day: Scaled,
    best_price: Plain,
    best_size: Plain,
    book_price: Shortest,
    book_size: Amount,
    book_total: Amount,
};

const SIMPLE: Spellings = Spellings {
    price: ScaledOrTidy,
    size: ScaledOrTidy,
    rate: RateOrTidy,
    turnover: TurnoverOrTidy(16),
    turnover_24h: TurnoverOrTidy(5),
    trade_price: PlainOrTenth,
    trade_size: ShortestOrLarge,
    trade_day: ScaledOrTidy,
    best_price: PlainOrTenth,
    best_size: ShortestOrLarge,
    book_price: PlainOrTenth,
    book_size: ShortestOrLarge,
    book_total: Amount,
};

/// What a recording is served with exactly as it was recorded.
const RECORDED: Spellings = Spellings {
    price: Stored,
    size: Stored,
    rate: Stored,
    turnover: Stored,
    turnover_24h: Stored,
    trade_price: Stored,
    trade_size: Stored,
    trade_day: Stored,
    best_price: Stored,
    best_size: Stored,
    book_price: Stored,
    book_size: Stored,
    book_total: Stored,
};

/// The spellings of an edition in a format; those of lists are those of what they list.
pub(super) fn spellings(edition: Edition, format: Format) -> &'static Spellings {
    match (edition, format.is_short()) {
        (Edition::Recorded, _) => &RECORDED,
        (Edition::Today, true) => &SIMPLE,
        (Edition::Today, false) => &DEFAULT,
    }
}

/// Places that a turnover may have.
const TURNOVER_PLACES: std::ops::RangeInclusive<i32> = 5..=16;

impl Spelling {
    /// Appends a number in this spelling. Allocates nothing beyond `out`'s own growth.
    #[inline]
    pub(super) fn write(self, value: Decimal, out: &mut Vec<u8>) {
        match self {
            Stored => value.write(out),
            Scaled => value.write_scaled(8, out),
            Amount if value.is_zero() => out.push(b'0'),
            Amount => value.write_scaled(8, out),
            Rate if value.is_zero() => out.push(b'0'),
            Rate => value.write_scaled(10, out),
            Turnover(_) if TURNOVER_PLACES.contains(&value.scale()) => value.write_scaled(value.scale() as u8, out),
            Turnover(places) if value.scale() < *TURNOVER_PLACES.start() => value.write_scaled(places, out),
            Turnover(_) => value.write_scaled(*TURNOVER_PLACES.end() as u8, out),
            Plain => value.write_plain(out),
            PlainOrTenth if value.scale() == 1 && value.is_tidy() => value.write(out),
            PlainOrTenth => value.write_plain(out),
            Shortest => value.write_shortest(out),
            ShortestOrLarge if value.scale() > 0 && value.magnitude() >= Some(7) && value.is_tidy() => value.write(out),
            ShortestOrLarge => value.write_shortest(out),
            ScaledOrTidy | RateOrTidy | TurnoverOrTidy(_) if value.is_tidy() => value.write(out),
            ScaledOrTidy => Scaled.write(value, out),
            RateOrTidy => Rate.write(value, out),
            TurnoverOrTidy(places) => Turnover(places).write(value, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(spelling: Spelling, text: &str) -> String {
        let mut out = Vec::new();
        spelling.write(Decimal::parse(text.as_bytes()).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_number_of_the_samples_keeps_its_spelling_in_its_place() {
        for (spelling, texts) in [
            (DEFAULT.price, &["98765000.00000000", "0E-8", "565000.00000000", "9.9E-7", "-565000.00000000"][..]),
            (DEFAULT.size, &["0.01234567", "812.45678901", "2571.90123456", "0.00606119", "6E-8"]),
            (DEFAULT.rate, &["0.0057535642", "0", "-0.0082180744"]),
            (DEFAULT.turnover, &["80031245678.9012300000000000", "31024567.8901200000000000"]),
            (DEFAULT.turnover_24h, &["254310987654.32101"]),
            (DEFAULT.best_price, &["98765000", "87173.34"]),
            (DEFAULT.best_size, &["0.05123457", "0.123"]),
            (DEFAULT.book_price, &["9.8765E7", "9.877E7", "87173.34", "0.0"]),
            (DEFAULT.book_size, &["0.05123457", "0.00450000", "1.25000000", "0"]),
            (DEFAULT.book_total, &["0.36201177"]),
            (SIMPLE.book_price, &["98765000", "87173.34", "127.0", "0.00012221", "9.9E-7", "3E-7", "0"]),
            (SIMPLE.book_size, &["0.05123457", "0.31", "7.772E-4", "5.0E-4", "1.25", "0.0", "30.0"]),
            (SIMPLE.book_size, &["14444463.76230923", "1.444446376230923E7", "12000000.0"]),
            (SIMPLE.book_total, &["13435.91440270", "0.36201177"]),
            (SIMPLE.trade_price, &["127.0", "41.2", "2.1E-7"]),
            (SIMPLE.trade_size, &["12111.68782622", "20.0", "155.77"]),
            (SIMPLE.trade_day, &["43.20000000", "90.0", "0E-8", "1E-8", "2.2E-7", "6E-8"]),
        ] {
            for text in texts {
                assert_eq!(&written(spelling, text), text, "{spelling:?}");
            }
        }
    }

    #[test]
    fn other_spellings_give_way() {
        for (spelling, text, expected) in [
            (DEFAULT.price, "98765000", "98765000.00000000"),
            (DEFAULT.price, "0", "0E-8"),
            (DEFAULT.rate, "0E-10", "0"),
            (DEFAULT.rate, "0.005", "0.0050000000"),
            (DEFAULT.turnover, "1236.7526", "1236.7526000000000000"),
            (DEFAULT.turnover, "5530.55648491", "5530.55648491"),
            (DEFAULT.turnover, "1.50000000000000000000", "1.5000000000000000"),
            (DEFAULT.turnover_24h, "209219823031.97", "209219823031.97000"),
            (DEFAULT.best_price, "98765000.0", "98765000"),
            (DEFAULT.book_price, "0", "0.0"),
            (DEFAULT.book_size, "7.772E-4", "0.00077720"),
            (DEFAULT.book_size, "0.0", "0"),
            (DEFAULT.book_total, "0E-8", "0"),
            (SIMPLE.book_price, "9.8765E7", "98765000"),
            (SIMPLE.book_price, "0.0000009900", "9.9E-7"),
            (SIMPLE.book_size, "0.00077720", "7.772E-4"),
            (SIMPLE.book_size, "0", "0.0"),
            (SIMPLE.book_size, "12000000", "1.2E7"),
            (SIMPLE.book_size, "14444463.76230000", "1.44444637623E7"),
            (SIMPLE.price, "1.27E2", "127.00000000"),
        ] {
            assert_eq!(written(spelling, text), expected, "{spelling:?}");
        }
    }

    #[test]
    fn the_eight_places_of_another_exchange_are_spelled_as_the_table_says() {
        for (text, expected) in [
            ("87173.34000000", ["87173.34000000", "87173.34", "87173.34", "87173.34", "87173.34"]),
            ("65000.00000000", ["65000.00000000", "65000", "65000.0", "65000", "65000.0"]),
            ("0.00000000", ["0E-8", "0", "0.0", "0", "0.0"]),
        ] {
            let spellings =
                [DEFAULT.trade_price, DEFAULT.best_price, DEFAULT.book_price, SIMPLE.trade_price, SIMPLE.book_size];
            assert_eq!(spellings.map(|spelling| written(spelling, text)), expected, "{text}");
        }
    }
}
