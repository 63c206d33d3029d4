//! Rounding to powers of ten, and what power of ten a number is of.

use super::{Decimal, MANTISSA_MAX};

impl Decimal {
    /// The power of ten of its first digit: 7 for `98765000`, -4 for `0.00012`; `None` for zero.
    #[inline]
    pub fn magnitude(self) -> Option<i32> {
        let digits = match self.mantissa().unsigned_abs() {
            0 => return None,
            large if large > u128::from(u64::MAX) => large.ilog10(),
            small => (small as u64).ilog10(),
        };
        Some(digits as i32 - self.scale())
    }

    /// The largest multiple of 10^`power` that is not above this number, exact, with the places it had.
    ///
    /// `None` when out of range.
    pub fn floor_to(self, power: i32) -> Option<Decimal> {
        self.multiple_of(power, i128::div_euclid)
    }

    /// The smallest multiple of 10^`power` that is not below this number, exact, with the places it had.
    ///
    /// `None` when out of range.
    pub fn ceil_to(self, power: i32) -> Option<Decimal> {
        self.multiple_of(power, |mantissa, unit| -(-mantissa).div_euclid(unit))
    }

    fn multiple_of(self, power: i32, divide: impl Fn(i128, i128) -> i128) -> Option<Decimal> {
        let scale = self.scale().max(0);
        let mantissa = self.mantissa_at(scale)?;
        let Ok(places @ 1..) = u32::try_from(power + scale) else { return Some(Self::pack(mantissa, scale, 0)) };
        let unit = 10_i128.checked_pow(places)?;
        let product = divide(mantissa, unit).checked_mul(unit)?;
        (product.abs() <= MANTISSA_MAX).then(|| Self::pack(product, scale, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn magnitudes_are_those_of_the_first_digit() {
        for (text, power) in [("98765000", 7), ("9.8765E7", 7), ("1", 0), ("0.00012", -4), ("-10.0", 1), ("6E-8", -8)] {
            assert_eq!(decimal(text).magnitude(), Some(power), "{text}");
        }
        assert_eq!(decimal("0.000").magnitude(), None);
    }

    #[test]
    fn multiples_are_those_next_to_the_number() {
        for (text, power, floor, ceil) in [
            ("98765000", 4, "98760000", "98770000"),
            ("98760000", 4, "98760000", "98760000"),
            ("2955.0", 1, "2950.0", "2960.0"),
            ("41.4", 0, "41.0", "42.0"),
            ("41.4", -1, "41.4", "41.4"),
            ("41.4", -7, "41.4", "41.4"),
            ("0.00067556", -6, "0.00067500", "0.00067600"),
            ("9.8765E7", 6, "98000000", "99000000"),
            ("5", 2, "0", "100"),
            ("0", 2, "0", "0"),
        ] {
            assert!(decimal(text).floor_to(power).unwrap().same_spelling(decimal(floor)), "{text} down to 1E{power}");
            assert!(decimal(text).ceil_to(power).unwrap().same_spelling(decimal(ceil)), "{text} up to 1E{power}");
        }
    }

    proptest! {
        #[test]
        fn a_number_lies_between_its_multiples(mantissa in 0_i128..10_i128.pow(16), scale in 0_u8..12, power in -12_i32..9) {
            let number = Decimal::new(mantissa, scale).unwrap();
            let (floor, ceil) = (number.floor_to(power).unwrap(), number.ceil_to(power).unwrap());
            prop_assert!(floor <= number && number <= ceil);
            let step = Decimal::parse(format!("1E{power}").as_bytes()).unwrap();
            prop_assert!(floor == ceil || floor.checked_add(step).unwrap() == ceil);
        }
    }
}
