//! Calendar arithmetic: between days since the epoch and year, month, day, all in UTC.
//!
//! Exchanges print dates beside their timestamps; that is all the calendar this project needs, so it is two functions
//! and not a dependency.

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: i64 = 1_000_000;
/// Nanoseconds in a second.
pub const NS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a day.
pub const NS_PER_DAY: i64 = 86_400 * NS_PER_SECOND;

/// Korea's time less UTC, in nanoseconds; it has no daylight saving.
pub const KST_NS: i64 = 9 * 3_600 * NS_PER_SECOND;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year, four digits for every time an exchange prints.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Date {
    /// The date `days` after 1970-01-01 (before it where negative).
    pub fn from_days(days: i32) -> Date {
        // Years run from March here, so that the leap day is the last of its year; an era is 400 of them.
        let shifted = i64::from(days) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Date {
            year: (year_of_era + era * 400 + i64::from(month <= 2)) as i32,
            month: month as u8,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
        }
    }

    /// Days from 1970-01-01 to this date; the inverse of [`Date::from_days`].
    pub fn to_days(self) -> i32 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * 146_097 + day_of_era - 719_468) as i32
    }

    /// Reads `yyyy-MM-dd`; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Date> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_i32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i32::from(b - b'0')))
        };
        let date = Date {
            year: number(&[*y1, *y2, *y3, *y4])?,
            month: number(&[*m1, *m2])? as u8,
            day: number(&[*d1, *d2])? as u8,
        };
        (Date::from_days(date.to_days()) == date).then_some(date)
    }
}

/// Days since the epoch and seconds of that day, for a time in nanoseconds.
pub fn day_and_second(ns: i64) -> (i32, u32) {
    let days = ns.div_euclid(NS_PER_DAY);
    (days as i32, (ns.rem_euclid(NS_PER_DAY) / NS_PER_SECOND) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_have_their_dates() {
        for (days, year, month, day) in
            [(0, 1970, 1, 1), (-1, 1969, 12, 31), (11_016, 2000, 2, 29), (18_722, 2021, 4, 5), (20_777, 2026, 11, 20)]
        {
            assert_eq!(Date::from_days(days), Date { year, month, day });
        }
    }

    #[test]
    fn every_day_of_five_centuries_round_trips() {
        for days in -60_000..120_000 {
            assert_eq!(Date::from_days(days).to_days(), days);
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        assert_eq!(Date::parse(b"2024-02-29"), Some(Date { year: 2024, month: 2, day: 29 }));
        for text in ["2023-02-29", "2023-13-01", "2023-00-10", "2023-1-01", "20230101", "2023-01-0x"] {
            assert_eq!(Date::parse(text.as_bytes()), None, "{text}");
        }
    }
}
