//! Prices of a book grouped by a step, and the steps a market has.
//!
//! A tape does not say the price step of a market. It follows from the book: the largest step of the form 1 or 5 times
//! a power of ten that all its prices are multiples of. Books of won can be grouped by the powers of ten above that and
//! up to the price; books of other quote currencies cannot be grouped. That rule is a choice: the exchange publishes
//! the lists, but not how it comes to them.

use crate::market::decimal::Decimal;
use crate::market::quotation::BookWindow;
use crate::market::quotient::rounded;
use crate::market::symbol::Name;
use crate::market::tick::Level;

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
        if market.as_str().starts_with("KRW-") {
            let highest = units(window.price()?, places)?;
            let mut level = power * 10;
            while level <= highest {
                levels.extend(step(level, places));
                level *= 10;
            }
        }
        Some(Steps { tick: step(tick, places)?, levels })
    }

    /// Whether books can be grouped by this step.
    pub fn has(&self, level: Decimal) -> bool {
        self.levels.contains(&level)
    }
}

/// A book's pairs, ask and bid, with asks rounded up and bids rounded down to multiples of `step`, levels of one price
/// added up, and empty places filled with zeros. As they are for a step of zero. A number that is out of range ends its
/// side.
pub fn grouped(window: &BookWindow, step: Decimal) -> Vec<(Level, Level)> {
    if step.is_zero() {
        return window.units().collect();
    }
    let asks = group(window.units().map(|unit| unit.0), step, true);
    let bids = group(window.units().map(|unit| unit.1), step, false);
    let pair = |at: usize| (asks.get(at).copied().unwrap_or_default(), bids.get(at).copied().unwrap_or_default());
    (0..asks.len().max(bids.len())).map(pair).collect()
}

fn group(levels: impl Iterator<Item = Level>, step: Decimal, is_up: bool) -> Vec<Level> {
    let mut groups: Vec<Level> = Vec::new();
    for level in levels.filter(|level| !level.price.is_zero()) {
        let Some(price) = to_multiple(level.price, step, is_up) else { break };
        match groups.last_mut() {
            Some(last) if last.price == price => match last.size.checked_add(level.size) {
                Some(sum) => last.size = sum,
                None => break,
            },
            _ => groups.push(Level { price, size: level.size }),
        }
    }
    groups
}

/// The nearest multiple of `step` that is not below the price, or not above it.
fn to_multiple(price: Decimal, by: Decimal, is_up: bool) -> Option<Decimal> {
    let places = price.places_needed().max(by.places_needed());
    let (price, by) = (units(price, places)?, units(by, places)?);
    let floor = price - price.rem_euclid(by);
    step(if is_up && floor < price { floor + by } else { floor }, places)
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
    use crate::market::tick::Orderbook;

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
            ("0.1".into(), ["0", "1", "10"].map(str::to_owned).to_vec())
        );
        assert_eq!(steps("BTC-ETH", &[("7.9E-4", "0.00078", "1", "1")]), ("0.00001".into(), vec!["0".to_owned()]));
        assert_eq!(Steps::of(&Name::new("KRW-X").unwrap(), &window(&[("0", "0", "0", "0")])), None);
        assert_eq!(Steps::of(&Name::new("KRW-X").unwrap(), &window(&[])), None);
    }

    #[test]
    fn asks_round_up_and_bids_down_and_sizes_add_up() {
        let told = |step: &str| -> Vec<String> {
            let pairs = grouped(&window(WON), decimal(step));
            let text = |level: Level| format!("{} {}", plain(level.price), plain(level.size));
            pairs.into_iter().map(|(ask, bid)| format!("{} | {}", text(ask), text(bid))).collect()
        };
        assert_eq!(told("10000"), ["98770000 1.5 | 98760000 10.25", "98780000 4 | 98750000 16"]);
        assert_eq!(told("1E7"), ["100000000 5.5 | 90000000 26.25"]);
        assert_eq!(told("0").len(), 4);
    }
}
