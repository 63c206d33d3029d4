//! Appending JSON to a buffer: the few shapes that market data has, without a serialiser between.

use crate::market::civil::{Date, NS_PER_MS};
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

    /// Writes nanoseconds as whole milliseconds.
    #[inline]
    pub fn millis(&mut self, ns: i64) -> &mut Self {
        self.int(ns.div_euclid(NS_PER_MS))
    }

    /// Writes a date, of a day since the epoch: `2026-03-18`, with another `dash` or none.
    pub fn date(&mut self, day: i32, dash: &str) -> &mut Self {
        let Date { year, month, day } = Date::from_days(day);
        self.padded(year.into(), 4).text(dash).padded(month.into(), 2).text(dash).padded(day.into(), 2)
    }

    /// Writes the time of a second of the day: `05:30:12`, with another `colon` or none.
    pub fn time_of_day(&mut self, second: u32, colon: &str) -> &mut Self {
        self.padded((second / 3_600).into(), 2).text(colon).padded((second / 60 % 60).into(), 2);
        self.text(colon).padded((second % 60).into(), 2)
    }

    /// Writes `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.text(if value { "true" } else { "false" })
    }
}
