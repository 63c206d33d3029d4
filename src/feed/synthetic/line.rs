//! Writing one line, left to right.

use super::digits;

/// The end of a line that is being written.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Literal text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// A whole number.
    pub(super) fn whole(&mut self, value: i64) -> &mut Self {
        digits::whole(self.out, value);
        self
    }

    /// A member that is not the first: a whole number.
    pub(super) fn number(&mut self, key: &str, value: i64) -> &mut Self {
        self.text(",\"").text(key).text("\":").whole(value)
    }

    /// A member that is not the first: units of 1e-8 with all eight fractional digits, in a string.
    pub(super) fn quoted(&mut self, key: &str, value: i128) -> &mut Self {
        self.text(",\"").text(key).text("\":\"").fixed(value, 8).text("\"")
    }

    /// See [`digits::fixed`].
    pub(super) fn fixed(&mut self, value: i128, scale: usize) -> &mut Self {
        digits::fixed(self.out, value, scale);
        self
    }

    /// See [`digits::plain`].
    pub(super) fn plain(&mut self, value: i128, scale: usize) -> &mut Self {
        digits::plain(self.out, value, scale);
        self
    }

    /// See [`digits::scaled`].
    pub(super) fn scaled(&mut self, value: i128, scale: usize) -> &mut Self {
        digits::scaled(self.out, value, scale);
        self
    }

    /// See [`digits::shortest8`].
    pub(super) fn shortest8(&mut self, value: i64) -> &mut Self {
        digits::shortest8(self.out, value);
        self
    }

    /// The UTC date of a time in milliseconds, with `mark` between its parts.
    pub(super) fn date(&mut self, ms: i64, mark: &str) -> &mut Self {
        let (year, month, day) = civil(ms.div_euclid(DAY_MS));
        digits::padded(self.out, year, 4);
        self.text(mark);
        digits::padded(self.out, month, 2);
        self.text(mark);
        digits::padded(self.out, day, 2);
        self
    }

    /// The UTC time of day of a time in milliseconds, with `mark` between its parts.
    pub(super) fn time(&mut self, ms: i64, mark: &str) -> &mut Self {
        let second = ms.rem_euclid(DAY_MS) as u64 / 1000;
        digits::padded(self.out, second / 3600, 2);
        self.text(mark);
        digits::padded(self.out, second / 60 % 60, 2);
        self.text(mark);
        digits::padded(self.out, second % 60, 2);
        self
    }
}

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Year, month and day of a day counted from 1970-01-01, in the years 0 to 9999.
fn civil(day: i64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last one and the lengths of the months follow one formula.
    let day = (day + 719_468) as u64;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (ms, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399_999, "2000-02-28 23:59:59"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_709_251_199_000, "2024-02-29 23:59:59"),
            (1_773_811_812_345, "2026-03-18 05:30:12"),
        ] {
            let mut out = Vec::new();
            Line::new(&mut out).date(ms, "-").text(" ").time(ms, ":");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
