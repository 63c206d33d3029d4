//! Prices of a book grouped by a step, and the steps a market has: those of [`grouping`](crate::venue::upbit::grouping).
//!
//! A tape does not say the price step of a market. It follows from the book: the largest step of the form 1 or 5 times
//! a power of ten that all its prices are multiples of.

use crate::market::decimal::Decimal;
use crate::market::kept::quotation::BookWindow;
use crate::market::quotient::rounded;
use crate::market::symbol::Name;
use crate::venue::upbit::grouping::{Grouping, merge, supported_levels};

/// The steps of a market.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// The smallest difference of two prices.
    pub tick: Decimal,
    /// What books can be grouped by, 0 for no grouping first, rising.
    pub levels: Vec<Decimal>,
}

impl Steps {
    /// The steps of a market with this book; `None` for an empty book.
    pub fn of(market: &Name, window: &BookWindow) -> Option<Steps> {
        let places = window.levels.iter().map(|level| level.price.places_needed()).max()?;
        let prices = window.levels.iter().filter_map(|level| units(level.price, places));
        let common = prices.fold(0, common_divisor);
        if common == 0 {
            return None;
        }
        let mut power: i128 = 1;
        while common % (power * 10) == 0 {
            power *= 10;
        }
        let tick = if common % (power * 5) == 0 { power * 5 } else { power };
        let mut levels = vec![Decimal::ZERO];
        levels.extend(supported_levels(market.as_str(), window.price()?).map(Grouping::step));
        Some(Steps { tick: step(tick, places)?, levels })
    }
}

/// A book with asks rounded up and bids rounded down to multiples of `level`; as it is for a level of zero. `None` for a
/// level that the market does not support.
pub fn grouped(market: &Name, window: &BookWindow, level: Decimal) -> Option<BookWindow> {
    if level.is_zero() {
        return Some(window.clone());
    }
    let mut levels = Vec::new();
    merge(Grouping::of(level)?, market.as_str(), &window.levels, &mut levels)?;
    Some(BookWindow { levels, ..window.clone() })
}

/// A number counted in units of so many decimal places, which are not fewer than it has.
fn units(number: Decimal, places: u8) -> Option<i128> {
    rounded(number, places).map(Decimal::mantissa)
}

fn step(units: i128, places: u8) -> Option<Decimal> {
    Decimal::new(units, places).ok()
}

fn common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::quotient::plain;
    use crate::market::tick::{Level, Orderbook};

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    fn window(pairs: &[(&str, &str, &str, &str)]) -> BookWindow {
        let level = |price, size| Level { price: decimal(price), size: decimal(size) };
        BookWindow {
            ts_event: 0,
            book: Orderbook { total_ask: Decimal::ZERO, total_bid: Decimal::ZERO, grouping: None },
            levels: pairs.iter().flat_map(|&(ap, bp, a, b)| [level(ap, a), level(bp, b)]).collect(),
        }
    }

    fn steps(market: &str, pairs: &[(&str, &str, &str, &str)]) -> (String, Vec<String>) {
        let steps = Steps::of(&Name::new(market).unwrap(), &window(pairs)).unwrap();
        (plain(steps.tick).to_string(), steps.levels.iter().map(|level| plain(*level).to_string()).collect())
    }

    const WON: &[(&str, &str, &str, &str)] = &[
        ("9.8765E7", "9.8764E7", "1", "2"),
        ("9.8766E7", "9.8763E7", "0.5", "0.25"),
        ("9.8771E7", "98760000.0", "4", "8"),
        ("0.0", "98759000", "0", "16"),
    ];

    #[test]
    fn steps_follow_from_the_prices() {
        let levels = ["0", "10000", "100000", "1000000", "10000000"].map(str::to_owned).to_vec();
        assert_eq!(steps("KRW-BTC", WON), ("1000".into(), levels));
        assert_eq!(
            steps("KRW-STX", &[("3040.0", "3035.0", "1", "1"), ("3050.0", "3030.0", "1", "1")]),
            ("5".into(), ["0", "10", "100", "1000"].map(str::to_owned).to_vec())
        );
        assert_eq!(
            steps("KRW-IQ", &[("41.4", "41.2", "1", "1"), ("41.5", "41.1", "1", "1")]),
            ("0.1".into(), ["0", "0.1", "1", "10"].map(str::to_owned).to_vec())
        );
        assert_eq!(steps("BTC-ETH", &[("7.9E-4", "0.00078", "1", "1")]), ("0.00001".into(), vec!["0".to_owned()]));
        assert_eq!(Steps::of(&Name::new("KRW-X").unwrap(), &window(&[("0", "0", "0", "0")])), None);
        assert_eq!(Steps::of(&Name::new("KRW-X").unwrap(), &window(&[])), None);
    }

    #[test]
    fn asks_round_up_and_bids_down_and_sizes_add_up() {
        let told = |step: &str| -> Vec<String> {
            let merged = grouped(&Name::new("KRW-BTC").unwrap(), &window(WON), decimal(step)).unwrap();
            let text = |level: Level| format!("{} {}", plain(level.price), plain(level.size));
            let filled = merged.units().filter(|(ask, bid)| !ask.size.is_zero() || !bid.size.is_zero());
            filled.map(|(ask, bid)| format!("{} | {}", text(ask), text(bid))).collect()
        };
        assert_eq!(told("10000"), ["98770000 1.5 | 98760000 10.25", "98780000 4 | 98750000 16"]);
        assert_eq!(told("1E7"), ["100000000 5.5 | 90000000 26.25"]);
        assert_eq!(told("0").len(), 4);
        for level in ["1", "20000", "1E9"] {
            assert!(grouped(&Name::new("KRW-BTC").unwrap(), &window(WON), decimal(level)).is_none(), "{level}");
        }
    }
}
