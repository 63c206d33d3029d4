//! Writing decimals as other programs' printers do, from the exact value and not from how it was spelled.
//!
//! Three printers, all of them Java's, because that is what exchanges are written in:
//!
//! | method | as | 98765000 | 0.00007 | 0.00000099 | 0 |
//! | --- | --- | --- | --- | --- | --- |
//! | [`write_scaled`](Decimal::write_scaled) | `BigDecimal` of scale 8 | `98765000.00000000` | `0.00007000` | `9.9E-7` | `0E-8` |
//! | [`write_plain`](Decimal::write_plain) | the same, stripped | `98765000` | `0.00007` | `9.9E-7` | `0` |
//! | [`write_shortest`](Decimal::write_shortest) | `double` | `9.8765E7` | `7.0E-5` | `9.9E-7` | `0.0` |
//!
//! A double holds 15 to 17 digits; where a number has more, all of them are written. So no printer ever loses a digit:
//! what it writes reads as the number it was given.

use super::parse::POWERS;
use super::{Decimal, EXPONENT_FLAG, NEGATIVE_ZERO_FLAG, write_plain};

/// Room for the digits of any mantissa (36) and for the zeros that a scale can put behind them (32 and 31).
const ROOM: usize = 104;

/// `BigDecimal` changes to an exponent below this power of ten.
const SMALLEST_PLAIN: i32 = -6;

/// A double is plain from this power of ten to below the other.
const DOUBLE_PLAIN: std::ops::Range<i32> = -3..7;

impl Decimal {
    /// Appends the number with `places` decimal places, 31 at most, or with as many as it needs where it needs more;
    /// with an exponent if it is below a millionth, and zero as `0E-8`.
    ///
    /// No allocation beyond `out`'s own growth.
    #[inline]
    pub fn write_scaled(self, places: u8, out: &mut Vec<u8>) {
        let missing = i32::from(places) - self.scale();
        if let (Ok(small), Some(&power)) = (u64::try_from(self.mantissa()), POWERS.get(missing as usize))
            && let Some(padded) = small.checked_mul(power)
            && padded >= POWERS[usize::from(places).saturating_sub(6).min(19)]
        {
            return write_plain(itoa::Buffer::new().format(padded).as_bytes(), usize::from(places), out);
        }
        self.write_scaled_general(i32::from(places), out);
    }

    fn write_scaled_general(self, places: i32, out: &mut Vec<u8>) {
        let mut room = [b'0'; ROOM];
        let (mut length, mut scale) = self.digits(&mut room);
        while scale > places && length > 1 && room[length - 1] == b'0' {
            (length, scale) = (length - 1, scale - 1);
        }
        if self.is_zero() {
            scale = places;
        }
        let padding = (places - scale).max(0);
        (length, scale) = (length + padding as usize, scale + padding);
        if self.is_zero() {
            length = 1;
        }
        self.write_big_decimal(&room[..length], scale, out);
    }

    /// Appends the number without superfluous zeros, as a whole number where it is one; with an exponent if it is below
    /// a millionth.
    ///
    /// No allocation beyond `out`'s own growth.
    #[inline]
    pub fn write_plain(self, out: &mut Vec<u8>) {
        if let (Ok(small), true) = (u64::try_from(self.mantissa()), self.is_without_exponent()) {
            let scale = self.scale() as usize;
            if scale == 0 || (small % 10 != 0 && small >= POWERS[scale.saturating_sub(6).min(19)]) {
                return write_plain(itoa::Buffer::new().format(small).as_bytes(), scale, out);
            }
        }
        self.write_plain_general(out);
    }

    fn write_plain_general(self, out: &mut Vec<u8>) {
        let mut room = [b'0'; ROOM];
        let (length, scale) = self.significant(&mut room);
        // A whole number takes back the zeros that were its own.
        let zeros = (-scale).max(0);
        self.write_big_decimal(&room[..length + zeros as usize], scale + zeros, out);
    }

    /// Appends the number as Java prints a double: without superfluous zeros, but with one decimal place at least; with
    /// an exponent below a thousandth and from ten million on.
    ///
    /// No allocation beyond `out`'s own growth.
    #[inline]
    pub fn write_shortest(self, out: &mut Vec<u8>) {
        if let (Ok(small), true) = (u64::try_from(self.mantissa()), self.is_without_exponent()) {
            let scale = self.scale() as usize;
            if (scale == 1 || (2..=12).contains(&scale) && small % 10 != 0)
                && small < POWERS[scale + 7]
                && (scale <= 3 || small >= POWERS[scale - 3])
            {
                return write_plain(itoa::Buffer::new().format(small).as_bytes(), scale, out);
            }
        }
        self.write_shortest_general(out);
    }

    fn write_shortest_general(self, out: &mut Vec<u8>) {
        let mut room = [b'0'; ROOM];
        let (length, scale) = self.significant(&mut room);
        if self.is_negative() {
            out.push(b'-');
        }
        let exponent = length as i32 - 1 - scale;
        // At least one decimal place: the zeros behind the digits serve for it.
        if self.is_zero() || DOUBLE_PLAIN.contains(&exponent) {
            let zeros = (1 - scale).max(0);
            return write_plain(&room[..length + zeros as usize], (scale + zeros) as usize, out);
        }
        write_scientific(&room[..length.max(2)], exponent, out);
    }

    /// Whether it was spelled without an exponent and without superfluous zeros, one behind the point of a whole number
    /// allowed: `127`, `127.0` and `0.00012221`, but neither `127.00`, `1.27E2` nor anything below a millionth.
    #[inline]
    pub fn is_tidy(self) -> bool {
        let (mantissa, scale) = (self.mantissa(), self.scale());
        let last_counts = match i64::try_from(mantissa) {
            Ok(small) => small % 10 != 0,
            Err(_) => mantissa % 10 != 0,
        };
        self.is_without_exponent()
            && (scale <= 1 || last_counts && self.magnitude().is_some_and(|power| power >= SMALLEST_PLAIN))
    }

    #[inline]
    fn is_without_exponent(self) -> bool {
        self.0 & (EXPONENT_FLAG | NEGATIVE_ZERO_FLAG) == 0
    }

    /// Puts the digits without sign at the start of `room`, which is full of zeros otherwise. Their number, and how
    /// many of them are decimal places; negative where zeros are missing behind them.
    fn digits(self, room: &mut [u8; ROOM]) -> (usize, i32) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.mantissa().unsigned_abs()).as_bytes();
        room[..digits.len()].copy_from_slice(digits);
        (digits.len(), self.scale())
    }

    /// The same without zeros at the end; one digit and no places for zero.
    fn significant(self, room: &mut [u8; ROOM]) -> (usize, i32) {
        let (mut length, mut scale) = self.digits(room);
        while length > 1 && room[length - 1] == b'0' {
            (length, scale) = (length - 1, scale - 1);
        }
        (length, if self.is_zero() { 0 } else { scale })
    }

    /// Appends digits of which `scale`, not negative, are decimal places, as `BigDecimal.toString` does.
    fn write_big_decimal(self, digits: &[u8], scale: i32, out: &mut Vec<u8>) {
        if self.is_negative() {
            out.push(b'-');
        }
        let exponent = digits.len() as i32 - 1 - scale;
        if exponent < SMALLEST_PLAIN {
            write_scientific(digits, exponent, out);
        } else {
            write_plain(digits, scale as usize, out);
        }
    }
}

/// One digit, the others behind a point, and the exponent without plus sign or padding.
pub(super) fn write_scientific(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.push(b'E');
    out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Scaled to 8 places, plain, shortest.
    fn all(number: Decimal) -> [String; 3] {
        [
            written(|out| number.write_scaled(8, out)),
            written(|out| number.write_plain(out)),
            written(|out| number.write_shortest(out)),
        ]
    }

    #[test]
    fn a_number_looks_the_same_however_it_came() {
        for (spellings, expected) in [
            (["98765000", "9.8765E7", "98765000.00000000"], ["98765000.00000000", "98765000", "9.8765E7"]),
            (["0.31", "0.31000000", "3.1E-1"], ["0.31000000", "0.31", "0.31"]),
            (["0.0005", "5.0E-4", "0.00050000"], ["0.00050000", "0.0005", "5.0E-4"]),
            (["0.00000099", "9.9E-7", "9.90E-7"], ["9.9E-7", "9.9E-7", "9.9E-7"]),
            (["0.00000006", "6E-8", "6.0E-8"], ["6E-8", "6E-8", "6.0E-8"]),
            (["0.0000009", "9E-7", "0.000000900"], ["9.0E-7", "9E-7", "9.0E-7"]),
            (["0.000001", "1E-6", "0.00000100"], ["0.00000100", "0.000001", "1.0E-6"]),
            (["0", "0.0", "0E-8"], ["0E-8", "0", "0.0"]),
            (["-0.0", "-0E-8", "-0"], ["0E-8", "0", "0.0"]),
            (["127", "127.0", "1.27E2"], ["127.00000000", "127", "127.0"]),
            (["-306", "-306.00", "-3.06E2"], ["-306.00000000", "-306", "-306.0"]),
            (["10000000", "1E7", "10000000.0"], ["10000000.00000000", "10000000", "1.0E7"]),
            (["9999999.5", "9999999.50", "9.9999995E6"], ["9999999.50000000", "9999999.5", "9999999.5"]),
            (["0.001", "0.0010", "1E-3"], ["0.00100000", "0.001", "0.001"]),
            (["0.00099", "9.9E-4", "0.000990"], ["0.00099000", "0.00099", "9.9E-4"]),
        ] {
            for spelling in spellings {
                assert_eq!(all(decimal(spelling)), expected, "{spelling}");
            }
        }
    }

    #[test]
    fn digits_beyond_the_scale_or_a_double_are_all_written() {
        let long = decimal("80031245678.9012300000000012");
        assert_eq!(
            all(long),
            ["80031245678.9012300000000012", "80031245678.9012300000000012", "8.00312456789012300000000012E10"]
        );
        assert_eq!(written(|out| decimal("1.5").write_scaled(16, out)), "1.5000000000000000");
        assert_eq!(written(|out| decimal("2.50000000000000000000").write_scaled(16, out)), "2.5000000000000000");
    }

    #[test]
    fn what_is_tidy_has_neither_exponent_nor_superfluous_zeros() {
        for text in ["127", "127.0", "0", "0.0", "0.00012221", "-41.4", "98765000", "0.000001"] {
            assert!(decimal(text).is_tidy(), "{text}");
        }
        for text in ["127.00", "41.40", "9.8765E7", "0E-8", "0.00000099", "0.00", "-0.0"] {
            assert!(!decimal(text).is_tidy(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_number_it_was(
            mantissa in prop_oneof![-(10_i128.pow(34))..10_i128.pow(34), -(10_i128.pow(9))..10_i128.pow(9)],
            scale in 0_u8..=31,
            places in 0_u8..=31,
        ) {
            let number = Decimal::new(mantissa, scale).unwrap();
            let scaled = written(|out| number.write_scaled(places, out));
            for text in all(number).into_iter().chain([scaled]) {
                // More places than a number can have do not read again.
                if let Ok(read) = Decimal::parse(text.as_bytes()) {
                    prop_assert_eq!(read, number, "{}", text);
                } else {
                    prop_assert!(text.len() > 33, "{}", text);
                }
            }
        }
    }
}
