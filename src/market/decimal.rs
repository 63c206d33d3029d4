//! Exact decimal numbers that remember how they were spelled.
//!
//! A price that came in as `0.10000000` goes out as `0.10000000`, and one that came in as `7.9E-4` goes out as
//! `7.9E-4`: exchanges differ in how they write the same number, clients compare texts, and a recorded tape must come
//! out byte for byte. So a [`Decimal`] is a whole number of units (the *mantissa*), the number of decimal places it is
//! counted in (the *scale*) and a *notation*, all in one 16-byte word:
//!
//! ```text
//!  127                                                    8  7   6   5        0
//! ┌────────────────────────────────────────────────────────┬───┬───┬──────────┐
//! │ mantissa, signed, 120 bits                             │ - │ E │ scale    │
//! └────────────────────────────────────────────────────────┴───┴───┴──────────┘
//!                            a zero written with a minus ───┘   │   signed, -32..=31
//!                             written with an exponent ─────────┘
//! ```
//!
//! Why not `rust_decimal`: its 96-bit mantissa ends at 28 digits, one short of a day's turnover in won with Upbit's 16
//! decimal places; it does not keep the exponent notation; and the bench `decimal` shows it to take half as long again
//! for reading a tape's numbers and five times as long for writing them. Why not 64 bits: 24-hour volumes of cheap coins
//! exceed them at 8 places.
//!
//! Comparison and equality are by value (`1.0 == 1.00`); [`Decimal::same_spelling`] compares the texts.

mod parse;
mod round;
mod spelling;

use std::cmp::Ordering;
use std::fmt;

use thiserror::Error;

/// An exact decimal number and its spelling; 16 bytes, `Copy`, no allocation anywhere.
///
/// Range: mantissas of up to 119 bits (35 digits), scales from -32 to 31.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Decimal(i128);

/// Why a text is not a [`Decimal`].
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// The text is empty, or holds something that is not part of a number.
    #[error("not a decimal number")]
    Malformed,
    /// More digits, decimal places or exponent than a [`Decimal`] holds.
    #[error("a decimal number out of range (35 digits, 31 decimal places)")]
    OutOfRange,
}

const SCALE_MASK: i128 = 0x3f;
const EXPONENT_FLAG: i128 = 1 << 6;
const NEGATIVE_ZERO_FLAG: i128 = 1 << 7;
const MANTISSA_SHIFT: u32 = 8;
const MANTISSA_MAX: i128 = (1 << 119) - 1;
const SCALE_MIN: i32 = -32;
const SCALE_MAX: i32 = 31;

impl Decimal {
    /// Zero without decimal places, written `0`.
    pub const ZERO: Decimal = Decimal(0);

    /// `mantissa` × 10^-`scale` in plain notation: `new(6173763, 2)` is `61737.63`.
    ///
    /// # Errors
    /// [`DecimalError::OutOfRange`] for a mantissa of more than 119 bits or a scale above 31.
    pub fn new(mantissa: i128, scale: u8) -> Result<Decimal, DecimalError> {
        if mantissa.abs() > MANTISSA_MAX || i32::from(scale) > SCALE_MAX {
            return Err(DecimalError::OutOfRange);
        }
        Ok(Self::pack(mantissa, i32::from(scale), 0))
    }

    fn pack(mantissa: i128, scale: i32, flags: i128) -> Decimal {
        Decimal(mantissa << MANTISSA_SHIFT | flags | (i128::from(scale) & SCALE_MASK))
    }

    /// The number of units of 10^-[`scale`](Self::scale).
    #[inline]
    pub fn mantissa(self) -> i128 {
        self.0 >> MANTISSA_SHIFT
    }

    /// Decimal places; negative only for a number that was written with a positive exponent (`9.8765E7`).
    #[inline]
    pub fn scale(self) -> i32 {
        // Move the six bits to the top of a byte and back, to extend their sign.
        i32::from(((self.0 as u8) << 2) as i8 >> 2)
    }

    /// Whether the value is zero, however it is written.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.mantissa() == 0
    }

    /// Whether the value is below zero; false for every spelling of zero.
    #[inline]
    pub fn is_negative(self) -> bool {
        self.mantissa() < 0
    }

    /// Decimal places without trailing zeros: 1 for `1.50000000`, 0 for whole numbers and zero.
    pub fn places_needed(self) -> u8 {
        let (mut mantissa, mut scale) = (self.mantissa(), self.scale());
        if mantissa == 0 {
            return 0;
        }
        if let Ok(mut small) = i64::try_from(mantissa) {
            // Nearly always; and division of a machine word is several times as fast.
            while scale > 0 && small % 10 == 0 {
                (small, scale) = (small / 10, scale - 1);
            }
            return scale.max(0) as u8;
        }
        while scale > 0 && mantissa % 10 == 0 {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        scale.max(0) as u8
    }

    /// Whether both are written the same way; stricter than `==`.
    #[inline]
    pub fn same_spelling(self, other: Decimal) -> bool {
        self.0 == other.0
    }

    /// The sum in plain notation, with as many places as the operand that has more; `None` when out of range.
    #[inline]
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        if self.scale() == other.scale() && self.scale() >= 0 {
            let sum = self.mantissa() + other.mantissa();
            return (sum.abs() <= MANTISSA_MAX).then(|| Self::pack(sum, self.scale(), 0));
        }
        let scale = self.scale().max(other.scale()).max(0);
        let sum = self.mantissa_at(scale)?.checked_add(other.mantissa_at(scale)?)?;
        (sum.abs() <= MANTISSA_MAX).then(|| Self::pack(sum, scale, 0))
    }

    /// The difference in plain notation, with as many places as the operand that has more; `None` when out of range.
    pub fn checked_sub(self, other: Decimal) -> Option<Decimal> {
        self.checked_add(Self::pack(-other.mantissa(), other.scale(), 0))
    }

    /// The product in plain notation, with the places of both operands together; `None` when out of range.
    pub fn checked_mul(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale() + other.scale();
        let product = self.mantissa().checked_mul(other.mantissa())?;
        if !(0..=SCALE_MAX).contains(&scale) || product.abs() > MANTISSA_MAX {
            return None;
        }
        Some(Self::pack(product, scale, 0))
    }

    /// The mantissa this number has when counted in `scale` places, if that is exact and in range.
    fn mantissa_at(self, scale: i32) -> Option<i128> {
        let places = u32::try_from(scale - self.scale()).ok()?;
        self.mantissa().checked_mul(10_i128.checked_pow(places)?)
    }

    /// Appends the number as it was spelled. No allocation beyond `out`'s own growth.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        let mantissa = self.mantissa();
        let scale = self.scale();
        if let (Ok(small), true) = (u64::try_from(mantissa), self.0 & (EXPONENT_FLAG | NEGATIVE_ZERO_FLAG) == 0) {
            if scale == 8 {
                return write_eight_places(small, out);
            }
            return write_plain(itoa::Buffer::new().format(small).as_bytes(), scale as usize, out);
        }
        self.write_general(mantissa, scale, out);
    }

    fn write_general(self, mantissa: i128, scale: i32, out: &mut Vec<u8>) {
        if mantissa < 0 || self.0 & NEGATIVE_ZERO_FLAG != 0 {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(mantissa.unsigned_abs()).as_bytes();
        if self.0 & EXPONENT_FLAG == 0 {
            return write_plain(digits, scale as usize, out);
        }
        spelling::write_scientific(digits, digits.len() as i32 - 1 - scale, out);
    }
}

/// A number with eight decimal places, as nearly all of Binance's have: point and places are one store of known length.
#[inline]
fn write_eight_places(mantissa: u64, out: &mut Vec<u8>) {
    const UNIT: u64 = 100_000_000;
    let mut places = [b'.'; 9];
    places[1..].copy_from_slice(&eight_digits(mantissa % UNIT));
    out.extend_from_slice(itoa::Buffer::new().format(mantissa / UNIT).as_bytes());
    out.extend_from_slice(&places);
}

/// The digits of a number below 10^8. It is halved three times, into numbers of four, two and one digits side by side
/// in one word; multiplying and shifting stands for dividing, exactly for numbers as small as these.
#[inline]
fn eight_digits(number: u64) -> [u8; 8] {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | (twos - 10 * tens) << 8;
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

/// Digits with the point `scale` places from their end, and zeros in front where there are too few of them.
#[inline]
fn write_plain(digits: &[u8], scale: usize, out: &mut Vec<u8>) {
    const ZEROS: &[u8] = b"0.0000000000000000000000000000000";
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(&ZEROS[..2 + scale - digits.len()]);
        out.extend_from_slice(digits);
    }
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.mantissa(), other.mantissa());
        match self.scale() - other.scale() {
            0 => a.cmp(&b),
            less if less < 0 => compare_scaled(a, less.unsigned_abs(), b),
            more => compare_scaled(b, more.unsigned_abs(), a).reverse(),
        }
    }
}

/// Compares `a` × 10^`places` with `b`. A product beyond 128 bits outweighs any mantissa, so its sign decides.
fn compare_scaled(a: i128, places: u32, b: i128) -> Ordering {
    match 10_i128.checked_pow(places).and_then(|power| a.checked_mul(power)) {
        Some(scaled) => scaled.cmp(&b),
        None => a.cmp(&0),
    }
}

impl PartialOrd for Decimal {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(48);
        self.write(&mut text);
        f.pad(std::str::from_utf8(&text).expect("digits, sign, point and E are ASCII"))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
    fn every_spelling_seen_on_a_wire_comes_out_as_it_went_in() {
        for text in [
            "0",
            "0.0",
            "0.00000000",
            "-0.00000000",
            "-0.000",
            "0E-8",
            "6E-8",
            "9.9E-7",
            "2.2E-7",
            "5.0E-4",
            "7.772E-4",
            "9.8765E7",
            "1.16539E8",
            "1.0E7",
            "127.0",
            "41.4",
            "98765000",
            "61837.63000000",
            "123.00000000",
            "-2.071",
            "31024567.8901200000000000",
            "80031245678.9012300000000000",
            "9999999999999999.9999999999999999",
            "92233720368.54775807",
            "0.00000001",
            "10",
            "17738118123450003",
            "1685370163.80000000",
            "-306",
        ] {
            assert_eq!(decimal(text).to_string(), text);
        }
    }

    #[test]
    fn foreign_exponents_take_the_java_form() {
        assert_eq!(decimal("8.428e-05").to_string(), "8.428E-5");
        assert_eq!(decimal("25E3").to_string(), "2.5E4");
        assert_eq!(decimal("1e+2").to_string(), "1E2");
    }

    #[test]
    fn texts_that_are_no_numbers_are_refused() {
        for text in [
            "", "-", ".", "1.", ".5", "+1", "01", "1e", "1e-", "1.2.3", "NaN", "0x1", " 1", "1 ", "--1", "1e5.5", "1_0",
        ] {
            assert_eq!(Decimal::parse(text.as_bytes()), Err(DecimalError::Malformed), "{text:?}");
        }
        for text in ["1e99999999999", "1e-40", "1000000000000000000000000000000000000000"] {
            assert_eq!(Decimal::parse(text.as_bytes()), Err(DecimalError::OutOfRange), "{text:?}");
        }
    }

    #[test]
    fn order_is_by_value_and_spelling_is_not() {
        assert_eq!(decimal("1.0"), decimal("1.00000000"));
        assert!(!decimal("1.0").same_spelling(decimal("1.00")));
        assert!(decimal("9.8765E7") == decimal("98765000"));
        assert!(decimal("-1") < decimal("0E-8"));
        assert!(decimal("1E31") > decimal("0.0000000000000000000000000000001"));
        assert!(decimal("-1E31") < decimal("0.0000000000000000000000000000001"));
        assert!(decimal("0.1") > decimal("0.09999999"));
    }

    #[test]
    fn places_are_those_that_a_number_needs() {
        for (text, places) in [
            ("61837.63000000", 2),
            ("5.0", 0),
            ("0.00000001", 8),
            ("100", 0),
            ("0.00000000", 0),
            ("9.8E7", 0),
            ("2.2E-7", 8),
            ("99999999999999999999.50", 1),
        ] {
            assert_eq!(decimal(text).places_needed(), places, "{text}");
        }
    }

    #[test]
    fn eight_places_are_written_digit_by_digit() {
        let mut numbers: Vec<u64> = (0..10_000).flat_map(|n| [n, n * 10_000, n * 10_001]).collect();
        numbers.extend((0..100_000_000).step_by(9_973).chain([99_999_999]));
        for number in numbers {
            assert_eq!(&eight_digits(number)[..], format!("{number:08}").as_bytes());
        }
    }

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(decimal("0.1").checked_add(decimal("0.20000000")).unwrap().to_string(), "0.30000000");
        assert_eq!(
            decimal("61837.63000000").checked_mul(decimal("0.02000000")).unwrap().to_string(),
            "1236.7526000000000000"
        );
        assert_eq!(Decimal::new(MANTISSA_MAX, 0).unwrap().checked_add(decimal("1")), None);
    }

    proptest! {
        #[test]
        fn plain_numbers_round_trip(mantissa in -(10_i128.pow(34))..10_i128.pow(34), scale in 0_u8..=31) {
            let number = Decimal::new(mantissa, scale).unwrap();
            let read = Decimal::parse(number.to_string().as_bytes()).unwrap();
            prop_assert!(read.same_spelling(number), "{} {}", read, number);
        }

        #[test]
        fn order_agrees_with_rust_decimal(
            a in -1_000_000_000_i64..1_000_000_000,
            sa in 0_u8..12,
            b in -1_000_000_000_i64..1_000_000_000,
            sb in 0_u8..12,
        ) {
            let theirs = rust_decimal::Decimal::new(a, u32::from(sa)).cmp(&rust_decimal::Decimal::new(b, u32::from(sb)));
            let ours = Decimal::new(a.into(), sa).unwrap().cmp(&Decimal::new(b.into(), sb).unwrap());
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(number) = Decimal::parse(&bytes) {
                prop_assert!(Decimal::parse(number.to_string().as_bytes()).unwrap().same_spelling(number));
            }
        }
    }
}
