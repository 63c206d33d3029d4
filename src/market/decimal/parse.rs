//! Reading decimals: eight digits at a time where a text is plain, one by one where it is not.

use super::{Decimal, DecimalError, EXPONENT_FLAG, MANTISSA_MAX, NEGATIVE_ZERO_FLAG, SCALE_MAX, SCALE_MIN};

impl Decimal {
    /// Reads a JSON number, or the same text out of a JSON string: `61837.63000000`, `127.0`, `2.2E-7`, `0E-8`, `-5`.
    ///
    /// The text is kept exactly, except that an exponent is remembered in Java's form (`8.428e-05` reads as
    /// `8.428E-5`, `25E3` as `2.5E4`). Leading zeros and a leading plus sign are malformed, as in JSON.
    ///
    /// # Errors
    /// [`DecimalError`]; never panics, whatever the bytes. Cost: about half a nanosecond a digit, no allocation.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Decimal, DecimalError> {
        // Nearly every number of a feed is plain, and both its parts fit a machine word; everything else takes the
        // general road below.
        Self::parse_plain(text).map_or_else(|| Self::parse_general(text), Ok)
    }

    #[inline]
    fn parse_plain(text: &[u8]) -> Option<Decimal> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (whole, count) = leading_digits(digits);
        if count == 0 || (count > 1 && digits[0] == b'0') {
            return None;
        }
        let (fraction, places) = match &digits[count..] {
            [] => (0, 0),
            [b'.', tail @ ..] => (all_digits(tail)?, tail.len()),
            _ => return None,
        };
        let mantissa = i128::from(whole) * i128::from(POWERS[places]) + i128::from(fraction);
        if mantissa > MANTISSA_MAX || (negative && mantissa == 0) {
            return None;
        }
        Some(Self::pack(if negative { -mantissa } else { mantissa }, places as i32, 0))
    }

    fn parse_general(text: &[u8]) -> Result<Decimal, DecimalError> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let whole = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if whole == 0 || (whole > 1 && digits[0] == b'0') {
            return Err(DecimalError::Malformed);
        }
        let mut rest = &digits[whole..];
        let mut fraction: &[u8] = &[];
        if let [b'.', tail @ ..] = rest {
            let places = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            if places == 0 {
                return Err(DecimalError::Malformed);
            }
            (fraction, rest) = tail.split_at(places);
        }
        let exponent = match rest {
            [] => None,
            [b'e' | b'E', tail @ ..] => Some(parse_exponent(tail)?),
            _ => return Err(DecimalError::Malformed),
        };
        let mut mantissa: i128 = 0;
        for &byte in digits[..whole].iter().chain(fraction) {
            mantissa = mantissa * 10 + i128::from(byte - b'0');
            if mantissa > MANTISSA_MAX {
                return Err(DecimalError::OutOfRange);
            }
        }
        let scale = fraction.len() as i32 - exponent.unwrap_or(0);
        if !(SCALE_MIN..=SCALE_MAX).contains(&scale) {
            return Err(DecimalError::OutOfRange);
        }
        let mut flags = 0;
        if exponent.is_some() {
            flags |= EXPONENT_FLAG;
        }
        if negative && mantissa == 0 {
            flags |= NEGATIVE_ZERO_FLAG;
        }
        Ok(Self::pack(if negative { -mantissa } else { mantissa }, scale, flags))
    }
}

/// Powers of ten that fit a machine word.
pub(super) const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut k = 1;
    while k < 20 {
        powers[k] = powers[k - 1] * 10;
        k += 1;
    }
    powers
};

/// The number that the first digits of a text make, and how many they are: 19 at most, as more may not fit a word.
#[inline]
fn leading_digits(text: &[u8]) -> (u64, usize) {
    let (mut number, mut count) = (0, 0);
    for byte in text.iter().take(19) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number * 10 + u64::from(digit);
        count += 1;
    }
    (number, count)
}

/// The number that a text of 1 to 19 digits makes; `None` for any other text.
#[inline]
fn all_digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let (eights, rest) = text.as_chunks();
    let mut number = 0;
    for eight in eights {
        number = number * 100_000_000 + eight_digits(eight)?;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}

/// The number that eight digits make, all of them read at once; `None` if one of them is no digit.
#[inline]
fn eight_digits(text: &[u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(*text);
    // The upper half of a digit's byte is 3, and it stays 3 when 6 is added to the lower half.
    let upper = word & 0xf0f0_f0f0_f0f0_f0f0;
    let upper_of_sum = word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    if upper != 0x3030_3030_3030_3030 || upper_of_sum != upper {
        return None;
    }
    // Neighbours become one number: digits pairs, pairs fours, fours all eight.
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    Some((fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32)
}

fn parse_exponent(text: &[u8]) -> Result<i32, DecimalError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Malformed);
    }
    let mut value = 0_i32;
    for &byte in digits {
        value = value * 10 + i32::from(byte - b'0');
        if value > 1_000 {
            return Err(DecimalError::OutOfRange);
        }
    }
    Ok(if negative { -value } else { value })
}
