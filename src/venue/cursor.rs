//! Reading text whose layout is known beforehand, the counterpart of [`json`](crate::venue::json).
//!
//! An exchange writes the members of each message in one order, without spaces. A reader that knows the order need not
//! look for structure: it compares what must stand there, and reads the numbers between. What it takes is JSON, a part
//! of it; whatever is different it leaves to a parser of all of JSON, so it may refuse without saying why.

use crate::market::decimal::Decimal;

/// A place in a text, moving forward. Every method returns `None` where something else stands there; the place is then
/// meaningless, except after [`Cursor::literal`] and [`Cursor::member`], which have not moved.
#[derive(Clone, Copy)]
pub struct Cursor<'t> {
    rest: &'t [u8],
}

impl<'t> Cursor<'t> {
    /// The beginning of a text.
    #[inline]
    pub fn new(text: &'t [u8]) -> Self {
        Cursor { rest: text }
    }

    /// Passes over this text.
    #[inline]
    pub fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text.as_bytes())?;
        Some(())
    }

    /// Passes over a key of one letter with the punctuation around it: `,"p":`, where `before` is the comma.
    #[inline]
    pub fn member(&mut self, before: u8, letter: u8) -> Option<()> {
        let (head, rest) = self.rest.split_first_chunk()?;
        if *head != [before, b'"', letter, b'"', b':'] {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// Whether nothing follows.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The text up to a quotation mark, which stays, of characters that stand for themselves in JSON and in UTF-8.
    #[inline]
    pub fn word(&mut self) -> Option<&'t str> {
        let end = self.rest.iter().position(|&byte| !is_plain(byte))?;
        let (word, rest) = self.rest.split_at(end);
        if rest[0] != b'"' {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(word).ok()
    }

    /// A word in its quotation marks.
    #[inline]
    pub fn quoted(&mut self) -> Option<&'t str> {
        self.literal("\"")?;
        let word = self.word()?;
        self.literal("\"")?;
        Some(word)
    }

    /// A decimal number in quotation marks.
    #[inline]
    pub fn quoted_number(&mut self) -> Option<Decimal> {
        let (b'"', rest) = self.rest.split_first()? else { return None };
        let end = rest.iter().position(|&byte| byte == b'"')?;
        self.rest = &rest[end + 1..];
        Decimal::parse(&rest[..end]).ok()
    }

    /// A decimal number as JSON writes it, up to the comma or bracket behind it.
    #[inline]
    pub fn number(&mut self) -> Option<Decimal> {
        let end = self.rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        Decimal::parse(number).ok()
    }

    /// An integer of at most 18 digits, so that it is far from the end of the range.
    #[inline]
    pub fn int(&mut self) -> Option<i64> {
        const DIGITS_MAX: usize = 18;
        let is_negative = self.literal("-").is_some();
        let (mut value, mut count) = (0_i64, 0);
        for &byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if count == DIGITS_MAX {
                return None;
            }
            value = value * 10 + i64::from(digit);
            count += 1;
        }
        // JSON knows no leading zeros; and what minus zero is, is not for here to say.
        if count == 0 || (self.rest[0] == b'0' && (count > 1 || is_negative)) {
            return None;
        }
        self.rest = &self.rest[count..];
        // A point or an exponent would make it no integer.
        if !matches!(self.rest.first(), Some(b',' | b'}' | b']')) {
            return None;
        }
        Some(if is_negative { -value } else { value })
    }

    /// `true` or `false`.
    #[inline]
    pub fn bool(&mut self) -> Option<bool> {
        if self.literal("true").is_some() {
            return Some(true);
        }
        self.literal("false").map(|()| false)
    }
}

/// Whether a byte is a printable character of ASCII that a JSON string holds as it stands.
#[inline]
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_taken_as_json_writes_them_and_only_then() {
        let int = |text: &str| Cursor::new(text.as_bytes()).int();
        for (text, value) in [("0,", 0), ("-1}", -1), ("1790000000105]", 1_790_000_000_105), ("10,", 10)] {
            assert_eq!(int(text), Some(value), "{text}");
        }
        assert_eq!(int("999999999999999999,"), Some(999_999_999_999_999_999));
        for text in ["", "-", "-,", ",", "01,", "-0,", "1.0,", "1e3,", "1", "+1,", "1 ,", "1000000000000000000,"] {
            assert_eq!(int(text), None, "{text}");
        }
    }

    #[test]
    fn words_hold_nothing_that_json_or_utf_8_would_read_differently() {
        let word = |text: &'static [u8]| Cursor::new(text).quoted();
        assert_eq!(word(b"\"KRW-BTC\"x"), Some("KRW-BTC"));
        assert_eq!(word(b"\"\""), Some(""));
        for text in [&b""[..], b"\"", b"x\"", b"\"ab", b"\"a\\u0062\"", b"\"a\nb\"", b"\"\xc3\xa9\"", b"\"\xff\""] {
            assert_eq!(word(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_passed_over() {
        let mut cursor = Cursor::new(b",\"p\":\"1.50\",\"x\":false}");
        assert_eq!((cursor.member(b',', b'q'), cursor.literal("{")), (None, None));
        assert_eq!(cursor.member(b',', b'p'), Some(()));
        assert_eq!(cursor.quoted_number().unwrap().to_string(), "1.50");
        assert_eq!((cursor.member(b',', b'x'), cursor.bool(), cursor.is_at_end()), (Some(()), Some(false), false));
        assert_eq!((cursor.literal("}"), cursor.is_at_end()), (Some(()), true));
    }
}
