//! Order books with prices merged: the `level` of a request.
//!
//! Prices are merged to multiples of a power of ten, asks upwards and bids downwards, so that no merged level looks
//! better than what is in it; sizes are added exactly. What is merged is the window of the tick, 30 levels of each side
//! as a rule. Known limitation: the last merged level may miss orders that lie beyond that window; an exchange merges
//! its whole book.

use crate::market::decimal::Decimal;
use crate::market::tick::{Level, Orderbook};

/// A step between merged prices: a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grouping {
    power: i8,
}

/// The powers of ten that exist as steps on any market.
const POWERS: std::ops::RangeInclusive<i32> = -7..=8;

/// The finest step of the dearest markets: ten times their tick, which is 1,000 won at most.
const FINEST_MAX: i32 = 4;

impl Grouping {
    /// The step of a level that a request names, however it is spelled; `None` for one that no market has.
    pub fn of(level: Decimal) -> Option<Grouping> {
        let power = level.magnitude().filter(|power| POWERS.contains(power) && !level.is_negative())?;
        let grouping = Grouping { power: power as i8 };
        (grouping.step() == level).then_some(grouping)
    }

    /// The step in the quote currency, spelled as frames have it: `10000`, `0.01`.
    pub fn step(self) -> Decimal {
        let power = i32::from(self.power);
        let (mantissa, places) = if power < 0 { (1, -power) } else { (10_i128.pow(power as u32), 0) };
        Decimal::new(mantissa, places as u8).expect("a power of ten that exists as a step is in range")
    }
}

/// The steps that a market supports besides 0, finest first, at a price in its quote currency.
///
/// Only markets in won have any. Upbit publishes a list for each market and no rule; this one gives the lists that are
/// known: the coarsest step is the power of ten of the price itself, the finest a hundredth of that, which is about ten
/// ticks, and never more than 10,000: 98,765,000 won has 10,000 to 10,000,000, and 41.4 won has 0.1, 1 and 10.
pub fn supported_levels(code: &str, price: Decimal) -> impl Iterator<Item = Grouping> + use<> {
    let coarsest = price.magnitude().filter(|_| code.starts_with("KRW-")).unwrap_or(i32::MIN).min(*POWERS.end());
    let finest = coarsest.saturating_sub(2).clamp(*POWERS.start(), FINEST_MAX);
    (finest..=coarsest).map(|power| Grouping { power: power as i8 })
}

/// Merges the window of a book, ask, bid, ask, bid … best first, into `merged`, laid out in the same way.
///
/// The totals of what is shown, with the step. `None` where the market does not support the step at its present price,
/// which is that of the best level, or where a sum is out of range. Allocates nothing once `merged` has grown.
pub(in crate::venue) fn merge(
    grouping: Grouping,
    code: &str,
    levels: &[Level],
    merged: &mut Vec<Level>,
) -> Option<Orderbook> {
    let (first_ask, first_bid) = (levels.first()?.price, levels.get(1)?.price);
    let price = if first_bid.is_zero() { first_ask } else { first_bid };
    if !supported_levels(code, price).any(|supported| supported == grouping) {
        return None;
    }
    merged.clear();
    merged.resize(levels.len(), Level::default());
    let power = i32::from(grouping.power);
    let total_ask = merge_side(levels, 0, |price| price.ceil_to(power), merged)?;
    let total_bid = merge_side(levels, 1, |price| price.floor_to(power), merged)?;
    Some(Orderbook { total_ask, total_bid, grouping: Some(grouping.step()) })
}

/// Merges one side, every other level from `side` on; its total. A bid below one step has no multiple to stand at and
/// is left out.
fn merge_side(
    levels: &[Level],
    side: usize,
    round: impl Fn(Decimal) -> Option<Decimal>,
    merged: &mut [Level],
) -> Option<Decimal> {
    let mut total = Decimal::ZERO;
    let mut place = side;
    for level in levels.iter().skip(side).step_by(2) {
        let price = round(level.price)?;
        if price.is_zero() {
            continue;
        }
        total = total.checked_add(level.size)?;
        if !merged[place].price.is_zero() && merged[place].price != price {
            place += 2;
        }
        let size = merged[place].size.checked_add(level.size)?;
        merged[place] = Level { price, size };
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn steps(code: &str, price: &str) -> Vec<String> {
        supported_levels(code, decimal(price)).map(|grouping| grouping.step().to_string()).collect()
    }

    #[test]
    fn levels_follow_from_the_price_of_a_market_in_won() {
        assert_eq!(steps("KRW-BTC", "163325000"), ["10000", "100000", "1000000", "10000000", "100000000"]);
        assert_eq!(steps("KRW-BTC", "9.8765E7"), ["10000", "100000", "1000000", "10000000"]);
        assert_eq!(steps("KRW-XRP", "1918.0"), ["10", "100", "1000"]);
        assert_eq!(steps("KRW-IQ", "41.4"), ["0.1", "1", "10"]);
        assert_eq!(steps("KRW-PEPE", "0.0123"), ["0.0001", "0.001", "0.01"]);
        assert_eq!(steps("KRW-X", "0.0000012"), ["0.0000001", "0.000001"]);
        for (code, price) in [("BTC-ETH", "0.03"), ("USDT-BTC", "65000"), ("KRW-X", "0"), ("KRW-X", "0.00000003")] {
            assert_eq!(steps(code, price), [""; 0], "{code}");
        }
    }

    #[test]
    fn a_level_is_a_power_of_ten_however_it_is_spelled() {
        for (text, step) in [("10000", "10000"), ("1E4", "10000"), ("0.010", "0.01"), ("1e-7", "0.0000001")] {
            assert_eq!(Grouping::of(decimal(text)).unwrap().step().to_string(), step);
        }
        for text in ["0", "3", "20", "-10", "1E9", "1E-8"] {
            assert_eq!(Grouping::of(decimal(text)), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn merging_agrees_with_a_table(
            asks in proptest::collection::btree_map(500_000_i128..600_000, 1_i128..10_000_000_000, 1..31),
            bids in proptest::collection::btree_map(400_000_i128..500_000, 1_i128..10_000_000_000, 0..31),
            power in 1_i32..=3,
        ) {
            // Prices with one place, sizes with eight.
            let level = |(&price, &size): (&i128, &i128)| {
                Level { price: Decimal::new(price, 1).unwrap(), size: Decimal::new(size, 8).unwrap() }
            };
            let mut levels = vec![Level::default(); 2 * asks.len().max(bids.len())];
            asks.iter().enumerate().for_each(|(i, entry)| levels[2 * i] = level(entry));
            bids.iter().rev().enumerate().for_each(|(i, entry)| levels[2 * i + 1] = level(entry));
            let grouping = Grouping { power: power as i8 + 1 };
            let mut merged = Vec::new();
            let book = merge(grouping, "KRW-X", &levels, &mut merged);
            prop_assert_eq!(book.is_some(), (2..=4).contains(&(power + 1)));
            let Some(book) = book else { return Ok(()) };

            let step = 10_i128.pow(power as u32 + 2);
            let mut expected_asks = BTreeMap::<i128, i128>::new();
            let mut expected_bids = BTreeMap::<i128, i128>::new();
            asks.iter().for_each(|(price, size)| *expected_asks.entry((price + step - 1) / step * step).or_default() += size);
            bids.iter().for_each(|(price, size)| *expected_bids.entry(price / step * step).or_default() += size);
            let side = |side: usize| -> Vec<Level> {
                merged.iter().skip(side).step_by(2).copied().take_while(|level| !level.price.is_zero()).collect()
            };
            prop_assert_eq!(side(0), expected_asks.iter().map(level).collect::<Vec<_>>());
            prop_assert_eq!(side(1), expected_bids.iter().rev().map(level).collect::<Vec<_>>());
            prop_assert_eq!(book.total_ask, Decimal::new(asks.values().sum(), 8).unwrap());
            prop_assert_eq!(book.total_bid, Decimal::new(bids.values().sum(), 8).unwrap());
        }
    }
}
