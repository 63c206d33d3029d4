//! Appending JSON to a buffer: the few shapes that market data has, without a serialiser between.

use crate::market::decimal::Decimal;

/// Appends JSON text to a buffer. Each method writes exactly what its name says; commas and keys are part of the text
/// given to [`Json::text`], so that a payload reads in code as it looks on the wire.
pub struct Json<'a>(pub &'a mut Vec<u8>);

impl Json<'_> {
    /// Writes `text` as it stands.
    #[inline]
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Writes an integer.
    #[inline]
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// Writes an integer with zeros in front, to `width` digits.
    #[inline]
    pub fn padded(&mut self, value: i64, width: usize) -> &mut Self {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value).as_bytes();
        self.0.resize(self.0.len() + width.saturating_sub(digits.len()), b'0');
        self.0.extend_from_slice(digits);
        self
    }

    /// Writes a number as it was spelled.
    #[inline]
    pub fn number(&mut self, value: Decimal) -> &mut Self {
        value.write(self.0);
        self
    }

    /// Writes a number as it was spelled, in quotes.
    #[inline]
    pub fn quoted(&mut self, value: Decimal) -> &mut Self {
        self.0.push(b'"');
        value.write(self.0);
        self.0.push(b'"');
        self
    }

    /// Writes `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.text(if value { "true" } else { "false" })
    }
}
