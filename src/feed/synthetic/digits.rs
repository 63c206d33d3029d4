//! Writing numbers: the exchanges' spellings of exact decimals.
//!
//! Values are integers in units of a power of ten; nothing here rounds.

/// A whole number.
pub(super) fn whole(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A decimal with exactly `scale` fractional digits: 35210000 at scale 8 is `0.35210000`. Scale at least 1.
pub(super) fn fixed(out: &mut Vec<u8>, value: i128, scale: usize) {
    if value < 0 {
        out.push(b'-');
    }
    let value = value.unsigned_abs();
    let unit = 10_u128.pow(scale as u32);
    if let Ok(small) = u64::try_from(value)
        && scale < 20
    {
        let unit = unit as u64;
        out.extend_from_slice(itoa::Buffer::new().format(small / unit).as_bytes());
        out.push(b'.');
        padded(out, small % unit, scale);
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(value / unit).as_bytes());
        out.push(b'.');
        padded(out, (value % unit) as u64, scale);
    }
}

/// A decimal without an exponent and without zeros at its end: `98765000`, `87173.34`.
pub(super) fn plain(out: &mut Vec<u8>, value: i128, scale: usize) {
    fixed(out, value, scale);
    while out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}

/// A decimal of fixed scale as Java's `BigDecimal` prints it: `43.20000000`, but `9.9E-7` below a millionth, and `0E-8` for zero.
pub(super) fn scaled(out: &mut Vec<u8>, value: i128, scale: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    let exponent = digits.len() as i64 - 1 - scale as i64;
    if exponent >= -6 {
        return fixed(out, value, scale);
    }
    if value < 0 {
        out.push(b'-');
    }
    scientific(out, digits, exponent);
}

/// A count of 1e-8 as Java prints the double nearest to it: `0.31`, `30.0`, `7.772E-4`, `1.2345E7`.
///
/// Exact for up to 15 digits, which is as far as a double and its shortest decimal agree.
pub(super) fn shortest8(out: &mut Vec<u8>, value: i64) {
    if value == 0 || (100_000..1_000_000_000_000_000).contains(&value) {
        let start = out.len();
        plain(out, i128::from(value), 8);
        if !out[start..].contains(&b'.') {
            out.extend_from_slice(b".0");
        }
        return;
    }
    let mut buffer = itoa::Buffer::new();
    let all = buffer.format(value).as_bytes();
    let mut digits = all;
    while let [head @ .., b'0'] = digits
        && !head.is_empty()
    {
        digits = head;
    }
    let start = out.len();
    scientific(out, digits, all.len() as i64 - 9);
    if digits.len() == 1 {
        out.splice(start + 1..start + 1, *b".0");
    }
}

/// A whole number with zeros in front, `width` digits wide.
pub(super) fn padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = value;
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// One digit, the others after a point, and the exponent.
fn scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i64) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.push(b'E');
    whole(out, exponent);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_written_as_the_exchanges_write_them() {
        assert_eq!(written(|o| fixed(o, 35_210_000, 8)), "0.35210000");
        assert_eq!(written(|o| fixed(o, -31_000_000_000, 8)), "-310.00000000");
        assert_eq!(written(|o| fixed(o, 500_000_000_000_000_000_001, 8)), "5000000000000.00000001");
        assert_eq!(written(|o| fixed(o, -472, 3)), "-0.472");
        assert_eq!(written(|o| plain(o, 9_876_500_000_000_000, 8)), "98765000");
        assert_eq!(written(|o| plain(o, 8_717_334_000_000, 8)), "87173.34");
        assert_eq!(written(|o| plain(o, 0, 8)), "0");
        assert_eq!(written(|o| scaled(o, 4_320_000_000, 8)), "43.20000000");
        assert_eq!(written(|o| scaled(o, 0, 8)), "0E-8");
        assert_eq!(written(|o| scaled(o, 6, 8)), "6E-8");
        assert_eq!(written(|o| scaled(o, -99, 8)), "-9.9E-7");
        assert_eq!(written(|o| scaled(o, 100, 8)), "0.00000100");
        assert_eq!(written(|o| shortest8(o, 77_720)), "7.772E-4");
        assert_eq!(written(|o| shortest8(o, 50_000)), "5.0E-4");
        assert_eq!(written(|o| shortest8(o, 31_000_000)), "0.31");
        assert_eq!(written(|o| shortest8(o, 3_000_000_000)), "30.0");
        assert_eq!(written(|o| shortest8(o, 1)), "1.0E-8");
        assert_eq!(written(|o| shortest8(o, 0)), "0.0");
        assert_eq!(written(|o| shortest8(o, 1_000_000_000_000_000)), "1.0E7");
        assert_eq!(written(|o| shortest8(o, 1_234_500_000_000_000)), "1.2345E7");
        assert_eq!(written(|o| padded(o, 7, 2)), "07");
    }
}
