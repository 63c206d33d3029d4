//! Quotients and shorter spellings: what statistics need beyond sums and products.
//!
//! Both round to the nearest, and a half away from zero, so that `0.0005` to three places is `0.001` and its negative
//! the mirror image.

use crate::market::decimal::Decimal;

/// The number in plain notation with exactly so many places, rounded where it has more. `None` when out of range.
pub fn rounded(number: Decimal, places: u8) -> Option<Decimal> {
    if number.scale() == i32::from(places) {
        return Decimal::new(number.mantissa(), places).ok();
    }
    divided(number.mantissa(), 1, i32::from(places) - number.scale(), places)
}

/// The number in plain notation without trailing zeros; as it is where plain notation would be out of range.
pub fn plain(number: Decimal) -> Decimal {
    rounded(number, number.places_needed()).unwrap_or(number)
}

/// `dividend / divisor` with exactly so many places, rounded. `None` for a divisor of zero and when out of range.
pub fn quotient(dividend: Decimal, divisor: Decimal, places: u8) -> Option<Decimal> {
    divided(dividend.mantissa(), divisor.mantissa(), i32::from(places) + divisor.scale() - dividend.scale(), places)
}

/// `dividend` × 10^`shift` / `divisor`, rounded to a whole number of units of 10^-`places`.
fn divided(dividend: i128, divisor: i128, shift: i32, places: u8) -> Option<Decimal> {
    let is_negative = (dividend < 0) != (divisor < 0);
    let (mut rest, mut by) = (dividend.unsigned_abs(), divisor.unsigned_abs());
    if shift < 0 {
        by = by.checked_mul(10_u128.checked_pow(shift.unsigned_abs())?)?;
    }
    let mut whole = rest.checked_div(by)?;
    rest %= by;
    // Digit by digit where the dividend would not fit otherwise; it never does for more digits than are asked for.
    for _ in 0..shift.max(0) {
        rest = rest.checked_mul(10)?;
        whole = whole.checked_mul(10)?.checked_add(rest / by)?;
        rest %= by;
    }
    if rest >= by - rest {
        whole = whole.checked_add(1)?;
    }
    let mantissa = i128::try_from(whole).ok()?;
    Decimal::new(if is_negative { -mantissa } else { mantissa }, places).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn plain_numbers_have_no_exponent_and_no_zeros_at_their_end() {
        for (number, text) in [
            ("9.8765E7", "98765000"),
            ("5.0E-4", "0.0005"),
            ("127.0", "127"),
            ("-2.07100000", "-2.071"),
            ("0E-8", "0"),
            ("-0.000", "0"),
            ("17738118123450003", "17738118123450003"),
        ] {
            assert_eq!(plain(decimal(number)).to_string(), text, "{number}");
        }
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (number, places, text) in [
            ("0.0005", 3, "0.001"),
            ("-0.0005", 3, "-0.001"),
            ("0.00049", 3, "0.000"),
            ("7", 2, "7.00"),
            ("1.5E1", 0, "15"),
            ("99.995", 2, "100.00"),
        ] {
            assert_eq!(rounded(decimal(number), places).unwrap().to_string(), text, "{number}");
        }
        assert_eq!(quotient(decimal("-310"), decimal("65742.1"), 5).unwrap().to_string(), "-0.00472");
        assert_eq!(quotient(decimal("2"), decimal("3.00"), 0).unwrap().to_string(), "1");
        assert_eq!(quotient(decimal("2"), decimal("0.00"), 3), None);
        assert_eq!(rounded(decimal("99999999999999999999999999999999999"), 8), None);
    }

    proptest! {
        #[test]
        fn no_other_number_of_these_places_is_nearer(
            a in -1_000_000_000_000_i64..1_000_000_000_000,
            sa in 0_u8..16,
            b in 1_i64..1_000_000_000_000,
            sb in 0_u8..16,
            places in 0_u8..9,
        ) {
            let (dividend, divisor) = (Decimal::new(a.into(), sa).unwrap(), Decimal::new(b.into(), sb).unwrap());
            let found = quotient(dividend, divisor, places).unwrap();
            prop_assert_eq!(found.scale(), i32::from(places));
            let distance = found.checked_mul(divisor).unwrap().checked_sub(dividend).unwrap();
            let twice = distance.checked_mul(Decimal::new(2, 0).unwrap()).unwrap();
            let step = divisor.checked_mul(Decimal::new(1, places).unwrap()).unwrap();
            prop_assert!(twice <= step && step.checked_add(twice).unwrap() >= Decimal::ZERO, "{} / {} = {}", dividend, divisor, found);
        }
    }
}
